"""What runs are compared by, and trainings in processes of their own, which can be killed."""

import multiprocessing
import os
import resource
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

import digitsmith
from digitsmith.errors import OutputError
from digitsmith.records.run import Run


def contents(run: Run) -> dict[str, Any]:
    """What must be the same in two runs that computed the same: weights, metrics, samples, model."""
    found: dict[str, Any] = {
        "metrics": [line.model_dump(exclude={"seconds", "images_per_second"}) for line in run.read_metrics()],
        "tensors": {name: tensor.tobytes() for name, tensor in load_file(run.checkpoint).items()},
        "samples": {epoch: path.read_bytes() for epoch, path in run.samples().items()},
    }
    if run.model.exists():
        model = digitsmith.load(run.folder)
        found["model"] = model.sample([1, 2, 3] if model.record.classes else None, count=3).tobytes()
    return found


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([
    "digitsmith.training.gans.train", "digitsmith.report.page", "digitsmith.cli", "torch._dynamo", "sklearn.datasets",
    "torch.distributed.launcher.api",
])  # fmt: skip
"""Each training is forked from a process that has imported what takes seconds (torch._dynamo, for the optimizers)."""


def start(out: Path, data: Path, preset: str, changes: list[str], **limits: int) -> BaseProcess:
    """Start a training in `out`, or take it up, in a process of its own; `limits` are those of `_train`."""
    process = FORKS.Process(target=_train, args=(out, data, preset, changes), kwargs=limits)
    process.start()
    return process


def was_exported(run: Run) -> bool:
    """Whether a training in a process of its own has come to its export, in place of which it leaves a mark."""
    return (run.folder / "exported").exists()


def _train(
    out: Path,
    data: Path,
    preset: str,
    changes: list[str],
    *,
    interrupted_at: int = 0,
    killed_in_save: int = 0,
    largest_file: int = 0,
) -> None:
    """Train, and exit with 0, with 3 if it was interrupted, or with 2 and a message in `out`/error.

    Args:
        out: the run folder.
        data: what to train on.
        preset: that is trained.
        changes: made to it.
        interrupted_at: the epoch at whose samples Ctrl-C is pressed; 0 for none.
        killed_in_save: the checkpoint of this process, counted from 1, at which it is killed when half of the file is
            written; 0 for none.
        largest_file: a limit in bytes that stands in for a full disk: a write beyond it fails in the kernel.
    """
    import torch

    from digitsmith.training.gans import train

    torch.set_num_threads(1)
    train.export_state = lambda _, path, *__: path.with_name("exported").touch()  # type: ignore[assignment]
    train.draw_figures = lambda _: None  # type: ignore[assignment]
    if interrupted_at:
        _interrupt_at(interrupted_at)
    if killed_in_save:
        _kill_in_save(killed_in_save)
    if largest_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    resume = (out / "config.toml").exists()
    try:
        outcome = train.train(preset, data, out, changes=changes, resume=resume, progress=False)
    except OutputError as error:
        (out / "error").write_text(str(error))
        raise SystemExit(2) from error
    raise SystemExit(0 if outcome.finished else 3)


def _interrupt_at(epoch: int) -> None:
    from digitsmith.training.gans import samples

    save = samples.save

    def save_and_interrupt(run: Run, *more: Any) -> Any:
        sheet = save(run, *more)
        if run.sample(epoch).exists():
            os.kill(os.getpid(), signal.SIGINT)
        return sheet

    samples.save = save_and_interrupt


def _kill_in_save(count: int) -> None:
    write, saves = Path.write_bytes, iter(range(1, 1_000_000))

    def write_half(path: Path, content: bytes) -> int:
        if path.name.startswith(".state.safetensors.") and next(saves) == count:
            write(path, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(path, content)

    Path.write_bytes = write_half  # type: ignore[method-assign, assignment]
