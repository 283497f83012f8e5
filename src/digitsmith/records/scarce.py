"""What the study of scarce data finds: how accurate classifiers are that learn from few real examples."""

from typing import Literal

from pydantic import Field

from digitsmith.records.base import Address, Count
from digitsmith.records.cells import CellProtocol, CellStudy
from digitsmith.records.evaluation import Share
from digitsmith.records.study import ClassifierRecord


class ScarceProtocol(CellProtocol):
    """How the accuracies were taken."""

    model: Address = Field(description="The pair that generators are adapted from, and whose digits are used.")
    model_sha256: str = Field(description="Of its weights.")
    classifier: ClassifierRecord
    steps: Count = Field(title="Steps of each classifier", description="Of each classifier, whatever it is trained on.")
    steps_with_unlabelled: Count = Field(
        default=0,
        title="Steps with unlabelled images",
        description="The same, of the arm `unlabelled`, before its two rounds of self-training.",
    )
    unlabelled: str = Field(
        default="", title="How unlabelled images are used", description="How the arm `unlabelled` learns from them."
    )
    steps_as_discriminator: Count = Field(
        default=0, title="Steps as a discriminator", description="The same, of the arm `discriminator`."
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


class Scarce(CellStudy):
    """What `digitsmith.scarce` found; so far, if cells are missing."""

    format: Literal[1] = 1
    kind: Literal["scarce"] = "scarce"
    protocol: ScarceProtocol
