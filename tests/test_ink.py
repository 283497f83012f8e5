"""Ink and paper: dark ink is recognised for a whole data set, and mixed sets are refused."""

import numpy as np
import pytest
from PIL import Image

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Header
from digitsmith.data.images.ink import settle_ink
from digitsmith.data.reading import Reading
from digitsmith.data.sources import load_dataset
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions
from digitsmith.records.dataset import GenerationRecord

DIGITS = digitsmith.load_dataset("digits", progress=False)
BRIGHT = DIGITS.images[:400]
DARK = 255 - BRIGHT
INVERTED = "it: dark ink on bright paper; images were inverted."


def settled(images, **options) -> tuple[np.ndarray, Reading]:
    reading = Reading(ReadOptions(**options))
    return settle_ink(images, reading, "it"), reading


class TestRecognition:
    def test_dark_ink_is_inverted_and_that_is_said(self) -> None:
        images, reading = settled(DARK)
        assert np.array_equal(images, BRIGHT)
        assert reading.notes == [INVERTED]
        assert reading.ink == "dark"

    def test_bright_ink_is_left_without_a_word(self) -> None:
        images, reading = settled(BRIGHT)
        assert images is BRIGHT
        assert not reading.notes
        assert reading.ink == "bright"

    def test_images_of_many_sizes(self) -> None:
        many = [np.asarray(Image.fromarray(image).resize((20 + i % 3, 30))) for i, image in enumerate(DARK)]
        images, reading = settled(many)
        assert all((now == 255 - before).all() for now, before in zip(images, many, strict=True))
        assert reading.notes == [INVERTED]

    def test_photos_in_uneven_light(self) -> None:
        light = np.linspace(0, 90, 84)
        photos = [
            (np.asarray(Image.fromarray(image).resize((84, 84))) * 0.6 + light).astype(np.uint8) for image in DARK
        ]
        _, reading = settled(photos)
        assert reading.notes == [INVERTED]

    def test_blank_and_noisy_images_have_no_vote(self) -> None:
        noise = np.random.default_rng(0).integers(100, 200, (300, 28, 28)).astype(np.uint8)
        blank = np.full((300, 28, 28), 250, np.uint8)
        _, reading = settled(np.concatenate([noise, blank, DARK]))
        assert reading.notes == [INVERTED]

    def test_nearly_black_images_are_said(self) -> None:
        _, reading = settled(np.concatenate([BRIGHT[:100] // 16, BRIGHT[:20]]))
        assert reading.notes == [
            "it: 100 of 120 images are empty, or nearly so: their levels, of 0 to 255, differ by less than 48."
        ]

    def test_grey_images_among_which_one_has_a_colour_are_said(self) -> None:
        red = np.repeat(DARK[0][..., None], 3, axis=2)
        red[0, 0] = 255, 0, 0
        _, reading = settled([*DARK[1:40], red])
        assert "1 of 40 images are in colour; all were taken for colour images" in reading.notes[0]

    @pytest.mark.parametrize("count", [5, 300])
    def test_what_cannot_be_told_is_left_and_said(self, count) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (count, 28, 28)).astype(np.uint8)
        images, reading = settled(noise)
        assert images is noise
        assert "cannot be told" in reading.notes[0]

    @pytest.mark.parametrize("dark", [4, 40, 200, 360])
    def test_mixed_sets_are_refused_with_the_counts(self, dark) -> None:
        mixed = np.concatenate([DARK[:dark], BRIGHT[dark:]])
        with pytest.raises(DataError, match=r"it has \d+ images of dark ink .* and \d+ of bright ink") as caught:
            settled(mixed)
        assert caught.value.parameter == "ink"

    def test_a_stray_image_among_many_is_said(self) -> None:
        mixed = np.concatenate([DARK[:1], BRIGHT[1:]])
        images, reading = settled(mixed)
        assert images is mixed
        assert "1 images of dark ink" in reading.notes[0]

    @pytest.mark.parametrize("ink", ["dark", "bright"])
    def test_the_user_decides(self, ink) -> None:
        mixed = np.concatenate([DARK[:200], BRIGHT[200:]])
        images, reading = settled(mixed, ink=ink)
        assert np.array_equal(images, 255 - mixed if ink == "dark" else mixed)
        assert reading.ink == ink
        assert not reading.notes


class TestSources:
    @pytest.mark.parametrize("format", ["npz", "idx", "png", "parquet", "webdataset"])
    def test_files_of_every_format(self, tmp_path, format) -> None:
        formats.write(Dataset(DARK[:50]), tmp_path / "made", format)
        assert np.array_equal(load_dataset(tmp_path / "made", progress=False).images, BRIGHT[:50])

    def test_what_a_model_made_is_known(self, tmp_path) -> None:
        made = GenerationRecord(model="m", model_sha256="a" * 64, trained_on="digits", seed=0, count=50)
        header = Header(50, (28, 28), generated=made)
        writer = formats.format_module("npz").Writer(tmp_path, header)
        writer.write(DARK[:50], None)
        writer.close()
        assert np.array_equal(load_dataset(tmp_path, progress=False).images, DARK[:50])

    def test_named_data_sets_are_known_and_can_be_inverted(self) -> None:
        assert np.array_equal(load_dataset("digits", ink="dark", progress=False).images, 255 - DIGITS.images)

    def test_colours_stay_but_where_they_are_framed(self, tmp_path) -> None:
        colour = np.stack([DARK[:20], DARK[:20], np.full_like(DARK[:20], 255)], axis=3)
        np.savez(tmp_path / "train.npz", images=colour)
        assert np.array_equal(load_dataset(tmp_path, progress=False).images, colour)
        reading = Reading(ReadOptions(frame="mnist"))
        framed = formats.read(tmp_path, "train", reading).images
        assert framed.shape == (20, 28, 28)
        assert framed[:, 0].max() == 0
        assert framed.max((1, 2)).min() > 200
        assert any("20 images in colour became grey" in note for note in reading.notes)
