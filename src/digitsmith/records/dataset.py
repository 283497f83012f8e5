"""What a folder of images says of itself, in its `dataset.json`."""

from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from digitsmith.config.style import Style
from digitsmith.errors import ConfigError
from digitsmith.records.base import MOST_CLASSES, Address, Channels, ClassNames, Count, Record, Seed


def _refuse(values: object, handler: ValidatorFunctionWrapHandler) -> object:
    """What is no style makes no record."""
    try:
        return handler(values)
    except ConfigError as error:
        raise ValueError(str(error)) from error


class GenerationRecord(Record):
    """How generated images were made."""

    model: Address = Field(description="Its name.")
    model_sha256: str
    trained_on: Address = Field(
        default="", description="Source of the model's training data; empty if it does not say."
    )
    seed: int
    first: Annotated[int, Field(ge=0)] = Field(default=0, description="Index of the first image.")
    count: Annotated[int, Field(ge=0)]
    labels: tuple[str, ...] = Field(default=(), description="Classes asked for; empty for an unconditional model.")
    drawn: bool = Field(default=False, description="Each label was drawn at random; else the labels take turns.")
    min_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Images recognised with a lower probability were made anew; 0 took all."
    )
    refused: Annotated[int, Field(ge=0)] = Field(default=0, description="How many were made anew.")


class NumbersRecord(Record):
    """How images of numbers were made: what was asked for is one of text, pattern, kind and file."""

    text: str = ""
    pattern: str = ""
    kind: str = Field(default="", description="Of numbers: date, amount, ….")
    locale: str = Field(default="", description="Where numbers of the kind are written so.")
    from_file: Address = Field(default="", description="The file whose lines were written, taking turns.")
    file_sha256: str = ""
    model: Address = Field(description="Its name.")
    model_sha256: str
    trained_on: Address = Field(
        default="", description="Source of the model's training data; empty if it does not say."
    )
    seed: Seed
    first: Count = Field(default=0, description="Index of the first image.")
    count: Count
    style: Annotated[Style, WrapValidator(_refuse)] = Field(description="Hands, layout, paper and wear.")
    paper_sha256: str = Field(default="", description="Of the pictures of paper, and their names.")
    annotations: tuple[str, ...] = Field(max_length=100)
    image_format: Literal["png", "jpeg"] = "png"
    characters: tuple[Annotated[str, Field(max_length=64)], ...] = Field(
        max_length=MOST_CLASSES, description="All that annotations may name, in the order of their ids."
    )


MOST_SHARDS = 100_000
"""Into which a data set can be divided."""


class FilesRecord(Record):
    """The kind of files that generated images are in."""

    format: Annotated[str, Field(max_length=64)]
    split: Literal["train", "test"] = "train"
    gzip: bool = False


class ContentRecord(Record):
    """What the files of a folder hold, so that it can be verified."""

    files: Count = Field(description="How many, but for `dataset.json` and `preview.png`.")
    bytes: Count
    sha256: str = Field(
        description="Of a line `SHA-256  PATH` for each file, in the order of their paths: what `sha256sum` prints."
    )


class ShardRecord(Record):
    """A part of a data set, which is a data set itself, in a folder of its own."""

    name: Annotated[str, Field(pattern="^shard-[0-9]{5,6}-of-[0-9]{5,6}$")] = Field(description="Of its folder.")
    first: Count = Field(description="Index of its first image.")
    count: Count
    bytes: Count = Field(description="Of its files; as many as are expected, before it is made.")
    sha256: str = Field(default="", description="Of its files, as in `ContentRecord`; empty before it is made.")


class DatasetRecord(Record):
    """What the image files cannot say. People may write it by hand: `{"classes": ["zero", "one"]}` will do."""

    format: Literal[1] = 1
    classes: ClassNames = Field(description="In the order of their labels; empty if no image is labelled.")
    channels: Channels | None = Field(default=None, description="1 grey, 3 colour; null: as the files show.")
    unlabelled: bool = Field(default=False, description="Besides labelled images there are some without a label.")
    generated: GenerationRecord | None = None
    numbers: NumbersRecord | None = Field(default=None, description="Of images of numbers, which are no digits.")
    files: FilesRecord | None = Field(default=None, description="Of generated images.")
    content: ContentRecord | None = Field(default=None, description="What the files beside it hold.")
    shards: tuple[ShardRecord, ...] = Field(
        default=(),
        max_length=MOST_SHARDS,
        description="The parts of a data set that lies in several folders beside it.",
    )
