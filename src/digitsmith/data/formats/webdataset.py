"""WebDataset: tar shards `train-000000.tar`, …; each sample is a `.png` and, if labelled, a `.cls`, the class index.

Where only some samples are labelled, `dataset.json` says so: else a sample without a `.cls` is taken for a fault.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.formats import Header, Split, assemble, read_record, write_record
from digitsmith.data.formats.png import decode, encode, stack
from digitsmith.errors import DataError

SAMPLES_PER_SHARD = 10_000
_MAX_MEMBER_BYTES = 2**22


def holds(path: Path, split: Split) -> bool:
    """Whether there are shards of this split."""
    return path.suffix == ".tar" if path.is_file() else bool(_shards(path, split))


def read(path: Path, split: Split) -> Dataset:
    """Read one shard, or all shards of a split in a folder."""
    shards = [path] if path.is_file() else _shards(path, split)
    missing = 0
    images: list[tuple[str, NDArray[np.uint8]]] = []
    labels: list[int] = []
    for shard in shards:
        try:
            for name, image, label in _samples(shard):
                images.append((name, decode(image, name)))
                labels.append(UNLABELLED if label is None else int(label))
                missing += label is None
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise DataError(f"{shard} cannot be read ({error}).") from error
    record = read_record(path)
    meant = record is not None and record.unlabelled
    if missing == len(images) and not meant:
        return assemble(path, record, stack(images), None)
    if missing and not meant:
        raise DataError(
            f"{path}: {missing} of {len(images)} images have no label (.cls): add them, or say that they are meant to "
            f'be unlabelled, in dataset.json: {{"classes": […], "unlabelled": true}}.'
        )
    return assemble(path, record, stack(images), np.array(labels))


def _samples(shard: Path) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Name, image and label of each sample. Its members follow each other, as WebDataset demands."""
    key, parts = "", dict[str, bytes]()
    with tarfile.open(shard, "r:") as tar:
        for member in tar:
            if not member.isfile():
                continue
            if member.size > _MAX_MEMBER_BYTES:
                raise DataError(f"{shard}: {member.name} is too large for a digit.")
            folder, _, file = member.name.rpartition("/")
            stem, _, ending = file.partition(".")
            stem = f"{folder}/{stem}"
            if stem != key and "png" in parts:
                yield f"{shard}, {key.lstrip('/')}.png", parts["png"], parts.get("cls")
            if stem != key:
                key, parts = stem, {}
            content = tar.extractfile(member)
            assert content is not None
            parts[ending] = content.read()
        _check_end(shard, tar)
    if "png" in parts:
        yield f"{shard}, {key.lstrip('/')}.png", parts["png"], parts.get("cls")


def _check_end(shard: Path, tar: tarfile.TarFile) -> None:
    """A tar ends with zeros; `tarfile` takes a damaged header for the end, too."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise DataError(f"{shard} is cut short or damaged {tar.offset} bytes from its start: get it again.")


def _shards(folder: Path, split: Split) -> list[Path]:
    return sorted(folder.glob(f"{split}-*.tar")) if folder.is_dir() else []


class Writer:
    """Writes shards of `SAMPLES_PER_SHARD` samples."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._folder, self._split = folder, header.split
        self._index = header.start
        self._written = 0
        self._tar: tarfile.TarFile | None = None
        write_record(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        for i, image in enumerate(images):
            if self._written % SAMPLES_PER_SHARD == 0:
                self.close()
                name = f"{self._split}-{self._written // SAMPLES_PER_SHARD:06d}.tar"
                self._tar = tarfile.open(self._folder / name, "w", format=tarfile.USTAR_FORMAT)
            self._add("png", encode(image))
            if labels is not None and labels[i] != UNLABELLED:
                self._add("cls", str(labels[i]).encode())
            self._index += 1
            self._written += 1

    def _add(self, ending: str, content: bytes) -> None:
        assert self._tar is not None
        member = tarfile.TarInfo(f"{self._index:09d}.{ending}")
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def close(self) -> None:
        """Close the shard that is open."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None
