"""Generator files: they are sampled as they say, and what is no model of ours is refused."""

import json
import math
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import digitsmith
from conftest import refused
from digitsmith.errors import ConfigError, DigitsmithError, ModelError, RunError
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import images_per_run, load, shipped
from digitsmith.models.noise import MAX_INDEX, noise
from digitsmith.records.model import GeneratorRecord
from tiny_models import DIGITS, TRAINING, a_model, a_proto, a_record


def test_the_shipped_model_makes_what_it_is_asked_for() -> None:
    assert shipped() == ["mnist"]
    images = digitsmith.load().sample(np.repeat(np.arange(10), 20))
    assert images.shape == (200, 28, 28)
    ink = images.reshape(10, 20, -1).mean((1, 2))
    assert ink.argmin() == 1  # ones have the least ink
    assert ink.argmax() == 0
    assert images[:, 0, :].mean() < 2  # the border is black, but for a speck


def write(proto: onnx.ModelProto) -> Path:
    path = Path("changed.onnx")
    path.write_bytes(proto.SerializeToString())
    return path


def set_metadata(proto: onnx.ModelProto, text: str) -> None:
    del proto.metadata_props[:]
    proto.metadata_props.add(key=METADATA_KEY, value=text)


def trained(config: object) -> dict[str, object]:
    return {"training": TRAINING.model_dump(mode="json") | {"config": config}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_size": [28, 10**9]}, "image_size"),
        ({"image_size": [28, 7]}, "image_size"),
        ({"image_size": [28, 129]}, "image_size"),
        ({"image_size": [28, 32]}, r"output image is float \[256, 1, 28, 28\]"),
        ({"channels": 3}, r"output image is float \[256, 1, 28, 28\], not float \[256, 3, 28, 28\]"),
        ({"channels": 4}, "channels"),
        ({"z_dim": 10**12}, "z_dim"),
        ({"z_dim": 99}, "MatMul does not fit what it takes"),
        ({"classes": ["../../etc"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"classes": ["\x1b[31m"]}, "classes"),
        ({"classes": ["\u202eabc"]}, "classes"),
        ({"classes": []}, "inputs are not z"),
        ({"kind": "reader"}, "kind"),
        ({"unknown": 1}, "unknown"),
        ({"z_distribution": "cauchy"}, "z_distribution"),
        ({"training": {"data": "mnist"}}, "training"),
        ({"export": {"graph_sha256": "", "truncation": 2.0}}, "truncation"),
        ({"z_dim": math.nan}, "z_dim"),
        (trained({"lr": math.nan}), "a number in it is not finite"),
        (trained({"lr": [0.1, -math.inf]}), "a number in it is not finite"),
        (trained({"lr": 10**4000}), "a number in it is too large"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(wrong: dict[str, object], message: str) -> None:
    proto = a_proto(a_record())
    set_metadata(proto, json.dumps(a_record().model_dump(mode="json") | wrong))
    with pytest.raises(ModelError, match=message):
        load(write(proto))


@pytest.mark.parametrize(("depth", "message"), [(20, "too deeply nested"), (100_000, "recursion")])
def test_metadata_in_a_thousand_brackets_are_refused(depth: int, message: str) -> None:
    proto = a_proto(a_record())
    text = json.dumps(a_record().model_dump(mode="json") | trained({"deep": "?"}))
    set_metadata(proto, text.replace('"?"', "[" * depth + "]" * depth))
    with pytest.raises(ModelError, match=message):
        load(write(proto))


def test_two_records_in_one_file_are_refused() -> None:
    proto = a_proto(a_record())
    proto.metadata_props.add(key=METADATA_KEY, value="{}")
    with pytest.raises(ModelError, match="no Digitsmith model"):
        load(write(proto))


def test_where_a_model_was_trained_may_be_any_text() -> None:
    for source in ("a/" + "b" * 4000, "a\0b", "\x1b]0;title\x07", "[/b]"):
        training = TRAINING.model_copy(update={"data": TRAINING.data.model_copy(update={"source": source})})
        model = a_model(classes=DIGITS, training=training)
        with refused(ConfigError, "which is not to be found here", "reference"):
            digitsmith.evaluate(model, count=100, progress=False)


def test_a_file_of_an_older_format_is_to_be_exported_again() -> None:
    proto = a_proto(a_record())
    old = {"format": 1, "classes": [], "image_size": [28, 28], "z_dim": 6, "z_distribution": "normal", "training": {}}
    set_metadata(proto, json.dumps(old))
    with pytest.raises(ModelError, match="was exported by another version of Digitsmith: export it again"):
        load(write(proto))


def test_a_model_that_is_made_by_hand_does_what_it_says() -> None:
    model = a_model()
    proto = a_proto(a_record())
    weight, embedding = (numpy_helper.to_array(t) for t in proto.graph.initializer if t.name in ("weight", "embedding"))
    flat = np.tanh(noise(3, 0, 10, 6, "normal") @ weight + embedding)
    expected = np.floor(flat * 127.5 + 128).clip(0, 255).reshape(10, 28, 28)
    assert np.abs(model.sample(np.arange(10), seed=3) - expected).max() <= 1


@pytest.mark.parametrize(("size", "run"), [((8, 8), 256), ((32, 32), 256), ((33, 32), 128), ((128, 128), 16)])
def test_colour_models_of_all_sizes_are_sampled_in_constant_memory(size: tuple[int, int], run: int) -> None:
    assert images_per_run(size) == run
    model = a_model(image_size=size, channels=3)
    labels = np.arange(40) % 10
    images = model.sample(labels, seed=1, start=240)
    assert images.shape == (40, *size, 3)
    for start, count in ((240, 1), (255, 2), (257, 20)):
        part = model.sample(labels[start - 240 :][:count], seed=1, start=start)
        np.testing.assert_array_equal(part, images[start - 240 :][:count])


@pytest.mark.parametrize(
    ("arguments", "parameter", "message"),
    [
        ({}, "labels", "say which"),
        ({"labels": [3], "count": 2}, "count", "there are 1 labels"),
        ({"labels": [10]}, "labels", "no label 10; it has 0 1 2"),
        ({"labels": ["ten"]}, "labels", "no label 'ten'"),
        ({"labels": [1.5]}, "labels", "class names or whole numbers"),
        ({"labels": []}, "count", "at least one image"),
        ({"labels": [1], "start": -1}, "start", "one seed has images"),
        ({"labels": [1], "start": MAX_INDEX}, "count", "use another seed"),
        ({"labels": [1], "seed": -1}, "seed", "whole number from 0"),
        ({"labels": [1], "seed": 2**63}, "seed", "whole number from 0"),
        ({"labels": [1], "seed": 3.9}, "seed", "3.9 is no whole number"),
        ({"labels": [1], "seed": True}, "seed", "True is no whole number"),
        ({"labels": [1], "seed": "3"}, "seed", "'3' is no whole number"),
        ({"labels": [1], "seed": None}, "seed", "None is no whole number"),
        ({"labels": [1], "start": 0.0}, "start", "0.0 is no whole number"),
        ({"labels": [1], "count": 1e3}, "count", "1000.0 is no whole number"),
        ({"labels": 5}, "labels", "class names or whole numbers"),
        ({"labels": [True]}, "labels", "class names or whole numbers"),
        ({"labels": [[1, 2]]}, "labels", "class names or whole numbers"),
        ({"labels": [None]}, "labels", "class names or whole numbers"),
    ],
)
def test_what_cannot_be_sampled_is_refused(arguments: dict[str, object], parameter: str, message: str) -> None:
    with pytest.raises(DigitsmithError, match=message) as caught:
        a_model().sample(**arguments)
    assert caught.value.parameter == parameter


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    proto = a_proto(a_record())
    for content in (b"", b"not a model", b"\x00" * 100, proto.SerializeToString()[:1000]):
        Path("any.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"any\.onnx"):
            digitsmith.load("any.onnx")
    set_metadata(proto, "{")
    with pytest.raises(ModelError, match="metadata are not usable"):
        digitsmith.load(write(proto))
    proto.metadata_props.clear()
    with pytest.raises(ModelError, match="no Digitsmith model"):
        digitsmith.load(write(proto))
    with pytest.raises(ModelError, match="there is no model 'mnsit'") as caught:
        digitsmith.load("mnsit")
    assert caught.value.parameter == "model"
    with pytest.raises(ModelError, match=r"holds no model\.onnx"):
        digitsmith.load(tmp_path)


def test_what_is_no_file_is_no_model() -> None:
    os.mkfifo("pipe.onnx")
    for path, message in (("pipe.onnx", "no regular file"), ("/dev/zero", "no regular file"), ("a" * 5000, "too long")):
        with refused(ModelError, message):
            digitsmith.load(path)


def test_the_model_of_a_run_is_in_its_folder() -> None:
    write(a_proto(a_record()))
    Path("run").mkdir()
    Path("run/model.onnx").symlink_to("../changed.onnx")
    with refused(RunError, "leads out of run"):
        digitsmith.load("run")


def test_a_model_goes_to_other_processes() -> None:
    model = a_model()
    other = pickle.loads(pickle.dumps(model))
    assert (other.name, other.sha256, other.record) == (model.name, model.sha256, model.record)
    np.testing.assert_array_equal(other.sample([1, 2], seed=3), model.sample([1, 2], seed=3))


def test_metadata_survive_the_file() -> None:
    record = a_record(classes=("é", "ten"), image_size=(8, 64), z_dim=3, z_distribution="uniform", channels=3)
    assert load(write(a_proto(record))).record == record
    assert GeneratorRecord.model_validate_json(record.model_dump_json()) == record


def test_loading_and_sampling_leave_the_processors_state_as_it_is() -> None:
    """A session may be told to take denormal numbers for zero; then all that the thread computes does so."""
    load().sample([1])
    smallest = np.nextafter(np.float64(0), np.float64(1))
    assert smallest * 1.0 > 0
