"""How soon a training from the pair in the box is near to another hand, beside one from fresh weights.

    python benchmarks/adaptation.py SOURCE [--images 1000] [--seed 0] [--adapted 100,200,400] [--fresh 400,1200,3600]

Both learn from the same images of the training split, drawn by the seed and framed as MNIST. Each number of steps is a
training of its own, with all of its learning-rate schedule. Of 2,000 digits of each generator: the Fréchet distance
ratio (to the test split, over that of training images) and the share of copies, beside real images'.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

import digitsmith
from digitsmith.data.sources import load_dataset

COUNT = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--adapted", default="100,200,400")
    parser.add_argument("--fresh", default="400,1200,3600")
    arguments = parser.parse_args()
    data = load_dataset(arguments.source, "train", resize=(28, 28), frame="mnist")
    data = data.take(np.random.default_rng(arguments.seed).permutation(len(data))[: arguments.images])
    print(f"{arguments.source}: {len(data):,} images, seed {arguments.seed}, {torch.get_num_threads()} threads")
    for start, lengths in (("mnist", arguments.adapted), (None, arguments.fresh)):
        for steps in map(int, lengths.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                changes = {"steps": steps, "seed": arguments.seed}
                outcome = digitsmith.train(
                    "residual", data, Path(folder) / "run", start=start, changes=changes, progress=False
                )
                result = digitsmith.evaluate(outcome.run.folder, arguments.source, count=COUNT, progress=False)
            ratio, copies = result.measure("frechet_ratio"), result.measure("copies")
            print(
                f"  from {start or 'fresh weights'}, {steps:5} steps, {outcome.seconds:6.1f} s: "
                f"Fréchet distance ratio {ratio.value:.2f}, copies {copies.value:.1%} (real: {copies.real:.1%})",
                flush=True,
            )


if __name__ == "__main__":
    main()
