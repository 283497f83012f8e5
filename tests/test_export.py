"""Export: the file computes what the torch generator does, and says where it came from."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import digitsmith
from conftest import micro, refused
from digitsmith.config.loading import to_values
from digitsmith.data.images.pixels import to_uint8
from digitsmith.errors import ModelError, RunError
from digitsmith.models.noise import noise
from digitsmith.models.operators import OPSET
from digitsmith.records.run import Run
from digitsmith.training.gans.export import export
from digitsmith.training.networks import new_networks
from digitsmith.training.onnx_graph import TOLERANCE

TORCHS_OWN = torch.onnx.export


@pytest.fixture(autouse=True)
def torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace anew for every export, as users' do."""
    monkeypatch.setattr(torch.onnx, "export", TORCHS_OWN)


def trained_generator(run: Run) -> nn.Module:
    data = run.read_record().data
    generator, _ = new_networks(run.read_config(), (data.channels, *data.image_size), len(data.classes))
    tensors = load_file(run.checkpoint)
    generator.load_state_dict(
        {key.removeprefix("generator."): value for key, value in tensors.items() if key.startswith("generator.")}
    )
    return generator


@pytest.mark.parametrize("conditional", [True, False])
def test_the_file_computes_what_the_torch_generator_does(micro_run: Run, micro_gan: Run, conditional: bool) -> None:
    run = micro_run if conditional else micro_gan
    model, generator = digitsmith.load(run.folder), trained_generator(run)
    for n in (1, 2, 500):  # the batch is dynamic
        z = torch.randn(n, 100)
        feed = {"z": z.numpy()}
        label = torch.arange(n) % 10
        if conditional:
            feed["label"] = label.numpy()
        (image,) = model.session.run(["image"], feed)
        assert image.shape == (n, 1, 28, 28)
        with torch.no_grad():
            expected = generator(z, label if conditional else None).numpy()
        assert np.abs(image - expected).max() < TOLERANCE


def test_the_file_is_plain_onnx_with_a_record(micro_run: Run) -> None:
    proto = onnx.load(micro_run.model)
    onnx.checker.check_model(proto, full_check=True)
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", OPSET)]
    assert [i.name for i in proto.graph.input] == ["z", "label"]
    assert b"site-packages" not in micro_run.model.read_bytes()  # no traces of the machine
    record = digitsmith.load(micro_run.model).record
    assert record.classes == tuple("0123456789")
    assert (record.image_size, record.channels) == ((28, 28), 1)
    assert (record.z_dim, record.z_distribution) == (100, "normal")
    training, export = record.training, record.export
    assert training is not None
    assert training.data == micro_run.read_record().data
    assert training.data.sha256 == digitsmith.load_dataset("digits").sha256()
    assert training.config == to_values(micro_run.read_config())
    assert training.steps == 44
    assert export is not None
    proto.metadata_props.clear()
    assert export.graph_sha256 == hashlib.sha256(proto.SerializeToString()).hexdigest()


def test_half_the_size_makes_almost_the_same_digits(micro_run: Run) -> None:
    half = export(micro_run.folder, "half.onnx", half=True)
    assert Path("half.onnx").stat().st_size < 0.6 * micro_run.model.stat().st_size
    labels = np.arange(100) % 10
    full, rounded = (m.sample(labels).astype(int) for m in (digitsmith.load(micro_run.folder), half))
    assert np.abs(full - rounded).max() <= 3  # grey levels


@pytest.mark.slow
@pytest.mark.parametrize("conditional", [True, False])
def test_the_exported_file_makes_the_averaged_generators_images(
    micro_residual: Run, few: Path, conditional: bool
) -> None:
    run = micro_residual
    if not conditional:
        changes = [*micro("residual"), "conditional=false", "styles=1", "auxiliary=0"]
        run = digitsmith.train("residual", few, "run", changes=changes, progress=False).run
    config = run.read_config()
    generator, _ = new_networks(config, (1, 28, 28), 10)
    tensors = {name: t for name, t in load_file(run.checkpoint).items() if name.startswith("ema.")}
    generator.load_state_dict({name.removeprefix("ema."): t for name, t in tensors.items()})
    labels = [3, 3, 8] if conditional else None
    assert config.networks.styles == 1  # there are too few images for more
    made = digitsmith.load(run.folder).sample(labels, count=None if conditional else 3, seed=5)
    z = torch.from_numpy(noise(5, 0, 3, config.networks.z_dim, config.networks.z_distribution))
    with torch.no_grad():
        expected = to_uint8(generator(z, None if labels is None else torch.tensor(labels)).numpy())
    assert np.abs(made.astype(int) - expected).max() <= 1  # grey level


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["cgan", "residual"])
def test_truncation_scales_the_noise(preset: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue("micro_run" if preset == "cgan" else "micro_residual")
    whole = digitsmith.load(run.folder)
    halved = export(run.folder, "halved.onnx", truncation=0.5)
    assert halved.record.export is not None
    assert halved.record.export.truncation == 0.5
    z, label = torch.randn(4, whole.record.z_dim).numpy(), np.arange(4)
    (expected,) = whole.session.run(["image"], {"z": 0.5 * z, "label": label})
    (image,) = halved.session.run(["image"], {"z": z, "label": label})
    np.testing.assert_allclose(image, expected, atol=1e-4)


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5, float("nan")])
def test_a_truncation_out_of_range_is_refused(micro_run: Run, truncation: float) -> None:
    with refused(ModelError, "above 0 and at most 1", "truncation"):
        export(micro_run.folder, "cut.onnx", truncation=truncation)
    assert not Path("cut.onnx").exists()


def test_a_file_that_differs_from_the_generator_is_not_written(micro_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitsmith.training.gans.export.TOLERANCE", -1.0)
    with refused(ModelError, "the exported model differs from the trained one by"):
        export(micro_run.folder, "wrong.onnx")
    assert not Path("wrong.onnx").exists()


def test_a_folder_without_a_run_has_nothing_to_export() -> None:
    with refused(RunError, "holds no run"):
        export("nothing", "model.onnx")
