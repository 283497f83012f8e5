"""The digit-net, made again: `python tools/digitnet.py FOLDER`, or `make digitnet`.

A classifier of MNIST digits whose insides serve as features (`models/digitnet.py`). It is trained with three seeds on
the training split less its last 5,000 images, on which the best epoch of each is chosen. The first seed's is the one
that is shipped; the test split is used once, at the end, to say how good they are.
"""

import argparse
import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from digitsmith.data.images.framing import SIDE
from digitsmith.data.sources import load_dataset
from digitsmith.evaluation.real import shipped_arrays
from digitsmith.files import staged_file
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.digitnet import DigitNet
from digitsmith.progress import listening
from digitsmith.records.base import Versions
from digitsmith.training.onnx_graph import to_onnx
from digitsmith.training.readers.classifier import Classifier, Recipe, classify
from digitsmith.training.readers.teaching import train_classifier

RECIPE = Recipe(layers=((16, 1), (32, 2), (64, 1), (64, 2), (128, 1), (128, 1)), epochs=25)
SEEDS = (0, 1, 2)
VALIDATION = 5000


def main() -> None:
    """Train, test, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write digitnet.onnx and mnist.npz")
    arguments = parser.parse_args()
    console, versions = Console(), Versions.here("torch")
    train, test = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    fit, validation = train.take(slice(None, -VALIDATION)), train.take(slice(-VALIDATION, None))
    nets, accuracies = [], []
    for seed in SEEDS:
        console.print(f"seed {seed}")
        with listening(True) as progress:
            net = train_classifier(fit, RECIPE, seed, progress, validation=validation)
        nets.append(net)
        accuracies.append(float((classify(net, test.images) == test.labels).mean()))
        console.print(f"seed {seed}  test accuracy {accuracies[-1]:.4f}")
    console.print(f"mean {statistics.mean(accuracies):.4f}, standard deviation {statistics.stdev(accuracies):.4f}")
    record = {
        "data": "mnist, the training split less its last 5,000 images, which choose the epoch",
        "data_sha256": train.sha256(),
        "recipe": dataclasses.asdict(RECIPE),
        "seed": SEEDS[0],
        "test_accuracy_of_seeds": dict(zip(map(str, SEEDS), accuracies, strict=True)),
        "versions": versions.model_dump(),
    }
    export_classifier(nets[0], arguments.folder / "digitnet.onnx", record)
    digit_net = DigitNet((arguments.folder / "digitnet.onnx").read_bytes())
    with staged_file(arguments.folder / "mnist.npz") as staged, staged.open("wb") as file:
        np.savez_compressed(file, **shipped_arrays(digit_net))


def export_classifier(net: Classifier, path: Path, record: dict[str, Any]) -> None:
    """Write a classifier of 28x28 images as ONNX.

    The graph takes `image: float32[n, 1, 28, 28]` in [-1, 1], and gives `features: float32[n, width]` and
    `logits: float32[n, classes]`.
    """
    image = torch.zeros(2, 1, SIDE, SIDE)
    proto = to_onnx(net.cpu().eval(), (image,), ["image"], ["features", "logits"], name="digitnet")
    proto.metadata_props.add(key=METADATA_KEY, value=json.dumps(record, sort_keys=True))
    with staged_file(path) as staged:
        staged.write_bytes(proto.SerializeToString())


if __name__ == "__main__":
    main()
