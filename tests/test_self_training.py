"""Self-training: what it learns from, and that it goes on wherever it was stopped."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Told
from digitsmith.data.dataset import Dataset
from digitsmith.progress import Silent
from digitsmith.training.distortion import Distortion
from digitsmith.training.readers import classifier_training, mixing
from digitsmith.training.readers.classifier import Classifier
from digitsmith.training.readers.classifier_training import Extras
from digitsmith.training.readers.self_training import labelled_by, self_train, states
from digitsmith.training.readers.teaching import Taught, teach

SMALL = dataclasses.replace(mixing.RECIPE, layers=((16, 2), (32, 2), (64, 1)), epochs=3, lr=1e-2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "MANY", dataclasses.replace(mixing.MANY, layers=SMALL.layers, batch_size=64))


def trained(data: Dataset, progress: Silent) -> Taught:
    known, others = data.take(slice(0, 100)), data.images[100:400]
    shown = known.take(np.arange(320) % len(known))
    return self_train(
        shown, known, SMALL, 1, Extras(others, 32, refuses=True), Path("state"), progress, work="learning"
    )


class Killed(Silent):
    """Stops a training at the end of its first epoch."""

    def __init__(self, training: str) -> None:
        self.training = training

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        if work == self.training and done == 1:
            raise KeyboardInterrupt


def test_it_goes_on_wherever_it_was_stopped(digits: Dataset) -> None:
    whole = trained(digits, Silent())
    for place in states(Path("state")):
        place.unlink()
    for training in ("learning", *(f"learning, from its own labels ({i} of 2)" for i in (1, 2))):
        with pytest.raises(KeyboardInterrupt):
            trained(digits, Killed(training))
    resumed = trained(digits, Silent())
    for name, value in whole.classifier.state_dict().items():
        assert torch.equal(value, resumed.classifier.state_dict()[name]), name
    assert (resumed.losses, resumed.sure) == (whole.losses, whole.sure)
    assert len(whole.sure) == SMALL.epochs < len(whole.losses)


def test_few_images_are_repeated_so_that_a_round_is_no_longer(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "IMAGES", 320)
    known = digits.take(slice(0, 10))
    shown = known.take(np.arange(320) % len(known))
    taught = self_train(shown, known, SMALL, 1, Extras(digits.images[10:20]), Path("state"), Silent(), work="learning")
    steps = 0.5 * SMALL.epochs * (320 // SMALL.batch_size)  # of each of two rounds, of an epoch of 320 / 64 steps
    assert len(taught.losses) == SMALL.epochs + 2 * round(steps / 5)


def test_each_image_gets_its_most_likely_label_unless_it_is_taken_for_no_digit(digits: Dataset) -> None:
    torch.manual_seed(0)
    classifier = Classifier(SMALL.layers, len(digits.classes) + 1).eval()
    some = digits.images[:50]

    def labels_of() -> list[int]:
        told = Told()
        labels = labelled_by(classifier, some, digits.classes, 0, told, work="labelling").labels
        assert told.updates == [("labelling", view, 5) for view in range(6)]
        assert labels is not None
        return labels.tolist()

    with torch.no_grad():
        classifier.head.bias[:] = 0.0
        classifier.head.bias[3] = 100.0
    assert labels_of() == [3] * 50
    with torch.no_grad():
        classifier.head.bias[len(digits.classes)] = 200.0
    assert labels_of() == []


def test_images_are_distorted_less_in_the_second_half(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Distortion] = []

    def noted(images: torch.Tensor, distortion: Distortion, *_: object) -> torch.Tensor:
        seen.append(distortion)
        return images

    monkeypatch.setattr(classifier_training, "distort", noted)
    recipe, late = dataclasses.replace(SMALL, epochs=4), mixing.MANY.distortion
    extras = Extras(digits.images[100:164], 32, late)
    teach(digits.take(slice(0, 64)), recipe, 0, extras, Path("state"), Silent(), work="learning")
    assert seen == [recipe.distortion] * 4 + [late] * 4  # of labelled images and of others, in one step each
