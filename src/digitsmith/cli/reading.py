"""The options by which several commands read a data set."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digitsmith.cli.options import Options, stand_for
from digitsmith.errors import ConfigError

Ink = Literal["auto", "dark", "bright"]
Frame = Literal["mnist", "tight"]
"""As in `records.base`, which is not imported: help is to come at once."""

Read = dict[str, Any] | None
"""What of the options is not the default, as `load_dataset` takes it; None if nothing is."""

_OPTIONS: Options = {
    "resize": (
        Annotated[
            str | None, typer.Option(help="Scale the images to this height and width, e.g. 28x28.", metavar="HxW")
        ],
        None,
    ),
    "ink": (
        Annotated[
            Ink,
            typer.Option(
                help="Of grey images. dark: ink is darker than paper, and the images are inverted; bright: they are "
                "not. auto: it is found out from all of them."
            ),
        ],
        "auto",
    ),
    "frame": (
        Annotated[
            Frame | None,
            typer.Option(
                help="Crop each image to its ink. mnist: scale and centre it as MNIST was made; tight: fill the image. "
                "Images of several sizes need this, or --resize.",
                show_default=False,
            ),
        ],
        None,
    ),
    "image_column": (
        Annotated[
            str | None,
            typer.Option(
                help="The column of a table, or array of a file, with the images, if it is not found.", metavar="NAME"
            ),
        ],
        None,
    ),
    "label_column": (
        Annotated[
            str | None,
            typer.Option(
                help="The column of a table, or array of a file, with the labels, if it is not found.", metavar="NAME"
            ),
        ],
        None,
    ),
    "skip_bad": (
        Annotated[
            bool,
            typer.Option(
                "--skip-bad",
                help="Leave out images that cannot be read, and rows and images that do not fit each other, and say "
                "which.",
            ),
        ],
        False,
    ),
}
"""Type and default of each, by the names that `load_dataset` has for them."""


def _gather(given: dict[str, Any]) -> Read:
    if "resize" in given:
        given["resize"] = parse_size(given["resize"])
    return given or None


reads = stand_for("read", _OPTIONS, _gather)
"""Gives a command the options by which a data set is read, in the place of its parameter `read`."""


def parse_size(text: str) -> tuple[int, int]:
    """A height and width, written 28x28.

    Raises:
        ConfigError: it is neither.
    """
    found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", text)
    if found is None:
        raise ConfigError(f"{text}: write it as height x width, for example 28x28.", parameter="resize")
    return int(found[1]), int(found[2])


def short_name(source: str) -> str:
    """What a data set is called, for the names of what is made of it: `scans` for `../scans`, `scans.npz:test`."""
    from digitsmith.addresses import is_address

    if is_address(source):
        return re.sub(r":(train|test)$", "", source).rstrip("/").rpartition("/")[2] or "data"
    path = Path(source.partition(":")[0]).resolve()
    return (path.stem if path.is_file() else path.name) or "data"
