"""A generator's weights, read alone from runs, from exported files and from the model in the box."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import digitsmith
from conftest import micro
from digitsmith.config.loading import load_config
from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ModelError
from digitsmith.models.generator import Model
from digitsmith.models.noise import noise
from digitsmith.records.run import Run
from digitsmith.training.gans.samples import sample
from digitsmith.training.gans.styles import StyledGenerator
from digitsmith.training.gans.weights import read_weights, start_from
from digitsmith.training.networks import new_networks


def images_of(model: Model, weights: dict[str, torch.Tensor], labels: np.ndarray | None) -> np.ndarray:
    """What a training network of the model's config makes with these weights, of the model's noise of seed 3."""
    record = model.record
    config = TrainConfig.model_validate(record.training.config, strict=False)
    generator, _ = new_networks(config, (record.channels, *record.image_size), len(record.classes))
    assert start_from(generator, weights) == []
    return sample(generator, noise(3, 0, 20, record.z_dim, record.z_distribution), labels)


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("gan", []),
        ("cgan", []),
        ("residual", []),
        ("residual", ["ema=0", "conditional=false", "styles=1", "auxiliary=0"]),
    ],
)
def test_weights_of_a_run_and_of_its_file_make_the_files_images(
    preset: str, changes: list[str], digits: Dataset
) -> None:
    few = digits.take(slice(0, 256))
    run = digitsmith.train(preset, few, "run", changes=[*micro(preset), *changes, "epochs=1"], progress=False).run
    model = digitsmith.load(run.folder)
    labels = np.arange(20) % 10 if model.conditional else None
    expected = model.sample(labels, count=None if model.conditional else 20, seed=3).astype(int)
    shutil.copy(run.model, "alone.onnx")
    for source in (run.folder, Path("alone.onnx")):
        assert np.abs(images_of(model, read_weights(source), labels) - expected).max() <= 1  # grey level


def test_the_model_in_the_box_gives_its_weights() -> None:
    model = digitsmith.load()
    weights = read_weights("mnist")
    record = model.record
    config = TrainConfig.model_validate(record.training.config, strict=False)
    generator, _ = new_networks(config, (1, 28, 28), 10)
    assert start_from(generator, weights) == []
    proto = onnx.load_model_from_string(model.content)
    (bounds,) = (a for a in map(numpy_helper.to_array, proto.graph.initializer) if a.shape == (10, 15))
    styled = StyledGenerator(generator, torch.from_numpy(bounds.astype(np.float32))).eval()
    labels = np.arange(100) % 10
    difference = np.abs(
        sample(styled, noise(3, 0, 100, 64, "normal"), labels) - model.sample(labels, seed=3).astype(int)
    )
    assert difference.max() <= 1  # grey level


def test_reading_and_exporting_use_no_random_state_of_the_callers(micro_residual: Run, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    digitsmith.export(micro_residual.folder, tmp_path / "model.onnx")
    first = read_weights(tmp_path / "model.onnx")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    second = read_weights(tmp_path / "model.onnx")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_config_takes_what_fits() -> None:
    weights = read_weights("mnist")
    config = load_config("residual", {"styles": 1})
    generator, _ = new_networks(config, (1, 28, 28), 5)
    fresh = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    left = start_from(generator, weights)
    assert {"embedding.weight", "first.weight", "norm.scale.weight"} <= set(left)  # five labels, not ten with styles
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, fresh[name] if name in left else weights[name])
    assert "blocks.0.conv1.weight" not in left
    assert "last.weight" not in left


def test_a_model_without_a_training_record_is_refused(digits: Dataset) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        read_weights("nothing.onnx")
