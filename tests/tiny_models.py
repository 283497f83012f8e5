"""Generators that are made here, operator by operator, in no time: image = tanh(z W + E[label])."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import Model
from digitsmith.records.base import DataRecord, Versions
from digitsmith.records.model import ExportRecord, GeneratorRecord, TrainingRecord

DIGITS = tuple("0123456789")

TRAINING = TrainingRecord(
    data=DataRecord(source="scans", sha256="ab" * 32, images=100, image_size=(28, 28), classes=("0", "ten")),
    device="cpu",
    versions=Versions(digitsmith="0", python="3", libraries={"torch": "2"}),
    config={"loss": {"r1": 0.2, "betas": [0.0, None]}},
    steps=7,
)


def a_record(**changes: object) -> GeneratorRecord:
    """Of a small grey generator of digits, but for some values."""
    usual = {"classes": DIGITS, "image_size": (28, 28), "z_dim": 6, "z_distribution": "normal", "training": TRAINING,
             "export": ExportRecord(graph_sha256="cd" * 32)}  # fmt: skip
    return GeneratorRecord.model_validate(usual | changes)


def a_proto(record: GeneratorRecord) -> onnx.ModelProto:
    """The graph of a generator that makes what the record says."""
    h, w = record.image_size
    pixels = record.channels * h * w
    random = np.random.default_rng(0)
    arrays = {
        "weight": random.normal(size=(record.z_dim, pixels)).astype(np.float32),
        "shape": np.array([-1, record.channels, h, w]),
    }
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", record.z_dim])]
    nodes = [helper.make_node("MatMul", ["z", "weight"], ["from_noise"])]
    last = "from_noise"
    if record.classes:
        arrays["embedding"] = random.normal(size=(len(record.classes), pixels)).astype(np.float32)
        inputs.append(helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]))
        nodes.append(helper.make_node("Gather", ["embedding", "label"], ["of_class"]))
        nodes.append(helper.make_node("Add", ["from_noise", "of_class"], ["sum"]))
        last = "sum"
    nodes.append(helper.make_node("Tanh", [last], ["flat"]))
    nodes.append(helper.make_node("Reshape", ["flat", "shape"], ["image"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", record.channels, h, w])
    weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "generator", inputs, [image], weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json())
    return proto


def a_model(name: str = "tiny", **changes: object) -> Model:
    """A generator of what `a_record` says."""
    return Model(name, a_proto(a_record(**changes)).SerializeToString())
