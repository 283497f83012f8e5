"""IDX with any content: what is written comes back, and what is damaged is a `DataError` and never anything else."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import Header, idx
from digitsmith.data.reading import Reading
from digitsmith.errors import DataError
from digitsmith.records.base import ReadOptions

tolerant = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

COLOUR = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=12).map(lambda shape: (*shape, 3)))
IMAGES = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=20))
EDGE_SIZES = st.sampled_from([0, 1, 2, 28, 255, 256, 2**31 - 1, 2**31, 2**32 - 1])


@tolerant
@given(images=IMAGES | COLOUR, gzipped=st.booleans(), data=st.data())
def test_any_images_and_labels_come_back(tmp_path_factory, images, gzipped, data) -> None:
    folder = tmp_path_factory.mktemp("idx")
    labels = data.draw(arrays(np.int64, len(images), elements=st.integers(0, 255)))
    cut = data.draw(st.integers(0, len(images)))
    whole = Dataset(images, labels, tuple(map(str, range(256))))
    writer = idx.Writer(folder, Header.of(whole, gzip=gzipped))
    writer.write(images[:cut], labels[:cut])
    writer.write(images[cut:], labels[cut:])
    writer.close()
    read = formats.read(folder, "train", Reading(ReadOptions(ink="bright")))
    assert np.array_equal(read.images, images)
    assert np.array_equal(read.labels, labels)


@pytest.fixture(scope="module")
def valid() -> bytes:
    """A whole IDX file of three images, 4 x 5."""
    return bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]) + bytes(range(60))


@st.composite
def damages(draw) -> list[tuple[str, float, bytes]]:
    """Flips, insertions and cuts, each at a place given as a part of the file's length."""
    damage = st.tuples(st.sampled_from(["flip", "insert", "cut"]), st.floats(0, 1), st.binary(min_size=1, max_size=4))
    return draw(st.lists(damage, min_size=1, max_size=4))


def damaged(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, extra in changes:
        at = int(place * len(content))
        if kind == "flip":
            flipped = bytes(a ^ b for a, b in zip(content[at:], extra, strict=False))
            content = content[:at] + flipped + content[at + len(flipped) :]
        elif kind == "insert":
            content = content[:at] + extra + content[at:]
        else:
            content = content[:at] + content[at + 8 * len(extra) :]
    return content


def reads_or_refuses(path: Path, content: bytes) -> None:
    """Any other exception is a failure, and so is an array that is not what the bytes say."""
    path.write_bytes(content)
    for dimensions in (1, 2, 3, 4):
        array, message = None, ""
        try:
            array = idx.read_array(path, dimensions)
        except DataError as error:
            message = str(error)
        if array is None:
            assert str(path) in message  # the user must learn which file
        else:
            assert array.ndim == dimensions
            plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            assert plain[4 + 4 * dimensions :] == array.tobytes()


@tolerant
@given(content=st.binary(max_size=200))
def test_any_bytes_read_or_are_refused(tmp_path, content) -> None:
    reads_or_refuses(tmp_path / "file", content)
    reads_or_refuses(tmp_path / "file", b"\x1f\x8b" + content)
    reads_or_refuses(tmp_path / "file", gzip.compress(content, 1))


@tolerant
@given(
    kind=st.sampled_from([8, 9, 12]), sizes=st.lists(EDGE_SIZES, min_size=1, max_size=4), rest=st.binary(max_size=60)
)
def test_any_header_reads_or_is_refused_without_taking_the_memory_it_claims(tmp_path, kind, sizes, rest) -> None:
    header = bytes([0, 0, kind, len(sizes)]) + np.array(sizes, ">u4").tobytes()
    reads_or_refuses(tmp_path / "file", header + rest)


@tolerant
@given(changes=damages())
def test_a_damaged_file_reads_or_is_refused(tmp_path, valid, changes) -> None:
    reads_or_refuses(tmp_path / "file", damaged(valid, changes))


@tolerant
@given(changes=damages())
def test_a_damaged_gzip_file_reads_or_is_refused(tmp_path, valid, changes) -> None:
    content = damaged(gzip.compress(valid, mtime=0), changes)
    (tmp_path / "file").write_bytes(content)
    try:
        array = idx.read_array(tmp_path / "file", 3)
    except DataError:
        return
    assert array.tobytes() == valid[16:]  # gzip's checksum lets no other content through


@tolerant
@given(changes=damages(), images=IMAGES | COLOUR)
def test_a_damaged_data_set_reads_or_is_refused(tmp_path_factory, changes, images) -> None:
    folder = tmp_path_factory.mktemp("idx") / "made"
    formats.write(Dataset(images, np.arange(len(images)), tuple(map(str, range(len(images))))), folder, "idx")
    for file in folder.iterdir():
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, changes))
        message = str(folder)
        try:
            formats.read(folder)
        except DataError as error:
            message = str(error)
        assert str(folder) in message
        file.write_bytes(whole)
