"""A generator file: one ONNX graph with metadata. Loading, checking, sampling."""

import hashlib
import json
import math
import operator
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import shape_inference
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from digitsmith.data.dataset import SIDES
from digitsmith.data.pixels import to_uint8
from digitsmith.errors import ModelError
from digitsmith.models.noise import BLOCK, MAX_INDEX, check_seed, noise_block
from digitsmith.records.base import check_class_names
from digitsmith.records.model import Distribution

DEFAULT = "mnist"
"""The shipped model that is used where none is named."""

METADATA_KEY = "digitsmith"
"""The key of the ONNX metadata under which a model's own are kept, as JSON."""

_MAX_BYTES = 2**28  # of a model file
_MAX_ELEMENTS = 2**27  # of any tensor inside, for a block of images
_MAX_SUM = 2**30  # of the elements of all tensors inside
_ATTRIBUTES = {  # the kinds that operators may have; no graphs within the graph, no tensors in hiding
    getattr(onnx.AttributeProto, kind) for kind in ("INT", "INTS", "FLOAT", "FLOATS", "STRING", "STRINGS", "TENSOR")
}
_Side = Annotated[int, Field(ge=SIDES.start, lt=SIDES.stop)]


class ModelMetadata(BaseModel):
    """What sampling needs to know of a model, and where the model came from."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    classes: tuple[str, ...] = Field(default=(), max_length=10_000, description="Empty for an unconditional model.")
    image_size: tuple[_Side, _Side] = Field(description="Height and width, in pixels.")
    z_dim: Annotated[int, Field(ge=1, le=4096)]
    z_distribution: Distribution
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Data and its hash, config, seed, epochs, versions, and the command.",
    )

    @field_validator("classes")
    @classmethod
    def _usable_names(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        return check_class_names(classes)


class Model:
    """A trained generator. Get one from `load`."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.metadata = _check(name, content)
        self.sha256 = hashlib.sha256(content).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # blocks run in parallel, not the layers of one
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a class of its own for each failure, with no common root
            raise ModelError(f"{name}: ONNX Runtime cannot load it ({_first_line(error)}).") from error

    @property
    def conditional(self) -> bool:
        """Whether digits can be asked for by class."""
        return bool(self.metadata.classes)

    def sample(
        self,
        labels: Sequence[int | str] | NDArray[np.integer[Any]] | None = None,
        *,
        count: int | None = None,
        seed: int = 0,
        start: int = 0,
    ) -> NDArray[np.uint8]:
        """Make images `start`, `start + 1`, … of a seed; each depends on the seed, its index and its label alone.

        Args:
            labels: the class of each image, as an index or a name. Conditional models need it; others take none.
            count: how many images, for an unconditional model.
            seed: which series of images.
            start: index of the first image in the series.

        Returns:
            uint8[n, h, w]; 0 is background, 255 ink.

        Raises:
            ModelError: labels that the model does not have, or a count that it cannot make.

        >>> import digitsmith
        >>> digitsmith.load().sample([3, 1, 4]).shape
        (3, 28, 28)
        """
        if self.conditional:
            if labels is None:
                raise ModelError(f"{self.name} makes digits by class: say which, for example labels=[3, 1, 4].")
            if count not in (None, len(labels)):
                raise ModelError(f"{len(labels)} labels and a count of {count}: leave the count out.")
            indices = self.class_indices(labels)
            count = len(indices)
        else:
            if labels is not None:
                raise ModelError(f"{self.name} is unconditional and knows no labels: give count instead.")
            indices = np.zeros(0, np.int64)
        check_range(start, count or 0, seed)
        parts = []
        index = start
        while index < start + (count or 0):
            block = index // BLOCK
            first = index - block * BLOCK
            stop = min(BLOCK, start + (count or 0) - block * BLOCK)
            wanted = indices[index - start : index - start + stop - first]
            parts.append(self.block(seed, block, first, wanted if self.conditional else stop - first))
            index = block * BLOCK + stop
        return np.concatenate(parts)

    def block(
        self, seed: int, block: int, first: int, labels: NDArray[np.int64] | int, attempt: int = 0
    ) -> NDArray[np.uint8]:
        """Make some images of one block of noise. Always the whole block is run, so that products have one shape.

        Args:
            seed: which series of images.
            block: its images are `block * noise.BLOCK` and after.
            first: place of the first wanted image in the block.
            labels: int64[n] of the n wanted images, or their number for an unconditional model.
            attempt: above 0, other images in place of those that were refused.
        """
        z = noise_block(seed, block, self.metadata.z_dim, self.metadata.z_distribution, attempt)
        feed: dict[str, Any] = {"z": z}
        count = labels if isinstance(labels, int) else len(labels)
        if self.conditional:
            feed["label"] = np.zeros(BLOCK, np.int64)
            feed["label"][first : first + count] = labels
        try:
            (images,) = self.session.run(["image"], feed)
        except Exception as error:  # as above
            raise ModelError(f"{self.name}: ONNX Runtime cannot run it ({_first_line(error)}).") from error
        return to_uint8(images[first : first + count])

    def class_indices(self, labels: Sequence[int | str] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Class indices of labels that are given as indices or names: int64[n]."""
        names = {name: i for i, name in enumerate(self.metadata.classes)}
        try:
            indices = [names.get(label, -1) if isinstance(label, str) else operator.index(label) for label in labels]
        except TypeError as error:
            raise ModelError(f"labels are class names or whole numbers: {error}.") from error
        for label, index in zip(labels, indices, strict=True):
            if not 0 <= index < len(names):
                raise ModelError(f"{self.name} has no label {label!r}. Its labels: {' '.join(names)}.")
        return np.array(indices, np.int64)


def load(model: str | Path = DEFAULT) -> Model:
    """Load a generator.

    Args:
        model: name of a shipped model (see `shipped`), a run folder, or an ONNX file that `train` exported.

    Raises:
        ModelError: no such model, or a file that is no generator of ours.
    """
    if (name := str(model)) in shipped():
        return Model(name, (resources.files("digitsmith.models") / "zoo" / f"{name}.onnx").read_bytes())
    try:
        return Model(name, _read(Path(model)))
    except OSError as error:
        raise ModelError(f"cannot read {name}: {error.strerror or error}.") from error


def _read(path: Path) -> bytes:
    if path.is_dir():
        if not (path / "model.onnx").is_file():
            raise ModelError(
                f"{path} holds no model.onnx: its training has not ended yet (`digitsmith export` "
                f"takes its latest checkpoint), or it is no run folder."
            )
        path = path / "model.onnx"
    if not path.is_file():
        raise ModelError(
            f"there is no model {str(path)!r}: give a run folder, an .onnx file or one of {', '.join(shipped())}."
        )
    if path.stat().st_size > _MAX_BYTES:
        raise ModelError(f"{path} is larger than {_MAX_BYTES >> 20} MiB: it is no Digitsmith model.")
    return path.read_bytes()


def shipped() -> list[str]:
    """Names of the models that come with the package."""
    folder = resources.files("digitsmith.models") / "zoo"
    return sorted(entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx"))


def record(name: str) -> dict[str, Any]:
    """How a shipped model was made and what was measured of it: what the model card is written from."""
    content = (resources.files("digitsmith.models") / "zoo" / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(content)
    return found


def check_range(start: int, count: int, seed: int) -> None:
    """Refuse image indices that are outside a seed's series."""
    check_seed(seed)
    if count < 1:
        raise ModelError(f"a count of {count}: ask for at least one image.")
    if start < 0 or start + count > MAX_INDEX:
        raise ModelError(
            f"images {start} to {start + count - 1}: one seed has images 0 to {MAX_INDEX - 1}; use another."
        )


def _check(name: str, content: bytes) -> ModelMetadata:
    """Read the metadata of a model file that may be anything, and make sure that running it is harmless."""
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own errors
        raise ModelError(f"{name} is no ONNX file.") from error
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    if METADATA_KEY not in properties:
        raise ModelError(f"{name} is an ONNX file, but no Digitsmith model: use one that `digitsmith train` exported.")
    try:
        metadata = ModelMetadata.model_validate_json(properties[METADATA_KEY])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{name}: its metadata are not usable ({where}: {first['msg']}).") from error
    h, w = metadata.image_size
    inputs: dict[str, tuple[int, ...]] = {"z": (BLOCK, metadata.z_dim)}
    if metadata.classes:
        inputs["label"] = (BLOCK,)
    try:
        _check_graph(proto, inputs, {"image": (BLOCK, 1, h, w)})
    except ValueError as error:
        raise ModelError(f"{name} is refused: {error}.") from error
    return metadata


def _check_graph(
    proto: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]], outputs: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise `ValueError` unless the graph is self-contained, has these inputs and outputs, and needs bounded memory."""
    graph = proto.graph
    if proto.functions or any(node.domain not in ("", "ai.onnx") for node in graph.node):
        raise ValueError("it uses operators that are not ONNX's own")
    if any(a.type not in _ATTRIBUTES for node in graph.node for a in node.attribute):
        raise ValueError("an operator in it has attributes of a kind that no generator needs")
    constants = [a.t for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    for tensor in [*graph.initializer, *constants]:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError("it wants to read other files")
        if any(dim < 0 for dim in tensor.dims) or math.prod(tensor.dims) > _MAX_ELEMENTS:
            raise ValueError("a tensor in it has absurd dimensions")
    if graph.sparse_initializer:
        raise ValueError("it holds sparse tensors")
    if sorted(i.name for i in graph.input) != sorted(inputs):
        raise ValueError(f"its inputs are not {' and '.join(inputs)}")
    if [o.name for o in graph.output] != list(outputs):
        raise ValueError(f"its output is not {' and '.join(outputs)}")
    sized = onnx.ModelProto()
    sized.CopyFrom(proto)
    for value in sized.graph.input:
        shape = value.type.tensor_type.shape
        if len(shape.dim) != len(inputs.get(value.name, ())):
            raise ValueError(f"its input {value.name} has {len(shape.dim)} dimensions")
        for dim, size in zip(shape.dim, inputs[value.name], strict=True):
            if dim.HasField("dim_value") and dim.dim_value != size:
                raise ValueError(f"its input {value.name} is not {list(inputs[value.name])}")
            dim.dim_value = size
    del sized.graph.value_info[:]  # what the file claims of its insides is not believed
    for value in sized.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = shape_inference.infer_shapes(sized, check_type=True, strict_mode=True, data_prop=True).graph
    except Exception as error:  # its own error class, and RuntimeError
        raise ValueError(f"its shapes do not fit together ({_first_line(error)})") from error
    shapes = {}
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
        raise ValueError("its images are not float32")
    for node in graph.node:
        if not all(name in shapes for name in node.output if name):
            raise ValueError(f"the size of what {node.op_type} makes cannot be told")
    for name, wanted in outputs.items():
        if shapes[name] != wanted:
            raise ValueError(f"its output {name} is {list(shapes[name])}, not {list(wanted)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def provenance(model: Model) -> dict[str, Any]:
    """Where generated images came from, to be kept beside them."""
    return {
        "model": model.name,
        "model_sha256": model.sha256,
        "trained_on": model.metadata.training.get("data", ""),
    }


def as_json(metadata: ModelMetadata) -> str:
    """The metadata as they stand in the file."""
    return json.dumps(metadata.model_dump(mode="json"), sort_keys=True)
