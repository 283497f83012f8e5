"""The options by which work is divided into shards, and what is said of a folder of them."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitsmith.cli.options import Options, stand_for
from digitsmith.errors import ConfigError

if TYPE_CHECKING:
    from digitsmith.records.dataset import DatasetRecord

_PANEL = "Shards"

_OPTIONS: Options = {
    "shard": (
        Annotated[
            str | None,
            typer.Option(
                help="Make only part I of N equal parts, in FOLDER itself. All parts together are the whole.",
                metavar="I/N",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "shards": (
        Annotated[
            int | None,
            typer.Option(
                help="Divide the images into so many parts, each in a folder of its own. Default, with --workers or "
                "--ray: parts of some thousand images.",
                metavar="N",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "workers": (
        Annotated[
            int | None,
            typer.Option(
                help="Make shards in so many processes of this machine; with --ray, in so many tasks at a time.",
                metavar="N",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "ray": (
        Annotated[
            str | None,
            typer.Option(
                help="Make shards on a Ray cluster: its address, auto for the one that this machine belongs to, or "
                "local for one that is started here. All its machines share the folder, or reach its address.",
                metavar="ADDRESS",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "resume": (
        Annotated[
            bool,
            typer.Option(
                "--resume",
                help="Go on where the same command was stopped or killed. Shards that are finished are checked and "
                "kept.",
                rich_help_panel=_PANEL,
            ),
        ],
        False,
    ),
}


def _gather(given: dict[str, Any]) -> dict[str, Any]:
    """What is said, as `generate` and `write` take it; where nothing is, what a launcher says of this process."""
    if "shard" in given:
        given["shard"] = parse_shard(given["shard"])
    elif not {"workers", "ray"} & given.keys():
        from digitsmith.shards.ranks import rank_of

        if rank := rank_of(os.environ):
            typer.echo(
                f"{rank.said}: this is process {rank.number + 1} of {rank.of}, which share the work and its folder. "
                f"(With --shard 1/1 it would do all by itself.)",
                err=True,
            )
            given["rank"] = rank.number, rank.of
    return given


sharded = stand_for("how", _OPTIONS, _gather)
"""Gives a command the options by which work is divided, in the place of its parameter `how`."""


def parse_shard(text: str) -> tuple[int, int]:
    """A part, written 2/4.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,18})/([0-9]{1,18})", text)
    if found is None:
        raise ConfigError(f"{text}: write it as I/N, for example 2/4 for part 2 of 4.", parameter="shard")
    return int(found[1]), int(found[2])


def inside(folder: str, name: str) -> str:
    """The path, or address, of a file in a folder."""
    from digitsmith.addresses import is_address

    return f"{folder.rstrip('/')}/{name}" if is_address(folder) else str(Path(folder, name))


def complete(folder: str) -> "DatasetRecord | None":
    """What a folder says that was made; None, which is said, if shards of other processes are still missing."""
    from digitsmith.shards.places import place_of

    record = place_of(folder).record()
    if record is None:
        typer.echo(f"The shards of this process are finished. {folder} is complete when those of all others are.")
    elif record.shards:
        typer.echo(f"{len(record.shards):,} shards; to check their files: digitsmith data {folder} --verify")
    return record
