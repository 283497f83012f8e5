"""How results are written: in the terminal and on the page alike."""

from digitsmith.records.evaluation import Group, Measure

GROUPS: dict[Group, tuple[str, str]] = {
    "fidelity": ("Fidelity", "How close are they to real images?"),
    "diversity": ("Diversity", "How much of what real images are do they cover?"),
    "readability": ("Readability and labels", "Can they be recognised, and as what they are labelled?"),
    "memorisation": ("Memorisation", "Are training images repeated?"),
}
"""Title and question of each group of measures, in the order in which they are shown."""

STUDIES: dict[str, tuple[str, str]] = {
    "scarce": ("What helps beside few real examples", "real examples only"),
    "classifiers": (
        "Whether a discriminator is a better classifier", "the same network with the same images, trained plainly"
    ),
}  # fmt: skip
"""Title of each kind of study of classifiers, and what its differences are to."""


NUMBERS = "What written numbers teach a program that reads"
"""Title of the study of them."""


def amount(measure: Measure, value: float) -> str:
    """A value of a measure, as people write it.

    Examples:
        >>> amount(Measure(key="k", group="fidelity", title="t", value=0, real=0, better="up", unit="%", verdict="good",
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
