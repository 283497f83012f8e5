"""What the study of scarce data finds: how accurate classifiers are that learn from few real examples."""

from typing import Annotated, Literal

from pydantic import Field

from digitsmith.records.base import Address, Count, ReadOptions, Record, Versions
from digitsmith.records.evaluation import ReferenceRecord, Share
from digitsmith.records.study import ClassifierRecord

ArmKey = Literal["real", "box", "scratch", "adapted", "both", "unlabelled"]
TITLES: dict[ArmKey, str] = {
    "real": "real examples only",
    "box": "with digits of the model as it is",
    "scratch": "with digits of a generator trained on the examples",
    "adapted": "with digits of the model adapted to the examples",
    "both": "with digits of the model and of the adapted one",
    "unlabelled": "with the other images, without labels",
}
"""What people call the arms."""

Fraction = Annotated[float, Field(ge=-1, le=1)]


class Cell(Record):
    """One classifier: trained once, tested once."""

    per_class: Count = Field(description="Real examples of each class.")
    seed: Count = Field(description="Draws the examples, and decides everything else of the cell.")
    arm: ArmKey
    accuracy: Share
    generated: Count = Field(description="Generated digits that it saw, beside the examples.")


class Row(Record):
    """One arm with one number of examples, over all seeds."""

    per_class: Count
    arm: ArmKey
    seeds: Count
    mean: Share
    deviation: Share = Field(description="Standard deviation over the seeds (n - 1).")
    difference: Fraction | None = Field(default=None, description="Mean of the paired differences to real examples.")
    low: Fraction | None = Field(default=None, description="Lower end of its 95 % interval (Student's t).")
    high: Fraction | None = Field(default=None, description="Upper end.")


class ScarceProtocol(Record):
    """How the accuracies were taken."""

    per_class: Annotated[tuple[Count, ...], Field(min_length=1, max_length=100)]
    seeds: Annotated[Count, Field(ge=2)]
    arms: Annotated[tuple[ArmKey, ...], Field(min_length=1)]
    model: Address = Field(description="The pair that generators are adapted from, and whose digits are used.")
    model_sha256: str = Field(description="Of its weights.")
    read: ReadOptions = Field(title="Images are read with", description="How the images were read.")
    pool: Count = Field(title="Images to draw from", description="Real images that examples are drawn from.")
    test_images: Annotated[Count, Field(ge=1)] = Field(title="Images to test on", description="Real images.")
    classifier: ClassifierRecord
    steps: Count = Field(title="Steps of each classifier", description="Of each classifier, whatever it is trained on.")
    steps_with_unlabelled: Count = Field(
        default=0, title="Steps with unlabelled images", description="The same, of the arm `unlabelled`."
    )
    real_share: Share = Field(
        title="Real share of a batch", description="Of the real examples in a batch, where there are generated digits."
    )
    generated: Count = Field(title="Generated digits", description="Different generated digits of each kind.")
    trusted: Share = Field(
        title="Examples read, for the model's digits to be used",
        description="The model's digits are used as they are if a classifier of them alone reads this share of the "
        "real examples.",
    )
    versions: Versions


class Scarce(Record):
    """What `digitsmith.scarce` found; so far, if cells are missing."""

    format: Literal[1] = 1
    kind: Literal["scarce"] = "scarce"
    subject: Annotated[Address, Field(min_length=1)] = Field(description="Name or path of the data set.")
    reference: ReferenceRecord = Field(description="The real images that examples are drawn from.")
    held_out: ReferenceRecord = Field(description="The real images to test on.")
    protocol: ScarceProtocol
    complete: bool = Field(default=False, description="Whether all cells are there.")
    cells: Annotated[tuple[Cell, ...], Field(max_length=100_000)] = ()
    rows: Annotated[tuple[Row, ...], Field(max_length=1000)] = ()
    verdicts: Annotated[tuple[str, ...], Field(max_length=1000)] = Field(
        default=(), description="What that means, in words."
    )
    notes: Annotated[tuple[str, ...], Field(max_length=1000)] = ()

    def row(self, per_class: int, arm: ArmKey) -> Row | None:
        """The row of an arm; None if it was not measured."""
        return next((row for row in self.rows if (row.per_class, row.arm) == (per_class, arm)), None)
