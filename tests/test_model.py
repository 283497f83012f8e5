"""Generator files: they are sampled as they say, and what is no model of ours is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import digitsmith
from digitsmith.errors import DigitsmithError, ModelError
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import images_per_run, load, shipped
from digitsmith.models.noise import MAX_INDEX, noise
from digitsmith.records.model import GeneratorRecord
from tiny_models import a_model, a_proto, a_record


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


def external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[-1]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def hidden_external(proto: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto()
    sparse.dims.append(4)
    sparse.values.data_type, sparse.values.data_location = TensorProto.FLOAT, TensorProto.EXTERNAL
    sparse.values.external_data.add(key="location", value="secret.bin")
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["read"], sparse_value=sparse))


def many_fillings(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2**26], np.int64), "size"))
    for i in range(32):
        proto.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], [f"filled{i}"]))


def whole_numbers(proto: onnx.ModelProto) -> None:
    for node in proto.graph.node:
        node.output[:] = ["float" if o == "image" else o for o in node.output]
    proto.graph.node.append(helper.make_node("Cast", ["float"], ["image"], to=TensorProto.INT64))
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def absurd_weight(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[-1].dims[0] = 2**40


def bomb(proto: onnx.ModelProto) -> None:
    """Concatenate the image with itself until it has 2**40 times its size, then cut it down again."""
    name = "image"
    for node in proto.graph.node:
        node.output[:] = ["small" if o == "image" else o for o in node.output]
    last = "small"
    for i in range(40):
        proto.graph.node.append(helper.make_node("Concat", [last, last], [f"big{i}"], axis=1))
        last = f"big{i}"
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "zero"))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    proto.graph.node.append(helper.make_node("Slice", [last, "zero", "one", "one"], [name]))


def fill_bomb(proto: onnx.ModelProto) -> None:
    size = numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "size")
    proto.graph.initializer.append(size)
    proto.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["filled"]))


def unknowable(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(helper.make_node("NonZero", ["z"], ["where"]))


def loop(proto: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    proto.graph.node.append(helper.make_node("Loop", ["", ""], ["x"], body=body))


def other_domain(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(helper.make_node("Anything", ["z"], ["y"], domain="com.example"))


def other_output(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].name = "picture"


def other_input(proto: onnx.ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external, "wants to read other files"),
        (hidden_external, "attributes of a kind that no model needs"),
        (many_fillings, "together its tensors have absurd dimensions"),
        (whole_numbers, "its output is not float32"),
        (absurd_weight, "absurd dimensions"),
        (bomb, "absurd dimensions"),
        (fill_bomb, "absurd dimensions"),
        (unknowable, "cannot be told"),
        (loop, "attributes of a kind that no model needs"),
        (other_domain, "not ONNX's own"),
        (other_output, "output is not image"),
        (other_input, "inputs are not z and label"),
    ],
)
def test_a_hostile_file_is_refused_before_it_is_run(change: Callable[[onnx.ModelProto], None], message: str) -> None:
    proto = a_proto(a_record())
    change(proto)
    with pytest.raises(ModelError, match=message):
        load(write(proto))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_size": [28, 10**9]}, "image_size"),
        ({"image_size": [28, 7]}, "image_size"),
        ({"image_size": [28, 129]}, "image_size"),
        ({"image_size": [28, 32]}, r"output image is \[256, 1, 28, 28\]"),
        ({"channels": 3}, r"output image is \[256, 1, 28, 28\], not \[256, 3, 28, 28\]"),
        ({"channels": 4}, "channels"),
        ({"z_dim": 10**12}, "z_dim"),
        ({"z_dim": 99}, "input z is not"),
        ({"classes": ["../../etc"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"classes": []}, "inputs are not z"),
        ({"kind": "reader"}, "kind"),
        ({"unknown": 1}, "unknown"),
        ({"z_distribution": "cauchy"}, "z_distribution"),
        ({"training": {"data": "mnist"}}, "training"),
        ({"export": {"graph_sha256": "", "truncation": 2.0}}, "truncation"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(wrong: dict[str, object], message: str) -> None:
    proto = a_proto(a_record())
    set_metadata(proto, json.dumps(a_record().model_dump(mode="json") | wrong))
    with pytest.raises(ModelError, match=message):
        load(write(proto))


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


def test_a_model_whose_insides_are_too_large_for_its_images_is_refused() -> None:
    proto = a_proto(a_record(image_size=(128, 128), channels=3))
    size = numpy_helper.from_array(np.array([1, 2**9, 1, 1], np.int64), "times")
    proto.graph.initializer.append(size)
    proto.graph.node.append(helper.make_node("Tile", ["image", "times"], ["wide"]))
    with pytest.raises(ModelError, match="absurd dimensions"):
        load(write(proto))


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


def test_metadata_survive_the_file() -> None:
    record = a_record(classes=("é", "ten"), image_size=(8, 64), z_dim=3, z_distribution="uniform", channels=3)
    assert load(write(a_proto(record))).record == record
    assert GeneratorRecord.model_validate_json(record.model_dump_json()) == record
