"""`digitsmith study`: the experiments."""

from pathlib import Path
from typing import Annotated

import typer

import digitsmith
from digitsmith.cli.output import console, result_place, save_and_show
from digitsmith.report.commands import command


def tstr(
    subject: Annotated[
        str,
        typer.Argument(
            help="A conditional model (shipped name, run folder or .onnx file), or labelled images.", metavar="SUBJECT"
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(help="The real images. Default: as for `digitsmith evaluate`.", metavar="SOURCE[:SPLIT]"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Training images of each kind. Default: as many as there are real ones.", metavar="N"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=2, help="How often everything is done, for a mean and a spread.", metavar="N")
    ] = 3,
    json: Annotated[
        Path | None, typer.Option(help="Where to save the result. Default: tstr.json in a run folder.", metavar="FILE")
    ] = None,
) -> None:
    """Train on synthetic, test on real (TSTR).

    How well does a classifier learn from generated digits?

    \b
    digitsmith study tstr mnist
    digitsmith study tstr runs/mnist --count 10000 --seeds 5

    The same small classifier is trained on real digits, on generated ones, and on generated ones that the digit-net
    classifies as their label. Each is tested on real digits that none of them saw.

    With 60,000 images it takes half an hour or more on two cores, and with --count 10000 a third of that. Needs torch:
    the extra train.
    """
    from digitsmith.report.terminal import show_study

    place = result_place(subject, json, "tstr.json")
    result = digitsmith.tstr(subject, reference, count=count, seeds=seeds)
    save_and_show(result, place, lambda: show_study(result, console()))
    if place is None:
        again = command(
            "study tstr", subject, reference=result.reference.address, count=result.protocol.images, seeds=seeds,
            json="tstr.json",
        )  # fmt: skip
        typer.echo(f"\nTo save this, for a report:\n  {again}")
    else:
        typer.echo(f"\nSaved as {place}. Next, look at it:\n  {command('report', json or subject)}")
