"""All presets on a GPU, in one command: the tests that need one, then a step and a whole training of each, measured.

    python benchmarks/gpu.py [--device cuda] [--data mnist] [--epochs N] [--seed N] [--out FOLDER]

Each preset is trained as `digitsmith train PRESET --data mnist` does, and its digits are compared with MNIST's as
`digitsmith evaluate` does, which uses the CPU. The runs stay in FOLDER, where the same command goes on with them after
a kill. `--device cpu --data digits --epochs 1` shows in a minute that it works, without a GPU and the tests for it.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

import torch

import digitsmith
from digitsmith.config.loading import load_config
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.records.run import Run
from digitsmith.training.gans.setup import settle
from taking_up import finish
from training import digitsmith_steps, seconds_per_step

PRESETS = ("gan", "cgan", "residual")
MEASURES = ("frechet_ratio", "hard_ratio", "two_sample", "recognisable", "agreement", "recall", "coverage")

_TESTS = Path(__file__).parent.parent / "tests" / "test_gpu.py"


def milliseconds_a_step(preset: str, data: Dataset, device: torch.device) -> float:
    """Of the preset's batches, without logs, samples and checkpoints."""
    config = settle(load_config(preset), data, device)
    steps = digitsmith_steps(data, config, device)
    for _ in range(16):
        next(steps)
    return 1000 * statistics.median(seconds_per_step(lambda: next(steps), 16, device) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    asked = parser.parse_args()
    device = torch.device(asked.device)
    name = f"{torch.get_num_threads()} threads of a CPU"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        subprocess.run([sys.executable, "-m", "pytest", _TESTS], check=True)
    data, rows = load_dataset(asked.data, "train"), []
    changes = {"seed": asked.seed} | ({"epochs": asked.epochs} if asked.epochs else {})
    for preset in PRESETS:
        step, run = milliseconds_a_step(preset, data, device), Run(asked.out / preset)
        finish(run, preset, asked.data, changes=changes, device=asked.device)
        config, seconds = run.read_config(), run.read_record().seconds
        rate = statistics.median(line.images_per_second for line in run.read_metrics())
        measured = digitsmith.evaluate(run.folder, seed=asked.seed)
        found = {measure.key: f"{measure.value:.3f}" for measure in measured.measures}
        rows.append([
            f"`{preset}`", config.run.precision, config.optimizer.batch_size, f"{step:.2f}", f"{rate:,.0f}",
            config.optimizer.epochs, f"{seconds / 60:.1f}", *(found.get(key, "") for key in MEASURES),
        ])  # fmt: skip
    print(f"\ntorch {torch.__version__}, {name}\n")
    columns = ["preset", "precision", "batch", "ms a step", "images/s", "epochs", "minutes", *MEASURES]
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
