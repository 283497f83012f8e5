"""From a trained network to an ONNX graph."""

import contextlib
import io
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from digitsmith.models.operators import OPSET

TOLERANCE = 1e-4
"""The largest difference between what the file and the torch network compute."""


def fold(module: nn.Module) -> nn.Module:
    """Put what is simpler for inference, of the same function, in the place of every module that has it."""
    if callable(simpler := getattr(module, "folded", None)):
        module = simpler()
    for name, child in module.named_children():
        setattr(module, name, fold(child))
    return module


def to_onnx(
    network: nn.Module, arguments: tuple[Tensor, ...], inputs: list[str], outputs: list[str], *, name: str
) -> onnx.ModelProto:
    """A network as an ONNX graph of that name, for batches of any size, with nothing in it of this machine."""
    dynamic = tuple({0: torch.export.Dim("n", min=1)} for _ in arguments)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network, arguments, dynamo=True, opset_version=OPSET, input_names=inputs, output_names=outputs,
            dynamic_shapes=dynamic, verbose=False,
        )  # fmt: skip
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    _strip(proto, name)
    return proto


def _strip(proto: onnx.ModelProto, name: str) -> None:
    """Name a graph, and take out what the exporter notes of this machine: paths and stack traces."""
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    proto.producer_name = "digitsmith"
    proto.producer_version = ""
    proto.graph.name = name
