"""Measures of generated images, as pure functions on arrays: no model, no file, no picture.

Features are float64[n, d] (float32 is taken as it is: products are then rounded to float32, distances are not).
"Real" and "generated" name the two sets only; each function says what it makes of them. Distances are Euclidean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith.evaluation.neighbours import Features, nearest, products, radii, require, slack, squared_distances

_PARTS = 5  # in which sets are taken at most, to see how the Fréchet distance falls with their size


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of features.

    Attributes:
        mean: float64[d].
        covariance: float64[d, d], unbiased.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def rank(self) -> int:
        """Of the covariance: fewer than d if some direction does not vary."""
        return int(np.linalg.matrix_rank(self.covariance, hermitian=True))


def moments(features: Features) -> Moments:
    """Mean and covariance, summed in float64.

    Raises:
        ValueError: fewer than two features, or one that is no finite number.
    """
    require(features, 2)
    features = features.astype(np.float64, copy=False)
    mean = features.mean(0)
    centred = features - mean
    return Moments(mean, centred.T @ centred / (len(features) - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Fréchet distance between two normal distributions (Dowson & Landau 1982; Heusel et al. 2017, eq. 6), squared.

    |mean_a - mean_b|² + tr(A + B - 2 (A^½ B A^½)^½). With A = R Rᵀ and B = S Sᵀ, from the eigenvectors of each, the
    trace of the root is the sum of the singular values of Rᵀ S. That is exact for singular covariances too.
    """
    cross = np.linalg.svd(_root(a.covariance).T @ _root(b.covariance), compute_uv=False).sum()
    difference = a.mean - b.mean
    distance = difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)


def frechet_at_infinity(real: Features, generated: Features) -> float | None:
    """What the Fréchet distance of two sets tends to with their size (Chong & Forsyth 2020, arXiv:1911.07023, eq. 6).

    The distance of n images each is that plus a multiple of 1 / n, nearly: a line is fitted to it over 1 / n. The sets
    are in random order; they are taken whole, in halves, and so on to fifths, and the mean is taken of the distances of
    parts of a size. (The paper takes 15 parts that overlap, with twice the chance error for as many distances.)

    Returns:
        The value of the line at 0; None if a fifth has fewer images than eight times as many as the
        features have dimensions: the line would say little.
    """
    n = min(len(real), len(generated))
    if n // _PARTS < 8 * real.shape[1]:
        return None
    sizes = np.array([n // parts for parts in range(1, _PARTS + 1)])
    distances = [
        np.mean([
            frechet_distance(moments(real[start : start + size]), moments(generated[start : start + size]))
            for start in range(0, n - size + 1, size)
        ])
        for size in sizes
    ]  # fmt: skip
    return float(np.polyfit(1 / sizes, distances, 1)[1])


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix R with R @ R.T the covariance; directions that vary by no more than rounding are left out."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    root: NDArray[np.float64] = vectors[:, kept] * np.sqrt(values[kept])
    return root


def kernel_distance(real: Features, generated: Features, blocks: int = 10) -> tuple[float, float]:
    """Kernel Inception Distance (Bińkowski et al. 2018): squared maximum mean discrepancy, unbiased.

    The kernel is (x·y / d + 1)³. An unbiased value can be a little below zero.

    Args:
        real: [n, d].
        generated: [m, d].
        blocks: at least 2; the standard error is that of the mean of so many disjoint parts, in the order given, which
            must not be by class.

    Returns:
        The distance over all pairs, and its standard error.

    Raises:
        ValueError: fewer than two images a block.
    """
    require(real, 2 * blocks)
    require(generated, 2 * blocks)
    parts = zip(np.array_split(real, blocks), np.array_split(generated, blocks), strict=True)
    of_blocks = [_squared_discrepancy(part, other) for part, other in parts]
    return _squared_discrepancy(real, generated), float(np.std(of_blocks, ddof=1) / np.sqrt(blocks))


def _squared_discrepancy(a: Features, b: Features) -> float:
    def kernel_sum(x: Features, y: Features) -> float:
        return sum(_cubes(block / x.shape[1] + 1) for _, block in products(x, y))

    def own(x: Features) -> float:
        diagonal = _cubes(np.einsum("ij,ij->i", x, x) / x.shape[1] + 1)
        return (kernel_sum(x, x) - float(diagonal)) / (len(x) * (len(x) - 1))

    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    return own(a) + own(b) - 2 * kernel_sum(a, b) / (len(a) * len(b))


def _cubes(values: NDArray[np.float64]) -> float:
    """The sum of the cubes, far quicker than by `**`."""
    return float(np.vdot(values * values, values))


def precision_recall(real: Features, generated: Features, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019, eq. 1-3).

    Precision: the share of generated images within the k-nearest-neighbour ball of some real image.
    Recall: the share of real images within such a ball of some generated image.

    Raises:
        ValueError: k images or fewer in a set, or a feature that is no finite number.
    """
    require(generated, k + 1)
    rounding = slack(real, generated)
    real_radius, generated_radius = (radii(features, k) ** 2 + rounding for features in (real, generated))
    recalled = np.zeros(len(real), bool)
    precise = 0
    for rows, squared in squared_distances(generated, real):
        precise += int((squared <= real_radius).any(1).sum())
        recalled |= (squared <= generated_radius[rows, None]).any(0)
    return precise / len(generated), float(recalled.mean())


def density_coverage(real: Features, generated: Features, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020, eq. 4 and 5).

    Density: in how many k-nearest-neighbour balls of real images a generated image lies on average, over k; can be
    above 1. Coverage: the share of those balls that hold a generated image.

    Raises:
        ValueError: k real images or fewer, no generated ones, or a feature that is no finite number.
    """
    require(generated, 1)
    radius = radii(real, k) ** 2
    radius += slack(real, generated)
    inside = 0
    covered = np.zeros(len(real), bool)
    for _, squared in squared_distances(generated, real):
        within = squared <= radius
        inside += int(np.count_nonzero(within))
        covered |= within.any(0)
    return inside / (k * len(generated)), float(covered.mean())


def two_sample_accuracy(real: Features, generated: Features) -> float:
    """Leave-one-out accuracy of a 1-nearest-neighbour classifier of real against generated (Lopez-Paz & Oquab 2017).

    0.5: they cannot be told apart. Above: they differ. Below: images of one set copy those of the other. A tie counts
    for half.

    Raises:
        ValueError: the two sets are not of one size, which would shift the 0.5.
    """
    if len(real) != len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated images: give as many of each")
    own = [nearest(features)[0][:, 0] for features in (real, generated)]
    cross = [nearest(real, generated)[0][:, 0], nearest(generated, real)[0][:, 0]]
    right = [(inner < outer) + 0.5 * (inner == outer) for inner, outer in zip(own, cross, strict=True)]
    return float(np.mean(right))


def copies(distances: NDArray[np.float64], ratio: float = 0.5) -> NDArray[np.bool_]:
    """Which images are copies: far nearer to their nearest training image than to the next ones.

    An image is one if its nearest distance is less than `ratio` times the mean of its k nearest: the rule of Carlini et
    al. 2023 (arXiv:2301.13188) for CIFAR-10, which does not take simple shapes, near to many others, for copies.

    Args:
        distances: [n, k] to the k nearest training images, ascending (of `nearest`); k = 50 in the paper.
        ratio: 0.5 in the paper.

    Returns:
        bool[n]
    """
    copied: NDArray[np.bool_] = (distances[:, 0] < ratio * distances.mean(1)) | (distances[:, 0] == 0)
    return copied


def class_spread(features: Features, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """How much the images of a class vary: the root mean square distance of its features from their mean.

    Returns:
        float64[classes]; NaN for a class of fewer than two images.
    """
    spread = np.full(classes, np.nan)
    for label in range(classes):
        members = features[labels == label].astype(np.float64)
        if len(members) > 1:
            spread[label] = np.sqrt(((members - members.mean(0)) ** 2).sum() / (len(members) - 1))
    return spread


def total_variation(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Total variation distance between two frequency distributions, float64[classes] each: from 0 to 1."""
    return float(np.abs(p - q).sum() / 2)


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many images of each label (row) are classified as each class (column): int64[classes, classes]."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def edit_distance(a: str, b: str) -> int:
    """How many characters must be replaced, added or left out to make `a` of `b` (Levenshtein 1966)."""
    row = list(range(len(b) + 1))  # distances of what there is of a, so far, to each beginning of b
    for i, character in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(diagonal + (character != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]
