"""What `digitsmith.learn` leaves beside a reader: how its training went, and how well it reads what it never saw."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from digitsmith.records.base import MOST_CLASSES, Address, ClassNames, Count, Record
from digitsmith.records.evaluation import Png, Share
from digitsmith.records.reader import Accuracy, ReaderTraining

READER, RESULT, PLAN = "reader.onnx", "learning.json", "plan.json"
"""Files in the folder of a reader: the reader itself, a `Learning`, and, until it has learned, what it learns from."""

HARDEST_COLUMNS = 20
"""How many of the hardest images are in a row of their picture."""

_Losses = Annotated[tuple[float, ...], Field(max_length=100_000)]


class Mistake(Record):
    """An image that is read wrongly, or hardly."""

    truth: Annotated[str, Field(max_length=100)] = Field(description="Its label.")
    read: Annotated[str, Field(max_length=100)] = Field(description="The most likely class, by the reader.")
    probability: Share = Field(description="Of that class.")


class Tested(Record):
    """What a reader says of labelled images that had no part in its training."""

    title: str = Field(description="Which images.")
    counts: Annotated[tuple[tuple[Count, ...], ...], Field(max_length=MOST_CLASSES)] = Field(
        description="By label (rows) and most likely class (columns)."
    )
    verdicts: dict[str, Count] = Field(
        default_factory=dict,
        description="How many images are read, or refused for what; empty for held-out images, which decide it.",
    )
    accepted_right: Count = Field(default=0, description="Images that are read, and read right.")
    hardest: Annotated[tuple[Mistake, ...], Field(max_length=1000)] = Field(
        description="Those with the lowest probability of their label."
    )
    picture: Png | None = Field(default=None, description=f"These, {HARDEST_COLUMNS} in a row.")


class Learning(Record):
    """What became of a learning: `learning.json`, beside the reader."""

    format: Literal[1] = 1
    kind: Literal["learning"] = "learning"
    subject: Annotated[Address, Field(min_length=1)] = Field(description="Name or path of the labelled images.")
    classes: Annotated[ClassNames, Field(min_length=2)]
    reader_sha256: str = Field(description="Of the reader's file.")
    training: ReaderTraining
    losses: _Losses = Field(description="Cross-entropy of labelled images, mean of each epoch.")
    sure: _Losses = Field(default=(), description="Share of unlabelled images that had a pseudo-label, by epoch.")
    measured: Annotated[tuple[Accuracy, ...], Field(max_length=100)] = ()
    tested: Tested | None = Field(default=None, description="On the test split, or else on held-out images.")

    @model_validator(mode="after")
    def _a_count_for_each_pair_of_classes(self) -> "Learning":
        n = len(self.classes)
        if self.tested and (len(self.tested.counts) != n or any(len(row) != n for row in self.tested.counts)):
            raise ValueError("there is not one count for each label and class")
        return self
