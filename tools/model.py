"""The model in the box, made again: `python tools/model.py [--runs FOLDER] [--seed N]`, or `make model`.

Trains the preset `residual` on MNIST with three seeds, a tenth of the training images held out. The epoch of each, and
the seed that is shipped, are those of the smallest Fréchet distance to the held-out images. Only then the test split is
looked at: each seed's model is evaluated on five sets of 10,000 images, and a classifier is trained on 60,000 of its
images, unfiltered, beside the same one trained on the 60,000 real ones. Everything goes into the record
`zoo/mnist.json`, which the model card is written from (`tools/card.py`).

What was done before is not done again: a training goes on from its checkpoint, and measures are kept in its folder.
`--seed N` does one seed's part and stops, so that several processes can share the work.
"""

import argparse
import base64
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import digitsmith
from digitsmith import generation
from digitsmith.dataset import Dataset
from digitsmith.model import Model
from digitsmith.results import Evaluation
from digitsmith.sources import load_dataset
from digitsmith.training import digitnet
from digitsmith.training.classifier import classify, train_classifier
from digitsmith.training.loop import export_checkpoint
from digitsmith.training.run import Run

PRESET, DATA, SEEDS = "residual", "mnist", (0, 1, 2)
SETS, IMAGES, TAUGHT = 5, 10_000, 60_000
CLASSIFIER = replace(digitnet.RECIPE, epochs=8)
ROOT = Path(__file__).parent.parent
ZOO = ROOT / "src/digitsmith/zoo"


def main() -> None:
    """Train, measure, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/model"), help="where trainings and measures are kept")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="do this seed's part only")
    arguments = parser.parse_args()
    console = Console()
    found = {}
    for seed in SEEDS if arguments.seed is None else (arguments.seed,):
        run = Run(arguments.runs / f"seed-{seed}")
        if not run.model.exists():
            train(run, seed)
        found[seed] = measured(run, seed)
        console.print(f"seed {seed}: " + ", ".join(f"{m['key']} {m['value']:.4f}" for m in found[seed]["measures"]))
    if arguments.seed is None:
        ship(found, arguments.runs)


def train(run: Run, seed: int) -> None:
    """Train a seed to the end, from its checkpoint if there is one."""
    if run.config.exists():
        digitsmith.train(out=run.folder, resume=True, quiet=False)
    else:
        digitsmith.train(PRESET, DATA, run.folder, changes={"seed": seed, "evaluate_every": 1}, quiet=False)


def half(run: Run) -> Model:
    """The chosen epoch's generator with float16 weights, as it is shipped."""
    return export_checkpoint(run.folder, run.folder / "half.onnx", weights="float16")


def measured(run: Run, seed: int) -> dict[str, Any]:
    """What a seed's model gets: every measure, as the mean over the sets, and how useful its digits are."""
    path = run.folder / "measured.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    model = half(run)
    results = [digitsmith.evaluate(model, count=IMAGES, seed=i) for i in range(SETS)]
    if collapsed := [result.collapse.reasons for result in results if result.collapse.collapsed]:
        raise SystemExit(f"{run.folder} collapsed: {' '.join(collapsed[0])}")
    measures = [
        {"key": m.key, "title": m.title, "unit": m.unit, "real": m.real, "value": mean_of(results, m.key)}
        for m in results[0].measures
    ]
    images, labels = (
        np.concatenate(parts)
        for parts in zip(*generation.batches(model, generation.Request(TAUGHT, seed=seed)), strict=True)
    )
    taught = {"key": "taught", "title": f"Taught by {TAUGHT:,} of them, right on real ones", "unit": "%"}
    taught |= {
        "real": usefulness(load_dataset(DATA, "train"), seed),
        "value": usefulness(Dataset(images, labels, model.metadata.classes), seed),
    }
    protocol = results[0].protocol | {"reference": results[0].reference, "held_out": results[0].held_out}
    record = {"measures": [*measures, taught], "protocol": protocol, "pictures": results[0].pictures}
    path.write_text(json.dumps(record), encoding="utf-8")
    return record


def mean_of(results: list[Evaluation], key: str) -> float:
    """The mean of a measure over the sets."""
    return statistics.mean(result.measure(key).value for result in results)


def usefulness(teacher: Dataset, seed: int) -> float:
    """Accuracy on the real test split of a classifier that has seen no other images."""
    test = load_dataset(DATA, "test")
    net = train_classifier(teacher, CLASSIFIER, seed)
    return float((classify(net, test.images) == test.labels).mean())


def ship(found: dict[int, dict[str, Any]], runs: Path) -> None:
    """Put the best seed's model into the box, with the record of all."""
    models = [half(Run(runs / f"seed-{seed}")) for seed in found]
    distances = [float(model.metadata.training["frechet_distance"]) for model in models]
    chosen = distances.index(min(distances))
    shipped = ZOO / "mnist.onnx"
    shipped.write_bytes((runs / f"seed-{chosen}" / "half.onnx").read_bytes())
    for name in ("made", "hardest", "closest_pairs"):
        picture = ROOT / "docs/images" / f"model-{name.replace('_', '-')}.png"
        picture.write_bytes(base64.b64decode(found[chosen]["pictures"][name]))
    training = models[chosen].metadata.training
    rows = zip(*(of_seed["measures"] for of_seed in found.values()), strict=True)
    record = {
        "file": shipped.name,
        "sha256": models[chosen].sha256,
        "bytes": shipped.stat().st_size,
        "chain": {key: training[key] for key in ("data_sha256", "config", "git", "graph_sha256")},
        "chosen_seed": chosen,
        "validation_distances": distances,
        "protocol": found[chosen]["protocol"] | {"sets": SETS, "taught_by": TAUGHT, "classifier": asdict(CLASSIFIER)},
        "measures": [
            {key: row[0][key] for key in ("key", "title", "unit")}
            | {"real": statistics.mean(m["real"] for m in row), "values": [m["value"] for m in row]}
            for row in rows
        ],
    }
    (ZOO / "mnist.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
