"""WebDataset: tar shards `train-000000.tar`, …; each sample is a `.png` and, if labelled, a `.cls`, a number.

It is the digit itself if all classes are digits, and else the place of the class among those in `dataset.json`.
Any other image and labels in `.label`, `.txt` or `.json` are read, too: numbers, names, or an object with one of them.
Where only some samples are labelled, `dataset.json` says so: else a sample without a `.cls` is taken for a fault.
"""

import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data import limits, names
from digitsmith.data.assemble import assemble
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.folders import Place, counts, is_image, is_phone_photo
from digitsmith.data.formats import Header, decoding, write_record
from digitsmith.data.images.decoding import encode
from digitsmith.data.images.many import decode_all
from digitsmith.data.labels import values_of
from digitsmith.data.reading import Reading, listed, no_such
from digitsmith.errors import DataError

SAMPLES_PER_SHARD = 10_000
_LABELS = ("cls", "label", "txt", "json")
"""Endings of labels; the first of them that a sample has is read."""

_HIDDEN, _NO_IMAGE, _OTHER = "hidden files", "labels without an image", "samples without an image"
_MAX_LABEL = 2**12  # characters
_MAX_NOTES = 2**13  # bytes of a tar's own notes on the next file
_MAX_GLOBAL_NOTES = 100


def holds(place: Place) -> bool:
    """Whether there are shards of this split."""
    return bool(place.files(".tar"))


def read(place: Place, reading: Reading) -> Dataset:
    """Read one shard, or all shards of a split in a folder."""
    path, shards = place.path, place.files(".tar", tell=True)
    labels: list[object] = []
    folders = set[str]()
    left = Counter[str]()

    def files() -> Iterator[tuple[str, bytes]]:
        for shard in shards:
            with decoding(shard):
                for sample in _samples(shard, left):
                    if image := _image(sample):
                        labels.append(_label(sample, reading))
                        folders.add(sample.folder)
                        yield f"{sample.title}.{image}", sample.parts[image]
                    else:
                        left[_alone(sample)] += 1

    decoded = decode_all(files(), path, reading, sum(shard.stat().st_size for shard in shards))
    images, kept = decoded.images, [labels[i] for i in decoded.kept]
    missing = sum(label in (None, UNLABELLED) for label in kept)
    record = reading.record
    meant = record is not None and record.unlabelled
    if missing and not meant and (missing < len(images) or left[_NO_IMAGE]):
        raise DataError(
            f"{path}: {missing} of {len(images)} images have no label (.cls) next to them in their shard: add them, or "
            f'say that they are meant to be unlabelled, in dataset.json: {{"classes": […], "unlabelled": true}}.'
        )
    if missing and not meant and len(folders) > 1:
        raise DataError(
            f"{path}: images have no label (.cls) next to them, but lie in folders, {listed(sorted(folders), 3)}: "
            f"unpack the archive if these are the classes, or add labels."
        )
    reading.layout = f"WebDataset, {len(shards)} file{'s' * (len(shards) > 1)}"
    for what, count in left.items():
        reading.ignored[what] += count
        reading.note(f"{path}: {what} left out: {count:,}.")
    return assemble(path, reading, images, None if missing == len(images) and not meant else kept, by_value=True)


@dataclass(frozen=True)
class _Sample:
    """Files of one name: their contents by their endings."""

    title: str
    folder: str
    parts: dict[str, bytes]


def _image(sample: _Sample) -> str:
    """The ending of its image; empty without any."""
    found = [ending for ending in sample.parts if is_image(f"x.{ending}")]
    found = [ending for ending in found if not is_phone_photo(f"x.{ending}")] or found
    if len(found) > 1:
        raise DataError(f"{sample.title} has several images, {listed(found)}: give each sample one.")
    return found[0] if found else ""


def _alone(sample: _Sample) -> str:
    """What a sample without an image is."""
    return _NO_IMAGE if sample.parts.keys() & {*_LABELS} - {"txt"} else _OTHER


def _label(sample: _Sample, reading: Reading) -> object:
    """A number or a name; None without any."""
    found = [ending for ending in _LABELS if ending in sample.parts]
    if not found:
        return None
    if "json" in found and reading.column("label_column"):  # whose key it is
        found = ["json"]
    if len(found) > 1:
        reading.note(f"Labels are read from .{found[0]}, not from {listed([f'.{ending}' for ending in found[1:]])}.")
    what, content = f"{sample.title}.{found[0]}", sample.parts[found[0]].decode().strip()
    if len(content) > _MAX_LABEL:
        raise ValueError(f"{what} has more than {_MAX_LABEL:,} characters: that is no label")
    label = _of_json(json.loads(content), what, reading) if found[0] == "json" else content
    if isinstance(label, str):
        if not label:
            raise ValueError(f"{what} is empty")
        return int(label) if re.fullmatch(r"[+-]?[0-9]+", label) else label
    if label is not None and not isinstance(label, int | float):
        raise ValueError(f"{what} holds no number and no name")
    return label


def _of_json(value: object, what: str, reading: Reading) -> object:
    """The label in an object, by its key."""
    if not isinstance(value, dict):
        return value
    if asked := reading.column("label_column"):
        if asked not in value:
            raise no_such(what, "key", asked, [*value], "label_column")
        return value[asked]
    found = [key for key in value if names.parts(key)[0] in names.LABELS]
    if len(found) > 1:
        raise DataError(f"{what} may have labels in {listed(found)}: say which.", parameter="label_column")
    if not found:
        reading.note(f"{what} has no label, only {listed([*value])}.")
    return value[found[0]] if found else None


class _Member(tarfile.TarInfo):
    """A member that is checked before `tarfile` acts upon what it says."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        member = super().frombuf(buf, encoding, errors)
        most = limits.MAX_IMAGE_FILE if member.isfile() else _MAX_NOTES
        if not 0 <= member.size <= most:
            raise ValueError(f"{member.name} is too large for a digit: at most {most:,} bytes are read")
        return member


def _samples(shard: Path, left: Counter[str]) -> Iterator[_Sample]:
    """Images, labels and what else there is. The members of a sample follow each other, as WebDataset demands."""
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
            if not all(counts(part) for part in member.name.split("/") if part not in ("", ".", "..")):
                left[_HIDDEN] += 1
                continue
            folder, _, file = member.name.rpartition("/")
            stem, _, ending = file.partition(".")
            stem, ending = f"{folder}/{stem}", ending.lower()
            if stem != key and parts:
                yield _Sample(_title(shard, key), key.rpartition("/")[0], parts)
            if stem != key:
                key, parts = stem, {}
            if ending in parts:
                raise DataError(f"{_title(shard, key)}.{ending} comes twice: give each sample a name of its own.")
            used = is_image(f"x.{ending}") or ending in _LABELS
            parts[ending] = _content(tar, member) if used else b""
        _check_end(shard, tar)
    if parts:
        yield _Sample(_title(shard, key), key.rpartition("/")[0], parts)


def _title(shard: Path, key: str) -> str:
    return f"{shard}, {key.lstrip('/')[-200:]}"


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
        self._shards = Shards(folder, header.split)
        self._index, self._values = header.start, values_of(header.classes)
        write_record(folder, header)

    def write(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None) -> None:
        """Append a batch."""
        for i, image in enumerate(images):
            parts = {"png": encode(image)}
            if labels is not None and labels[i] != UNLABELLED:
                parts["cls"] = str(self._values[labels[i]]).encode()
            self._shards.add(f"{self._index:09d}", parts)
            self._index += 1

    def close(self) -> None:
        """Close the shard that is open."""
        self._shards.close()


class Shards:
    """Tar files `NAME-000000.tar`, … with `SAMPLES_PER_SHARD` samples each."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._written = folder, name, 0
        self._tar: tarfile.TarFile | None = None

    def add(self, key: str, parts: Mapping[str, bytes]) -> None:
        """Append a sample: contents by their endings."""
        if self._tar is None:
            name = f"{self._name}-{self._written // SAMPLES_PER_SHARD:06d}.tar"
            self._tar = tarfile.open(self._folder / name, "w", format=tarfile.USTAR_FORMAT)
        for ending, content in parts.items():
            member = tarfile.TarInfo(f"{key}.{ending}")
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))
        self._tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
        self._written += 1
        if self._written % SAMPLES_PER_SHARD == 0:
            self.close()

    def close(self) -> None:
        """Close the shard that is open."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None
