"""`digitsmith generate`."""

from typing import Annotated, Any, Literal

import typer

import digitsmith
from digitsmith.cli.sharding import complete, inside, sharded
from digitsmith.errors import ConfigError

Format = Literal["idx", "npz", "png", "parquet", "webdataset"]
Split = Literal["train", "test"]


@sharded
def generate(
    folder: Annotated[
        str,
        typer.Argument(
            help="The folder to make, or its address, such as s3://bucket/made. It must not hold anything.",
            metavar="FOLDER",
        ),
    ],
    count: Annotated[int, typer.Option(help="How many images.", metavar="N")],
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model (see `digitsmith models`), a run folder or an .onnx file. Default: mnist.",
            metavar="MODEL",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="The classes to generate, by name: 0-4, or 3,5,7. They take turns. Default: all.", metavar="LABELS"
        ),
    ] = None,
    draw: Annotated[bool, typer.Option("--draw", help="Draw each label at random, instead of taking turns.")] = False,
    seed: Annotated[
        int, typer.Option(help="Which series of images. Image i depends on the seed and i alone.", metavar="N")
    ] = 0,
    format: Annotated[Format, typer.Option(help="The file format; idx is MNIST's own.")] = "idx",
    split: Annotated[Split, typer.Option(help="Names the files, e.g. t10k-… for test.")] = "train",
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the files of idx, as MNIST's are.")] = False,
    min_confidence: Annotated[
        float,
        typer.Option(
            help="Generate an image again until the digit-net recognises it as its label with at least this "
            "probability, e.g. 0.9. 0 takes all.",
            metavar="P",
        ),
    ] = 0.0,
    *,
    how: dict[str, Any],
) -> None:
    """Generate a labelled data set.

    \b
    digitsmith generate made --count 60000
    digitsmith generate sevens --count 500 --labels 7 --format png
    digitsmith generate made --count 60000 --model runs/mnist --seed 1
    digitsmith generate clean --count 60000 --min-confidence 0.9
    digitsmith generate part2 --count 1000000 --shard 2/4
    digitsmith generate many --count 10000000 --workers 8
    digitsmith generate s3://bucket/made --count 10000000 --format webdataset

    The folder is written whole or not at all. Beside the images it gets preview.png, the first hundred of them, and
    dataset.json, which says how they were made. The shipped model generates 60,000 images in seconds, and needs neither
    torch nor a network. Shards are folders in it, each whole or not there; dataset.json comes last, when all are.
    At an address (s3://, gs://, …; the extra remote) all is in shards. Credentials are those of the library: those in
    the environment, or its own files.
    """
    loaded = digitsmith.load(model)
    chosen = None if labels is None else _parse_labels(labels, loaded.record.classes)
    digitsmith.generate(
        folder, count, model=loaded, labels=chosen, draw=draw, seed=seed,
        min_confidence=min_confidence, format=format, split=split, gzip=gzip, **how,
    )  # fmt: skip
    if (record := complete(folder)) is None:
        return
    made = record.generated
    assert made is not None
    names = " ".join(dict.fromkeys(made.labels))
    what = f"labels {names}" if names else "no labels (the model is unconditional)"
    height, width = loaded.record.image_size
    typer.echo(f"{made.count:,} images of {height}x{width}, {what}, in {folder}")
    typer.echo(f"  {inside(folder, 'preview.png')}  the first of them")
    if made.min_confidence:
        every = made.count + made.refused
        typer.echo(f"Refused: {made.refused:,} of {every:,} generated images ({made.refused / every:.1%}).")


def _parse_labels(text: str, classes: tuple[str, ...]) -> list[str]:
    """'0-9', '3,5,7' or names of classes, to names. What is no name or range is left for the model to refuse."""
    names: list[str] = []
    for word in (word.strip() for word in text.split(",")):
        first, dash, last = word.partition("-")
        if word not in classes and dash and first in classes and last in classes:
            start, stop = classes.index(first), classes.index(last)
            if start > stop:
                raise ConfigError(f"{word}: the range runs backwards; write {last}-{first}.", parameter="labels")
            names.extend(classes[start : stop + 1])
        else:
            names.append(word)
    return names
