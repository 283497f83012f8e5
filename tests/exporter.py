"""Torch's exporter, which traces every architecture once: anew for every export, that takes longer than micro runs.

Of an architecture that was exported before, the file gets the weights of the network at hand. Exports compare what
their file computes with the network themselves, and `test_export.py` exports with torch's own.
"""

import contextlib
import functools
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

Weights = dict[str, np.ndarray]


def once_each(patch: pytest.MonkeyPatch) -> None:
    """Let torch's exporter trace each architecture once, and list its operators once."""
    if "torch" not in sys.modules:
        return
    import torch

    real, known = torch.onnx.export, dict[str, bytes]()

    def export(network: Any, arguments: Any, **how: Any) -> Any:
        weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
        shapes = [(name, value.shape, value.dtype) for name, value in weights.items()]
        key = repr((network, shapes, [(a.shape, a.dtype) for a in arguments], how))
        if key not in known:
            program = real(network, arguments, **how)
            if _only_weights(program.model_proto, weights):
                known[key] = program.model_proto.SerializeToString()
            return program
        proto = onnx.ModelProto.FromString(known[key])
        for tensor in proto.graph.initializer:
            if tensor.name in weights:
                tensor.raw_data = numpy_helper.from_array(weights[tensor.name]).raw_data
        return SimpleNamespace(model_proto=proto)

    patch.setattr(torch.onnx, "export", export)
    with contextlib.suppress(ImportError, AttributeError):  # private to torch: elsewhere, tests only take longer
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))


def _only_weights(proto: onnx.ModelProto, weights: Weights) -> bool:
    """Whether the tensors of a graph are all of the weights, as they are, and constants.

    What was computed from the weights is not among them, nor what was left out because of its value.
    """
    scales = {name for node in proto.graph.node if node.op_type == "Resize" for name in node.input}
    there = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    return all(np.array_equal(there.get(name), weight) for name, weight in weights.items()) and all(
        name in weights or name in scales or value.dtype.kind != "f" or value.size == 1 for name, value in there.items()
    )
