"""Trainings that a benchmark takes up where they were left."""

from typing import Any

import digitsmith
from digitsmith.records.run import Run


def finish(run: Run, preset: str, data: str, **options: Any) -> None:
    """Train a run to its end: from the start, or from where it was stopped; one that is finished stays as it is.

    Args:
        run: where.
        preset: of a new run.
        data: of a new run.
        options: others of `digitsmith.train`; `changes` are those of a new run.
    """
    if not run.checkpoint.exists():
        digitsmith.train(preset, data, run.folder, **options)
    elif run.read_record().state != "finished":
        options.pop("changes", None)
        digitsmith.train(out=run.folder, resume=True, **options)
