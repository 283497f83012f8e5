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
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import digitnet
import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.files import staged_file
from digitsmith.generation import generate as generation
from digitsmith.models.digitnet import digit_net
from digitsmith.models.generator import Model
from digitsmith.records.results import Evaluation
from digitsmith.records.run import Run
from digitsmith.training.classifier import classify, train_classifier
from digitsmith.training.loop import export_checkpoint

PRESET, DATA, SEEDS = "residual", "mnist", (0, 1, 2)
SETS, IMAGES, TAUGHT = 5, 10_000, 60_000
FILTERS = (0.0, 0.9)
CHAIN = ("data_sha256", "config", "git", "exported_git", "graph_sha256")
CLASSIFIER = replace(digitnet.RECIPE, epochs=6)
ROOT = Path(__file__).parent.parent
ZOO = ROOT / "src/digitsmith/models/zoo"


def main() -> None:
    """Train, measure, ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/model"), help="where trainings and measures are kept")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="do this seed's part only")
    arguments = parser.parse_args()
    console = Console()
    found = []
    for seed in SEEDS if arguments.seed is None else (arguments.seed,):
        run = Run(arguments.runs / f"seed-{seed}")
        train(run, seed)
        found.append(kept(run, seed))
        console.print(f"seed {seed}: " + ", ".join(f"{m['key']} {m['value']:.4f}" for m in found[-1]["measures"]))
    if arguments.seed is None:
        ship(found, Run(arguments.runs / f"seed-{SEEDS[0]}"))


def train(run: Run, seed: int) -> None:
    """Train a seed to the end, from its checkpoint if there is one."""
    if run.model.exists():
        return
    if run.config.exists():
        outcome = digitsmith.train(out=run.folder, resume=True, quiet=False)
    else:
        changes = {"seed": seed, "evaluate_every": 1}
        outcome = digitsmith.train(PRESET, DATA, run.folder, changes=changes, quiet=False)
    if not outcome.finished:
        raise SystemExit(f"Stopped; {run.folder} is saved. The same command goes on.")


def kept(run: Run, seed: int) -> dict[str, Any]:
    """What was measured of a seed's model, now or before."""
    model = export_checkpoint(run.folder, run.folder / "half.onnx", weights="float16")  # as it is shipped
    path = run.folder / "measured.json"
    if path.exists():
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (before["graph_sha256"], before["protocol"]["digitnet_sha256"]) == (graph_hash(model), digit_net().sha256):
            return before
    record = measure(model, seed, taught_by_real(run, seed))
    write_json(path, record)
    return record


def measure(model: Model, seed: int, by_real: float) -> dict[str, Any]:
    """Every measure of a model, as the mean over the sets, and how useful its digits are."""
    results = [digitsmith.evaluate(model, count=IMAGES, seed=i) for i in range(SETS)]
    if collapsed := [result.collapse.reasons for result in results if result.collapse.collapsed]:
        raise SystemExit(f"seed {seed} collapsed: {' '.join(collapsed[0])}")
    measures = [
        {"key": m.key, "title": m.title, "unit": m.unit, "real": m.real, "value": mean_of(results, m.key)}
        for m in results[0].measures
    ]
    taught = usefulness(made(model, TAUGHT, seed)[0], seed)
    title = f"Taught by {TAUGHT:,} of them, right on real ones"
    measures.append({"key": "taught", "title": title, "unit": "%", "real": by_real, "value": taught})
    filtered = [filtering(model, least, seed, taught) for least in FILTERS] if seed == SEEDS[0] else []
    return {
        "graph_sha256": graph_hash(model),
        "validation_distance": model.metadata.training["frechet_distance"],
        "measures": measures,
        "filtering": filtered,
        "protocol": results[0].protocol | {"reference": results[0].reference, "held_out": results[0].held_out},
        "pictures": results[0].pictures,
    }


def filtering(model: Model, least: float, seed: int, unfiltered: float) -> dict[str, float]:
    """What `generate --min-confidence` does to digits in equal numbers: nearness and variety, and what they teach."""
    data, refused = made(model, IMAGES, seed, least)
    result = digitsmith.evaluate(data, DATA, count=IMAGES)
    found = {key: result.measure(key).value for key in ("frechet_ratio", "recall", "coverage", "spread", "agreement")}
    taught = usefulness(made(model, TAUGHT, seed, least)[0], seed) if least else unfiltered
    return {"min_confidence": least, "refused": refused / (IMAGES + refused), **found, "taught": taught}


def made(model: Model, count: int, seed: int, least: float = 0.0) -> tuple[Dataset, int]:
    """Digits with labels in equal numbers, and how many were refused."""
    refused: list[int] = []
    request = generation.Request(count, seed=seed, min_confidence=least)
    parts = zip(*generation.batches(model, request, refused.append), strict=True)
    images, labels = (np.concatenate(part) for part in parts)
    return Dataset(images, labels, model.metadata.classes), sum(refused)


def graph_hash(model: Model) -> str:
    """Of graph and weights, whatever the metadata say."""
    found: str = model.metadata.training["graph_sha256"]
    return found


def mean_of(results: list[Evaluation], key: str) -> float:
    """The mean of a measure over the sets."""
    return statistics.mean(result.measure(key).value for result in results)


def usefulness(teacher: Dataset, seed: int) -> float:
    """Accuracy on the real test split of a classifier that has seen no other images."""
    test = load_dataset(DATA, "test")
    net = train_classifier(teacher, CLASSIFIER, seed)
    return float((classify(net, test.images) == test.labels).mean())


def taught_by_real(run: Run, seed: int) -> float:
    """The usefulness of the real training images, which is the same whatever the model: measured once, then kept."""
    path, classifier = run.folder.parent / f"real-{seed}.json", json.loads(json.dumps(asdict(CLASSIFIER)))
    if path.exists():
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if before["classifier"] == classifier:
            return float(before["accuracy"])
    accuracy = usefulness(load_dataset(DATA, "train"), seed)
    write_json(path, {"classifier": classifier, "accuracy": accuracy})
    return accuracy


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all."""
    with staged_file(path) as staged:
        staged.write_text(json.dumps(values), encoding="utf-8")


def ship(found: list[dict[str, Any]], run: Run) -> None:
    """Put a run's model into the box, with the record of all seeds, of which it is the first."""
    first, content = found[0], (run.folder / "half.onnx").read_bytes()
    model = Model("mnist", content)
    assert graph_hash(model) == first["graph_sha256"]
    (ZOO / "mnist.onnx").write_bytes(content)
    for name in ("made", "hardest", "closest_pairs"):
        picture = ROOT / "docs/images" / f"model-{name.replace('_', '-')}.png"
        picture.write_bytes(base64.b64decode(first["pictures"][name]))
    training = model.metadata.training
    record = {
        "file": "mnist.onnx",
        "sha256": model.sha256,
        "bytes": len(content),
        "chain": {key: training[key] for key in CHAIN},
        "seeds": SEEDS,  # the first is the model's; values below are in their order
        "validation_distances": [of_seed["validation_distance"] for of_seed in found],
        "protocol": first["protocol"] | {"sets": SETS, "taught_by": TAUGHT, "classifier": asdict(CLASSIFIER)},
        "measures": [
            {key: row[0][key] for key in ("key", "title", "unit")}
            | {"real": statistics.mean(m["real"] for m in row), "values": [m["value"] for m in row]}
            for row in zip(*(of_seed["measures"] for of_seed in found), strict=True)
        ],
        "filtering": first["filtering"],
    }
    (ZOO / "mnist.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
