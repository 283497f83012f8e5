"""Framing: a digit is cropped to its ink and placed as in MNIST, whatever surrounds it."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import digitsmith
from digitsmith.data import formats
from digitsmith.data.images.even_light import even_light
from digitsmith.data.images.framing import INK, SIDE, frame
from digitsmith.data.reading import Reading
from digitsmith.data.sources import load_dataset
from digitsmith.records.base import ReadOptions

DIGITS = digitsmith.load_dataset("digits", "test", progress=False).images[:60]
FRAMED = np.stack([frame(image, "mnist") for image in DIGITS])


def box(image: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def enlarged(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def noisy(image: np.ndarray, paper: int, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(paper, deviation, image.shape)
    return np.clip(image * (1 - paper / 255) + noise, 0, 255).astype(np.uint8)


def lit(image: np.ndarray) -> np.ndarray:
    """Paper that runs from black to middle grey, from corner to corner."""
    side = np.linspace(0, 60, len(image))
    return (image * 0.5 + side[:, None] + side).astype(np.uint8)


def jpeg(image: np.ndarray) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=40)
    return np.asarray(Image.open(content))


def specked(image: np.ndarray) -> np.ndarray:
    image = image.copy()
    image[1, 1] = image[-2, 3] = image[4, -1] = 255
    return image


class TestMnist:
    def test_the_longer_side_is_20_of_28_and_the_mass_is_in_the_middle(self) -> None:
        for image in FRAMED:
            top, bottom, left, right = box(image)
            assert max(bottom - top, right - left) in (INK - 1, INK)
            rows = image.sum(1, dtype=float) @ (np.arange(SIDE) + 0.5) / image.sum()
            assert 13.9 < rows < 15.1
            assert image.max() >= 240

    def test_framing_twice_changes_nothing(self) -> None:
        assert all((frame(image, "mnist") == image).all() for image in FRAMED)

    @given(st.integers(0, len(DIGITS) - 1), st.integers(29, 300), st.integers(0, 60), st.integers(0, 8))
    @settings(max_examples=40, deadline=None)
    def test_whatever_is_framed_is_framed(self, which, side, paper, deviation) -> None:
        once = frame(noisy(enlarged(DIGITS[which], side), paper, deviation), "mnist")
        top, bottom, left, right = box(once)
        assert max(bottom - top, right - left) <= INK
        again = frame(once, "mnist")
        assert np.abs(again.astype(int) - once).mean() < 1

    @pytest.mark.parametrize(
        ("name", "change", "most"),
        [
            ("pale", lambda image: (image * 0.3).astype(np.uint8), 2),
            ("grey paper", lambda image: noisy(image, 60, 0), 2),
            ("noise", lambda image: noisy(image, 40, 8), 13),
            ("specks", specked, 2),
            ("a larger page", lambda image: np.pad(image, ((3, 40), (25, 7))), 2),
            ("large", lambda image: enlarged(image, 300), 11),
            ("large, JPEG", lambda image: jpeg(enlarged(image, 300)), 11),
            ("large with noise", lambda image: noisy(enlarged(image, 300), 50, 12), 12),
            ("large, lit from one side", lambda image: lit(enlarged(image, 300)), 11),
            ("large with specks", lambda image: specked(enlarged(image, 300)), 11),
        ],
    )
    def test_what_surrounds_the_ink_does_not_matter(self, name, change, most) -> None:
        del name
        for image in FRAMED[:20]:
            assert np.abs(frame(change(image), "mnist").astype(int) - image).mean() < most

    def test_other_sizes_have_the_same_shares(self) -> None:
        top, bottom, left, right = box(frame(DIGITS[0], "mnist", (56, 56)))
        assert max(bottom - top, right - left) in (39, 40)


class TestTight:
    def test_the_ink_fills_the_longer_side(self) -> None:
        for image in DIGITS:
            framed = frame(image, "tight")
            top, bottom, left, right = box(framed)
            assert max(bottom - top, right - left) >= SIDE - 1
            assert abs((left + right) - SIDE) <= 2
            assert (frame(framed, "tight") == framed).all()


class TestLight:
    def test_even_paper_is_left_as_it_is(self) -> None:
        for image in (noisy(enlarged(DIGITS[0], 300), 50, 3), DIGITS[0], frame(enlarged(DIGITS[1], 99), "tight")):
            assert even_light(image) is image

    def test_paper_becomes_even_and_ink_stays(self) -> None:
        image = enlarged(FRAMED[0], 300)
        assert np.abs(even_light(lit(image)).astype(int) - (image * 0.5 + 60)).mean() < 2

    def test_a_photo_in_colour_is_framed_like_its_digit(self, tmp_path) -> None:
        photos = []
        for image in FRAMED[:10]:
            paper = 250 - lit(np.zeros((120, 120), np.uint8)).astype(float)
            ink = enlarged(image, 120) / 255
            photos.append(
                np.stack([paper * (1 - ink), paper * 0.95 * (1 - ink), paper * 0.8 * (1 - ink) + 90 * ink], 2)
            )
        np.savez(tmp_path / "train.npz", images=np.stack(photos).astype(np.uint8))
        framed = load_dataset(tmp_path, frame="mnist", progress=False).images
        assert np.abs(framed.astype(int) - FRAMED[:10]).mean() < 12


class TestBlank:
    @pytest.mark.parametrize("side", [8, 28, 300])
    @pytest.mark.parametrize("deviation", [0, 3, 8, 15, 25])
    def test_paper_without_ink_becomes_empty(self, side, deviation) -> None:
        blank = noisy(np.zeros((side, side), np.uint8), 60, deviation)
        assert not frame(blank, "mnist").any()

    def test_dust_is_no_ink(self) -> None:
        assert not frame(specked(np.zeros((200, 200), np.uint8)), "mnist").any()

    def test_they_are_counted(self, tmp_path) -> None:
        np.savez(tmp_path / "train.npz", images=np.concatenate([DIGITS, np.zeros((2, 28, 28), np.uint8)]))
        reading = Reading(ReadOptions(frame="mnist"))
        formats.read(tmp_path, "train", reading)
        assert any("2 of 62 images hold no ink" in note for note in reading.notes)
