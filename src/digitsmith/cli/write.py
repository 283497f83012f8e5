"""`digitsmith write`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import digitsmith
from digitsmith.cli.paper import styled
from digitsmith.cli.sharding import complete, inside, sharded

if TYPE_CHECKING:
    from digitsmith.config.style import Style

Kind = Literal["date", "amount", "postcode", "phone", "account", "meter", "year", "integer"]
Locale = Literal["en-US", "en-GB", "de-DE", "fr-FR"]
ImageFormat = Literal["png", "jpeg"]

_WHAT, _FILES = "What is written (one of these)", "Files"

MADE = {
    "labels": ("labels.txt", "the path and the text of each image, as TextRecognitionDataGenerator's"),
    "paddle": ("paddle", "PaddleOCR's lists; its data_dir is {folder}"),
    "coco": ("coco.json", "COCO, with a box for each character; its images are in {folder}/images"),
    "yolo": ("data.yaml", "YOLO, with a box for each character"),
    "imagefolder": ("images/metadata.jsonl", 'load_dataset("imagefolder", data_dir="{folder}/images")'),
    "tesseract": ("images", "has .gt.txt and .box beside each image, for Tesseract's training"),
    "lmdb": ("lmdb", "images and texts, as deep-text-recognition-benchmark reads them"),
    "webdataset": ("numbers-000000.tar", "and so on: images, texts and boxes, for WebDataset"),
}
"""What each annotation is, and who reads it."""


@styled
@sharded
def write(
    folder: Annotated[
        str,
        typer.Argument(
            help="The folder to make, or its address, such as s3://bucket/made. It must not hold anything.",
            metavar="OUT",
        ),
    ],
    text: Annotated[
        str | None, typer.Option(help="This text each time, e.g. 90210.", metavar="TEXT", rich_help_panel=_WHAT)
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Numbers drawn from a pattern: # is any digit, [1-9] one of these, {2,5} repeats, and - / . , : ( ) "
            "+ € and spaces stand for themselves.",
            metavar="PATTERN",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(help="Numbers of a kind, as people write them.", rich_help_panel=_WHAT, show_default=False),
    ] = None,
    locale: Annotated[
        Locale | None,
        typer.Option(
            help="Where numbers of the kind are written so. Default: en-US.", rich_help_panel=_WHAT, show_default=False
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(help="The lines of a text file, which take turns.", metavar="FILE", rich_help_panel=_WHAT),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            help="How many numbers. Default: one, or one of each line of a file; a pattern or a kind needs it.",
            metavar="N",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Which series of numbers. Image i depends on the seed and i alone.", metavar="N")
    ] = 0,
    model: Annotated[
        str | None,
        typer.Option(
            help="Whose digits are written: a shipped model, a run folder or an .onnx file. Default: mnist.",
            metavar="MODEL",
        ),
    ] = None,
    annotations: Annotated[
        str,
        typer.Option(
            help="Labels and boxes, in one format or several (coco,yolo): labels, paddle, coco, yolo, imagefolder, "
            "tesseract, lmdb, webdataset.",
            metavar="FORMATS",
            rich_help_panel=_FILES,
        ),
    ] = "labels",
    image_format: Annotated[ImageFormat, typer.Option(help="Of the images.", rich_help_panel=_FILES)] = "png",
    *,
    how: dict[str, Any],
    style: "Style",
) -> None:
    """Write numbers on paper, by hand, to train programs that read.

    \b
    digitsmith write zips --pattern '#####-####' --count 10000
    digitsmith write dates --kind date --locale de-DE --count 1000 --layout comb
    digitsmith write boxes --pattern '#{3,8}' --count 1000 --annotations coco,yolo
    digitsmith write amounts --from-file amounts.txt --wear heavy
    digitsmith write ours --text 90210 --count 20 --model runs/my-digits
    digitsmith write many --pattern '#{5}' --count 1000000 --workers 8
    digitsmith write s3://bucket/many --pattern '#{5}' --count 1000000

    The digits of a number come from one hand. The box of each character is that of its ink, through all that happens to
    the paper. The folder is written whole or not at all; beside the annotations it gets preview.png, the first images
    with their boxes, and dataset.json, which says how they were made. Shards are such folders in it, as of `digitsmith
    generate`.
    """
    digitsmith.write(
        folder, text=text, pattern=pattern, kind=kind, locale=locale, from_file=from_file, count=count, seed=seed,
        model=model, style=style, annotations=annotations, image_format=image_format, **how,
    )  # fmt: skip
    if (record := complete(folder)) is None:
        return
    made = record.numbers
    assert made is not None
    typer.echo(f"{made.count:,} images of numbers in {folder}")
    typer.echo(f"  {inside(folder, 'preview.png')}  the first of them, with the boxes of their characters")
    first = inside(folder, record.shards[0].name) if record.shards else folder
    for name in made.annotations:
        file, about = MADE[name]
        typer.echo(f"  {inside(first, file)}  {about.format(folder=first)}")
    typer.echo(f"\nNext, numbers to validate with: the same command with another folder and --seed {made.seed + 1}.")
