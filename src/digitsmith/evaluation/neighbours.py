"""Exact nearest neighbours and distances between many features, in blocks of bounded memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating[Any]]
"""float[n, d], one row for each image."""

_CHUNK_BYTES = 2**26  # of one block of a distance matrix: with fewer rows, products take twice as long
_GROUP = 16  # columns whose minimum stands for them while the nearest are sought
_SPARE = 4  # more of the nearest than asked for are looked at exactly, since rounding may swap close ones


def nearest(
    points: Features, others: Features | None = None, k: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The k nearest of `others` to each point, or, without others, of the other points.

    Returns:
        float64[n, k] distances, ascending, and int64[n, k] indices. The distances are of the differences themselves:
        0 for an exact copy.

    Raises:
        ValueError: fewer than k to choose from, or values that are no finite numbers.
    """
    among = points if others is None else others
    require(among, k + (others is None))
    require(points, 1)
    distances, indices = np.empty((len(points), k)), np.empty((len(points), k), np.int64)
    for rows, squared in squared_distances(points, among):
        if others is None:
            squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        columns = _smallest(squared, min(k + _SPARE, squared.shape[1] - (others is None)))
        exact = np.empty(columns.shape)
        block = points[rows].astype(np.float64)
        for j in range(columns.shape[1]):
            difference = block - among[columns[:, j]]
            exact[:, j] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        distances[rows] = np.take_along_axis(exact, order, 1)
        indices[rows] = np.take_along_axis(columns, order, 1)
    return distances, indices


def radii(points: Features, k: int) -> NDArray[np.float64]:
    """Distance from each point to its k-th nearest other."""
    return nearest(points, k=k)[0][:, -1]


def slack(a: Features, b: Features) -> float:
    """The most that rounding adds to a squared distance of `squared_distances`."""
    centre = b.mean(0, dtype=np.float64)
    largest = max(float(((x - centre) ** 2).sum(1).max()) for x in (a, b))
    return 8 * float(np.finfo(np.result_type(a, b)).eps) * largest


def squared_distances(a: Features, b: Features) -> Iterator[tuple[slice, Features]]:
    """Blocks of rows of the matrix of squared distances [len(a), len(b)]; rounding may leave some a little below 0.

    |x|² + |y|² - 2 x·y is one product, of [-2 x, |x|², 1] and [y, 1, |y|²]: no further pass over the matrix.
    """
    centre = b.mean(0, dtype=np.float64).astype(b.dtype)  # the distances are the same, and rounding is less
    left, right = _with_norms(a, centre), _with_norms(b, centre)
    left[:, :-2] *= -2
    right[:, -2:] = right[:, :-3:-1]
    yield from products(left, right)


def _with_norms(x: Features, centre: Features) -> Features:
    """[x - centre, |x - centre|², 1], made in place: copies of many features take longer than their products."""
    made = np.empty((len(x), x.shape[1] + 2), np.result_type(x, centre))
    np.subtract(x, centre, out=made[:, :-2])
    made[:, -2], made[:, -1] = np.einsum("ij,ij->i", made[:, :-2], made[:, :-2]), 1
    return made


def products(a: Features, b: Features) -> Iterator[tuple[slice, Features]]:
    """Blocks of rows of a @ b.T, each of bounded size."""
    height = max(1, _CHUNK_BYTES // (a.itemsize * max(b.shape)))
    for start in range(0, len(a), height):
        rows = slice(start, min(start + height, len(a)))
        yield rows, a[rows] @ b.T


def _smallest(matrix: Features, k: int) -> NDArray[np.int64]:
    """Columns of the k smallest values of each row, in no order: int64[n, k].

    The k smallest lie in the k groups of columns with the smallest minima (or tie with values there), and minima are
    far quicker to take than a selection from whole rows.
    """
    n, m = matrix.shape
    groups = m // _GROUP
    if groups <= 4 * k:
        return np.argpartition(matrix, k - 1, axis=1)[:, :k].astype(np.int64, copy=False)
    minima = matrix[:, : groups * _GROUP].reshape(n, _GROUP, groups).min(1)
    chosen = np.argpartition(minima, k - 1, axis=1)[:, :k]
    columns = (chosen[:, :, None] + groups * np.arange(_GROUP)).reshape(n, -1)
    rest = np.broadcast_to(np.arange(groups * _GROUP, m), (n, m - groups * _GROUP))
    columns = np.concatenate([columns, rest], axis=1)
    best = np.argpartition(np.take_along_axis(matrix, columns, 1), k - 1, axis=1)[:, :k]
    return np.take_along_axis(columns, best, 1)


def require(features: Features, least: int) -> None:
    """Raise `ValueError` unless features are [n, d], of at least so many finite rows."""
    if features.ndim != 2 or len(features) < least:
        raise ValueError(f"features of shape {list(features.shape)}: this needs [n, d] with n of at least {least}")
    if not np.isfinite(features).all():
        raise ValueError("a feature is no finite number")
