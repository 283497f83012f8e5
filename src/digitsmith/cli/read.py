"""`digitsmith read`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import digitsmith
from digitsmith.cli.reading import Read, reads
from digitsmith.errors import ConfigError, printable

if TYPE_CHECKING:
    from digitsmith import Tally
    from digitsmith.answers.files import Answer

_STDOUT = Path("-")
_CHUNK = 2**16  # characters
_SHOWN = 30  # answers; of more, files have them all


@reads
def read(
    subjects: Annotated[
        list[str],
        typer.Argument(help="Image files, folders of images, or data sets.", metavar="IMAGE|FOLDER|SOURCE..."),
    ],
    reader: Annotated[
        Path | None,
        typer.Option(
            help="What reads: the folder that `digitsmith learn` made, or its reader.onnx. Default: the one in the "
            "box, which reads the digits 0 to 9 of any hand.",
            metavar="READER",
        ),
    ] = None,
    error: Annotated[
        float | None,
        typer.Option(
            help="The share of all images that may get a wrong answer: with less, more are refused. Default: 0.01, or "
            "the least that the reader can promise.",
            metavar="SHARE",
        ),
    ] = None,
    min_probability: Annotated[
        float,
        typer.Option(
            help="The least probability of an answer, beside what --error asks for: what a form needs where a wrong "
            "digit costs more than a second look.",
            metavar="P",
            show_default=False,
        ),
    ] = 0.0,
    verify: Annotated[
        str | None, typer.Option(help="Say of each image whether it shows this digit.", metavar="LABEL")
    ] = None,
    machine_made: Annotated[
        bool,
        typer.Option(
            "--machine-made",
            help="Say how likely a generator made each image, if it has 28x28 pixels: others have lost the traces. It "
            "is no proof.",
        ),
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all answers as CSV.", metavar="FILE")] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            help="Write all answers as lines of JSON; - writes nothing else to standard output.", metavar="FILE"
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Draw up to 400 images with their answers; refused ones (red) and wrong ones (amber) are chosen "
            "before others. The number under each is its place among all, as in the file of --csv.",
            metavar="FILE",
        ),
    ] = None,
    read: Read = None,
) -> None:
    """Read digits: the label of each image, its probability, or why it is refused.

    \b
    digitsmith read scan.png
    digitsmith read scans --csv answers.csv --sheet sheet.png
    digitsmith read scans --json - | jq .label
    digitsmith read cells --min-probability 0.999 --csv answers.csv
    digitsmith read digits:test --reader my-reader --error 0.05
    digitsmith read cheque.png --verify 7
    digitsmith read found --machine-made --csv scores.csv

    A folder is read file by file. Of a data set with labels, such as digits:test, and of a folder with one folder for
    each digit, it is said how many answers are right; so it is of what `digitsmith generate` made. Files that cannot be
    read are named, and the others are read.
    The reader in the box finds the ink of each image, and scales and centres it; --frame and --resize are for readers
    that were taught otherwise.
    """
    if _STDOUT in (csv, sheet):
        raise ConfigError("standard output takes lines of JSON only: use --json -, or name a file.")
    shown, piped = 0, json == _STDOUT

    def tell(answer: "Answer") -> None:
        nonlocal shown
        shown += 1
        if shown <= _SHOWN and not piped:
            typer.echo(_line(answer, verify, machine_made))

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "answers.json"
        tally = digitsmith.read(
            subjects, reader, error=error, min_probability=min_probability, verify=verify, machine_made=machine_made,
            csv_file=csv, json_file=lines if piped else json, sheet=sheet, read=read, told=tell,
        )  # fmt: skip
        if piped:
            with lines.open(encoding="ascii") as file:  # at the end, so that a closed pipe costs no other file
                while chunk := file.read(_CHUNK):
                    typer.echo(chunk, nl=False)
    if shown > _SHOWN and not piped:
        typer.echo(f"… and {shown - _SHOWN:,} more{'' if csv or json else ': --csv FILE has all of them'}.")
    for said in _summary(tally, verify, machine_made):
        typer.echo(said, err=piped)
    for place in (csv, json, sheet):
        if place not in (None, _STDOUT):
            typer.echo(f"  {place}", err=piped)


def _line(answer: "Answer", claim: str | None, machine_made: bool) -> str:
    verdict = answer.error or answer.verdict
    if claim is not None and answer.verdict == "read":
        verdict = "yes" if answer.label == claim else "no"
    guess = answer.likeliest if answer.verdict != "empty" else ""
    label = answer.label or (f"{guess}?" if guess else "-")
    name = printable(answer.name).replace("\n", "\\n")
    line = f"{name}  {label}  {answer.probability:.4f}  {verdict}"
    if not machine_made:
        return line
    return f"{line}  machine-made {'-' if answer.machine_made is None else f'{answer.machine_made:.4f}'}"


def _summary(tally: "Tally", claim: str | None, machine_made: bool) -> Iterator[str]:
    total, accepted = tally.verdicts.total(), tally.verdicts["read"]
    refused = ", ".join(f"{number:,} {verdict}" for verdict, number in tally.verdicts.items() if verdict != "read")
    yield f"\n{accepted:,} of {total:,} images read{f'; refused: {refused}' if refused else ''}."
    if claim is not None:
        yield f"{tally.confirmed:,} show {claim}, {tally.denied:,} show another."
    if tally.labelled:
        yield (
            f"Of {tally.labelled:,} with a label, {tally.right / tally.labelled:.2%} are right if none is refused"
            + (f", and {tally.accepted_right / tally.accepted:.2%} of those that are read." if tally.accepted else ".")
        )
    if machine_made and not tally.scored:
        yield "None of the images is grey and of 28x28 pixels: of no other it is said how likely a generator made it."
    elif machine_made:
        yield (
            f"Of {tally.scored:,} of the images it is said how likely a generator made them; for {tally.suspect:,} it "
            "is more likely than not."
        )
        yield "That is no proof: docs/readers.md says what the score can be wrong about."
