"""`train`, as users call it: from names and paths to config, data and run folder."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from digitsmith.dataset import Dataset
from digitsmith.errors import ConfigError
from digitsmith.sources import load_dataset
from digitsmith.training import loop
from digitsmith.training.config import load_config
from digitsmith.training.run import Run


def train(
    preset: str | Path | None,
    data: str | Path | Dataset | None,
    out: Path,
    *,
    changes: Sequence[str] | Mapping[str, Any],
    resize: tuple[int, int] | None,
    device: str,
    resume: bool,
    quiet: bool,
) -> loop.Outcome:
    """Train; see `digitsmith.train`."""
    run = Run(out)
    recorded: dict[str, Any] = {}
    if resume:
        _, recorded = run.read()
    elif preset is None:
        raise ConfigError("say what to train: the preset gan or cgan, or the path of a .toml file.")
    config = load_config(preset or run.config, changes)
    if not isinstance(data, Dataset):
        if data is None:
            data = recorded.get("data", "digits")
            resize = resize or (tuple(recorded["image_size"]) if "image_size" in recorded else None)
        source = str(data)
        data = load_dataset(source, "train", resize=resize)
    else:
        source = "a data set in memory"
    return loop.train(
        config,
        data,
        source,
        run,
        device=device,
        resume=resume,
        command=_command(preset, source, out, changes, resize),
        console=Console(quiet=quiet),
    )


def _command(
    preset: str | Path | None,
    source: str,
    out: Path,
    changes: Sequence[str] | Mapping[str, Any],
    resize: tuple[int, int] | None,
) -> str:
    """The command line that does the same."""
    pairs = [f"{key}={value}" for key, value in changes.items()] if isinstance(changes, Mapping) else list(changes)
    words = ["digitsmith", "train", str(preset), "--data", source, "--out", str(out)]
    words += [word for pair in pairs for word in ("--set", pair)]
    words += ["--resize", f"{resize[0]}x{resize[1]}"] if resize else []
    return shlex.join(words)
