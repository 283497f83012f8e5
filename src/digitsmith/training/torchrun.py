"""How the ranks of a training find one another: by the variables that torchrun sets for each process."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed.nn  # whose functions keep the group that there is when it is imported, with its threads
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from digitsmith import interrupts
from digitsmith.errors import ConfigError, DigitsmithError, RankError
from digitsmith.training.ranks import ALONE, Group, Ranks, exchanging

_PATIENCE = timedelta(minutes=30)  # for a rank that is alive and does not come: the first one may have to read much
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def place() -> tuple[int, int]:
    """The rank of this process and how many there are, by the variables that torchrun sets; without these, 0 of 1.

    Raises:
        ConfigError: they make no sense.
    """
    given = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    try:
        rank, ranks = map(int, given)
    except ValueError:
        rank, ranks = -1, 0
    if not 0 <= rank < ranks:
        raise ConfigError(
            f"rank {given[0]!r:.30} of {given[1]!r:.30} (RANK and WORLD_SIZE) makes no sense: unset both."
        )
    return rank, ranks


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks that torchrun started, to train together within the block; elsewhere `ALONE`.

    On leaving it with an error, the others end, too: they raise a `RankError`, of which one is to be shown, if any.

    Raises:
        ConfigError: a part of torchrun's variables is missing, or makes no sense.
    """
    rank, count = place()
    if count == 1:
        yield ALONE
        return
    machine = _Machine.find()
    if not distributed.is_available() or distributed.is_initialized():
        raise ConfigError(
            f"{count} ranks (WORLD_SIZE) cannot train together here, as torch.distributed is in use already, or not "
            f"part of this torch: unset WORLD_SIZE."
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(machine.threads)
    on_gpu = torch.cuda.is_available() and machine.rank < torch.cuda.device_count()
    if on_gpu:
        torch.cuda.set_device(machine.rank)
    with exchanging():
        store = next(rendezvous("env://", timeout=_PATIENCE))[0]
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=count, timeout=_PATIENCE
        )
    try:
        yield Group(rank, count, machine.count)
    except BaseException as error:
        with interrupts.noted(patient=True):  # torchrun's signal says no more than the error, and must not replace it
            told = _is_told(store)
        if isinstance(error, DigitsmithError):
            error.told = told and isinstance(error, RankError)
            error.message = f"rank {rank} of {count}: {error.message}" if rank else error.message
        raise
    finally:
        distributed.destroy_process_group()
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Machine:
    """Where a rank runs: which one of how many it is on its machine, and how many threads it takes."""

    rank: int
    count: int
    threads: int

    @classmethod
    def find(cls) -> "_Machine":
        missing = [name for name in _VARIABLES if not os.environ.get(name)]
        if missing:
            raise ConfigError(
                f"WORLD_SIZE is set, but not {', '.join(missing)}: start ranks with torchrun, which sets them all, or "
                f"unset WORLD_SIZE."
            )
        try:
            rank, count = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
            if not 0 <= rank < count:
                raise ValueError
        except ValueError:
            raise ConfigError("LOCAL_RANK and LOCAL_WORLD_SIZE make no sense: start ranks with torchrun.") from None
        given = os.environ.get("OMP_NUM_THREADS", "")
        if given.isdecimal() and int(given) > 1:  # torchrun itself sets 1
            return cls(rank, count, int(given))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        cores = min(cores, torch.cpu.get_capabilities().get("num_physical_cores") or cores)
        return cls(rank, count, max(1, cores // count))


def _is_told(store: Any) -> bool:
    """Whether a rank before this one has said why the training ended; from now on, one has."""
    try:
        return bool(store.add("ended", 1) > 1)
    except RuntimeError:  # the store went with its process
        return False
