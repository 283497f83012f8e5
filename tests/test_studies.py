"""The study of usefulness: what is trained on what, and that its numbers mean what they say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import Source
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.images import Subject, open_subject
from digitsmith.evaluation.reference import load_real
from digitsmith.progress import Silent
from digitsmith.records.base import ReadOptions
from digitsmith.records.run import Run
from digitsmith.studies import tstr as studies
from digitsmith.training.readers.classifier import Recipe, classify
from digitsmith.training.readers.teaching import train_classifier
from tiny_models import a_model

LAYERS = ((16, 2), (32, 2), (64, 1))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a second or two."""
    monkeypatch.setattr(
        studies, "RECIPE", dataclasses.replace(studies.RECIPE, layers=LAYERS, epochs=1, batch_size=64, lr=1e-2)
    )
    monkeypatch.setattr(studies, "_LEAST_STEPS", 100)


@pytest.mark.slow
def test_real_images_that_pass_for_generated_ones_are_as_useful(digits: Dataset) -> None:
    result = studies.tstr(digits, "digits", count=1000, seeds=2)
    real, generated, filtered, reverse = result.arms
    assert [arm.key for arm in result.arms] == ["trtr", "tstr", "tstr_filtered", "trts"]
    assert generated.title == "Train on synthetic, test on real (TSTR)"
    assert (result.reference.title, result.held_out.title) == ("digits:train", "digits:test")
    assert (result.protocol.images, result.protocol.test_images, result.protocol.seeds) == (1000, 359, 2)
    assert real.mean > 0.8
    assert generated.mean == pytest.approx(real.mean, abs=0.1)
    assert reverse.mean > 0.8
    assert (real.images, generated.images) == (1000, 1000)
    assert filtered.images < 1000  # a data set cannot be asked for others in place of those left out
    assert real.difference is None
    assert generated.difference == pytest.approx(np.mean(np.subtract(generated.accuracies, real.accuracies)))
    assert generated.difference_error == pytest.approx(np.std(np.subtract(generated.accuracies, real.accuracies)) / 1)


@pytest.mark.slow
def test_wrong_labels_are_of_little_use_and_filtering_mends_it(digits: Dataset) -> None:
    assert digits.labels is not None
    labels = np.where(np.arange(len(digits)) % 2 == 0, digits.labels, (digits.labels + 1) % 10)
    result = studies.tstr(Dataset(digits.images, labels, digits.classes), "digits", seeds=2)
    arms = {arm.key: arm.mean for arm in result.arms}
    assert arms["tstr"] < arms["tstr_filtered"] - 0.1


def test_a_model_makes_as_many_images_of_each_label_as_are_real() -> None:
    data = load_real(Source("digits"), ReadOptions(), Silent())
    experiment = studies._Experiment(open_subject("mnist", Silent()), data, 300)
    real, generated = experiment.real, experiment.generated(3, Silent())
    assert (generated.labels == real.labels).all()
    filtered = experiment.filtered(3, Silent())
    assert len(filtered) == 300  # others were made in place of those left out
    assert (filtered.labels == real.labels).all()
    assert 200 < (filtered.images == generated.images).all((1, 2)).sum() < 300


def test_images_without_a_label_are_left_out(digits: Dataset) -> None:
    assert digits.labels is not None
    labels = np.where(np.arange(len(digits)) % 2 == 0, -1, digits.labels)
    some = Dataset(digits.images, labels, digits.classes)
    data = load_real(Source("digits"), ReadOptions(), Silent())
    data = dataclasses.replace(data, reference=some, held_out=some)
    experiment = studies._Experiment(Subject("some", some), data, None)
    for known in (experiment.real, experiment.test, experiment.generated(0, Silent())):
        assert len(known) == len(digits) // 2
        assert known.labels is not None
        assert known.labels.min() >= 0


def test_the_classes_of_test_images_are_told_by_name(digits: Dataset, tmp_path: Path) -> None:
    """A test split in class folders, of which some are missing, counts its classes otherwise."""
    assert digits.labels is not None
    late = digits.take(np.flatnonzero(digits.labels >= 5))
    assert late.labels is not None
    formats.write(digits, tmp_path / "train", "png")
    of_five = Dataset(late.images, late.labels - 5, late.classes[5:])
    formats.write(of_five, tmp_path / "test", "png", "test")
    (tmp_path / "real").mkdir()
    (tmp_path / "train" / "train").rename(tmp_path / "real" / "train")
    (tmp_path / "test" / "test").rename(tmp_path / "real" / "test")
    data = load_real(Source(str(tmp_path / "real")), ReadOptions(), Silent())
    test = studies._Experiment(Subject("digits", digits), data, None).test
    assert test.classes == digits.classes
    assert test.labels is not None
    assert test.labels.min() == 5
    other = dataclasses.replace(data, reference=of_five, held_out=data.reference)
    with pytest.raises(DataError, match="has the classes 0 1 2"):
        studies._require_fitting(Subject("late", of_five), other)


def test_what_has_no_labels_is_refused(micro_gan: Run, digits: Dataset) -> None:
    for subject in (micro_gan.folder, Dataset(digits.images)):
        with pytest.raises(DataError, match="no labels"):
            studies.tstr(subject, "digits")
    unknown = Dataset(digits.images, np.full(len(digits), -1), digits.classes)
    with pytest.raises(DataError, match="no labels"):
        studies.tstr(unknown, "digits")
    real = load_real(Source("digits"), ReadOptions(), Silent())
    for part in ("reference", "held_out"):
        with pytest.raises(DataError, match=r"reference: .* has no labels"):
            studies._require_fitting(Subject("digits", digits), dataclasses.replace(real, **{part: unknown}))
    with pytest.raises(ConfigError, match=r"count: 0 is too few"):
        studies.tstr(digits, "digits", count=0)
    with pytest.raises(ConfigError, match="seeds: 1 is too few"):
        studies.tstr(digits, "digits", seeds=1)
    with pytest.raises(DataError, match="a b"):
        studies.tstr(Dataset(digits.images[:4], np.array([0, 1, 0, 1]), ("a", "b")), "digits")


@pytest.mark.slow
def test_a_classifier_learns_and_repeats_and_keeps_its_best_epoch(digits: Dataset) -> None:
    recipe = Recipe(layers=LAYERS, epochs=12, lr=1e-2)
    validation = digitsmith.load_dataset("digits", "test")
    accuracies: list[float] = []

    class Listener(Silent):
        def update(self, work: str, done: int, total: int, detail: str = "") -> None:
            assert detail.startswith("validation accuracy ")
            accuracies.append(float(detail.split()[-1]))

    nets = [train_classifier(digits, recipe, 1, Listener(), validation=validation) for _ in range(2)]
    predicted = [classify(net, validation.images) for net in nets]
    assert (predicted[0] == predicted[1]).mean() > 0.99
    assert float((predicted[0] == validation.labels).mean()) == pytest.approx(max(accuracies[:12]), abs=5e-5)
    assert max(accuracies) > 0.8


def test_digits_that_are_never_recognised_are_studied_without_the_filter(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "_LEAST_STEPS", 1)
    data = load_real(Source("digits"), ReadOptions(), Silent())
    noise = a_model(image_size=digits.image_size)
    for content in (noise, Dataset(noise.sample(["0", "1"] * 100), np.arange(200) % 2, digits.classes)):
        result = studies._Experiment(Subject("noise", content), data, 100).run(2, Silent())
        assert [arm.key for arm in result.arms] == ["trtr", "tstr", "trts"]
        assert any("filtered images was left out" in note for note in result.notes)
