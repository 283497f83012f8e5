"""`digitsmith train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import digitsmith
from digitsmith.cli.reading import Read, reads
from digitsmith.errors import ConfigError
from digitsmith.report.commands import can_be_measured, command, launched

if TYPE_CHECKING:
    from digitsmith import Outcome


@reads
def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            help="residual (the best digits), cgan (conditional), gan (unconditional), or the path of a TOML file. "
            "With --resume it is not needed.",
            metavar="PRESET",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="The training images: a name from `digitsmith data`, or a path or address. Default: the data of "
            "the run that is resumed, or whose config.toml is the preset; else digits.",
            metavar="SOURCE",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder. Default: runs/PRESET.", metavar="RUN", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Passes over the training images. Short for --set epochs=N. Default: the preset's; of residual, it "
            "follows from the number of images.",
            metavar="N",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all random numbers. Short for --set seed=N.", metavar="N")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N. Default: auto, which is a GPU if there is one.", metavar="NAME"),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a hyperparameter; --keys lists them all. Sections in front may be left out where one key "
            "only ends so: --set generator.lr=1e-4. Can be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Start from a trained generator and discriminator, for few images or little time: mnist, which comes "
            "with the package, or a run folder of the preset residual. Images are brought to its size and frame.",
            metavar="MODEL|RUN",
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Use so many labels of each class only: a reader learns from them, and labels all other images.",
            metavar="K",
        ),
    ] = None,
    read: Read = None,
    during_training: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Hold out a tenth of the images, measure the Fréchet distance to them every K epochs, and export the "
            "best generator instead of the last. Short for --set evaluate_every=K.",
            metavar="K",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys",
            callback=lambda show: _list_keys() if show else None,
            is_eager=True,
            help="List all hyperparameters, with their values in the presets, and exit.",
        ),
    ] = False,
) -> None:
    """Train a generator.

    \b
    digitsmith train cgan                           # 1,438 digits, no download
    digitsmith train residual --data mnist --out runs/mnist
    digitsmith train residual --from mnist --data my-digits  # your own images
    digitsmith train residual --data letters --resize 28x28
    digitsmith train residual --data mnist --per-class 10    # few labels will do
    digitsmith train gan --data mnist --epochs 50 --set discriminator.dropout=0.5
    digitsmith train --resume --out runs/mnist

    With --per-class, all images have a part in it, but only so many labels of each class, drawn by --seed. The reader
    that gives the others theirs is in the folder reader of the run.

    The run folder gets the generator (model.onnx), figures, sample images of every epoch (of up to 200, if there are
    more), metrics and checkpoints. Ctrl-C saves the state and stops.

    Several GPUs or machines: torchrun --nproc-per-node 8 -m digitsmith train ...
    The processes share each batch. Without GPUs, they share the cores.

    Needs torch: the extra train. On MNIST and two CPU cores, residual takes a quarter of an hour to an hour, and with
    few images minutes. A GPU is used if there is one.
    """
    if out is None:
        if preset is None and resume:
            raise ConfigError("say which run to resume.", parameter="out")
        out = Path("runs") / Path(preset or "run").stem
    short = {"epochs": epochs, "seed": seed, "evaluate_every": during_training}
    every = [*(changes or ()), *(f"{key}={value}" for key, value in short.items() if value is not None)]
    outcome = digitsmith.train(
        preset,
        data,
        out,
        changes=every,
        start=start,
        per_class=per_class,
        read=read,
        device=device,
        resume=resume,
    )
    if outcome.rank:
        raise typer.Exit(0 if outcome.finished else 130)  # the first rank speaks
    if not outcome.finished:
        trains = outcome.epochs or outcome.run.checkpoint.exists()  # the first one is made before the first step
        when = f"after {_epochs(outcome.epochs)}" if trains else "while the reader learned"
        typer.echo(f"\nStopped {when}; the state is saved. To continue:")
        typer.echo(f"  {launched(command('train', resume=True, out=out))}")
        raise typer.Exit(130)
    _summarise(outcome)


def _summarise(outcome: "Outcome") -> None:
    """Say what the run folder holds, and what to do with it."""
    from digitsmith.models.digitnet import LEAST_IMAGES

    run, best = outcome.run, ""
    if outcome.best_ratio is not None:
        best = f" of epoch {outcome.best_epoch}, the best (Fréchet distance ratio {outcome.best_ratio:.1f})"
    labels, reader = run.read_record().labels, ""
    if labels is not None:
        known = f"learned from {labels.per_class} labels of each class, and labelled {labels.given:,} other images"
        reader = f"  {run.reader}                    the reader, which {known}\n"
    typer.echo(
        f"\nTrained {_epochs(outcome.epochs)} in {_duration(outcome.seconds)}. In {run.folder}:\n"
        f"  {run.figures / 'real-vs-fake.png'}  rows of real digits, each above a row of generated ones\n"
        f"  {run.figures / 'losses.png'}        the losses; in equilibrium.png, D(x) and D(G(z))\n"
        f"  {run.figures / 'progress.gif'}      samples, epoch by epoch\n"
        f"  {run.model}                the generator{best}, ready to use\n"
        f"{reader}"
    )
    if can_be_measured(run):
        typer.echo(f"Next, measure how good it is:\n  {command('evaluate', run.folder)}")
    else:
        typer.echo(f"How good it is cannot be measured: that takes {LEAST_IMAGES} training images.")
    generate = command("generate", f"{run.folder.name}-digits", count=1000, model=run.folder)
    typer.echo(f"Next, generate digits with it:\n  {generate}")


def _list_keys() -> None:
    import json

    from digitsmith.config.loading import describe_keys, flatten, load_config, presets

    values = {preset: flatten(load_config(preset)) for preset in presets()}
    for key, sentence in describe_keys().items():
        typer.echo(f"{key}\n    {sentence}")
        shown = [f"{preset}: {json.dumps(keys[key])}" for preset, keys in values.items() if key in keys]
        if shown:
            typer.echo(f"    {', '.join(shown)}")
    raise typer.Exit


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
