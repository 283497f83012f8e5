"""`evaluate`, as users call it: from names, paths or images to a result."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation import measures
from digitsmith.evaluation.inception import InceptionV3
from digitsmith.evaluation.measures import Sides
from digitsmith.evaluation.metrics import moments
from digitsmith.evaluation.pictures import closest_pairs, contact_sheets
from digitsmith.evaluation.reference import (
    Progress,
    Reference,
    load_reference,
    only,
    pixel_distances,
)
from digitsmith.evaluation.subject import Subject, choose_reference, digits_of, make, name_of, open_subject
from digitsmith.models.digitnet import DIGITS, FEATURES, digit_net
from digitsmith.models.generator import Model
from digitsmith.models.noise import check_seed
from digitsmith.records.results import ClassRow, Evaluation

FeatureSpace = Literal["digitnet", "inception"]

_OTHER_MIX = 0.02  # share of images; two random choices of 10,000 differ by less


def evaluate(
    subject: str | Path | Model | Dataset,
    reference: str | Path | None,
    *,
    count: int,
    seed: int,
    features: FeatureSpace,
    inception_weights: Path | None,
    fetch: bool,
    progress: Progress,
) -> Evaluation:
    """Evaluate; see `digitsmith.evaluate`."""
    check_seed(seed)
    if inception_weights is not None and features != "inception":
        raise ConfigError("--inception-weights is for --features inception.")
    opened = open_subject(subject)
    source, size = choose_reference(opened, name_of(subject), reference)
    real = load_reference(source, size=size, fetch=fetch, progress=progress)
    digits = digits_of(opened)
    if digits is not None and real.seen.labels is not None and len(digits) < len(np.unique(real.seen.labels)):
        real = only(real, digits)
    n = _how_many(count, opened, real, InceptionV3.FEATURES if features == "inception" else FEATURES)
    if real.seen.labels is not None:
        _require_all_digits(real, n)
    space = InceptionV3(inception_weights) if features == "inception" else None
    made = make(opened, name_of(subject), real, n, seed, progress)
    return evaluate_images(made, real, n, seed=seed, space=space, progress=progress)


def evaluate_images(
    made: Subject, real: Reference, n: int, *, seed: int, space: InceptionV3 | None, progress: Progress
) -> Evaluation:
    """Measure n images against as many real ones.

    Args:
        made: exactly n images.
        real: what they are compared with.
        n: how many images of each kind are used.
        seed: that the images were made with, for the record.
        space: where distances are measured; None for the digit-net's features.
        progress: told of the work.
    """
    readings = digit_net().predict(made.images, real.scale)
    seen, unseen = real.seen.readings[:n], real.unseen.readings[:n]
    skipped: dict[str, str] = {}
    if space is None:
        sides = Sides(*(side.features.astype(np.float64) for side in (readings, seen, unseen)))
    else:
        sides = _seen_by(space, made, real, n, progress)
    progress("measuring distances", 0, 1)
    found = measures.realness(sides)
    real_labels = None if real.seen.labels is None else real.unseen.labels  # None: what is compared are no digits
    repeated, doubled = measures.near_duplicates(sides, None if real_labels is None else (readings, seen, unseen))
    found.append(repeated)
    progress("measuring distances", 1, 1)
    classes: tuple[ClassRow, ...] = ()
    confusion = None
    if real_labels is None:
        collapse = measures.collapse_of_any(doubled)
        skipped["reading"] = "Whether images can be read is told for digits only; the classes here are others."
    else:
        more, classes, collapse = measures.variety(readings, seen, unseen, doubled)
        found += [*more, measures.recognisability(readings, unseen, trusted=measures.near_real(found))]
        if made.labels is None:
            skipped["agreement"] = "These images carry no labels that name digits, so none can be wrong."
        else:
            right, confusion = measures.agreement(made.labels, readings, real_labels[:n], unseen)
            found.append(right)
    pictures = contact_sheets(made, readings, real)
    if real.seen.images is None:
        skipped["original"] = (
            "Whether training images were copied needs those images, and MNIST is not on this computer: "
            "--fetch downloads it (11 MB)."
        )
    else:
        distances, places = pixel_distances(made.images, real.seen.images, "comparing with training images", progress)
        real_distances = _unseen_distances(real, n, progress)
        if np.median(real_distances[:, 0]) > 0:
            found += measures.originality(distances, real_distances)
        else:
            skipped["original"] = (
                f"Half of {real.unseen.name} are in {real.seen.name} too: what a copy is cannot be told."
            )
        pictures["closest_pairs"] = closest_pairs(made.images, real.seen.images, distances, places)
    return Evaluation(
        subject=made.name,
        subject_kind=made.kind,
        subject_sha256=made.sha256,
        reference=real.seen.name,
        reference_sha256=real.sha256,
        held_out=real.unseen.name,
        protocol=_protocol(made, real, n, seed, space),
        measures=tuple(found),
        collapse=measures.with_coverage(collapse, found),
        classes=classes,
        confusion=confusion,
        skipped=skipped,
        notes=(*_of_reference(made, real), *_singular(sides), *measures.cautions(found, n)),
        pictures=pictures,
    )


def _how_many(count: int, opened: Model | Dataset, real: Reference, size: int) -> int:
    """The number of images of each kind: as many as were asked for, or as there are."""
    there = {f"{side.name} has": len(side) for side in (real.seen, real.unseen)}
    if isinstance(opened, Dataset):
        there["the images to evaluate are"] = len(opened)
    n = min(count, *there.values())
    if n <= size:
        least = f"at least {size + 1} images are needed of each kind, one more than the features have dimensions"
        short = [f"{what} {number:,}" for what, number in there.items() if number <= size]
        enough = f"Use more images (a data set without a test split needs {2 * (size + 1)}), or another --reference."
        raise DataError(f"{least}; {' and '.join(short) or f'--count is {count:,}'}. {enough}")
    return n


def _require_all_digits(real: Reference, n: int) -> None:
    """Refuse real images of which there are too few to say how those of each digit vary."""
    for side in (real.seen, real.unseen):
        there = np.unique(side.labels) if side.labels is not None else np.arange(len(DIGITS))
        counts = np.bincount(side.readings[:n].digits, minlength=len(DIGITS))[there]
        if counts.min() < 2:
            raise DataError(
                f"of {side.name}, fewer than two of the {n:,} images that are used are read as its digit "
                f"{DIGITS[there[counts.argmin()]]}: choose a --reference with more of each."
            )


def _of_reference(made: Subject, real: Reference) -> list[str]:
    notes = list(real.notes)
    if made.kind == "data" and made.labels is not None and real.unseen.labels is not None:
        n = len(made.images)
        counts, usual = (np.bincount(labels[:n], minlength=len(DIGITS)) for labels in (made.labels, real.unseen.labels))
        if (mixed := np.abs(counts - usual).sum() / 2 / n) > _OTHER_MIX:
            notes.append(
                f"The digits are mixed differently here than among the unseen images, by {mixed:.0%}. That moves the "
                f"distances, either way; a model is asked for the same mix."
            )
    if made.images.mean() > 128:
        notes.append("These images look dark on bright. Here ink is bright on dark, as in MNIST: invert them.")
    if made.sha256 == real.sha256:
        notes.append("These are images of the reference itself: they are near to it because they are it.")
    if made.sha256 == real.unseen_sha256:
        notes.append("These are of the images that set the real-data values: any difference to those is chance.")
    return notes


def _seen_by(space: InceptionV3, made: Subject, real: Reference, n: int, progress: Progress) -> Sides:
    if real.seen.images is None or real.unseen.images is None:
        raise DataError(
            "Inception v3 has to see the real images, and MNIST is not on this computer: --fetch downloads it (11 MB)."
        )
    sides = {
        "made images": made.images,
        real.seen.name: real.seen.images[real.seen.places[:n]],
        real.unseen.name: real.unseen.images[real.unseen.places[:n]],
    }
    return Sides(
        *(
            space.extract(images, lambda done, what=what: progress(f"Inception v3 on {what}", done, n))  # type: ignore[misc]
            for what, images in sides.items()
        )
    )


def _unseen_distances(real: Reference, n: int, progress: Progress) -> NDArray[np.float64]:
    if real.unseen_distances is not None:
        return real.unseen_distances[:n]
    assert real.seen.images is not None
    assert real.unseen.images is not None
    images = real.unseen.images[real.unseen.places[:n]]
    return pixel_distances(images, real.seen.images, "comparing unseen with training images", progress)[0]


def _protocol(made: Subject, real: Reference, n: int, seed: int, space: InceptionV3 | None) -> dict[str, Any]:
    net = digit_net()
    return {
        "images": n,
        "seed": seed,
        "features": "digitnet" if space is None else "inception",
        "features_sha256": net.sha256 if space is None else space.sha256,
        "digitnet_sha256": net.sha256,
        "unseen_sha256": real.unseen_sha256,
        "scale": round(real.scale, 3),
        "rounding": "images are 8-bit grey; sums are float64",
        "digitsmith": version("digitsmith"),
        "numpy": version("numpy"),
        "onnxruntime": version("onnxruntime"),
        "python": platform.python_version(),
    }


def _singular(sides: Sides) -> list[str]:
    """Say where a covariance has directions that do not vary."""
    notes = []
    for name, side in (("these", sides.made), ("the real", sides.seen)):
        rank = moments(side).rank
        if rank < side.shape[1]:
            notes.append(
                f"The features of {name} images vary in {rank} of {side.shape[1]} directions only. "
                f"The Fréchet distance is exact all the same."
            )
    return notes
