"""Arrays of images as people keep them: which axis is what, what the numbers mean, and what is refused."""

import numpy as np
import pytest

from digitsmith.data.arrays import find_layout, to_images
from digitsmith.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (30, 8, 9), dtype=np.uint8)
SQUARE = np.random.default_rng(1).integers(0, 256, (30, 16, 16), dtype=np.uint8)
COLOUR = np.random.default_rng(2).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)


def converted(array, **options):
    """Images, and the notes."""
    notes: list[str] = []
    layout = find_layout(array.shape, "x", **options)
    return to_images(array, layout, "x", notes.append, exact="exact" in options), notes


def quiet(array, **options):
    images, notes = converted(array, **options)
    assert notes == []
    return images


class TestShapes:
    @pytest.mark.parametrize(
        ("array", "images"),
        [
            (GREY, GREY),
            (GREY[..., None], GREY),
            (GREY[:, None], GREY),
            (np.asfortranarray(GREY), GREY),
            (COLOUR, COLOUR),
            (COLOUR.transpose(0, 3, 1, 2), COLOUR),
            (COLOUR.transpose(1, 2, 3, 0), COLOUR),
            (SQUARE.transpose(1, 2, 0)[:, :, None], SQUARE),
            (COLOUR[:1], COLOUR[:1]),
        ],
    )
    def test_that_are_certain_need_no_word(self, array, images) -> None:
        assert np.array_equal(quiet(array), images)

    @pytest.mark.parametrize("flat", [SQUARE.reshape(30, -1), SQUARE.reshape(30, 1, -1), SQUARE.reshape(30, -1, 1)])
    def test_rows_of_pixels_are_square_images_and_this_is_said(self, flat) -> None:
        images, notes = converted(flat)
        assert np.array_equal(images, SQUARE)
        assert notes == ["x: 256 numbers are taken for an image of 16x16, one row of it after the other."]

    def test_the_number_of_labels_tells_columns_from_rows(self) -> None:
        assert find_layout((784, 10_000), "x", 10_000).shape == (10_000, 28, 28)
        assert find_layout((784, 10_000), "x", 784).shape == (784, 100, 100)
        assert find_layout((784, 10_000), "x").shape == (784, 100, 100)
        assert find_layout((256, 7291), "x", reverse=True).shape == (7291, 16, 16)
        with pytest.raises(DataError, match="784x10000, of which axis is what is not certain"):
            find_layout((784, 10_000), "x", reverse=True)

    def test_the_image_may_be_last_and_this_is_said(self) -> None:
        images, notes = converted(SQUARE.transpose(1, 2, 0), count=30)
        assert np.array_equal(images, SQUARE)
        assert "its last axis is taken for the number of the image, 30 in all" in notes[0]
        assert find_layout((28, 28, 60_000), "x").shape == (60_000, 28, 28)
        assert find_layout((28, 28, 28), "x").axes == (0, 1, 2)
        assert find_layout((28, 28, 28), "x", reverse=True).axes == (2, 0, 1)

    @pytest.mark.parametrize(
        ("shape", "count", "message"),
        [
            ((20, 20, 16), None, "not certain"),
            ((64, 64), None, "not certain"),
            ((64, 64), 64, "not certain"),
            ((30, 3072), None, "where its colours are is not certain"),
            ((30, 700), None, "none of images"),
            ((30,), None, "none of images"),
            ((30, 8, 9, 4), None, "none of images"),
            ((2, 2, 8, 9, 3), None, "none of images"),
            ((), None, "none of images"),
        ],
    )
    def test_that_are_not_certain_are_refused_with_the_mend(self, shape, count, message) -> None:
        with pytest.raises(DataError, match=message) as caught:
            find_layout(shape, "x", count)
        assert r"save them as [n, h, w], or [n, h, w, 3] for colour" in str(caught.value)

    def test_labels_of_another_number_are_refused(self) -> None:
        with pytest.raises(DataError, match="30x8x9, but there are 31 labels"):
            find_layout((30, 8, 9), "x", 31)

    def test_one_image_in_colour_is_not_three_grey_ones(self) -> None:
        assert find_layout((28, 28, 3), "x").shape == (28, 28, 3)  # a size that is refused later


class TestLevels:
    @pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint64, np.dtype(">i4"), np.float32, np.float64])
    def test_from_0_to_255_are_what_they_are(self, kind) -> None:
        assert np.array_equal(quiet(GREY.astype(kind)), GREY)

    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
    @pytest.mark.parametrize(("scale", "offset", "said"), [(255, 0, "from 0 to 1"), (127.5, -1, "from -1 to 1")])
    def test_floats_of_a_known_range_come_back_and_it_is_said(self, kind, scale, offset, said) -> None:
        images, notes = converted((GREY / scale + offset).astype(kind))
        assert np.abs(images.astype(int) - GREY).max() <= (kind is np.float16)
        assert notes == [f"x: floats {said} become levels from 0 to 255."]

    def test_the_range_is_that_of_all_images_not_of_the_first(self, monkeypatch) -> None:
        monkeypatch.setattr("digitsmith.data.arrays._BLOCK", 8 * 9 * 8 * 4)
        values = GREY / 255
        values[:10] = 0
        assert np.array_equal(converted(values)[0][10:], GREY[10:])
        values[29] = 77.5
        assert converted(values)[0].max() == 78

    @pytest.mark.parametrize(("top", "kinds"), [(1, "?Bqf"), (7, "Bd"), (15, "Bq"), (16, "Bd"), (63, "Bf")])
    def test_whole_numbers_of_few_bits_are_stretched_and_it_is_said(self, top, kinds) -> None:
        levels = np.clip(GREY // (255 // top), 0, top)
        for kind in kinds:
            images, notes = converted(levels.astype(kind))
            assert np.array_equal(images, np.rint(levels * (255 / top)))
            assert notes == [f"x: its numbers run from 0 to {top}; 0 to {top} is stretched to levels from 0 to 255."]

    def test_one_that_is_missing_at_the_top_changes_nothing(self) -> None:
        assert np.array_equal(converted(np.minimum(GREY // 16, 13))[0], np.minimum(GREY // 16, 13) * 17)

    def test_levels_of_which_half_are_not_used_are_said(self) -> None:
        images, notes = converted(GREY // 255 * 100)
        assert images.max() == 100
        assert notes == ["x: no number is above 100; they are taken for levels from 0 to 255, as they are."]

    def test_exact_bytes_stay(self) -> None:
        assert quiet(GREY // 255, exact=True).max() == 1
        assert quiet(np.zeros((20, 20, 16), np.uint8), exact=True).shape == (20, 20, 16)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda a: a.astype(int) - 1, "from -1 to 254: those of images run from 0 to 255"),
            (lambda a: a.astype(np.uint16) * 257, "from 0 to 65535"),
            (lambda a: a / 255 - 0.1, "from 0 to 1, from -1 to 1 or from 0 to 255"),
            (lambda a: (a / 255 - 0.13) / 0.31, "from -0.41"),
            (lambda a: a * np.nan, "NaN or infinite"),
            (lambda a: np.where(a == 7, np.inf, a), "NaN or infinite"),
            (lambda a: a / 40, "from 0 to 6.375"),
        ],
    )
    def test_of_no_known_range_are_refused(self, change, message) -> None:
        with pytest.raises(DataError, match=message):
            converted(change(GREY))
