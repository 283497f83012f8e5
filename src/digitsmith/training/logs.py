"""What a training writes while it runs: lines of metrics, TensorBoard, and a display that people watch."""

import json
import os
from collections.abc import Mapping
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from torch.utils.tensorboard import SummaryWriter

from digitsmith.files import staged_file, writing
from digitsmith.records.run import Run


class Metrics:
    """`metrics.jsonl` and TensorBoard, kept in step with the checkpoint.

    Args:
        run: the run folder.
        step: lines of later steps, which a killed run may have left, are taken out: they will be made again.
    """

    def __init__(self, run: Run, step: int) -> None:
        lines = run.metrics.read_text(encoding="utf-8").splitlines(keepends=True) if run.metrics.exists() else []
        with staged_file(run.metrics) as staged:
            staged.write_text("".join(line for line in lines if _is_line_until(line, step)), encoding="utf-8")
        self._path = run.metrics
        self._file = run.metrics.open("a", encoding="utf-8")
        with writing(run.tensorboard):
            self._board = SummaryWriter(str(run.tensorboard), purge_step=step + 1)

    def line(self, values: Mapping[str, float]) -> None:
        """Log one step's values."""
        with writing(self._path):
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
            for name, value in values.items():
                if name not in ("epoch", "step", "images", "seconds"):
                    self._board.add_scalar(name, value, int(values["step"]))

    def picture(self, name: str, sheet: NDArray[np.uint8], step: int) -> None:
        """Log a grey picture, uint8[height, width]."""
        with writing(self._path):
            self._board.add_image(name, sheet[None], step)

    def sync(self) -> None:
        """Flush to disk, so that the lines are there whenever the checkpoint that follows is."""
        with writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._board.flush()

    def close(self) -> None:
        """Write out what is left."""
        with writing(self._path):
            self._file.close()
            self._board.close()


def _is_line_until(line: str, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except ValueError:  # the last line of a killed run can be a part
        return False


class Display:
    """Shows how a training goes: a live bar on a terminal, a plain line for each epoch elsewhere."""

    def __init__(self, console: Console, epochs: int, steps_per_epoch: int, step: int) -> None:
        self.console, self.epochs = console, epochs
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
                BarColumn(bar_width=8),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}"),  # last: a narrow terminal cuts it
                console=console,
            )
            self._task = self._bar.add_task(
                "",
                total=epochs * steps_per_epoch,
                completed=step,
                epoch=step // steps_per_epoch,
                epochs=epochs,
                status="",
            )

    def __enter__(self) -> "Display":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, values: Mapping[str, float], rate: float, *, epoch_ends: bool) -> None:
        """Show the latest line of metrics, and the images a second over all of this session."""
        epoch = int(values["epoch"])
        status = (
            f"{rate:,.0f} images/s  loss D {values['d_loss']:.3f} G {values['g_loss']:.3f}  "
            f"D(x) {values['d_real']:.2f} D(G(z)) {values['d_fake']:.2f}"
        )
        if "frechet_distance" in values:
            status += f"  Fréchet distance {values['frechet_distance'] / values['frechet_floor']:.1f}x real"
        if self._bar is not None:
            self._bar.update(self._task, completed=values["step"], epoch=epoch, status=status)
        elif epoch_ends:
            self.console.print(f"epoch {epoch}/{self.epochs}  {status}", highlight=False, soft_wrap=True)
