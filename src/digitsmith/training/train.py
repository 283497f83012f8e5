"""`train`, as users call it: from names and paths to config, data and run folder."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from digitsmith.config.schema import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.errors import ConfigError, DataError, DownloadError
from digitsmith.records.run import Run, read_record
from digitsmith.training import loop

_IN_MEMORY = "a data set in memory"


def train(
    preset: str | Path | None,
    data: str | Path | Dataset | None,
    out: Path,
    *,
    changes: Sequence[str] | Mapping[str, Any],
    resize: tuple[int, int] | None,
    device: str | None,
    resume: bool,
    quiet: bool,
) -> loop.Outcome:
    """Train; see `digitsmith.train`."""
    run = Run(out)
    recorded: dict[str, Any] = {}
    if resume:
        _, recorded = run.read()
    elif preset is None:
        raise ConfigError("say what to train: the preset residual, cgan or gan, or the path of a .toml file.")
    config = load_config(preset or run.config, changes)
    if data is None and preset is not None and not resume:
        recorded = read_record(preset)  # the config of a run brings its data
    trained_before = out if resume else preset
    if isinstance(data, Dataset):
        source = _IN_MEMORY
        data = data if resize is None else data.resize(resize)
    else:
        source = str(data or recorded.get("data", "digits"))
        if source == _IN_MEMORY:
            other = "" if resume else ", or name other data (--data)"
            raise DataError(f"{trained_before} was trained on a data set in memory: pass it again as data={other}.")
        if resize is None and recorded:
            height, width = recorded["image_size"]
            resize = (height, width)
        try:
            data = load_dataset(source, "train", resize=resize)
        except DataError as error:
            if not recorded or isinstance(error, DownloadError):
                raise
            raise DataError(
                f"{trained_before} was trained on {source!r}, which is looked for from the folder that you are in: "
                f"{error} Go to where it is, or name it with --data."
            ) from error
    console = Console(quiet=quiet)
    if recorded and not resume and recorded.get("data_sha256") != data.sha256():
        console.print(f"{source} does not hold the images any more that the run of {preset} was trained on.")
    device = device or (recorded.get("device", "auto") if resume else "auto")
    with torch.random.fork_rng():  # the caller's random state stays as it is
        return loop.train(
            config,
            data,
            source,
            run,
            device=device,
            resume=resume,
            command=_command(preset, source, out, changes, resize, device),
            console=console,
        )


def _command(
    preset: str | Path | None,
    source: str,
    out: Path,
    changes: Sequence[str] | Mapping[str, Any],
    resize: tuple[int, int] | None,
    device: str,
) -> str:
    """The command line that does the same."""
    if isinstance(changes, Mapping):
        changes = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in changes.items()]
    words = ["digitsmith", "train", str(preset), "--data", source, "--out", str(out)]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--resize", f"{resize[0]}x{resize[1]}"] if resize else []
    words += ["--device", device] if device != "auto" else []
    return shlex.join(words)
