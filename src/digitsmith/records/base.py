"""What all records have in common: a version, strict types, one way to a file and back."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from digitsmith.files import staged_file

MOST_CLASSES = 10_000


class Record(BaseModel):
    """A frozen object that is written as JSON. What it does not know is refused, and what no record would hold.

    A file may be a stranger's: numbers are finite and whole ones bounded (`Count`), texts no longer than a note on
    several paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=2**14)

    def as_file(self) -> bytes:
        """What is in its file: JSON, in UTF-8."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        with staged_file(path) as staged:
            staged.write_bytes(self.as_file())


def check_class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Return `classes` as a tuple if each can stand as a folder name and none comes twice, else raise `ValueError`."""
    if isinstance(classes, str | set | frozenset) or not all(isinstance(name, str) for name in classes):
        raise ValueError("class names are a list of strings, in order")
    if len(classes) > MOST_CLASSES:
        raise ValueError(f"{len(classes):,} classes, more than {MOST_CLASSES:,}")
    for name in classes:
        if not 1 <= len(name) <= 64 or not name.isprintable() or {"/", "\\"} & set(name) or name in (".", ".."):
            raise ValueError(f"{name[:100]!r} cannot be a class name: use 1 to 64 printable characters, no slashes")
    if len(set(classes)) != len(classes):
        raise ValueError("two classes have the same name")
    return tuple(classes)


ClassNames = Annotated[tuple[str, ...], AfterValidator(check_class_names)]
SIDES = range(8, 129)
"""The image heights and widths that models take, in pixels."""


def _spell_out(text: object) -> object:
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


Address = Annotated[str, BeforeValidator(_spell_out), Field(max_length=4096)]
"""A name or path, as the user gave it, no longer than paths can be. Bytes that are no UTF-8 are spelled out, as JSON
cannot hold them."""

Channels = Literal[1, 3]
Count = Annotated[int, Field(ge=0, le=10**12)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Side = Annotated[int, Field(ge=1, le=65536)]


Ink = Literal["auto", "dark", "bright"]
Frame = Literal["mnist", "tight"]


class ReadOptions(Record):
    """How the files of a data set are read, where they do not say it themselves."""

    resize: tuple[Side, Side] | None = Field(default=None, description="Height and width to scale images to.")
    ink: Ink = Field(
        default="auto", description="dark: ink is darker than paper, and images are inverted; auto: as it is found."
    )
    frame: Frame | None = Field(
        default=None,
        description="Crop each image to its ink. mnist: scale the longer side to 20 of 28 and centre the mass, as "
        "MNIST was made; tight: scale the longer side to the whole. Unset: images are left as they are.",
    )
    image_column: Annotated[str, Field(max_length=256)] = Field(
        default="", description="Of a table: the column of file names or images; empty: as it is found."
    )
    label_column: Annotated[str, Field(max_length=256)] = Field(
        default="", description="Of a table: the column of labels; empty: as it is found."
    )
    skip_bad: bool = Field(default=False, description="Leave out images that cannot be read, and say which.")


class DataRecord(Record):
    """The images that something was trained on, or compared with."""

    source: Address = Field(description="Name or path, as the user gave it; empty for a data set in memory.")
    split: Literal["train", "test"] = "train"
    sha256: str = Field(description="Of pixels, labels and class names (Dataset.sha256).")
    images: Count
    image_size: tuple[Side, Side] = Field(description="Height and width, in pixels.")
    channels: Channels = 1
    classes: ClassNames = ()
    read: ReadOptions = Field(default=ReadOptions(), description="How its files were read.")

    @property
    def title(self) -> str:
        """What people call it."""
        return self.source or "a data set in memory"


class LabelsRecord(Record):
    """Labels of images that a reader gave, which learned from those of a few."""

    per_class: Annotated[Count, Field(ge=1)] = Field(
        description="Labels of each class that were used. The seed of the run drew them."
    )
    reader_sha256: str = Field(default="", description="Of the reader's file; empty until it has learned.")
    given: Count = Field(default=0, description="Images that it labelled.")
    refused: Count = Field(default=0, description="Images that it took for no digit, and that were left out.")


class Versions(Record):
    """What computed something."""

    digitsmith: str
    git: str = Field(default="", description="Commit of a source checkout; empty for an installed package.")
    python: str
    libraries: dict[str, str] = Field(default_factory=dict, max_length=100, description="By name.")

    @classmethod
    def here(cls, *libraries: str) -> "Versions":
        """Of this process, with those of the named libraries that are installed."""
        found = {}
        for name in libraries:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return cls(
            digitsmith=version("digitsmith"), git=git_version(), python=platform.python_version(), libraries=found
        )

    def __str__(self) -> str:
        first = [f"digitsmith {self.digitsmith}", *([f"git {self.git}"] if self.git else []), f"python {self.python}"]
        return ", ".join([*first, *(f"{name} {number}" for name, number in self.libraries.items())])


class Origin(Record):
    """What something was trained on, where, and by which versions."""

    data: DataRecord
    device: str = Field(description="As torch names it: cpu, cuda:0, ….")
    versions: Versions
    ranks: Annotated[int, Field(ge=1, le=2**20)] = Field(
        default=1, description="Processes that it was trained by (torchrun), when that last went on."
    )


def git_version() -> str:
    """The commit of a source checkout; empty for an installed package."""
    import subprocess

    package = Path(__file__).resolve().parents[1]
    if package.parent.name != "src":
        return ""
    command: Sequence[str] = ["git", "-C", str(package), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
