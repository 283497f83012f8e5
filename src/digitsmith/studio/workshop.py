"""What the pages start: trainings and evaluations, as the command lines that a user would type."""

import importlib.util
import itertools

from digitsmith.config.loading import load_config
from digitsmith.data.sources import Source, is_there
from digitsmith.errors import ConfigError, DataError, DependencyError, OutputError, RunError, install
from digitsmith.records.studio import Started, Wish, Workshop
from digitsmith.report.commands import can_be_measured, command
from digitsmith.studio.knobs import offered_presets
from digitsmith.studio.shelf import Shelf


def workshop(shelf: Shelf) -> Workshop:
    """What can be started here."""
    trains, reports = _is_installed("torch"), _is_installed("matplotlib") and _is_installed("jinja2")
    return Workshop(
        trains=trains,
        reports=reports,
        install=install("train") if not trains else "" if reports else install("report"),
        folder=str(shelf.folder or ""),
        name=_free_name(shelf),
        presets=offered_presets(),
    )


def train(shelf: Shelf, wish: Wish) -> Started:
    """Start a training.

    Raises:
        DependencyError: torch is not installed.
        ConfigError: keys or values that the preset does not take.
        DataError: there are no such images.
        OutputError: the folder of the run is there.
        RunError: too many commands run.
    """
    _require_torch()
    changes = [f"{key}={value}" for key, value in wish.changes.items()]
    load_config(wish.preset, changes)
    if not wish.data.strip() or "\0" in wish.data:
        raise ConfigError("name the images to train on: digits, mnist, or a folder.")
    if not is_there(Source.parse(wish.data)):
        raise DataError(f"there is no folder {wish.data}: a path starts where the studio was started, or with a slash.")
    if shelf.folder is None:
        raise OutputError("this studio has no folder for new runs.")
    place = shelf.folder / wish.name
    if place.exists() or place.is_symlink():
        raise OutputError(f"{place} exists: choose another name.")
    frame = "mnist" if wish.frame else None
    options = {"data": wish.data, "out": place, "frame": frame, "set": changes}
    words = ["train", wish.preset, f"--data={wish.data}", f"--out={place}"]
    words += [f"--frame={frame}"] if frame else []
    words += [f"--set={change}" for change in changes]
    shown = command("train", wish.preset, **options)
    return Started(key=shelf.begin(place, words, shown), command=shown)


def resume(shelf: Shelf, key: str) -> Started:
    """Go on with a training that was stopped, or killed.

    Raises:
        DependencyError: torch is not installed.
        RunError: there is nothing left to do, or it is under way.
    """
    _require_torch()
    folder = shelf.find(key).folder
    if not shelf.summary(key).resumable:
        raise RunError("this training cannot be resumed: it is under way, or nothing is left to do.")
    shown = command("train", resume=True, out=folder)
    shelf.jobs.start(key, "training", ["train", "--resume", f"--out={folder}"], shown)
    return Started(key=key, command=shown)


def stop(shelf: Shelf, key: str) -> Started:
    """Stop what the studio runs for a run, as Ctrl-C does.

    Raises:
        RunError: it runs nothing for it.
    """
    job = shelf.jobs.of(key)
    if job is None or not job.running:
        raise RunError("this studio runs nothing for it: stop it where it was started, with Ctrl-C.")
    job.stop()
    return Started(key=key, command=job.command)


def evaluate(shelf: Shelf, key: str) -> Started:
    """Measure the digits of a run.

    Raises:
        RunError: it has no model yet, or too few images to compare with; or it is being trained.
    """
    run = shelf.find(key)
    if not can_be_measured(run):
        raise RunError(
            "this run cannot be evaluated: it takes a model, and enough training images in a folder or under a name."
        )
    alone = run.folder.name == str(run.folder)  # which a shipped model may be called, too
    subject = f"./{run.folder}" if alone else str(run.folder)
    shown = command("evaluate", subject)
    shelf.jobs.start(key, "evaluation", ["evaluate", subject], shown)
    return Started(key=key, command=shown)


def _require_torch() -> None:
    if not _is_installed("torch"):
        raise DependencyError(f"training needs torch: {install('train')}.")


def _is_installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _free_name(shelf: Shelf) -> str:
    names = (f"run-{number}" for number in itertools.count(1))
    return next(name for name in names if shelf.folder is None or not (shelf.folder / name).exists())
