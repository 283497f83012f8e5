"""A model file may be anything: what is not plainly harmless is refused before it is run, or ends while it runs."""

import itertools
import os
import signal
import threading
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

import digitsmith
from conftest import refused
from digitsmith.errors import ModelError
from digitsmith.models import running
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK, Span
from digitsmith.models.operators import OPSET, require_known
from tiny_models import a_record

Arrays = dict[str, object]
"""Weights by name: arrays, or lists of whole numbers."""


def a_hostile(nodes: Sequence[NodeProto] = (), arrays: Arrays | None = None) -> onnx.ModelProto:
    """A model of images of 8x8 that are its noise, plus the scalar `s` if it has nodes that make one of noise `x`."""
    record = a_record(classes=(), image_size=(8, 8), z_dim=4096)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4096])
    values = {"first": [0], "end": [64], "axis": [1], "shape": [-1, 1, 8, 8], "half": np.float32(0.5), **(arrays or {})}
    weights = [
        numpy_helper.from_array(np.array(value, np.int64) if isinstance(value, list) else np.asarray(value), name)
        for name, value in values.items()
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["z", "half"], ["x"]),
            helper.make_node("Slice", ["x", "first", "end", "axis"], ["cut"]),
            helper.make_node("Reshape", ["cut", "shape"], ["plain" if nodes else "image"]),
            *nodes,
            *([helper.make_node("Add", ["plain", "s"], ["image"])] if nodes else []),
        ],
        "generator", [z], [image], weights,
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json())
    return proto


def node(operator: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def opened(proto: onnx.ModelProto) -> Model:
    return Model("sent", proto.SerializeToString())


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


MEAN = node("ReduceMean", "y", "s", keepdims=0)


def test_what_the_attacks_are_built_on_is_harmless() -> None:
    assert opened(a_hostile()).sample(count=3).shape == (3, 8, 8)
    assert opened(a_hostile([node("Relu", "x", "y"), MEAN])).sample(count=3).shape == (3, 8, 8)


def test_classifiers_may_be_sent_too() -> None:
    path = resources.files("digitsmith.models") / "zoo" / "digitnet" / "digitnet.onnx"
    for made in onnx.load_model_from_string(path.read_bytes()).graph.node:
        require_known(made)


@pytest.mark.parametrize(
    "made",
    [
        node("RandomNormalLike", "x", "y"),
        node("Multinomial", "x", "y"),
        helper.make_node("Dropout", ["x", "half", "on"], ["y"]),
        node("Einsum", "x x", "y", equation="ij,kl->"),
        node("ConstantOfShape", "shape", "y"),
        node("Expand", "x shape", "y"),
        node("Tile", "x shape", "y"),
        node("Pad", "x shape", "y"),
        node("NonZero", "x", "y"),
        node("Range", "first end axis", "y"),
        node("Loop", "first first", "y", body=helper.make_graph([], "body", [], [])),
        node("If", "first", "y", then_branch=helper.make_graph([], "then", [], [])),
        node("Constant", "", "y", sparse_value=onnx.SparseTensorProto()),
        node("StringNormalizer", "x", "y"),
        node("Anything", "x", "y", domain="com.example"),
        node("Relu", "x", "y", domain="com.example"),
    ],
    ids=lambda made: made.op_type,
)
def test_other_operators_than_those_of_our_models_are_refused(made: NodeProto) -> None:
    with refused(ModelError, f"it uses {made.op_type}, which models of Digitsmith do not"):
        opened(a_hostile([made, MEAN]))


def test_a_name_in_the_file_does_not_reach_the_terminal_as_it_is() -> None:
    with refused(ModelError, r"it uses \\x1b\]0;title\\x07"):
        opened(a_hostile([node("\x1b]0;title\x07", "x", "y"), MEAN]))


IMAGES = node("Reshape", "x as_images", "i")
AS_IMAGES = {"as_images": [4, 4, 256, 256], "kernel": ones(4, 4, 3, 3)}


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Conv", {"pads": [-1, 1, 1, 1]}),
        ("Conv", {"pads": [2**40, 0, 0, 0]}),
        ("Conv", {"pads": [1, 1]}),
        ("Conv", {"strides": [0, 1]}),
        ("Conv", {"dilations": [2**30, 1]}),
        ("Conv", {"group": 0}),
        ("Conv", {"group": -1}),
        ("Conv", {"group": 3}),
        ("Conv", {"kernel_shape": [99, 99]}),
        ("Conv", {"kernel_shape": [2, 2]}),
        ("Conv", {"auto_pad": "SAME_UPPER"}),
        ("Conv", {"unknown": 1}),
        ("Conv", {"group": 1.0}),
        ("Conv", {"strides": ["1", "1"]}),
        ("ConvTranspose", {"pads": [199] * 4}),
        ("ConvTranspose", {"output_padding": [-1, 0]}),
        ("ConvTranspose", {"output_padding": [9, 9], "strides": [1, 1]}),
        ("ConvTranspose", {"output_shape": [2**31, 2**31]}),
    ],
)
def test_odd_attributes_are_refused(operator: str, attributes: dict[str, object]) -> None:
    with refused(ModelError, "sent( is refused|: ONNX Runtime cannot (run|load) it)"):
        model = opened(a_hostile([IMAGES, node(operator, "i kernel", "y", **attributes), MEAN], AS_IMAGES))
        model.sample(count=1)


def test_an_attribute_that_comes_twice_is_refused() -> None:
    conv = node("Conv", "i kernel", "y", group=1)
    conv.attribute.append(helper.make_attribute("group", 2))
    with refused(ModelError, "Conv has an attribute twice"):
        opened(a_hostile([IMAGES, conv, MEAN], AS_IMAGES))


def chain(operator: str, first: str, others: str, length: int, **attributes: object) -> list[NodeProto]:
    """An operator on what it made itself, again and again, and the mean of that."""
    names = [first, *(f"y{i}" for i in range(length - 1)), "y"]
    return [
        *(node(operator, f"{a} {others.replace('*', a)}", b, **attributes) for a, b in itertools.pairwise(names)),
        MEAN,
    ]


def resize(scales: list[float]) -> tuple[list[NodeProto], Arrays]:
    made = helper.make_node("Resize", ["i", "", "scales"], ["y"], mode="nearest")
    return [IMAGES, made, MEAN], {"scales": np.array(scales, np.float32)}


LARGE = {"as_images": [1, 1, 1024, 1024]}


@pytest.mark.parametrize(
    ("nodes", "arrays", "message"),
    [
        (chain("Concat", "x", "*", 40, axis=1), {}, "too much memory, from Concat on"),
        (*resize([1, 1, 1e9, 1e9]), "cannot be told|too much memory"),
        (*resize([1, 1, np.nan, 1]), "cannot be told, or is none"),
        (*resize([1, 1, -2, 1]), "Resize does not fit|cannot be told, or is none"),
        (chain("ConvTranspose", "i", "kernel", 1, pads=[15] * 4), LARGE | {"kernel": ones(1, 1, 16, 16)},
         "too much memory, from ConvTranspose on"),
        (chain("ConvTranspose", "i", "kernel", 1), LARGE | {"kernel": ones(1, 1, 200, 200)},
         "too much memory, from ConvTranspose on"),
        (chain("Conv", "i", "kernel", 1), LARGE | {"kernel": ones(1, 1, 500, 500)}, "too much memory, from Conv on"),
        (chain("Conv", "i", "kernel", 1), LARGE | {"kernel": ones(700, 1, 1, 1)}, "too much memory, from Conv on"),
        (chain("Conv", "i", "kernel", 20, pads=[7, 7, 8, 8]),
         {"as_images": [64, 64, 16, 16], "kernel": ones(64, 64, 16, 16)}, "too long, from Conv on"),
        (chain("ConvTranspose", "i", "kernel", 20, pads=[7, 7, 8, 8]),
         {"as_images": [64, 64, 16, 16], "kernel": ones(64, 64, 16, 16)}, "too long, from ConvTranspose on"),
        (chain("MatMul", "x", "square", 200), {"square": ones(4096, 4096)}, "too long, from MatMul on"),
        (chain("MaxPool", "i", "", 400, kernel_shape=[16, 16], pads=[7, 7, 8, 8]), LARGE, "too (long|much memory)"),
        (chain("Relu", "x", "", 4100), {}, "more than 4096 operators"),
        ([node("Reshape", "x z", "y"), MEAN], {}, "Reshape does not fit what it takes"),
        ([node("ReduceMean", "x axis", "m", keepdims=0), node("Cast", "m", "to", to=7), node("Reshape", "x to", "y")],
         {}, "Reshape makes cannot be told"),
        ([node("Conv", "kernel kernel", "y"), MEAN], {"kernel": ones(1, 1, 9, 9)}, "computes with nothing but weights"),
        ([node("Gather", "table far", "y"), MEAN], {"table": ones(3), "far": [99999999]}, "nothing but weights"),
    ],
)  # fmt: skip
def test_what_takes_too_much_is_refused(nodes: list[NodeProto], arrays: Arrays, message: str) -> None:
    nodes = [IMAGES, *(made for made in nodes if made is not IMAGES)]
    with refused(ModelError, message):
        opened(a_hostile(nodes, AS_IMAGES | arrays))


def test_an_empty_tensor_does_not_kill_the_process() -> None:
    """ONNX's own inference of shapes ends the process at a slice of nothing."""
    resized = helper.make_node("Resize", ["i", "", "scales"], ["r"], mode="nearest")
    nodes = [IMAGES, resized, node("Slice", "r first axis axis", "y"), MEAN]
    with refused(ModelError, "the size of what Resize makes cannot be told, or is none"):
        opened(a_hostile(nodes, AS_IMAGES | {"scales": np.array([1, 1, 0, 1], np.float32)}))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Relu", "y", "y"), MEAN], "takes what is not made before it"),
        ([MEAN, node("Relu", "x", "y")], "takes what is not made before it"),
        ([node("Relu", "a", "b"), node("Relu", "b", "a"), MEAN], "takes what is not made before it"),
        ([node("Relu", "x", "y"), node("Tanh", "x", "y"), MEAN], "two things in it are named 'y'"),
        ([node("Relu", "x", "z"), MEAN], "two things in it are named 'z'"),
        ([node("Relu", "x", "half"), MEAN], "two things in it are named 'half'"),
        ([helper.make_node("MaxPool", ["x"], ["y", "where"], kernel_shape=[1, 1]), MEAN], "more than one output"),
        ([node("Relu", "x x x", "y"), MEAN], "Relu does not fit what it takes"),
        ([node("Relu", "", "y"), MEAN], "computes with nothing but weights"),
    ],
)
def test_a_graph_in_disorder_is_refused(nodes: list[NodeProto], message: str) -> None:
    with refused(ModelError, message):
        opened(a_hostile(nodes))


def external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[-1]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def short(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[-1].raw_data = b"\0\0"


def big_and_empty(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.add(name="unused", data_type=TensorProto.FLOAT, dims=[2**13, 2**13])


def absurd(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.add(name="unused", data_type=TensorProto.FLOAT, dims=[2**62, 2**62])


def empty_but_huge(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.add(name="unused", data_type=TensorProto.FLOAT, dims=[2**62, 0])


def strings(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.add(name="unused", data_type=TensorProto.STRING, dims=[1], string_data=[b"a"])


def named_as_an_input(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(ones(256, 4096), "z"))


def sparse(proto: onnx.ModelProto) -> None:
    proto.graph.sparse_initializer.add(dims=[2**40])


def of_a_function(proto: onnx.ModelProto) -> None:
    proto.functions.add(name="Relu", domain="")


def older(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 1


def two_versions(proto: onnx.ModelProto) -> None:
    proto.opset_import.add(domain="", version=12)


def newer_format(proto: onnx.ModelProto) -> None:
    proto.ir_version = 99


def whole_numbers(proto: onnx.ModelProto) -> None:
    proto.graph.node[-1].output[0] = "float"
    proto.graph.node.append(node("Cast", "float", "image", to=TensorProto.INT64))
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def other_size(proto: onnx.ModelProto) -> None:
    proto.graph.value_info.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1]))


def same_size(proto: onnx.ModelProto) -> None:
    proto.graph.value_info.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "n"]))


def double_noise(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def other_output(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].name = "picture"


def other_input(proto: onnx.ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def no_operators(proto: onnx.ModelProto) -> None:
    del proto.graph.node[:]


def noise_as_image(proto: onnx.ModelProto) -> None:
    del proto.graph.node[:]
    proto.graph.output[0].name = "z"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external, "wants to read other files"),
        (short, "has not the data of its size"),
        (big_and_empty, "has not the data of its size"),
        (absurd, "absurd dimensions"),
        (empty_but_huge, "absurd dimensions"),
        (strings, "not of float32, float16 or int64"),
        (named_as_an_input, "two things in it are named 'z'"),
        (sparse, "functions or sparse tensors"),
        (of_a_function, "functions or sparse tensors"),
        (older, "not those of ONNX's version 18"),
        (two_versions, "not those of ONNX's version 18"),
        (newer_format, "version 99 of ONNX's format"),
        (whole_numbers, "output image is int64"),
        (double_noise, "what it says of z does not fit float"),
        (other_size, "what it says of x does not fit float \\[256, 4096\\]"),
        (same_size, "what it says of x does not fit float \\[256, 4096\\]"),
        (other_output, "output is not image"),
        (other_input, "inputs are not z"),
        (no_operators, "output image is None"),
        (noise_as_image, "output is not image"),
    ],
)
def test_a_file_with_more_in_it_than_a_graph_of_ours_is_refused(
    change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    proto = a_hostile()
    change(proto)
    with refused(ModelError, message):
        opened(proto)


@pytest.mark.parametrize("part", [b"\x0a\x00", b"\x2a\x00", b"\x6a\x00"], ids=["operators", "weights", "shapes"])
def test_a_million_empty_parts_are_refused_before_they_are_parsed(part: bytes) -> None:
    graph = b"\x3a" + b"\x80\x80\x80\x01" + part * 2**20  # field 7, and its length of 2**21
    with refused(ModelError, "far more than weights"):
        Model("sent", a_hostile().SerializeToString() + graph)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_images_that_are_no_finite_numbers_are_refused(value: float) -> None:
    nodes = [node("ReduceMean", "x", "mean", keepdims=0), node("Mul", "mean odd", "y"), node("Mul", "y odd", "s")]
    model = opened(a_hostile(nodes, {"odd": np.float32(value)}))
    with refused(ModelError, "no finite numbers"):
        model.sample(count=1)


@pytest.mark.parametrize("scale", [1e9, 1e30, -1e30])
def test_indices_that_are_made_of_noise_do_no_harm(scale: float) -> None:
    far = [node("Mul", "x scale", "far"), node("Cast", "far", "index", to=7)]
    model = opened(
        a_hostile([*far, node("Gather", "table index", "y"), MEAN], {"scale": np.float32(scale), "table": ones(100)})
    )
    with refused(ModelError, "ONNX Runtime cannot run it"):
        model.sample(count=1)


def test_an_error_while_it_runs_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    test_indices_that_are_made_of_noise_do_no_harm(1e9)
    assert capfd.readouterr() == ("", "")


SLOW = chain("Softmax", "x", "", 60, axis=0)
"""Takes a second or two."""


def test_a_run_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(a_hostile(SLOW))
    monkeypatch.setattr(running, "MOST_SECONDS", 0.02)
    with refused(ModelError, "was stopped, as one run took longer than"):
        model.sample(count=10**6)


def test_a_run_can_be_stopped_from_another_thread() -> None:
    model, errors = opened(a_hostile(SLOW)), []

    def sample() -> None:
        try:
            model.make(Span(0, 0, BLOCK))
        except ModelError as error:
            errors.append(str(error))

    at_work = threading.Thread(target=sample)
    at_work.start()
    while not errors:
        model.runs.stop()
    at_work.join()
    assert "terminate" in errors[0]


def sampled(model: Model) -> None:
    model.sample(count=10**6)


def generated(model: Model) -> None:
    digitsmith.generate("made", 10**6, model=model, progress=False)


@pytest.mark.parametrize("work", [sampled, generated])
def test_an_interrupt_ends_work_at_once_and_leaves_nothing(work: Callable[[Model], None]) -> None:
    model, before = opened(a_hostile(SLOW)), threading.active_count()
    interrupt = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        work(model)
    interrupt.join()
    assert threading.active_count() == before
    assert not list(Path().iterdir())
