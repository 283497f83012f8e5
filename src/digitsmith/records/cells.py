"""What studies have in common that are done cell by cell: each is a network trained once and tested once.

Of studies of classifiers, also the cells themselves, and their rows.
"""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from digitsmith.records.base import Address, Count, ReadOptions, Record, Versions
from digitsmith.records.evaluation import ReferenceRecord, Share

ArmKey = Literal[
    "real", "box", "scratch", "adapted", "both", "unlabelled", "discriminator",
    "mlp", "mlp-gan", "noisy", "noisy-gan", "convolutional", "convolutional-gan", "bayes",
]  # fmt: skip
TITLES: dict[ArmKey, str] = {
    "real": "real examples only",
    "box": "with digits of the model as it is",
    "scratch": "with digits of a generator trained on the examples",
    "adapted": "with digits of the model adapted to the examples",
    "both": "with digits of the model and of the adapted one",
    "unlabelled": "with the other images, without labels",
    "discriminator": "with the other images, by a discriminator that is the classifier",
    "mlp": "fully connected network, trained plainly",
    "mlp-gan": "fully connected network, as a discriminator",
    "noisy": "fully connected network with noise, trained plainly",
    "noisy-gan": "fully connected network with noise, as a discriminator",
    "convolutional": "convolutional network, trained plainly",
    "convolutional-gan": "convolutional network, as a discriminator",
    "bayes": "Bayes classifier of principal components",
}
"""What people call the arms, in the order in which they are shown."""

Fraction = Annotated[float, Field(ge=-1, le=1)]


class SeedsProtocol(Record):
    """How cells were done, of any study."""

    seeds: Annotated[Count, Field(ge=2)]
    arms: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    read: ReadOptions = Field(title="Images are read with", description="How the images were read.")
    versions: Versions

    def joined(self, before: Self) -> Self:
        """The same with what was asked for before, too."""
        arms = tuple(arm for arm in self.known_arms() if arm in (*before.arms, *self.arms))
        return self.model_copy(update={"seeds": max(before.seeds, self.seeds), "arms": arms})

    @classmethod
    def known_arms(cls) -> tuple[str, ...]:
        """Of all such studies, in the order in which they are done and shown."""
        raise NotImplementedError


class SeedsStudy(Record):
    """What a study of cells found; so far, if cells are missing."""

    subject: Annotated[Address, Field(min_length=1)] = Field(description="Name or path of the data set.")
    reference: ReferenceRecord = Field(description="The real images that examples are drawn from.")
    held_out: ReferenceRecord = Field(description="The real images to test on.")
    protocol: SeedsProtocol
    complete: bool = Field(default=False, description="Whether all cells are there.")
    cells: tuple[Any, ...] = ()
    verdicts: Annotated[tuple[str, ...], Field(max_length=1000)] = Field(
        default=(), description="What that means, in words."
    )
    notes: Annotated[tuple[str, ...], Field(max_length=1000)] = ()


class Cell(Record):
    """One classifier: trained once, tested once."""

    per_class: Count = Field(description="Real examples of each class.")
    seed: Count = Field(description="Draws the examples, and decides everything else of the cell.")
    arm: ArmKey
    accuracy: Share
    generated: Count = Field(default=0, description="Generated digits that it saw, beside the examples.")

    @property
    def key(self) -> tuple[int, int, ArmKey]:
        """What tells it from the other cells of its study."""
        return self.per_class, self.seed, self.arm


class Compared(Record):
    """How an arm differs from another one, paired by seed; null for a single seed."""

    difference: Fraction | None = Field(default=None, description="Mean of the paired differences to that arm.")
    low: Fraction | None = Field(default=None, description="Lower end of its 95 % interval (Student's t).")
    high: Fraction | None = Field(default=None, description="Upper end.")
    p: Share | None = Field(default=None, description="Of the t-test that this mean is 0, two-sided.")

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if (self.low is None) != (self.high is None) or (self.difference is None and self.low is not None):
            raise ValueError("an interval has two ends, and a difference between them")
        return self


class Row(Compared):
    """One arm with one number of examples, over all seeds."""

    per_class: Count
    arm: ArmKey
    seeds: Count
    mean: Share
    deviation: Share = Field(description="Standard deviation over the seeds (n - 1).")
    against: ArmKey | None = Field(default="real", description="The arm that it is compared with, if any.")
    corrected: Share | None = Field(
        default=None, description="p, corrected for the number of comparisons of the study (Holm 1979)."
    )


class CellProtocol(SeedsProtocol):
    """How the accuracies were taken, of any study of classifiers."""

    per_class: Annotated[tuple[Count, ...], Field(min_length=1, max_length=100)]
    arms: Annotated[tuple[ArmKey, ...], Field(min_length=1, max_length=100)]
    pool: Count = Field(title="Images to draw from", description="Real images that examples are drawn from.")
    test_images: Annotated[Count, Field(ge=1)] = Field(title="Images to test on", description="Real images.")

    def joined(self, before: Self) -> Self:
        """The same with what was asked for before, too."""
        numbers = tuple(sorted({*before.per_class, *self.per_class}))
        return super().joined(before).model_copy(update={"per_class": numbers})

    @classmethod
    def known_arms(cls) -> tuple[ArmKey, ...]:
        """Of all such studies, in the order in which they are done and shown."""
        return get_args(ArmKey)


class CellStudy(SeedsStudy):
    """What a study of classifiers found; so far, if cells are missing."""

    protocol: CellProtocol
    cells: Annotated[tuple[Cell, ...], Field(max_length=100_000)] = ()
    rows: Annotated[tuple[Row, ...], Field(max_length=1000)] = ()

    def row(self, per_class: int, arm: ArmKey) -> Row | None:
        """The row of an arm; None if it was not measured."""
        return next((row for row in self.rows if (row.per_class, row.arm) == (per_class, arm)), None)
