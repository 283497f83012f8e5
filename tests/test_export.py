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
from digitsmith.config.loading import to_values
from digitsmith.errors import ModelError
from digitsmith.records.run import Run
from digitsmith.training.export import OPSET, TOLERANCE, export
from digitsmith.training.networks import new_networks


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


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5])
def test_a_truncation_out_of_range_is_refused(micro_run: Run, truncation: float) -> None:
    with pytest.raises(ModelError) as caught:
        export(micro_run.folder, "cut.onnx", truncation=truncation)
    assert caught.value.parameter == "truncation"
    assert not Path("cut.onnx").exists()
