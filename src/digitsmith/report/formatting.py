"""How results are said: in the terminal and on the page alike."""

import shlex

from digitsmith.records.results import Evaluation, Measure

GROUPS = {
    "real": "How real?",
    "varied": "How varied?",
    "readable": "How readable, how well labelled?",
    "original": "Made, or remembered?",
}
"""The questions, in the order in which they are answered."""


def amount(measure: Measure, value: float) -> str:
    """A value of a measure, as people write it.

    >>> amount(Measure(key="k", group="real", title="t", value=0, real=0, better="up", unit="%", verdict="good",
    ...                meaning=""), 0.9876)
    '98.8 %'
    """
    if measure.unit == "%":
        digits = 1 if 0.0005 <= value < 0.9995 or value in (0, 1) else 2
        return f"{value * 100:.{digits}f} %"
    if measure.unit == "x":
        return f"{value:,.0f} ×" if value >= 100 else f"{value:.2f} ×" if value < 10 else f"{value:.1f} ×"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"


def amount_and_error(measure: Measure) -> str:
    """The value of a measure, with its standard error where it has one."""
    error = "" if measure.error is None else f" ± {measure.error:.4f}"
    return amount(measure, measure.value) + error


def direction(measure: Measure) -> str:
    """Which way is better."""
    return {"up": "higher", "down": "lower", "near": "as real"}[measure.better]


def evaluate_command(result: Evaluation) -> str:
    """The command line that measures the same again."""
    protocol = result.protocol
    command = ["digitsmith", "evaluate", result.subject]
    command += ["--reference", result.reference.partition(", only ")[0].removesuffix(", one half")]
    command += ["--count", str(protocol.get("images", "")), "--seed", str(protocol.get("seed", 0))]
    if protocol.get("features") == "inception":
        command += ["--features", "inception"]
    return shlex.join(command)
