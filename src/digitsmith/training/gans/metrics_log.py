"""`metrics.jsonl` and TensorBoard, kept in step with the checkpoint."""

import contextlib
import os
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from torch.utils.tensorboard import SummaryWriter

from digitsmith.data.images.pixels import to_planes
from digitsmith.errors import RunError
from digitsmith.files import staged_file, writing
from digitsmith.records.run import MetricsLine, Run
from digitsmith.untrusted import reading

_NOT_PLOTTED = {"epoch", "step", "images", "seconds"}


class MetricsLog:
    """Writes lines of metrics, and pictures.

    Args:
        run: the run folder.
        step: lines of later steps, which a killed run may have left, are taken out: they will be made again.
    """

    def __init__(self, run: Run, step: int) -> None:
        with reading(run.metrics, RunError, "start the run again in another folder"):
            lines = run.metrics_text() if run.metrics.exists() else []
        with staged_file(run.metrics) as staged:
            staged.write_bytes(b"".join(line + b"\n" for line in lines if _is_line_until(line, step)))
        self._path = run.metrics
        self._file = run.metrics.open("a", encoding="utf-8")
        with writing(run.tensorboard):
            self._board = SummaryWriter(str(run.tensorboard), purge_step=step + 1)

    def line(self, line: MetricsLine) -> None:
        """Append a line."""
        with writing(self._path):
            self._file.write(line.model_dump_json(exclude_none=True) + "\n")
            self._file.flush()
            for name, value in line.model_dump(exclude_none=True, exclude=_NOT_PLOTTED).items():
                self._board.add_scalar(name, value, line.step)

    def picture(self, name: str, sheet: NDArray[np.uint8], step: int) -> None:
        """Log a picture, uint8[height, width] or uint8[height, width, 3]."""
        with writing(self._path):
            self._board.add_image(name, to_planes(sheet[None])[0], step)

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


@contextlib.contextmanager
def raised_once() -> Iterator[None]:
    """What ends TensorBoard's thread is raised by the next call of its writer: let it print no traceback besides."""
    others = threading.excepthook

    def tell(ended: threading.ExceptHookArgs) -> None:
        if not type(ended.thread).__module__.startswith("tensorboard."):
            others(ended)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = others


def _is_line_until(line: bytes, step: int) -> bool:
    try:
        return MetricsLine.model_validate_json(line, strict=True).step <= step
    except ValidationError:  # the last line of a killed run can be a part
        return False
