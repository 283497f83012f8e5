"""Running a graph, with an end to it: what takes far too long is stopped, and so is what Ctrl-C interrupts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitsmith.errors import ModelError, reason

MOST_SECONDS = 120.0
"""Of one run. The most work that `models.check` lets through takes about ten on one core."""


def open_session(name: str, content: bytes) -> onnxruntime.InferenceSession:
    """Load a graph that has been checked.

    Raises:
        ModelError: it cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # blocks run in parallel, not the layers of one
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # names in the file are not shown as they are; errors are raised all the same
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # slow on some processors: no way to stall
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each failure, with no common root
        raise ModelError(f"{name}: ONNX Runtime cannot load it ({reason(error)}).") from error


class Runs:
    """Runs of one session, in any number of threads, that can be stopped together."""

    def __init__(self, name: str, session: onnxruntime.InferenceSession) -> None:
        self.name, self.session = name, session
        self._under_way: set[onnxruntime.RunOptions] = set()

    def run(self, output: str, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Run the graph once. The thread that calls does nothing but wait, so that it can be interrupted.

        Raises:
            ModelError: it fails, takes longer than `MOST_SECONDS`, or is stopped.
        """
        options = onnxruntime.RunOptions()
        self._under_way.add(options)
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(self.session.run, [output], feed, options)
            try:
                made: NDArray[np.float32] = run.result(MOST_SECONDS)[0]
            except TimeoutError as error:
                raise ModelError(
                    f"{self.name} takes longer than {MOST_SECONDS:.0f} s for a run: it is stopped."
                ) from error
            except Exception as error:  # as above
                raise ModelError(f"{self.name}: ONNX Runtime cannot run it ({reason(error)}).") from error
            finally:
                options.terminate = True  # it ends before its next operator, unless it has ended
                self._under_way.discard(options)
        return made

    def stop(self) -> None:
        """End the runs that are under way; they raise a `ModelError`."""
        for options in tuple(self._under_way):
            options.terminate = True
