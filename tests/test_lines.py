"""Cells of forms: their lines are no part of the digit that was written in them."""

import numpy as np
import pytest
from PIL import Image

import digitsmith
from cells import KINDS, cell
from digitsmith.data.images.framing import frame
from digitsmith.data.images.ink import settle_ink, to_ink
from digitsmith.data.images.lines import without_lines
from digitsmith.data.reading import Reading
from digitsmith.records.base import ReadOptions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("side", "width", "margin"),
    [(28, 1, 0), *(pytest.param(*cell, marks=pytest.mark.slow) for cell in ((40, 2, 1), (64, 3, 2), (100, 3, 0)))],
)
def test_digits_in_cells_are_read(kind: str, side: int, width: int, margin: int) -> None:
    """Without taking the lines out, half of those beside one line are read, and two thirds of these wrongly."""
    truth = np.arange(60) % 10
    digits = digitsmith.load().sample(truth.tolist(), seed=5)
    cells = np.stack([cell(digit, side, kind, width, margin) for digit in digits])
    bright = settle_ink(cells, Reading(ReadOptions()), "cells")
    assert isinstance(bright, np.ndarray)
    assert bright.mean() < 128, "dark ink is found, whatever the border is"
    readings = digitsmith.load_reader().read(bright)
    assert readings.accepted.mean() > 0.9
    assert (readings.labels == truth).mean() > 0.95
    colour = np.repeat(cells[..., None], 3, 3)
    assert (digitsmith.load_reader().read(colour).labels == truth).mean() > 0.95


def test_an_empty_cell_is_empty() -> None:
    empty = np.zeros((28, 28), np.uint8)
    for kind in ("rule", "ends", "box", "comb"):
        assert not frame(255 - cell(empty, 60, kind, 2, 0), "mnist").any(), kind


def test_digits_without_lines_stay_as_they_are() -> None:
    """Cut closely, or not; 1, 4 and 7 have strokes as straight as lines."""
    for digit in digitsmith.load_dataset("digits").images[::6]:
        rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
        close = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        for image in (digit, close, np.pad(close, 1), np.asarray(Image.fromarray(close).resize((60, 80)))):
            assert without_lines(image, 50) is image


@pytest.mark.parametrize("padding", [((0, 0), (30, 30)), ((0, 0), (40, 6)), ((3, 3), (30, 30))])
def test_a_straight_one_is_no_line(padding: tuple[tuple[int, int], tuple[int, int]]) -> None:
    one = np.pad(np.full((60, 4), 255, np.uint8), padding)
    assert without_lines(one, 50) is one


def test_drawn_straight_digits_are_no_lines() -> None:
    seven = np.zeros((60, 40), np.uint8)
    seven[0:3] = 255
    for row in range(60):
        seven[row, 36 - row // 3 : 40 - row // 3] = 255
    zero = np.pad(np.zeros((54, 34), np.uint8), 3, constant_values=255)
    four = np.zeros((60, 40), np.uint8)
    four[:, 34:37] = four[30:33] = four[:33, 0:3] = 255
    for digit in (seven, four, np.pad(seven, 5), np.pad(four, 5), np.pad(zero, 5)):  # a zero that fills it is a cell
        assert without_lines(digit, 50) is digit


def test_colours_of_a_box_are_not_those_of_the_paper() -> None:
    image = np.full((1, 40, 40, 3), (240, 235, 220), np.uint8)
    image[0, [0, -1]] = image[0, :, [0, -1]] = (40, 40, 120)
    image[0, 10:30, 18:21] = (30, 30, 30)
    ink = to_ink(image)[0]
    assert ink[10:30, 18:21].min() > 200
    assert ink[2:8, 2:38].max() < 20
