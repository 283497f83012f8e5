"""The command line: parse, call one function, print. Whatever is slow to import is imported inside a command."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

import digitsmith
from digitsmith.errors import ConfigError, DigitsmithError

Format = Literal["idx", "npz", "png", "parquet", "webdataset"]
Split = Literal["train", "test"]

app = typer.Typer(
    help="Train a GAN on handwritten digits, and generate as many labelled digits as you need.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; errors that a user can mend end it with one message and exit code 2."""
    try:
        app()
    except DigitsmithError as error:
        print(f"digitsmith: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"digitsmith {digitsmith.__version__}")
        raise typer.Exit


study = typer.Typer(help="Experiments on what generated digits are good for.", no_args_is_help=True)
app.add_typer(study, name="study")


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and end.")
    ] = False,
) -> None:
    pass


def _list_keys(show: bool) -> None:
    if show:
        from digitsmith.config.schema import describe_keys, flatten, load_config, presets

        values = {preset: flatten(load_config(preset)) for preset in presets()}
        for key, sentence in describe_keys():
            typer.echo(f"{key}\n    {sentence}")
            typer.echo("    " + ", ".join(f"{preset}: {value[key]}" for preset, value in values.items()))
        raise typer.Exit


@app.command()
def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            help="residual (the best digits), cgan, gan, or the path of a TOML file. "
            "With --resume: the run's own config."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="What to train on: a name from `digitsmith data`, or a path. Default: the data of the run that is "
            "resumed, or whose config.toml is given; else digits.",
            metavar="SOURCE",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder. Default: runs/PRESET.", metavar="RUN")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images. Short for --set epochs=N.")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=N.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N. Default: auto.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a hyperparameter, e.g. --set generator.lr=1e-4. Repeat it.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    resize: Annotated[
        str | None, typer.Option(help="Scale the images, e.g. 28x28 (height x width).", metavar="HxW")
    ] = None,
    during_training: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Measure the distance to held-out images every K epochs, and export the best generator. "
            "Short for --set evaluate_every=K.",
            metavar="K",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys",
            callback=_list_keys,
            is_eager=True,
            help="List all hyperparameters, with their values in the presets, and end.",
        ),
    ] = False,
) -> None:
    """Train a generator.

    \b
    digitsmith train cgan --data digits --out runs/first
    digitsmith train residual --data mnist --out runs/mnist
    digitsmith train residual --data mnist --during-training 1
    digitsmith train gan --data mnist --set discriminator.optimizer=sgd
    digitsmith train --resume --out runs/mnist

    The run folder gets the model (model.onnx), figures, samples of every epoch (of up to 200, if there are more),
    metrics and checkpoints.
    Ctrl-C saves and stops.
    """
    if out is None:
        if preset is None and resume:
            raise ConfigError("say which run to resume: --out RUN.")
        if preset is None:
            raise ConfigError(
                "say what to train (residual, cgan, gan or a .toml file), or which run to resume (--resume --out RUN)."
            )
        out = Path("runs") / Path(preset).stem
    changes = [*(change or ())]
    changes += [f"epochs={epochs}"] if epochs is not None else []
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"evaluate_every={during_training}"] if during_training is not None else []
    outcome = digitsmith.train(
        preset, data, out, changes=changes, resize=_size(resize), device=device, resume=resume, quiet=False
    )
    run = outcome.run
    if not outcome.finished:
        typer.echo(
            f"\nStopped in epoch {outcome.epochs + 1}; all is saved. To go on:\n  digitsmith train --resume --out {out}"
        )
        raise typer.Exit(130)
    best = ""
    if outcome.best_epoch:
        best = f" of epoch {outcome.best_epoch}, the best measured ({outcome.best_ratio:.1f} × real)"
    epochs_made = f"{outcome.epochs} epoch{'s' * (outcome.epochs != 1)}"
    typer.echo(
        f"\nTrained {epochs_made} in {_duration(outcome.seconds)}. In {run.folder}:\n"
        f"  {run.figures / 'real-vs-fake.png'}  real digits, each row over a generated one\n"
        f"  {run.figures / 'losses.png'}        the losses; equilibrium.png: D(x) and D(G(z))\n"
        f"  {run.figures / 'progress.gif'}      from noise to digits\n"
        f"  {run.model}                the generator{best}, ready to use\n\n"
        f"{_next_measure(run.folder, run.read()[1]['images'])}"
        f"Next, make digits with it:\n"
        f"  digitsmith generate {run.folder.name}-digits --count 1000 --model {run.folder}"
    )


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    count: Annotated[int, typer.Option(help="How many images.")],
    model: Annotated[
        str | None,
        typer.Option(help="A shipped model (see `digitsmith models`), a run folder or an .onnx file. Default: mnist."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="The classes to make: 0-9, or 3,5,7, or names of classes. They take turns. Default: all."),
    ] = None,
    draw: Annotated[bool, typer.Option("--draw", help="Draw each label at random, instead of taking turns.")] = False,
    seed: Annotated[int, typer.Option(help="Which series of images; image i depends on the seed and i alone.")] = 0,
    format: Annotated[Format, typer.Option(help="idx is MNIST's own format.")] = "idx",
    split: Annotated[Split, typer.Option(help="Names the files, e.g. t10k-… for test.")] = "train",
    gzip: Annotated[bool, typer.Option("--gzip", help="Gzip the files of idx, as MNIST's are.")] = False,
    shard: Annotated[
        str,
        typer.Option(help="Make only part I of N, e.g. 2/4. All parts together are the whole.", metavar="I/N"),
    ] = "1/1",
    min_confidence: Annotated[
        float,
        typer.Option(
            help="Make a digit anew until the digit-net reads it as its label with this probability, e.g. 0.9; "
            "0 takes all.",
            metavar="P",
        ),
    ] = 0.0,
) -> None:
    """Generate a labelled data set.

    \b
    digitsmith generate made --count 60000
    digitsmith generate sevens --count 500 --labels 7 --format png
    digitsmith generate made --count 60000 --model runs/mnist --seed 1
    digitsmith generate clean --count 60000 --min-confidence 0.9
    """
    from digitsmith.data.formats import read_record
    from digitsmith.models.generator import DEFAULT, load

    loaded = load(model or DEFAULT)
    chosen = None if labels is None else _parse_labels(labels, loaded.record.classes)
    digitsmith.generate(
        out, count, model=loaded, labels=chosen, draw=draw, seed=seed, shard=_parse_shard(shard),
        min_confidence=min_confidence, format=format, split=split, gzip=gzip,
    )  # fmt: skip
    found = read_record(out)
    assert found is not None
    assert found.generated is not None
    generated = found.generated
    names = " ".join(dict.fromkeys(generated.labels))
    what = f"labels {names}" if names else "no labels, as this model is unconditional"
    height, width = loaded.record.image_size
    typer.echo(
        f"{generated.count:,} images of {height}x{width}, {what}, in {out}\n  {out / 'preview.png'}  the first of them"
    )
    if generated.min_confidence:
        refused = generated.refused
        others = "other was" if refused == 1 else "others were"
        typer.echo(f"{refused:,} {others} refused, {refused / (generated.count + refused):.1%} of all that were made.")


@app.command()
def evaluate(
    subject: Annotated[
        str, typer.Argument(help="A model (shipped name, run folder, .onnx file) or a data set (name or path).")
    ],
    reference: Annotated[
        str | None,
        typer.Option(
            help="The real images to compare with. Default: what the model was trained on, or the one that made the "
            "digits, as far as that is told; else mnist.",
            metavar="SOURCE[:SPLIT]",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many images of each kind, at most.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the images that a model makes, or of the choice from a data set.")] = 0,
    features: Annotated[
        Literal["digitnet", "inception"],
        typer.Option(help="Where distances are measured; inception gives the FID (slow, a download of 95 MB)."),
    ] = "digitnet",
    inception_weights: Annotated[
        Path | None, typer.Option(help="A file of Inception weights, instead of the download.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download MNIST's images if they are not here, to look for copies of them.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Where to write the result. Default: evaluation.json in a run folder.")
    ] = None,
) -> None:
    """Measure how real, varied, readable and original digits are, beside what unseen real digits get.

    \b
    digitsmith evaluate mnist                          the model in the box
    digitsmith evaluate runs/mnist                     a run, against what it was trained on
    digitsmith evaluate made                           a folder of digits, against the same
    digitsmith evaluate scans --reference digits       other images, against those that you name
    digitsmith evaluate mnist:test                     real digits, to see what perfect looks like

    Takes about half a minute; needs no torch and no download (but --fetch, to look for copied training images).
    """
    from rich.console import Console

    from digitsmith.files import require_file_place
    from digitsmith.report.formatting import evaluate_command
    from digitsmith.report.terminal import show_evaluation

    if json:
        require_file_place(json)
    result = digitsmith.evaluate(
        subject, reference, count=count, seed=seed, features=features, inception_weights=inception_weights, fetch=fetch
    )
    show_evaluation(result, Console())
    where = json or _beside(subject, "evaluation.json" if features == "digitnet" else "evaluation-inception.json")
    if where is None:
        typer.echo(f"\nTo keep this, and to draw a report of it:\n  {evaluate_command(result)} --json result.json")
        return
    result.save(where)
    shown = where if json or features == "inception" else subject
    typer.echo(f"\nSaved as {where}. Next, look at it:\n  digitsmith report {shown}")


@study.command()
def tstr(
    subject: Annotated[str, typer.Argument(help="A conditional model (name, run folder, .onnx) or labelled images.")],
    reference: Annotated[
        str | None,
        typer.Option(help="The real images. Default: as for `digitsmith evaluate`.", metavar="SOURCE"),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Training images of each kind. Default: as many as there are real ones.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="How often everything is done.")] = 3,
    json: Annotated[
        Path | None, typer.Option(help="Where to write the result. Default: tstr.json in a run folder.")
    ] = None,
) -> None:
    """Train on synthetic, test on real: does a classifier learn as well from these digits as from real ones?

    \b
    digitsmith study tstr mnist
    digitsmith study tstr runs/mnist --count 10000 --seeds 5

    The same small classifier is trained on real digits, on generated ones, and on generated ones that the digit-net
    reads as labelled; each is tested on real digits that none of them saw. Needs torch, and some minutes.
    """
    from rich.console import Console

    from digitsmith.files import require_file_place
    from digitsmith.report.terminal import show_study

    try:
        from digitsmith.studies import tstr as studies
    except ImportError as error:
        raise ConfigError(f"this needs {error.name}: pip install 'digitsmith[train]'.") from error
    if json:
        require_file_place(json)
    result = studies.tstr(subject, reference, count=count, seeds=seeds)
    show_study(result, Console())
    where = json or _beside(subject, "tstr.json")
    if where is None:
        typer.echo(f"\nTo keep this:\n  digitsmith study tstr {subject} --json tstr.json")
        return
    result.save(where)
    typer.echo(f"\nSaved as {where}. Next, look at it:\n  digitsmith report {where if json else subject}")


@app.command()
def report(
    subjects: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders, and result files of `digitsmith evaluate`. Several are compared.",
            metavar="RUN|RESULT...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The HTML file. Default: report.html, in the run folder if it is about a single one."),
    ] = None,
) -> None:
    """Show runs and results on one page, a single file that opens anywhere.

    \b
    digitsmith report runs/mnist
    digitsmith report runs/gan runs/cgan result.json --out compared.html
    """
    try:
        from digitsmith.report.page import write_report
    except ImportError as error:
        raise ConfigError(f"this needs {error.name}: pip install 'digitsmith[report]'.") from error
    alone = subjects[0] if len(subjects) == 1 and subjects[0].is_dir() else Path()
    page = write_report(subjects, out or alone / "report.html")
    typer.echo(f"{page}  {page.stat().st_size / 1e6:.1f} MB: open it in a browser; it needs no network.")
    runs = [subject for subject in subjects if subject.is_dir()]
    if unmeasured := [run for run in runs if not (run / "evaluation.json").is_file()]:
        typer.echo(
            f"\nIt cannot say yet how good the digits are. Measure that, and make the page again:\n"
            f"  digitsmith evaluate {unmeasured[0]}"
        )
    elif len(subjects) == 1:
        typer.echo(f"\nNext, compare it with another:\n  digitsmith report {subjects[0]} OTHER")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write, or to replace.")],
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16: half the size.")] = False,
    truncation: Annotated[
        float, typer.Option(help="Scale of the noise: under 1, digits are clearer and vary less.", metavar="T")
    ] = 1.0,
) -> None:
    """Export the generator of a run's latest checkpoint, whether or not the training has ended."""
    try:
        from digitsmith.training.loop import export_checkpoint
    except ImportError as error:
        raise ConfigError(f"this needs {error.name}: pip install 'digitsmith[train]'.") from error
    model = export_checkpoint(run, out, weights="float16" if half else "float32", truncation=truncation)
    typer.echo(f"{out}  {out.stat().st_size:,} bytes, sha256 {model.sha256}")


@app.command()
def models() -> None:
    """List the models that come with the package."""
    from digitsmith.models.generator import load, shipped, shipped_record

    for name in shipped():
        record, measured = load(name).record, shipped_record(name)
        height, width = record.image_size
        typer.echo(
            f"{name}  {height}x{width}, classes {' '.join(record.classes) or 'none'}, "
            f"trained on {record.training.data.title if record.training else '?'}, {measured.bytes / 1e6:.1f} MB"
        )
        for measure in measured.measures:
            if measure.key in ("frechet_ratio", "agreement", "recall", "taught"):
                value, real = measure.values[0], measure.real
                shown = f"{value:.1%} (real: {real:.1%})" if measure.unit == "%" else f"{value:.2f} (real: {real:g})"
                typer.echo(f"  {measure.title}: {shown}")
    typer.echo("\nAll numbers, and how they were measured: docs/model-card.md in the source.")


@app.command()
def data() -> None:
    """List the data sets that can be asked for by name, and where downloads are kept."""
    from digitsmith.data.catalogue import TITLES
    from digitsmith.data.sources import data_home

    for name, title in TITLES.items():
        typer.echo(f"{name:14} {title}")
    typer.echo(f"\nDownloads are kept in {data_home()} (DIGITSMITH_DATA_HOME).\nA path works as well as a name.")


def _next_measure(run: Path, images: int) -> str:
    """The advice to measure a run, if it was trained on enough images to be compared with."""
    from digitsmith.models.digitnet import FEATURES

    if images < 2 * (FEATURES + 1):
        return f"How good it is cannot be measured: that takes {2 * (FEATURES + 1)} training images.\n"
    return f"Next, measure how good it is:\n  digitsmith evaluate {run}\n"


def _beside(subject: str, name: str) -> Path | None:
    """Where a result is kept if it is of a run: in its folder."""
    return Path(subject) / name if (Path(subject) / "config.toml").is_file() else None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, x, width = text.partition("x")
    if not (x and height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"--resize {text}: write it as height x width, for example 28x28.")
    return int(height), int(width)


def _parse_shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal()):
        raise ConfigError(f"--shard {text}: write it as I/N, for example 2/4.")
    return int(part), int(parts)


def _parse_labels(text: str, classes: tuple[str, ...]) -> list[str]:
    """'0-9', '3,5,7' or names of classes, to names. What is no name or range is left for the model to refuse."""
    names: list[str] = []
    for word in (word.strip() for word in text.split(",")):
        first, dash, last = word.partition("-")
        if word not in classes and dash and first in classes and last in classes:
            if classes.index(first) > classes.index(last):
                raise ConfigError(f"--labels {word}: the range runs backwards; write {last}-{first}.")
            names.extend(classes[classes.index(first) : classes.index(last) + 1])
        else:
            names.append(word)
    return names


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    main()
