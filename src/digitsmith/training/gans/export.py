"""From a trained generator to one ONNX file that runs anywhere."""

import copy
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from digitsmith.config.loading import to_values
from digitsmith.config.schema import TrainConfig
from digitsmith.errors import ModelError
from digitsmith.files import require_file_place, staged_file
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.generator import Model
from digitsmith.records.base import git_version
from digitsmith.records.model import ExportRecord, GeneratorRecord, TrainingRecord
from digitsmith.records.run import Run, RunRecord
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.state import State
from digitsmith.training.gans.styles import StyledGenerator
from digitsmith.training.onnx_graph import TOLERANCE, fold, to_onnx


def export(run: str | Path, path: str | Path, *, half: bool = False, truncation: float = 1.0) -> Model:
    """Export the generator of a run's latest checkpoint; the best so far, if it was measured during training.

    Args:
        run: the run folder, whether or not its training has ended.
        path: the ONNX file to write, or to replace.
        half: store the weights as float16, which halves the file; matrices and kernels are rounded once, and computed
            with in float32 all the same.
        truncation: what noise is multiplied with before the generator sees it, above 0 and at most 1; under 1, digits
            are clearer and vary less (the truncation trick of Brock et al. 2018, arXiv:1809.11096, with a scale in
            place of a bound).

    Raises:
        RunError: the folder holds no run, or its checkpoint is damaged.
        ModelError: a truncation out of range, or a file whose images are not the generator's.
        OutputError: the file cannot be written.
    """
    require_file_place(Path(path))
    folder = Run(Path(run))
    config, record = folder.read_config(), folder.read_record()
    with torch.random.fork_rng():  # the caller's random state stays as it is
        state = checkpoint.load(folder.checkpoint, config, record.data, torch.device("cpu"))
        return export_state(state, Path(path), config, record, half=half, truncation=truncation)


def export_state(
    state: State, path: Path, config: TrainConfig, trained: RunRecord, *, half: bool = False, truncation: float = 1.0
) -> Model:
    """Export the chosen generator of a training; see `export`."""
    if not 0 < truncation <= 1:
        raise ModelError(
            f"{truncation}: noise is multiplied with a number above 0 and at most 1.", parameter="truncation"
        )
    position, networks, data = state.position, config.networks, trained.data
    record = GeneratorRecord(
        classes=data.classes if networks.conditional else (),
        image_size=data.image_size,
        channels=data.channels,
        z_dim=networks.z_dim,
        z_distribution=networks.z_distribution,
        training=TrainingRecord(
            ranks=trained.ranks,
            data=data,
            device=trained.device,
            versions=trained.versions,
            labels=trained.labels,
            config=to_values(config),
            steps=position.step,
            best_epoch=position.best_epoch or None,
            validation_distance=position.best_distance,
        ),
    )
    generator = _scale_noise(state.chosen, truncation)
    folded = fold(copy.deepcopy(generator))
    if half:
        _round(folded)
    z = torch.zeros(2, record.z_dim)
    arguments: tuple[Tensor, ...] = (z, torch.zeros(2, dtype=torch.int64)) if record.classes else (z,)
    proto = to_onnx(folded, arguments, ["z", "label"][: len(arguments)], ["image"], name="generator")
    if half:
        _store_float16(proto)
    graph_sha256 = hashlib.sha256(proto.SerializeToString()).hexdigest()
    exported = ExportRecord(git=git_version(), graph_sha256=graph_sha256, truncation=truncation)
    record = record.model_copy(update={"export": exported})
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json(exclude_none=True))
    content = proto.SerializeToString()
    _compare(folded if half else generator, content, record)
    model = Model(path.name, content)
    with staged_file(path) as staged:
        staged.write_bytes(content)
    return model


def _scale_noise(generator: nn.Module, truncation: float) -> nn.Module:
    """A copy, on the CPU and in evaluation mode, that takes noise for that noise times `truncation`."""
    scaled = copy.deepcopy(generator).cpu().eval()
    network = scaled.generator if isinstance(scaled, StyledGenerator) else scaled  # styles keep their proportions
    first, inputs = network.first, network.inputs
    assert isinstance(first, nn.Linear)
    assert isinstance(inputs, int)
    with torch.no_grad():
        first.weight[:, :inputs] *= truncation
    return scaled


@torch.no_grad()
def _round(generator: nn.Module) -> None:
    """Round matrices and kernels to float16, in place."""
    for tensor in generator.state_dict().values():
        if tensor.ndim > 1:
            tensor.copy_(tensor.half())


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
