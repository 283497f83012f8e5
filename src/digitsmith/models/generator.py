"""A generator file: one ONNX graph with its record. Loading and sampling."""

import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from digitsmith.data.images.pixels import to_uint8
from digitsmith.errors import ConfigError, ModelError, reason
from digitsmith.models.check import Tensor, check_graph, parse, read_metadata
from digitsmith.models.noise import BLOCK, MAX_INDEX, Span, check_seed, noise_block, spans, whole
from digitsmith.models.running import Runs, Workers, open_session
from digitsmith.records.learning import PLAN, READER
from digitsmith.records.model import GeneratorRecord, ShippedRecord
from digitsmith.records.run import Run
from digitsmith.untrusted import read_bytes, reading

DEFAULT = "mnist"
"""The shipped model that is used where none is named."""

Labels = Sequence[int | str] | NDArray[np.integer[Any]]

_MAX_BYTES = 2**28  # of a model file
_PIXELS_PER_RUN = BLOCK * 32 * 32
_ZOO = resources.files("digitsmith.models") / "zoo"


class Model:
    """A trained generator. Get one from `load`.

    Attributes:
        name: what the user calls it.
        record: what it makes, and how it was trained.
        sha256: of the file.
        session: runs the graph. Its inputs are `z`, float32[n, z_dim], and, if conditional, `label`, int64[n]; its
            output is `image`, float32[n, channels, h, w] in [-1, 1].
        runs: its runs, which can be stopped.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content
        self.record, checked = _check(name, content)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.session = open_session(name, checked)
        self.runs = Runs(name, self.session)

    def __reduce__(self) -> tuple[type[Self], tuple[str, bytes]]:
        return type(self), (self.name, self.content)  # a process that gets it loads it anew

    def __repr__(self) -> str:
        height, width = self.record.image_size
        return f"Model({self.name!r}, {height}x{width}x{self.record.channels}, classes {self.record.classes})"

    @property
    def conditional(self) -> bool:
        """Whether digits can be asked for by class."""
        return bool(self.record.classes)

    def sample(
        self, labels: Labels | None = None, *, count: int | None = None, seed: int = 0, start: int = 0
    ) -> NDArray[np.uint8]:
        """Make images `start`, `start + 1`, … of a seed; each depends on the seed, its index and its label alone.

        Args:
            labels: the class of each image, as an index or a name. Conditional models need it; others take none.
            count: how many images, for an unconditional model.
            seed: which series of images.
            start: index of the first image in the series.

        Returns:
            uint8[n, h, w], 0 background to 255 ink; from a colour model uint8[n, h, w, 3], red, green and blue.

        Raises:
            ModelError: labels that the model does not have, or a count that it cannot make.
            ConfigError: a number that is no whole one, or a seed out of range.

        Examples:
            >>> import digitsmith
            >>> digitsmith.load().sample([3, 1, 4]).shape
            (3, 28, 28)
        """
        start, seed = whole(start, "start"), check_seed(seed)
        if self.conditional and labels is None:
            raise ModelError(f"{self.name} makes digits by class: say which, such as [3, 1, 4].", parameter="labels")
        indices = None if labels is None else self.class_indices(labels)
        if indices is not None:
            if count is not None and whole(count, "count") != len(indices):
                raise ModelError(f"{count}, but there are {len(indices)} labels: leave it out.", parameter="count")
            count = len(indices)
        stop = start + whole(count or 0, "count")
        check_range(start, stop)
        model = self.apart()

        def made() -> list[NDArray[np.uint8]]:
            return [
                model.make(span, None if indices is None else indices[span.start - start :][: span.count])
                for span in spans(seed, start, stop)
            ]

        with Workers(model.runs, 1) as workers:
            return np.concatenate(workers.result(workers.submit(made)))

    def make(self, span: Span, labels: NDArray[np.int64] | None = None, attempt: int = 0) -> NDArray[np.uint8]:
        """Make the images of a span. Whatever its size, the graph is run on full batches, so that rounding is the same.

        Args:
            span: which images.
            labels: int64[span.count], class indices; None for an unconditional model.
            attempt: above 0, other images in place of those that were refused.

        Returns:
            As for `sample`.
        """
        feed: dict[str, NDArray[Any]] = {
            "z": noise_block(span.seed, span.block, self.record.z_dim, self.record.z_distribution, attempt)
        }
        if labels is not None:
            feed["label"] = np.zeros(BLOCK, np.int64)
            feed["label"][span.first : span.first + span.count] = labels
        n = images_per_run(self.record.image_size)
        first = span.first // n * n
        runs = []
        for start in range(first, span.first + span.count, n):
            images = self.runs.run("image", {name: full[start : start + n] for name, full in feed.items()})
            if not np.isfinite([images.min(), images.max()]).all():  # far less time than looking at each
                raise ModelError(f"{self.name} makes images with values that are no finite numbers: do not use it.")
            runs.append(images)
        made = runs[0] if len(runs) == 1 else np.concatenate(runs)
        return to_uint8(made[span.first - first :][: span.count])

    def apart(self) -> "Model":
        """The same model, with runs of its own, which are stopped apart from those of others."""
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__ | {"runs": Runs(self.name, self.session)}
        return other

    def class_indices(self, labels: Labels) -> NDArray[np.int64]:
        """Class indices of labels that are given as indices or names: int64[n]."""
        if not self.conditional:
            raise ModelError(f"{self.name} is unconditional and knows none: leave them out.", parameter="labels")
        names = {name: i for i, name in enumerate(self.record.classes)}
        try:
            labels = list(labels)
            indices = [names.get(label, -1) if isinstance(label, str) else whole(label, "labels") for label in labels]
        except (TypeError, ConfigError) as error:
            raise ModelError(f"give class names or whole numbers ({reason(error)}).", parameter="labels") from error
        for label, index in zip(labels, indices, strict=True):
            if not 0 <= index < len(names):
                raise ModelError(f"{self.name} has no label {label!r}; it has {' '.join(names)}.", parameter="labels")
        return np.array(indices, np.int64)


def load(model: str | Path | None = None) -> Model:
    """Load a generator.

    Args:
        model: name of a shipped model (see `shipped`), a run folder, or an ONNX file that `train` exported. The
            shipped one by default. A `Path` is never the name of a shipped one.

    Raises:
        ModelError: no such model, or a file that is no generator of ours.
        RunError: a run folder with links that lead out of it.
    """
    name = DEFAULT if model is None else str(model)
    if name in shipped() and not isinstance(model, Path):
        if model is not None and any(Path(name, *part).is_file() for part in ((), ("config.toml",), ("model.onnx",))):
            raise ModelError(
                f"{name} is the name of a shipped model, and there is a model of that name here: write ./{name} for "
                f"that one, or go to another folder for the shipped one.",
                parameter="model",
            )
        return Model(name, (_ZOO / f"{name}.onnx").read_bytes())
    return Model(name, _read(Path(name)))


def shipped() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(entry.name.removesuffix(".onnx") for entry in _ZOO.iterdir() if entry.name.endswith(".onnx"))


def shipped_record(name: str) -> ShippedRecord:
    """How a shipped model was made and what was measured of it."""
    return ShippedRecord.model_validate_json((_ZOO / f"{name}.json").read_bytes())


def images_per_run(image_size: tuple[int, int]) -> int:
    """Images in one run of a graph: a whole block, or less of large images, so that all sizes need the same memory."""
    n = BLOCK
    while n * image_size[0] * image_size[1] > _PIXELS_PER_RUN:
        n //= 2
    return n


def check_range(start: int, stop: int) -> None:
    """Refuse images `start` to `stop - 1` if there are none, or if they are outside a seed's series."""
    if stop <= start:
        raise ModelError(f"{stop - start} is too few: ask for at least one image.", parameter="count")
    if start < 0 or stop > MAX_INDEX:
        raise ModelError(
            f"one seed has images 0 to {MAX_INDEX - 1}, not {start} to {stop - 1}: use another seed for more.",
            parameter="start" if start < 0 else "count",
        )


def _read(path: Path) -> bytes:
    with reading(path, ModelError, "give a run folder or an .onnx file that Digitsmith exported"):
        if path.is_dir():
            folder, path = path, Run(path).model
            if not path.is_file() and ((folder / READER).exists() or (folder / PLAN).exists()):
                raise ModelError(f"{folder} holds a reader, which makes no digits: give it to `digitsmith read`.")
            if not path.is_file():
                raise ModelError(
                    f"{folder} holds no model.onnx: its training has not ended yet (`digitsmith export` "
                    f"takes its latest checkpoint), or it is no run folder."
                )
        elif not path.exists():
            raise ModelError(
                f"there is no model {str(path)!r}: give a run folder, an .onnx file, or the name of a model that comes "
                f"with Digitsmith: {', '.join(shipped())}.",
                parameter="model",
            )
        return read_bytes(path, _MAX_BYTES)


def _check(name: str, content: bytes) -> tuple[GeneratorRecord, bytes]:
    """The record of a model file that may be anything, and its graph, once it is sure that running it is harmless."""
    proto, text = parse(name, content)
    record = read_metadata(name, text, GeneratorRecord)
    n = images_per_run(record.image_size)
    inputs = {"z": Tensor(onnx.TensorProto.FLOAT, (n, record.z_dim))}
    if record.classes:
        inputs["label"] = Tensor(onnx.TensorProto.INT64, (n,))
    image = Tensor(onnx.TensorProto.FLOAT, (n, record.channels, *record.image_size))
    check_graph(name, proto, inputs, {"image": image})
    return record, proto.SerializeToString()  # what is run is what was understood
