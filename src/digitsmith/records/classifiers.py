"""What the study of classifiers finds: networks that were trained as discriminators, and the same trained plainly."""

from typing import Literal

from pydantic import Field

from digitsmith.records.base import Count
from digitsmith.records.cells import CellProtocol, CellStudy


class ClassifiersProtocol(CellProtocol):
    """How the accuracies were taken."""

    networks: str = Field(description="How each of them is built.")
    least_steps: Count = Field(title="Steps at least", description="Of each network, however few its images.")
    epochs: Count = Field(title="Epochs at least", description="Passes over the images, however many these are.")
    batch_size: Count = Field(description="Labelled images of a step; for a discriminator as many generated ones.")
    lr: float = Field(title="Learning rate", description="The highest, of Adam.")
    weight: float = Field(title="Weight of the adversarial loss", description="Beside that of the labelled images.")
    components: Count = Field(title="Principal components", description="That the Bayes classifier sees.")

    @property
    def structures(self) -> tuple[str, ...]:
        """The networks that are compared."""
        return tuple(arm for arm in self.arms if f"{arm}-gan" in self.arms)


class Classifiers(CellStudy):
    """What `digitsmith.classifiers` found; so far, if cells are missing."""

    format: Literal[1] = 1
    kind: Literal["classifiers"] = "classifiers"
    protocol: ClassifiersProtocol
