"""The digit-net sees colour as bright ink on dark paper."""

import numpy as np
import pytest

import digitsmith
from conftest import Told
from digitsmith.data.images.ink import to_ink
from digitsmith.models.digitnet import digit_net, usual_scale


def coloured(images: np.ndarray, seed: int, least: float = 60.0) -> np.ndarray:
    """Each image in an ink and on a paper of its own, of different colours: uint8[n, h, w, 3]."""
    random = np.random.default_rng(seed)
    ink, paper = random.uniform(0, 255, (2, len(images), 3))
    while (close := np.linalg.norm(ink - paper, axis=1) < least).any():
        ink[close] = random.uniform(0, 255, (close.sum(), 3))
    share = images[..., None] / 255
    return np.rint(ink[:, None, None] * share + paper[:, None, None] * (1 - share)).astype(np.uint8)


def test_coloured_digits_are_recognised_as_well_as_grey_ones() -> None:
    labels = np.arange(500) % 10
    images = digitsmith.load().sample(labels, seed=2)
    colour = coloured(images, 0)
    assert (digit_net().predict(colour).digits == labels).mean() > 0.97
    noisy = colour + np.random.default_rng(1).normal(0, 6, colour.shape)
    assert (digit_net().predict(noisy.clip(0, 255).astype(np.uint8)).digits == labels).mean() > 0.95
    assert usual_scale(colour) == usual_scale(images) == 1.0
    half = digitsmith.Dataset(colour).resize((14, 14)).images
    assert usual_scale(half) == pytest.approx(2, rel=0.15)
    small = np.pad(half, ((0, 0), (7, 7), (7, 7), (0, 0)), mode="edge")
    assert usual_scale(np.concatenate([small[:260], colour])) == 1.0  # of all images, not of the first ones


def test_ink_is_as_bright_as_it_is_far_from_the_colour_of_the_border() -> None:
    image = np.full((1, 20, 20, 3), (200, 180, 40), np.uint8)
    image[0, 5:15, 5:15] = (20, 30, 160)
    image[0, 8:12, 8:12] = (110, 105, 100)  # half way
    image[0, 0, 3] = (0, 0, 0)  # a speck at the border
    ink = to_ink(image)
    assert ink.dtype == np.uint8
    assert (ink[0, 6, 6], ink[0, 1, 1]) == (255, 0)
    assert ink[0, 10, 10] == pytest.approx(128, abs=1)
    grey = np.zeros((1, 8, 8), np.uint8)
    assert to_ink(grey) is grey


def test_an_empty_sheet_stays_empty_whatever_its_noise() -> None:
    paper = np.full((3, 28, 28, 3), 230)
    assert to_ink(paper.astype(np.uint8)).max() == 0
    noisy = paper + np.random.default_rng(0).integers(-3, 4, paper.shape)
    assert to_ink(noisy.astype(np.uint8)).max() < 40


def test_progress_counts_images(digits: digitsmith.Dataset) -> None:
    told = Told()
    digit_net().predict(digits.images[:600], progress=told, work="reading")
    assert told.updates == [("reading", 250, 600), ("reading", 500, 600), ("reading", 600, 600)]
