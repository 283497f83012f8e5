"""What an evaluation finds: measures, each with the value that held-out real images get, and how they were taken."""

import base64
import io
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from digitsmith.records.base import Address, Count, Record, Seed, Versions

Verdict = Literal["good", "weak", "fails"]
Group = Literal["fidelity", "diversity", "readability", "memorisation", "independent"]
Part = Literal["whole", "first half", "second half"]
Share = Annotated[float, Field(ge=0, le=1)]


_MOST_PIXELS = 2**26


def check_picture(content: bytes, kind: Literal["PNG", "GIF"]) -> bytes:
    """Return a picture's content if it is one of that kind, whole and of a size that can be shown.

    Raises:
        ValueError: it is not.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            size = picture.width * picture.height
            if size <= _MOST_PIXELS:
                picture.load()
    except Exception as error:  # Pillow does not promise what it raises
        raise ValueError(f"it is no {kind}, or not whole, or far too large") from error
    if size > _MOST_PIXELS:
        raise ValueError(f"it has {size:,} pixels")
    return content


def _check_png(text: str) -> str:
    check_picture(base64.b64decode(text, validate=True), "PNG")
    return text


Png = Annotated[str, Field(max_length=2**24), AfterValidator(_check_png)]
"""A PNG, in base64."""


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

    images: Annotated[Count, Field(ge=1)] = Field(description="Of each kind: evaluated, reference and held-out ones.")
    seed: Seed
    mix: Literal["reference", "as they come", "held-out"] = Field(
        default="held-out",
        description="How frequent the digits are among real images: all as among the reference; or all as they come. "
        "By the former protocol, whose records do not say it, the held-out images set it.",
    )
    matched: bool = Field(
        default=False,
        description="Whether the digits of the evaluated images were drawn, or asked for, with the same frequencies.",
    )
    features: str = Field(description="Name of the feature extractor.")
    features_sha256: str = Field(description="Of the extractor's weights.")
    digitnet_sha256: str = Field(description="Of the digit-net, which classifies the images.")
    independent_sha256: str = Field(
        default="", description="Of the autoencoder; empty where nothing was measured in its features."
    )
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

    labels: Annotated[tuple[str, ...], Field(max_length=100)]
    digits: Annotated[tuple[str, ...], Field(max_length=100)]
    counts: list[list[Count]]
    agreement: list[Share] = Field(description="Per label: the share that is classified as it says.")
    real_agreement: list[Share | None] = Field(description="The same for real images; null where there is none.")

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        rows, columns = len(self.labels), len(self.digits)
        if {len(self.counts), len(self.agreement), len(self.real_agreement)} != {rows}:
            raise ValueError(f"counts and agreement must be of the {rows} labels")
        if any(len(row) != columns for row in self.counts):
            raise ValueError(f"each row of counts must be of the {columns} digits")
        return self


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
    subject: Annotated[Address, Field(min_length=1)] = Field(description="Name or path of what was evaluated.")
    subject_kind: Literal["model", "data"]
    subject_sha256: str
    reference: ReferenceRecord = Field(description="The real images that it was compared with.")
    held_out: ReferenceRecord = Field(description="The real images that the real-data values are of.")
    protocol: Protocol
    measures: Annotated[tuple[Measure, ...], Field(max_length=1000)]
    collapse: Collapse
    classes: tuple[ClassRow, ...] = ()
    confusion: Confusion | None = None
    skipped: dict[str, str] = Field(default_factory=dict, description="What was not measured, and why.")
    notes: tuple[str, ...] = Field(default=(), description="What a reader should know of these numbers.")
    pictures: dict[str, Png] = Field(default_factory=dict, max_length=8, description="By name.")

    def measure(self, key: str) -> Measure:
        """The measure of that key.

        Raises:
            KeyError: it was not measured.
        """
        for measure in self.measures:
            if measure.key == key:
                return measure
        raise KeyError(f"{key}: these were measured: {', '.join(measure.key for measure in self.measures)}")
