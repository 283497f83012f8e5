"""What a reader file says of itself, in its ONNX metadata: what it reads, how sure it must be, how it was trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from digitsmith.records.base import Channels, ClassNames, Count, DataRecord, Frame, Origin, Record, Seed
from digitsmith.records.evaluation import Share
from digitsmith.records.study import ClassifierRecord

MOST_DRAWN = 100_000
"""Labels whose places a reader keeps."""

_USUAL_ERROR = 0.01
_LIKELY = 0.5  # a class that is more likely than all else is an answer, if no held-out image asks for less
_Side = Annotated[int, Field(ge=8, le=128)]


class Calibration(Record):
    """How sure a reader was of held-out images of one class, which its training did not see."""

    images: Annotated[Count, Field(ge=1)] = Field(description="Held-out images of the class.")
    lowest: Annotated[tuple[Share, ...], Field(min_length=1, max_length=10_000)] = Field(
        description="The lowest probabilities that the class got in them, ascending."
    )


class GeneratedRecord(Record):
    """Generated digits that a reader learned from."""

    model: str = Field(description="Name of the model, as the user gave it.")
    sha256: str = Field(description="Of its file.")
    images: Count
    saw_held_out: bool = Field(
        default=False, description="Whether the model learned from the held-out images, which says too much of these."
    )


class Accuracy(Record):
    """How many images are read right, with no answer refused."""

    title: str = Field(description="Which images.")
    images: Annotated[int, Field(ge=1)]
    accuracy: Share


class ReaderTraining(Origin):
    """How a reader was trained; `data` are the images that labels were used of."""

    labelled: Count = Field(description="Images whose labels were used.")
    drawn: Annotated[tuple[Count, ...], Field(max_length=MOST_DRAWN)] = Field(
        default=(), description="Their places in the data set, if they were drawn from it."
    )
    unlabelled: Count = Field(default=0, description="Images that were used without labels.")
    unlabelled_data: DataRecord | None = Field(default=None, description="Where these came from, if not from `data`.")
    generated: GeneratedRecord | None = None
    also_generated: Annotated[tuple[GeneratedRecord, ...], Field(max_length=100)] = Field(
        default=(), description="Those of further models."
    )
    classifier: ClassifierRecord = Field(description="Of the first training; rounds of self-training have their own.")
    steps: Count
    rounds: Count = Field(
        default=0,
        description="Of self-training after these: a new classifier learns all images with the labels of the last.",
    )
    seed: Seed


class ReaderRecord(Record):
    """What reading needs to know of a reader, and where it came from."""

    format: Literal[1] = 1
    kind: Literal["reader"] = "reader"
    classes: Annotated[ClassNames, Field(min_length=2)]
    image_size: tuple[_Side, _Side] = Field(description="Height and width, in pixels.")
    channels: Channels = Field(default=1, description="1 for grey, ink bright on dark; 3 for red, green and blue.")
    frame: Frame | None = Field(default=None, description="How images are framed before they are read.")
    calibration: tuple[Calibration, ...] = Field(
        default=(), description="For each class; empty if no images were held out."
    )
    temperature: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="That logits were divided by, so that probabilities are those of the held-out images."
    )
    measured: Annotated[tuple[Accuracy, ...], Field(max_length=100)] = Field(
        default=(), description="On images that had no part in the training."
    )
    training: ReaderTraining | None = None
    graph_sha256: str = Field(default="", description="Of graph and weights, without metadata.")

    @model_validator(mode="after")
    def _one_calibration_for_each_class(self) -> "ReaderRecord":
        if self.calibration and len(self.calibration) != len(self.classes):
            raise ValueError("there is not one calibration for each class")
        if any(list(one.lowest) != sorted(one.lowest) or len(one.lowest) > one.images for one in self.calibration):
            raise ValueError("the probabilities of a calibration are not in order, or more than its images")
        return self

    def thresholds(self, error: float | None = None) -> tuple[float, ...]:
        """The least probability of each class that is taken for an answer.

        Split conformal prediction for each class by itself (Vovk 2012, arXiv:1209.2673): of new images of a class,
        drawn as the held-out ones were, a share of at most `error` has a lower probability of it, on average over
        held-out sets. So no larger share of them gets another class as the only answer.

        Args:
            error: by default 0.01, or for each class the least that its held-out images can promise.

        Raises:
            ValueError: too few held-out images for so low an error, or none.
        """
        if not self.calibration:
            if error is not None:
                raise ValueError(
                    "no images were held out, as they are of 100 labelled ones of each class; leave it out, and ask "
                    "for a least probability instead"
                )
            return (_LIKELY,) * len(self.classes)
        found = []
        for name, one in zip(self.classes, self.calibration, strict=True):
            rank = int((_USUAL_ERROR if error is None else error) * (one.images + 1) + 1e-9)
            if rank < 1 and error is not None:
                raise ValueError(
                    f"{one.images:,} held-out images of class {name} allow no error under 1 in {one.images + 1:,}"
                )
            found.append(min(one.lowest[min(max(rank, 1), len(one.lowest)) - 1], _LIKELY))
        return tuple(found)
