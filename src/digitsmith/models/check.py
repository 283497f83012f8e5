"""A model file may be anything: it is taken apart and checked here before it is run."""

import math
from collections.abc import Mapping

import onnx
from onnx import shape_inference

from digitsmith.errors import ModelError, reason

METADATA_KEY = "digitsmith"
"""The key of the ONNX metadata under which a model's record is kept, as JSON."""

_MAX_ELEMENTS = 2**27  # of any tensor, in one run
_MAX_SUM = 2**30  # of all tensors together
_ATTRIBUTES = {  # the kinds that operators may have; no graphs within the graph, no tensors in hiding
    getattr(onnx.AttributeProto, kind) for kind in ("INT", "INTS", "FLOAT", "FLOATS", "STRING", "STRINGS", "TENSOR")
}

Shape = tuple[int, ...]


def parse(name: str, content: bytes) -> tuple[onnx.ModelProto, str]:
    """The graph of a model file, and the JSON of its record.

    Raises:
        ModelError: it is no ONNX file, or none of Digitsmith's.
    """
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own errors
        raise ModelError(f"{name} is no ONNX file.") from error
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    if METADATA_KEY not in properties:
        raise ModelError(f"{name} is an ONNX file, but no Digitsmith model: use one that Digitsmith exported.")
    return proto, properties[METADATA_KEY]


def check_graph(name: str, proto: onnx.ModelProto, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> None:
    """Make sure that running a model is harmless, and does what is expected.

    Args:
        name: of the model, for the error.
        proto: the model.
        inputs: the shape of each input in one run.
        outputs: the shape of each output in one run; all must be float32.

    Raises:
        ModelError: the graph is not self-contained, needs too much memory, or has other inputs or outputs.
    """
    try:
        _require_self_contained(proto)
        if sorted(value.name for value in proto.graph.input) != sorted(inputs):
            raise ValueError(f"its inputs are not {' and '.join(inputs)}")
        if [value.name for value in proto.graph.output] != list(outputs):
            raise ValueError(f"its output is not {' and '.join(outputs)}")
        shapes = _bounded_shapes(_with_shapes(proto, inputs))
        for output, wanted in outputs.items():
            if shapes[output] != wanted:
                raise ValueError(f"its output {output} is {list(shapes[output])}, not {list(wanted)}")
    except ValueError as error:
        raise ModelError(f"{name} is refused: {error}.") from error


def _require_self_contained(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    if proto.functions or any(node.domain not in ("", "ai.onnx") for node in graph.node):
        raise ValueError("it uses operators that are not ONNX's own")
    if any(a.type not in _ATTRIBUTES for node in graph.node for a in node.attribute):
        raise ValueError("an operator in it has attributes of a kind that no model needs")
    constants = [a.t for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    for tensor in [*graph.initializer, *constants]:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError("it wants to read other files")
        if any(dim < 0 for dim in tensor.dims) or math.prod(tensor.dims) > _MAX_ELEMENTS:
            raise ValueError("a tensor in it has absurd dimensions")
    if graph.sparse_initializer:
        raise ValueError("it holds sparse tensors")


def _with_shapes(proto: onnx.ModelProto, inputs: Mapping[str, Shape]) -> onnx.ModelProto:
    """A copy whose inputs have these shapes; what the file claims of all others is not believed."""
    sized = onnx.ModelProto()
    sized.CopyFrom(proto)
    for value in sized.graph.input:
        dims = value.type.tensor_type.shape.dim
        if len(dims) != len(inputs[value.name]):
            raise ValueError(f"its input {value.name} has {len(dims)} dimensions")
        for dim, size in zip(dims, inputs[value.name], strict=True):
            if dim.HasField("dim_value") and dim.dim_value != size:
                raise ValueError(f"its input {value.name} is not {list(inputs[value.name])}")
            dim.dim_value = size
    del sized.graph.value_info[:]
    for value in sized.graph.output:
        value.type.tensor_type.ClearField("shape")
    return sized


def _bounded_shapes(proto: onnx.ModelProto) -> dict[str, Shape]:
    """The shape of everything that the graph computes."""
    try:
        inferred = shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True).graph
    except Exception as error:  # its own error class, and RuntimeError
        raise ValueError(f"its shapes do not fit together ({reason(error)})") from error
    shapes: dict[str, Shape] = {}
    for value in [*inferred.value_info, *inferred.output]:
        dims = value.type.tensor_type.shape.dim
        if not value.type.tensor_type.HasField("shape") or not all(dim.HasField("dim_value") for dim in dims):
            raise ValueError(f"the size of {value.name} cannot be told")
        shapes[value.name] = tuple(dim.dim_value for dim in dims)
        if math.prod(shapes[value.name]) > _MAX_ELEMENTS:
            raise ValueError("a tensor in it has absurd dimensions")
    if sum(map(math.prod, shapes.values())) > _MAX_SUM:
        raise ValueError("together its tensors have absurd dimensions")
    if any(output.type.tensor_type.elem_type != onnx.TensorProto.FLOAT for output in inferred.output):
        raise ValueError("its output is not float32")
    for node in proto.graph.node:
        if not all(name in shapes for name in node.output if name):
            raise ValueError(f"the size of what {node.op_type} makes cannot be told")
    return shapes
