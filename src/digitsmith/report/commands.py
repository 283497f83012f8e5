"""Command lines to suggest: they can be pasted into a shell, whatever the names in them."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digitsmith.records.base import ReadOptions
    from digitsmith.records.classifiers import Classifiers
    from digitsmith.records.evaluation import Evaluation
    from digitsmith.records.learning import Learning
    from digitsmith.records.run import Run, RunRecord
    from digitsmith.records.scarce import Scarce
    from digitsmith.records.study import Study
    from digitsmith.records.written_numbers import WrittenNumbers


def command(name: str, *subjects: object, **options: object) -> str:
    """A command line.

    Args:
        name: of the command.
        subjects: its arguments. One that begins with a dash is a path, and written so that it is no option.
        options: by name, with their values; True is a flag, several values are as many options, and None is left out.

    Examples:
        >>> command("evaluate", "my run", "-x", count=5, fetch=True)
        "digitsmith evaluate 'my run' ./-x --count 5 --fetch"
    """
    words = [f"./{subject}" if str(subject).startswith("-") else str(subject) for subject in subjects]
    for key, value in options.items():
        option = f"--{key.replace('_', '-')}"
        for one in value if isinstance(value, list | tuple) else [value]:
            if str(one).startswith("-"):
                words.append(f"{option}={one}")
            elif one is not None:
                words += [option] if one is True else [option, str(one)]
    return " ".join(["digitsmith", name, *map(quoted, words)])


def launched(shown: str) -> str:
    """A command line as it is started again: where torchrun started this process, by torchrun, with as many ranks on a
    machine.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return shown
    return f"torchrun --nproc-per-node {os.environ.get('LOCAL_WORLD_SIZE', '1')} -m {shown}"


def quoted(word: str) -> str:
    r"""A word for a shell; what cannot be shown is spelled in codes, as bash and zsh read them.

    Examples:
        >>> print(quoted("it is"), quoted("a\nb"))
        'it is' $'a\012b'
    """
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(c if c.isprintable() and c not in _OF_QUOTES else _codes(c) for c in word)}'"


_OF_QUOTES = "\\'"


def _codes(char: str) -> str:
    """The bytes of a character. Three octal digits each, which no digit after them extends."""
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def train_command(record: "RunRecord", folder: Path) -> str:
    """The command line that repeats a run."""
    start = {"from": record.start.name} if record.start else {}
    read = read_words(record.data.read)
    drawn = {"per_class": record.labels.per_class} if record.labels else {}
    return command(
        "train", record.preset, **start, data=record.data.source, **drawn, out=folder, **read, set=record.changes
    )


def read_words(read: "ReadOptions") -> dict[str, str | bool]:
    """The options of a command that say how a data set is read, where they are not the default."""
    words: dict[str, str | bool] = read.model_dump(exclude_defaults=True)
    return words | ({"resize": "x".join(map(str, read.resize))} if read.resize else {})


def evaluate_command(result: "Evaluation", json: str | None = None) -> str:
    """The command line that measures the same again, and saves the result in `json`."""
    protocol = result.protocol
    features = None if protocol.features == "digitnet" else protocol.features
    return command(
        "evaluate", result.subject, reference=result.reference.address, count=protocol.images, seed=protocol.seed,
        features=features, json=json,
    )  # fmt: skip


def tstr_command(result: "Study", json: str | None = None) -> str:
    """The command line that does the same study again, and saves the result in `json`."""
    protocol = result.protocol
    return command(
        "study tstr", result.subject, reference=result.reference.address, count=protocol.images, seeds=protocol.seeds,
        json=json,
    )  # fmt: skip


def scarce_command(result: "Scarce", folder: Path) -> str:
    """The command line that does the same study, or goes on with it, in a folder."""
    protocol = result.protocol
    return command(
        "study scarce", result.subject, per_class=",".join(map(str, protocol.per_class)), arms=",".join(protocol.arms),
        seeds=protocol.seeds, model=protocol.model, **read_words(protocol.read), out=folder,
    )  # fmt: skip


def classifiers_command(result: "Classifiers", folder: Path) -> str:
    """The command line that does the same study, or goes on with it, in a folder."""
    protocol = result.protocol
    return command(
        "study classifiers", result.subject, per_class=",".join(map(str, protocol.per_class)),
        structures=",".join(protocol.structures), seeds=protocol.seeds, **read_words(protocol.read), out=folder,
    )  # fmt: skip


def numbers_command(result: "WrittenNumbers", folder: Path) -> str:
    """The command line that does the same study, or goes on with it, in a folder."""
    protocol = result.protocol
    return command(
        "study numbers", result.subject, arms=",".join(protocol.arms), wear=protocol.wear, model=protocol.model,
        seeds=protocol.seeds, epochs=protocol.network.epochs, **read_words(protocol.read), out=folder,
    )  # fmt: skip


def learn_command(result: "Learning", folder: Path) -> str:
    """The command line that trains the same reader in a folder."""
    training = result.training
    others = training.unlabelled_data.source if training.unlabelled_data else None
    return command(
        "learn", folder, data=result.subject,
        per_class=len(training.drawn) // len(result.classes) or None,
        unlabelled=others,
        generated=training.generated.model if training.generated else "none",
        epochs=training.classifier.epochs, seed=training.seed, **read_words(training.data.read),
    )  # fmt: skip


def can_be_measured(run: "Run") -> bool:
    """Whether a run has a generator, and was trained on images of a source, enough of them to compare its own with."""
    from digitsmith.models.digitnet import LEAST_IMAGES

    if not run.model.is_file():
        return False
    data = run.read_record().data
    return bool(data.source) and data.images >= LEAST_IMAGES
