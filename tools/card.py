"""The model card, written from the record of the model in the box: `python tools/card.py`, which `make model` does."""

import json
import statistics
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "tools/card.md.j2"
RECORD, CARD = ROOT / "src/digitsmith/zoo/mnist.json", ROOT / "docs/model-card.md"


def main() -> None:
    """Write it."""
    CARD.write_text(card(json.loads(RECORD.read_text(encoding="utf-8"))), encoding="utf-8")


def card(record: dict[str, Any]) -> str:
    """Markdown, all of whose numbers come from the record."""
    chosen = record["chosen_seed"]
    measures = {measure["key"]: measure for measure in record["measures"]}
    rows = [
        f"| {measure['title']} | {number(measure, measure['values'][chosen])} | {spread(measure)} | "
        f"{number(measure, measure['real'])} |"
        for measure in record["measures"]
    ]
    agreement, recall, coverage = (measures[key] for key in ("agreement", "recall", "coverage"))
    validation = ", ".join(
        f"seed {seed}: {distance:.4f}" for seed, distance in enumerate(record["validation_distances"])
    )
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        TEMPLATE.read_text("utf-8")
    )
    return template.render(
        record=record,
        protocol=record["protocol"],
        chain=record["chain"],
        chosen=chosen,
        rows=rows,
        trainings=len(agreement["values"]),
        validation=validation,
        wrong=f"{1 - agreement['values'][chosen]:.2%}",
        recall=f"{recall['values'][chosen] / recall['real']:.2f}",
        coverage=f"{coverage['values'][chosen] / coverage['real']:.2f}",
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
