"""The detector in the box: what it tells apart, what it gives no score, and where its scores are written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitsmith
from digitsmith.answers.files import Answer
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import DataError

LABELS = [i % 10 for i in range(300)]


@pytest.fixture(scope="module")
def made() -> Dataset:
    """Digits of the model in the box."""
    model = digitsmith.load()
    return Dataset(model.sample(LABELS, seed=3), np.array(LABELS), model.record.classes)


def scores_of(*subjects: str) -> list[float | None]:
    answers: list[Answer] = []
    digitsmith.read(subjects, machine_made=True, told=answers.append, progress=False)
    return [answer.machine_made for answer in answers]


def test_it_is_a_small_reader_of_two_classes_made_with_the_model_in_the_box() -> None:
    detector = digitsmith.load_detector()
    record = detector.record
    assert len(detector.content) <= 500_000
    assert (record.classes, record.image_size, record.channels) == (("handwritten", "machine-made"), (28, 28), 1)
    assert record.frame is None  # framing may scale, and scaling wipes out the traces
    assert record.training is not None
    assert record.training.generated is not None
    assert record.training.generated.sha256 == digitsmith.load().sha256
    assert [one.accuracy > 0.95 for one in record.measured] == [True, True]


def test_digits_of_the_box_are_told_from_handwritten_ones(made: Dataset, digits: Dataset) -> None:
    detector = digitsmith.load_detector()
    of_made = detector.read(made.images).probabilities[:, 1]
    of_written = detector.read(digits.images).probabilities[:, 1]
    assert (of_made > 0.5).mean() > 0.95
    assert (of_written > 0.5).mean() < 0.05
    moved = detector.read(np.roll(made.images, 1, 2)).probabilities[:, 1]
    assert (moved > 0.5).mean() > 0.9
    with pytest.raises(DataError, match="reads images of 28x28, not of 56x56"):
        detector.read(made.resize((56, 56)).images)


def test_files_are_scored_as_they_are_and_scaled_ones_not_at_all(made: Dataset) -> None:
    folder = Path("found")
    folder.mkdir()
    for i, image in enumerate(made.images[:12]):
        kind = Image.fromarray(255 - image)  # black on white paper
        (kind.convert("RGB") if i % 2 else kind).save(folder / f"{i:02}.png")
    Image.fromarray(255 - made.images[0]).resize((56, 56)).save(folder / "large.png")
    Image.fromarray(np.full((28, 28), 255, np.uint8)).save(folder / "white.png")
    (folder / "bad.png").write_bytes(b"no picture")
    count = digitsmith.read(
        folder, machine_made=True, verify="3", csv_file="a.csv", json_file="a.jsonl", progress=False
    )
    rows = {Path(row["file"]).stem: row["machine_made"] for row in csv.DictReader(Path("a.csv").open())}
    expected = digitsmith.load_detector().read(made.images[:12]).probabilities[:, 1]
    assert [float(rows[f"{i:02}"]) for i in range(12)] == pytest.approx(expected.tolist(), abs=1e-5)
    assert [rows[name] for name in ("large", "white", "bad")] == ["", "", ""]
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert list(lines[0]) == [
        "file",
        "label",
        "probability",
        "verdict",
        "likeliest",
        "truth",
        "error",
        "shows",
        "machine_made",
    ]
    assert [line["machine_made"] for line in lines if "large" in line["file"]] == [None]
    assert count.scored == 12
    assert count.suspect == (expected > 0.5).sum()


def test_data_sets_are_scored_before_they_are_framed_and_read_as_ever(made: Dataset) -> None:
    formats.write(made, Path("made"), "npz")
    plain: list[Answer] = []
    scored: list[Answer] = []
    digitsmith.read("made", told=plain.append, progress=False)
    digitsmith.read("made", machine_made=True, told=scored.append, progress=False)
    assert [(one.label, one.verdict, one.truth) for one in plain] == [(a.label, a.verdict, a.truth) for a in scored]
    assert [one.probability for one in plain] == [one.probability for one in scored]
    assert [one.machine_made for one in plain] == [None] * len(made)
    expected = digitsmith.load_detector().read(made.images).probabilities[:, 1]
    assert [one.machine_made for one in scored] == pytest.approx(expected.tolist(), abs=1e-5)


def test_data_sets_of_other_images_are_read_without_scores(made: Dataset) -> None:
    formats.write(made.take(slice(0, 20)).resize((40, 40)), Path("larger"), "npz")
    grey = made.images[:20]
    formats.write(Dataset(grey[..., None] // np.array([1, 2, 3], np.uint8)), Path("colour"), "npz")
    assert scores_of("larger", "colour") == [None] * 40


def test_the_command_says_the_score_and_that_it_is_no_proof(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(made.images[0]).save("one.png")
    Image.fromarray(made.images[0]).resize((90, 90)).save("two.png")
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "one.png", "two.png", "--machine-made"])
    shown = capsys.readouterr().out
    assert "machine-made 0." in shown
    assert "machine-made -" in shown
    assert "Of 1 of the images it is said how likely" in shown
    assert "That is no proof" in shown
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["read", "one.png"])
    assert "machine-made" not in capsys.readouterr().out
