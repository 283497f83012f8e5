"""`digitsmith evaluate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import digitsmith
from digitsmith.cli.output import console, result_place, save_and_show
from digitsmith.report.commands import command, evaluate_command

Features = Literal["digitnet", "inception"]


def evaluate(
    subject: Annotated[
        str,
        typer.Argument(
            help="A model (shipped name, run folder or .onnx file), or a data set (name, path or address).",
            metavar="SUBJECT",
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            help="The real images to compare with. Default: what the model was trained on, or the model that made the "
            "images, as far as that is recorded; else mnist.",
            metavar="SOURCE[:SPLIT]",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many images of each kind, at most.", metavar="N")] = 10_000,
    seed: Annotated[
        int, typer.Option(help="Of the images that a model generates, or of the choice from a data set.", metavar="N")
    ] = 0,
    features: Annotated[
        Features,
        typer.Option(
            help="The feature extractor of the distances. With inception, the Fréchet distance is the FID: that takes "
            "minutes, a download of 95 MB, and the extra inception."
        ),
    ] = "digitnet",
    inception_weights: Annotated[
        Path | None, typer.Option(help="A file of Inception weights, instead of the download.", metavar="FILE")
    ] = None,
    fetch: Annotated[
        bool,
        typer.Option("--fetch", help="Download MNIST (11 MB) if it is not here, to look for copied training images."),
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(help="Where to save the result. Default: evaluation.json in a run folder.", metavar="FILE"),
    ] = None,
) -> None:
    """Measure how good generated digits are.

    Fidelity, diversity, readability and memorisation, each beside the same measure of held-out real images.

    \b
    digitsmith evaluate mnist                     # the shipped model
    digitsmith evaluate runs/mnist                # a run, and its training data
    digitsmith evaluate made                      # generated images
    digitsmith evaluate scans --reference digits  # images of yours
    digitsmith evaluate mnist:test                # real digits

    Real images are read as the model's training images were: scaled and framed alike.

    Takes about half a minute. Needs no torch, and no download for the shipped model. The result of a run is saved in
    its folder, for `digitsmith report`.
    """
    from digitsmith.report.terminal import show_evaluation

    name = "evaluation.json" if features == "digitnet" else f"evaluation-{features}.json"
    place = result_place(subject, json, name) if json or reference is None else None  # the run's own is kept
    result = digitsmith.evaluate(
        subject, reference, count=count, seed=seed, features=features, inception_weights=inception_weights, fetch=fetch
    )
    save_and_show(result, place, lambda: show_evaluation(result, console()))
    if place is None:
        typer.echo(f"\nTo save this, for a report:\n  {evaluate_command(result, json='result.json')}")
    else:
        shown = place if json or features != "digitnet" else subject
        typer.echo(f"\nSaved as {place}. Next, look at it:\n  {command('report', shown)}")
