"""One mix of digits for all images that are compared: the reference's.

Distances are of frequencies, too. Of that between two random choices of 10,000 real digits, more than half is of how
many there are of each digit, by chance, and hides what it says of their shapes. So generated, held-out and other real
images are all drawn at the same counts.
"""

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.labels import DIGITS


def counts_of(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many images of each digit there are, by labels of which -1 is none: int64[10]."""
    return np.bincount(labels[labels >= 0], minlength=len(DIGITS))


def digits_at(mix: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The digits of n images with the frequencies of others, exactly: rounded by the largest remainder.

    They are in an order in which any part has those frequencies, but for one image of each digit. So blocks of images,
    and the halves and thirds of them whose distances are extrapolated, are of one mix as well.

    Args:
        mix: int64[10], how many of each digit there are among the others.
        n: how many are wanted.

    Returns:
        int64[n]
    """
    counts = _rounded(mix, n)
    digits = np.repeat(np.arange(len(mix)), counts)
    of_its_digit = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, 2, … of each
    return digits[np.argsort((of_its_digit + 0.5) / counts[digits], kind="stable")]


def _rounded(mix: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """n images over the digits: int64[10]."""
    counts, remainders = np.divmod(mix * n, mix.sum())
    counts[np.argsort(-remainders, kind="stable")[: n - counts.sum()]] += 1
    return counts


def most_at(mix: NDArray[np.int64], n: int, *there: NDArray[np.int64]) -> int:
    """The most images, up to n, that sets of which each has so many of each digit, int64[10], can give at a mix."""
    has = mix > 0
    least = np.min(there, axis=0)
    most = min(n, int(((least[has] + 1) * mix.sum() // mix[has]).min()))
    while (_rounded(mix, most) > least).any():
        most -= 1
    return most


def draw(
    places: NDArray[np.int64], labels: NDArray[np.int64] | None, n: int, wanted: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """Draw images without replacement: the first n, or the first of each digit.

    Args:
        places: int64[m], the images to draw from, in random order.
        labels: int64[m], the digit of each, -1 for none; needed for digits that are wanted.
        n: how many.
        wanted: int64[n], the digit of each; None if images are taken as they come.

    Returns:
        int64[n] of the places; None if there are too few images, or of a digit.
    """
    if wanted is None:
        return places[:n] if len(places) >= n else None
    if labels is None or (np.bincount(wanted, minlength=len(DIGITS)) > counts_of(labels)).any():
        return None
    drawn = np.empty(n, np.int64)
    for digit in np.unique(wanted):
        at = np.flatnonzero(wanted == digit)
        drawn[at] = places[labels == digit][: len(at)]
    return drawn


def weights_of(wanted: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many images of a whole set each one stands for that was drawn from it for its digit.

    Args:
        wanted: int64[n], the digits of those that were drawn.
        labels: int64[m], of the whole set.

    Returns:
        float64[n]
    """
    weights: NDArray[np.float64] = counts_of(labels)[wanted] / np.bincount(wanted, minlength=len(DIGITS))[wanted]
    return weights
