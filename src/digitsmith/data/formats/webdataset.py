"""WebDataset: tar shards `train-000000.tar`, …; each sample is a `.png` and, if labelled, a `.cls`, the class index.

Where only some samples are labelled, `dataset.json` says so: else a sample without a `.cls` is taken for a fault.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits
from digitsmith.data.assemble import assemble
from digitsmith.data.bulk import decode_all
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.folders import Place
from digitsmith.data.formats import Header, decoding, write_record
from digitsmith.data.images import encode
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError

SAMPLES_PER_SHARD = 10_000
_MAX_NOTES = 2**13  # bytes of a tar's own notes on the next file
_MAX_GLOBAL_NOTES = 100


def holds(place: Place) -> bool:
    """Whether there are shards of this split."""
    return bool(place.files(".tar"))


def read(place: Place, reading: Reading) -> Dataset:
    """Read one shard, or all shards of a split in a folder."""
    path, shards = place.path, place.files(".tar")
    labels: list[int] = []

    def files() -> Iterator[tuple[str, bytes]]:
        for shard in shards:
            with decoding(shard):
                for name, image, label in _samples(shard):
                    labels.append(UNLABELLED if label is None else int(label))
                    yield name, image

    decoded = decode_all(files(), path, reading, sum(shard.stat().st_size for shard in shards))
    images, kept = decoded.images, np.array(labels)[decoded.kept]
    missing = int((kept == UNLABELLED).sum())
    record = reading.record
    meant = record is not None and record.unlabelled
    if missing == len(images) and not meant:
        return assemble(path, reading, images, None)
    if missing and not meant:
        raise DataError(
            f"{path}: {missing} of {len(images)} images have no label (.cls): add them, or say that they are meant to "
            f'be unlabelled, in dataset.json: {{"classes": […], "unlabelled": true}}.'
        )
    return assemble(path, reading, images, kept)


class _Member(tarfile.TarInfo):
    """A member that is checked before `tarfile` acts upon what it says."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        member = super().frombuf(buf, encoding, errors)
        most = limits.MAX_IMAGE_FILE if member.isfile() else _MAX_NOTES
        if not 0 <= member.size <= most:
            raise ValueError(f"{member.name} is too large for a digit: at most {most:,} bytes are read")
        return member


def _samples(shard: Path) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Name, image and label of each sample. Its members follow each other, as WebDataset demands."""
    key, parts, end = "", dict[str, bytes](), 0
    with tarfile.open(shard, "r:", tarinfo=_Member) as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
            if tar.offset <= end or len(tar.pax_headers) > _MAX_GLOBAL_NOTES:
                raise ValueError(f"its notes {end} bytes from its start make no sense")
            end = tar.offset
            if member.isdir():
                continue
            if not member.isfile() or member.issparse():
                raise ValueError(f"{member.name} is a link, a device or a file with holes")
            folder, _, file = member.name.rpartition("/")
            stem, _, ending = file.partition(".")
            stem = f"{folder}/{stem}"
            if stem != key and "png" in parts:
                yield _title(shard, key), parts["png"], parts.get("cls")
            if stem != key:
                key, parts = stem, {}
            if ending in parts:
                raise DataError(f"{_title(shard, key)} comes twice: give each sample a name of its own.")
            if ending in ("png", "cls"):
                parts[ending] = _content(tar, member)
        _check_end(shard, tar)
    if "png" in parts:
        yield _title(shard, key), parts["png"], parts.get("cls")


def _title(shard: Path, key: str) -> str:
    return f"{shard}, {key.lstrip('/')[-200:]}.png"


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not 0 <= member.size <= (most := limits.MAX_IMAGE_FILE):  # again: a note before it may have changed its size
        raise ValueError(f"{member.name} is too large for a digit: at most {most:,} bytes are read")
    content = tar.extractfile(member)
    assert content is not None
    return content.read()


def _check_end(shard: Path, tar: tarfile.TarFile) -> None:
    """A tar ends with zeros; `tarfile` takes a damaged header for the end, too."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise DataError(f"{shard} is cut short or damaged {tar.offset} bytes from its start: get it again.")


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
