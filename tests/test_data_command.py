"""`digitsmith data SOURCE`: what people see of their own files before they train on them."""

import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from conftest import refused
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.grid import GAP
from digitsmith.errors import DataError
from digitsmith.records.run import Run

Show = Callable[..., str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: its code, and what it said on both streams, lines as long as they are."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def show(run: Callable[..., tuple[int, str, str]]) -> Show:
    """Runs `digitsmith data`, which must work: all that it said, without columns."""

    def show(*words: object) -> str:
        code, out, err = run("data", *words)
        assert code == 0, err
        return re.sub(r" +", " ", err + out)

    return show


def png(image: np.ndarray, mode: str = "L") -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).convert(mode).save(content, "PNG")
    return content.getvalue()


def scans(digits: Dataset, count: int = 60) -> Path:
    """Images of dark ink on white paper in one folder, some of a palette and some in colour, with a table of labels."""
    Path("scans/img").mkdir(parents=True)
    assert digits.labels is not None
    rows = ["image,label"]
    for i in range(count):
        Path(f"scans/img/{i}.png").write_bytes(png(255 - digits.images[i], "P" if i % 3 else "RGB"))
        rows.append(f"img/{i}.png,{digits.labels[i]}")
    Path("scans/dataset.csv").write_text("\n".join(rows) + "\n")
    return Path("scans")


def class_folders(images: np.ndarray, names: list[str], per_class: int, *parts: str) -> None:
    """So many images in a folder for each name."""
    for place, name in enumerate(names):
        folder = Path(*parts, name)
        folder.mkdir(parents=True)
        for i in range(per_class):
            (folder / f"{i}.png").write_bytes(png(images[place * per_class + i]))


def command_in(said: str) -> list[str]:
    """The words of the command that it ends with."""
    words = shlex.split(said.partition("Next, train a generator on them:\n")[2].splitlines()[0])
    assert words[0] == "digitsmith"
    return words[1:]


def test_a_folder_of_scans_with_a_table(digits: Dataset, show: Show) -> None:
    source = scans(digits)
    said = show(source)
    for line in (
        "scans/dataset.csv: dark ink on bright paper; images were inverted.",
        "layout images named in dataset.csv, columns image, label",
        "images 60 to train on",
        "size 28x28, grey",
        "pixels 40 palette, 20 colour",
        "ink dark on bright paper: inverted",
    ):
        assert line in said
    counts = np.bincount(digits.labels[:60])
    assert all(f"\n{digit} {count}" in said for digit, count in enumerate(counts))
    with Image.open("scans-sheet.png") as sheet:
        side = 28 + GAP
        assert sheet.format == "PNG"
        assert sheet.size == (2 * (10 * side + GAP), 2 * (10 * side + GAP))
        corner = np.asarray(sheet)[::2, ::2][GAP : GAP + 28, GAP : GAP + 28]
    assert np.array_equal(corner, digits.images[:60][digits.labels[:60] == 0][0])
    assert command_in(said) == ["train", "residual", "--from", "mnist", "--data", "scans", "--out", "runs/scans"]
    assert {path.name for path in Path().iterdir()} == {"scans", "scans-sheet.png"}


def test_class_folders_with_splits_and_what_systems_leave(digits: Dataset, show: Show) -> None:
    class_folders(digits.images, ["1", "2", "10"], 3, "mine", "Train")
    class_folders(digits.images[9:], ["1", "2", "10", "eleven"], 2, "mine", "test")
    Path("mine/__MACOSX").mkdir()
    Path("mine/Train/1/Thumbs.db").write_bytes(b"x")
    Path("mine/Train/1/notes.txt").write_text("x")
    said = show("mine", "--sheet", "look.png")
    assert "images 9 to train on; 8 to test on" in said
    assert "\nclass train test\n1 3 2\n2 3 2\n10 3 2\neleven 0 2\n" in said
    assert re.search(r"ignored .*: 1", said)
    assert Path("look.png").is_file()
    assert not Path("mine-sheet.png").exists()


def test_a_sheet_never_lies_among_the_images(digits: Dataset, show: Show, run, monkeypatch: pytest.MonkeyPatch) -> None:
    class_folders(digits.images, ["1", "2"], 3, "mine")
    before = sorted(Path("mine").rglob("*"))
    assert "would lie among the images" in run("data", "mine", "--sheet", "mine/1/look.png")[2]
    assert "let its name end in .png" in run("data", "mine", "--sheet", "look.jpg")[2]
    monkeypatch.chdir("mine")
    for _ in range(2):
        show(".")
    show("1/..")
    show(".:train")
    monkeypatch.chdir("2")
    show("..")
    monkeypatch.chdir("..")
    monkeypatch.chdir("..")
    assert sorted(Path("mine").rglob("*")) == before
    assert Path("mine-sheet.png").is_file()
    monkeypatch.chdir(scans(digits))
    show("dataset.csv")
    assert not Path("dataset-sheet.png").exists()
    monkeypatch.chdir("..")
    assert Path("dataset-sheet.png").is_file()
    np.savez("arrays.npz", images=digits.images[:9], labels=np.arange(9) % 3)
    show("arrays.npz")
    assert Path("arrays-sheet.png").is_file()


def test_images_without_labels_or_of_one_class_go_to_a_model_without(digits: Dataset, show: Show) -> None:
    Path("bare").mkdir()
    for i in range(12):
        Path(f"bare/{i}.png").write_bytes(png(digits.images[i]))
    said = show("bare")
    assert "\nwithout a label 12" in said
    assert "\nLook at bare-sheet.png: as the images are read." in said
    assert command_in(said)[:2] == ["train", "gan"]
    class_folders(digits.images, ["7"], 5, "sevens")
    assert command_in(show("sevens"))[:2] == ["train", "gan"]


def test_one_bad_image_is_named_or_left_out(digits: Dataset, show: Show, run) -> None:
    class_folders(digits.images, ["a", "b"], 6, "mine")
    Path("mine/b/3.png").write_bytes(b"no image")
    code, _, err = run("data", "mine")
    assert code == 2
    assert "mine/b/3.png" in err
    assert "--skip-bad" in err
    assert not Path("mine-sheet.png").exists()
    said = show("mine", "--skip-bad")
    assert "mine/b/3.png" in said
    assert "images 11 to train on" in said
    assert "--skip-bad" in command_in(said)


def test_a_split_that_is_not_there_is_refused(digits: Dataset, run) -> None:
    class_folders(digits.images, ["a", "b"], 6, "mine/train")
    code, _, err = run("data", "mine:test")
    assert code == 2
    assert err == "digitsmith: SOURCE: mine has no test split, only train.\n"


def test_sizes_that_differ_are_framed(digits: Dataset, show: Show, run) -> None:
    class_folders(digits.images, ["a", "b"], 6, "mine")
    large = np.asarray(Image.fromarray(digits.images[3]).resize((40, 50)))
    Path("mine/a/0.png").write_bytes(png(large))
    code, _, err = run("data", "mine")
    assert code == 2
    assert "digitsmith: mine has images of two sizes: 11 of 28x28 (such as " in err
    said = show("mine", "--frame", "mnist")
    assert "as files 2 sizes from 28x28 to 50x40" in said
    assert "frame cropped to the ink" in said
    assert command_in(said)[-2:] == ["--frame", "mnist"]


def test_names_of_files_and_classes_are_only_text(digits: Dataset, show: Show) -> None:
    class_folders(digits.images, ["[red]a", "$(b)"], 3, "my scans")
    said = show("my scans")
    assert "[red]a 3" in said
    assert "$(b) 3" in said
    assert command_in(said)[4:6] == ["--data", "my scans"]


def test_a_file_or_a_name_is_shown_too(digits: Dataset, show: Show) -> None:
    np.savez("digits.npz", images=digits.images[:50], labels=digits.labels[:50])
    assert "images 50 to train on" in show("digits.npz")
    said = show("digits")
    assert "layout a named data set" in said
    assert "images 1,438 to train on; 359 to test on" in said
    assert "\n3 131 " in said


@pytest.mark.slow
def test_the_printed_command_trains(digits: Dataset, show: Show, run, micro_residual: Run) -> None:
    words = command_in(show(scans(digits)))
    words[words.index("mnist")] = str(micro_residual.folder)
    code, _, err = run(*words, "--set", "steps=2", "--set", "batch_size=32")
    assert code == 0, err
    assert "dark ink on bright paper" in err
    trained = Run(Path("runs/scans"))
    record = trained.read_record()
    assert (record.data.images, record.data.read.resize) == (60, (28, 28))
    assert digitsmith.load(trained.folder).sample([7]).shape == (1, 28, 28)


@pytest.mark.slow
def test_options_of_reading_keep_the_frame_of_the_pair(digits: Dataset, run) -> None:
    code, _, err = run(
        "train",
        "residual",
        "--from",
        "mnist",
        "--data",
        scans(digits),
        "--ink",
        "dark",
        "--out",
        "run",
        "--set",
        "steps=1",
    )
    assert code == 0, err
    read = Run(Path("run")).read_record().data.read
    assert (read.ink, read.frame, read.resize) == ("dark", "mnist", (28, 28))


def test_another_size_than_the_pairs_is_refused(digits: Dataset, run, micro_residual: Run) -> None:
    start = ["--from", micro_residual.folder, "--data", scans(digits), "--out", "run"]
    code, _, err = run("train", "residual", *start, "--resize", "32x32")
    assert code == 2
    assert "28x28" in err
    assert not Path("run").exists()


def test_the_name_of_a_column_is_refused_where_there_are_none(digits: Dataset) -> None:
    for format, layout in (("png", "class folders"), ("idx", "IDX.*"), ("webdataset", "WebDataset, 1 file")):
        formats.write(digits.take(slice(40)), Path(format), format)
        message = rf"digit: labels are in no column of {format} \({layout}\): leave this out"
        with refused(DataError, message, "label_column"):
            digitsmith.load_dataset(format, label_column="digit")
    with refused(DataError, "picture: images are in no column of digits", "image_column"):
        digitsmith.load_dataset("digits", image_column="picture")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "of two sizes: .* or scale them to one size. The option: --frame <mnist|tight>.\n"),
        (["--resize", "8x8", "--label-column", "x"], "digitsmith: --label-column: x: labels are in no column of sizes"),
    ],
)
def test_an_option_that_mends_is_named_whether_it_was_given_or_not(run, options: list[str], message: str) -> None:
    for side, name in ((20, "a"), (24, "b")):
        Path(f"sizes/{name}").mkdir(parents=True)
        Image.fromarray(np.full((side, side), 9, np.uint8)).save(f"sizes/{name}/0.png")
    code, _, said = run("data", "sizes", *options)
    assert code == 2
    assert re.search(message.replace("[", r"\[").replace("|", r"\|"), said)
