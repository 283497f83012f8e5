"""What is trained on a GPU, wherever there is one: it is stopped and resumed, and computes what a CPU computes."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import digitsmith
from conftest import micro
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.progress import Silent
from digitsmith.training.gans import checkpoint
from digitsmith.training.readers.adversarial import AdversarialRecipe, train_network
from digitsmith.training.readers.classifier import classify
from digitsmith.training.readers.transcription import train_crnn, transcribe
from test_classifiers import small
from test_learn import SMALL, set_recipe
from test_written_numbers import LEARNS, lessons

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GPU = torch.device("cuda")


class Stopped(Silent):
    """Presses Ctrl-C as soon as a training is told of."""

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        if work == "training":
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("resumed_on", ["cuda", "cpu"])
@pytest.mark.parametrize("preset", ["gan", "cgan", "residual"])
def test_a_training_is_stopped_and_resumed(few: Path, preset: str, resumed_on: str) -> None:
    changes = [*micro(preset), "epochs=6", "log_every=5", "ema=0.9"]
    stopped = digitsmith.train(preset, few, "run", changes=changes, device="cuda", progress=Stopped())
    assert not stopped.finished
    assert stopped.run.read_record().device == "cuda"
    before = stopped.run.read_metrics()
    finished = digitsmith.train(out="run", resume=True, device=resumed_on, progress=False)
    assert finished.finished
    after = finished.run.read_metrics()
    assert after[: len(before)] == before
    assert after[-1].step == 30
    made = digitsmith.load(finished.run.folder).sample(None if preset == "gan" else [1, 2, 3], count=3)
    assert made.std() > 1


@pytest.mark.parametrize("preset", ["gan", "cgan", "residual"])
def test_networks_compute_what_they_compute_on_a_cpu(few: Path, preset: str) -> None:
    run = digitsmith.train(preset, few, "run", changes=micro(preset), device="cuda", progress=False).run
    config, data = run.read_config(), digitsmith.load_dataset(few)
    judged, made = [], []
    for device in (GPU, torch.device("cpu")):
        state = checkpoint.load(run.checkpoint, config, run.read_record().data, device)
        real = to_unit(torch.tensor(to_planes(data.images[:64]), device=device).float())
        z = torch.linspace(-1, 1, 64 * config.networks.z_dim).view(64, -1).to(device)
        label = torch.tensor(data.labels[:64], device=device) if config.networks.conditional else None
        with torch.no_grad():
            made.append(state.generator.network.eval()(z, label).cpu())
            judged.append(state.discriminator.network.eval()(real, label).logit.cpu())
    assert made[0] == pytest.approx(made[1], abs=0.02)  # convolutions of a GPU may round to ten bits (TF32)
    assert judged[0] == pytest.approx(judged[1], abs=0.02 * float(judged[1].abs().max()))


def test_a_reader_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    set_recipe(monkeypatch, SMALL, 4000)
    learned = digitsmith.learn("digits", "reader", progress=False)
    assert learned.reader.record.training.device == "cuda"
    test = digitsmith.load_dataset("digits", "test")
    assert np.mean(learned.reader.read(test.images).labels == test.labels) > 0.8


def test_a_crnn_learns(digits: Dataset) -> None:
    learned, others = lessons(digits, LEARNS.numbers, 0), lessons(digits, 100, 1)
    found = transcribe(train_crnn(lambda _: learned, "01", LEARNS, 0, Silent()), [image for image, _ in others], "01")
    assert np.mean([text == right for text, (_, right) in zip(found, others, strict=True)]) > 0.8


def test_a_discriminator_that_classifies_learns(digits: Dataset) -> None:
    recipe = AdversarialRecipe(steps=60, batch_size=32, lr=5e-3)
    network = train_network(small, digits.take(np.arange(300)), recipe, 0, Silent(), unlabelled=digits.images)
    assert (classify(network, digits.images) == digits.labels).mean() > 0.4
