"""What the study of written numbers finds: how well CRNNs read real numbers that learned from written ones."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from digitsmith.config.style import LAYOUTS, Layout, Preset
from digitsmith.records.base import Address, Count, Record
from digitsmith.records.cells import Compared, SeedsProtocol, SeedsStudy
from digitsmith.records.evaluation import Share

Teacher = Literal["written", "real", "pasted"]
TEACHERS: dict[Teacher, str] = {
    "written": "numbers written with digits of the model",
    "real": "numbers written with real training digits",
    "pasted": "digits of the model, pasted side by side",
}
"""What each CRNN learns from, in the order in which they are shown."""

Errors = Annotated[float, Field(ge=0, le=1000)]


class Reading(Record):
    """How a CRNN read the real numbers of one length and wear."""

    digits: Count = Field(description="Of each number.")
    wear: Preset
    accuracy: Share = Field(description="Share of the numbers that were read without a mistake.")
    character_error: Errors = Field(
        description="Digits that were wrong, missing or too many (Levenshtein), by those that were there."
    )


class NumbersCell(Record):
    """One CRNN: trained once, tested on all tests."""

    seed: Count = Field(description="Draws what it learns from, its first weights and the order of the images.")
    arm: Teacher
    readings: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=100)]

    @property
    def key(self) -> tuple[int, Teacher]:
        """What tells it from the other cells of its study."""
        return self.seed, self.arm


class NumbersRow(Compared):
    """One arm on the numbers of one length and wear, over all seeds."""

    digits: Count
    wear: Preset
    arm: Teacher
    seeds: Count
    mean: Share = Field(description="Of the sequence accuracy: the share of numbers without a mistake.")
    deviation: Share = Field(description="Standard deviation over the seeds (n - 1).")
    character_error: Errors = Field(description="Mean over the seeds.")
    against: Teacher | None = Field(default="written", description="The arm that it is compared with, if any.")


class CRNNRecord(Record):
    """How a CRNN was built and trained."""

    layers: Annotated[tuple[tuple[Count, Count], ...], Field(max_length=100)] = Field(
        description="(width, stride) of each convolution, of 5x5 at first, of 3x3 then; the first by max pooling."
    )
    features: Count = Field(description="Of each step, before the recurrent layer.")
    hidden: Count = Field(description="Units of the recurrent layer (LSTM), in each direction.")
    height: Count = Field(description="Of the images, in pixels.")
    epochs: Count = Field(description="How often numbers were written anew.")
    numbers: Count = Field(description="In an epoch; each is seen once.")
    batch_size: Count
    flat_steps: Count = Field(
        description="At first, in which characters are looked for where they were if equally wide."
    )
    lr: float = Field(description="Highest learning rate of AdamW.")
    weight_decay: float
    distorted: Share = Field(description="Share of the images that are distorted.")
    scale: float = Field(description="Largest change of size, as a share.")
    shear: float = Field(description="Largest shear.")
    elastic: float = Field(description="Deviation of smooth shifts, as a share of half the height.")
    thickness: float = Field(description="Largest growth or loss of strokes, in pixels on each side.")
    softness: float = Field(description="How much softer or crisper they become, at most.")


class NumbersProtocol(SeedsProtocol):
    """How the numbers were written and read."""

    arms: Annotated[tuple[Teacher, ...], Field(min_length=1, max_length=3)]
    model: Address = Field(description="Whose digits are written and pasted.")
    model_sha256: str = Field(title="Model, sha256", description="Of its weights.")
    characters: Annotated[str, Field(min_length=2, max_length=1000)] = Field(description="That the numbers have.")
    length: Count = Field(title="Digits of a number learned from", description="Of all that CRNNs learn from.")
    lengths: Annotated[tuple[Count, ...], Field(max_length=100)] = Field(
        title="Digits of a number to test on", description="Of the numbers to test on."
    )
    layouts: Annotated[tuple[Layout, ...], Field(max_length=10)] = Field(
        default=LAYOUTS, description="Of which there are equally many numbers."
    )
    wear: Preset = Field(description="Of the numbers that CRNNs learn from, and of those to test on.")
    other_wear: Annotated[tuple[Preset, ...], Field(max_length=10)] = Field(
        description="Of more numbers to test on, as long as those learned from."
    )
    numbers: Count = Field(title="Numbers of each test", description="Of each length and wear.")
    pool: Count = Field(title="Real digits to learn from", description="That `real` numbers are written with.")
    test_images: Annotated[Count, Field(ge=1)] = Field(
        title="Real digits to test on", description="That the numbers to test on are written with."
    )
    network: CRNNRecord

    @classmethod
    def known_arms(cls) -> tuple[Teacher, ...]:
        """Of all such studies, in the order in which they are done and shown."""
        return get_args(Teacher)


class WrittenNumbers(SeedsStudy):
    """What `digitsmith.written_numbers` found; so far, if cells are missing."""

    format: Literal[1] = 1
    kind: Literal["numbers"] = "numbers"
    protocol: NumbersProtocol
    cells: Annotated[tuple[NumbersCell, ...], Field(max_length=100_000)] = ()
    rows: Annotated[tuple[NumbersRow, ...], Field(max_length=1000)] = ()

    def row(self, digits: int, arm: Teacher, wear: Preset | None = None) -> NumbersRow | None:
        """The row of an arm; None if it was not measured. The wear is that of the study, if none is named."""
        wanted = digits, wear or self.protocol.wear, arm
        return next((row for row in self.rows if (row.digits, row.wear, row.arm) == wanted), None)
