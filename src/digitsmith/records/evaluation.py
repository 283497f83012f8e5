"""What an evaluation finds: measures, each with the value that held-out real images get, and how they were taken."""

from typing import Annotated, Literal

from pydantic import Field

from digitsmith.records.base import Address, Record, Versions

Verdict = Literal["good", "weak", "fails"]
Group = Literal["fidelity", "diversity", "readability", "memorisation"]
Part = Literal["whole", "first half", "second half"]
Share = Annotated[float, Field(ge=0, le=1)]


class ReferenceRecord(Record):
    """Real images that others are compared with."""

    source: Address = Field(description="Name or path, as the user gave it.")
    split: Literal["train", "test"]
    part: Part = Field(default="whole", description="Of the split: a source without a second split is halved.")
    digits: tuple[str, ...] = Field(default=(), description="The digits that it is restricted to; empty for all.")
    sha256: str = Field(description="Of the part, before it is restricted to some digits (Dataset.sha256).")

    @property
    def address(self) -> str:
        """The source and split as `load_dataset` takes them."""
        return f"{self.source}:{self.split}"

    @property
    def title(self) -> str:
        """What people call it."""
        part = "" if self.part == "whole" else f", {self.part}"
        return self.address + part + (f", digits {' '.join(self.digits)}" if self.digits else "")


class Protocol(Record):
    """How the measures were taken."""

    images: Annotated[int, Field(ge=1)] = Field(description="Of each kind: evaluated, reference and held-out ones.")
    seed: Annotated[int, Field(ge=0)]
    features: str = Field(description="Name of the feature extractor.")
    features_sha256: str = Field(description="Of the extractor's weights.")
    digitnet_sha256: str = Field(description="Of the digit-net, which classifies the images.")
    scale: float = Field(description="By which images are enlarged before the digit-net sees them.")
    versions: Versions


class Measure(Record):
    """One number, beside the same number of held-out real images."""

    key: str = Field(description="Stable name, for programs.")
    group: Group
    title: str
    value: float
    real: float = Field(description="What held-out real images get, measured in the same way.")
    better: Literal["up", "down", "near"] = Field(description="near: best where it equals the value of real images.")
    unit: Literal["", "%", "x"] = Field(default="", description="%: a share, from 0 to 1, to be shown as percentage.")
    error: float | None = Field(default=None, description="Standard error of the value, where there is one.")
    verdict: Verdict
    meaning: str = Field(description="One sentence for people.")


class Confusion(Record):
    """How often images of each label (row) are classified as each digit (column)."""

    labels: tuple[str, ...]
    digits: tuple[str, ...]
    counts: list[list[int]]
    agreement: list[Share] = Field(description="Per label: the share that is classified as it says.")
    real_agreement: list[Share | None] = Field(description="The same for real images; null where there is none.")


class ClassRow(Record):
    """One digit, as classified by the digit-net."""

    name: str
    share: Share = Field(description="Of the evaluated images.")
    real_share: Share
    spread: float | None = Field(description="Of features, over that of real images; null for fewer than two images.")


class Collapse(Record):
    """Whether the images fall into fewer modes than real ones."""

    collapsed: bool
    reasons: tuple[str, ...] = Field(description="One sentence each; empty if not collapsed.")


class Evaluation(Record):
    """What `digitsmith.evaluate` found."""

    format: Literal[1] = 1
    kind: Literal["evaluation"] = "evaluation"
    subject: Address = Field(description="Name or path of what was evaluated.")
    subject_kind: Literal["model", "data"]
    subject_sha256: str
    reference: ReferenceRecord = Field(description="The real images that it was compared with.")
    held_out: ReferenceRecord = Field(description="The real images that the real-data values are of.")
    protocol: Protocol
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
