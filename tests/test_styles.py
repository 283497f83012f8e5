"""Styles of classes: how they are found, drawn, trained with and kept."""

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from digitsmith.training.prepare import settle_styles
from safetensors.torch import load_file
from torch import nn

import digitsmith
from conftest import MICRO
from digitsmith.config.schema import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError
from digitsmith.models.noise import noise
from digitsmith.training import loop
from digitsmith.training.loop import export_checkpoint
from digitsmith.training.styles import StyledGenerator, find_styles

STYLED = [*MICRO, "styles=2", "epochs=4", "z_dim=8"]


@pytest.fixture(scope="module")
def kinds(digits: Dataset) -> Dataset:
    """A class that holds noughts and twice as many ones, and one of few twos."""
    assert digits.labels is not None
    noughts, ones, twos = (digits.images[digits.labels == digit] for digit in range(3))
    images = np.concatenate([noughts[:80], ones[:140], ones[:20], twos[:90]])
    return Dataset(images, np.repeat([0, 1], [240, 90]), ("noughts and ones", "twos"))


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
    config = load_config("residual")
    assert (config.styles, settle_styles(config, kinds).styles) == (16, 2)
    assert settle_styles(config, kinds.take(slice(200, 330))).styles == 1


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


def test_the_rest_of_the_noise_is_the_generators(kinds: Dataset) -> None:
    run = digitsmith.train("residual", kinds, "run", changes=[*STYLED, "epochs=1"]).run
    session = digitsmith.load(run.folder).session
    z = np.repeat(noise(0, 0, 1, 8, "normal"), 3, axis=0)
    z[:, -1] = [2, 3, -3]
    (images,) = session.run(["image"], {"z": z, "label": np.zeros(3, np.int64)})
    np.testing.assert_allclose(images[1], images[0], atol=1e-5)  # of the same style, though another number
    assert np.abs(images[2] - images[0]).max() > 0.01


def test_the_best_generator_is_exported_with_its_styles_in_float16_too(kinds: Dataset) -> None:
    many = Dataset(np.concatenate([kinds.images] * 5), np.tile(kinds.labels, 5), kinds.classes)  # type: ignore[arg-type]
    run = digitsmith.train("residual", many, "run", changes=[*STYLED, "epochs=1", "evaluate_every=1"]).run
    half = export_checkpoint(run.folder, Path("half.onnx"), weights="float16")
    labels = [0] * 2000
    whole, rounded = (model.sample(labels, seed=0).astype(int) for model in (digitsmith.load(run.folder), half))
    assert np.abs(whole - rounded).max() <= 3  # grey levels: none has become of another style


def test_truncation_leaves_the_proportions(kinds: Dataset) -> None:
    run = digitsmith.train("residual", kinds, "run", changes=[*STYLED, "epochs=1"]).run
    whole, least = digitsmith.load(run.folder), export_checkpoint(run.folder, Path("least.onnx"), truncation=1e-6)
    z, label = noise(1, 0, 500, 8, "normal"), np.zeros(500, np.int64)
    (images,) = least.session.run(["image"], {"z": z, "label": label})
    one = np.isclose(images, images[0], atol=1e-3).all((1, 2, 3))
    last = z[:, -1]
    assert 0.2 < one.mean() < 0.8
    assert last[one].min() > last[~one].max() or last[one].max() < last[~one].min()
    assert whole.record.z_dim == least.record.z_dim == 8


def test_a_resumed_run_keeps_its_styles(kinds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digitsmith.train("residual", kinds, "whole", changes=STYLED).run
    answers = itertools.chain([False] * 7, itertools.repeat(True))
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_interruptible", lambda: contextlib.nullcontext(lambda: next(answers)))
        assert not digitsmith.train("residual", kinds, "parted", changes=STYLED).finished
    monkeypatch.setattr(loop, "find_styles", None)  # they are read, not found again
    parted = digitsmith.train(None, kinds, "parted", resume=True).run
    expected, tensors = load_file(whole.checkpoint), load_file(parted.checkpoint)
    assert tensors.keys() == expected.keys() >= {"styles.of_images", "styles.bounds"}
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_styles_need_labels_and_noise() -> None:
    with pytest.raises(ConfigError, match="styles = 1"):
        load_config("residual", ["styles=2", "conditional=false"])
    with pytest.raises(ConfigError, match="2 or more"):
        load_config("residual", ["styles=2", "z_dim=1"])
    with pytest.raises(ConfigError, match="for residual networks"):
        load_config("cgan", ["styles=2"])
