"""The processes of one training. As a rule it is one; under torchrun they are several, the ranks.

Each rank sees its share of every batch, and all have the same weights. The first one, number 0, reads, measures, shows
and writes; the others get from it what is trained, and take part (`Group.follow`). Random numbers that go with a batch
are drawn for all of it, from the same state in all ranks, and each uses those of its share. So a checkpoint of the
first rank is one of all, for any number of them.
"""

import contextlib
import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor, distributed

from digitsmith import interrupts
from digitsmith.errors import ConfigError, RankError, reason
from digitsmith.progress import Progress

DONE = "done"
"""The first rank's last message."""

_OF_GLOO = re.compile(
    r"\[[^]]*gloo[^]]*\] |\. This is (typically )?caused by .*"
)  # what its messages say beside the reason
_LEAST = 2  # images of a share: batch norm takes more than one, and the R1 penalty half of them


class Ranks:
    """A training in one process: nothing is shared, and all of this does nothing.

    Attributes:
        rank: the number of this process.
        count: how many there are.
        follower: itself, if it is to be told by the first one what to do.
    """

    rank, count = 0, 1
    follower: "Group | None" = None

    def part(self, whole: Tensor) -> Tensor:
        """This rank's share of a tensor that has a row for each image of a batch, or of several one after the other."""
        return whole

    def draw(self, kind: Callable[..., Tensor], n: int, *shape: int, device: torch.device) -> Tensor:
        """Random numbers of a kind (`torch.rand`, …) for the n images of this rank's share: [n, *shape]."""
        return self.part(kind(n * self.count, *shape, device=device))

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Give tensors of floats their mean over all ranks, in one exchange."""

    @contextlib.contextmanager
    def noted(self) -> Iterator[Callable[[], bool]]:
        """Give a function that tells whether a signal came to any rank: all call it, after the same steps."""
        with interrupts.noted() as noted:
            yield noted

    @contextlib.contextmanager
    def own_chance(self) -> Iterator[None]:
        """Within the block, each rank draws random numbers of its own; after it, the same ones as the others again."""
        yield

    def tell(self, work: str, said: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Tell the other ranks what comes next."""

    def introduce(self, device: torch.device, progress: Progress) -> None:
        """Say how many ranks train on the device, or refuse it.

        Raises:
            ConfigError: there are too few GPUs, or it is one GPU for all.
        """

    def sharing(self, batch_size: int, multiple: int) -> "Ranks":
        """The same for batches of so many images, whose shares are whole multiples of some number.

        Raises:
            ConfigError: they cannot be.
        """
        return self

    def whole(self, n: int, least: int) -> int:
        """The most images up to n of which all ranks have equal shares.

        Raises:
            ConfigError: these would be smaller than `least`.
        """
        return n

    def compare(self, before: int, progress: Progress) -> None:
        """Say so if a training goes on with another number of ranks than before."""
        if before != self.count:
            progress.note(
                f"Until now, {counted(before)} trained it; from now on, {counted(self.count)}. The weights at the end "
                f"will not be exactly those of a training that kept to one number."
            )


ALONE = Ranks()


@dataclass(frozen=True)
class Message:
    """What the first rank tells the others: what comes next, facts, and tensors."""

    work: str
    said: dict[str, Any]
    tensors: dict[str, Tensor]


Parts = Mapping[str, Callable[["Group", Message], None]]
"""How another rank takes part in what the first one trains, by the name that the first one tells."""


class Group(Ranks):
    """Several ranks, within `joined`."""

    def __init__(self, rank: int, count: int, on_machine: int) -> None:
        self.rank, self.count, self._on_machine = rank, count, on_machine
        self.follower = self if rank else None
        self._block = 1  # images that follow one another in the batch and in the share

    def part(self, whole: Tensor) -> Tensor:
        """Blocks of rows in turn: so halves of a batch are shared as the whole is, and groups of images stay one."""
        return whole.reshape(-1, self.count, self._block, *whole.shape[1:])[:, self.rank].flatten(0, 1)

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Of all at once, as one tensor."""
        flat = tensors[0] if len(tensors) == 1 else torch.cat([tensor.reshape(-1) for tensor in tensors])
        with exchanging():
            distributed.all_reduce(flat)
        flat /= self.count
        if flat is not tensors[0]:
            means = torch.split(flat, [tensor.numel() for tensor in tensors])
            for tensor, mean in zip(tensors, means, strict=True):
                tensor.copy_(mean.view(tensor.shape))

    @contextlib.contextmanager
    def noted(self) -> Iterator[Callable[[], bool]]:
        """As for one. What may come twice, from a terminal and from torchrun, is one signal."""

        def noted_by_any() -> bool:
            came = torch.tensor([float(noted())])
            with exchanging():
                distributed.all_reduce(came, distributed.ReduceOp.MAX)
            return bool(came)

        with interrupts.noted(patient=True) as noted:
            yield noted_by_any

    @contextlib.contextmanager
    def own_chance(self) -> Iterator[None]:
        """From a seed that all draw, and the number of the rank."""
        seed = int(torch.randint(2**62, ()))
        with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_available() else []):
            torch.manual_seed(seed + self.rank)
            yield

    def tell(self, work: str, said: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """As safetensors: the others read what is no code."""
        words = torch.frombuffer(bytearray(json.dumps({"work": work, "said": said}).encode()), dtype=torch.uint8)
        sent = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = torch.frombuffer(bytearray(serialize(sent | {"": words})), dtype=torch.uint8)
        with exchanging():
            distributed.broadcast(torch.tensor([len(content)]), 0)
            distributed.broadcast(content, 0)

    def hear(self) -> Message:
        """What the first rank tells next; it is waited for."""
        length = torch.zeros(1, dtype=torch.int64)
        with exchanging():
            distributed.broadcast(length, 0)
            content = torch.empty(int(length), dtype=torch.uint8)
            distributed.broadcast(content, 0)
        tensors = deserialize(content.numpy().tobytes())
        words = json.loads(tensors.pop("").numpy().tobytes())
        return Message(words["work"], words["said"], tensors)

    def follow(self, parts: Parts) -> Message:
        """Take part in all that the first rank trains, until it is done; its last message."""
        with torch.random.fork_rng(), interrupts.noted(patient=True):  # signals are heeded together with the others
            while (message := self.hear()).work != DONE:
                parts[message.work](self, message)
        return message

    def introduce(self, device: torch.device, progress: Progress) -> None:
        """With the threads of each, on CPUs."""
        if device.type == "cuda":
            self._require_gpus(device)
        threads = torch.get_num_threads()
        each = f"{threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else "a GPU"
        progress.note(f"{self.count} ranks train together, with {each} each.")

    def sharing(self, batch_size: int, multiple: int) -> Ranks:
        """In blocks of half that number: half of a batch is whole multiples of them."""
        least = max(multiple, _LEAST)
        if batch_size % (least * self.count):
            more = -(-batch_size // (least * self.count)) * least * self.count
            fewer = max(count for count in range(1, self.count) if count == 1 or not batch_size % (least * count))
            raise ConfigError(
                f"a batch of {batch_size} images cannot be shared among {self.count} ranks, as each takes a whole "
                f"multiple of {least}: use {counted(fewer)}, or set batch_size to {more}.",
                parameter="changes",
            )
        shared = copy.copy(self)
        shared._block = least // 2
        return shared

    def whole(self, n: int, least: int) -> int:
        """Of several ranks, a multiple of their number."""
        if n < least * self.count:
            raise ConfigError(
                f"a batch of {n} images cannot be shared among {self.count} ranks, as each takes {least} or more: use "
                f"{counted(max(1, n // least))}."
            )
        return n - n % self.count

    def _require_gpus(self, device: torch.device) -> None:
        if device.index is not None:
            raise ConfigError(f"each rank takes a GPU of its own: use cuda in place of {device}.", parameter="device")
        if self._on_machine > (found := torch.cuda.device_count()):
            raise ConfigError(
                f"{self._on_machine} ranks on a machine of {found} GPUs: start as many as there are GPUs, or train on "
                f"the CPU.",
                parameter="device",
            )


@contextlib.contextmanager
def exchanging() -> Iterator[None]:
    """Within the block, all ranks take part; one that has ended is an error in the others.

    Raises:
        RankError: it has.
    """
    try:
        yield
    except RuntimeError as error:
        raise RankError(
            f"another rank has ended, or cannot be reached ({reason(error, hidden=_OF_GLOO)}), so that all end. What "
            f"was saved is kept: resume the training, to go on from there."
        ) from error


def counted(ranks: int) -> str:
    """In words."""
    return f"{ranks} ranks" if ranks > 1 else "one process"
