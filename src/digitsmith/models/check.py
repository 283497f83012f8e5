"""A model file may be anything: it is taken apart and checked here before it is run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import onnx
from onnx import TensorProto, helper, shape_inference
from pydantic import ValidationError

from digitsmith.errors import ModelError, reason
from digitsmith.models.operators import (
    OPSET,
    Shape,
    multiply_adds,
    padded_size,
    require_fitting,
    require_known,
    workspace,
)
from digitsmith.models.protobuf import require_raw
from digitsmith.records.base import Record

R = TypeVar("R", bound=Record)

METADATA_KEY = "digitsmith"
"""The key of the ONNX metadata under which a model's record is kept, as JSON."""

# Of one run, and how many times what the largest preset needs (residual, colour; four times as wide, it passes):
_MOST_WORK = 2**37  # multiply-adds: 9 times; 10 times the shipped model's. Two to five seconds on one core
_MOST_BYTES = 2**30  # of all tensors together: 4.5 times; 5 times the shipped model's
_MOST_WORKSPACE = 2**25  # elements: 14 times; 300 times the shipped model's

_MOST_WEIGHTS = 2**27  # elements of one tensor
_MOST_NODES = 4096
_MOST_BESIDE = 2**22  # bytes in memory of what are no weights; files of ours, with ten classes, take 40,000
_IR_VERSIONS = range(8, 11)
_RAW_DATA = (7, 5, 9)  # where protobuf has it: graph, initializer, raw_data
_SIZES: dict[int, int] = {TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2, TensorProto.INT64: 8}
_USES = {"generator": "makes digits", "reader": "reads digits"}
_SMALL = 64  # elements of a tensor that may decide on shapes


@dataclass(frozen=True)
class Tensor:
    """What goes in or out of a graph: the type of its elements, as ONNX numbers them, and its shape in one run."""

    type: int
    shape: Shape

    def __str__(self) -> str:
        return f"{TensorProto.DataType.Name(self.type).lower()} {list(self.shape)}"


def parse(name: str, content: bytes) -> tuple[onnx.ModelProto, str]:
    """The graph of a model file, and the JSON of its record.

    Raises:
        ModelError: it is no ONNX file, or none of Digitsmith's.
    """
    try:
        require_raw(content, _RAW_DATA, _MOST_BESIDE)
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own errors
        raise ModelError(f"{name} is no ONNX file ({reason(error)}).") from error
    records = [entry.value for entry in proto.metadata_props if entry.key == METADATA_KEY]
    if len(records) != 1:
        raise ModelError(f"{name} is an ONNX file, but no Digitsmith model: use one that Digitsmith exported.")
    return proto, records[0]


def read_metadata(name: str, text: str, kind: type[R]) -> R:
    """The record of a model file, of the kind that is asked for.

    Raises:
        ModelError: it is of the other kind, of another version, or damaged.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        wrong = {problem["loc"]: problem["input"] for problem in error.errors()}
        if (other := str(wrong.get(("kind",)))) in _USES:
            raise ModelError(f"{name} is a {other}, which {_USES[other]}: give the other kind of file here.") from error
        if ("format",) in wrong:
            raise ModelError(
                f"{name} was exported by another version of Digitsmith: export it again, or train it again."
            ) from error
        raise ModelError(f"{name}: its metadata are not usable ({reason(error)}).") from error


def check_graph(name: str, proto: onnx.ModelProto, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
    """Make sure that running a model is harmless, and does what is expected.

    Args:
        name: of the model, for the error.
        proto: the model.
        inputs: what it takes in one run.
        outputs: what it gives.

    Raises:
        ModelError: the graph is not self-contained, has operators that no model needs, takes too much time or memory,
            or has other inputs or outputs.
    """
    try:
        _require_self_contained(proto)
        if [value.name for value in proto.graph.input] != list(inputs):
            raise ValueError(f"its inputs are not {' and '.join(inputs)}")
        if [value.name for value in proto.graph.output] != list(outputs):
            raise ValueError(f"its output is not {' and '.join(outputs)}")
        found = _require_bounded(proto.graph, inputs)
        for output, wanted in outputs.items():
            if found.get(output) != wanted:
                raise ValueError(f"its output {output} is {found.get(output)}, not {wanted}")
        _require_true(proto.graph, found)
    except ValueError as error:
        raise ModelError(f"{name} is refused: {reason(error)}.") from error


def _require_self_contained(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    if [(opset.domain, opset.version) for opset in proto.opset_import] != [("", OPSET)]:
        raise ValueError(f"its operators are not those of ONNX's version {OPSET}")
    if proto.ir_version not in _IR_VERSIONS:
        raise ValueError(f"it is written in version {proto.ir_version} of ONNX's format, which is not known")
    if proto.functions or proto.training_info or graph.sparse_initializer or graph.quantization_annotation:
        raise ValueError("it holds what models of Digitsmith do not, such as functions or sparse tensors")
    if len(graph.node) > _MOST_NODES:
        raise ValueError(f"it has more than {_MOST_NODES} operators")
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError("it wants to read other files")
        if tensor.data_type not in _SIZES:
            raise ValueError("a tensor in it is not of float32, float16 or int64")
        if any(dim < 1 for dim in tensor.dims) or math.prod(tensor.dims) > _MOST_WEIGHTS:
            raise ValueError("a tensor in it has absurd dimensions")
        if len(tensor.raw_data) != math.prod(tensor.dims) * _SIZES[tensor.data_type]:
            raise ValueError(f"its tensor {tensor.name} has not the data of its size")


def _require_bounded(graph: onnx.GraphProto, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Go through the operators, in the order of the file; return the type and shape of everything, in one run.

    The size of what each makes is known and bounded before the next is looked at.
    """
    found = dict(inputs)
    for weight in graph.initializer:
        _add(found, weight.name, Tensor(weight.data_type, tuple(weight.dims)))
    small = {weight.name: weight for weight in graph.initializer if math.prod(weight.dims) <= _SMALL}
    varying, held, work = set(inputs), 0, 0
    for node in graph.node:
        require_known(node)
        given = {name: found[name] for name in node.input if name in found}
        if any(name and name not in given for name in node.input):
            raise ValueError(f"{node.op_type} takes what is not made before it")
        if not varying.isdisjoint(given):
            varying.update(node.output)
        elif node.op_type != "Cast":  # the runtime would compute it while it loads, and keep it
            raise ValueError(f"{node.op_type} computes with nothing but weights")
        made = _made_by(node, given, small)
        _add(found, node.output[0], made)
        shapes = [given[name].shape for name in node.input if name]
        require_fitting(node.op_type, shapes, made.shape)
        held += padded_size(made.shape) * _SIZES.get(made.type, 1)
        work += multiply_adds(node.op_type, shapes, made.shape)
        if held > _MOST_BYTES or workspace(node.op_type, shapes, made.shape) > _MOST_WORKSPACE:
            raise ValueError(f"running it takes too much memory, from {node.op_type} on")
        if work > _MOST_WORK:
            raise ValueError(f"running it takes too long, from {node.op_type} on")
    return found


def _add(found: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if not name or name in found:
        raise ValueError(f"two things in it are named {name!r:.60}")
    found[name] = tensor


def _made_by(node: onnx.NodeProto, given: Mapping[str, Tensor], small: Mapping[str, TensorProto]) -> Tensor:
    """What an operator makes, of what it takes. Only weights, not what is computed, may decide on a shape."""
    types = {name: helper.make_tensor_type_proto(tensor.type, tensor.shape) for name, tensor in given.items()}
    try:
        schema = onnx.defs.get_schema(node.op_type, OPSET)
        opsets = [helper.make_opsetid("", OPSET)]
        made = shape_inference.infer_node_outputs(schema, node, types, dict(small), opset_imports=opsets)
    except Exception as error:  # its own error classes, and RuntimeError
        raise ValueError(f"{node.op_type} does not fit what it takes ({reason(error)})") from error
    told = made[node.output[0]].tensor_type if node.output[0] in made else onnx.TypeProto.Tensor()
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else 0 for dim in told.shape.dim)
    if not told.HasField("shape") or any(dim < 1 for dim in shape):
        raise ValueError(f"the size of what {node.op_type} makes cannot be told, or is none")
    return Tensor(told.elem_type, shape)


def _require_true(graph: onnx.GraphProto, found: Mapping[str, Tensor]) -> None:
    """Refuse a graph that says anything else of types and shapes, which the runtime would plan its memory by."""
    sizes: dict[str, int] = {}
    for value in (*graph.input, *graph.output, *graph.value_info):
        said, tensor = value.type.tensor_type, found.get(value.name)
        if tensor is None:  # not in the graph
            continue
        fits = said.elem_type == tensor.type and len(said.shape.dim) == len(tensor.shape)
        for dim, size in zip(said.shape.dim, tensor.shape, strict=False):
            if dim.HasField("dim_value"):
                fits = fits and dim.dim_value == size
            elif dim.dim_param:  # a name, that stands for one size
                fits = fits and sizes.setdefault(dim.dim_param, size) == size
        if not fits:
            raise ValueError(f"what it says of {value.name} does not fit {tensor}")
