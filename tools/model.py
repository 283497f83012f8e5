"""The model in the box, made again: `python tools/model.py [--runs FOLDER] [--seed N]`, or `make model`.

Trains the preset `residual` on MNIST with three seeds. A tenth of the training images is held out; the epoch of each is
that of the smallest Fréchet distance to them. The first seed is shipped, whatever the others get: they say how much is
luck. Only then the test split is looked at: each seed's model is evaluated on five sets of 10,000 images, and a
classifier is trained on 60,000 of its images, unfiltered, beside the same one trained on the 60,000 real ones. What
filtering does is measured of the first. Everything goes into the record `zoo/mnist.json`, which the model card is
written from (`tools/card.py`).

What was done before is not done again: a training goes on from its checkpoint, and measures are kept beside it. `--seed
N` does one seed's part and stops, so that several processes can share the work.
"""

import argparse
import base64
import dataclasses
import hashlib
import statistics
from pathlib import Path

from rich.console import Console
from safetensors.torch import save

import digitnet
import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.generation.batches import make_dataset
from digitsmith.generation.request import Request
from digitsmith.models.digitnet import digit_net
from digitsmith.models.generator import Model
from digitsmith.progress import Silent
from digitsmith.records.base import Record
from digitsmith.records.evaluation import Evaluation
from digitsmith.records.model import FilterRow, ShippedMeasure, ShippedProtocol, ShippedRecord
from digitsmith.records.run import Run
from digitsmith.records.study import ClassifierRecord
from digitsmith.training.gans.checkpoint import load_pair
from digitsmith.training.readers.classifier import classify
from digitsmith.training.readers.teaching import train_classifier

PRESET, DATA, SEEDS = "residual", "mnist", (0, 1, 2)
SETS, IMAGES, CLASSIFIER_IMAGES = 5, 10_000, 60_000
FILTERS = (0.0, 0.9)
CLASSIFIER = dataclasses.replace(digitnet.RECIPE, epochs=6)
RECIPE = ClassifierRecord(**dataclasses.asdict(CLASSIFIER))
ROOT = Path(__file__).parent.parent
ZOO = ROOT / "src/digitsmith/models/zoo"


class SeedRecord(Record):
    """What was measured of one seed's model; each measure has one value."""

    graph_sha256: str
    validation_distance: float
    protocol: ShippedProtocol
    measures: tuple[ShippedMeasure, ...]
    filtering: tuple[FilterRow, ...]
    pictures: dict[str, str]


class RealRecord(Record):
    """The accuracy of the classifier that is trained on the real images, whatever the model."""

    classifier: ClassifierRecord
    accuracy: float


def main() -> None:
    """Train, measure, ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/model"), help="where trainings and measures are kept")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="do this seed's part only")
    arguments = parser.parse_args()
    console, found = Console(), []
    for seed in SEEDS if arguments.seed is None else (arguments.seed,):
        run = Run(arguments.runs / f"seed-{seed}")
        train(run, seed)
        found.append(measured(run, seed))
        console.print(f"seed {seed}: " + ", ".join(f"{m.key} {m.values[0]:.4f}" for m in found[-1].measures))
    if arguments.seed is None:
        ship(found, Run(arguments.runs / f"seed-{SEEDS[0]}"))


def train(run: Run, seed: int) -> None:
    """Train a seed to the end, from its checkpoint if there is one."""
    if run.model.exists():
        return
    if run.config.exists():
        outcome = digitsmith.train(out=run.folder, resume=True)
    else:
        changes = {"run.seed": seed, "run.evaluate_every": 1}
        outcome = digitsmith.train(PRESET, DATA, run.folder, changes=changes)
    if not outcome.finished:
        raise SystemExit(f"Stopped; {run.folder} is saved. The same command goes on.")


def measured(run: Run, seed: int) -> SeedRecord:
    """What was measured of a seed's model, now or before."""
    model = digitsmith.export(run.folder, run.folder / "half.onnx", half=True)  # as it is shipped
    path = run.folder / "measured.json"
    if path.exists():
        before = SeedRecord.model_validate_json(path.read_bytes())
        if (before.graph_sha256, before.protocol.evaluation.digitnet_sha256) == (
            graph_sha256(model),
            digit_net().sha256,
        ):
            return before
    record = measure(model, seed, accuracy_of_real(run.folder.parent / f"real-{seed}.json", seed))
    record.save(path)
    return record


def measure(model: Model, seed: int, real_accuracy: float) -> SeedRecord:
    """Every measure of a model, as the mean over the sets, and how useful its digits are."""
    results = [digitsmith.evaluate(model, count=IMAGES, seed=i) for i in range(SETS)]
    if collapsed := [result.collapse.reasons for result in results if result.collapse.collapsed]:
        raise SystemExit(f"seed {seed} collapsed: {' '.join(collapsed[0])}")
    measures = []
    for m in results[0].measures:
        mean = statistics.mean(result.measure(m.key).value for result in results)
        measures.append(ShippedMeasure(key=m.key, title=m.title, unit=m.unit, real=m.real, values=(mean,)))
    accuracy = accuracy_on_real(make_dataset(model, Request(CLASSIFIER_IMAGES, seed=seed))[0], seed)
    title = f"TSTR accuracy, {CLASSIFIER_IMAGES:,} images"
    measures.append(ShippedMeasure(key="tstr", title=title, unit="%", real=real_accuracy, values=(accuracy,)))
    return SeedRecord(
        graph_sha256=graph_sha256(model),
        validation_distance=model.record.training.validation_distance,
        protocol=protocol(results[0]),
        measures=measures,
        filtering=[filtering(model, least, seed, accuracy) for least in FILTERS] if seed == SEEDS[0] else (),
        pictures=results[0].pictures,
    )


def protocol(result: Evaluation) -> ShippedProtocol:
    """How all was measured."""
    return ShippedProtocol(
        reference=result.reference,
        held_out=result.held_out,
        evaluation=result.protocol,
        sets=SETS,
        classifier=RECIPE,
        classifier_images=CLASSIFIER_IMAGES,
    )


def filtering(model: Model, least: float, seed: int, unfiltered: float) -> FilterRow:
    """What `min_confidence` does to digits in equal numbers: nearness, variety and usefulness."""
    data, refused = make_dataset(model, Request(IMAGES, seed=seed, min_confidence=least))
    result = digitsmith.evaluate(data, DATA, count=IMAGES)
    accuracy = unfiltered
    if least:
        more, _ = make_dataset(model, Request(CLASSIFIER_IMAGES, seed=seed, min_confidence=least))
        accuracy = accuracy_on_real(more, seed)
    keys = ("frechet_ratio", "recall", "coverage", "spread", "agreement")
    return FilterRow(
        min_confidence=least,
        refused=refused / (IMAGES + refused),
        **{key: result.measure(key).value for key in keys},
        tstr=accuracy,
    )


def graph_sha256(model: Model) -> str:
    """Of graph and weights, whatever the rest of the record says."""
    return model.record.export.graph_sha256


def accuracy_on_real(data: Dataset, seed: int) -> float:
    """Accuracy on the real test split of a classifier that is trained on no other images."""
    test = load_dataset(DATA, "test")
    return float((classify(train_classifier(data, CLASSIFIER, seed, Silent()), test.images) == test.labels).mean())


def accuracy_of_real(path: Path, seed: int) -> float:
    """The same where it is trained on the real training images: measured once, then kept in `path`."""
    if path.exists():
        before = RealRecord.model_validate_json(path.read_bytes())
        if before.classifier == RECIPE:
            return before.accuracy
    record = RealRecord(classifier=RECIPE, accuracy=accuracy_on_real(load_dataset(DATA, "train"), seed))
    record.save(path)
    return record.accuracy


def ship(found: list[SeedRecord], run: Run) -> None:
    """Put a run's model into the box, with the record of all seeds, of which it is the first."""
    first, content = found[0], (run.folder / "half.onnx").read_bytes()
    model = Model("mnist", content)
    assert graph_sha256(model) == first.graph_sha256
    (ZOO / "mnist.onnx").write_bytes(content)
    _, weights = load_pair(run)
    discriminator = save({name: tensor.half().contiguous() for name, tensor in sorted(weights.items())})
    (ZOO / "mnist-discriminator.safetensors").write_bytes(discriminator)
    for name, shown in (("generated", "made"), ("hardest", "hardest"), ("closest_pairs", "closest-pairs")):
        picture = ROOT / "docs/images" / f"model-{shown}.png"
        picture.write_bytes(base64.b64decode(first.pictures[name]))
    measures = []
    for of_seeds in zip(*(of_seed.measures for of_seed in found), strict=True):
        values = {"real": statistics.mean(m.real for m in of_seeds), "values": tuple(m.values[0] for m in of_seeds)}
        measures.append(of_seeds[0].model_copy(update=values))
    ShippedRecord(
        file="mnist.onnx",
        sha256=model.sha256,
        bytes=len(content),
        discriminator_sha256=hashlib.sha256(discriminator).hexdigest(),
        seeds=SEEDS,
        validation_distances=[of_seed.validation_distance for of_seed in found],
        protocol=first.protocol,
        measures=measures,
        filtering=first.filtering,
    ).save(ZOO / "mnist.json")


if __name__ == "__main__":
    main()
