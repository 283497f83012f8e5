"""From a trained generator to one ONNX file that runs anywhere."""

import contextlib
import copy
import hashlib
import io
import logging
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from digitsmith.errors import ModelError
from digitsmith.files import staged_file
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import Model
from digitsmith.records.base import git_version
from digitsmith.records.model import ExportRecord, GeneratorRecord
from digitsmith.training.networks import FullyConnected
from digitsmith.training.residual import DoublingConv, GeneratorBlock, ResidualGenerator, StyleEmbedding
from digitsmith.training.styles import StyledGenerator

OPSET = 18
"""Of the exported graph: what ONNX Runtime has run on every platform, the browser among them, since 2023."""

TOLERANCE = 1e-4
"""The largest difference between a pixel of the file and of the torch generator, on a scale of [-1, 1]."""


def export(
    generator: nn.Module,
    path: Path,
    record: GeneratorRecord,
    weights: Literal["float32", "float16"] = "float32",
    truncation: float = 1.0,
) -> Model:
    """Write a generator as ONNX, check it against torch, and load it back.

    The graph takes `z: float32[n, z_dim]` and, if conditional, `label: int64[n]`, and gives
    `image: float32[n, 1, h, w]` in [-1, 1], for any n.

    Args:
        generator: a batch norm right behind a layer is left to that layer, which changes nothing but rounding.
        path: the file to write.
        record: what sampling needs, and where the model came from; how it is exported is added.
        truncation: what noise is multiplied with before the generator sees it; under 1, digits are clearer and vary
            less (the truncation trick of Brock et al. 2018, arXiv:1809.11096, with a scale in place of a bound).
        weights: float16 halves the file; matrices and kernels are rounded once, and computed with in float32 all the
            same.

    Raises:
        ModelError: the file differs from the generator (from the rounded one, if float16) by more than `TOLERANCE`.
    """
    if not 0 < truncation <= 1:
        raise ModelError(
            f"a truncation of {truncation}: noise is multiplied with a number above 0 and at most 1 (--truncation)."
        )
    generator = _scale_noise(generator, truncation)
    folded = _fold(generator)
    if weights == "float16":
        with torch.no_grad():
            for tensor in folded.state_dict().values():
                if tensor.ndim > 1:
                    tensor.copy_(tensor.half())
    z = torch.randn(2, record.z_dim)
    arguments: tuple[Tensor, ...] = (z, torch.zeros(2, dtype=torch.int64)) if record.classes else (z,)
    names = ["z", "label"][: len(arguments)]
    dynamic = tuple({0: torch.export.Dim("n", min=1)} for _ in arguments)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            folded, arguments, dynamo=True, opset_version=OPSET, input_names=names, output_names=["image"],
            dynamic_shapes=dynamic, verbose=False,
        )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    strip(proto, "generator")
    if weights == "float16":
        _store_float16(proto)
    graph_hash = hashlib.sha256(proto.SerializeToString()).hexdigest()
    exported = ExportRecord(git=git_version(), graph_sha256=graph_hash, truncation=truncation)
    record = record.model_copy(update={"export": exported})
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json())
    content = proto.SerializeToString()
    _compare(generator if weights == "float32" else folded, content, record)
    model = Model(path.name, content)
    with staged_file(path) as staged:
        staged.write_bytes(content)
    return model


def _scale_noise(generator: nn.Module, truncation: float) -> nn.Module:
    """A copy, on the CPU and in evaluation mode, that takes noise for that noise times `truncation`."""
    scaled = copy.deepcopy(generator).cpu().eval()
    network = scaled.generator if isinstance(scaled, StyledGenerator) else scaled  # styles keep their proportions
    assert isinstance(network, FullyConnected | ResidualGenerator)  # another kind must not lose its truncation silently
    first = network.linears[0] if isinstance(network, FullyConnected) else network.first
    with torch.no_grad():
        first.weight[:, : network.inputs] *= truncation
    return scaled


def _fold(generator: nn.Module) -> nn.Module:
    """A copy in which layers do what the batch norms right behind them did: at inference, a scale and a shift.

    The norms of classes stay, as they are behind a sum. Embeddings in two parts become one table, and kernels that are
    made of others are made once.
    """
    folded = copy.deepcopy(generator).eval()
    if isinstance(folded, FullyConnected):
        for i, (layer, norm) in enumerate(zip(folded.linears, folded.norms, strict=True), start=1):
            if norm is not None:
                layer.weight = nn.Parameter(layer.weight.contiguous())
                setattr(folded, f"fc{i}", nn.utils.fuse_linear_bn_eval(layer, norm))
                delattr(folded, f"norm{i}")
    for block in folded.modules():
        if isinstance(block, GeneratorBlock):
            block.conv1 = nn.utils.fuse_conv_bn_eval(block.conv1, block.norm2)
            block.norm2 = nn.Identity()  # type: ignore[assignment]
    for name, module in list(folded.named_modules()):
        if isinstance(module, StyleEmbedding):
            table = module.table().detach()
            folded.set_submodule(name, nn.Embedding(len(table), table.shape[1], _weight=table))
        elif isinstance(module, DoublingConv):
            kernel = module.kernel().detach().contiguous()
            inputs, outputs = kernel.shape[:2]
            transposed = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)
            transposed.weight = nn.Parameter(kernel)
            folded.set_submodule(name, transposed)
    return folded


def strip(proto: onnx.ModelProto, name: str) -> None:
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


def _store_float16(proto: onnx.ModelProto) -> None:
    """Store matrices and kernels as float16, with a cast back behind each that the runtime does once, at load."""
    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
            name = tensor.name
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.float16")
            tensor.CopyFrom(half)
            casts.append(onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(casts + nodes)


def _compare(generator: nn.Module, content: bytes, record: GeneratorRecord) -> None:
    """Refuse a file whose images are not the generator's."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for n in (1, 7, 256):
        z = random.standard_normal((n, record.z_dim), dtype=np.float32)
        feed: dict[str, np.ndarray] = {"z": z}
        arguments = [torch.from_numpy(z)]
        if record.classes:
            feed["label"] = random.integers(len(record.classes), size=n)
            arguments.append(torch.from_numpy(feed["label"]))
        (image,) = session.run(["image"], feed)
        with torch.no_grad():
            expected = generator(*arguments).numpy()
        difference = float(np.abs(image - expected).max())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the exported model differs from the trained one by {difference:.1e}, more than {TOLERANCE}."
            )
