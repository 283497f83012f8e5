"""A reader file: one ONNX graph with its record. Loading it, and reading digits with it."""

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from digitsmith.data.assemble import fit
from digitsmith.data.images.ink import to_ink
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.errors import ConfigError, DataError, ModelError
from digitsmith.models.check import Tensor, check_graph, parse, read_metadata
from digitsmith.models.running import Runs, Workers, cores, open_session
from digitsmith.records.base import ReadOptions
from digitsmith.records.learning import PLAN, READER
from digitsmith.records.reader import ReaderRecord
from digitsmith.untrusted import read_bytes, reading

Verdict = Literal["read", "unsure", "two candidates", "no digit", "empty"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_BATCH = 256
_MAX_BYTES = 2**26  # of a reader file
_ZOO = resources.files("digitsmith.models") / "zoo"


@dataclass(frozen=True, eq=False)
class Readings:
    """What a reader says of images.

    Attributes:
        classes: their names.
        probabilities: float32[n, classes]; what is missing to 1 is the probability of no digit at all.
        codes: int8[n], for each image the place of its verdict in `VERDICTS`.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    codes: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most likely class of each image, whether or not it is accepted: int64[n]."""
        labels: NDArray[np.int64] = self.probabilities.argmax(1)
        return labels

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Its probability: float32[n]."""
        confidence: NDArray[np.float32] = self.probabilities.max(1)
        return confidence

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Whether the label of each image is an answer: bool[n]."""
        accepted: NDArray[np.bool_] = self.codes == VERDICTS.index("read")
        return accepted

    @property
    def verdicts(self) -> list[Verdict]:
        """`read`, or why an image is refused."""
        return [VERDICTS[code] for code in self.codes]


class Reader:
    """A trained reader. Get one from `load_reader`.

    Attributes:
        name: what the user calls it.
        record: what it reads, and how it was trained.
        sha256: of the file.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content
        self.record, checked = _check(name, content)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._runs = Runs(name, open_session(name, checked))

    def __reduce__(self) -> tuple[type[Self], tuple[str, bytes]]:
        return type(self), (self.name, self.content)  # a process that gets it loads it anew

    def __repr__(self) -> str:
        height, width = self.record.image_size
        return f"Reader({self.name!r}, {height}x{width}x{self.record.channels}, classes {self.record.classes})"

    def read(self, images: NDArray[np.uint8], *, error: float | None = None, min_probability: float = 0.0) -> Readings:
        """Read images of one digit each, each independently of the others.

        Args:
            images: uint8[n, h, w], 0 background to 255 ink, or in colour uint8[n, h, w, 3], red, green and blue. They
                are framed as the reader's own were, if these were framed.
            error: the share of all images that may get a wrong answer, where they are drawn as the held-out ones of its
                training were; with less, more images are refused. 0.01 by default, or what the held-out images allow.
            min_probability: an answer has at least this probability, too, 0 to 1: it only takes answers away.

        Raises:
            DataError: images that it cannot take.
            ConfigError: an error that its held-out images cannot promise, or no probability.
        """
        check_probability(min_probability)
        thresholds = self.thresholds(error)
        framed = self._framed(images)
        starts = range(0, len(framed), _BATCH)

        def read(start: int) -> NDArray[np.float32]:
            return self.probabilities(to_unit(to_planes(framed[start : start + _BATCH]).astype(np.float32)))

        with Workers(self._runs, cores()) as workers:
            made = [workers.result(future) for future in [workers.submit(read, start) for start in starts]]
        probabilities = np.concatenate([np.zeros((0, len(self.record.classes)), np.float32), *made])
        if not np.isfinite(probabilities).all():
            raise ModelError(f"{self.name} gives probabilities that are no finite numbers: do not use it.")
        return Readings(self.record.classes, probabilities, _judge(probabilities, thresholds, framed, min_probability))

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the graph on float32[n, channels, h, w] in [-1, 1]: float32[n, classes]."""
        return self._runs.run("probability", {"image": images})

    def thresholds(self, error: float | None = None) -> NDArray[np.float32]:
        """The least probability of each class that is taken for an answer: float32[classes]; see `read`."""
        if error is not None and not 0 < error < 1:
            raise ConfigError(f"{error} is no share of wrong answers: give one between 0 and 1.", parameter="error")
        try:
            return np.array(self.record.thresholds(error), np.float32)
        except ValueError as refused:
            raise ConfigError(f"{error} cannot be promised by {self.name}: {refused}.", parameter="error") from refused

    def _framed(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Images of the reader's own size and channels."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
            raise DataError(
                f"give uint8[n, h, w], or in colour uint8[n, h, w, 3], not {images.dtype}{list(images.shape)}."
            )
        if not all(images.shape[1:3]):
            raise DataError("these images have no pixels.")
        record = self.record
        if record.frame is not None:
            options = ReadOptions(resize=record.image_size, frame=record.frame)
            return fit(images, options, "images") if len(images) else np.zeros((0, *record.image_size), np.uint8)
        if images.ndim == 4 and record.channels == 1:
            images = to_ink(images)
        elif images.ndim == 3 and record.channels == 3:
            images = np.repeat(images[..., None], 3, axis=3)
        wanted = (*record.image_size, *((3,) if record.channels == 3 else ()))
        if images.shape[1:] != wanted:
            ours, given = ("x".join(map(str, shape)) for shape in (wanted, images.shape[1:]))
            raise DataError(f"{self.name} reads images of {ours}, not of {given}: resize them.")
        return images


def check_probability(min_probability: float) -> None:
    """Refuse what is no probability.

    Raises:
        ConfigError: it is none.
    """
    if not 0 <= min_probability <= 1:
        message = f"{min_probability} is no probability: give one from 0 to 1."
        raise ConfigError(message, parameter="min_probability")


def _judge(
    probabilities: NDArray[np.float32], thresholds: NDArray[np.float32], images: NDArray[np.uint8], least: float = 0.0
) -> NDArray[np.int8]:
    """The verdict on each image, by the classes that reach their thresholds; answers have the least probability."""
    reached = probabilities >= thresholds
    best = probabilities.argmax(1)
    none = 1 - probabilities.sum(1)
    code = {verdict: np.int8(i) for i, verdict in enumerate(VERDICTS)}
    codes = np.where(reached.sum(1) > 1, code["two candidates"], code["read"])
    codes[(codes == code["read"]) & (probabilities.max(1) < np.float32(least))] = code["unsure"]
    codes[~reached[np.arange(len(best)), best]] = code["unsure"]
    codes[none > probabilities.max(1, initial=0)] = code["no digit"]
    codes[~images.any(tuple(range(1, images.ndim)))] = code["empty"]
    return codes.astype(np.int8)


def load_reader(reader: str | Path | None = None) -> Reader:
    """Load a reader.

    Args:
        reader: the folder that `learn` made, or a reader.onnx; by default the one that comes with the package.

    Raises:
        ModelError: no such reader, or a file that is none of ours.

    Examples:
        >>> import digitsmith
        >>> digitsmith.load_reader().read(digitsmith.load().sample([3, 1, 4])).labels
        array([3, 1, 4])
    """
    if reader is None:
        return _shipped("reader")
    path = Path(reader)
    with reading(path, ModelError, "give a folder that `learn` made, or its reader.onnx"):
        if path.is_dir():
            if (path / PLAN).exists():
                raise ModelError(
                    f"{path} holds a reader that has not learned yet: go on with the same `digitsmith learn`.",
                    parameter="reader",
                )
            path /= READER
        if not path.exists():
            raise ModelError(
                f"there is no reader {path}: give a folder that `digitsmith learn` made.", parameter="reader"
            )
        return Reader(str(reader), read_bytes(path, _MAX_BYTES))


def load_detector() -> Reader:
    """Load the detector that comes with the package: a reader of two classes, `handwritten` and `machine-made`.

    It takes images of one digit each, of 28x28 pixels, as they are: what was scaled has lost what it looks at. Its
    probabilities are for as many images of either class, and prove nothing; see the guide of readers.

    Examples:
        >>> import digitsmith
        >>> made = digitsmith.load().sample([3, 1, 4])
        >>> digitsmith.load_detector().read(made).probabilities[:, 1] > 0.5
        array([ True,  True,  True])
    """
    return _shipped("detector")


@functools.cache
def _shipped(name: str) -> Reader:
    return Reader(name, (_ZOO / name / READER).read_bytes())


def _check(name: str, content: bytes) -> tuple[ReaderRecord, bytes]:
    """The record of a reader file that may be anything, and its graph, once it is sure that running it is harmless."""
    proto, text = parse(name, content)
    record = read_metadata(name, text, ReaderRecord)
    image = Tensor(onnx.TensorProto.FLOAT, (_BATCH, record.channels, *record.image_size))
    probability = Tensor(onnx.TensorProto.FLOAT, (_BATCH, len(record.classes)))
    check_graph(name, proto, {"image": image}, {"probability": probability})
    return record, proto.SerializeToString()  # what is run is what was understood
