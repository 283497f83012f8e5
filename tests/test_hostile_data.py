"""Data sets that may be anything: damaged, hostile, absurd. Each ends in images or in one line that names the file."""

import contextlib
import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import digitsmith
from digitsmith.data import formats, limits
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import FORMATS
from digitsmith.data.formats.parquet_layout import columns, pages
from digitsmith.data.images.decoding import decode
from digitsmith.data.sources import load_dataset
from digitsmith.errors import ConfigError, DataError

DEEP = "[" * 100_000 + "]" * 100_000
IMAGES = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)


def refused(path: Path, *parts: str) -> None:
    """Reading ends in a `DataError` of one short line, which has all these parts."""
    with pytest.raises(DataError) as caught:
        formats.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    for part in parts:
        assert part in message


def png(side: int = 8) -> bytes:
    content = io.BytesIO()
    Image.new("L", (side, side), 7).save(content, "PNG")
    return content.getvalue()


class TestRecord:
    def test_a_dataset_json_that_is_a_folder(self, tmp_path) -> None:
        formats.write(Dataset(IMAGES), tmp_path / "made", "idx")
        (tmp_path / "made" / "dataset.json").unlink()
        (tmp_path / "made" / "dataset.json").mkdir()
        with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
            formats.read(tmp_path / "made")

    @pytest.mark.parametrize(
        "content",
        [
            DEEP.encode(),
            f'{{"classes": {DEEP}}}'.encode(),
            b'{"classes": ["a"], "generated": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
            b"\xff\xfe",
            b'{"classes": ["a", "b"], "channels": ' + b"9" * 10_000 + b"}",
            b'{"classes": ["\\ud800"]}',
            b" " * (limits.MAX_RECORD + 1),
        ],
        ids=["deep", "deep names", "deep objects", "no UTF-8", "long number", "half a character", "large"],
    )
    def test_a_dataset_json_of_anything(self, tmp_path, content) -> None:
        formats.write(Dataset(IMAGES), tmp_path / "made", "idx")
        (tmp_path / "made" / formats.RECORD).write_bytes(content)
        refused(tmp_path / "made", "dataset.json cannot be read", "correct it, or remove it")


def npy(
    descr: str = "'|u1'", shape: str = "(2, 8, 8)", content: bytes = IMAGES.tobytes(), order: str = "False"
) -> bytes:
    """An array in NumPy's format with a header that says anything."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def npz(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.mkdir(exist_ok=True)
    with zipfile.ZipFile(path / "train.npz", "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


class TestNpz:
    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (npy(shape="(-2, 8, -8)"), "negative size"),
            (npy(shape="(10**9, 28, 28)"), ""),
            (npy(shape="(1000000000, 28, 28)"), "claims 1,000,000,000 images of 784,000,000,000 bytes"),
            (npy(shape=f"({2**63}, 8, 8)"), "claims"),
            (npy(shape="(2, 0, 8)", content=b""), "there is nothing in them"),
            (npy(shape="(1, 65536, 65536)"), "too large for a digit"),
            (npy(shape="(2, 8, 9)"), "its header says 144"),
            (npy(content=IMAGES.tobytes() + b"more"), "has 132 bytes where its header says 128"),
            (npy(content=b""), "has 0 bytes"),
            (npy(descr="'|O'"), "pickled objects of 2x8x8), but none of images"),
            (npy(descr="[('a', '|u1')]"), "none of images"),
            (npy(descr="('|u1', (10000, 10000))"), "none of images"),
            (npy(descr="'<f8'"), "its header says 1,024"),
            (npy(descr="'<f8'", content=b"\xff" * 1024), "NaN or infinite"),
            (npy(descr="'<M8[D]'"), "none of images"),
            (npy(shape="'abc'"), "shape"),
            (npy(shape="(2, 8.0, 8)"), "shape"),
            (npy(descr="'" + "x" * 20_000 + "'"), "train.npz"),
            (npy(shape="(" * 3000 + ")" * 3000), "train.npz"),
            (npy(shape="-" * 5000 + "1"), "train.npz"),
            (npy(shape="__import__('os').abort()"), "train.npz"),
            (b"\x93NUMPY\2\0" + b"\xff" * 4 + b"{" * 100, "train.npz"),
            (b"\x93NUMPY\3\0" + b"\xff" * 4 + b"{" * 100, "version (3, 0)"),
            (b"\x93NUMPY\1\0\xff\xff{", "train.npz"),
            (b"no array", "magic"),
            (b"", "train.npz"),
        ],
    )
    def test_an_array_of_anything(self, tmp_path, array, message) -> None:
        refused(npz(tmp_path, ("images.npy", array)), "train.npz", message)

    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("labels", npy(shape="(3,)", content=b"abc"), "there are 3 labels: each image needs one"),
            ("labels", npy("'<i8'", f"({2**40},)", b""), "claims 1,099,511,627,776"),
            ("labels", b"no array", "magic"),
            ("labels", npy("'|O'", "(2,)"), "labels is pickled objects of 2: labels are whole numbers or names"),
            ("labels", npy("'<c16'", "(2,)", bytes(32)), "labels are whole numbers or names"),
            ("labels", npy("'<u8'", "(2,)", b"\xff" * 16), "from 18446744073709551615 to"),
            ("classes", npy("'<U100000000'", "(2,)", b""), "class names of 800,000,000 bytes"),
            ("classes", npy("'<U1'", "(2,)", b"\xff" * 8), "train.npz"),
            ("classes", npy("'<U0'", "(2,)", b""), "train.npz"),
            ("classes", npy("'|S1'", "(2,)", b"ab"), "list of strings"),
            ("classes", npy("'<U1'", "(1, 2)", b"\0" * 8), "list of strings"),
        ],
    )
    def test_labels_and_names_of_anything(self, tmp_path, name, array, message) -> None:
        members = {"images": npy(), "labels": npy("'|u1'", "(2,)", b"\0\1")} | {name: array}
        refused(npz(tmp_path, *((f"{key}.npy", value) for key, value in members.items())), "train.npz", message)

    def test_fortran_order_is_read(self, tmp_path) -> None:
        np.savez(tmp_path / "train.npz", images=np.asfortranarray(IMAGES))
        assert np.array_equal(formats.read(tmp_path).images, IMAGES)

    def test_what_is_not_asked_for_is_not_decompressed(self, tmp_path) -> None:
        npz(tmp_path, ("images.npy", npy()), ("other.npy", npy(shape="(9, 99)")), ("../../labels.txt", b"outside"))
        assert len(formats.read(tmp_path)) == 2

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_arrays_of_one_name_are_not_chosen_between(self, tmp_path) -> None:
        refused(npz(tmp_path, ("images.npy", npy()), ("images.npy", npy())), "it has 2 arrays images")

    def test_methods_of_compression_that_numpy_does_not_use(self, tmp_path) -> None:
        refused(npz(tmp_path, ("images.npy", npy()), method=zipfile.ZIP_LZMA), "NumPy does not use")

    @pytest.mark.parametrize(
        ("place", "field", "message"),
        [
            (24, struct.pack("<I", 2**31), "claims 2,147,483,648 bytes in"),
            (24, struct.pack("<I", 5), "train.npz"),
            (8, b"\1\0", "encrypted"),
            (42, struct.pack("<I", 2**31), "train.npz"),
            (16, b"0000", "CRC"),
        ],
        ids=["size above", "size below", "encrypted", "elsewhere", "another checksum"],
    )
    def test_a_directory_that_lies(self, tmp_path, place, field, message) -> None:
        file = npz(tmp_path, ("images.npy", npy())) / "train.npz"
        content = bytearray(file.read_bytes())
        at = content.index(b"PK\1\2") + place
        content[at : at + len(field)] = field
        file.write_bytes(content)
        refused(tmp_path, "train.npz", message)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(*chunks: bytes) -> bytes:
    whole = png()
    return whole[:33] + b"".join(chunks) + whole[33:]


def tiff(side: int) -> bytes:
    """A TIFF of 8x8 pixels in one tile of side x side."""
    tile = zlib.compress(bytes(side * side), 1)
    tags = {
        256: 8,
        257: 8,
        258: 8,
        259: 8,
        262: 1,
        277: 1,
        322: side,
        323: side,
        324: 8 + 2 + 12 * 10 + 4,
        325: len(tile),
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + tile


def saved(kind: str, image: Image.Image, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


PROGRESSIVE = saved("JPEG", Image.effect_noise((64, 64), 50), progressive=True)
BOMB = zlib.compress(bytes(2**26), 9)


class TestImageFiles:
    @pytest.mark.parametrize(
        "content",
        [
            png_with(chunk(b"zTXt", b"k\0\0" + BOMB)),
            png_with(chunk(b"iTXt", b"k\0\1\0\0\0" + BOMB)),
            png_with(chunk(b"iCCP", b"k\0\0" + BOMB)),
            png_with(chunk(b"tEXt", b"no separator" * 9), chunk(b"IHDR", b"")),
            tiff(2048),
            saved("JPEG", Image.new("L", (8, 8)))[:-30],
            PROGRESSIVE[:-2] + b"\xff\xda" * 300,
            saved("GIF", Image.new("L", (8, 8)))[:20],
            saved("BMP", Image.new("L", (8, 8)))[:-9],
            b"II*\0\x08\0\0\0\1\0\0\1\x0c\0\1\0\0\0\0\0\0\0\0\0\0\0",
            b"II*\0\x08\0\0\0" + b"\xff" * 40,
            b"BM" + bytes(60),
            b"GIF89a" + b"\xff" * 30,
            b"RIFF0000WEBPVP8 ",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        ],
    )
    def test_one_of_anything_is_named(self, tmp_path, content) -> None:
        (tmp_path / "some.png").write_bytes(content)
        refused(tmp_path, "some.png")

    def test_a_tag_of_the_wrong_type(self, tmp_path) -> None:
        whole = bytearray(saved("TIFF", Image.new("L", (8, 8))))
        for place in range(8, len(whole)):  # whatever it leads to in Pillow; TypeError among others
            changed = whole.copy()
            changed[place] ^= 0xFF
            (tmp_path / "some.tif").write_bytes(changed)
            with contextlib.suppress(DataError):
                formats.read(tmp_path)

    def test_a_tile_of_usual_size_and_usual_scans_are_read(self) -> None:
        assert decode(tiff(64), "it").shape == (8, 8)
        assert decode(PROGRESSIVE, "it").shape == (64, 64)

    def test_a_file_that_is_too_large(self, tmp_path) -> None:
        with (tmp_path / "some.png").open("wb") as file:
            file.write(png())
            file.truncate(limits.MAX_IMAGE_FILE + 1)
        refused(tmp_path, "some.png", "more than 16,777,216 bytes")

    def test_pillow_says_nothing_on_its_own(self, recwarn) -> None:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0))
        with pytest.raises(DataError, match="too large for a digit"):
            decode(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b""), "it")
        assert not recwarn.list

    def test_pipes_and_loops_of_links_are_no_images(self, tmp_path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "loop.png").symlink_to("loop.png")
        (tmp_path / "far.png").symlink_to("/dev/zero")
        refused(tmp_path, str(tmp_path))

    def test_a_link_to_a_folder_of_other_things_is_no_class(self, tmp_path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "secret.txt").touch()
        (tmp_path / "made" / "0").mkdir(parents=True)
        (tmp_path / "made" / "0" / "a.png").write_bytes(png())
        (tmp_path / "made" / "1").symlink_to(tmp_path / "other")
        refused(tmp_path / "made", str(tmp_path / "made" / "1"), "holds no image")


def pax(**values: str) -> bytes:
    """A tar's note on the next file."""
    lines = b""
    for key, value in values.items():
        line = f" {key.replace('_', '.')}={value}\n".encode()
        lines += b"%d" % (len(line) + len(str(len(line) + 3))) + line
    note = tarfile.TarInfo("note")
    note.type, note.size = tarfile.XHDTYPE, len(lines)
    return note.tobuf() + lines.ljust(-(-len(lines) // 512) * 512, b"\0")


def member(name: str, content: bytes = b"", **changes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")


class TestWebDataset:
    def shard(self, folder: Path, *parts: bytes) -> Path:
        (folder / "train-0.tar").write_bytes(b"".join(parts) + bytes(1024))
        return folder

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ([member("b.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")], "link"),
            ([member("b.png", type=tarfile.LNKTYPE, linkname="a.png")], "link"),
            ([member("b.png", type=tarfile.CHRTYPE)], "device"),
            ([member("b.png", type=tarfile.FIFOTYPE)], "device"),
            ([member("b.png", size=2**62)], "too large for a digit"),
            ([member("b.png", size=-1)], "train-0.tar"),
            ([member("b.png", png(), type=tarfile.GNUTYPE_SPARSE)], "train-0.tar"),
            ([pax(size="-512"), member("b.png", png())], "train-0.tar"),
            ([pax(size="-2048"), member("b.png", png())], "train-0.tar"),
            ([pax(size=str(2**40)), member("b.png", png())], "train-0.tar"),
            ([pax(GNU_sparse_map="0,9999999999", GNU_sparse_size="99999999999"), member("b.png", png())], "holes"),
            ([pax(GNU_sparse_major="1", GNU_sparse_minor="0"), member("b.png", png())], "train-0.tar"),
            ([pax(path="x" * 20_000), member("b.png", png())], "at most 8,192 bytes"),
            ([member("long", bytes(2**16), type=tarfile.GNUTYPE_LONGNAME)], "at most 8,192 bytes"),
            ([pax(comment="x")] * 3000, "train-0.tar"),
            ([member("b.png", b"no image"), member("b.cls", b"1")], "b.png"),
            ([member("b.png", png()), member("b.cls", b"1"), member("b.png", png())], "b.png comes twice"),
            ([member("b\x1b[31m.png", b"no image")], r"b\x1b[31m.png"),
            ([member("b.png", png()), member("b.cls", b"9" * 100_000)], "train-0.tar"),
        ],
    )
    def test_members_of_anything(self, tmp_path, parts, message) -> None:
        refused(self.shard(tmp_path, member("a.png", png()), member("a.cls", b"1"), *parts), message)

    def test_a_first_member_that_leads_back_to_itself(self, tmp_path) -> None:
        refused(self.shard(tmp_path, pax(size="-1536"), member("b.png", png())), "train-0.tar")

    def test_many_notes_on_all_files(self, tmp_path) -> None:
        tar = tarfile.TarInfo.create_pax_global_header({f"key{i}": "x" for i in range(400)})
        refused(self.shard(tmp_path, tar, member("a.png", png())), "make no sense")

    def test_names_that_lead_out_are_only_names(self, tmp_path) -> None:
        self.shard(
            tmp_path,
            *(
                member(f"{name}.{end}", content)
                for name in ("../../x", "/etc/y")
                for end, content in (("png", png()), ("cls", b"1"))
            ),
        )
        assert len(formats.read(tmp_path)) == 2


def parquet(folder: Path, images: object, labels: object = None, **options) -> Path:
    columns = {"image": images} | ({} if labels is None else {"label": labels})
    pq.write_table(pa.table(columns), folder / "train.parquet", **options)
    return folder


class TestParquet:
    @pytest.mark.parametrize(
        ("images", "labels"),
        [
            ([1, 2], [0, 1]),
            (["text", "text"], [0, 1]),
            ([[png()], [png()]], [0, 1]),
            ([{"path": "a"}, {"path": "b"}], [0, 1]),
            ([{"bytes": 3}, {"bytes": 4}], [0, 1]),
            ([{"bytes": {"bytes": png()}}] * 2, [0, 1]),
            ([png(), png()], [0.5, 1.0]),
            ([png(), png()], [float("inf"), 1.0]),
            ([png(), png()], ["../a", "b"]),
            ([png(), png()], ["a" * 10_000, "b"]),
            ([png(), png()], [[0, 2], [1, 0]]),
            ([png(), png()], pa.array([2**64 - 1, 1], pa.uint64())),
            ([png(), png()], pa.array([2**62, 1])),
            ([png(), None], [0, 1]),
            ([{"bytes": png()}, None], [0, 1]),
        ],
    )
    def test_columns_of_any_type(self, tmp_path, images, labels) -> None:
        refused(parquet(tmp_path, images, labels), "train.parquet")

    def test_two_columns_of_one_name(self, tmp_path) -> None:
        table = pa.Table.from_arrays([pa.array([png()]), pa.array([png()])], names=["image", "image"])
        pq.write_table(table, tmp_path / "train.parquet")
        refused(tmp_path, "train.parquet")

    @pytest.mark.parametrize("metadata", [DEEP, '{"info": ' + DEEP + "}", '{"a":' * 100_000, "9" * 10_000, "\\"])
    def test_deep_metadata(self, tmp_path, metadata) -> None:
        table = pa.table({"image": [png()], "label": [0]}).replace_schema_metadata({"huggingface": metadata})
        pq.write_table(table, tmp_path / "train.parquet")
        refused(tmp_path, "train.parquet")

    @pytest.mark.parametrize("dictionary", [False, pytest.param(True, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("codec", ["zstd", "gzip", "brotli", "lz4"])
    def test_images_that_decompress_to_far_more_than_they_are(self, tmp_path, codec, dictionary) -> None:
        bomb = png() + bytes(2**27)
        parquet(tmp_path, [bomb, png()], compression=codec, use_dictionary=dictionary, write_statistics=False)
        refused(tmp_path, "its column image has over 134,", "67,108,864 are allowed")

    def test_one_image_a_million_times(self, tmp_path) -> None:
        parquet(tmp_path, pa.DictionaryArray.from_arrays(pa.array([0] * 10**5, pa.int8()), [png()]).cast(pa.binary()))
        refused(tmp_path, "it has more rows than its")

    def test_metadata_that_claim_less_than_the_pages(self, tmp_path) -> None:
        bomb = png() + bytes(2**27)
        parquet(tmp_path, [bomb], compression="zstd", use_dictionary=False, write_statistics=False)
        file = tmp_path / "train.parquet"
        size = pq.ParquetFile(file).metadata.row_group(0).column(0).total_uncompressed_size
        file.write_bytes(file.read_bytes().replace(varint(2 * size), b"\x80\x80\x80\x80\0"))  # zero, as long
        assert pq.ParquetFile(file).metadata.row_group(0).column(0).total_uncompressed_size == 0
        refused(tmp_path, "its column image has over 134,")

    def test_columns_are_those_that_arrow_takes_whatever_the_metadata_call_them(self, tmp_path) -> None:
        images = [{"bytes": png() + bytes(2**27), "path": ""}]
        parquet(tmp_path, images, compression="zstd", use_dictionary=False, write_statistics=False)
        file = tmp_path / "train.parquet"
        whole = file.read_bytes()
        name = whole.rindex(b"\x05image\x05bytes", 0, whole.index(b"ARROW:schema")) + 7  # of the pages, not the schema
        file.write_bytes(whole[:name] + b"other" + whole[name + 5 :])
        assert pq.ParquetFile(file).schema.column(0).path == "image.bytes"
        assert pq.ParquetFile(file).metadata.row_group(0).column(0).path_in_schema == "image.other"
        refused(tmp_path, "its column image.bytes has over 134,")

    def test_a_field_is_that_which_arrow_takes(self) -> None:
        """It passes over one of another kind, and takes the lower bits of a number that is too large."""
        sizes = [b"\x15\x00", b"\x15\x08", b"\x15\x02"]  # the page's type, bytes decompressed and compressed
        page = b"".join(sizes)
        small = b"\x06\x04\x02"  # field 2 again, as another kind of number
        assert [each.decompressed for each in pages(memoryview(page + small + b"\0?"))] == [4]
        for number in (varint(2 * (2**16 + 2)), varint(2 * (2**15 + 2))):
            with pytest.raises(ValueError, match="too large"):
                list(pages(memoryview(page + b"\x05" + number + b"\x02" + b"\0?")))
        with pytest.raises(ValueError, match="too large for its kind"):
            list(pages(memoryview(sizes[0] + b"\x15" + varint(2**32 + 2) + sizes[2] + b"\0?")))

    def test_pages_of_all_writers_are_understood(self, tmp_path) -> None:
        for options in (
            {"data_page_version": "2.0"},
            {"use_dictionary": False, "compression": "zstd"},
            {"write_page_index": True, "write_page_checksum": True},
            {"use_dictionary": False, "column_encoding": {"image": "DELTA_BYTE_ARRAY"}},
            {"data_page_size": 10, "row_group_size": 3},
        ):
            parquet(tmp_path, [png(), png(9)[:0] + png()] * 10, list(range(20)), **options)
            assert len(formats.read(tmp_path)) == 20

    @pytest.mark.parametrize(
        "content", [b"\x15", b"\x15\x00\x15\x02\x15\x80", b"\x1c" * 50, b"\xff" * 50, b"\x19\xf5\xff\xff\xff\xff\x0f"]
    )
    def test_headers_of_pages_of_anything(self, content) -> None:
        with pytest.raises((ValueError, LookupError, TypeError)):
            list(pages(memoryview(content)))

    def test_a_footer_that_makes_arrow_end_the_process(self, tmp_path) -> None:
        """In a process of its own, for it would take this one with it."""
        parquet(tmp_path, [png()] * 3, [0, 1, 2])
        done = subprocess.run(
            [sys.executable, "-c", FOOTERS, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"PAR1",
            b"\x19\x5c" + b"\xff\xff\xff\0PAR1",
            bytes(9) + b"\1\0\0\0PAR1",
            b"\x1c" * 99 + b"\x30\0\0\0PAR1",
        ],
    )
    def test_footers_of_anything(self, content) -> None:
        with pytest.raises((ValueError, LookupError, TypeError)):
            list(columns(memoryview(content)))


FOOTERS = """
import sys
from pathlib import Path
from digitsmith.data import formats
from digitsmith.errors import DataError
file = Path(sys.argv[1], "train.parquet")
whole = file.read_bytes()
for place in range(len(whole) - 8 - int.from_bytes(whole[-8:-4], "little"), len(whole)):
    for change in (1, 0xFF):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
        try:
            formats.read(file)
        except DataError:
            pass
"""


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def bombs(folder: Path) -> list[Path]:
    """Small files that would take gigabytes."""
    names = ("idx", "npz", "columns", "page", "tile", "tar")
    idx, arrays, columns, page, tile, tar = places = [folder / name for name in names]
    for place in places:
        place.mkdir()
    zeros = gzip.compress(bytes(2**20), 9) * 2000  # 2 GB
    (idx / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", 2**21, 32, 32)) + zeros
    )
    with zipfile.ZipFile(arrays / "train.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("images.npy", npy())
        archive.writestr("labels.npy", npy("'<i8'", f"({2**24},)", bytes(2**27)))
        archive.writestr("classes.npy", npy("'<U16777216'", "(2,)", bytes(2**27)))
    table = pa.table({"image": [png()], "extra": [bytes(2**27)]})
    pq.write_table(table, columns / "train.parquet", compression="zstd", use_dictionary=False, write_statistics=False)
    pq.write_table(
        pa.table({"image": [png() + bytes(2**27)]}),
        page / "train.parquet",
        compression="zstd",
        write_statistics=False,
    )
    (tile / "some.tif").write_bytes(tiff(12_000))
    with tarfile.open(tar / "train-0.tar", "w", format=tarfile.PAX_FORMAT) as shard:
        info = tarfile.TarInfo("a.png")
        info.size, info.pax_headers = 0, {"comment": "x" * 2**27}
        shard.addfile(info)
    return places


MEASURE = """
import resource, sys
from pathlib import Path
import pyarrow.parquet
from digitsmith.data import formats
from digitsmith.errors import DataError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for place in sys.argv[1:]:
    try:
        formats.read(Path(place))
    except DataError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_small_files_do_not_take_much_memory(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, bombs(tmp_path))], capture_output=True, text=True, check=True
    )
    *messages, most = done.stdout.splitlines()
    assert len(messages) == 5  # of one the column that would is not read
    assert int(most) < 100  # MB
    assert done.stderr == ""


class TestLimits:
    def test_large_data_sets_pass(self) -> None:
        for shape, stored in (
            ((10**6, 28, 28), 784 * 10**6),
            ((240_000, 28, 28), 50 * 10**6),
            ((10**5, 64, 64, 3), 10**9),
        ):
            limits.check_images("it", shape, stored)

    @pytest.mark.parametrize(
        ("shape", "stored", "message"),
        [
            ((10**7, 28, 28), 784 * 10**7, "7,840,000,000 bytes, decompressed: at most 4,294,967,296 in all"),
            ((2 * 10**6, 28, 28), 9 * 10**6, "1,568,000,000 bytes.*at most 1,073,741,824 from a file of 9,000,000"),
            ((1, 1025, 1024), 10**6, "1025x1024, too large"),
            ((2**32, 1, 1), 10**6, "274,877,906,944 bytes"),
            ((5, 0, 8), 10, "nothing in them"),
        ],
    )
    def test_what_is_too_large_is_told_with_what_is_allowed(self, shape, stored, message) -> None:
        with pytest.raises(DataError, match=message):
            limits.check_images("it", shape, stored)

    def test_scaling_is_bounded_too(self, tmp_path) -> None:
        np.savez_compressed(tmp_path / "train.npz", images=np.zeros((10**5, 1, 1), np.uint8))
        with pytest.raises(DataError, match="claims 100,000 images of 1,638,400,000 bytes"):
            load_dataset(tmp_path, resize=(128, 128))

    def test_many_small_image_files(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(limits, "FREE_BYTES", 2**20)
        for i in range(3):
            (tmp_path / f"{i}.png").write_bytes(png(1000))
        refused(tmp_path, "claims 2 images of 2,000,000 bytes")


class TestPaths:
    @pytest.mark.parametrize(
        "source",
        ["a\0b", "./a\0b", "x" * 5000, "./" + "x" * 5000, "a/" * 3000,
         "\udce9", "./\udce9", "/dev/zero", "/dev/null", "loop",
         "./loop", "pipe", "pipe.npz", "./\x1b[31m", "", ":", ":test", "digits:", "digits:val", "~", "//", "nul:train"],
    )  # fmt: skip
    def test_paths_of_anything(self, tmp_path, monkeypatch, source) -> None:
        monkeypatch.chdir(tmp_path)
        Path("loop").symlink_to("loop")
        for name in ("pipe", "pipe.npz"):
            os.mkfifo(name)
        with pytest.raises(DataError) as caught:
            load_dataset(source)
        assert str(caught.value).isprintable()
        if "/" not in source:
            assert len(str(caught.value)) < 400

    @pytest.mark.parametrize("name", ["train.npz", "a.npz", "train.parquet", "train-images-idx3-ubyte", "train-0.tar"])
    def test_a_folder_with_the_name_of_a_file(self, tmp_path, name) -> None:
        (tmp_path / name).mkdir()
        refused(tmp_path)
        refused(tmp_path / name)

    def test_undecodable_names_are_read(self, tmp_path) -> None:
        folder = tmp_path / os.fsdecode(b"r\xe9sum")
        formats.write(Dataset(IMAGES), folder, "npz")
        assert len(load_dataset(folder)) == 2

    def test_there_is_no_third_split(self, tmp_path) -> None:
        formats.write(Dataset(IMAGES), tmp_path / "made", "npz")
        for act in (
            lambda: load_dataset(tmp_path / "made", "val"),
            lambda: formats.read(tmp_path / "made", "val"),
            lambda: formats.write(Dataset(IMAGES), tmp_path / "more", "npz", "val"),
            lambda: digitsmith.generate(tmp_path / "more", 3, split="val", progress=False),
        ):
            with pytest.raises(ConfigError, match="no split 'val'") as caught:
                act()
            assert caught.value.parameter == "split"
        assert not (tmp_path / "more").exists()

    @pytest.mark.parametrize("resize", [28, (28,), (28, 28, 28), (28.0, 28), ("28", "28"), (np.nan, 28), "28x28"])
    def test_a_size_of_anything(self, resize) -> None:
        with pytest.raises(ConfigError, match="use sides from 8 to 128") as caught:
            load_dataset("digits", resize=resize)
        assert caught.value.parameter == "resize"


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import OutputError
noise = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a limit that stands in for a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
for format in sys.argv[2:]:
    try:
        formats.write(Dataset(noise, np.arange(1000) % 10, tuple("0123456789")), Path("made"), format)
    except OutputError as error:
        print(error)
"""


@pytest.mark.parametrize("room", [300, 5_000, 100_000])
def test_a_full_disk_is_said_alike_by_all_formats(tmp_path, room) -> None:
    names = [name for name in FORMATS if name != "png" or room < 300]  # a file for each image: none is so large
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(room), *names], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr == ""
    messages = done.stdout.splitlines()
    assert len(messages) == len(names)
    assert all("File too large" in message and "Nothing was left half-written" in message for message in messages)
    assert not list(tmp_path.iterdir())
