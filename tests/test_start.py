"""A start from a trained pair: what is kept of it, what is new, and what cannot be started from."""

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import digitsmith
from conftest import micro, refused
from digitsmith.config.loading import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, ModelError, RunError
from digitsmith.models.digitnet import digit_net
from digitsmith.models.noise import noise
from digitsmith.records.run import Run
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.samples import sample
from digitsmith.training.gans.start import Start, find_start
from digitsmith.training.gans.state import State, new_state

CPU = torch.device("cpu")
FROM_MICRO = {"epochs": 1, "batch_size": 16}


def filled(start: Start, classes: tuple[str, ...]) -> State:
    """A new training of these classes, from the pair."""
    own = start.config.networks
    config = load_config("residual", {"styles": 1})
    config = config.model_copy(update={"networks": own.model_copy(update={"styles": 1})})
    state = new_state(config, (1, *start.data.image_size), len(classes), CPU)
    start.fill(state, classes)
    return state


def made(network: torch.nn.Module, z_dim: int, label: int) -> np.ndarray:
    return sample(network, noise(1, 0, 8, z_dim, "normal"), np.full(8, label)).astype(int)


@torch.no_grad()
def judged(discriminator: torch.nn.Module, images: Tensor, label: int) -> Tensor:
    return discriminator(images, torch.full((len(images),), label)).logit


def test_classes_are_matched_by_name(micro_residual: Run) -> None:
    start = find_start(micro_residual.folder)
    turned = ("9", "8", "7", "6", "5", "4", "3", "2", "1", "0")
    straight, other = filled(start, start.data.classes), filled(start, turned)
    images = torch.rand(8, 1, 28, 28) * 2 - 1
    for digit in (0, 3, 9):
        before, after = (made(state.latest, start.config.networks.z_dim, label)
                         for state, label in ((straight, digit), (other, 9 - digit)))  # fmt: skip
        assert np.array_equal(before, after)
        networks = straight.discriminator.network, other.discriminator.network
        assert torch.equal(judged(networks[0], images, digit), judged(networks[1], images, 9 - digit))


def test_the_pair_goes_on_as_it_was(micro_residual: Run) -> None:
    start = find_start(micro_residual.folder)
    state = filled(start, start.data.classes)
    generator, discriminator = checkpoint.load_pair(micro_residual)
    for learner, weights in ((state.generator, generator), (state.discriminator, discriminator)):
        for name, tensor in learner.network.state_dict().items():
            assert torch.equal(tensor, weights[name]), name
        working = torch.cat([parameter.flatten().float() for parameter in learner.working.parameters()])
        assert torch.equal(working.sort()[0], learner.flat.sort()[0])
    assert state.ema is not None
    averaged, network = state.ema.state_dict(), state.generator.network.state_dict()
    assert all(torch.equal(averaged[name], network[name]) for name in network)


def test_a_new_class_starts_from_the_mean(micro_residual: Run) -> None:
    start = find_start(micro_residual.folder)
    state = filled(start, ("3", "eleven"))
    table = state.generator.network.embedding.weight
    assert torch.equal(table[0], start.generator["embedding.weight"][3])
    assert torch.allclose(table[1], start.generator["embedding.weight"].mean(0))
    classifier = state.discriminator.network.classifier
    assert torch.allclose(classifier.bias[1], start.discriminator["classifier.bias"].mean())


def test_the_model_in_the_box_starts_with_readable_digits_and_a_discriminator() -> None:
    start = find_start("mnist")
    assert (start.read.resize, start.read.frame) == ((28, 28), "mnist")
    state = filled(start, start.data.classes)
    labels = np.arange(200) % 10
    images = sample(state.latest, noise(0, 0, 200, 64, "normal"), labels)
    assert (digit_net().predict(images).digits == labels).mean() > 0.9  # styles are dropped: each class is their mean
    real = digitsmith.load_dataset("digits:test", frame="mnist")
    planes = torch.from_numpy(real.images[:, None].astype(np.float32)) / 127.5 - 1
    with torch.no_grad():
        judgement = state.discriminator.network(planes, torch.zeros(len(planes), dtype=torch.int64))
    assert (judgement.class_logits.argmax(1).numpy() == real.labels).mean() > 0.8  # which it never saw
    file = resources.files("digitsmith.models") / "zoo" / "mnist-discriminator.safetensors"
    assert len(file.read_bytes()) < 2_000_000


@pytest.mark.slow
def test_a_training_from_a_run_takes_fewer_images_than_a_batch(micro_residual: Run, digits: Dataset) -> None:
    few = digits.take(slice(0, 5)).images
    data = Dataset(few, np.array([0, 1, 0, 1, 0]), ("0", "new"))
    outcome = digitsmith.train(
        "residual", data, "from-run", start=micro_residual.folder, changes=FROM_MICRO, progress=False
    )
    record = outcome.run.read_record()
    assert outcome.finished
    assert record.start is not None
    assert (record.start.name, len(record.start.sha256)) == (str(micro_residual.folder), 64)
    assert outcome.run.read_config().networks.z_dim == 8
    assert digitsmith.load(outcome.run.folder).sample(["new"]).shape == (1, 28, 28)
    again = digitsmith.train(None, data, "from-run", resume=True, progress=False)
    assert again.finished


def test_images_are_brought_to_the_size_of_the_pair(micro_residual: Run) -> None:
    outcome = digitsmith.train(
        "residual", "digits:test", "small", start=micro_residual.folder, changes=FROM_MICRO, progress=False
    )
    assert outcome.run.read_record().data.read.resize == (28, 28)


def test_a_killed_training_that_has_no_checkpoint_starts_from_the_pair_again(
    micro_residual: Run, digits: Dataset, weights_only: None
) -> None:
    data = digits.take(slice(0, 64))
    options = {"start": micro_residual.folder, "changes": FROM_MICRO, "progress": False}
    whole = digitsmith.train("residual", data, "whole", **options).run
    shutil.copytree("whole", "cut")
    cut = Run(Path("cut"))
    cut.checkpoint.unlink()
    cut.metrics.write_text("")
    digitsmith.train(None, data, "cut", resume=True, progress=False)
    pairs = zip(checkpoint.load_pair(whole), checkpoint.load_pair(cut), strict=True)
    assert all(torch.equal(a[name], b[name]) for a, b in pairs for name in a)


def test_what_cannot_be_started_from(micro_residual: Run, micro_gan: Run, micro_run: Run, digits: Dataset) -> None:
    for run, kind in ((micro_gan, "unconditional"), (micro_run, "fully-connected")):
        with refused(ModelError, f"is a pair of {kind} networks", "start"):
            find_start(run.folder)
    for source in (micro_residual.model, "nothing"):
        with refused(ModelError, "is no run folder", "start"):
            find_start(source)
    shutil.copytree(micro_residual.folder, "bare")
    Run(Path("bare")).checkpoint.unlink()
    with refused(RunError, "no checkpoint to start from", "start"):
        find_start("bare")
    start = micro_residual.folder
    with refused(ConfigError, "has residual networks with classes", "preset"):
        digitsmith.train("cgan", digits, "run", start=start, changes=micro("cgan"))
    with refused(ConfigError, r"networks.z_dim: .* has networks of its own", "changes"):
        digitsmith.train("residual", digits, "run", start=start, changes={"z_dim": 9})
    colour = Dataset(np.repeat(digits.images[..., None], 3, 3), digits.labels, digits.classes)
    with refused(DataError, "in colour", "start"):
        digitsmith.train("residual", colour, "run", start=start, changes=FROM_MICRO, read={"resize": (28, 28)})
    assert not Path("run").exists()


@pytest.mark.parametrize(("images", "batch_size", "augmented"), [(40, 64, True), (6000, 128, False)])
def test_what_is_left_open_follows_from_the_number_of_images(images: int, batch_size: int, augmented: bool) -> None:
    from digitsmith.training.gans.setup import settle

    data = Dataset(np.zeros((images, 28, 28), np.uint8), np.arange(images) % 10, tuple("0123456789"))
    config = load_config("residual")
    fresh, started = settle(config, data, CPU), settle(config, data, CPU, started=True)
    for settled in (fresh, started):
        assert settled.optimizer.batch_size == batch_size
        assert bool(settled.loss.augment) is augmented
    assert (fresh.optimizer.epochs or 0) > (started.optimizer.epochs or 0)
    asked = settle(load_config("residual", ["batch_size=32", "steps=10", "augment=0"]), data, CPU, started=True)
    assert (asked.optimizer.batch_size, asked.loss.augment) == (32, 0)
    assert load_config("gan").loss.augment == load_config("cgan").loss.augment == 0  # as the papers have it
