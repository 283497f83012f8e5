"""A run folder that is trained in: started, locked, and taken up again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tomli_w
from filelock import FileLock, Timeout

from digitsmith.config.loading import flatten, to_values
from digitsmith.config.schema import TrainConfig
from digitsmith.errors import OutputError, RunError
from digitsmith.files import remove_shared, staged_file, staged_folder, writing
from digitsmith.records.run import Run, RunRecord


def start(run: Run, config: TrainConfig, record: RunRecord) -> None:
    """Make a new run folder, whole.

    Raises:
        OutputError: the folder holds something already.
    """
    with staged_folder(run.folder) as staged:
        new = Run(staged)
        record.save(new.record)
        new.metrics.touch()
        write_config(new, config)


def require_text(folder: Path) -> None:
    """Refuse a path with bytes that are no UTF-8, which TensorBoard and safetensors do not take.

    Raises:
        OutputError: it has.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise OutputError(f"{folder} has bytes that are no UTF-8: train in a folder with another name.") from error


def write_config(run: Run, config: TrainConfig) -> None:
    """Save the config whole."""
    with staged_file(run.config) as staged:
        staged.write_text(tomli_w.dumps(to_values(config)), encoding="utf-8")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder; a killed one leaves no lock behind.

    Raises:
        RunError: another process is training there.
    """
    path = Run(folder).lock  # a file, which network file systems can lock, too
    lock = FileLock(path, timeout=0.5)  # whoever looks whether it is held has it for a moment
    with writing(folder):
        remove_shared(path)  # some versions of filelock empty the file
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(f"another process is training in {folder}: wait for it, or stop it.") from error
    try:
        yield
    finally:
        lock.release()


def require_resumable(run: Run, config: TrainConfig, now: RunRecord) -> None:
    """Refuse to resume with hyperparameters, data or labels that differ from the run's own.

    Raises:
        RunError: a difference, which the message shows.
    """
    recorded = run.read_config()
    before, after = flatten(recorded), flatten(config)
    different = [
        f"{key}: {before.get(key)} in the run, {after.get(key)} now"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in {"optimizer.epochs", *config.may_change()}
    ]
    record = run.read_record()
    if record.data.model_copy(update={"source": now.data.source}) != now.data:
        different.append("the training images are not the ones that the run started with")
    drawn, asked = (one.labels.per_class if one.labels else None for one in (record, now))
    if drawn != asked:
        different.append(f"per_class: {drawn} in the run, {asked} now")
    longer = "optimizer.epochs" in config.may_change()
    had, wanted = recorded.optimizer.epochs, config.optimizer.epochs
    assert wanted is not None  # this config is settled
    if had is None:
        raise RunError(f"{run.config} is not that of a run, as it has no epochs: start a new run with it.")
    if wanted < had or (wanted > had and not longer):
        why = "a run can only be made longer" if longer else "learning rates that fall to the end fix it from the start"
        different.append(f"optimizer.epochs: {had} in the run, {wanted} now; {why}")
    if different:
        raise RunError(
            f"{run.folder} cannot be resumed with other settings:\n  "
            + "\n  ".join(different)
            + "\nResume it with its own, or start a new run in another folder."
        )
