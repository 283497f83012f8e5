"""The real images that others are held against: a reference split, and unseen ones that set every real-data value.

The digit-net reads both once. For MNIST that was done beforehand, and what it read comes with the package.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import Source, at_hand, load_dataset
from digitsmith.errors import MissingSplitError
from digitsmith.evaluation import metrics
from digitsmith.files import staged_file
from digitsmith.models.digitnet import DIGITS, SIDE, DigitNet, Predictions, as_digits, digit_net, usual_scale

MOST = 10_000
"""Images of each side that are used at most."""

NEIGHBOURS = 50
"""Nearest training images that tell a copy from a common shape (`metrics.copies`)."""

Progress = Callable[[str, int, int], Any]
"""Called with the name of a piece of work, how much of it is done, and how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, eq=False)
class Side:
    """Real images, shuffled with a fixed seed.

    Attributes:
        name: source and split.
        readings: what the digit-net makes of them.
        labels: int64[n], the digits that they are labelled as; None where classes are no digits.
        places: int64[n], where they are in the split.
        images: the whole split; None where it is not at hand.
    """

    name: str
    readings: Predictions
    labels: NDArray[np.int64] | None
    places: NDArray[np.int64]
    images: NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.readings)


@dataclass(frozen=True, eq=False)
class Reference:
    """The real images of an evaluation.

    Attributes:
        seen: the split that generated images are compared with, and might have copied.
        unseen: other real images of the same source.
        sha256: hash of the content of `seen`.
        unseen_sha256: the same of `unseen`.
        image_size: height and width.
        scale: at which the digit-net reads all images that are compared with these (`features.usual_scale`).
        notes: what a reader of results should know.
        unseen_distances: float64[n, NEIGHBOURS] in pixels, from each image of `unseen` to its nearest of the whole
            split `seen`; None where that was not measured beforehand.
    """

    seen: Side
    unseen: Side
    sha256: str
    unseen_sha256: str
    image_size: tuple[int, int]
    scale: float = 1.0
    notes: tuple[str, ...] = ()
    unseen_distances: NDArray[np.float64] | None = None


def only(real: Reference, digits: NDArray[np.int64]) -> Reference:
    """The images of a reference that are labelled as one of these digits."""

    def part(side: Side) -> tuple[Side, NDArray[np.bool_]]:
        assert side.labels is not None
        kept = np.isin(side.labels, digits)
        name = f"{side.name}, only {' '.join(DIGITS[digit] for digit in digits)}"
        return Side(name, side.readings[kept], side.labels[kept], side.places[kept], side.images), kept

    (seen, _), (unseen, kept) = part(real.seen), part(real.unseen)
    distances = None if real.unseen_distances is None else real.unseen_distances[kept]
    return replace(real, seen=seen, unseen=unseen, unseen_distances=distances)


@dataclass(frozen=True, eq=False)
class RealData:
    """Two parts of a real data set that share no image, with their names."""

    seen: Dataset
    seen_name: str
    unseen: Dataset
    unseen_name: str
    notes: tuple[str, ...] = ()


def load_reference(
    source: str, *, size: tuple[int, int] | None = None, fetch: bool = False, progress: Progress = silent
) -> Reference:
    """Load the real images of a source, and let the digit-net read them.

    Args:
        source: as for `load_real`.
        size: height and width to scale them to.
        fetch: download MNIST's images even though its shipped readings do for all but memorisation.
        progress: told of the reading.

    Raises:
        DataError: no such source.
    """
    if split_names(source)[0] == "mnist:train" and size in (None, (SIDE, SIDE)):
        shipped = _load_shipped()
        if not (fetch or at_hand("mnist")):
            return shipped
        real = load_real(source)
        return replace(
            shipped,
            seen=replace(shipped.seen, images=real.seen.images),
            unseen=replace(shipped.unseen, images=real.unseen.images),
        )
    return read_reference(load_real(source, size), progress=progress)


def load_real(source: str, size: tuple[int, int] | None = None) -> RealData:
    """Load a source's training split, or the one that it names, as the seen part, and its other split as the unseen.

    Where there is no other split, both are halves of the one, drawn with a fixed seed.

    Raises:
        DataError: no such source.
    """
    seen_name, unseen_name = split_names(source)
    seen = load_dataset(seen_name, resize=size)
    try:
        unseen = load_dataset(unseen_name, resize=size)
        parted = not np.array_equal(seen.images, unseen.images)  # a file that knows no splits gives all for either
    except MissingSplitError:
        parted = False
    if parted:
        notes: tuple[str, ...] = ()
        if seen_name.endswith(":test"):
            notes = (f"The unseen images are {unseen_name}: of a model trained on them, these numbers say little.",)
        return RealData(seen, seen_name, unseen, unseen_name, notes)
    order = np.random.default_rng(0).permutation(len(seen))
    half = len(order) // 2
    note = (
        f"{source} has no second split, so it was halved: a model trained on it saw both halves, "
        f"and copies were looked for in one."
    )
    return RealData(
        seen.take(order[:half]), f"{source}, one half", seen.take(order[half:]), f"{source}, the other half", (note,)
    )


def split_names(source: str) -> tuple[str, str]:
    """A source with its split, training by default, and with the other split."""
    parsed = Source.parse(source)
    return str(parsed), str(parsed.other)


def read_reference(real: RealData, net: DigitNet | None = None, progress: Progress = silent) -> Reference:
    """Let a digit-net, by default the shipped one, read real images."""
    scale = usual_scale(real.seen.images)
    seen, unseen = (
        _read(data, name, net or digit_net(), scale, progress)
        for data, name in ((real.seen, real.seen_name), (real.unseen, real.unseen_name))
    )
    return Reference(
        seen, unseen, real.seen.sha256(), real.unseen.sha256(), real.seen.image_size, scale, notes=real.notes
    )


def digit_labels(data: Dataset) -> NDArray[np.int64] | None:
    """Labels as the digits that their names say: int64[n]; None if there are none, or if a class is no digit."""
    digits = as_digits(data.classes)
    return None if data.labels is None or digits is None else digits[data.labels]


def pixel_distances(
    images: NDArray[np.uint8], training: NDArray[np.uint8], what: str = "", progress: Progress = silent
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances of images to their nearest training images, black to white being 1, and which those are.

    Returns:
        float64[n, k] and int64[n, k], where k is `NEIGHBOURS`, or fewer if there are fewer training images.
    """
    among = _flat(training)
    parts = []
    for start in range(0, len(images), 1000):
        parts.append(metrics.nearest(_flat(images[start : start + 1000]), among, min(NEIGHBOURS, len(among))))
        progress(what, min(start + 1000, len(images)), len(images))
    return np.concatenate([distances for distances, _ in parts]), np.concatenate([places for _, places in parts])


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _read(data: Dataset, name: str, net: DigitNet, scale: float, progress: Progress) -> Side:
    places = np.random.default_rng(0).permutation(len(data))[:MOST]
    images = data.images[places]
    readings = net.predict(images, scale)
    labels = digit_labels(data)
    return Side(name, readings, None if labels is None else labels[places], places, data.images)


@functools.cache
def _load_shipped() -> Reference:
    """What the digit-net read in MNIST."""
    content = (resources.files("digitsmith.models") / "zoo" / "digitnet" / "mnist.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays: dict[str, NDArray[Any]] = dict(stored)

    def side(split: str) -> Side:
        features, probabilities = (arrays[f"{split}_{what}"].astype(np.float32) for what in ("features", "odds"))
        labels, places = (arrays[f"{split}_{what}"].astype(np.int64) for what in ("labels", "places"))
        return Side(f"mnist:{split}", Predictions(features, probabilities), labels, places, None)

    hashes = str(arrays["train_sha256"]), str(arrays["test_sha256"])
    distances = arrays["test_distances"].astype(np.float64)
    return Reference(side("train"), side("test"), *hashes, (SIDE, SIDE), unseen_distances=distances)


def write_shipped(path: Path, net: DigitNet) -> None:
    """Let a digit-net read MNIST, and write what it read as the file that ships: float16 where it can be."""
    reference = read_reference(load_real("mnist"), net)
    seen, unseen = reference.seen, reference.unseen
    assert seen.images is not None
    assert unseen.images is not None
    distances, _ = pixel_distances(unseen.images[unseen.places], seen.images)
    arrays: dict[str, Any] = {
        "digitnet": net.sha256,
        "train_sha256": reference.sha256,
        "test_sha256": reference.unseen_sha256,
        "test_distances": distances.astype(np.float16),
    }
    for split, side in (("train", seen), ("test", unseen)):
        assert side.labels is not None
        arrays |= {
            f"{split}_features": side.readings.features.astype(np.float16),
            f"{split}_odds": side.readings.probabilities.astype(np.float16),
            f"{split}_labels": side.labels.astype(np.uint8),
            f"{split}_places": side.places.astype(np.uint16),
        }
    with staged_file(path) as staged, staged.open("wb") as file:
        np.savez_compressed(file, **arrays)
