"""What is said of files that are read: answers and refusals, ink of both kinds, and what folders say."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import digitsmith
from conftest import refused
from digitsmith.answers import files
from digitsmith.answers.files import Answer
from digitsmith.answers.read import _Sheet
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError
from digitsmith.models.reader import VERDICTS, _judge


@pytest.fixture(scope="module")
def made() -> Dataset:
    """Two digits of each class."""
    model = digitsmith.load()
    labels = np.arange(20) % 10
    return Dataset(model.sample(labels, seed=4), labels, model.record.classes)


def answers_of(*subjects: str | Path, **asked: Any) -> list[Answer]:
    answers: list[Answer] = []
    digitsmith.read(subjects, told=answers.append, progress=False, **asked)
    return answers


def save(image: np.ndarray[Any, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def test_ink_of_both_kinds_in_a_folder_is_read_file_by_file(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    for i, image in enumerate(made.images):
        save(image if i % 2 else 255 - image, Path(f"scans/{i:02}.png"))
    assert made.labels is not None
    found = [int(answer.likeliest) for answer in answers_of("scans")]
    assert (np.array(found) == made.labels).sum() >= 19
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "scans"])
    assert "each is read as what it is" in capsys.readouterr().err


def test_files_after_the_first_thousand_may_have_other_ink(
    made: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "_AT_ONCE", 10)
    for i, image in enumerate(made.images):
        save(image if i < 10 else 255 - image, Path(f"scans/{i:02}.png"))
    assert made.labels is not None
    found = [int(answer.likeliest) for answer in answers_of("scans")]
    assert (np.array(found) == made.labels).sum() >= 19
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "scans"])
    assert "each is read as what it is" in capsys.readouterr().err


def test_folders_named_as_all_digits_say_what_their_files_show(made: Dataset) -> None:
    assert made.labels is not None
    for i, (image, label) in enumerate(zip(made.images, made.labels, strict=True)):
        save(image, Path(f"scans/{label}/{i}.png"))
    assert all(answer.truth == Path(answer.name).parent.name for answer in answers_of("scans"))
    count = digitsmith.read("scans", progress=False)
    assert count.labelled == 20
    assert count.right >= 19
    for file in Path("scans/7").iterdir():
        file.unlink()
    assert {answer.truth for answer in answers_of("scans")} == {""}  # pages with numbers for names, it may be


def test_what_was_made_of_some_classes_says_what_its_files_show() -> None:
    digitsmith.generate("some", 6, labels=[0, 7], format="png", progress=False)
    assert [answer.truth for answer in answers_of("some")] == ["0", "0", "0", "7", "7", "7"]
    for other in ("no record of ours", '{"classes": ["0", "7"]}'):  # whose folders may be of writers
        Path("some/dataset.json").write_text(other)
        assert {answer.truth for answer in answers_of("some")} == {""}


def test_a_table_beside_images_is_named(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    save(made.images[3], Path("scans/three.png"))
    Path("scans/labels.csv").write_text("image,label\nthree.png,3\n")
    digitsmith.read("scans")
    table = str(Path("scans/labels.csv"))
    assert f"If labels.csv says what the images show, read {table}: then it is said" in capsys.readouterr().err
    assert digitsmith.read(table, progress=False).right == 1


@pytest.mark.parametrize("subjects", ["", ["", "scans"]])
def test_an_empty_name_is_refused(subjects: str | list[str]) -> None:
    with refused(DataError, "an empty name is no file", "subjects"):
        digitsmith.read(subjects, progress=False)


def test_what_is_refused_has_no_label(made: Dataset) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    save(noise, Path("scans/noise.png"))
    save(made.images[3], Path("scans/three.png"))
    Path("scans/bad.png").write_bytes(b"no picture")
    digitsmith.read("scans", csv_file="a.csv", progress=False)
    rows = {Path(row["file"]).stem: row for row in csv.DictReader(Path("a.csv").open())}
    assert [rows["three"][column] for column in ("label", "likeliest", "verdict")] == ["3", "3", "read"]
    assert rows["noise"]["label"] == ""
    assert rows["noise"]["likeliest"] in made.classes
    assert (rows["bad"]["label"], rows["bad"]["likeliest"], rows["bad"]["verdict"]) == ("", "", "unreadable")


def test_lines_of_json_go_to_standard_output_alone(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["three.png", "3 \N{NARROW NO-BREAK SPACE}\u202e.png", "bad.png"]
    for name in names[:2]:
        save(made.images[3], Path(name))
    Path("bad.png").write_bytes(b"no picture")
    for place in ("answers", "-"):
        capsys.readouterr()
        with pytest.raises(SystemExit, match=r"^0$"):
            main(["read", *names, "--json", place, "--csv", "table", "--sheet", "sheet.png"])
    said, told = capsys.readouterr()
    assert said == Path("answers").read_text()
    assert [json.loads(line)["file"] for line in said.splitlines()] == names
    assert "2 of 3 images read" in told
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["read", *names, "--csv", "-"])
    assert "use --json -, or name a file" in capsys.readouterr().err
    assert not Path("-").exists()


def test_nothing_that_can_be_read_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["read", "bad.png", "--csv", "a.csv"])
    assert "none of these files is an image that can be read: bad.png" in capsys.readouterr().err
    assert not Path("a.csv").exists()


def test_answers_have_at_least_the_probability_that_is_asked_for(made: Dataset) -> None:
    reader = digitsmith.load_reader()
    usual, strict = reader.read(made.images), reader.read(made.images, min_probability=0.9999)
    assert 0 < strict.accepted.sum() < usual.accepted.sum()
    assert (strict.confidence[strict.accepted] >= 0.9999).all()
    for error in (0.002, 0.1):  # beside any promise, it only takes answers away
        promised = reader.read(made.images, error=error).accepted
        for least in (0.3, 0.5, 0.9):
            assert not (reader.read(made.images, error=error, min_probability=least).accepted & ~promised).any()
    with refused(ConfigError, "1.5 is no probability: give one from 0 to 1.", "min_probability"):
        reader.read(made.images, min_probability=1.5)


def test_a_verdict_follows_from_the_probabilities() -> None:
    probabilities = np.array([[0.9, 0.05], [0.5, 0.45], [0.38, 0.3], [0.2, 0.3], [0.9, 0.1]], np.float32)
    images = np.array([1, 1, 1, 1, 0], np.uint8)[:, None, None]
    thresholds = np.array([0.4, 0.4], np.float32)

    def verdicts(least: float, *these: float) -> list[str]:
        bars = np.array(these, np.float32) if these else thresholds
        return [VERDICTS[code] for code in _judge(probabilities, bars, images, least)]

    assert verdicts(0) == ["read", "two candidates", "unsure", "no digit", "empty"]
    assert verdicts(0, 0.1, 0.1) == ["read", "two candidates", "two candidates", "no digit", "empty"]
    assert verdicts(0, 0.1, 0.5) == ["read", "read", "read", "no digit", "empty"]
    assert verdicts(0.95) == ["unsure", "two candidates", "unsure", "no digit", "empty"]


def test_wrong_answers_are_marked_on_the_sheet(made: Dataset) -> None:
    wrong = np.roll(made.images, 1, axis=0)  # each shows another digit than its folder says
    for place, images in (("right", made.images), ("wrong", wrong)):
        for label, image in zip(made.classes, images, strict=False):
            save(image, Path(place, label, "image.png"))
        digitsmith.read(place, sheet=f"{place}.png", progress=False)
    amber = [(np.asarray(Image.open(f"{place}.png")) == (255, 190, 60)).all(2).any() for place in ("right", "wrong")]
    assert amber == [False, True]


def test_of_many_images_the_sheet_shows_those_to_look_at(made: Dataset) -> None:
    images = np.concatenate([np.repeat(made.images[:1], 420, axis=0), np.zeros((3, 28, 28), np.uint8)])
    formats.write(Dataset(images), Path("many"), "npz")
    tally = digitsmith.read("many", sheet="sheet.png", progress=False)
    assert tally.verdicts == {"read": 420, "empty": 3}
    sheet = np.asarray(Image.open("sheet.png"))
    cells = sheet.reshape(20, sheet.shape[0] // 20, 20, sheet.shape[1] // 20, 3)
    red = (cells == (255, 90, 90)).all(4).any((1, 3))
    assert red.sum() == 3
    assert red[-1, -3:].all()  # where they came: at the end


def test_a_sheet_keeps_images_and_not_the_many_that_they_are_a_part_of(made: Dataset) -> None:
    sheet = _Sheet()
    sheet.add(Answer("one", "1", 0.3, "unsure", image=made.images[0]))
    ((place, kept),) = sheet._doubtful
    assert place == 1
    assert kept.image is not None
    assert kept.image.base is None


def test_what_was_done_to_files_is_said(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scans").mkdir()
    for i, image in enumerate(made.images[:3]):
        levels = image.astype(np.uint16) << (4 if i else 8)  # the first has all 16 bits
        Image.fromarray(levels).save(f"scans/{i}.tif")
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "scans"])
    shown = capsys.readouterr()
    assert "3 of 3 images read" in shown.out
    assert "scans: 2 of 3 images were taken for images of 8, 10 or 12 bits" in shown.err


def test_files_that_are_no_images_are_named(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    save(made.images[3], Path("scans/three.png"))
    for name in ("labels.csv", "page.pdf"):
        Path("scans", name).write_text("file,label\nthree.png,3\n")
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "scans"])
    assert "scans: what is no image file is passed over: labels.csv, page.pdf." in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["read", "scans", "--label-column", "label"])
    assert "--label-column: scans is read file by file" in capsys.readouterr().err


def test_arrays_are_sent_to_the_reader(made: Dataset) -> None:
    with pytest.raises(DataError, match=r"load_reader\(\)\.read\(images\) reads arrays"):
        digitsmith.read(made.images)  # type: ignore[arg-type]
