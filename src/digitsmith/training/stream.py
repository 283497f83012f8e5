"""`as_torch`: a stream of images as torch's DataLoader takes it."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, distributed
from torch.utils.data import IterableDataset, get_worker_info

from digitsmith.data.images.pixels import to_planes
from digitsmith.generation.stream import Stream
from digitsmith.training.torchrun import place


class TorchStream(IterableDataset[tuple[Any, int]]):
    """Images of a stream one by one, for a DataLoader. Get one from `as_torch`."""

    def __init__(self, stream: Stream, transform: Callable[[Tensor], Any] | None = None) -> None:
        self.stream, self.transform = stream, transform
        self._rank: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        rank, ranks = self._rank or _initialised() or place()
        worker = get_worker_info()
        if worker is None:
            part = self.stream.part(rank, ranks)
        else:
            part = self.stream.part(worker.id * ranks + rank, worker.num_workers * ranks, threads=1)
        for images, labels in part:
            pixels = torch.from_numpy(to_planes(images)).float() / 255
            for image, label in zip(pixels, labels.tolist(), strict=True):
                yield (image if self.transform is None else self.transform(image)), label

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_rank": self._rank or _initialised()}  # a worker that is spawned knows of none


def as_torch(stream: Stream, transform: Callable[[Tensor], Any] | None = None) -> TorchStream:
    """Make a stream a `torch.utils.data.IterableDataset`, for a `DataLoader` of any number of workers and ranks.

    Each image comes once, in one worker of one rank. Workers and ranks take whole batches of the stream in turns; so
    with the same `batch_size` in the DataLoader, step s of r ranks gets batches s·r to s·r + r - 1 of the stream,
    however many workers there are. A training that stopped before step s goes on with the start s·r·batch.

    The rank is that of torch.distributed, where it is initialised, and else that of the variables RANK and WORLD_SIZE,
    which torchrun sets.

    Args:
        stream: from `digitsmith.stream`. Each pass over the data set begins where the stream stands, and leaves it
            there.
        transform: is given each image.

    Returns:
        A data set of pairs: an image, float32[1, h, w] or float32[3, h, w] in [0, 1], 0 background, as torchvision's
        `ToTensor` makes of MNIST's; and its label, an int.

    Raises:
        ConfigError: on the way, RANK and WORLD_SIZE that make no sense.

    Examples:
        >>> import digitsmith
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(digitsmith.as_torch(digitsmith.stream(batch=64)), batch_size=64)
        >>> images, labels = next(iter(loader))
        >>> images.shape, images.dtype, labels[:3]
        (torch.Size([64, 1, 28, 28]), torch.float32, tensor([0, 1, 2]))
    """
    return TorchStream(stream, transform)


def _initialised() -> tuple[int, int] | None:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None
