"""`write`: what is asked for is checked first; then a folder is written, whole, the same in parts, or not at all."""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from conftest import Told, refused
from digitsmith.config.style import Style, Wear, style_of
from digitsmith.data.formats import read_record
from digitsmith.errors import ConfigError, DataError, ModelError, OutputError
from digitsmith.numbers.annotations import ANNOTATIONS
from digitsmith.numbers.preview import draw_sheet
from digitsmith.numbers.texts import LOCALE, Lines, fixed, read_lines
from digitsmith.numbers.written import Written
from digitsmith.records.dataset import NumbersRecord
from fake_numbers import ALPHABET, an_entry, fake_compose
from tiny_models import a_model


class FakePen:
    """Writes in no time what it is given, unless it has a character or a length that it does not know."""

    passed_over: tuple[str, ...] = ()
    paper_sha256 = ""

    def why_not(self, character: str) -> str:
        return "" if character in {*ALPHABET, " "} else "it is unknown."

    def check(self, text: str) -> None:
        if len(text) > 20:
            raise ConfigError(f"{text!r} is too long for the width.", parameter="width")

    def write(self, texts: Sequence[str], start: int) -> list[Written]:
        for text in texts:
            self.check(text)
        return fake_compose(texts, start)


@pytest.fixture
def fake_pen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitsmith.numbers.write.composer", lambda *_: FakePen())


def write(folder: str = "made", **options: object) -> Path:
    return digitsmith.write(folder, model=a_model(), progress=False, **options)


def record_of(folder: Path) -> NumbersRecord:
    record = read_record(folder)
    assert record is not None
    assert record.numbers is not None
    return record.numbers


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is asked for.


def lines(content: bytes) -> Lines:
    Path("lines.txt").write_bytes(content)
    return read_lines(Path("lines.txt"))


def test_lines_take_turns() -> None:
    texts = lines("\ufeff12\r\n3,50 €\r\n7\r\n".encode())
    assert [texts.of(i) for i in range(5)] == ["12", "3,50 €", "7", "12", "3,50 €"]
    assert (len(texts), texts.longest, texts.characters) == (3, 6, "123,50 €7")
    assert [texts.where(c) for c in "17€"] == [
        "line 1, '12', has '1' (character 1)", "line 3, '7', has '7' (character 1)",
        "line 2, '3,50 €', has '€' (character 6)",
    ]  # fmt: skip
    assert lines(b"9").of(3) == "9"
    assert lines("7\n8".encode("utf-16")).of(1) == "8"


def test_empty_lines_are_passed_over_and_others_keep_their_numbers() -> None:
    texts = lines(b"\n12\n  \n\n345\n\n\n")
    assert [texts.of(i) for i in range(3)] == ["12", "345", "12"]
    assert [texts.origin(i) for i in range(3)] == ["line 2", "line 5", "line 2"]
    assert texts.passed_over == 3
    assert texts.where("3") == "line 5, '345', has '3' (character 1)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has no text"),
        (b"\n \n", "it has no text"),
        (b"1\n2\n 3\n", "line 3 begins or ends with a space"),
        (b"1\n2 \n3\n", "line 2 begins or ends with a space"),
        (b"1\n" + b"2" * 65, "line 2 is longer than 64 characters"),
        (b"1\n\n" + b"2" * 65, "line 3 is longer than 64 characters"),
        (b"\x89PNG\r\n", "it is a picture or another file that is no text"),
        (b"\xff\xfe1", "it is a picture or another file that is no text"),
        (b"1\0", "it is a picture or another file that is no text"),
    ],
)
def test_lines_that_cannot_be_written_are_named(content: bytes, message: str) -> None:
    with refused(DataError, rf"lines\.txt cannot be read \(.*{message}.*\): give a text file with a number in each"):
        lines(content)


def test_a_line_of_wide_characters_may_be_as_long_as_others() -> None:
    assert lines(("€" * 64).encode()).longest == 64


def test_one_text() -> None:
    assert fixed("90210").of(7) == "90210"
    for text, message in (("", "it has no text"), ("1\n2", "several lines"), ("1" * 65, "longer"), (" 1", "a space")):
        with refused(ConfigError, f"cannot be written: .*{message}", "text"):
            fixed(text)


@pytest.mark.parametrize(
    ("options", "kind", "message", "parameter"),
    [
        ({}, ConfigError, "say what to write: a text, a pattern", ""),
        ({"text": "1", "pattern": "#"}, ConfigError, "together with text", "pattern"),
        ({"kind": "date", "from_file": "x"}, ConfigError, "together with kind", "from_file"),
        ({"pattern": "##"}, ConfigError, "say how many numbers: a pattern has no end", "count"),
        ({"kind": "date"}, ConfigError, "say how many numbers: a kind has no end", "count"),
        ({"kind": "dates", "count": 1}, ConfigError, "there is no kind 'dates'", "kind"),
        ({"kind": "date", "locale": "xx", "count": 1}, ConfigError, "'xx' is not known", "locale"),
        ({"text": "1", "locale": "de-DE"}, ConfigError, "it is for kinds of numbers", "locale"),
        ({"pattern": "#{2", "count": 1}, ConfigError, "at character 2", "pattern"),
        ({"text": "1", "count": 0}, ModelError, "0 is too few", "count"),
        ({"text": "1", "count": 1.5}, ConfigError, "1.5 is no whole number", "count"),
        ({"text": "1", "shard": (3, 2)}, ConfigError, "3/2 does not exist", "shard"),
        ({"text": "1", "seed": -1}, ConfigError, "-1 is out of range", "seed"),
        ({"text": "1", "annotations": ["voc"]}, ConfigError, "there are no annotations 'voc'", "annotations"),
        ({"text": "1", "image_format": "bmp"}, ConfigError, "'bmp' is not known: use png or jpeg", "image_format"),
        ({"text": "12£"}, ConfigError, "'12£' has '£'", "text"),
        ({"pattern": "##£##", "count": 2}, ConfigError, r"at character 3 \(##»£##\): it is unknown", "pattern"),
        ({"pattern": "#[1-3£]", "count": 2}, ConfigError, r"at character 2 \(#»\[1-3£\]\): it is unknown", "pattern"),
        ({"pattern": "#{30}", "count": 2}, ConfigError, "too long for the width", "width"),
        ({"kind": "postcode", "locale": "en-GB", "count": 1}, ConfigError, "postcode, en-GB, may have 'A'", "kind"),
        ({"from_file": "none.txt"}, DataError, r"none\.txt cannot be read \(No such file", ""),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_before_anything_is_written(
    options: dict[str, object], kind: type, message: str, parameter: str, fake_pen: None
) -> None:
    with refused(kind, message, parameter):
        write(**options)
    assert not list(Path().iterdir())


def test_a_character_in_a_file_is_shown_in_its_line(fake_pen: None) -> None:
    Path("lines.txt").write_text("1\n" * 5000 + "\n2£\n", encoding="utf-8")
    with refused(ConfigError, r"line 5,002, '2£', has '£' \(character 2\): it is unknown", "from_file"):
        write(from_file="lines.txt")


def test_a_line_that_is_too_long_is_named(fake_pen: None) -> None:
    Path("lines.txt").write_text(f"1\n\n{'2' * 30}\n", encoding="utf-8")
    with refused(ConfigError, "line 3: '2{30}' is too long for the width", "width"):
        write(from_file="lines.txt")


def test_what_is_passed_over_is_said(fake_pen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told, notes, wrong = Told(), list[str](), [f"{i}.png is small." for i in range(7)]
    monkeypatch.setattr(told, "note", notes.append)
    monkeypatch.setattr(FakePen, "passed_over", property(lambda _: wrong[: 6 + bool(told.updates)]))
    Path("lines.txt").write_text("1\n\n2\n", encoding="utf-8")
    digitsmith.write("made", from_file="lines.txt", model=a_model(), progress=told)
    assert notes == [
        "lines.txt: empty lines are passed over, 1 in all.",
        "Paper that is passed over: 0.png is small. 1.png is small. 2.png is small. 3.png is small. 4.png is small. "
        "And 1 more.",
        "Paper that is passed over: 6.png is small.",
    ]


def test_a_model_without_classes_is_refused() -> None:
    with refused(ModelError, "unconditional", "model"):
        digitsmith.write("made", text="1", model=a_model(classes=()), progress=False)
    with refused(ConfigError, "'13' has '3'", "text"):
        digitsmith.write("made", text="13", model=a_model(classes=("0", "1")), progress=False)
    assert not list(Path().iterdir())


def test_a_folder_in_a_file_is_refused(fake_pen: None) -> None:
    Path("notes.txt").write_text("mine")
    for place in "notes.txt/made", "notes.txt/deep/made":
        with refused(OutputError, f"{place} leads through notes.txt, which is a file: choose another place"):
            write(place, text="1")


def test_an_existing_folder_is_left_alone(fake_pen: None) -> None:
    Path("made").mkdir()
    Path("made/mine.txt").write_text("mine")
    with refused(OutputError, "made exists and is not empty"):
        write(text="1")
    assert contents(Path("made")) == {"mine.txt": b"mine"}


# What is written.


def test_a_folder_says_what_it_is(fake_pen: None) -> None:
    style, model, told = Style(layout="comb", wear="heavy", ink=("blue", "black")), a_model(), Told()
    folder = digitsmith.write(
        "made", kind="date", count=70, seed=3, model=model, style=style, annotations=["coco"], progress=told
    )
    assert folder == Path("made")
    assert sorted(entry.name for entry in folder.iterdir()) == ["coco.json", "dataset.json", "images", "preview.png"]
    assert len(list((folder / "images").iterdir())) == 70
    assert record_of(folder) == NumbersRecord(
        kind="date", locale=LOCALE, model="tiny", model_sha256=model.sha256, trained_on="scans", seed=3, count=70,
        style=style, annotations=("coco",), characters=ALPHABET,
    )  # fmt: skip
    assert told.updates[-1] == ("writing numbers", 70, 70)


def test_count_is_that_of_the_lines(fake_pen: None) -> None:
    assert record_of(write(text="1")).count == 1
    Path("lines.txt").write_text("1\n22\n333\n", encoding="utf-8")
    record = record_of(write("all", from_file=Path("lines.txt")))
    assert (record.count, record.from_file) == (3, "lines.txt")
    assert record.file_sha256 == lines(b"1\n22\n333").sha256
    write("more", from_file="lines.txt", count=5)
    written = Path("more/labels.txt").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ")[2] for line in written] == ["1", "22", "333", "1", "22"]


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_image_formats(image_format: str, fake_pen: None) -> None:
    folder = write(text="12", count=2, image_format=image_format, annotations=ANNOTATIONS)
    name = {"png": "images/00000001.png", "jpeg": "images/00000001.jpg"}[image_format]
    with Image.open(folder / name) as image:
        assert image.format == image_format.upper()
    assert (folder / "labels.txt").read_text().splitlines()[1] == f"{name} 12"


def test_parts_are_the_whole() -> None:
    """With the numbers of the model in the box: image i depends on the seed and i alone."""
    options = {"pattern": "[159]{1,3}-9", "count": 9, "seed": 5, "annotations": ANNOTATIONS, "progress": False}
    options["model"] = digitsmith.load()
    whole = contents(digitsmith.write("whole", **options))
    parts = [contents(digitsmith.write(f"part-{i}", shard=(i, 3), **options)) for i in (1, 2, 3)]
    images = [name for name in whole if name.startswith("images/0")]
    assert len(images) == 3 * 9  # with the two of tesseract
    assert len({whole[name] for name in images if name.endswith(".png")}) == 9
    for name in (*images, *(name for name in whole if name.startswith("labels/"))):
        assert [part[name] for part in parts if name in part] == [whole[name]]
    for name in ("labels.txt", "images/metadata.jsonl", "paddle/rec_gt.txt", "paddle/det_gt.txt"):
        assert b"".join(part[name] for part in parts) == whole[name]
    coco = [json.loads(each["coco.json"]) for each in (whole, *parts)]
    for key in ("images", "annotations"):
        assert coco[0][key] == [one for part in coco[1:] for one in part[key]]
    assert all(part["categories"] == coco[0]["categories"] for part in coco)
    assert [record_of(Path(f"part-{i}")).first for i in (1, 2, 3)] == [0, 3, 6]


def test_a_fault_on_the_way_leaves_nothing(fake_pen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitsmith.numbers.write._LOOKED_AT", 100)
    Path("lines.txt").write_text("1\n" * 150 + "1" * 30, encoding="utf-8")  # too late to be looked at before
    with refused(ConfigError, "too long for the width", "width"):
        write(from_file="lines.txt", annotations=ANNOTATIONS)
    assert [entry.name for entry in Path().iterdir()] == ["lines.txt"]


def test_a_full_disk_leaves_nothing(fake_pen: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import lmdb

    def fail(*_: object, **__: object) -> None:
        error = lmdb.DiskError("no space")
        error.code = errno.ENOSPC
        raise error

    monkeypatch.setattr(lmdb, "open", lambda *_, **__: type("Full", (), {"begin": fail, "close": lambda _: None})())
    with refused(OutputError, f"cannot write made: {os.strerror(errno.ENOSPC)}; free some space"):
        write(text="12", count=100, annotations=["coco", "lmdb"])
    assert not list(Path().iterdir())


def test_the_preview_shows_boxes_around_the_ink() -> None:
    entry = an_entry("12", 0)
    sheet = draw_sheet([entry])
    for place, colour in ((0, (220, 20, 60)), (1, (0, 110, 255))):
        rows, columns = np.nonzero((sheet == colour).all(-1))
        box = entry.boxes[place]
        assert columns.max() - columns.min() == 2 * (box.right - box.left) + 1
        assert rows.max() - rows.min() == 2 * (box.bottom - box.top) + 1
    assert len(draw_sheet([an_entry("1234567890", i) for i in range(80)])) < 2000


def test_a_folder_of_numbers_is_no_data_set_of_digits(fake_pen: None) -> None:
    for annotations in (["labels"], ["webdataset"]):
        write(annotations[0], text="12", count=3, annotations=annotations)
        with refused(DataError, "holds images of whole numbers"):
            digitsmith.load_dataset(f"./{annotations[0]}")


def test_a_record_that_is_no_style_names_its_file(fake_pen: None) -> None:
    record = write(text="1") / "dataset.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"height": 64', '"height": 4'), encoding="utf-8")
    with refused(DataError, r"dataset\.json cannot be read \(numbers\.style: .*height: Input should be greater"):
        digitsmith.load_dataset("./made")


def test_a_style_may_be_some_of_its_values(tmp_path: Path) -> None:
    values = {"layout": "comb", "ink": "blue, black", "wear": "off", "skew": 5}
    styled = style_of(values)
    assert styled == Style(layout="comb", ink=("blue", "black"), wear=Wear(skew=5.0))
    digitsmith.write(tmp_path / "both", text="5", style=values, annotations="coco,labels", progress=False)
    assert {"coco.json", "labels.txt"} <= {entry.name for entry in (tmp_path / "both").iterdir()}
    for wrong, parameter, match in (
        ({"colour": "blue"}, "colour", "Extra inputs"), ({"wear": "much", "skew": 1.0}, "wear", "is none: use off"),
    ):  # fmt: skip
        with refused(ConfigError, match, parameter):
            style_of(wrong)
