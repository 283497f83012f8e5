"""What a model file says of itself, in its ONNX metadata."""

from typing import Annotated, Any, Literal

from pydantic import Field

from digitsmith.config.schema import Distribution
from digitsmith.records.base import Channels, ClassNames, Origin, Record

_Side = Annotated[int, Field(ge=8, le=128)]


class TrainingRecord(Origin):
    """How a generator was trained."""

    config: dict[str, Any] = Field(description="The run's config.toml.")
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
    truncation: float = Field(default=1.0, description="What noise is multiplied with before the generator sees it.")


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
