"""`digitsmith.evaluate`: from names, paths or images to a result."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.errors import blaming
from digitsmith.evaluation import notes
from digitsmith.evaluation.extractors import FeatureSpace, feature_extractor, features_of
from digitsmith.evaluation.images import open_subject
from digitsmith.evaluation.independent import Autoencoder
from digitsmith.evaluation.measures.collapse import find_collapse
from digitsmith.evaluation.measures.diversity import DigitStatistics, digit_diversity, diversity, near_duplicates
from digitsmith.evaluation.measures.fidelity import fidelity
from digitsmith.evaluation.measures.independent import independent
from digitsmith.evaluation.measures.memorisation import memorisation
from digitsmith.evaluation.measures.readability import label_agreement, recognisability
from digitsmith.evaluation.measures.verdicts import near_real
from digitsmith.evaluation.neighbours import Features
from digitsmith.evaluation.pictures import closest_pairs, contact_sheets
from digitsmith.evaluation.real import load_real_images, pixel_distances, restrict
from digitsmith.evaluation.reference import choose_reference, on_choice
from digitsmith.evaluation.samples import FeatureSets, Sample, Sets, digits_in
from digitsmith.evaluation.task import Task, images_of, require_all_digits, samples_of, task_of
from digitsmith.models.digitnet import digit_net
from digitsmith.models.generator import Model
from digitsmith.models.noise import check_seed, whole
from digitsmith.progress import Progress, listening
from digitsmith.records.base import Versions
from digitsmith.records.evaluation import Collapse, Confusion, Evaluation, Measure, Protocol


def evaluate(
    subject: str | Path | Model | Dataset,
    reference: str | Path | None = None,
    *,
    count: int = 10_000,
    seed: int = 0,
    features: FeatureSpace = "digitnet",
    inception_weights: str | Path | None = None,
    fetch: bool = False,
    progress: Progress | bool = True,
) -> Evaluation:
    """Measure fidelity, diversity, readability and memorisation of images, each beside what held-out real images get.

    Args:
        subject: a model, a data set, or what names one: a shipped model, a run folder, an `.onnx` file, or what
            `load_dataset` takes. `mnist` is the shipped model, `mnist:test` the real test images.
        reference: the real images to compare with, as for `load_dataset`: one split, whose other split is held out. By
            default what the model was trained on, or the one that made the data set, as far as that is recorded; else
            `mnist`, which needs no download but for the measures of memorisation.
        count: how many images of each kind; fewer where there are not so many, or not of each digit.
        seed: of the images that a model generates, or of the choice from a data set.
        features: the feature extractor: the shipped `digitnet`, or `inception` (Inception v3, which sees grey images
            repeated as red, green and blue: the Fréchet distance is then the FID; needs the extra `inception`).
        inception_weights: a file of Inception weights, instead of the published ones.
        fetch: download MNIST if it is not on this computer, for the measures of memorisation.
        progress: True shows it, False is silent; or an object that is told (`digitsmith.progress.Progress`).

    Raises:
        DataError: too few images, or images of different sizes or channels.
        ConfigError: a seed out of range, or training data of the model that are not to be found.
        DependencyError: Inception features without their libraries.
        DigitsmithError: the root of these; see `digitsmith.errors`.

    Examples:
        >>> import digitsmith
        >>> result = digitsmith.evaluate("mnist", "mnist", count=500)
        >>> result.measure("agreement").value > 0.9
        True
    """
    seed, count = check_seed(seed), whole(count, "count")
    with listening(progress) as listener:
        opened = open_subject(subject, listener, reference)
        chosen, read = choose_reference(opened, reference)
        with blaming("reference"):
            real = load_real_images(chosen, read, fetch=fetch, progress=listener)
        real = replace(real, notes=(*real.notes, *on_choice(opened, reference, chosen)))
        labels = real.reference.labels
        if opened.digits is not None and labels is not None and len(opened.digits) < len(digits_in(labels)):
            real = restrict(real, opened.digits)
        weights = None if inception_weights is None else Path(inception_weights)
        extractor = feature_extractor(features, weights, real.scale, listener)
        task = task_of(count, opened, real, extractor, seed)
        if labels is not None:
            require_all_digits(task)
        return evaluate_images(images_of(task, listener), task, listener)


def evaluate_images(images: Dataset, task: Task, progress: Progress) -> Evaluation:
    """Measure exactly `task.count` images of the task's subject against as many real ones."""
    real, subject, n = task.real, task.subject, task.count
    predictions = digit_net().predict(images.images, real.scale, progress=progress, work="classifying the images")
    samples = samples_of(images, predictions, task)
    others = real.reference.others(real.reference.choose(n, task.wanted), task.wanted, real.scale, progress)
    features = FeatureSets(*(features_of(sample, task.extractor, progress) for sample in samples))
    progress.update("measuring", 0, 1)
    found = _measure(samples, features, None if others is None else features_of(others, task.extractor, progress))
    progress.update("measuring", 1, 1)
    pictures = contact_sheets(samples.generated, real.reference)
    copied, skipped, pairs = _look_for_copies(samples, task, progress)
    measured, unmeasured = _in_other_features(samples, others, task, progress)
    measures = (*found.measures, *copied, *measured)
    return Evaluation(
        subject=subject.name,
        subject_kind=subject.kind,
        subject_sha256=subject.sha256,
        reference=real.reference.record,
        held_out=real.held_out.record,
        protocol=Protocol(
            images=n,
            seed=task.seed,
            mix="as they come" if task.wanted is None else "reference",
            matched=task.matched,
            features=task.extractor.name,
            features_sha256=task.extractor.sha256,
            digitnet_sha256=digit_net().sha256,
            independent_sha256=Autoencoder().sha256 if measured else "",
            scale=round(real.scale, 3),
            versions=Versions.here("numpy", "onnxruntime", *(["torch"] if task.extractor.name == "inception" else [])),
        ),
        measures=measures,
        collapse=found.collapse,
        classes=found.statistics.rows() if found.statistics else (),
        confusion=found.confusion,
        skipped=found.skipped | skipped | unmeasured,
        notes=(
            *real.notes,
            *notes.on_mix(samples, task),
            *notes.on_images(samples, subject, real),
            *notes.on_ranks(features.moments),
            *notes.on_trust(measures, n),
        ),
        pictures=pictures | pairs,
    )


@dataclass(frozen=True, eq=False)
class _Findings:
    """What features, predictions and labels say."""

    measures: list[Measure]
    collapse: Collapse
    statistics: DigitStatistics | None
    confusion: Confusion | None
    skipped: dict[str, str]


def _measure(samples: Sets[Sample], features: FeatureSets, others: Features | None) -> _Findings:
    are_digits = samples.reference.labels is not None and samples.held_out.labels is not None
    predictions = samples.map(lambda of: of.predictions) if are_digits else None
    statistics = DigitStatistics.of(samples) if are_digits else None
    confusion, skipped = None, {}
    repeated, duplicated = near_duplicates(features, predictions)
    found = [*fidelity(features, others), *diversity(features), repeated]
    if predictions is None or statistics is None:
        skipped["readability"] = (
            "Readability was not measured: the real images carry no labels that name digits, and the digit-net "
            "classifies digits only."
        )
    else:
        found += digit_diversity(statistics)
        found.append(recognisability(predictions.generated, predictions.held_out, trusted=near_real(found)))
        if samples.generated.labelled and samples.held_out.labelled:
            agreement, confusion = label_agreement(samples.generated, samples.held_out)
            found.append(agreement)
        else:
            skipped["agreement"] = (
                "Label agreement was not measured: these images, or the held-out real ones, carry no labels that name "
                "digits."
            )
    digits = None if predictions is None else predictions.generated.digits
    collapse = find_collapse(found, duplicated, digits, statistics)
    return _Findings(found, collapse, statistics, confusion, skipped)


def _look_for_copies(
    samples: Sets[Sample], task: Task, progress: Progress
) -> tuple[list[Measure], dict[str, str], dict[str, str]]:
    """The measures of memorisation, or else why there are none, and pictures."""
    images, training, held_out = samples.generated.images, task.real.reference.images, samples.held_out.images
    if images is None or training is None or held_out is None:
        reason = (
            "Memorisation was not measured: it needs the training images, and MNIST is not on this computer. It can be "
            "downloaded (11 MB)."
        )
        return [], {"memorisation": reason}, {}
    distances, places = pixel_distances(images, training, "comparing with training images", progress)
    known = task.real.held_out_distances
    if known is not None:
        held_out_distances = known[task.real.held_out.choose(task.count, task.wanted)]
    else:
        work = "comparing held-out with training images"
        held_out_distances, _ = pixel_distances(held_out, training, work, progress)
    pictures = {"closest_pairs": closest_pairs(images, training, distances, places)}
    if np.median(held_out_distances[:, 0]) > 0:
        return memorisation(distances, held_out_distances), {}, pictures
    reason = (
        f"Memorisation was not measured: half of {task.real.held_out.record.title} are in "
        f"{task.real.reference.record.title} too, so nothing shows what a copy is."
    )
    return [], {"memorisation": reason}, pictures


def _in_other_features(
    samples: Sets[Sample], others: Sample | None, task: Task, progress: Progress
) -> tuple[list[Measure], dict[str, str]]:
    """The measures in features that nothing is tuned to, and why measures are missing, if any are."""
    if any(sample.images is None for sample in samples):
        return [], {
            "independent": "Nothing was measured in the features of the autoencoder, which nothing is tuned to"
            f"{', nor the ratio to other training images' if others is None else ''}: that takes the real images "
            "themselves, and MNIST is not on this computer. It can be downloaded (11 MB)."
        }
    extractor = Autoencoder(task.real.scale)
    features = FeatureSets(*(features_of(sample, extractor, progress) for sample in samples))
    if others is not None:
        return independent(features, features_of(others, extractor, progress)), {}
    return independent(features, None), {
        "hard_ratio": f"The ratio to other training images was not measured: {task.real.reference.record.title} has "
        f"not twice {task.count:,} images."
    }
