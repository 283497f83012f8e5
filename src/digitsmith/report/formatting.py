"""How results are written: in the terminal and on the page alike."""

from digitsmith.records.base import Record, Versions
from digitsmith.records.cells import SeedsStudy
from digitsmith.records.evaluation import Evaluation, Group, Measure
from digitsmith.records.study import Study

GROUPS: dict[Group, tuple[str, str]] = {
    "fidelity": ("Fidelity", "How close are they to real images?"),
    "diversity": ("Diversity", "How much of what real images are do they cover?"),
    "readability": ("Readability and labels", "Can they be recognised, and as what they are labelled?"),
    "memorisation": ("Memorisation", "Are training images repeated?"),
    "independent": (
        "In features that nothing is tuned to",
        "What does an autoencoder say, which knows no classes and had no part in any choice?",
    ),
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


def protocol(result: Evaluation | Study | SeedsStudy) -> dict[str, str]:
    """How a result was measured: what people call each fact, and the fact."""
    facts = {
        "Subject": result.subject,
        "Subject, sha256": "" if isinstance(result, SeedsStudy) else result.subject_sha256,
        "Reference": result.reference.title,
        "Reference, sha256": result.reference.sha256,
        "Held out": result.held_out.title,
        "Held out, sha256": result.held_out.sha256,
    }
    for key, value in result.protocol:
        title = type(result.protocol).model_fields[key].title
        label = title or key.capitalize().replace("_sha256", ", sha256").replace("_", " ")
        if isinstance(value, Record) and not isinstance(value, Versions):
            value = ", ".join(
                setting(name, chosen)
                for name, chosen in value
                if chosen is not None and chosen is not False and chosen != ""
            )
        facts[label] = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return facts


def setting(name: str, value: object) -> str:
    """A setting as people say it: layers are (width, stride) pairs, a size is height x width."""
    if name == "layers" and isinstance(value, tuple):
        value = ", ".join(f"{width} (stride {stride})" for width, stride in value)
    elif name == "resize" and isinstance(value, tuple):
        value = "x".join(map(str, value))
    return f"{name.replace('_', ' ')} {value}"
