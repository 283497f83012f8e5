"""The measures: values worked out by hand, other implementations of the same, and what the numbers are to mean."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.text import CharErrorRate

from digitsmith.evaluation import neighbours
from digitsmith.evaluation.metrics import (
    Moments,
    class_spread,
    confusion_matrix,
    copies,
    density_coverage,
    edit_distance,
    frechet_at_infinity,
    frechet_distance,
    kernel_distance,
    moments,
    precision_recall,
    total_variation,
    two_sample_accuracy,
)
from digitsmith.evaluation.neighbours import nearest

Array = NDArray[np.float64]

SEEDS = st.integers(0, 2**32 - 1)


def normal(n: int, d: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(n, d))


def correlated(n: int, d: int, seed: int = 0) -> Array:
    """Features of unlike scales that lean on each other, off the origin."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def modes(n: int, count: int, seed: int = 0) -> Array:
    """n images spread evenly over the first `count` of ten clusters, far from each other."""
    features = normal(n, 4, seed)
    angle = np.arange(n) % count * (2 * np.pi / 10)
    features[:, 0] += 50 * np.cos(angle)
    features[:, 1] += 50 * np.sin(angle)
    return features


def pixels(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Like flat images of digits: most pixels black, grey levels in steps of 1/255."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, size=(n, 196)) * (rng.random((n, 196)) < 0.2)
    return (levels / 255).astype(np.float32)


def column(*values: float) -> Array:
    return np.array(values, float)[:, None]


class AsTheyAre(nn.Module):
    """Stands where torchmetrics expects an Inception network: hands the features through."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


# --- moments and the Fréchet distance ---


def test_moments_are_numpys() -> None:
    features = correlated(50, 6)
    ours = moments(features)
    np.testing.assert_allclose(ours.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(ours.covariance, np.cov(features, rowvar=False), rtol=1e-10)


def test_moments_of_float32_are_summed_in_float64() -> None:
    # In float32 a sum of 200,000 values near 100 is off in the sixth digit; squares lose the variance altogether.
    features = (100 + 0.01 * normal(200_000, 2)).astype(np.float32)
    ours = moments(features)
    assert ours.mean.dtype == ours.covariance.dtype == np.float64
    np.testing.assert_allclose(ours.mean, features.mean(0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(np.diag(ours.covariance), 1e-4, rtol=0.02)


def test_rank_tells_directions_that_do_not_vary() -> None:
    assert moments(normal(50, 6)).rank == 6
    assert moments(normal(4, 6)).rank == 3  # four points span three directions from their mean
    dead = normal(50, 6)
    dead[:, [1, 4]] = 7
    assert moments(dead).rank == 4
    assert moments(np.ones((5, 6))).rank == 0


def test_frechet_distance_by_hand() -> None:
    # Means 1 and 2, standard deviations √2 and 2√2: (1 - 2)² + (√2 - 2√2)² = 1 + 2.
    assert frechet_distance(moments(column(0, 2)), moments(column(0, 4))) == pytest.approx(3)
    # A = 2 uuᵀ with u = (1, 0), B = 2 vvᵀ with v = (1, 1): tr A = 2, tr B = 4, tr (AB)^½ = 2 |u·v| = 2; 2 + 4 - 4.
    a, b = moments(np.array([[1.0, 0], [-1, 0]])), moments(np.array([[1.0, 1], [-1, -1]]))
    assert frechet_distance(a, b) == pytest.approx(2)


def test_frechet_distance_is_that_of_scipys_matrix_root() -> None:
    for seed, d in enumerate((1, 3, 16, 64)):
        a, b = moments(correlated(300, d, seed)), moments(correlated(400, d, seed + 10))
        root = np.trace(sqrtm(a.covariance @ b.covariance).real)
        expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * root
        assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_is_that_of_torchmetrics() -> None:
    real, generated = correlated(300, 32, 1), correlated(200, 32, 2)
    oracle = FrechetInceptionDistance(AsTheyAre(32), input_img_size=(32,), normalize=True).set_dtype(torch.float64)
    oracle.update(torch.from_numpy(real), real=True)
    oracle.update(torch.from_numpy(generated), real=False)
    assert frechet_distance(moments(real), moments(generated)) == pytest.approx(oracle.compute().item(), rel=1e-9)


# A singular covariance is what few images or a dead feature give. The root of the product then has no accurate numeric
# oracle (SciPy warns, or returns parts of 1e-8 for zeros), but the distances below are known.
SINGULAR = 1e-6  # of the summed variances: a zero eigenvalue of 1e-16 has a root of 1e-8, once for each dimension


def test_frechet_at_infinity_has_no_part_of_chance() -> None:
    """Of two normal distributions whose distance is known, as the mean of a feature differs; the means of 20 draws."""
    random = np.random.default_rng(0)
    for exact in (0.0, 1.0):
        draws = random.normal(size=(20, 2, 1000, 16))
        draws[:, 1, :, 0] += exact
        usual = np.mean([frechet_distance(moments(a), moments(b)) for a, b in draws])
        assert usual > exact + 0.06
        assert np.mean([frechet_at_infinity(a, b) for a, b in draws]) == pytest.approx(exact, abs=0.03)
    assert frechet_at_infinity(*random.normal(size=(2, 80, 16))) is None


def test_frechet_distance_of_fewer_images_than_features() -> None:
    # b = 3 a about the same centre has 9 times the covariance: (AB)^½ = 3 A, so the distance is (3 - 1)² tr A.
    features = normal(10, 64)
    centre = features.mean(0)
    a, b = moments(features), moments(centre + 3 * (features - centre))
    total = np.trace(a.covariance)
    assert frechet_distance(a, b) == pytest.approx(4 * total, rel=SINGULAR)
    assert frechet_distance(b, a) == pytest.approx(4 * total, rel=SINGULAR)
    assert frechet_distance(a, a) == pytest.approx(0, abs=SINGULAR * total)


def test_frechet_distance_of_images_that_vary_in_different_directions() -> None:
    # A and B live in orthogonal subspaces (of any basis), so A^½ B A^½ is zero: nothing is taken off.
    basis = np.linalg.qr(normal(40, 40, 3))[0]
    some, others = basis[:20], basis[20:]
    a, b = moments(normal(100, 20, 1) @ some), moments(normal(100, 20, 2) @ others)
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=SINGULAR)


def test_frechet_distance_leaves_out_features_that_are_dead_on_both_sides() -> None:
    real, generated = correlated(200, 8, 1), correlated(200, 8, 2)
    dead = np.full((200, 5), 4.0)
    plain = frechet_distance(moments(real), moments(generated))
    padded = frechet_distance(moments(np.hstack([real, dead])), moments(np.hstack([generated, dead])))
    assert padded == pytest.approx(plain, rel=SINGULAR)


def test_frechet_distance_counts_directions_that_vary_on_one_side_alone() -> None:
    # Covariances with common axes: the sum over the axes of the squared difference of the standard deviations.
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(normal(40, 40))[0]
    some, others = rng.uniform(0, 5, 40), rng.uniform(0, 5, 40)
    some[:10], others[5:25] = 0, 0
    a, b = (Moments(np.zeros(40), (axes * deviations**2) @ axes.T) for deviations in (some, others))
    assert frechet_distance(a, b) == pytest.approx(((some - others) ** 2).sum(), rel=SINGULAR)
    assert frechet_distance(b, a) == pytest.approx(((some - others) ** 2).sum(), rel=SINGULAR)


def test_frechet_distance_from_one_image_repeated_is_the_mean_squared_distance_from_it() -> None:
    # B = 0: |shift|² + tr A.
    features, image = correlated(100, 12), np.full(12, 2.0)
    a, b = moments(features), moments(np.tile(image, (30, 1)))
    expected = ((a.mean - image) ** 2).sum() + features.var(0, ddof=1).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, b) == 0


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(2, 30), st.integers(2, 30), st.integers(1, 10))
def test_frechet_distance_is_a_squared_distance(seed: int, n: int, m: int, d: int) -> None:
    a, b, c = (moments(correlated(count, d, seed % 2**31 + i)) for i, count in enumerate((n, m, n + m)))
    scale = sum(np.trace(side.covariance) + side.mean @ side.mean for side in (a, b, c))
    tolerance = SINGULAR * scale
    assert frechet_distance(a, a) == pytest.approx(0, abs=tolerance)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), abs=tolerance)
    direct, detour = frechet_distance(a, b), (frechet_distance(a, c), frechet_distance(c, b))
    assert np.sqrt(direct) <= np.sqrt(detour).sum() + np.sqrt(tolerance)


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(2, 30), st.integers(1, 10), st.floats(-5, 5), st.floats(0.1, 10))
def test_frechet_distance_adds_a_squared_shift_and_scales(seed: int, n: int, d: int, by: float, factor: float) -> None:
    features, others = correlated(n, d, seed), correlated(n, d, seed // 2)
    a, b = moments(features), moments(others)
    tolerance = SINGULAR * (np.trace(a.covariance) + np.trace(b.covariance) + a.mean @ a.mean + b.mean @ b.mean + 1)
    shift = by * normal(1, d, seed)[0]
    assert frechet_distance(a, moments(features + shift)) == pytest.approx(shift @ shift, rel=1e-6, abs=tolerance)
    both_shifted = frechet_distance(moments(features + shift), moments(others + shift))
    assert both_shifted == pytest.approx(frechet_distance(a, b), abs=tolerance)
    scaled = frechet_distance(moments(factor * features), moments(factor * others))
    assert scaled == pytest.approx(factor**2 * frechet_distance(a, b), abs=factor**2 * tolerance)
    turned = np.linalg.qr(normal(d, d, seed))[0]
    rotated = frechet_distance(moments(features @ turned), moments(others @ turned))
    assert rotated == pytest.approx(frechet_distance(a, b), abs=tolerance)


# --- kernel distance ---


def test_kernel_distance_by_hand() -> None:
    # One feature: k(x, y) = (xy + 1)³, so k(0, ·) = 1 and k(1, 1) = 8.
    # Real 0, 1, 0, 1: of its 12 ordered pairs 2 are of ones: (2·8 + 10·1) / 12 = 13/6. Generated, all 1: 8.
    # Between them: 4.5. Over all pairs 13/6 + 8 - 9 = 7/6; either block has 0 and 1 against 1 and 1: 1 + 8 - 9 = 0.
    distance, error = kernel_distance(column(0, 1, 0, 1), column(1, 1, 1, 1), blocks=2)
    assert distance == pytest.approx(7 / 6)
    assert error == pytest.approx(0)
    # Real 0, 0, 1, 1: blocks of 1 + 8 - 2 = 7 and 8 + 8 - 16 = 0: their standard deviation is 7/√2, that over √2 3.5.
    distance, error = kernel_distance(column(0, 0, 1, 1), column(1, 1, 1, 1), blocks=2)
    assert distance == pytest.approx(7 / 6)
    assert error == pytest.approx(3.5)


def test_kernel_distance_is_that_of_torchmetrics() -> None:
    real, generated = correlated(120, 8, 1), correlated(120, 8, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would keep many features in memory
        oracle = KernelInceptionDistance(AsTheyAre(8), subsets=1, subset_size=120, normalize=True)
    oracle.update(torch.from_numpy(real), real=True)
    oracle.update(torch.from_numpy(generated), real=False)
    assert kernel_distance(real, generated)[0] == pytest.approx(oracle.compute()[0].item(), rel=1e-6)


def plain_kernel_distance(real: Array, generated: Array) -> float:
    """Bińkowski et al. 2018, eq. 4, with scikit-learn's kernel."""
    own = [polynomial_kernel(side, degree=3, coef0=1)[~np.eye(len(side), dtype=bool)] for side in (real, generated)]
    return own[0].mean() + own[1].mean() - 2 * polynomial_kernel(real, generated, degree=3, coef0=1).mean()


def test_kernel_distance_is_the_plain_formula_for_unequal_sizes_and_its_error_that_of_the_blocks() -> None:
    real, generated = correlated(105, 5, 1), correlated(83, 5, 2)
    distance, error = kernel_distance(real, generated, blocks=8)
    assert distance == pytest.approx(plain_kernel_distance(real, generated), rel=1e-10)
    parts = zip(np.array_split(real, 8), np.array_split(generated, 8), strict=True)
    assert error == pytest.approx(np.std([plain_kernel_distance(*part) for part in parts], ddof=1) / np.sqrt(8))


def test_kernel_distance_of_float32_features_is_computed_in_float64() -> None:
    real, generated = (correlated(100, 20, seed).astype(np.float32) for seed in (1, 2))
    exact = plain_kernel_distance(real.astype(np.float64), generated.astype(np.float64))
    assert kernel_distance(real, generated)[0] == pytest.approx(exact, rel=1e-10)


def test_kernel_distance_between_samples_of_one_distribution_averages_to_zero() -> None:
    values = [kernel_distance(normal(40, 6, seed), normal(40, 6, seed + 1000), 4)[0] for seed in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(200)
    assert min(values) < 0  # unbiased, so some lie below


def test_kernel_distance_is_within_its_error_of_zero_only_where_distributions_agree() -> None:
    distance, error = kernel_distance(normal(1000, 8, 1), normal(1000, 8, 2))
    assert abs(distance) < 3 * error
    distance, error = kernel_distance(normal(1000, 8, 1), normal(1000, 8, 2) + 0.3)
    assert distance > 5 * error


def test_kernel_distance_varies_as_much_as_its_error_says() -> None:
    runs = [kernel_distance(normal(200, 4, seed), normal(200, 4, seed + 1000) + 1) for seed in range(100)]
    distances, errors = np.array(runs).T
    assert 0.7 < distances.std() / errors.mean() < 1.4


# --- precision, recall, density, coverage ---

# Balls of k = 1: around real 0, 1, 5 of radii 1, 1, 4; around generated 0.5, 0.7, 11, 30 of radii 0.2, 0.2, 10.3, 19.
REAL, GENERATED = column(0, 1, 5), column(0.5, 0.7, 11, 30)


def test_precision_and_recall_by_hand() -> None:
    # Precise: 0.5 and 0.7 (balls of 0 and 1); 11 is 6 > 4 from 5, 30 is farther. Recalled: 1 and 5 lie within 10.3
    # of 11; 0 does not, is 0.5 > 0.2 from 0.5, and 30 > 19 from 30.
    assert precision_recall(REAL, GENERATED, k=1) == pytest.approx((2 / 4, 2 / 3))


def test_density_and_coverage_by_hand() -> None:
    # 0.5 and 0.7 lie in the balls of 0 and of 1, 11 and 30 in none: (2 + 2) / (1·4). The ball of 5 stays empty.
    assert density_coverage(REAL, GENERATED, k=1) == pytest.approx((1, 2 / 3))
    # k = 2: radii 5, 4, 5: 0.5 and 0.7 lie in all three, 11 (6 > 5) and 30 in none: (3 + 3) / (2·4). No ball is empty.
    assert density_coverage(REAL, GENERATED, k=2) == pytest.approx((6 / 8, 1))


def plain_balls(centres: Array, points: Array, k: int) -> NDArray[np.bool_]:
    """bool[points, centres]: is the point in the ball that reaches to the k-th nearest other centre?"""
    radius = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(centres).kneighbors()[0][:, -1]
    return cdist(points, centres) <= radius


@pytest.mark.parametrize(("n", "m", "d", "k"), [(200, 300, 4, 3), (300, 200, 16, 5), (150, 150, 2, 1), (40, 9, 3, 8)])
def test_precision_recall_density_coverage_are_those_of_brute_force(n: int, m: int, d: int, k: int) -> None:
    real, generated = correlated(n, d, 1), correlated(m, d, 1)[::-1] + 0.3 * normal(m, d, 2)
    in_real, in_generated = plain_balls(real, generated, k), plain_balls(generated, real, k)
    assert precision_recall(real, generated, k) == pytest.approx((in_real.any(1).mean(), in_generated.any(1).mean()))
    assert density_coverage(real, generated, k) == pytest.approx((in_real.sum() / (k * m), in_real.any(0).mean()))


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(5, 40), st.integers(5, 40), st.integers(1, 4))
def test_precision_and_recall_swap_with_the_sides(seed: int, n: int, m: int, k: int) -> None:
    real, generated = normal(n, 3, seed), 1.5 * normal(m, 3, seed // 2 + 1)
    precision, recall = precision_recall(real, generated, k)
    assert precision_recall(generated, real, k) == (recall, precision)
    density, coverage = density_coverage(real, generated, k)
    assert 0 <= coverage <= 1
    assert (density > 0) == (precision > 0) == (coverage > 0)  # all three ask the same of the same balls
    assert precision <= k * density + 1e-12


def test_half_of_the_modes_missing_shows_in_recall_and_coverage_alone() -> None:
    real, collapsed = modes(1000, 10, 1), modes(1000, 5, 2)
    precision, recall = precision_recall(real, collapsed)
    density, coverage = density_coverage(real, collapsed)
    assert precision > 0.85
    assert density > 0.85
    assert recall <= 0.5
    assert coverage <= 0.5


def test_noise_over_and_beyond_the_data_shows_in_precision_density_and_coverage_alone() -> None:
    real, noise = normal(1000, 6, 1), 8 * normal(1000, 6, 2)
    precision, recall = precision_recall(real, noise)
    density, coverage = density_coverage(real, noise)
    assert precision < 0.15
    assert density < 0.1
    assert coverage < 0.1
    assert recall > 0.9


def test_one_typical_image_over_and_over_is_precise_and_nothing_else() -> None:
    real = normal(500, 6, 1)
    one = np.tile(real.mean(0), (500, 1)) + 1e-6 * normal(500, 6, 2)
    assert precision_recall(real, one) == (1, 0)
    assert density_coverage(real, one)[1] < 0.1


def test_another_sample_of_the_data_has_the_density_and_coverage_of_the_paper() -> None:
    # Naeem et al. 2020, section 3.3: density 1, and coverage 1 - (n-1)...(n-k) / ((2n-1)...(2n-k)), in whatever space.
    n, k = 2000, 5
    steps = np.arange(1, k + 1)
    expected = 1 - np.prod((n - steps) / (2 * n - steps))  # 0.969
    for real, generated in [(normal(n, 8, 1), normal(n, 8, 2)), (modes(n, 10, 1), modes(n, 10, 2))]:
        density, coverage = density_coverage(real, generated, k)
        assert density == pytest.approx(1, abs=0.05)
        assert coverage == pytest.approx(expected, abs=0.015)


def test_an_outlier_among_the_real_images_raises_precision_but_hardly_density() -> None:
    # Its ball reaches over the whole space: why density is there beside precision (Naeem et al. 2020, figure 1).
    real, far = normal(500, 4, 1), normal(500, 4, 2) + 12
    outlier = np.concatenate([real, np.full((1, 4), 25.0)])
    assert precision_recall(real, far)[0] == density_coverage(real, far)[0] == 0
    assert precision_recall(outlier, far)[0] == 1
    assert density_coverage(outlier, far)[0] < 0.21  # one ball of the k = 5 that images of the data lie in


def test_the_real_images_themselves_lie_within_their_own_balls() -> None:
    # Each ball of k = 5 holds its centre and five more (the k-th on its boundary): density 6/5, whatever the rounding.
    real = correlated(500, 32)
    assert density_coverage(real, real[::-1]) == pytest.approx((6 / 5, 1))
    # Balls of images that are there ten times have radius 0, and hold their copies.
    repeated = np.repeat(correlated(30, 32), 10, axis=0)
    assert precision_recall(repeated, repeated[::-1]) == (1, 1)


# --- two-sample accuracy ---


def test_two_sample_accuracy_by_hand() -> None:
    # Nearest other: 0 → 1 and 1 → 0 (right), 9.5 → 11 (wrong); 2.5 → 1 (wrong), 11 → 12 and 12 → 11 (right).
    assert two_sample_accuracy(column(0, 1, 9.5), column(2.5, 11, 12)) == pytest.approx(4 / 6)


def test_two_sample_accuracy_is_that_of_scikit_learns_classifier_left_one_out() -> None:
    for seed, shift in enumerate((0, 0.5, 2)):
        real, generated = normal(80, 5, seed), normal(80, 5, seed + 50) + shift
        features, labels = np.concatenate([real, generated]), np.repeat([0, 1], 80)
        read = cross_val_predict(KNeighborsClassifier(1, algorithm="brute"), features, labels, cv=LeaveOneOut())
        assert two_sample_accuracy(real, generated) == pytest.approx((read == labels).mean())
        assert two_sample_accuracy(generated, real) == two_sample_accuracy(real, generated)


def test_two_sample_accuracy_tells_the_same_from_different_and_from_copied() -> None:
    real = normal(1000, 8, 1)
    assert two_sample_accuracy(real, normal(1000, 8, 2)) == pytest.approx(0.5, abs=0.05)
    assert two_sample_accuracy(real, normal(1000, 8, 2) + 5) == 1
    assert two_sample_accuracy(real, real + 1e-6 * normal(1000, 8, 2)) == 0
    assert two_sample_accuracy(modes(1000, 10, 1), modes(1000, 5, 2)) > 0.6  # half the modes are missing


# --- nearest ---


def test_nearest_by_hand() -> None:
    points = np.array([[0.0, 0], [3, 4], [6, 8]])
    distances, indices = nearest(points, k=2)
    np.testing.assert_allclose(distances, [[5, 10], [5, 5], [5, 10]])
    assert indices[[0, 2]].tolist() == [[1, 2], [1, 0]]
    assert sorted(indices[1]) == [0, 2]  # a tie
    distances, indices = nearest(np.array([[3.0, 5]]), points)
    assert (distances.tolist(), indices.tolist()) == ([[1.0]], [[1]])


@pytest.mark.parametrize(("count", "k"), [(5007, 50), (5007, 1), (4000, 3), (300, 50), (50, 50), (1, 1)])
def test_nearest_images_are_those_of_scikit_learn(count: int, k: int) -> None:
    points, others = pixels(200, 1), pixels(count, 2)
    oracle = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(others.astype(np.float64))
    expected, neighbours = oracle.kneighbors(points.astype(np.float64))
    distances, indices = nearest(points, others, k)
    assert (distances.dtype, indices.dtype) == (np.float64, np.int64)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    assert (indices == neighbours).mean() > 0.999  # all but near-ties that rounding to float32 may swap


def test_nearest_of_the_other_points_leaves_out_the_point_itself() -> None:
    points = normal(3500, 6)
    expected, neighbours = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(points).kneighbors()
    distances, indices = nearest(points, k=3)
    np.testing.assert_allclose(distances, expected, rtol=1e-9)
    np.testing.assert_array_equal(indices, neighbours)


def test_nearest_finds_an_exact_copy_at_distance_zero() -> None:
    others = pixels(5007)
    where = np.random.default_rng(1).permutation(len(others))[:300]
    distances, indices = nearest(others[where].copy(), others, k=50)
    assert (distances[:, 0] == 0).all()
    np.testing.assert_array_equal(indices[:, 0], where)
    assert (distances[:, 1] > 0).all()


def test_nearest_tells_a_copy_from_an_image_that_is_one_grey_level_off() -> None:
    others = pixels(2000)
    off = others.copy()
    off[:, 0] += np.float32(1 / 255)
    distances, _ = nearest(others[:300], np.concatenate([off, others]), k=2)
    assert (distances[:, 0] == 0).all()
    np.testing.assert_allclose(distances[:, 1], 1 / 255, rtol=1e-4)


def test_nearest_finds_a_copy_among_near_copies_of_float32_features() -> None:
    features = (normal(500, 64) + 10).astype(np.float32)
    near = features + np.float32(1e-3)
    assert (nearest(features, np.concatenate([near, features]))[0] == 0).all()


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(1, 20), st.integers(1, 60), st.integers(1, 3), st.data())
def test_nearest_with_many_ties_still_gives_k_different_ones_in_order(
    seed: int, n: int, m: int, d: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    points, others = rng.integers(0, 3, (n, d)).astype(float), rng.integers(0, 3, (m, d)).astype(float)
    k = data.draw(st.integers(1, m))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_GROUP", data.draw(st.integers(1, 4)))  # small enough that groups are used here
        distances, indices = nearest(points, others, k)
    every = cdist(points, others)
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :k])
    np.testing.assert_allclose(np.take_along_axis(every, indices, 1), distances)
    assert all(len(set(row)) == k for row in indices.tolist())


# --- copies ---


def test_copies_by_hand() -> None:
    distances = np.array(
        [
            [1.0, 5, 6],  # 1 < 0.5 · 4: stands out
            [3, 4, 5],  # 3 > 0.5 · 4: one of many near ones
            [2, 4, 6],  # 2 = 0.5 · 4: not less
            [0, 4, 4],  # the image itself
            [0, 0, 0],  # an image that is there three times
        ]
    )
    assert copies(distances).tolist() == [True, False, False, True, True]
    assert copies(distances, ratio=0.2).tolist() == [False, False, False, True, True]
    assert copies(distances, ratio=0.8).tolist() == [True, True, True, True, True]


def test_copies_are_found_among_new_images() -> None:
    training, new = normal(5000, 20, 1), normal(200, 20, 2)
    copied = training[:50] + 0.01 * normal(50, 20, 3)
    found = copies(nearest(np.concatenate([copied, new]), training, k=50)[0])
    assert found.tolist() == [True] * 50 + [False] * 200


# --- class spread and confusion ---


def test_class_spread_by_hand() -> None:
    features = np.array([[0.0, 0], [0, 3], [0, 2], [5, 5], [3, 3], [6, 3]])
    labels = np.array([0, 2, 0, 1, 2, 2])
    # Class 0: (0, 0) and (0, 2), each 1 from their mean: √(2 / (2 - 1)). Class 1: one image. Class 2: 0, 3 and 6 in a
    # row: √((9 + 0 + 9) / (3 - 1)). Class 3: none.
    np.testing.assert_allclose(class_spread(features, labels, 4), [np.sqrt(2), np.nan, 3, np.nan])


def test_class_spread_is_the_root_of_the_trace_of_the_class_covariance() -> None:
    features, labels = correlated(300, 7), np.random.default_rng(1).integers(0, 3, 300)
    expected = [np.sqrt(np.trace(np.cov(features[labels == label], rowvar=False))) for label in range(3)]
    np.testing.assert_allclose(class_spread(features, labels, 3), expected)


def test_class_spread_of_a_class_that_collapsed_is_zero_and_of_a_narrower_one_less() -> None:
    features, labels = normal(3000, 5), np.arange(3000) % 3
    features[labels == 1] *= 0.5
    features[labels == 2] = 4
    wide, narrow, collapsed = class_spread(features, labels, 3)
    assert wide == pytest.approx(np.sqrt(5), rel=0.05)  # five features of variance 1
    assert narrow == pytest.approx(0.5 * np.sqrt(5), rel=0.05)
    assert collapsed == 0


def test_confusion_matrix_by_hand_and_by_scikit_learn() -> None:
    # Two images labelled 0: classified as 0 and as 1. One labelled 2: classified as 0. None is labelled 1.
    assert confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 0]), 3).tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 10, 500), rng.integers(0, 10, 500)
    expected = sklearn_confusion_matrix(labels, predicted, labels=range(12))
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 12), expected)


def test_total_variation_by_hand() -> None:
    assert total_variation(np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.5, 0.3])) == pytest.approx(0.3)
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1


# --- what holds for all of them ---

Measure = Callable[[Array, Array], object]

MEASURES: dict[str, Measure] = {
    "frechet_distance": lambda real, generated: frechet_distance(moments(real), moments(generated)),
    "kernel_distance": lambda real, generated: kernel_distance(real, generated)[0],
    "precision_recall": precision_recall,
    "density_coverage": density_coverage,
    "two_sample_accuracy": two_sample_accuracy,
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_order_of_the_images_does_not_matter(name: str) -> None:
    real, generated = normal(300, 6, 1), 1.3 * normal(300, 6, 2)
    rng = np.random.default_rng(3)
    shuffled = MEASURES[name](rng.permutation(real), rng.permutation(generated))
    assert shuffled == pytest.approx(MEASURES[name](real, generated), rel=1e-9)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("chunk", [1, 10_000])
def test_the_size_of_a_chunk_does_not_matter(name: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = normal(300, 6, 1), 1.3 * normal(300, 6, 2)
    whole = MEASURES[name](real, generated)
    monkeypatch.setattr(neighbours, "_CHUNK_BYTES", chunk)  # one row at a time; four
    assert MEASURES[name](real, generated) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("others", [None, normal(3500, 6, 2)])
def test_the_size_of_a_chunk_does_not_change_the_nearest(others: Array | None, monkeypatch: pytest.MonkeyPatch) -> None:
    points = normal(100, 6, 1)
    distances, indices = nearest(points, others, k=50)
    monkeypatch.setattr(neighbours, "_CHUNK_BYTES", 100_000)  # three rows, or all but twenty
    again, at = nearest(points, others, k=50)
    np.testing.assert_array_equal(again, distances)
    np.testing.assert_array_equal(at, indices)


@pytest.mark.parametrize("name", MEASURES)
def test_float32_features_measure_the_same(name: str) -> None:
    real, generated = (normal(300, 6, 1)).astype(np.float32), (1.3 * normal(300, 6, 2)).astype(np.float32)
    single = MEASURES[name](real, generated)
    assert single == pytest.approx(MEASURES[name](real.astype(np.float64), generated.astype(np.float64)), rel=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_features_are_left_as_they_were(name: str) -> None:
    real, generated = normal(60, 4, 1), normal(60, 4, 2)
    kept = real.copy(), generated.copy()
    MEASURES[name](real, generated)
    np.testing.assert_array_equal((real, generated), kept)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["real", "generated"])
@pytest.mark.parametrize("name", MEASURES)
def test_a_feature_that_is_no_finite_number_is_refused(name: str, side: str, bad: float) -> None:
    sides = {"real": normal(60, 4, 1), "generated": normal(60, 4, 2)}
    sides[side][7, 2] = bad
    with pytest.raises(ValueError, match="no finite number"):
        MEASURES[name](sides["real"], sides["generated"])


@pytest.mark.parametrize("name", MEASURES)
def test_one_image_is_too_few(name: str) -> None:
    with pytest.raises(ValueError, match="at least"):
        MEASURES[name](normal(1, 4), normal(1, 4))


def test_too_few_images_are_refused_with_the_number_that_is_needed() -> None:
    enough = normal(60, 4)
    with pytest.raises(ValueError, match="at least 20"):
        kernel_distance(enough, normal(19, 4))
    with pytest.raises(ValueError, match="at least 20"):
        kernel_distance(normal(19, 4), enough)
    with pytest.raises(ValueError, match="at least 4"):  # three others besides itself
        precision_recall(enough, normal(3, 4))
    with pytest.raises(ValueError, match="at least 6"):
        density_coverage(normal(5, 4), enough)
    with pytest.raises(ValueError, match="at least 51"):
        nearest(normal(50, 4), k=50)
    with pytest.raises(ValueError, match="at least 50"):
        nearest(enough, normal(49, 4), k=50)


def test_images_instead_of_features_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[5, 8, 8\]"):
        moments(np.zeros((5, 8, 8)))
    with pytest.raises(ValueError, match=r"\[5, 8, 8\]"):
        nearest(np.zeros((5, 8, 8)))


def test_sides_of_unequal_sizes_have_no_two_sample_accuracy() -> None:
    with pytest.raises(ValueError, match="50 real and 40 generated"):
        two_sample_accuracy(normal(50, 4), normal(40, 4))


def test_moments_can_be_had_from_elsewhere() -> None:
    # Published statistics are a mean and a covariance: no features are needed to measure against them.
    standard = Moments(np.zeros(3), np.eye(3))
    assert frechet_distance(standard, Moments(np.ones(3), 4 * np.eye(3))) == pytest.approx(3 + 3)


def test_edit_distance_by_hand() -> None:
    assert edit_distance("90210", "90210") == 0
    assert edit_distance("9210", "90210") == 1  # one is missing
    assert edit_distance("902210", "90210") == 1  # one is too many
    assert edit_distance("12345", "23456") == 2
    assert edit_distance("", "123") == edit_distance("123", "") == 3


@given(st.text("012", max_size=8), st.text("012", min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_edit_distance_is_that_of_torchmetrics(found: str, text: str) -> None:
    assert edit_distance(found, text) / len(text) == pytest.approx(float(CharErrorRate()([found], [text])))
