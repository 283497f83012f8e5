"""What a study finds: a classifier trained on several kinds of images, and how accurate it is on others."""

from typing import Annotated, Literal

from pydantic import Field

from digitsmith.records.base import Address, Record, Versions
from digitsmith.records.evaluation import ReferenceRecord, Share

Images = Literal["real", "generated", "generated, filtered"]
ArmKey = Literal["trtr", "tstr", "tstr_filtered", "trts"]


class ClassifierRecord(Record):
    """How a classifier is built and trained (`training.classifier.Recipe`)."""

    layers: tuple[tuple[int, int], ...]
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    rotation: float
    scale: float
    shift: float
    shear: float


class StudyProtocol(Record):
    """How the accuracies were taken."""

    images: Annotated[int, Field(ge=1)] = Field(description="Training images of each kind.")
    test_images: Annotated[int, Field(ge=1)] = Field(description="Real ones that are tested on.")
    seeds: Annotated[int, Field(ge=2)] = Field(description="How often everything was done, with seeds 0, 1, ….")
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
    images: int = Field(description="That are trained on.")
    accuracies: list[Share] = Field(description="One per seed.")
    mean: Share
    deviation: float = Field(description="Standard deviation over the seeds (n - 1).")
    difference: float | None = Field(default=None, description="Mean of the paired differences to the first arm.")
    difference_error: float | None = Field(default=None, description="Standard error of that mean.")


class Study(Record):
    """What `digitsmith.tstr` found."""

    format: Literal[1] = 1
    kind: Literal["study"] = "study"
    study: Literal["tstr"] = "tstr"
    subject: Address = Field(description="Name or path of what was studied.")
    subject_sha256: str
    reference: ReferenceRecord = Field(description="The real images to train on.")
    held_out: ReferenceRecord = Field(description="The real images to test on.")
    protocol: StudyProtocol
    arms: tuple[Arm, ...]
    notes: tuple[str, ...] = ()
