"""The operators that a model may use, with their attributes, and how much work each is.

These are the operators of our own exports, and those of usual image classifiers. What is random, loops, branches, or
makes much of little (`Einsum`, `Expand`, `Tile`, `Pad`, …) is not among them.
"""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

OPSET = 18
"""Of the graphs: what ONNX Runtime has run on every platform, the browser among them, since 2023."""

Shape = tuple[int, ...]

_ANY = None  # number
_ZERO, _ONE, _FLAG, _AXIS = range(1), range(1, 2), range(2), range(-4, 4)
_SIDES = [range(1, 17)] * 2  # of a kernel or a stride
_PLACES = {"auto_pad": {b"NOTSET"}, "kernel_shape": _SIDES, "strides": _SIDES, "pads": [range(16)] * 4}
_CONVOLUTION = {**_PLACES, "dilations": [_ONE] * 2, "group": range(1, 2**14 + 1)}
_REDUCTION = {"keepdims": _FLAG, "noop_with_empty_axes": _ZERO}

Values = Container[Any] | list[range] | None
"""Of an attribute: those of a number or a string, those of each of several numbers, or any number."""

OPERATORS: Mapping[str, Mapping[str, Values]] = {
    "Add": {},
    "AveragePool": {**_PLACES, "ceil_mode": _FLAG, "count_include_pad": _FLAG},
    "BatchNormalization": {"epsilon": _ANY, "momentum": _ANY, "training_mode": _ZERO},
    "Cast": {"to": {TensorProto.FLOAT, TensorProto.INT64}},
    "Concat": {"axis": _AXIS},
    "Conv": _CONVOLUTION,
    "ConvTranspose": {**_CONVOLUTION, "group": _ONE, "output_padding": [range(16)] * 2},
    "DepthToSpace": {"blocksize": range(1, 17), "mode": {b"CRD", b"DCR"}},
    "Equal": {},
    "Flatten": {"axis": _AXIS},
    "Gather": {"axis": _AXIS},
    "GatherND": {"batch_dims": _ZERO},
    "Gemm": {"alpha": _ANY, "beta": _ANY, "transA": _ZERO, "transB": _FLAG},
    "GlobalAveragePool": {},
    "Greater": {},
    "LeakyRelu": {"alpha": _ANY},
    "MatMul": {},
    "MaxPool": {**_PLACES, "ceil_mode": _FLAG, "dilations": [_ONE] * 2, "storage_order": _ZERO},
    "Mul": {},
    "ReduceMean": _REDUCTION,
    "ReduceSum": _REDUCTION,
    "Relu": {},
    "Reshape": {"allowzero": _FLAG},
    "Resize": {
        "antialias": _ZERO,
        "coordinate_transformation_mode": {b"asymmetric"},
        "cubic_coeff_a": _ANY,
        "exclude_outside": _ZERO,
        "extrapolation_value": _ANY,
        "keep_aspect_ratio_policy": {b"stretch"},
        "mode": {b"nearest"},
        "nearest_mode": {b"floor"},
    },
    "Slice": {},
    "Softmax": {"axis": _AXIS},
    "Sub": {},
    "Tanh": {},
    "Unsqueeze": {},
}
"""By name: the attributes that each may have, and their values."""

_TOUCHED = 64  # multiply-adds that take as long as any other operator takes for an element
_COPIED = 16  # the same, of an element that is copied into a workspace


def require_known(node: onnx.NodeProto) -> None:
    """Refuse an operator that is not in the table, or that has other attributes.

    Raises:
        ValueError: what is wrong.
    """
    operator, known = node.op_type, OPERATORS.get(node.op_type)
    if known is None or node.domain not in ("", "ai.onnx"):
        raise ValueError(f"it uses {operator}, which models of Digitsmith do not")
    if len(node.output) != 1:
        raise ValueError(f"{operator} has more than one output")
    if len({attribute.name for attribute in node.attribute}) != len(node.attribute):
        raise ValueError(f"{operator} has an attribute twice")
    types = onnx.defs.get_schema(operator, OPSET).attributes
    for attribute in node.attribute:
        name = attribute.name
        if name not in known or name not in types or attribute.type != types[name].type:
            raise ValueError(f"{operator} has an attribute {name}, which models of Digitsmith do not use")
        if not _are_known(helper.get_attribute_value(attribute), known[name]):
            raise ValueError(f"{operator} has a {name} that models of Digitsmith do not use")


def require_fitting(operator: str, inputs: Sequence[Shape], output: Shape) -> None:
    """Refuse inputs whose shapes do not go together, where neither ONNX nor every ONNX Runtime looks.

    Raises:
        ValueError: a bias of another size than the channels: some versions read past its end.
    """
    if operator in ("Conv", "ConvTranspose") and len(inputs) > 2 and inputs[2] != (output[1],):
        raise ValueError(f"{operator} has a bias {list(inputs[2])} for {output[1]} channels")


def multiply_adds(operator: str, inputs: Sequence[Shape], output: Shape) -> int:
    """How many multiply-adds an operator makes, or could make in the time that it takes."""
    others = _TOUCHED * sum(map(math.prod, (*inputs, output)))
    match operator:
        case "Conv":
            copied = _COPIED * inputs[0][0] * workspace(operator, inputs, output)
            return others + copied + math.prod(output) * math.prod(inputs[1][1:])
        case "ConvTranspose":
            copied = _COPIED * inputs[0][0] * workspace(operator, inputs, output)
            return others + copied + math.prod(inputs[0]) * math.prod(inputs[1][1:])
        case "Gemm" | "MatMul":
            return others + math.prod(output) * inputs[0][-1]
        case "AveragePool" | "MaxPool":
            return others + math.prod(output) * _SIDES[0].stop * _SIDES[1].stop
    return others


def workspace(operator: str, inputs: Sequence[Shape], output: Shape) -> int:
    """Elements of the buffer that an operator may work in: of a convolution, all patches of an image, side by side."""
    match operator:
        case "Conv":
            return inputs[0][1] * math.prod(inputs[1][2:]) * math.prod(output[2:])
        case "ConvTranspose":
            return output[1] * math.prod(inputs[1][2:]) * math.prod(inputs[0][2:])
    return 0


def padded_size(shape: Shape) -> int:
    """Elements that a tensor takes in memory, at most: channels of images may be padded to 16."""
    return math.prod(shape) if len(shape) != 4 else shape[0] * -(-shape[1] // 16) * 16 * shape[2] * shape[3]


def _are_known(value: Any, values: Values) -> bool:
    if values is None:
        return True
    if isinstance(values, list):
        return len(value) == len(values) and all(v in known for v, known in zip(value, values, strict=True))
    return value in values
