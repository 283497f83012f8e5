"""The run folder: what it holds and where, and what it says of itself."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from digitsmith.config.loading import load_config
from digitsmith.config.schema import TrainConfig
from digitsmith.errors import RunError, reason
from digitsmith.files import require_contained
from digitsmith.records.base import Address, Origin, Record, Side


class RunRecord(Origin):
    """`run.json`: what is trained, and how far it is."""

    format: Literal[1] = 1
    preset: Address = Field(description="Name of the preset, or path of the TOML file, that it started from.")
    changes: tuple[Address, ...] = Field(default=(), description="Made to it, as key=value.")
    resize: tuple[Side, Side] | None = Field(default=None, description="Height and width asked for.")
    started: datetime
    state: Literal["training", "interrupted", "finished"] = Field(
        default="training", description="A run that was killed still says training."
    )
    seconds: float = Field(default=0.0, description="Spent in training, when it last stopped.")


class MetricsLine(Record):
    """One line of `metrics.jsonl`: means over the steps since the line before."""

    epoch: int = Field(description="Counted from 1.")
    step: int
    images: int
    d_loss: float
    d_loss_real: float
    d_loss_fake: float
    g_loss: float
    d_real: float = Field(description="Mean D(x), a probability.")
    d_fake: float = Field(description="Mean D(G(z)), a probability.")
    images_per_second: float
    seconds: float
    frechet_distance: float | None = Field(default=None, description="To the held-out images, where it was measured.")
    frechet_floor: float | None = Field(default=None, description="The same of as many training images.")

    @property
    def frechet_ratio(self) -> float | None:
        """The distance over that of real images; None where it was not measured, or where these have none."""
        return self.frechet_distance / self.frechet_floor if self.frechet_distance and self.frechet_floor else None


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

    Raises:
        RunError: a link in it that leads elsewhere, through which files of the user would be read or written.
    """

    def __init__(self, folder: Path) -> None:
        require_contained(folder, ("checkpoint", "figures", "samples", "tensorboard"), RunError)
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

    def sample(self, epoch: int) -> Path:
        """A grid of images from fixed noise, after `epoch` epochs."""
        return self.folder / "samples" / f"epoch-{epoch:04d}.png"

    def samples(self) -> dict[int, Path]:
        """All sample grids, by epoch."""
        paths = (self.folder / "samples").glob("epoch-*.png")
        epochs = {path.stem.removeprefix("epoch-"): path for path in paths}
        return {int(epoch): epochs[epoch] for epoch in sorted(filter(str.isdecimal, epochs), key=int)}

    def read_config(self) -> TrainConfig:
        """The run's config.

        Raises:
            RunError: there is no run in the folder.
            ConfigError: its config is damaged.
        """
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
        if not self.metrics.is_file():
            return []
        try:
            lines = self.metrics.read_text(encoding="utf-8").splitlines()
            return [MetricsLine.model_validate_json(line) for line in lines]
        except (OSError, ValueError) as error:
            problem = reason(error) if isinstance(error, ValidationError) else str(error)
            raise RunError(
                f"{self.metrics} cannot be read ({problem}). If its training was killed, resuming it mends the file."
            ) from error


def find_record(config: str | Path) -> RunRecord | None:
    """The record beside the config.toml of a run; None beside another file, or for the name of a preset.

    Raises:
        RunError: a damaged record.
    """
    path = Path(config).with_name("run.json")
    if Path(config).name != "config.toml" or not path.is_file():
        return None
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        raise RunError(f"{path} is damaged, or of another version ({reason(error)}).") from error
