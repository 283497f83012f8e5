"""A writer, not a ransom note: what a style measures, and that the digits of a number share one."""

import cv2
import numpy as np
import pytest

from digitsmith.config.style import Style
from digitsmith.data.dataset import Dataset
from digitsmith.numbers.compose import compose_many
from digitsmith.numbers.hand import NEAR, SLANT, STROKE, WIDTH, hand, measure, nearest
from digitsmith.numbers.sources import FromDataset


def a_bar(width: float, lean: float = 0.0, tall: int = 60) -> np.ndarray:
    """A bar of 60 x width pixels that leans to the right, uint8[100, 100]."""
    canvas = np.zeros((100, 100), np.uint8)
    canvas[20 : 20 + tall, 40:60] = 255
    scaled = cv2.warpAffine(canvas, np.array([[width / 20, 0, 50 - 2.5 * width], [0, 1, 0]]), (100, 100))
    return cv2.warpAffine(scaled, np.array([[1, -lean, lean * 50], [0, 1, 0]]), (100, 100))


@pytest.mark.parametrize("width", [3.0, 6.0, 9.0])
def test_strokes_are_as_wide_as_they_are(width: float) -> None:
    assert measure(a_bar(width)[None])[0, STROKE] == pytest.approx(width * 60 / (60 + width), rel=0.08)


@pytest.mark.parametrize("lean", [-0.3, 0.0, 0.2, 0.4])
def test_slants_are_what_ink_is_sheared_by(lean: float) -> None:
    found = measure(a_bar(5.0, lean)[None])[0]
    assert found[SLANT] == pytest.approx(lean, abs=0.01)
    assert found[WIDTH] == pytest.approx(measure(a_bar(5.0)[None])[0, WIDTH], abs=0.01)


def test_widths_do_not_depend_on_size() -> None:
    low, tall = (measure(a_bar(width, tall=height)[None])[0, WIDTH] for width, height in ((6.0, 30), (12.0, 60)))
    assert low == pytest.approx(tall, rel=0.02)
    assert low == pytest.approx(0.2, rel=0.05)


def test_an_image_is_measured_alike_alone_and_with_others(digits: Dataset) -> None:
    np.testing.assert_allclose(measure(digits.images[:50])[17], measure(digits.images[17:18])[0], rtol=1e-5)


def test_hands_depend_on_the_seed_and_the_writer() -> None:
    assert hand(1, 5, 10).style.tolist() == hand(1, 5, 10).style.tolist()
    assert hand(1, 5, 10).style.tolist() != hand(1, 6, 10).style.tolist()
    assert hand(1, 5, 10).style.tolist() != hand(2, 5, 10).style.tolist()
    every = np.stack([hand(0, writer, 10).style for writer in range(2000)])
    np.testing.assert_allclose(every.std(0), 0.9, atol=0.06)
    np.testing.assert_allclose(every.mean(0), 0, atol=0.06)


def test_the_nearest_are_those_that_a_full_search_finds() -> None:
    random = np.random.default_rng(0)
    there, wanted = random.integers(-99, 99, (50, 6)).astype(float), random.integers(-99, 99, (9, 6)).astype(float)
    found = np.sort(nearest(wanted, there), axis=1)
    away = ((wanted[:, None] - there) ** 2).sum(2)
    np.testing.assert_array_equal(found, np.sort(np.argsort(away, axis=1)[:, :NEAR], axis=1))
    assert nearest(wanted, there[:3]).tolist() == [[0, 1, 2]] * 9


def styles_in(texts: list[str], source: FromDataset, seed: int) -> np.ndarray:
    """Styles of the digits of numbers that are set apart: float64[n, 3]."""
    style, found = Style(wear="off", touching=0, spacing=0.6, spacing_spread=0), []
    for number in compose_many(texts, seed, 0, source, style):
        for box in number.boxes:
            ink = np.pad(255 - number.image[box.top : box.bottom, box.left : box.right], 2)
            found.append(measure(ink[None])[0] / (box.bottom - box.top, 1, 1))
    return np.array(found)


def test_digits_of_a_number_are_more_alike_than_digits_drawn_at_random(digits: Dataset) -> None:
    source, labels = FromDataset(digits), np.random.default_rng(1).integers(10, size=(160, 5))
    texts = ["".join(map(str, row)) for row in labels]
    single = styles_in([*"".join(texts)], source, 1)
    means = np.stack([single[labels.ravel() == label].mean(0) for label in range(10)])

    def within(styles: np.ndarray) -> np.ndarray:
        return np.sqrt((styles - means[labels.ravel()]).reshape(-1, 5, 3).var(1, ddof=1).mean(0))

    assert (within(styles_in(texts, source, 2)) / within(single) < 0.65).all()


def test_the_same_digit_twice_is_not_the_same_image_twice(digits: Dataset) -> None:
    for number in compose_many(["77"] * 20, 1, 0, FromDataset(digits), Style(wear="off", size_spread=0, touching=0)):
        one, two = (number.image[b.top : b.bottom, b.left : b.right] for b in number.boxes)
        assert one.shape != two.shape or (one != two).any()
