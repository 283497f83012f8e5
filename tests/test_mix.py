"""Images are drawn at one mix of digits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitsmith.evaluation.mix import counts_of, digits_at, draw, most_at, weights_of

MIXES = st.lists(st.integers(0, 50), min_size=10, max_size=10).filter(any).map(np.array)


def test_counts_are_rounded_by_the_largest_remainder() -> None:
    mix = np.array([50, 30, 20, 0, 0, 0, 0, 0, 0, 0])
    assert np.bincount(digits_at(mix, 10)).tolist() == [5, 3, 2]
    assert np.bincount(digits_at(mix, 7)).tolist() == [4, 2, 1]  # 3.5, 2.1 and 1.4


@given(MIXES, st.integers(1, 300), st.integers(2, 5))
def test_every_part_has_the_mix(mix: np.ndarray, n: int, parts: int) -> None:
    digits = digits_at(mix, n)
    counts = np.bincount(digits, minlength=10)
    assert (np.abs(counts - n * mix / mix.sum()) < 1).all()
    for part in np.array_split(digits, parts):
        assert (np.abs(np.bincount(part, minlength=10) - counts * len(part) / n) < 3).all()


@given(MIXES, st.integers(1, 300), MIXES)
def test_as_many_are_drawn_as_a_set_can_give(mix: np.ndarray, n: int, there: np.ndarray) -> None:
    most = most_at(mix, n, there)
    assert 0 <= most <= n
    if most:
        labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), there))
        wanted = digits_at(mix, most)
        drawn = draw(np.arange(len(labels)), labels, most, wanted)
        assert drawn is not None
        assert len(np.unique(drawn)) == most
        np.testing.assert_array_equal(labels[drawn], wanted)
    if most < n:
        assert (np.bincount(digits_at(mix, most + 1), minlength=10) > there).any()


def test_what_is_not_there_is_not_drawn() -> None:
    places, labels = np.array([7, 3, 5]), np.array([1, -1, 0])
    assert draw(places, None, 2, None).tolist() == [7, 3]
    assert draw(places, None, 4, None) is None
    assert draw(places, labels, 2, np.array([0, 1])).tolist() == [5, 7]
    assert draw(places, labels, 2, np.array([0, 0])) is None
    assert draw(places, None, 1, np.array([0])) is None


def test_weights_give_back_the_mix_that_was_drawn_from() -> None:
    labels = np.array([0, 0, 0, 1, -1])
    assert counts_of(labels)[:3].tolist() == [3, 1, 0]
    assert weights_of(np.array([0, 1, 1]), labels).tolist() == [3, 0.5, 0.5]
