"""`digitsmith learn`."""

from pathlib import Path
from typing import Annotated

import typer

import digitsmith
from digitsmith.cli.reading import Read, reads
from digitsmith.report.commands import command


@reads
def learn(
    out: Annotated[Path, typer.Argument(help="The new folder, for reader.onnx.", metavar="OUT")],
    data: Annotated[
        str,
        typer.Option(help="The labelled images: a path, or a name from `digitsmith data`.", metavar="SOURCE"),
    ],
    per_class: Annotated[
        int | None,
        typer.Option(
            min=1, help="Use so many labels of each class only; the other images count as unlabelled.", metavar="K"
        ),
    ] = None,
    unlabelled: Annotated[
        str | None, typer.Option(help="More images, whose labels are not looked at.", metavar="SOURCE")
    ] = None,
    generated: Annotated[
        str | None,
        typer.Option(
            help="A model whose digits are mixed in, or none. Default: the one in the box, if there are at most 100 "
            "labelled images of a class and they are of its kind.",
            metavar="MODEL|RUN|none",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="How long to train. Default: it follows from the images.", metavar="N"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the labels, and decides all random numbers.", metavar="N")] = 0,
    read: Read = None,
) -> None:
    """Train a reader: a file that says which digit an image shows, or refuses.

    \b
    digitsmith learn my-reader --data my-digits
    digitsmith learn my-reader --data my-digits --unlabelled scans
    digitsmith learn ten-each --data mnist --per-class 10

    Few labels will do. Images without a label are used, too: those of the data that have none, and those of
    --unlabelled. Images are framed as MNIST was made, so that the reader takes digits of any size; --frame and --resize
    choose otherwise. The test split, if there is one, has no part in it, and is read at the end.

    Where each class has 100 labelled images, some are held out: they say how sure the reader must be. Needs torch: the
    extra train.

    Several GPUs or machines: torchrun --nproc-per-node 8 -m digitsmith learn ...
    """
    try:
        learned = digitsmith.learn(
            data,
            out,
            per_class=per_class,
            unlabelled=unlabelled,
            generated=generated,
            epochs=epochs,
            seed=seed,
            read=read,
        )
    except KeyboardInterrupt:
        if out.exists():
            typer.echo(f"\nWhat is done is kept in {out}: the same command goes on from there.", err=True)
        raise
    if learned.rank:
        return  # the first rank speaks
    record = learned.reader.record
    assert record.training is not None
    used = record.training
    held_out = sum(one.images for one in record.calibration)
    typer.echo(
        f"\nLearned from {used.labelled - held_out:,} labelled and {used.unlabelled:,} unlabelled images"
        + (f"; {held_out:,} labelled ones were held out, and say how sure is sure enough." if held_out else ".")
    )
    for measured in record.measured:
        typer.echo(f"  {measured.accuracy:.2%} of {measured.images:,} images are read right ({measured.title}).")
    if not record.measured:
        typer.echo(
            "  How well it reads is not known: no labelled image is left to test it on. Give `digitsmith\n"
            "  read` others, in one folder for each class: it says how many it reads right."
        )
    typer.echo(f"  {out / 'reader.onnx'}  the reader, {len(learned.reader.content) / 1e6:.1f} MB")
    typer.echo(f"  {out / 'learning.json'}  how it learned, and the images that it finds hardest")
    typer.echo(
        f"\nNext, read images with it, or see how it learned:\n  {command('read', 'IMAGES', reader=out)}\n"
        f"  {command('report', out)}"
    )
