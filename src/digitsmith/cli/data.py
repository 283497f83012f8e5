"""`digitsmith data`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import digitsmith
from digitsmith.addresses import is_address
from digitsmith.cli.reading import Read, reads, short_name
from digitsmith.errors import ConfigError, OutputError
from digitsmith.report.commands import command, read_words

if TYPE_CHECKING:
    from digitsmith.data.summary import Summary


@reads
def data(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A folder or file of images, its address (s3://bucket/made), or a named data set.",
            metavar="SOURCE",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Where to save the contact sheet, a PNG. Default: SOURCE-sheet.png in the folder that you are in, or "
            "beside SOURCE if you are in that.",
            metavar="FILE",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check the files of what `generate` or `write` made: all are there, and none was changed or added.",
        ),
    ] = False,
    read: Read = None,
) -> None:
    """Show what is understood of your images, or list data sets.

    \b
    digitsmith data                          # the data sets that have a name
    digitsmith data my-digits                # classes, counts, sizes, ink
    digitsmith data my-digits --frame mnist  # as `train --from mnist` frames them
    digitsmith data made --verify            # is it complete, and unchanged?

    SOURCE may be a folder with a folder for each class; images with a table of labels (CSV, TSV, JSON lines); IDX,
    .npz, .mat, .h5 or Parquet files; tar shards; or a CSV of pixels. A contact sheet shows ten images of each class.
    Nothing is changed in your files.
    """
    if source is None:
        if verify:
            raise ConfigError("name the folder to check: digitsmith data FOLDER --verify.")
        _list()
        return
    if verify:
        _verify(source)
        return
    from digitsmith.data.folders import is_in
    from digitsmith.data.images.grid import require_png, save_png
    from digitsmith.data.sheet import sheet as contact_sheet
    from digitsmith.data.sources import read_options
    from digitsmith.data.summary import examine
    from digitsmith.files import require_file_place
    from digitsmith.progress import listening

    options = read_options(**(read or {}))
    folder, place = _folder_of(source), sheet or Path(f"{short_name(source)}-sheet.png")
    if folder and not sheet and is_in(place, folder):
        place = Path(os.path.relpath(folder.parent)) / place
    require_png(place)
    require_file_place(place)
    if folder and is_in(place, folder):
        raise OutputError(f"{place} would lie among the images that are read: choose another place.", parameter="sheet")
    with listening(True) as progress:
        summary = examine(source, options, progress)
    _show(summary)
    save_png(place, contact_sheet(summary.first), scale=2)
    columns = "" if summary.first.labels is None else " a column for each class,"
    typer.echo(f"\nLook at {place}:{columns} as the images are read.")
    out = Path("runs") / short_name(source)
    words = read_words(options)
    typer.echo(f"Next, train a generator on them:\n  {_train(summary, source, out, words)}")
    if _is_labelled(summary):
        typer.echo(
            f"Or a reader, which says what an image shows:\n  {command('learn', 'reader', data=source, **words)}"
        )


def _folder_of(source: str) -> Path | None:
    """The folder of images that a source is, or whose images a table names; None if it is neither."""
    from digitsmith.data.class_folders import has_images
    from digitsmith.data.downloads.catalogue import TITLES
    from digitsmith.data.sources import Source
    from digitsmith.data.tables.text import ENDINGS

    name = Source.parse(source).name
    if not name or name in TITLES or is_address(name):
        return None
    path = Path(name)
    if not path.is_file():
        return path.resolve()
    return path.parent.resolve() if path.suffix.lower() in ENDINGS and has_images(path.parent) else None


def _verify(source: str) -> None:
    verified = digitsmith.verify(source)
    what = f"its {verified.shards:,} shards are" if verified.shards else "its files are"
    images = f"{verified.images:,} images, " if verified.images is not None else ""
    typer.echo(f"{source}: {what} all there, and as they were made: {images}{verified.bytes:,} bytes.")


def _train(summary: "Summary", source: str, out: Path, read: dict[str, str | bool]) -> str:
    """The command to go on with: of what is in the box, where that can be had."""
    from digitsmith.data.labels import DIGITS

    options: dict[str, object] = {"data": source, "out": out, **read}
    if not _is_labelled(summary):
        return command("train", "gan", **options)
    digits = set(summary.first.classes) <= set(DIGITS)  # colour ones become grey, as the model's are
    start = "mnist" if summary.first.channels == 1 or digits else None
    return command("train", "residual", **{"from": start}, **options)


def _is_labelled(summary: "Summary") -> bool:
    """Whether there are images of several classes."""
    from digitsmith.data.sheet import counts

    return sum(map(bool, counts(summary.first).values())) > 1


def _show(summary: "Summary") -> None:
    from digitsmith.cli.output import console
    from digitsmith.report.terminal import show_data

    show_data(summary, console())


def _list() -> None:
    from digitsmith.data.downloads.cache import data_home
    from digitsmith.data.downloads.catalogue import TITLES
    from digitsmith.errors import DataError

    for name, title in TITLES.items():
        typer.echo(f"{name:14} {title}")
    try:
        typer.echo(f"\nDownloads are kept in {data_home()} (environment variable DIGITSMITH_DATA_HOME).")
    except DataError as error:
        typer.echo(f"\n{error}")
    typer.echo("A path works wherever a name does; digitsmith data PATH shows what is understood of it.")
