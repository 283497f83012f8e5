"""Styles of classes: how they are found, drawn, trained with and kept."""

import contextlib
import itertools

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import digitsmith
from conftest import micro, refused
from digitsmith import interrupts
from digitsmith.config.loading import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError
from digitsmith.models.noise import noise
from digitsmith.records.run import Run
from digitsmith.training.gans.export import export
from digitsmith.training.gans.setup import settle
from digitsmith.training.gans.styles import StyledGenerator, find_styles

STYLED = [*micro("residual"), "styles=2"]


@pytest.fixture(scope="module")
def kinds(digits: Dataset) -> Dataset:
    """A class that holds noughts and twice as many ones, and one of few twos."""
    assert digits.labels is not None
    noughts, ones, twos = (digits.images[digits.labels == digit] for digit in range(3))
    images = np.concatenate([noughts[:80], ones[:140], ones[:20], twos[:90]])
    return Dataset(images, np.repeat([0, 1], [240, 90]), ("noughts and ones", "twos"))


@pytest.fixture(scope="module")
def many(kinds: Dataset) -> Dataset:
    """The same, often enough to hold some out."""
    return kinds.take(np.arange(5 * len(kinds)) % len(kinds))


@pytest.fixture(scope="module")
def styled_run(many: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of two styles, measured once, whose averaged generator was the best."""
    changes = [*STYLED, "epochs=1", "evaluate_every=1"]
    return digitsmith.train("residual", many, tmp_path_factory.mktemp("run"), changes=changes, progress=False).run


def test_a_class_is_parted_by_looks_and_a_small_one_is_not(kinds: Dataset) -> None:
    styles = find_styles(kinds, load_config("residual", ["styles=2"]))
    assert kinds.labels is not None
    of_images = styles.of_images.numpy()
    np.testing.assert_array_equal(of_images // 2, kinds.labels)
    assert (of_images[:80] == of_images[0]).mean() > 0.95
    assert (of_images[80:240] == 1 - of_images[0]).mean() > 0.95
    assert set(of_images[240:]) == {2}
    again = find_styles(kinds, load_config("residual", ["styles=2"]))
    assert torch.equal(again.of_images, styles.of_images)
    assert torch.equal(again.bounds, styles.bounds)


def test_a_class_without_images_has_styles_too(kinds: Dataset) -> None:
    named = Dataset(kinds.images, kinds.labels, ("noughts and ones", "twos", "none"))
    styles = find_styles(named, load_config("residual", ["styles=2"]))
    assert styles.bounds.shape == (3, 1)
    assert not styles.bounds.isnan().any()


def test_no_more_styles_than_there_are_images_for(kinds: Dataset) -> None:
    config, cpu = load_config("residual"), torch.device("cpu")
    assert (config.networks.styles, settle(config, kinds, cpu).networks.styles) == (16, 2)
    assert settle(config, kinds.take(slice(200, 330)), cpu).networks.styles == 1


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_styles_are_drawn_in_their_proportions_from_the_last_number(kinds: Dataset, distribution: str) -> None:
    styles = find_styles(kinds, load_config("residual", ["styles=2", f"z_distribution={distribution}"]))
    asked = []

    class Generator(nn.Module):
        def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            asked.append(label)
            return z

    z = torch.from_numpy(noise(0, 0, 20_000, 3, distribution))  # type: ignore[arg-type]
    label = torch.arange(20_000) % 2
    StyledGenerator(Generator(), styles.bounds)(z, label)
    drawn = torch.bincount(asked[0], minlength=4)
    trained = torch.bincount(styles.of_images, minlength=4)
    assert (drawn[:2] / 10_000).tolist() == pytest.approx((trained[:2] / 240).tolist(), abs=0.02)
    assert drawn[2:].tolist() == [10_000, 0]
    order = z[label == 0][:, -1].argsort()
    assert asked[0][label == 0][order].diff().ge(0).all()


@pytest.mark.slow
def test_the_rest_of_the_noise_is_the_generators(styled_run: Run) -> None:
    session = digitsmith.load(styled_run.folder).session
    z = np.repeat(noise(0, 0, 1, 8, "normal"), 3, axis=0)
    z[:, -1] = [2, 3, -3]
    (images,) = session.run(["image"], {"z": z, "label": np.zeros(3, np.int64)})
    np.testing.assert_allclose(images[1], images[0], atol=1e-5)  # of the same style, though another number
    assert np.abs(images[2] - images[0]).max() > 0.01


@pytest.mark.slow
def test_the_best_generator_is_exported_with_its_styles_in_float16_too(styled_run: Run) -> None:
    assert styled_run.read_metrics()[-1].frechet_distance is not None
    half = export(styled_run.folder, "half.onnx", half=True)
    labels = [0] * 2000
    whole, rounded = (model.sample(labels, seed=0).astype(int) for model in (digitsmith.load(styled_run.folder), half))
    assert np.abs(whole - rounded).max() <= 3  # grey levels: none has become of another style


def test_truncation_leaves_the_proportions(styled_run: Run) -> None:
    whole, least = digitsmith.load(styled_run.folder), export(styled_run.folder, "least.onnx", truncation=1e-6)
    z, label = noise(1, 0, 500, 8, "normal"), np.zeros(500, np.int64)
    (images,) = least.session.run(["image"], {"z": z, "label": label})
    one = np.isclose(images, images[0], atol=1e-3).all((1, 2, 3))
    last = z[:, -1]
    assert 0.2 < one.mean() < 0.8
    assert last[one].min() > last[~one].max() or last[one].max() < last[~one].min()
    assert whole.record.z_dim == least.record.z_dim == 8


@pytest.mark.usefixtures("weights_only")
def test_a_resumed_run_keeps_its_styles(kinds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digitsmith.train("residual", kinds, "whole", changes=STYLED, progress=False).run
    answers = itertools.chain([False] * 7, itertools.repeat(True))
    with monkeypatch.context() as patch:
        patch.setattr(interrupts, "noted", lambda: contextlib.nullcontext(lambda: next(answers)))
        assert not digitsmith.train("residual", kinds, "parted", changes=STYLED, progress=False).finished
    monkeypatch.setattr("digitsmith.training.gans.train.find_styles", None)  # they are read, not found again
    parted = digitsmith.train(None, kinds, "parted", resume=True, progress=False).run
    expected, tensors = load_file(whole.checkpoint), load_file(parted.checkpoint)
    assert tensors.keys() == expected.keys() >= {"styles.of_images", "styles.bounds"}
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


@pytest.mark.usefixtures("weights_only")
def test_fully_connected_networks_take_styles_too(kinds: Dataset) -> None:
    run = digitsmith.train("cgan", kinds, "run", changes=[*micro("cgan"), "styles=2"], progress=False).run
    assert run.read_config().networks.styles == 2
    assert load_file(run.checkpoint)["styles.bounds"].shape == (2, 1)


def test_styles_need_labels_and_noise() -> None:
    with refused(ConfigError, "set styles = 1", "changes"):
        load_config("residual", ["styles=2", "conditional=false"])
    with refused(ConfigError, "z_dim must be 2 or more", "changes"):
        load_config("residual", ["styles=2", "z_dim=1"])
