"""Work in two ranks under torchrun's own agent, forked from a process that has imported what takes seconds."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from runs import FORKS


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

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for something, or for the end."""
        while self._agent.is_alive() and not until():
            time.sleep(0.001)

    def kill(self, rank: int) -> None:
        """Kill a rank with SIGKILL."""
        os.kill(int((self._folder / f"rank-{rank}.pid").read_text()), signal.SIGKILL)

    def interrupt(self) -> None:
        """Press Ctrl-C, of which the agent tells the ranks."""
        assert self._agent.pid is not None
        os.kill(self._agent.pid, signal.SIGINT)

    def end(self) -> bool:
        """Wait for the end of all processes; whether all ranks ended well."""
        self._agent.join(300)
        assert not self._agent.is_alive(), "it hangs"
        return self._agent.exitcode == 0

    def said(self) -> list[str]:
        """By each rank."""
        return [(self._folder / f"rank-{rank}.said").read_text() for rank in range(2)]


def command(words: list[str]) -> None:
    """A command line, that takes no time for pictures and models, and little for readers."""
    from digitsmith.cli import main
    from digitsmith.training import mixing, train

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


def _launch(folder: Path, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0", run_id="test",
        max_restarts=0, start_method="forkserver",
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
    Path(f"rank-{rank}.pid").write_text(str(os.getpid()))
    torch.set_num_threads(1)
    work(*given)
