"""`digitsmith export`."""

from pathlib import Path
from typing import Annotated

import typer

import digitsmith


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN")],
    path: Annotated[Path, typer.Argument(help="The .onnx file to write, or to replace.", metavar="FILE")],
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16: half the size.")] = False,
    truncation: Annotated[
        float,
        typer.Option(
            help="Scale of the noise, above 0 and at most 1. Under 1, digits are clearer and vary less.", metavar="T"
        ),
    ] = 1.0,
) -> None:
    """Export a run's generator as one ONNX file.

    \b
    digitsmith export runs/mnist digits.onnx
    digitsmith export runs/mnist small.onnx --half
    digitsmith export runs/mnist clear.onnx --truncation 0.7

    The generator is that of the latest checkpoint, whether or not the training has ended; or the best so far, if
    `digitsmith train --during-training` measured it. Needs torch: the extra train.
    """
    model = digitsmith.export(run, path, half=half, truncation=truncation)
    typer.echo(f"{path}  {path.stat().st_size:,} bytes, sha256 {model.sha256}")
