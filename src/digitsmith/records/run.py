"""The run folder: what it holds and where, how it is started and how it is taken up again. It knows no torch."""

import contextlib
import json
import platform
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from digitsmith.config.schema import TrainConfig, flatten, load_config
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, RunError
from digitsmith.files import require_new, staged_file, writing


@dataclass(frozen=True)
class Run:
    """A run folder. The attributes are the paths of what it holds."""

    folder: Path

    @property
    def config(self) -> Path:
        """Everything needed to repeat the run: all hyperparameters; versions and data in the table [run]."""
        return self.folder / "config.toml"

    @property
    def metrics(self) -> Path:
        """One line of JSON per logging step."""
        return self.folder / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The same, and sample grids, for TensorBoard."""
        return self.folder / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """The latest training state."""
        return self.folder / "checkpoint" / "state.safetensors"

    @property
    def real(self) -> Path:
        """A grid of real images, arranged like the samples."""
        return self.folder / "samples" / "real.png"

    @property
    def figures(self) -> Path:
        """The folder of pictures made from the metrics and the samples."""
        return self.folder / "figures"

    @property
    def model(self) -> Path:
        """The exported generator."""
        return self.folder / "model.onnx"

    def sample(self, epoch: int) -> Path:
        """A grid of images from fixed noise, after `epoch` epochs."""
        return self.folder / "samples" / f"epoch-{epoch:04d}.png"

    def samples(self) -> dict[int, Path]:
        """All sample grids, by epoch."""
        paths = (self.folder / "samples").glob("epoch-*.png")
        epochs = {path.stem.removeprefix("epoch-"): path for path in paths}
        return {int(epoch): epochs[epoch] for epoch in sorted(filter(str.isdecimal, epochs), key=int)}

    def read(self) -> tuple[TrainConfig, dict[str, Any]]:
        """The run's config, and what else was recorded when it started.

        Raises:
            RunError: there is no run in the folder.
        """
        if not self.config.is_file():
            raise RunError(
                f"{self.folder} holds no run: it has no config.toml. (`digitsmith train` without --resume starts one.)"
            )
        config, recorded = load_config(self.config), read_record(self.config)
        if not recorded:
            raise RunError(f"{self.config} has no table [run]: it is a config, not that of a run folder.")
        return config, recorded

    def read_metrics(self) -> list[dict[str, float]]:
        """All lines of metrics."""
        with self.metrics.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def read_record(preset: str | Path) -> dict[str, Any]:
    """What the config of a run records in its table [run]; nothing if `preset` is another file, or a name.

    Raises:
        ConfigError: a table that no training wrote.
    """
    path = Path(preset)
    if path.suffix != ".toml":
        return {}
    recorded: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")).get("run", {})
    if recorded and not _names_data(recorded):
        raise ConfigError(f"{path}: its table [run] does not say what the run was trained on. Take the table out.")
    return recorded


def _names_data(recorded: Any) -> bool:
    size = recorded.get("image_size") if isinstance(recorded, dict) else None
    return (
        isinstance(size, list) and [type(side) for side in size] == [int, int] and isinstance(recorded.get("data"), str)
    )


def start(run: Run, config: TrainConfig, record: dict[str, Any]) -> None:
    """Make a new run folder.

    Raises:
        OutputError: the folder holds something already.
    """
    require_new(run.folder)
    write_config(run, config, record)
    with writing(run.metrics):
        run.metrics.touch()


@contextlib.contextmanager
def locked(run: Run) -> Iterator[None]:
    """Keep other processes from training in the same folder; a killed one leaves no lock behind.

    Raises:
        RunError: another process is training there.
    """
    lock = FileLock(run.folder / ".lock", blocking=False)
    with writing(run.folder):
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(f"another process is training in {run.folder}: wait for it, or stop it.") from error
    try:
        yield
    finally:
        lock.release()


def write_config(run: Run, config: TrainConfig, record: dict[str, Any]) -> None:
    """Save the config whole, and the record beside it in the table [run]."""
    with staged_file(run.config) as staged:
        staged.write_text(tomli_w.dumps(config.model_dump(mode="json") | {"run": record}), encoding="utf-8")


def check_resumable(run: Run, config: TrainConfig, data_hash: str) -> dict[str, Any]:
    """Refuse to resume with hyperparameters or data that differ from the run's own; return its record.

    Raises:
        RunError: a difference, which the message shows.
    """
    recorded_config, record = run.read()
    before, after = flatten(recorded_config), flatten(config)
    different = [
        f"{key}: {before[key]} in the run, {after[key]} now"
        for key in before
        if before[key] != after[key] and key not in {"epochs", *config.may_change()}
    ]
    if record.get("data_sha256") != data_hash:
        different.append("the training images are not the ones that the run started with")
    longer = "epochs" in config.may_change()
    if config.epochs < recorded_config.epochs or (config.epochs > recorded_config.epochs and not longer):
        why = "a run can only be made longer" if longer else "learning rates that fall to the end fix it from the start"
        different.append(f"epochs: {before['epochs']} in the run, {config.epochs} now; {why}")
    if different:
        raise RunError(
            f"{run.folder} cannot be resumed with other settings:\n  "
            + "\n  ".join(different)
            + "\nResume it with its own, or start a new run in another folder."
        )
    return record


def describe(data: Dataset, source: str, device: str, command: str) -> dict[str, Any]:
    """The record of a run: what it is trained on, where, and by which versions."""
    return {
        "command": command,
        "data": source,
        "data_sha256": data.sha256(),
        "images": len(data),
        "image_size": list(data.image_size),
        "classes": list(data.classes),
        "device": device,
        "digitsmith": version("digitsmith"),
        "git": git_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }


def git_version() -> str:
    """The commit of a source checkout; empty for an installed package."""
    package = Path(__file__).resolve().parents[1]
    if package.parent.name != "src":
        return ""
    command = ["git", "-C", str(package), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
