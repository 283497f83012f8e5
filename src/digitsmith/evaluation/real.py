"""Real images as the digit-net sees them: the reference, and held-out images that set every real-data value.

For MNIST the digit-net's predictions, and the distances in pixels, come with the package.
"""

import functools
import io
import math
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.cache import at_hand
from digitsmith.data.formats import Split
from digitsmith.data.images.framing import SIDE
from digitsmith.data.labels import DIGITS
from digitsmith.data.sources import Source
from digitsmith.evaluation.images import DEFAULT
from digitsmith.evaluation.mix import draw, weights_of
from digitsmith.evaluation.neighbours import nearest
from digitsmith.evaluation.reference import RealData, load_real
from digitsmith.evaluation.samples import Sample, digit_labels
from digitsmith.models.digitnet import DigitNet, Predictions, digit_net, usual_scale
from digitsmith.progress import Progress, Silent
from digitsmith.records.base import ReadOptions
from digitsmith.records.evaluation import ReferenceRecord

MOST = 10_000
"""Images of each kind that are used at most."""

_BLOCK_BYTES = 2**28  # of training images that are compared at a time, as float32

NEIGHBOURS = 50
"""Nearest training images that tell a copy from a common shape (`metrics.copies`)."""


@dataclass(frozen=True, eq=False)
class RealSplit:
    """Real images of one split, shuffled with a fixed seed.

    Attributes:
        record: which they are.
        predictions: what the digit-net makes of them.
        labels: int64[n], the digits that they are labelled as, -1 for none; None without any, or if classes are no
            digits.
        places: int64[n], where they are in the split.
        images: the whole split; None where it is not on this computer.
        all_labels: int64[m], labels of the whole split; None without labels or images.
    """

    record: ReferenceRecord
    predictions: Predictions
    labels: NDArray[np.int64] | None
    places: NDArray[np.int64]
    images: NDArray[np.uint8] | None
    all_labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def choose(self, n: int, wanted: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The places of n images, of which there are so many: the first, or the first of the wanted digits."""
        chosen = draw(np.arange(len(self)), self.labels, n, wanted)
        assert chosen is not None
        return chosen

    def sample(self, chosen: NDArray[np.int64], wanted: NDArray[np.int64] | None = None) -> Sample:
        """These images, which were chosen for these digits."""
        return Sample(
            None if self.images is None else self.images[self.places[chosen]],
            self.predictions[chosen],
            None if self.labels is None else self.labels[chosen],
            None if wanted is None or self.labels is None else weights_of(wanted, self.labels),
        )

    def others(
        self, chosen: NDArray[np.int64], wanted: NDArray[np.int64] | None, scale: float, progress: Progress
    ) -> Sample | None:
        """As many other images, of the same digits; None if there are not so many, or not on this computer."""
        n = len(chosen)
        known = np.setdiff1d(np.arange(len(self)), chosen)
        drawn = draw(known, None if self.labels is None else self.labels[known], n, wanted)
        if drawn is not None:
            return self.sample(drawn)
        if self.images is None or (self.record.digits and wanted is None):
            return None
        rest = np.random.default_rng(1).permutation(np.setdiff1d(np.arange(len(self.images)), self.places[chosen]))
        drawn = draw(rest, None if self.all_labels is None else self.all_labels[rest], n, wanted)
        if drawn is None:
            return None
        work = f"classifying others of {self.record.title}"
        images = self.images[drawn]
        return Sample(images, digit_net().predict(images, scale, progress=progress, work=work), None)


@dataclass(frozen=True, eq=False)
class RealImages:
    """The real images of an evaluation.

    Attributes:
        reference: the split that generated images are compared with, and might have copied.
        held_out: other real images of the same source.
        image_size: height and width.
        channels: 1 or 3.
        scale: at which the digit-net sees all images that are compared with these (`usual_scale`).
        notes: what a reader of results should know.
        held_out_distances: float64[n, NEIGHBOURS] in pixels, from each held-out image to its nearest of the whole
            reference split; None where that was not measured beforehand.
    """

    reference: RealSplit
    held_out: RealSplit
    image_size: tuple[int, int]
    channels: int = 1
    scale: float = 1.0
    notes: tuple[str, ...] = ()
    held_out_distances: NDArray[np.float64] | None = None


def restrict(real: RealImages, digits: NDArray[np.int64]) -> RealImages:
    """The images that are labelled as one of these digits."""

    def part(split: RealSplit) -> tuple[RealSplit, NDArray[np.bool_], int]:
        assert split.labels is not None
        kept = np.isin(split.labels, digits)
        return (
            replace(
                split,
                record=split.record.model_copy(update={"digits": tuple(DIGITS[digit] for digit in digits)}),
                predictions=split.predictions[kept],
                labels=split.labels[kept],
                places=split.places[kept],
            ),
            kept,
            int((split.labels < 0).sum()),
        )

    (reference, _, some), (held_out, kept, others) = part(real.reference), part(real.held_out)
    distances = real.held_out_distances
    note = f"{some + others:,} real images without a label were left out, as only some digits are compared."
    return replace(
        real,
        reference=reference,
        held_out=held_out,
        held_out_distances=None if distances is None else distances[kept],
        notes=(*real.notes, note) if some + others else real.notes,
    )


def load_real_images(source: Source, read: ReadOptions, *, fetch: bool = False, progress: Progress) -> RealImages:
    """Load real images, and let the digit-net classify them.

    For MNIST, the predictions that come with the package do for all measures but those of memorisation: only with
    `fetch` are its images downloaded.

    Raises:
        DataError: no such source.
    """
    if source != DEFAULT or read.resize not in (None, (SIDE, SIDE)) or read.frame == "tight":
        return predict_real(load_real(source, read, progress), progress)
    known = _load_shipped()
    if not (fetch or at_hand("mnist")):
        return known
    data = load_real(source, read, progress)
    return replace(
        known,
        reference=replace(known.reference, images=data.reference.images, all_labels=digit_labels(data.reference)),
        held_out=replace(known.held_out, images=data.held_out.images, all_labels=digit_labels(data.held_out)),
    )


def predict_real(data: RealData, progress: Progress, net: DigitNet | None = None) -> RealImages:
    """Let a digit-net, by default the shipped one, classify real images: `MOST` of each part."""
    scale, net = usual_scale(data.reference.images), net or digit_net()

    def split(part: Dataset, record: ReferenceRecord) -> RealSplit:
        places = np.random.default_rng(0).permutation(len(part))[:MOST]
        labels = digit_labels(part)
        work = f"classifying {record.title}"
        predictions = net.predict(part.images[places], scale, progress=progress, work=work)
        known = None if labels is None else labels[places]
        return RealSplit(record, predictions, known, places, part.images, labels)

    return RealImages(
        split(data.reference, data.record),
        split(data.held_out, data.held_out_record),
        data.reference.image_size,
        data.reference.channels,
        scale,
        data.notes,
    )


def pixel_distances(
    images: NDArray[np.uint8], training: NDArray[np.uint8], work: str, progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances of images to their nearest training images over all channels, black to white being 1 in each.

    Returns:
        float64[n, k], and int64[n, k] which those are; k is `NEIGHBOURS`, or fewer if there are fewer training images.
    """
    k = min(NEIGHBOURS, len(training))
    size = max(_BLOCK_BYTES // (4 * math.prod(training.shape[1:])), k)
    blocks = range(0, len(training), size)
    distances, places = np.full((len(images), k), np.inf), np.zeros((len(images), k), np.int64)
    for first in blocks:
        among = _flat(training[first : first + size])
        for start in range(0, len(images), 1000):
            rows = slice(start, start + 1000)
            near, where = nearest(_flat(images[rows]), among, min(k, len(among)))
            both, of_both = np.hstack([distances[rows], near]), np.hstack([places[rows], where + first])
            order = np.argsort(both, axis=1, kind="stable")[:, :k]
            distances[rows] = np.take_along_axis(both, order, 1)
            places[rows] = np.take_along_axis(of_both, order, 1)
            done = blocks.index(first) * len(images) + min(start + 1000, len(images))
            progress.update(work, done, len(blocks) * len(images))
    return distances, places


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


@functools.cache
def _load_shipped() -> RealImages:
    """MNIST without its images: predictions, and distances in pixels."""
    content = (resources.files("digitsmith.models") / "zoo" / "digitnet" / "mnist.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays: dict[str, NDArray[Any]] = dict(stored)

    def split(name: Split) -> RealSplit:
        features, probabilities = (arrays[f"{name}_{what}"].astype(np.float32) for what in ("features", "odds"))
        labels, places = (arrays[f"{name}_{what}"].astype(np.int64) for what in ("labels", "places"))
        record = ReferenceRecord(source="mnist", split=name, sha256=str(arrays[f"{name}_sha256"]))
        return RealSplit(record, Predictions(features, probabilities), labels, places, None)

    distances = arrays["test_distances"].astype(np.float64)
    return RealImages(split("train"), split("test"), (SIDE, SIDE), held_out_distances=distances)


def shipped_arrays(net: DigitNet) -> dict[str, Any]:
    """What `_load_shipped` takes from the file that comes with the package, by a digit-net: float16 where it can be."""
    real = predict_real(load_real(DEFAULT, ReadOptions(), Silent()), Silent(), net)
    reference, held_out = real.reference, real.held_out
    images, training = held_out.sample(np.arange(len(held_out))).images, reference.images
    assert images is not None
    assert training is not None
    distances, _ = pixel_distances(images, training, "distances in pixels", Silent())
    arrays: dict[str, Any] = {"digitnet": net.sha256, "test_distances": distances.astype(np.float16)}
    for split in (reference, held_out):
        assert split.labels is not None
        name = split.record.split
        arrays |= {
            f"{name}_sha256": split.record.sha256,
            f"{name}_features": split.predictions.features.astype(np.float16),
            f"{name}_odds": split.predictions.probabilities.astype(np.float16),
            f"{name}_labels": split.labels.astype(np.uint8),
            f"{name}_places": split.places.astype(np.uint16),
        }
    return arrays
