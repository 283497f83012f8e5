"""The model in the box, its record and its card agree with one another, and with what can be measured here."""

import hashlib
import json
import statistics
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import digitsmith
from digitsmith.config.loading import load_config, to_values
from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.models.generator import load, shipped_record
from digitsmith.records.model import ShippedRecord
from digitsmith.training.gans.setup import settle

ROOT = Path(__file__).parent.parent
FILE = resources.files("digitsmith.models") / "zoo" / "mnist.onnx"


@pytest.fixture(scope="module")
def of_mnist() -> ShippedRecord:
    return shipped_record("mnist")


def test_the_record_is_of_the_file(of_mnist: ShippedRecord) -> None:
    content = FILE.read_bytes()
    assert of_mnist.sha256 == hashlib.sha256(content).hexdigest() == load("mnist").sha256
    assert of_mnist.bytes == len(content) <= 3_000_000
    assert of_mnist.file == FILE.name


def test_the_discriminator_is_the_one_that_the_record_names(of_mnist: ShippedRecord) -> None:
    content = (resources.files("digitsmith.models") / "zoo" / "mnist-discriminator.safetensors").read_bytes()
    assert of_mnist.discriminator_sha256 == hashlib.sha256(content).hexdigest()
    assert len(content) <= 2_000_000


def test_every_measure_and_row_has_a_value_for_each_seed(of_mnist: ShippedRecord) -> None:
    assert len(of_mnist.validation_distances) == len(of_mnist.seeds) == 3
    assert {len(measure.values) for measure in of_mnist.measures} == {3}
    assert [row.min_confidence for row in of_mnist.filtering] == [0.0, 0.9]


def test_the_chain_from_data_to_file_is_in_the_file(of_mnist: ShippedRecord) -> None:
    record = load().record
    training, export = record.training, record.export
    assert training is not None
    assert export is not None
    assert (training.data.source, training.data.split, training.data.images) == ("mnist", "train", 60_000)
    assert training.data.sha256 == "78e54f18ddc722d3f8b53828eaf900197aeabc79136adee7f3cf8abe8a4e4a16"
    assert training.validation_distance == of_mnist.validation_distances[0]
    assert (training.steps, training.best_epoch, export.truncation) == (5052, 12, 1.0)
    for commit in (training.versions.git, export.git):
        assert commit
        assert "dirty" not in commit
    proto = onnx.load_model_from_string(FILE.read_bytes())
    del proto.metadata_props[:]
    assert export.graph_sha256 == hashlib.sha256(proto.SerializeToString()).hexdigest()


def test_the_config_is_the_preset_in_the_repository(of_mnist: ShippedRecord) -> None:
    training = load().record.training
    assert training is not None
    config = TrainConfig.model_validate_json(json.dumps(training.config))
    preset = load_config("residual", {"run.seed": of_mnist.seeds[0], "run.evaluate_every": 1})
    trained = Dataset(np.zeros((54_000, 28, 28), np.uint8), np.arange(54_000) % 10, load().record.classes)
    settled = to_values(settle(preset, trained, torch.device("cpu")))
    settled["run"]["precision"] = config.run.precision  # of the machine
    assert to_values(settle(config, trained, torch.device("cpu"))) == settled  # it leaves open what is newer


def test_the_card_is_written_from_the_record(of_mnist: ShippedRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    sys.modules.pop("card", None)
    import card

    text = card.CARD.read_text(encoding="utf-8")
    assert text == card.card(of_mnist, load().record)
    assert of_mnist.sha256 in text
    for name in ("made", "hardest", "closest-pairs"):
        assert f"images/model-{name}.png" in text
        assert (ROOT / f"docs/images/model-{name}.png").exists()


@pytest.mark.slow
def test_what_the_record_says_was_measured_can_be_measured(
    of_mnist: ShippedRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "DIGITSMITH_DATA_HOME", str(tmp_path)
    )  # the search for copies takes longest, and is not looked at
    result = digitsmith.evaluate("mnist", count=of_mnist.protocol.evaluation.images, seed=0)
    assert result.protocol.digitnet_sha256 == of_mnist.protocol.evaluation.digitnet_sha256
    assert not result.collapse.collapsed
    known = {measure.key: measure.title for measure in of_mnist.measures}
    newer = {"frechet_infinity"}  # than the record, which `make model` writes again
    measured = {measure.key: measure.title for measure in result.measures}
    assert newer <= measured.keys()
    assert {key: title for key, title in measured.items() if key not in newer}.items() <= known.items()
    said = {m.key: (m.values[0], m.real) for m in of_mnist.measures}
    for key, tolerance in (("frechet_ratio", 0.2), ("agreement", 0.003), ("recall", 0.01), ("coverage", 0.01)):
        measure = result.measure(key)
        assert (measure.value, measure.real) == pytest.approx(said[key], abs=tolerance)


def test_the_model_is_as_good_as_we_ask_of_one_that_is_shipped(of_mnist: ShippedRecord) -> None:
    mean = {m.key: statistics.mean(m.values) for m in of_mnist.measures}
    real = {m.key: m.real for m in of_mnist.measures}
    assert mean["frechet_ratio"] <= 2
    assert mean["agreement"] >= 0.993
    assert mean["tstr"] >= real["tstr"] - 0.005
    assert mean["recall"] >= 0.9 * real["recall"]
    assert mean["coverage"] >= 0.9 * real["coverage"]
    assert mean["copies"] <= real["copies"]
