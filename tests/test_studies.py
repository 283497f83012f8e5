"""The study of usefulness: what is trained on what, and that its numbers mean what they say."""

import dataclasses

import numpy as np
import pytest

import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError
from digitsmith.records.run import Run
from digitsmith.studies import tstr as studies
from digitsmith.training.classifier import Recipe, classify, train_classifier

LAYERS = ((32, 2), (64, 1), (64, 2))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a second or two."""
    monkeypatch.setattr(studies, "RECIPE", dataclasses.replace(studies.RECIPE, layers=LAYERS, epochs=1, lr=1e-2))
    monkeypatch.setattr(studies, "_LEAST_STEPS", 160)


def test_real_images_that_pass_for_generated_ones_teach_as_much(digits: Dataset) -> None:
    result = studies.tstr(digits, "digits", count=1000, seeds=2)
    real, made, filtered, reverse = result.arms
    assert [arm.key for arm in result.arms] == ["real", "made", "filtered", "reverse"]
    assert real.mean > 0.8
    assert made.mean == pytest.approx(real.mean, abs=0.1)
    assert reverse.mean > 0.8
    assert (real.images, made.images) == (1000, 1000)
    assert filtered.images < 1000  # a data set cannot be asked for others in place of those left out
    assert real.difference is None
    assert made.difference == pytest.approx(np.mean(np.subtract(made.accuracies, real.accuracies)))
    assert made.difference_error == pytest.approx(np.std(np.subtract(made.accuracies, real.accuracies)) / 1)


def test_wrong_labels_teach_nothing_and_filtering_mends_it(digits: Dataset) -> None:
    assert digits.labels is not None
    labels = np.where(np.arange(len(digits)) % 2 == 0, digits.labels, (digits.labels + 1) % 10)
    result = studies.tstr(Dataset(digits.images, labels, digits.classes), "digits", seeds=2)
    arms = {arm.key: arm.mean for arm in result.arms}
    assert arms["made"] < arms["filtered"] - 0.1


def test_a_model_makes_as_many_images_of_each_label_as_are_real() -> None:
    model = digitsmith.load("mnist")
    real = digitsmith.load_dataset("digits").take(slice(300))
    made = studies._made(model, real, seed=3)
    assert (made.labels == real.labels).all()
    filtered = studies._filtered(model, real, 3, 1.0)
    assert len(filtered) == 300  # others were made in place of those left out
    assert (filtered.labels == real.labels).all()
    assert 200 < (filtered.images == made.images).all((1, 2)).sum() < 300


def test_what_has_no_labels_cannot_teach(micro_gan: Run, digits: Dataset) -> None:
    for subject in (micro_gan.folder, Dataset(digits.images)):
        with pytest.raises(DataError, match="no labels"):
            studies.tstr(subject, "digits")
    with pytest.raises(ConfigError, match="--seeds 3"):
        studies.tstr(digits, "digits", seeds=1)
    with pytest.raises(DataError, match="a b"):
        studies.tstr(Dataset(digits.images[:4], np.array([0, 1, 0, 1]), ("a", "b")), "digits")


def test_a_classifier_learns_and_repeats_and_keeps_its_best_epoch(digits: Dataset) -> None:
    recipe = Recipe(layers=LAYERS, epochs=12, lr=1e-2)
    validation = digitsmith.load_dataset("digits", "test")
    accuracies: list[float] = []

    def note(epoch: int, accuracy: float | None) -> None:
        assert accuracy is not None
        accuracies.append(accuracy)

    nets = [train_classifier(digits, recipe, 1, validation=validation, progress=note) for _ in range(2)]
    read = [classify(net, validation.images) for net in nets]
    assert (read[0] == read[1]).mean() > 0.99
    assert float((read[0] == validation.labels).mean()) == max(accuracies[:12])
    assert max(accuracies) > 0.8
