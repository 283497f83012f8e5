"""What evaluations and studies find, as frozen objects and as JSON files: numbers, each with its real-data value, and
the protocol that they were taken with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from digitsmith.errors import ResultError
from digitsmith.files import staged_file

Verdict = Literal["good", "weak", "fails"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Measure(_Frozen):
    """One number, beside the same number of real images."""

    key: str = Field(description="Stable name, for programs.")
    group: Literal["real", "varied", "readable", "original"] = Field(description="The question that it answers.")
    title: str
    value: float
    real: float = Field(description="What unseen real images get, measured in the same way.")
    better: Literal["up", "down", "near"] = Field(description="near: best where it equals the value of real images.")
    unit: Literal["", "%", "x"] = Field(default="", description="%: a share, from 0 to 1, to be shown as percentage.")
    error: float | None = Field(default=None, description="Standard error of the value, where there is one.")
    verdict: Verdict
    meaning: str = Field(description="One sentence for people.")


class Confusion(_Frozen):
    """How often images of each label (row) are read as each digit (column)."""

    labels: tuple[str, ...]
    digits: tuple[str, ...]
    counts: list[list[int]]
    agreement: list[float] = Field(description="Per label: the share that is read as it says.")
    real_agreement: list[float | None] = Field(description="The same for real images; null where there is none.")


class ClassRow(_Frozen):
    """One class of an evaluation."""

    name: str
    share: float = Field(description="Of the images, as read by the digit-net.")
    real_share: float
    spread: float | None = Field(description="Of features, over that of real images; null for fewer than two images.")


class Collapse(_Frozen):
    """Whether the images fall into fewer modes than real ones."""

    collapsed: bool
    reasons: tuple[str, ...] = Field(description="One sentence each; empty if not collapsed.")


class Evaluation(_Frozen):
    """What `digitsmith evaluate` found."""

    kind: Literal["evaluation"] = "evaluation"
    subject: str = Field(description="Name or path of what was evaluated.")
    subject_kind: Literal["model", "data"]
    subject_sha256: str
    reference: str = Field(description="The real images that it was compared with: source:split.")
    reference_sha256: str
    held_out: str = Field(description="The real images that the real-data values are of.")
    protocol: dict[str, Any] = Field(description="Number of images, seeds, features and their hash, versions, …")
    measures: tuple[Measure, ...]
    collapse: Collapse
    classes: tuple[ClassRow, ...] = ()
    confusion: Confusion | None = None
    skipped: dict[str, str] = Field(default_factory=dict, description="What was not measured, and why.")
    notes: tuple[str, ...] = Field(default=(), description="What a reader should know of these numbers.")
    pictures: dict[str, str] = Field(default_factory=dict, description="Name to PNG in base64.")

    def measure(self, key: str) -> Measure:
        """The measure of that key.

        Raises:
            KeyError: it was not measured.
        """
        for measure in self.measures:
            if measure.key == key:
                return measure
        raise KeyError(f"{key}: these were measured: {', '.join(measure.key for measure in self.measures)}")


class Arm(_Frozen):
    """One way to train the classifier of a study, over all seeds."""

    key: str
    train_on: str
    test_on: str
    images: int
    accuracies: list[float] = Field(description="One per seed.")
    mean: float
    deviation: float = Field(description="Standard deviation over the seeds (n - 1).")
    difference: float | None = Field(default=None, description="Mean of the paired differences to the first arm.")
    difference_error: float | None = Field(default=None, description="Standard error of that mean.")


class Study(_Frozen):
    """What `digitsmith study` found."""

    kind: Literal["study"] = "study"
    study: Literal["tstr"]
    subject: str
    subject_sha256: str
    reference: str
    reference_sha256: str
    protocol: dict[str, Any]
    arms: tuple[Arm, ...]
    notes: tuple[str, ...] = ()


Result = Annotated[Evaluation | Study, Field(discriminator="kind")]


def save(result: Evaluation | Study, path: Path) -> None:
    """Write a result as JSON."""
    with staged_file(path) as staged:
        staged.write_text(json.dumps(result.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Evaluation | Study:
    """Read a result.

    Raises:
        ResultError: the file is not there, or is no result.
    """
    try:
        return TypeAdapter[Evaluation | Study](Result).validate_json(path.read_bytes())
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f" ({where}: {first['msg']})" if where else ""
        raise ResultError(
            f"{path} is no result of `digitsmith evaluate` or `digitsmith study`{reason}: give the JSON file of one."
        ) from error


def require_comparable(results: Sequence[Evaluation]) -> None:
    """Refuse to lay results side by side that were measured differently.

    Raises:
        ResultError: other features, reference or number of images.
    """
    for result in results[1:]:
        first = results[0]
        different = [
            f"{what}: {before} and {after}"
            for what, before, after in (
                ("features", first.protocol["features_sha256"], result.protocol["features_sha256"]),
                ("digit-net", first.protocol["digitnet_sha256"], result.protocol["digitnet_sha256"]),
                ("reference", first.reference_sha256, result.reference_sha256),
                ("unseen images", first.held_out, result.held_out),
                ("images", first.protocol["images"], result.protocol["images"]),
            )
            if before != after
        ]
        if different:
            raise ResultError(
                f"{first.subject} and {result.subject} cannot be compared, they were measured differently:\n  "
                + "\n  ".join(different)
                + "\nEvaluate both again, in the same way."
            )
