"""Settings of `gan` and `cgan` beside those of the presets: what a training with each makes.

    python benchmarks/settings.py {gan,cgan} [--epochs N] [--seeds N] [--only NAME ...] [--share 1/2] [--out FOLDER]

The layers stay those of the source works. What they leave to others to try is tried: dropout, batch size, learning
rates, the discriminator's optimizer; and an averaged generator (`ema`), rates that fall (`final_lr`), distortion before
the discriminator (`augment`). Each setting is trained on 50,000 of MNIST's training images, and its digits are measured
against the other 10,000, which no training sees. The test split has no part in it. With `--epochs`, all are trained for
so long.

Finished trainings in FOLDER are not done again, and one that was stopped goes on. `--share 1/2` and `--share 2/2` do
every second one each, for two processes side by side; the command without it then shows the table of all.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import digitsmith
from digitsmith.data.sources import load_dataset
from digitsmith.records.results import load_result
from digitsmith.records.run import Run
from taking_up import finish

_AVERAGED = {"ema": 0.999}
_FASTER = {"generator.lr": 1e-3, "discriminator.lr": 1e-3, "final_lr": 0.01}

SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "gan": {
        "as it is": {},
        "averaged": _AVERAGED,
        "generator without dropout": _AVERAGED | {"generator.dropout": 0.0},
        "more dropout in the discriminator": _AVERAGED | {"discriminator.dropout": 0.5},
        "batches of 128": _AVERAGED | {"batch_size": 128},
        "slower discriminator": _AVERAGED | {"discriminator.lr": 1e-4},
        "slower generator": _AVERAGED | {"generator.lr": 1e-4},
        "discriminator by SGD": _AVERAGED | {"discriminator.name": "sgd", "discriminator.lr": 0.02},
        "discriminator by RMSprop": _AVERAGED | {"discriminator.name": "rmsprop"},
        "no label smoothing": _AVERAGED | {"label_smoothing": 0.0},
        "rates that fall": _AVERAGED | {"final_lr": 0.01},
        "faster, rates that fall": _AVERAGED | _FASTER,
        "distorted": _AVERAGED | {"augment": 0.3},
    },
    "cgan": {
        "as it is": {},
        "averaged": _AVERAGED,
        "more dropout": _AVERAGED | {"discriminator.dropout": 0.5},
        "batches of 64": _AVERAGED | {"batch_size": 64},
        "slower discriminator": _AVERAGED | {"discriminator.lr": 1e-4},
        "slower generator": _AVERAGED | {"generator.lr": 1e-4},
        "rates that fall": _AVERAGED | {"final_lr": 0.01},
        "faster, rates that fall": _AVERAGED | _FASTER,
        "distorted": _AVERAGED | {"augment": 0.3},
    },
}
"""What is changed of the presets, by a name."""

MEASURES = ("recognisable", "agreement", "frechet_ratio", "two_sample", "recall", "imbalance")


def images(out: Path) -> Path:
    """MNIST's training images in two splits, in one file."""
    path = out / "images.npz"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        data = load_dataset("mnist", "train")
        order = np.random.default_rng(0).permutation(len(data))
        train, test = data.take(order[10_000:]), data.take(order[:10_000])
        np.savez(path, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return path


def measure(run: Run, preset: str, changes: dict[str, Any], data: Path) -> dict[str, float]:
    """What a training makes, which is done or gone on with if it has to be."""
    result = run.folder / "evaluation.json"
    if not result.exists():
        finish(run, preset, str(data), changes=changes)
        digitsmith.evaluate(run.folder, str(data)).save(result)
    return {measure.key: measure.value for measure in load_result(result).measures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=SETTINGS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the settings")
    parser.add_argument("--share", default="1/1")
    parser.add_argument("--out", type=Path, default=Path("runs/settings"))
    asked = parser.parse_args()
    part, parts = map(int, asked.share.split("/"))
    names = asked.only or list(SETTINGS[asked.preset])
    data, found = images(asked.out), dict[str, list[dict[str, float]]]()
    for place, (seed, name) in enumerate((seed, name) for seed in range(asked.seeds) for name in names):
        if place % parts == part - 1:
            length = {"epochs": asked.epochs} if asked.epochs else {}
            changes = length | SETTINGS[asked.preset][name] | {"seed": seed}
            run = Run(asked.out / asked.preset / f"{name}-{seed}")
            found.setdefault(name, []).append(measure(run, asked.preset, changes, data))
    print(f"\n| `{asked.preset}` | seeds | {' | '.join(MEASURES)} |\n{'| --- ' * (2 + len(MEASURES))}|")
    for name, of_seeds in found.items():
        columns = [[one[key] for one in of_seeds if key in one] for key in MEASURES]
        spread = [f" ± {statistics.stdev(column):.3f}" if len(column) > 1 else "" for column in columns]
        values = [f"{statistics.mean(c):.3f}{s}" if c else "" for c, s in zip(columns, spread, strict=True)]
        print(f"| {name} | {len(of_seeds)} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
