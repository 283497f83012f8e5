"""What a page shows of one run or result, read from its files."""

import base64
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from digitsmith.config.loading import describe_keys, flatten
from digitsmith.config.schema import TrainConfig
from digitsmith.errors import ResultError, RunError
from digitsmith.figures.history import History, read_history
from digitsmith.records.classifiers import Classifiers
from digitsmith.records.evaluation import Evaluation, check_picture
from digitsmith.records.learning import Learning
from digitsmith.records.results import load_result
from digitsmith.records.run import MetricsLine, Run, RunRecord
from digitsmith.records.scarce import Scarce
from digitsmith.records.study import Study
from digitsmith.records.written_numbers import WrittenNumbers
from digitsmith.report.commands import can_be_measured, command, train_command
from digitsmith.untrusted import read_bytes, reading

EVALUATION, STUDY = "evaluation.json", "tstr.json"
"""The results that are kept in the folder of their run."""

_GIF_BYTES = 2_000_000
"""A larger one stays in the run folder: the page shows the strip alone."""

_PICTURE_BYTES = 2**24
_MODEL_BYTES = 2**28  # a larger one cannot be loaded, either


@dataclass(frozen=True)
class Training:
    """What a run folder says of its training."""

    facts: dict[str, str]  # what was trained, on what, for how long
    command: str  # that repeats it; empty where it was trained on a data set in memory
    record: dict[str, str]  # where, on exactly which data and with which versions
    config: list[tuple[str, str, str]]  # every hyperparameter: key, value and meaning
    history: History
    pictures: dict[str, str]  # data URIs of `sample`, `real`, `strip` and `gif`, as far as there are any


@dataclass(frozen=True)
class Chapter:
    """One subject of a page: a run folder, with its results, or a result file."""

    path: Path  # what the user asked for
    name: str  # unlike that of the other chapters
    training: Training | None = None
    evaluation: Evaluation | None = None
    study: Study | None = None
    cells: Scarce | Classifiers | None = None
    numbers: WrittenNumbers | None = None
    learning: Learning | None = None
    generators: dict[str, str] = field(default_factory=dict)  # of a study of scarce data: titles, and data URIs
    outdated: bool = False  # the run's model has changed since its evaluation
    resume: str = ""  # the command that ends a training which was stopped
    measurable: bool = False  # the run can be evaluated
    anchor: str = ""  # its address within the page


def read_chapters(paths: Sequence[Path]) -> list[Chapter]:
    """Read run folders and result files.

    Raises:
        ResultError: a path that is neither.
        RunError: a run folder whose files cannot be read.
        ConfigError: a run folder whose config is none.
    """
    chapters = [_read_run(path) if path.is_dir() else _read_result(path) for path in paths]
    taken = Counter(chapter.name for chapter in chapters)
    return [
        replace(chapter, name=chapter.name if taken[chapter.name] == 1 else str(chapter.path), anchor=f"subject-{i}")
        for i, chapter in enumerate(chapters, 1)
    ]


def _read_result(path: Path) -> Chapter:
    if not path.exists():
        raise ResultError(
            f"there is no file or folder {path}: give a run folder, or a result of `digitsmith evaluate`."
        )
    result = load_result(path)
    name = Path(result.subject).name or result.subject
    if isinstance(result, Scarce):
        return Chapter(path, f"{name}, scarce data", cells=result, generators=_generators(path.parent, result))
    if isinstance(result, Classifiers):
        return Chapter(path, f"{name}, classifiers", cells=result)
    if isinstance(result, WrittenNumbers):
        return Chapter(path, f"{name}, written numbers", numbers=result)
    if isinstance(result, Study):
        return Chapter(path, f"{name}, study", study=result)
    if isinstance(result, Learning):
        return Chapter(path, f"{name}, reader", learning=result)
    return Chapter(path, name, evaluation=result)


def _generators(folder: Path, result: Scarce) -> dict[str, str]:
    """What the generators of a study made of the examples of its first seed, as far as they are there."""
    found = {}
    for number, kind in itertools.product(result.protocol.per_class, ("scratch", "adapted")):
        picture = Run(folder / f"{kind}-{number}-0").figures / "real-vs-fake.png"
        if picture.is_file():
            found[f"{number} of each class, {kind}"] = _picture(picture, "PNG")
    return found


def _read_run(path: Path) -> Chapter:
    run = Run(path)
    if not run.config.is_file():
        raise ResultError(
            f"{path} is no run folder, as it has no config.toml, and holds no reader or study that has a result: give "
            f"the folder of a `digitsmith train`, `learn` or `study`, or the JSON file of a `digitsmith evaluate`."
        )
    results = {name: load_result(path / name) for name in (EVALUATION, STUDY) if (path / name).is_file()}
    evaluation, study = results.get(EVALUATION), results.get(STUDY)
    if not isinstance(evaluation, Evaluation | None) or not isinstance(study, Study | None):
        raise ResultError(f"{path}: {EVALUATION} must be an evaluation and {STUDY} a study: remove what is not.")
    outdated = evaluation is not None and run.model.is_file() and _sha256(run.model) != evaluation.subject_sha256
    return Chapter(
        path,
        path.resolve().name,
        training=_read_training(run),
        evaluation=evaluation,
        study=study,
        outdated=outdated,
        resume=_resume(run),
        measurable=can_be_measured(run),
    )


def _resume(run: Run) -> str:
    """The command that goes on with a run that was stopped; empty if nothing is left to do, or it cannot go on."""
    record = run.read_record()
    can = record.state in ("training", "interrupted") and record.data.source
    return command("train", resume=True, out=run.folder) if can else ""


def _sha256(path: Path) -> str:
    with reading(path, RunError, "remove it, or export the model again"):
        return hashlib.sha256(read_bytes(path, _MODEL_BYTES)).hexdigest()


def _read_training(run: Run) -> Training:
    config, record, lines = run.read_config(), run.read_record(), run.read_metrics()
    meanings = describe_keys()
    return Training(
        facts=_facts(config, record, lines),
        command=train_command(record, run.folder) if record.data.source else "",
        record={"Data, sha256": record.data.sha256, "Device": record.device, "Versions": str(record.versions)},
        config=[(key, _as_toml(value), meanings[key]) for key, value in flatten(config).items()],
        history=read_history(lines),
        pictures=_pictures(run),
    )


def _facts(config: TrainConfig, record: RunRecord, lines: Sequence[MetricsLine]) -> dict[str, str]:
    data, networks, optimizer = record.data, config.networks, config.optimizer
    size, colour = "x".join(map(str, data.image_size)), " in colour" if data.channels == 3 else ""
    lengths = ((optimizer.epochs, "epochs"), (optimizer.steps, "steps"))
    length = next((f"{count:,} {what}" for count, what in lengths if count), "epochs")
    batches = f"batches of {optimizer.batch_size}" if optimizer.batch_size else "batches"
    facts = {
        "Trained on": f"{data.title}: {data.images:,} images of {size}{colour}, {len(data.classes) or 'no'} classes"
        + (", less a tenth that is held out to measure on" if config.run.evaluate_every else ""),
        "Networks": f"{networks.architecture}, {'conditional' if networks.conditional else 'unconditional'}",
        "Planned": f"{length} in {batches}, seed {config.run.seed}",
    }
    if record.labels:
        learned = f"a reader that learned from these labelled {record.labels.given:,} other images"
        known = f"{record.labels.per_class:,} of each class"
        facts["Labels"] = f"{known}; {learned if record.labels.reader_sha256 else 'a reader learns from these'}"
    widths = [
        (name, part.widths)
        for name, part in (("generator", networks.generator), ("discriminator", networks.discriminator))
    ]
    facts["Widths"] = "; ".join(f"{name} {' → '.join(map(str, of))}" for name, of in widths if of)
    if lines:
        last = lines[-1]
        duration = timedelta(seconds=round(last.seconds))
        facts["Done"] = f"{last.epoch} epochs, {last.images:,} images, in {duration} h on {record.device}"
    measured = {line.epoch: line.frechet_ratio for line in lines if line.frechet_ratio is not None}
    if measured:
        best = min(measured, key=measured.__getitem__)
        facts["Best"] = f"epoch {best}, Fréchet distance ratio {measured[best]:.1f} (1.0: as close as training images)"
    return facts


def _as_toml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pictures(run: Run) -> dict[str, str]:
    samples = run.samples()
    paths = {
        "sample": samples[max(samples)] if samples else None,
        "real": run.real,
        "strip": run.figures / "progress.png",
        "gif": run.figures / "progress.gif",
    }
    found = {}
    for name, path in paths.items():
        if path is not None and path.is_file() and (name != "gif" or path.stat().st_size <= _GIF_BYTES):
            found[name] = _picture(path, "GIF" if name == "gif" else "PNG")
    return found


def _picture(path: Path, kind: Literal["PNG", "GIF"]) -> str:
    with reading(path, RunError, "remove it"):
        content = read_bytes(path, _PICTURE_BYTES)
        check_picture(content, kind)
    return data_uri(content, f"image/{kind.lower()}")


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds it whole."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
