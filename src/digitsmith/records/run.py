"""The run folder: what it holds and where, and what it says of itself."""

import itertools
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from digitsmith.config.loading import load_config
from digitsmith.config.schema import MOST_EPOCHS, TrainConfig
from digitsmith.errors import RunError, blaming
from digitsmith.records.base import SIDES, Address, DataRecord, LabelsRecord, Origin, Record
from digitsmith.untrusted import read_bytes, reading, require_contained

MOST_SECONDS = 1e9
"""Of a training that is resumed: thirty years."""

Seconds = Annotated[float, Field(ge=0, le=2 * MOST_SECONDS)]
Mean = Annotated[float, Field(ge=-1e39, le=1e39)]  # of float32
Distance = Annotated[float, Field(ge=0, le=1e39)]

_MOST = 2**22  # bytes of a record
_MOST_METRICS = 2**27


class StartRecord(Record):
    """The trained pair that a training started from."""

    name: Address = Field(description="A shipped model, or a run folder.")
    sha256: str = Field(description="Of the weights of both networks.")


class RunRecord(Origin):
    """`run.json`: what is trained, and how far it is."""

    format: Literal[1] = 1
    preset: Address = Field(description="Name of the preset, or path of the TOML file, that it started from.")
    changes: tuple[Address, ...] = Field(default=(), max_length=1000, description="Made to it, as key=value.")
    start: StartRecord | None = Field(default=None, description="A trained pair that it started from, if any.")
    labels: LabelsRecord | None = Field(
        default=None, description="Where labels came from, if only few of those of the data were used."
    )
    started: datetime
    state: Literal["training", "interrupted", "diverged", "finished"] = Field(
        default="training", description="A run that was killed still says training."
    )
    seconds: Seconds = Field(default=0.0, description="Spent in training, when it last stopped.")

    @field_validator("data")
    @classmethod
    def _models_take_them(cls, data: DataRecord) -> DataRecord:
        if not all(side in SIDES for side in data.image_size):
            raise ValueError(f"image_size: models take sides from {SIDES.start} to {SIDES.stop - 1} pixels")
        return data


class MetricsLine(Record):
    """One line of `metrics.jsonl`: means over the steps since the line before."""

    epoch: Annotated[int, Field(ge=1, le=MOST_EPOCHS)] = Field(description="Counted from 1.")
    step: Annotated[int, Field(ge=1, lt=2**62)]
    images: Annotated[int, Field(ge=1, lt=2**62)]
    d_loss: Mean
    d_loss_real: Mean
    d_loss_fake: Mean
    g_loss: Mean
    d_real: Mean = Field(description="Mean D(x), a probability.")
    d_fake: Mean = Field(description="Mean D(G(z)), a probability.")
    images_per_second: Annotated[float, Field(ge=0)]
    seconds: Seconds
    frechet_distance: Distance | None = Field(
        default=None, description="To the held-out images, where it was measured."
    )
    frechet_floor: Distance | None = Field(default=None, description="The same of as many training images.")

    @property
    def frechet_ratio(self) -> float | None:
        """The distance over that of real images; None where it was not measured, or where these have none."""
        return self.frechet_distance / self.frechet_floor if self.frechet_distance and self.frechet_floor else None


_SAMPLE = re.compile(r"epoch-([0-9]{4,7})\.png")


class Run:
    """A run folder, and the paths of what it holds. It may be a stranger's: links that lead out of it are refused.

    Attributes:
        folder: itself.
        config: every hyperparameter, resolved: a preset that repeats the run.
        record: what is trained, and how far it is: a `RunRecord`.
        metrics: one line of JSON per logging step.
        tensorboard: the same, and sample grids, for TensorBoard.
        checkpoint: the latest training state.
        real: a grid of real images, arranged like the samples.
        figures: the folder of pictures made from the metrics and the samples.
        model: the exported generator.
        evaluation: the result of evaluating it.
        reader: the folder of the reader that labelled its images, if only few labels were used.
        lock: a file that is locked while a process trains in the folder.

    Raises:
        RunError: a link in it that leads elsewhere, through which files of the user would be read or written.
    """

    def __init__(self, folder: Path) -> None:
        with reading(folder, RunError, "check the path"):
            require_contained(folder, ("checkpoint", "figures", "reader", "samples", "tensorboard"), RunError)
        self.folder = folder
        self.config = folder / "config.toml"
        self.record = folder / "run.json"
        self.metrics = folder / "metrics.jsonl"
        self.tensorboard = folder / "tensorboard"
        self.checkpoint = folder / "checkpoint" / "state.safetensors"
        self.real = folder / "samples" / "real.png"
        self.figures = folder / "figures"
        self.model = folder / "model.onnx"
        self.evaluation = folder / "evaluation.json"
        self.reader = folder / "reader"
        self.lock = folder / ".lock"

    def sample(self, epoch: int) -> Path:
        """A grid of images from fixed noise, after `epoch` epochs."""
        return self.folder / "samples" / f"epoch-{epoch:04d}.png"

    def samples(self) -> dict[int, Path]:
        """All sample grids, by epoch."""
        names = (path.name for path in (self.folder / "samples").glob("epoch-*.png"))
        epochs = sorted(int(found[1]) for found in map(_SAMPLE.fullmatch, names) if found)
        return {epoch: path for epoch in epochs if (path := self.sample(epoch)).is_file()}

    def read_config(self) -> TrainConfig:
        """The run's config.

        Raises:
            RunError: there is no run in the folder.
            ConfigError: its config is damaged.
        """
        with reading(self.folder, RunError, "check the path"), blaming(""):  # the file is the run's own
            if not self.config.is_file():
                raise RunError(f"{self.folder} holds no run: it has no config.toml.")
            return load_config(self.config)

    def read_record(self) -> RunRecord:
        """What the run says of itself.

        Raises:
            RunError: there is no record, or it is damaged.
        """
        record = find_record(self.config)
        if record is None:
            raise RunError(f"{self.folder} holds no run: it has no run.json.")
        return record

    def read_metrics(self) -> list[MetricsLine]:
        """All lines of metrics; none if there is no file.

        Raises:
            RunError: the file is damaged. Resuming the run mends what a killed one left.
        """
        if not self.metrics.exists():
            return []
        with reading(self.metrics, RunError, "if its training was killed, resuming it mends the file"):
            lines = [MetricsLine.model_validate_json(text, strict=True) for text in self.metrics_text()]
            for before, after in itertools.pairwise(lines):
                if not (before.step < after.step and before.epoch <= after.epoch):
                    raise ValueError(f"step {after.step} of epoch {after.epoch} is behind that of a later one")
            return lines

    def metrics_text(self) -> list[bytes]:
        """The lines of metrics as they stand there.

        Raises:
            OSError: they cannot be read.
            ValueError: too many of them, or no file.
        """
        return read_bytes(self.metrics, _MOST_METRICS).splitlines()


def find_record(config: str | Path) -> RunRecord | None:
    """The record beside the config.toml of a run; None beside another file, or for the name of a preset.

    Raises:
        RunError: a damaged record.
    """
    if Path(config).name != "config.toml":
        return None
    path = Path(config).with_name("run.json")
    with reading(path, RunError, "it is damaged, or of another version"):
        return RunRecord.model_validate_json(read_bytes(path, _MOST), strict=True) if path.exists() else None
