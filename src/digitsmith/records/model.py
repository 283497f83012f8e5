"""What a model file says of itself, in its ONNX metadata; and what was measured of the models that are shipped."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from digitsmith.config.schema import Distribution
from digitsmith.records.base import Channels, ClassNames, LabelsRecord, Origin, Record
from digitsmith.records.evaluation import Protocol, ReferenceRecord
from digitsmith.records.study import ClassifierRecord

_DEEPEST = 8


def _require_plain(values: Any, depth: int = 1) -> Any:
    """Refuse what no config holds: numbers that are not finite, or of more than 64 bits; tables too deep in tables."""
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number in it is not finite")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("a number in it is too large")
        if isinstance(value, dict | list):
            if depth == _DEEPEST:
                raise ValueError("it is too deeply nested")
            _require_plain(value, depth + 1)
    return values


_Side = Annotated[int, Field(ge=8, le=128)]


class TrainingRecord(Origin):
    """How a generator was trained."""

    config: Annotated[dict[str, Any], AfterValidator(_require_plain)] = Field(description="The run's config.toml.")
    labels: LabelsRecord | None = Field(
        default=None, description="Where labels came from, if only few of those of the data were used."
    )
    steps: Annotated[int, Field(ge=0)]
    best_epoch: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The epoch whose generator this is, where the best was chosen; else it is the last."
    )
    validation_distance: float | None = Field(
        default=None, description="Its Fréchet distance to the held-out images, where that was measured."
    )


class ExportRecord(Record):
    """How the file was made from the trained generator."""

    git: str = Field(default="", description="Commit of the code that exported it.")
    graph_sha256: str = Field(description="Of graph and weights, without metadata.")
    truncation: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="What noise is multiplied with before the generator sees it."
    )


class GeneratorRecord(Record):
    """What sampling needs to know of a generator, and where it came from."""

    format: Literal[2] = 2
    kind: Literal["generator"] = "generator"
    classes: ClassNames = Field(default=(), description="Empty for an unconditional model.")
    image_size: tuple[_Side, _Side] = Field(description="Height and width, in pixels.")
    channels: Channels = Field(default=1, description="1 for grey, ink bright on dark; 3 for red, green and blue.")
    z_dim: Annotated[int, Field(ge=1, le=4096)]
    z_distribution: Distribution
    training: TrainingRecord | None = None
    export: ExportRecord | None = None


class ShippedMeasure(Record):
    """A measure of a shipped model, and of the same training with other seeds."""

    key: str
    title: str
    unit: Literal["", "%", "x"] = Field(description="%: a share, from 0 to 1, to be shown as percentage.")
    real: float = Field(description="What held-out real images get, measured in the same way.")
    values: Annotated[tuple[float, ...], Field(min_length=1)] = Field(
        description="One for each seed; the first is the model's."
    )


class FilterRow(Record):
    """Measures of digits that are filtered by `generate(min_confidence=…)`."""

    min_confidence: float
    refused: float = Field(description="Share of all images that were made.")
    frechet_ratio: float
    recall: float
    coverage: float
    spread: float
    agreement: float
    tstr: float


class ShippedProtocol(Record):
    """How a shipped model was measured."""

    reference: ReferenceRecord = Field(description="The real images that sets of images are compared with.")
    held_out: ReferenceRecord = Field(description="Those whose measures are the real-data values.")
    evaluation: Protocol = Field(description="Of the first set.")
    sets: int = Field(description="Of images that share no noise; each value is a mean over them.")
    classifier: ClassifierRecord = Field(description="That is trained on generated images.")
    classifier_images: int = Field(description="Images that it is trained on.")


class ShippedRecord(Record):
    """What was measured of a model that comes with the package. How it was trained is in the model's own record."""

    format: Literal[1] = 1
    file: str
    sha256: str
    bytes: int
    discriminator_sha256: str = Field(description="Of the file of its discriminator, for trainings that start from it.")
    seeds: tuple[int, ...] = Field(description="Of the trainings; the first is the model's.")
    validation_distances: tuple[float, ...] = Field(description="Fréchet distance to the held-out images, by seed.")
    protocol: ShippedProtocol
    measures: tuple[ShippedMeasure, ...]
    filtering: tuple[FilterRow, ...]

    def measure(self, key: str) -> ShippedMeasure:
        """The measure of that key; `KeyError` if there is none."""
        return {measure.key: measure for measure in self.measures}[key]
