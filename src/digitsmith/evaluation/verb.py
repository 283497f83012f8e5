"""`evaluate`, as users call it: from names, paths or images to a result."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digitsmith.dataset import Dataset
from digitsmith.errors import DataError
from digitsmith.evaluation import measures
from digitsmith.evaluation.measures import Sides
from digitsmith.evaluation.pictures import closest_pairs, contact_sheets
from digitsmith.evaluation.reference import (
    Progress,
    Reference,
    load_reference,
    pixel_distances,
)
from digitsmith.evaluation.subject import Subject, make, open_subject, usual_reference
from digitsmith.features import DIGITS, digit_net
from digitsmith.inception import InceptionV3
from digitsmith.metrics import moments
from digitsmith.model import Model
from digitsmith.results import ClassRow, Evaluation

FeatureSpace = Literal["digitnet", "inception"]


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
    opened = open_subject(subject)
    source = str(reference or usual_reference(opened))
    space = InceptionV3(inception_weights) if features == "inception" else None
    real = load_reference(source, fetch=fetch, progress=progress)
    n = _how_many(count, opened, real, space.FEATURES if space else real.seen.readings.features.shape[1])
    if real.seen.labels is not None:
        require_all_digits(real, n)
    made = make(opened, str(subject), real, n, seed, progress)
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
    readings = digit_net().read(made.images, real.scale, lambda done: progress("reading the digits", done, n))
    seen, unseen = real.seen.readings[:n], real.unseen.readings[:n]
    skipped: dict[str, str] = {}
    if space is None:
        sides = Sides(*(side.features.astype(np.float64) for side in (readings, seen, unseen)))
    else:
        sides = _seen_by(space, made, real, n, progress)
    progress("measuring distances", 0, 1)
    found = measures.realness(sides)
    repeated, doubled = measures.near_duplicates(sides)
    found.append(repeated)
    progress("measuring distances", 1, 1)
    classes: tuple[ClassRow, ...] = ()
    confusion = None
    if real.seen.labels is None or real.unseen.labels is None:
        collapse = measures.collapse_of_any(doubled)
        skipped["reading"] = "Whether images can be read is told for digits only; the classes here are others."
    else:
        more, classes, collapse = measures.variety(readings, seen, unseen, doubled)
        found += [*more, measures.recognisability(readings, unseen)]
        if made.labels is None:
            skipped["agreement"] = "These images carry no labels, so none can be wrong."
        else:
            right, confusion = measures.agreement(made.labels, readings, real.unseen.labels[:n], unseen)
            found.append(right)
    pictures = contact_sheets(made, readings, real)
    if real.seen.images is None:
        skipped["original"] = (
            "Whether training images were copied needs those images, and MNIST is not on this computer: "
            "--fetch downloads it (11 MB)."
        )
    else:
        distances, places = pixel_distances(made.images, real.seen.images, "comparing with training images", progress)
        found += measures.originality(distances, _unseen_distances(real, n, progress))
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
        collapse=collapse,
        classes=classes,
        confusion=confusion,
        skipped=skipped,
        notes=tuple(_singular(sides) + measures.cautions(found)),
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
        raise DataError(f"{least}; {' and '.join(short) or f'--count is {count:,}'}.")
    return n


def require_all_digits(real: Reference, n: int) -> None:
    """Refuse real images too few to say how those of each digit vary."""
    for side in (real.seen, real.unseen):
        counts = np.bincount(side.readings[:n].digits, minlength=len(DIGITS))
        if counts.min() < 2:
            raise DataError(
                f"{side.name} has fewer than two images of the digit {DIGITS[counts.argmin()]} among the {n:,} "
                f"that are used: use a larger reference, or a larger --count."
            )


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
