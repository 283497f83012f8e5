"""The study of written numbers, what it says, and what it is made of: a CRNN that learns to read, and pasted digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import digitsmith
from conftest import Told, refused
from digitsmith.cli import main
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.numbers.pasted import paste
from digitsmith.numbers.sources import FromDataset
from digitsmith.progress import Silent
from digitsmith.records.results import load_result
from digitsmith.records.written_numbers import NumbersCell, Reading, Teacher, WrittenNumbers
from digitsmith.studies import number_lines
from digitsmith.studies import written_numbers as studies
from digitsmith.studies.verdict import numbers_rows, numbers_verdicts
from digitsmith.training.readers.transcription import Line, TranscriptionRecipe, side_by_side, train_crnn, transcribe

TINY = replace(
    TranscriptionRecipe(), layers=((4, 4),), features=4, hidden=4, height=16, epochs=1, numbers=16, batch_size=8
)

LEARNS = replace(
    TINY, layers=((16, 4),), features=16, hidden=8, epochs=8, numbers=256, flat_steps=60, lr=1e-2, distorted=0.0
)
"""Learns to read two classes in seconds."""


@pytest.fixture
def source(digits: Dataset) -> str:
    """Real digits of two classes, of which it takes less to make numbers."""
    few = digits.take(np.flatnonzero(digits.labels < 2)[:60])
    np.savez("few.npz", images=few.images, labels=np.array(few.classes)[few.labels])
    return "few.npz"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of some steps, and few numbers to test on."""
    monkeypatch.setattr(studies, "RECIPE", TINY)
    monkeypatch.setattr(number_lines, "TESTED", 8)
    monkeypatch.setattr(number_lines, "LENGTHS", (2, 5))


@pytest.mark.usefixtures("short")
def test_the_study_tests_all_on_the_same_numbers_and_goes_on_after_a_kill(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, count = studies.train_crnn, 0

    def killed(*arguments, **named):
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return made(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(studies, "train_crnn", killed)
        with pytest.raises(KeyboardInterrupt):
            digitsmith.written_numbers(source, "numbers-few", seeds=2, arms=["real"], progress=False)
    so_far = load_result(Path("numbers-few/numbers.json"))
    assert isinstance(so_far, WrittenNumbers)
    assert [cell.key for cell in so_far.cells] == [(0, "written")]
    assert not so_far.complete
    with pytest.raises(SystemExit) as ended:
        main(["study", "numbers", source, "--seeds", "2"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "Difference: to written" in said
    assert "digitsmith report numbers-few" in said
    result = load_result(Path("numbers-few/numbers.json"))
    assert isinstance(result, WrittenNumbers)
    assert result.complete
    assert result.cells[0] == so_far.cells[0]
    arms = ["written", "real", "pasted"]
    assert [cell.key for cell in result.cells] == [(seed, arm) for seed in (0, 1) for arm in arms]
    tests = [(2, "light"), (5, "light"), (5, "off"), (5, "heavy")]
    assert [(row.digits, row.wear, row.arm) for row in result.rows] == [(*test, arm) for test in tests for arm in arms]
    page = digitsmith.write_report("numbers-few").read_text()
    assert "What written numbers teach a program that reads" in page
    assert "numbers written with real training digits" in page
    assert "digitsmith study numbers few.npz --arms written,real,pasted --wear light --model mnist --seeds 2" in page


def test_what_cannot_be_studied() -> None:
    with refused(ConfigError, "too few for a spread", "seeds"):
        digitsmith.written_numbers("digits", "study", seeds=1)
    with refused(ConfigError, "choose among written, real, pasted", "arms"):
        digitsmith.written_numbers("digits", "study", arms=["fonts"])
    with refused(ConfigError, "use off, light, heavy", "wear"):
        digitsmith.written_numbers("digits", "study", wear="torn")
    with refused(ConfigError, "0 is too few", "epochs"):
        digitsmith.written_numbers("digits", "study", epochs=0)
    np.savez("letters.npz", images=np.eye(28, dtype=np.uint8)[None].repeat(8, 0) * 255, labels=[*"abababab"])
    with refused(DataError, "share none", "source"):
        digitsmith.written_numbers("letters.npz", "study", progress=False)
    Path("study").mkdir()
    Path("study/notes").write_text("mine")
    with refused(OutputError, "is not empty"):
        digitsmith.written_numbers("digits", "study", progress=False)


def cells(arm: Teacher, accuracies: list[float]) -> list[NumbersCell]:
    return [
        NumbersCell(
            seed=seed, arm=arm, readings=(Reading(digits=5, wear="light", accuracy=value, character_error=1 - value),)
        )
        for seed, value in enumerate(accuracies)
    ]


def test_arms_are_compared_with_written_numbers_by_seed() -> None:
    rows = numbers_rows(
        [
            *cells("written", [0.90, 0.94, 0.98]),
            *cells("pasted", [0.50, 0.53, 0.56]),  # by 0.40, 0.41, 0.42: t is 4.303 for two degrees of freedom
        ],
        0.001,
    )
    written, pasted = rows
    assert (written.mean, written.deviation) == (pytest.approx(0.94), pytest.approx(0.04))
    assert (written.against, written.difference) == (None, None)
    assert pasted.difference == pytest.approx(-0.41)
    assert (pasted.low, pasted.high) == pytest.approx((-0.41 - 0.0248, -0.41 + 0.0248), abs=1e-4)
    assert pasted.character_error == pytest.approx(0.47)
    said = numbers_verdicts(rows, 5, "light")
    assert "reads 94.0 % of real numbers of 5 digits without a mistake" in said[0]
    assert "pasted side by side: -41.0 points (95 %: -43.5 to -38.5)" in said[1]


def lessons(digits: Dataset, count: int, seed: int) -> list[Line]:
    texts = ["".join(row) for row in np.random.default_rng(seed).choice(["0", "1"], (count, 2)).tolist()]
    return list(zip(paste(FromDataset(digits), texts, seed, 0, 16), texts, strict=True))


def test_a_crnn_learns_to_read_and_depends_on_the_seed_alone(digits: Dataset) -> None:
    learned = lessons(digits, LEARNS.numbers, 0)
    told = Told()
    crnn = train_crnn(lambda _: learned, "01", LEARNS, 0, told)
    assert told.updates[-1] == ("training a CRNN", 8, 8)
    others = lessons(digits, 100, 1)
    found = transcribe(crnn, [image for image, _ in others], "01")
    assert np.mean([text == right for text, (_, right) in zip(found, others, strict=True)]) > 0.8
    few = replace(TINY, epochs=1)
    first, same, other = (train_crnn(lambda _: learned[:16], "01", few, seed, Silent()) for seed in (0, 0, 1))
    assert all(map(torch.equal, first.parameters(), same.parameters()))
    assert not all(map(torch.equal, first.parameters(), other.parameters()))


def test_images_of_several_widths_are_seen_side_by_side_with_paper_at_the_right() -> None:
    narrow, wide = np.full((16, 3), 200, np.uint8), np.full((16, 9), 100, np.uint8)
    seen = side_by_side([narrow, wide]).numpy()
    assert seen.shape == (2, 1, 16, 12)
    assert (seen[0, 0, :, :3] == 55).all()
    assert (seen[0, 0, :, 3:] == 0).all()
    assert (seen[1, 0, :, :9] == 155).all()


def test_pasted_digits_are_those_of_the_source_and_depend_on_the_index_alone(digits: Dataset) -> None:
    source = FromDataset(digits)
    twice = paste(source, ["17", "403"], 3, 5, 28)
    assert [image.shape for image in twice] == [(28, 56), (28, 84)]
    assert (paste(source, ["403"], 3, 6, 28)[0] == twice[1]).all()
    fours = 255 - digits.images[digits.labels == 4]
    assert (twice[1][:, :28] == fours).all((1, 2)).any()
    assert paste(source, ["17"], 3, 5, 32)[0].shape == (32, 64)
