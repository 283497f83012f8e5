"""The model card, written from the records of the model in the box: `python tools/card.py`, which `make model` does."""

import statistics
from pathlib import Path

from jinja2 import Environment, StrictUndefined

import digitsmith
from digitsmith.models.generator import shipped_record
from digitsmith.records.model import FilterRow, GeneratorRecord, ShippedMeasure, ShippedRecord

ROOT = Path(__file__).parent.parent
TEMPLATE, CARD = ROOT / "tools/card.md.j2", ROOT / "docs/model-card.md"


def main() -> None:
    """Write it."""
    CARD.write_text(card(shipped_record("mnist"), digitsmith.load("mnist").record), encoding="utf-8")


def card(shipped: ShippedRecord, generator: GeneratorRecord) -> str:
    """Markdown, all of whose numbers come from the records."""
    agreement, recall, coverage = map(shipped.measure, ("agreement", "recall", "coverage"))
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        record=shipped,
        protocol=shipped.protocol,
        training=generator.training,
        export=generator.export,
        rows=[
            f"| {measure.title} | {number(measure, measure.values[0])} | {spread(measure)} | "
            f"{number(measure, measure.real)} |"
            for measure in shipped.measures
        ],
        filtering=[filtered(row) for row in shipped.filtering],
        seeds=", ".join(map(str, shipped.seeds)),
        wrong_real=f"{1 - agreement.real:.2%}",
        wrong=f"{1 - agreement.values[0]:.2%}",
        recall=f"{recall.values[0] / recall.real:.2f}",
        coverage=f"{coverage.values[0] / coverage.real:.2f}",
    )


def filtered(row: FilterRow) -> str:
    """A row of the table on `--min-confidence`."""
    least = f"{row.min_confidence:g}" if row.min_confidence else "none"
    shares = [f"{share:.2%}" for share in (row.agreement, row.recall, row.coverage, row.tstr)]
    return f"| {least} | {row.refused:.1%} | {row.frechet_ratio:.2f} | {row.spread:.2f} | {' | '.join(shares)} |"


def number(measure: ShippedMeasure, value: float) -> str:
    """A value of a measure, as it is shown."""
    if measure.unit == "%":
        return f"{value:.2%}"
    return f"{value:.4f}" if measure.real < 0.1 else f"{value:.2f}"


def spread(measure: ShippedMeasure) -> str:
    """Mean and standard deviation over the trainings, as they are shown."""
    mean, deviation = statistics.mean(measure.values), statistics.stdev(measure.values)
    return f"{number(measure, mean)} ± {number(measure, deviation)}"


if __name__ == "__main__":
    main()
