"""The model in the box, made again: `python tools/model.py [--runs FOLDER] [--seeds N]`, or `make model`.

Trains the preset `residual` on MNIST with several seeds, a tenth of the training images held out. The epoch of each,
and the seed that is shipped, are those of the smallest Fréchet distance to the held-out images. Only then the test
split is looked at: each seed's model is evaluated on five sets of 10,000 images, and a classifier is trained on 60,000
of its images, unfiltered. Everything goes into the record `zoo/mnist.json`, which the model card is written from
(`tools/card.py`).

A seed whose run has ended is not trained again, and one that was interrupted goes on.
"""

import argparse
import base64
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import digitsmith
from digitsmith import generation, studies
from digitsmith.dataset import Dataset
from digitsmith.model import Model
from digitsmith.sources import load_dataset
from digitsmith.training.classifier import classify, train_classifier
from digitsmith.training.loop import export_checkpoint
from digitsmith.training.run import Run

PRESET, DATA, EPOCHS_BETWEEN_MEASUREMENTS = "residual", "mnist", 1
SETS, IMAGES, TAUGHT = 5, 10_000, 60_000
ROOT = Path(__file__).parent.parent
ZOO = ROOT / "src/digitsmith/zoo"


def main() -> None:
    """Train, choose, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/model"), help="where the trainings are kept")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", type=int, help="train this seed and stop: for one process on each core")
    parser.add_argument("--taught-on-real", type=float, default=0.9940, metavar="ACCURACY",
                        help="of the same classifier taught by real digits; from `digitsmith study tstr`")  # fmt: skip
    arguments = parser.parse_args()
    console = Console()
    runs = {seed: Run(arguments.runs / f"seed-{seed}") for seed in range(arguments.seeds)}
    for seed, run in runs.items():
        if arguments.only in (None, seed) and not run.model.exists():
            train(run, seed)
    if arguments.only is not None:
        return

    models = [half(run) for run in runs.values()]
    distances = [float(model.metadata.training["frechet_distance"]) for model in models]
    chosen = distances.index(min(distances))

    measures: dict[str, dict[str, Any]] = {}
    for seed, model in enumerate(models):
        results = [digitsmith.evaluate(model, count=IMAGES, seed=i) for i in range(SETS)]
        for m in results[0].measures:
            row = {"key": m.key, "title": m.title, "unit": m.unit, "real": m.real, "values": []}
            values = [result.measure(m.key).value for result in results]
            measures.setdefault(m.key, row)["values"].append(statistics.mean(values))
        if collapsed := [result for result in results if result.collapse.collapsed]:
            console.print(f"seed {seed} collapsed: {collapsed[0].collapse.reasons}")
        taught = {"key": "taught", "title": f"Right on real digits, if taught by {TAUGHT:,} of these", "unit": "%"}
        row = measures.setdefault("taught", taught | {"real": arguments.taught_on_real, "values": []})
        row["values"].append(usefulness(model, seed))
        console.print(
            f"seed {seed}: " + ", ".join(f"{row['key']} {row['values'][-1]:.4f}" for row in measures.values())
        )
        if seed == chosen:
            protocol = results[0].protocol | {"reference": results[0].reference, "held_out": results[0].held_out}
            for name in ("made", "hardest", "closest_pairs"):
                picture = ROOT / "docs/images" / f"model-{name.replace('_', '-')}.png"
                picture.write_bytes(base64.b64decode(results[0].pictures[name]))

    shipped = ZOO / "mnist.onnx"
    shipped.write_bytes((runs[chosen].folder / "half.onnx").read_bytes())
    training = models[chosen].metadata.training
    record = {
        "file": shipped.name,
        "sha256": models[chosen].sha256,
        "bytes": shipped.stat().st_size,
        "chain": {key: training[key] for key in ("data_sha256", "config", "git", "graph_sha256")},
        "chosen_seed": chosen,
        "validation_distances": distances,
        "protocol": protocol | {"sets": SETS, "taught_on": TAUGHT, "classifier_epochs": studies.RECIPE.epochs},
        "measures": list(measures.values()),
    }
    (ZOO / "mnist.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def train(run: Run, seed: int) -> None:
    """Train a seed to the end, from its checkpoint if there is one."""
    changes = {"seed": seed, "evaluate_every": EPOCHS_BETWEEN_MEASUREMENTS}
    if run.config.exists():
        digitsmith.train(out=run.folder, resume=True, quiet=False)
    else:
        digitsmith.train(PRESET, DATA, run.folder, changes=changes, quiet=False)


def half(run: Run) -> Model:
    """The chosen epoch's generator with float16 weights, as it is shipped."""
    return export_checkpoint(run.folder, run.folder / "half.onnx", weights="float16")


def usefulness(model: Model, seed: int) -> float:
    """Accuracy on the real test split of a classifier that has seen none but made images, with balanced labels."""
    request = generation.Request(TAUGHT, seed=seed)
    images, labels = (np.concatenate(parts) for parts in zip(*generation.batches(model, request), strict=True))
    net = train_classifier(Dataset(images, labels, model.metadata.classes), studies.RECIPE, seed)
    test = load_dataset(DATA, "test")
    return float((classify(net, test.images) == test.labels).mean())


if __name__ == "__main__":
    main()
