"""What a study finds: a classifier trained on several kinds of images, and how accurate it is on others."""

from typing import Annotated, Literal

from pydantic import Field

from digitsmith.records.base import Address, Count, Record, Versions
from digitsmith.records.evaluation import ReferenceRecord, Share

Images = Literal["real", "generated", "generated, filtered"]
ArmKey = Literal["trtr", "tstr", "tstr_filtered", "trts"]


class ClassifierRecord(Record):
    """How a classifier is built and trained (`training.readers.classifier.Recipe`)."""

    layers: Annotated[tuple[tuple[Count, Count], ...], Field(max_length=100)]
    epochs: Count
    batch_size: Count
    lr: float
    weight_decay: float
    rotation: float
    scale: float
    shift: float
    shear: float
    elastic: float = 0.0
    thickness: float = 0.0
    softness: float = 0.0


class StudyProtocol(Record):
    """How the accuracies were taken."""

    images: Annotated[Count, Field(ge=1)] = Field(description="Training images of each kind.")
    test_images: Annotated[Count, Field(ge=1)] = Field(description="Real ones that are tested on.")
    seeds: Annotated[Count, Field(ge=2)] = Field(description="How often everything was done, with seeds 0, 1, ….")
    classifier: ClassifierRecord
    min_confidence: Share = Field(description="With which the filter classifies an image as its label.")
    digitnet_sha256: str = Field(description="Of the filter.")
    versions: Versions


class Arm(Record):
    """One kind of training and test images, over all seeds."""

    key: ArmKey
    title: str
    train_on: Images
    test_on: Images
    images: Count = Field(description="That are trained on.")
    accuracies: Annotated[list[Share], Field(max_length=10_000)] = Field(description="One per seed.")
    mean: Share
    deviation: Share = Field(description="Standard deviation over the seeds (n - 1).")
    difference: float | None = Field(default=None, description="Mean of the paired differences to the first arm.")
    difference_error: float | None = Field(default=None, description="Standard error of that mean.")


class Study(Record):
    """What `digitsmith.tstr` found."""

    format: Literal[1] = 1
    kind: Literal["study"] = "study"
    study: Literal["tstr"] = "tstr"
    subject: Annotated[Address, Field(min_length=1)] = Field(description="Name or path of what was studied.")
    subject_sha256: str
    reference: ReferenceRecord = Field(description="The real images to train on.")
    held_out: ReferenceRecord = Field(description="The real images to test on.")
    protocol: StudyProtocol
    arms: Annotated[tuple[Arm, ...], Field(max_length=100)]
    notes: tuple[str, ...] = ()
