"""The model card, written from the record of the model in the box: `python tools/card.py`, which `make model` does."""

import json
import statistics
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "tools/card.md.j2"
RECORD, CARD = ROOT / "src/digitsmith/models/zoo/mnist.json", ROOT / "docs/model-card.md"


def main() -> None:
    """Write it."""
    CARD.write_text(card(json.loads(RECORD.read_text(encoding="utf-8"))), encoding="utf-8")


def card(record: dict[str, Any]) -> str:
    """Markdown, all of whose numbers come from the record."""
    measures = {measure["key"]: measure for measure in record["measures"]}
    rows = [
        f"| {measure['title']} | {number(measure, measure['values'][0])} | {spread(measure)} | "
        f"{number(measure, measure['real'])} |"
        for measure in record["measures"]
    ]
    agreement, recall, coverage = (measures[key] for key in ("agreement", "recall", "coverage"))
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        TEMPLATE.read_text("utf-8")
    )
    return template.render(
        record=record,
        protocol=record["protocol"],
        chain=record["chain"],
        rows=rows,
        filtering=[filtered(row) for row in record["filtering"]],
        seeds=", ".join(map(str, record["seeds"])),
        misread=f"{1 - agreement['real']:.2%}",
        wrong=f"{1 - agreement['values'][0]:.2%}",
        recall=f"{recall['values'][0] / recall['real']:.2f}",
        coverage=f"{coverage['values'][0] / coverage['real']:.2f}",
    )


def filtered(row: dict[str, float]) -> str:
    """A row of the table on `--min-confidence`."""
    least = f"{row['min_confidence']:g}" if row["min_confidence"] else "none"
    shares = [f"{row[key]:.2%}" for key in ("agreement", "recall", "coverage", "taught")]
    return (
        f"| {least} | {row['refused']:.1%} | {row['frechet_ratio']:.2f} | {row['spread']:.2f} | {' | '.join(shares)} |"
    )


def number(measure: dict[str, Any], value: float) -> str:
    """A value of a measure, as it is shown."""
    if measure["unit"] == "%":
        return f"{value:.2%}"
    return f"{value:.4f}" if measure["real"] < 0.1 else f"{value:.2f}"


def spread(measure: dict[str, Any]) -> str:
    """Mean and standard deviation over the trainings, as they are shown."""
    mean, deviation = statistics.mean(measure["values"]), statistics.stdev(measure["values"])
    return f"{number(measure, mean)} ± {number(measure, deviation)}"


if __name__ == "__main__":
    main()
