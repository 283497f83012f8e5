"""From numbers to verdicts."""

from collections.abc import Sequence

from digitsmith.records.evaluation import Measure, Verdict

ENOUGH = 5000
"""Images from which on chance hardly moves the ratio of Fréchet distances."""

FEW = 30
"""Images of a digit from which on it is judged by itself."""


def at_most(value: float, good: float, fair: float) -> Verdict:
    """The verdict on a value of which less is better."""
    return "good" if value <= good else "weak" if value <= fair else "fails"


def at_least(value: float, good: float, fair: float) -> Verdict:
    """The verdict on a value of which more is better."""
    return "good" if value >= good else "weak" if value >= fair else "fails"


def measure_of(found: Sequence[Measure], key: str) -> Measure:
    """The measure of that key."""
    return next(measure for measure in found if measure.key == key)


def near_real(found: Sequence[Measure]) -> bool:
    """Whether images lie near enough to real ones for the digit-net's predictions to mean something."""
    precision = measure_of(found, "precision")
    return precision.value >= precision.real / 2
