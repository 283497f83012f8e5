"""What evaluations found, side by side; and the report of runs."""

import threading
from collections.abc import Mapping
from pathlib import Path

from digitsmith.errors import DependencyError, ResultError, install
from digitsmith.records.evaluation import Evaluation
from digitsmith.records.results import require_comparable
from digitsmith.records.studio import Judged, JudgedMeasure, Judgement
from digitsmith.report.chapters import read_chapters
from digitsmith.report.formatting import GROUPS, amount, amount_and_error, direction, protocol

_drawing = threading.Lock()


def judge(places: Mapping[str, Path]) -> Judgement:
    """Compare evaluations: what `digitsmith evaluate` saved in these run folders, by key. Runs without are left out.

    Raises:
        ResultError, RunError, ConfigError: a folder that is no run, or whose files cannot be read.
    """
    chapters = dict(zip(places, read_chapters(list(places.values())), strict=True)) if places else {}
    found: dict[str, Evaluation] = {
        key: chapter.evaluation for key, chapter in chapters.items() if chapter.evaluation is not None
    }
    tables = [{measure.key: measure for measure in result.measures} for result in found.values()]
    first = {key: measure for table in reversed(tables) for key, measure in table.items()}
    rows = []
    for key, measure in first.items():
        of_runs = [table.get(key) for table in tables]
        rows.append(
            JudgedMeasure(
                group=GROUPS[measure.group][0],
                title=measure.title,
                better=direction(measure),
                meaning=measure.meaning,
                real=tuple("" if one is None else amount(one, one.real) for one in of_runs),
                values=tuple("" if one is None else amount_and_error(one) for one in of_runs),
                verdicts=tuple("" if one is None else one.verdict for one in of_runs),
            )
        )
    problem = ""
    try:
        require_comparable(list(found.values()))
    except ResultError as error:
        problem = error.message
    return Judgement(
        runs=tuple(
            Judged(
                key=key,
                name=str(places[key]),
                protocol=protocol(result),
                collapsed=result.collapse.collapsed,
                outdated=chapters[key].outdated,
            )
            for key, result in found.items()
        ),
        measures=tuple(rows),
        problem=problem,
    )


def report(places: Mapping[str, Path]) -> str:
    """The page of `digitsmith report` on runs.

    Raises:
        DependencyError: what draws it is not installed.
        ResultError, RunError, ConfigError: runs that cannot be read, or compared.
    """
    try:
        from digitsmith.report.page import render_report
    except ImportError as error:
        raise DependencyError(f"a report needs {error.name}: {install('report')}.") from error
    with _drawing:
        return render_report(list(places.values()))
