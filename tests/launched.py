"""Work in two ranks under torchrun's own agent, forked from a process that has imported what takes seconds."""

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from runs import FORKS

_MOST_SECONDS = 120
"""Of what takes one or two, after the first one, which waits for imports."""


class Launched:
    """A function in two ranks of one thread. What they say goes to files in `folder`, in which they are.

    Args:
        folder: to work in.
        work: is called in each rank.
        given: what it is called with.
    """

    def __init__(self, folder: Path, work: Callable[..., None], *given: Any) -> None:
        self._folder = folder
        for path in folder.glob("rank-*"):
            path.unlink()
        self._agent: BaseProcess = FORKS.Process(target=_launch, args=(folder, work, given))
        self._agent.start()

    def end(self) -> bool:
        """Wait for the end of all processes; whether all ranks ended well. What hangs is killed, and fails the test."""
        self._agent.join(_MOST_SECONDS)
        if self._agent.is_alive():
            assert self._agent.pid is not None
            os.killpg(self._agent.pid, signal.SIGKILL)
            self._agent.join()
            raise AssertionError(f"it hangs: {self.said()}")
        return self._agent.exitcode == 0

    def said(self) -> list[str]:
        """By each rank."""
        files = [self._folder / f"rank-{rank}.said" for rank in range(2)]
        return [path.read_text() if path.exists() else "" for path in files]


def command(words: list[str]) -> None:
    """A command line, that takes no time for pictures and models, and little for readers."""
    from digitsmith.cli import main
    from digitsmith.training.gans import train
    from digitsmith.training.readers import mixing

    train.export_state = lambda *_: None  # type: ignore[assignment]
    train.draw_figures = lambda _: None  # type: ignore[assignment]
    small = replace(mixing.RECIPE, layers=((16, 2), (32, 2)), epochs=2, lr=1e-2)
    mixing.RECIPE, mixing.MANY = small, replace(small, softness=1.0)
    mixing.IMAGES, mixing.EPOCHS_WITH_UNLABELLED = 640, 2
    try:
        main(words)
    except SystemExit as ended:
        if ended.code:
            raise


def command_killed(rank: int, step: int, words: list[str]) -> None:
    """The same, of which a rank is killed with SIGKILL when it has made some steps."""
    from digitsmith.training.gans.loop import Batches

    following, steps = Batches.next, itertools.count()

    def next_or_none(batches: Batches) -> Any:
        if next(steps) == step and os.environ["RANK"] == str(rank):
            os.kill(os.getpid(), signal.SIGKILL)
        return following(batches)

    Batches.next = next_or_none  # type: ignore[method-assign]
    command(words)


def _launch(folder: Path, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.setpgid(0, 0)
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0", run_id="test",
        max_restarts=0, start_method="fork",  # a fork server would be a new one, which imports all that takes seconds
    )  # fmt: skip
    try:
        elastic_launch(config, _rank)(folder, work, given)
    except ChildFailedError as error:
        raise SystemExit(1) from error


def _rank(folder: Path, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    import torch

    os.chdir(folder)
    rank = os.environ["RANK"]
    said = os.open(f"rank-{rank}.said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the agent's, when a rank has died: the others end without it
    torch.set_num_threads(1)
    work(*given)
