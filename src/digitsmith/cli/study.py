"""`digitsmith study`: the experiments."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import digitsmith
from digitsmith.cli.output import console, result_place, save_and_show
from digitsmith.cli.reading import Read, reads, short_name
from digitsmith.errors import ConfigError
from digitsmith.report.commands import command, tstr_command

Wear = Literal["off", "light", "heavy"]


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
        typer.echo(f"\nTo save this, for a report:\n  {tstr_command(result, 'tstr.json')}")
    else:
        typer.echo(f"\nSaved as {place}. Next, look at it:\n  {command('report', json or subject)}")


@reads
def scarce(
    source: Annotated[
        str, typer.Argument(help="Your labelled images (a path), or a named data set.", metavar="SOURCE")
    ],
    per_class: Annotated[
        str | None,
        typer.Option(
            help="Numbers of real examples of each class. Default: 1,5,10,20,50,100, as far as there are so many. 0 is "
            "the model's digits alone.",
            metavar="N,N,…",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the study. Default: scarce-SOURCE.", metavar="FOLDER")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="The model whose digits are used, and that is adapted: mnist, or a run folder.", metavar="MODEL|RUN"
        ),
    ] = "mnist",
    seeds: Annotated[
        int, typer.Option(min=2, help="How often everything is done, each time with other examples.", metavar="N")
    ] = 5,
    arms: Annotated[
        str | None,
        typer.Option(
            help="What to compare with real: some of box,scratch,adapted,both,unlabelled,discriminator. Default: the "
            "first four.",
            metavar="ARM,ARM,…",
        ),
    ] = None,
    read: Read = None,
) -> None:
    """Measure what generated digits are worth beside few real examples.

    \b
    digitsmith study scarce digits --per-class 5
    digitsmith study scarce my-digits --per-class 5,20 --arms box,adapted

    The same small classifier learns from a few of your images of each class: alone (real), with digits of the model as
    it is (box), with those of a generator trained on these few images (scratch), with those of the model adapted to
    them (adapted), and with digits of box and adapted (both). Each is tested on your test images, or on half of your
    images where they have no splits.

    It takes one to two minutes for each generator and for each classifier on two cores. What is finished is kept: the
    same command goes on after Ctrl-C. Needs torch: the extra train.
    """
    out = out or Path(f"scarce-{short_name(source)}")
    chosen = None if arms is None else _words(arms)
    _carry_out(
        digitsmith.scarce,
        source,
        out,
        per_class=_per_class(per_class),
        model=model,
        seeds=seeds,
        arms=chosen,
        read=read,
    )


@reads
def labels(
    source: Annotated[
        str, typer.Argument(help="Your labelled images (a path), or a named data set.", metavar="SOURCE")
    ],
    per_class: Annotated[
        str | None,
        typer.Option(
            help="Numbers of labels of each class. Default: 1,2,10, as far as there are so many.", metavar="N,N,…"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the study. Default: labels-SOURCE.", metavar="FOLDER")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=2, help="How often everything is done, each time with other labels.", metavar="N")
    ] = 5,
    arms: Annotated[
        str,
        typer.Option(
            help="What to compare with real: unlabelled and discriminator; and generated digits, by the names of "
            "`digitsmith study scarce`.",
            metavar="ARM,ARM",
        ),
    ] = "unlabelled",
    read: Read = None,
) -> None:
    """Measure what images without labels are worth beside few labels.

    \b
    digitsmith study labels mnist
    digitsmith study labels my-digits --per-class 5 --arms unlabelled,box

    The same small classifier learns from a few labelled images of each class: alone (real), and with all other images,
    whose labels are not looked at, as `digitsmith learn` does (unlabelled). Another network learns from the same images
    as the discriminator of a GAN (discriminator). Each is tested on your test images, or on half of your images where
    they have no splits. It is `digitsmith study scarce` with other arms, and takes its arms, too.

    A classifier with unlabelled images takes twenty minutes or more on two cores, a discriminator less. What is
    finished is kept: the same command goes on after Ctrl-C. Needs torch: the extra train.
    """
    out, chosen = out or Path(f"labels-{short_name(source)}"), _words(arms)
    numbers = _per_class(per_class)
    _carry_out(digitsmith.scarce, source, out, per_class=numbers, seeds=seeds, arms=chosen, read=read)


@reads
def classifiers(
    source: Annotated[
        str, typer.Argument(help="Labelled images (a path), or a named data set.", metavar="SOURCE")
    ] = "digits",
    per_class: Annotated[
        str | None,
        typer.Option(
            help="Numbers of training images of each class. Default: 10,50,100,1000, as far as there are so many.",
            metavar="N,N,…",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the study. Default: classifiers-SOURCE.", metavar="FOLDER")
    ] = None,
    structures: Annotated[
        str | None,
        typer.Option(help="Networks to compare: some of mlp,noisy,convolutional. Default: all.", metavar="NAME,…"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=2, help="How often everything is done, each time with other images.", metavar="N")
    ] = 5,
    read: Read = None,
) -> None:
    """Measure whether networks trained as discriminators classify better.

    \b
    digitsmith study classifiers digits
    digitsmith study classifiers mnist --per-class 100,1000 --seeds 3

    Each network learns from the same labelled images in as many steps: plainly, and adversarially, where it also tells
    them from images that a generator makes. Each is tested on your test images, or on half of your images where they
    have no splits. A Bayes classifier is the reference. Differences have intervals, and p-values that are corrected for
    the number of comparisons.

    With digits it takes about 25 minutes of one core, with mnist about 50. What is finished is kept: the same command
    goes on after Ctrl-C. Needs torch: the extra train.
    """
    out = out or Path(f"classifiers-{short_name(source)}")
    chosen = None if structures is None else _words(structures)
    _carry_out(
        digitsmith.classifiers, source, out, per_class=_per_class(per_class), structures=chosen, seeds=seeds, read=read
    )


@reads
def numbers(
    source: Annotated[
        str, typer.Argument(help="Real digits: labelled images (a path), or a named data set.", metavar="SOURCE")
    ] = "mnist",
    out: Annotated[
        Path | None, typer.Option(help="The folder of the study. Default: numbers-SOURCE.", metavar="FOLDER")
    ] = None,
    arms: Annotated[
        str, typer.Option(help="What to compare with written: real, pasted, or both.", metavar="ARM,ARM")
    ] = "real,pasted",
    wear: Annotated[Wear, typer.Option(help="Of the numbers to learn from and of those to test on.")] = "light",
    model: Annotated[
        str,
        typer.Option(help="Whose digits are written: a shipped model, a run folder or an .onnx file.", metavar="MODEL"),
    ] = "mnist",
    seeds: Annotated[
        int, typer.Option(min=2, help="How often everything is done, each time with other numbers.", metavar="N")
    ] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How often numbers are written anew for each CRNN. Default: 48. 4 are a first look.",
            metavar="N",
        ),
    ] = None,
    read: Read = None,
) -> None:
    """Measure what written numbers teach a program that reads.

    \b
    digitsmith study numbers mnist
    digitsmith study numbers mnist --wear heavy --arms pasted
    digitsmith study numbers my-digits --model runs/my-digits --seeds 2

    A small CRNN learns from numbers of five digits, as `digitsmith write` makes them (written). It reads numbers of
    other lengths, too, that are written with real test digits in the same layouts and wear. The same CRNN learns from
    numbers that are written with real training digits (real), and from digits of the model that are pasted side by
    side (pasted). Sequence accuracy is the share of numbers that are read without a mistake.

    Each CRNN takes more than half an hour of one core. What is finished is kept: the same command goes on after Ctrl-C.
    Needs torch and OpenCV: the extras train and numbers.
    """
    out = out or Path(f"numbers-{short_name(source)}")
    _carry_out(
        digitsmith.written_numbers, source, out, arms=_words(arms), wear=wear, model=model, seeds=seeds, epochs=epochs,
        read=read,
    )  # fmt: skip


def _carry_out(study: Callable[..., Any], source: str, out: Path, **options: Any) -> None:
    """Do a study of many trainings in its folder, show it, and say how to go on."""
    from digitsmith.records.written_numbers import WrittenNumbers
    from digitsmith.report.terminal import show_cells, show_numbers

    try:
        result = study(source, out, **options)
    except KeyboardInterrupt:
        if out.exists():
            typer.echo(f"\nWhat is finished is kept in {out}: the same command goes on from there.", err=True)
        raise
    show = show_numbers if isinstance(result, WrittenNumbers) else show_cells
    show(result, console())
    typer.echo(f"\nSaved in {out}. Next, look at it:\n  {command('report', out)}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _per_class(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = _words(text)
    if not all(re.fullmatch(r"[0-9]{1,9}", word) for word in words):
        raise ConfigError(f"{text}: write numbers with commas between them, for example 5,20.", parameter="per_class")
    return [int(word) for word in words]
