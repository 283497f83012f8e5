"""Mode collapse: whether images fall into fewer modes than real ones, and into which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.labels import DIGITS
from digitsmith.evaluation.measures.diversity import DigitStatistics
from digitsmith.evaluation.measures.verdicts import FEW, measure_of
from digitsmith.records.evaluation import Collapse, Measure


def find_collapse(
    found: Sequence[Measure],
    duplicated: NDArray[np.bool_],
    digits: NDArray[np.int64] | None,
    statistics: DigitStatistics | None,
) -> Collapse:
    """Look for missing, repeated and uniform modes.

    Args:
        found: the measures, of which the coverage is taken.
        duplicated: bool[n], the generated images that have near-duplicates.
        digits: int64[n], what they are classified as; None where images are no digits.
        statistics: of each digit; None where images are no digits: only repetition can be found then.
    """
    if digits is None or statistics is None:
        share = duplicated.mean()
        reasons = [f"{share:.0%} of the images are near-duplicates."] if share > 0.5 else []
    else:
        reasons = _of_digits(duplicated, digits, statistics)
    coverage = measure_of(found, "coverage")
    if coverage.value < coverage.real / 2:
        reasons.append(
            f"Coverage is {coverage.value:.0%}, that of held-out real images {coverage.real:.0%}: most kinds of real "
            f"images are missing."
        )
    return Collapse(collapsed=bool(reasons), reasons=tuple(reasons))


def _of_digits(duplicated: NDArray[np.bool_], digits: NDArray[np.int64], statistics: DigitStatistics) -> list[str]:
    shares, real_shares = statistics.shares.generated, statistics.shares.reference
    reasons = []
    for i in statistics.present:
        members, name = digits == i, DIGITS[i]
        if shares[i] < real_shares[i] / 5 and real_shares[i] * len(digits) >= FEW:
            reasons.append(
                f"The digit {name} is all but missing: {shares[i]:.1%}, of real images {real_shares[i]:.1%}."
            )
        elif shares[i] > 3 * real_shares[i]:
            reasons.append(f"{shares[i]:.0%} of the images are the digit {name}, of real ones {real_shares[i]:.0%}.")
        if members.sum() >= FEW and duplicated[members].mean() > 0.5:
            reasons.append(f"{duplicated[members].mean():.0%} of the images of {name} are near-duplicates.")
        elif members.sum() >= FEW and statistics.spread[i] < 0.5:
            reasons.append(f"Images of {name} vary {statistics.spread[i]:.2f} times as much as real ones.")
    return reasons
