"""`digitsmith report`."""

from pathlib import Path
from typing import Annotated

import typer

import digitsmith
from digitsmith.report.commands import can_be_measured, command


def report(
    subjects: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, readers and studies, and the result files of `digitsmith evaluate`. Several are "
            "compared.",
            metavar="RUN|RESULT...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The HTML file. Default: report.html, in the folder of a single run or result.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Show runs and results on one HTML page.

    \b
    digitsmith report runs/mnist
    digitsmith report runs/gan runs/cgan result.json --out compared.html

    The page has curves, samples, measures, and the commands that repeat them. It is a single file that opens in any
    browser, without a network. It shows what is measured already: run `digitsmith evaluate` before.

    Needs the extra report.
    """
    from digitsmith.records.run import Run

    page = digitsmith.write_report(subjects, out)
    typer.echo(f"{page}  {max(page.stat().st_size / 1e6, 0.1):.1f} MB: open it in a browser; it needs no network.")
    unmeasured = [run for run in subjects if can_be_measured(Run(run)) and not (run / "evaluation.json").is_file()]
    if unmeasured:
        typer.echo(
            f"\nHow good the digits are is not measured yet. Measure it, and make the page again:\n"
            f"  {command('evaluate', unmeasured[0])}"
        )
    elif len(subjects) == 1:
        typer.echo(f"\nNext, compare it with another:\n  {command('report', subjects[0])} OTHER")
