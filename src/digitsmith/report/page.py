"""One self-contained HTML page on runs and results: it reads their files, and computes nothing new."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from digitsmith.errors import OutputError, ResultError, printable
from digitsmith.figures.cells import draw_accuracies
from digitsmith.figures.curves import KINDS, OF_LEARNING, Kind, draw_curves, learning_history
from digitsmith.figures.history import History
from digitsmith.figures.lengths import draw_lengths
from digitsmith.files import staged_file
from digitsmith.records.cells import TITLES, CellStudy
from digitsmith.records.classifiers import Classifiers
from digitsmith.records.evaluation import Evaluation, Measure
from digitsmith.records.learning import RESULT, Learning
from digitsmith.records.results import require_comparable
from digitsmith.records.scarce import Scarce
from digitsmith.records.written_numbers import TEACHERS, WrittenNumbers
from digitsmith.report.chapters import Chapter, data_uri, read_chapters
from digitsmith.report.commands import (
    classifiers_command,
    command,
    evaluate_command,
    learn_command,
    numbers_command,
    scarce_command,
    tstr_command,
)
from digitsmith.report.formatting import (
    GROUPS,
    NUMBERS,
    STUDIES,
    amount,
    amount_and_error,
    direction,
    protocol,
)
from digitsmith.report.learned import hardest_images, learning_facts
from digitsmith.untrusted import reading

_IN_FOLDERS = ("scarce.json", "classifiers.json", "numbers.json", RESULT)
"""The results that are what their folder is about."""


@dataclass(frozen=True)
class Picture:
    """An image of the page, its text for those who cannot see it, and what stands beneath."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Headline:
    """One finding: a number, what it is in the field's terms, and what it means."""

    figure: str
    title: str
    meaning: str
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Several chapters side by side."""

    evaluated: list[tuple[Chapter, Evaluation]]  # the columns of the measures
    measures: list[tuple[Measure, list[Measure | None]]]  # rows; None where it was not measured
    trained: list[Chapter]  # the columns of the settings
    settings: list[tuple[str, list[str]]]  # rows of hyperparameters that are not the same in all
    curves: list[Picture]  # of all runs, laid over each other


def write_report(subjects: str | Path | Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Write one self-contained HTML page on run folders and results of evaluations and studies; several are compared.

    Args:
        subjects: one or several paths of run folders, folders of studies, and JSON files of results.
        out: the HTML file, which replaces one that is there. Default: report.html, in the folder of a single subject.

    Returns:
        Its path.

    Raises:
        ResultError: a path that is no run and no result, or results that cannot be compared.
        RunError: a run folder whose files cannot be read.
        OutputError: the page cannot be written.
    """
    paths = [Path(subject) for subject in ([subjects] if isinstance(subjects, str | Path) else subjects)]
    if not paths:
        raise ResultError("a report is about something: give a run folder, or the JSON file of a result.")
    with reading(", ".join(map(str, paths)), ResultError, "check the path"):
        paths = [next((path / name for name in _IN_FOLDERS if (path / name).is_file()), path) for path in paths]
        alone = Path() if len(paths) > 1 else paths[0] if paths[0].is_dir() else paths[0].parent
        out = Path(out or alone / "report.html")
        if any(out.resolve() == path.resolve() for path in paths):
            raise OutputError(
                f"{out} is what the report is about, and would be overwritten: choose another place.", parameter="out"
            )
        page = render_report(paths)
    with staged_file(out) as staged:
        staged.write_text(page, encoding="utf-8")
    return out


def render_report(paths: Sequence[Path]) -> str:
    """The page on run folders and JSON files of results, as HTML. One call at a time: Matplotlib's settings are global.

    Raises:
        ResultError, RunError, ConfigError: as `read_chapters`; results that cannot be compared.
    """
    chapters = read_chapters(paths)
    return _environment().get_template("page.html.j2").render(
        chapters=chapters,
        comparison=_compare(chapters) if len(chapters) > 1 else None,
        repeat=command("report", *paths),
    )  # fmt: skip


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("digitsmith", "report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    environment.globals |= {
        "GROUPS": GROUPS,
        "amount": amount,
        "amount_and_error": amount_and_error,
        "direction": direction,
        "headlines": _headlines,
        "curves": _curves,
        "learning_curves": _learning_curves,
        "learning_facts": learning_facts,
        "hardest_images": hardest_images,
        "protocol": protocol,
        "accuracy_curves": _accuracy_curves,
        "length_curves": _length_curves,
        "STUDIES": STUDIES,
        "ARMS": TITLES,
        "NUMBERS": NUMBERS,
        "TEACHERS": TEACHERS,
        "repeat_commands": _repeat_commands,
        "command": command,
    }
    return environment


def _shown(value: object) -> object:
    """A value as it comes to the page: text is printable, and no mark in it turns the order of what follows around."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_HEADLINES = ("frechet_ratio", "recognisable", "agreement")


def _headlines(result: Evaluation) -> list[Headline]:
    found = [
        Headline(amount(measure, measure.value), measure.title, _beside_real(measure), measure.verdict)
        for measure in result.measures
        if measure.key in _HEADLINES
    ]
    if result.collapse.collapsed:
        meaning = "The images fall into fewer kinds than real ones."
        return [*found, Headline("Collapsed", "Mode collapse", meaning, "fails")]
    meaning = "No kind of image is missing, or generated over and over."
    return [*found, Headline("No collapse", "Mode collapse", meaning, "good")]


def _beside_real(measure: Measure) -> str:
    if measure.key == "frechet_ratio":
        return "1.0: as close to real images as held-out real ones."
    return f"{measure.meaning} Real images: {amount(measure, measure.real)}."


def _accuracy_curves(result: CellStudy) -> Picture:
    with mpl.rc_context({"svg.hashsalt": "scarce", "font.size": 11}):
        uri = _svg(draw_accuracies(result, size=(8, 4.6)))
    title = "Accuracy by the number of real examples of each class"
    return Picture(uri, title, f"{title}. {_BARS}")


def _length_curves(result: WrittenNumbers) -> Picture:
    with mpl.rc_context({"svg.hashsalt": "numbers", "font.size": 11}):
        uri = _svg(draw_lengths(result, size=(9, 4)))
    title = "Numbers that are read without a mistake, and character error, by length"
    return Picture(uri, title, f"{title}. {_BARS}")


_BARS = "Bars: standard deviation over the seeds."


def _svg(figure: Figure) -> str:
    """A figure as an address that holds it whole."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    return data_uri(drawn.getvalue(), "image/svg+xml")


def _learning_curves(result: Learning) -> list[Picture]:
    return _curves({result.subject: learning_history(result)}, OF_LEARNING)


def _repeat_commands(chapter: Chapter) -> list[str]:
    commands = [chapter.training.command] if chapter.training and chapter.training.command else []
    commands += [evaluate_command(chapter.evaluation)] if chapter.evaluation else []
    commands += [tstr_command(chapter.study)] if chapter.study else []
    if isinstance(chapter.cells, Scarce):
        commands += [scarce_command(chapter.cells, chapter.path.parent)]
    if isinstance(chapter.cells, Classifiers):
        commands += [classifiers_command(chapter.cells, chapter.path.parent)]
    if chapter.numbers:
        commands += [numbers_command(chapter.numbers, chapter.path.parent)]
    learned = chapter.learning
    named = learned is not None and learned.training.data.source  # else it learned from a data set in memory
    return commands + ([learn_command(learned, chapter.path.parent)] if learned and named else [])


def _compare(chapters: Sequence[Chapter]) -> Comparison:
    evaluated = [(chapter, chapter.evaluation) for chapter in chapters if chapter.evaluation is not None]
    require_comparable([result for _, result in evaluated])
    tables = [{measure.key: measure for measure in result.measures} for _, result in evaluated]
    first = {key: measure for table in reversed(tables) for key, measure in table.items()}
    trained = {chapter.name: chapter.training for chapter in chapters if chapter.training is not None}
    configs = [{key: value for key, value, _ in training.config} for training in trained.values()]
    keys = dict.fromkeys(key for config in configs for key in config)  # each architecture has some of its own
    settings = [(key, [config.get(key, "-") for config in configs]) for key in keys]
    return Comparison(
        evaluated=evaluated,
        measures=[(measure, [table.get(key) for table in tables]) for key, measure in first.items()],
        trained=[chapter for chapter in chapters if chapter.training is not None],
        settings=[(key, values) for key, values in settings if len(set(values)) > 1],
        curves=_curves({name: training.history for name, training in trained.items()}),
    )


def _curves(histories: dict[str, History], kinds: Mapping[str, Kind] = KINDS) -> list[Picture]:
    """Each kind of curves that there is, for one run or several."""
    pictures = []
    for name, kind in kinds.items():
        with mpl.rc_context({"svg.hashsalt": name, "font.size": 11}):
            figure = draw_curves(kind, histories, size=(5.4, 3.6))
            if figure is None:
                continue
            uri = _svg(figure)
        caption = kind.title
        if len(histories) == 1:
            (history,) = histories.values()
            last = [f"{name} {history[key][1][-1]:.3g}" for key, name in kind.curves.items() if key in history]
            caption += f". Last: {', '.join(last)}."
        pictures.append(Picture(uri, f"{kind.title}, by epoch", caption))
    return pictures
