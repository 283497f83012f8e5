"""The study of scarce data: its arms, its rule, what it keeps when it is killed, and what it says."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import digitsmith
from conftest import refused
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.records.cells import ArmKey, Cell
from digitsmith.records.results import load_result
from digitsmith.records.run import Run
from digitsmith.records.scarce import Scarce
from digitsmith.studies import scarce as studies
from digitsmith.studies.verdict import rows_of, verdicts_of
from digitsmith.training.gans import setup
from digitsmith.training.readers import mixing
from digitsmith.training.readers.self_training import METHOD


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a second."""
    recipe = mixing.Recipe(layers=((16, 4), (32, 2), (32, 1)), epochs=3, batch_size=32, lr=1e-2)
    monkeypatch.setattr(mixing, "RECIPE", recipe)
    monkeypatch.setattr(mixing, "MANY", dataclasses.replace(mixing.MANY, layers=recipe.layers))
    monkeypatch.setattr(mixing, "IMAGES", 1600)
    monkeypatch.setattr(mixing, "GENERATED", 500)
    monkeypatch.setattr(mixing, "EPOCHS_WITH_UNLABELLED", 3)
    monkeypatch.setattr(mixing, "AS_DISCRIMINATOR", dataclasses.replace(mixing.AS_DISCRIMINATOR, steps=5))
    monkeypatch.setattr(setup, "_STEPS_FROM_PAIR", {True: 3, False: 3})
    monkeypatch.setattr(setup, "_STEPS", {True: 3, False: 3})


@pytest.mark.slow
def test_digits_of_the_box_help_with_one_example_of_each_class() -> None:
    result = digitsmith.scarce("digits", "study", per_class=[0, 1], seeds=2, arms=["box"], progress=False)
    assert result.complete
    assert [(row.per_class, row.arm) for row in result.rows] == [(0, "box"), (1, "real"), (1, "box")]
    real, box, none = result.row(1, "real"), result.row(1, "box"), result.row(0, "box")
    assert real is not None
    assert box is not None
    assert none is not None
    assert none.mean > 0.3  # no example at all
    assert box.mean > real.mean
    assert box.difference == pytest.approx(box.mean - real.mean)
    assert len(result.cells) == 2 + 4
    assert result.protocol.read.frame == "mnist"
    assert load_result(Path("study/scarce.json")) == result


@pytest.mark.slow
def test_digits_of_other_classes_are_not_mixed_in(digits: Dataset) -> None:
    assert digits.labels is not None
    for split in ("train", "test"):  # every digit is called by another's name
        data = digitsmith.load_dataset("digits", split)
        assert data.labels is not None
        formats.write(Dataset(data.images, (data.labels + 3) % 10, data.classes), Path(f"other-{split}"), "npz", split)
    Path("other-test/test.npz").rename("other-train/test.npz")
    result = digitsmith.scarce("other-train", "study", per_class=[2], seeds=2, arms=["box"], progress=False)
    of_arm = {arm: [cell for cell in result.cells if cell.arm == arm] for arm in ("real", "box")}
    assert [cell.accuracy for cell in of_arm["box"]] == [cell.accuracy for cell in of_arm["real"]]
    assert all(cell.generated == 0 for cell in of_arm["box"])


@pytest.mark.slow
def test_a_killed_study_goes_on_with_what_is_finished(
    digits: Dataset, micro_residual: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write(digits.take(slice(600)), Path("some"), "npz")  # not all of those that the model was trained on
    monkeypatch.setattr(mixing, "IMAGES", 320)
    monkeypatch.setattr(mixing, "GENERATED", 50)
    exported = micro_residual.model.read_bytes()  # in place of an export of each, which takes the most time
    monkeypatch.setattr(
        "digitsmith.training.gans.train.export_state", lambda _, place, *__: place.write_bytes(exported)
    )
    options = {"per_class": [3], "seeds": 2, "model": micro_residual.folder, "progress": False}
    whole = digitsmith.scarce("some", "whole", **options)
    assert {cell.arm for cell in whole.cells} == {"real", "box", "scratch", "adapted", "both"}
    assert sorted(path.name for path in Path("whole").iterdir() if path.is_dir()) == [
        "adapted-3-0", "adapted-3-1", "scratch-3-0", "scratch-3-1"
    ]  # fmt: skip
    shutil.copytree("whole", "cut")
    shutil.rmtree("cut/adapted-3-1")
    whole.model_copy(update={"cells": whole.cells[:3], "complete": False}).save(Path("cut/scarce.json"))
    made, count = studies.train_classifier, 0

    def killed(*arguments, **named):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return made(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(studies, "train_classifier", killed)
        with pytest.raises(KeyboardInterrupt):
            digitsmith.scarce("some", "cut", **options)
    so_far = load_result(Path("cut/scarce.json"))
    assert isinstance(so_far, Scarce)
    assert 3 < len(so_far.cells) < len(whole.cells)
    assert not so_far.complete
    kept = Run(Path("cut/scratch-3-1")).record
    before = kept.stat().st_mtime_ns
    resumed = digitsmith.scarce("some", "cut", **options)
    assert resumed.cells == whole.cells
    assert kept.stat().st_mtime_ns == before  # it is not trained again
    page = digitsmith.write_report("cut/scarce.json").read_text()
    assert "with digits of the model adapted to the examples" in page
    assert page.count("Rows of real examples, each above a row of generated digits") == 2 + 1  # scratch, adapted
    assert "digitsmith study scarce some --per-class 3 --arms real,box,scratch,adapted,both --seeds 2" in page
    assert "layers 16 (stride 4), 32 (stride 2), 32 (stride 1)" in page
    with refused(OutputError, "holds a study of other images", "out"):
        digitsmith.scarce("some", "cut", **(options | {"model": "mnist"}))


def test_numbers_arms_and_seeds_are_added_to_a_study(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "IMAGES", 320)
    monkeypatch.setattr(mixing, "GENERATED", 50)
    first = digitsmith.scarce(few, "study", per_class=[1], seeds=2, arms=["real"], progress=False)
    more = digitsmith.scarce(few, "study", per_class=[2], seeds=3, arms=["box"], progress=False)
    assert [(row.per_class, row.arm, row.seeds) for row in more.rows] == [
        (1, "real", 3), (1, "box", 3), (2, "real", 3), (2, "box", 3)
    ]  # fmt: skip
    assert set(first.cells) <= set(more.cells)
    assert more.complete
    assert digitsmith.scarce(few, "study", per_class=[1], seeds=2, arms=["real"], progress=False) == more


@pytest.mark.slow
def test_images_without_labels_are_arms_of_their_own(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "IMAGES", 320)
    arms = ["unlabelled", "discriminator"]
    result = digitsmith.scarce(few, "study", per_class=[2], seeds=2, arms=arms, progress=False)
    assert [(row.per_class, row.arm) for row in result.rows] == [(2, "real"), (2, "unlabelled"), (2, "discriminator")]
    assert (result.protocol.steps_with_unlabelled, result.protocol.steps_as_discriminator) == (3 * 10, 5)
    assert "with the other images, without labels" in result.verdicts[0]
    assert "by a discriminator that is the classifier" in result.verdicts[1]
    assert [path.name for path in Path("study").iterdir()] == ["scarce.json"]
    assert "unlabelled" in digitsmith.write_report("study").read_text()


@pytest.mark.slow
def test_an_arm_that_is_done_in_another_way_begins_anew(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "IMAGES", 320)
    options = {"per_class": [2], "seeds": 2, "arms": ["unlabelled"], "progress": False}
    before = digitsmith.scarce(few, "study", **options)
    wrong = tuple(cell.model_copy(update={"accuracy": 0.0}) for cell in before.cells)
    before.model_copy(update={"cells": wrong}).save(Path("study/scarce.json"))
    monkeypatch.setattr(studies, "METHOD", "another way")
    after = digitsmith.scarce(few, "study", **options)
    assert (before.protocol.unlabelled, after.protocol.unlabelled) == (METHOD, "another way")
    assert [cell.accuracy for cell in after.cells if cell.arm == "real"] == [0.0, 0.0]  # as they were
    assert {cell for cell in after.cells if cell.arm != "real"} < set(before.cells)  # as they are, done in truth alike


def test_a_model_that_saw_the_labels_is_no_part_of_a_study_of_few(micro_residual: Run) -> None:
    model = str(micro_residual.folder)
    with refused(ConfigError, "was trained on all labels of these images, so box, adapted would say nothing", "arms"):
        digitsmith.scarce("digits", "study", model=model, arms=["box", "adapted", "scratch"])
    assert not Path("study").exists()


def test_what_cannot_be_studied(digits: Dataset) -> None:
    with refused(ConfigError, "too few for a spread", "seeds"):
        digitsmith.scarce("digits", "study", seeds=1)
    with refused(
        DataError, r"1000 of each class are too many: of the 1,438 images to draw from, 127 are of class 8", "per_class"
    ):
        digitsmith.scarce("digits", "study", per_class=[5, 1000])
    places = np.concatenate([np.flatnonzero(digits.labels == label)[:8] for label in range(10)])
    formats.write(digits.take(places), Path("even"), "npz")
    with refused(DataError, "4 of each class are all of the 40 images .* none is left to learn from", "per_class"):
        digitsmith.scarce("even", "study", per_class=[2, 4], arms=["unlabelled"])
    with refused(ConfigError, "give numbers of examples of each class", "per_class"):
        digitsmith.scarce("digits", "study", per_class=0, arms=["unlabelled"])  # nothing would be learned from nothing
    with refused(ConfigError, "give numbers", "per_class"):
        digitsmith.scarce("digits", "study", per_class=[])
    with refused(ConfigError, "choose among", "arms"):
        digitsmith.scarce("digits", "study", arms=["magic"])
    assert digits.labels is not None
    lone = np.flatnonzero(digits.labels == 1)[:1]
    some = digits.take(np.concatenate([np.flatnonzero(digits.labels == 0)[:5], lone]))
    formats.write(Dataset(some.images, np.array([0] * 5 + [1]), ("a", "b")), Path("lone"), "npz")
    with refused(DataError, "as half of all are kept to test on, 0 are of class b. Add images of it", "per_class"):
        digitsmith.scarce("lone", "study")
    formats.write(Dataset(digits.images[:100]), Path("bare"), "npz")
    with refused(DataError, "must be labelled", "source"):
        digitsmith.scarce("bare", "study")
    assert not Path("study").exists()


def cells(arm: ArmKey, per_class: int, accuracies: list[float]) -> list[Cell]:
    return [Cell(per_class=per_class, seed=seed, arm=arm, accuracy=a, generated=0) for seed, a in enumerate(accuracies)]


def test_rows_are_paired_by_seed_and_have_students_interval() -> None:
    rows = rows_of([*cells("real", 5, [0.80, 0.84, 0.88]), *cells("adapted", 5, [0.90, 0.93, 0.96])])
    real, adapted = rows
    assert (real.mean, real.difference) == (pytest.approx(0.84), None)
    assert adapted.difference == pytest.approx(0.09)
    half = 4.302653 * 0.01 / 3**0.5  # t of 0.975 with 2 degrees; the differences are 0.10, 0.09, 0.08
    assert adapted.low == pytest.approx(0.09 - half, abs=1e-6)
    assert adapted.high == pytest.approx(0.09 + half, abs=1e-6)


def test_verdicts_say_what_digits_are_worth_and_what_cannot_be_told() -> None:
    curve = [*cells("real", 5, [0.80, 0.81]), *cells("real", 10, [0.90, 0.91]), *cells("real", 20, [0.95, 0.96])]
    helped = verdicts_of(rows_of([*curve, *cells("box", 5, [0.925, 0.935])]))
    assert helped[0].startswith(
        "5 of each class: +12.5 points (95 %: +12.5 to +12.5) with digits of the model as it is"
    )
    assert helped[0].endswith("worth about 15 real examples of each class.")
    unclear = verdicts_of(rows_of([*curve, *cells("box", 5, [0.80, 0.83])]))
    assert "no help that can be told from chance" in unclear[0]
    harm = verdicts_of(rows_of([*curve, *cells("box", 5, [0.70, 0.71])]))
    assert "generated digits harm here" in harm[0]
    beyond = verdicts_of(rows_of([*curve, *cells("box", 5, [0.98, 0.99])]))
    assert "worth about more than 20 real" in beyond[0]


def test_a_study_of_before_is_shown_and_taken_up(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "IMAGES", 320)
    options = {"per_class": [1], "seeds": 2, "arms": ["real"], "progress": False}
    result = digitsmith.scarce(few, "study", **options)
    kept = json.loads(Path("study/scarce.json").read_text())
    for row in kept["rows"]:  # as they were before rows named what they are compared with
        for name in ("against", "p", "corrected"):
            del row[name]
    del kept["protocol"]["steps_as_discriminator"]
    Path("study/scarce.json").write_text(json.dumps(kept))
    assert "real examples only" in digitsmith.write_report("study").read_text()
    assert digitsmith.scarce(few, "study", **options).cells == result.cells


def test_examples_of_few_are_among_those_of_many(digits: Dataset) -> None:
    assert digits.labels is not None
    few, many = mixing.draw_examples(digits, 2, 7), mixing.draw_examples(digits, 5, 7)
    assert np.bincount(few.labels).tolist() == [2] * 10
    assert np.bincount(many.labels).tolist() == [5] * 10
    assert {image.tobytes() for image in few.images} <= {image.tobytes() for image in many.images}
    assert {image.tobytes() for image in few.images} != {
        image.tobytes() for image in mixing.draw_examples(digits, 2, 8).images
    }
