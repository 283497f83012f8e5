"""Wear: what paper and scanners do to writing. Nothing here moves ink, so that boxes stay where they are."""

import functools
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from digitsmith.config.style import Wear

Image = NDArray[np.float32]
"""float32[h, w] or float32[h, w, 3], levels from 0 to 255."""

Level = TypeVar("Level", bound=np.generic)

_TILE = (512, 1024)
_DARKER = 30.0  # levels between ink and what is around it, at least
_HIGH = 64  # pixels of the images for which blur is given


@functools.cache
def grain(smooth: bool = False) -> NDArray[np.float32]:
    """Noise to cut pieces from, always the same: float32[512, 1024], N(0, 1); smooth, of a grain of some pixels."""
    noise = np.random.Generator(np.random.Philox(key=[smooth, 0])).standard_normal(_TILE, dtype=np.float32)
    if smooth:
        noise = np.asarray(cv2.GaussianBlur(np.pad(noise, 8, mode="wrap"), (0, 0), 1.5), np.float32)[8:-8, 8:-8]
        noise /= noise.std()
    return noise


def piece(noise: NDArray[Level], shape: tuple[int, ...], random: np.random.Generator) -> NDArray[Level]:
    """A piece of noise from anywhere, of `shape`; it goes on at the other side where it ends."""
    down, across = random.random(2).tolist()
    y, x = int(down * noise.shape[0]), int(across * noise.shape[1])
    if y + shape[0] <= noise.shape[0] and x + shape[1] <= noise.shape[1]:
        return noise[y : y + shape[0], x : x + shape[1]]
    rows, columns = (y + np.arange(shape[0])) % noise.shape[0], (x + np.arange(shape[1])) % noise.shape[1]
    wrapped: NDArray[Level] = noise[rows[:, None], columns]
    return wrapped


def shade(image: Image, most: float, random: np.random.Generator) -> Image:
    """Uneven light: less of it towards one side, and a soft shadow; up to `most` of it is missing."""
    amount, angle, bend = random.random() * most, random.uniform(0, 2 * np.pi), random.uniform(-0.5, 0.5)
    h, w = image.shape[:2]
    y, x = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, w, dtype=np.float32)[None]
    slope = x * np.float32(np.cos(angle)) + y * np.float32(0.3 * np.sin(angle)) + np.float32(bend) * (x * x - 0.5)
    low, high = slope.min(), slope.max()
    light = 1 - np.float32(amount) * (slope - low) / max(high - low, 1e-6)
    return np.asarray(image * (light if image.ndim == 2 else light[..., None]), np.float32)


def blur(image: Image, most: float, random: np.random.Generator) -> Image:
    """Blur, as by a scanner that is out of focus."""
    sigma = random.random() * most * image.shape[0] / _HIGH
    return image if sigma < 0.2 else np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def scan(image: Image, wear: Wear, random: np.random.Generator) -> NDArray[np.uint8]:
    """What a scanner makes of an image: blur, noise, levels, compression, or black and white; uint8 of its shape."""
    if wear.blur:
        image = blur(image, wear.blur, random)
    if wear.noise:
        amount = np.float32(random.random() * wear.noise)
        noise = piece(grain(), image.shape[:2], random) * amount
        image = image + (noise if image.ndim == 2 else noise[..., None])
    levels: NDArray[np.uint8] = np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
    if wear.jpeg:
        levels = compressed(levels, 100 - round(random.random() * wear.jpeg))
    if wear.threshold and random.random() < wear.threshold:
        levels = black_and_white(levels)
    return levels


def compressed(levels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The same after it was a JPEG of that quality."""
    if quality >= 100:
        return levels
    grey = levels.ndim == 2
    _, content = cv2.imencode(".jpg", levels if grey else levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    assert again is not None
    return np.asarray(again if grey else np.ascontiguousarray(again[..., ::-1]), np.uint8)


def black_and_white(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Black and white only: black is what is darker than what is around it, as programs for uneven light have it."""
    grey = levels if levels.ndim == 2 else cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)
    around = 2 * (len(levels) // 2) + 1
    divided = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, around, _DARKER)
    return np.asarray(divided if levels.ndim == 2 else cv2.cvtColor(divided, cv2.COLOR_GRAY2RGB), np.uint8)
