"""A CRNN taught by images of other programs, as `digitsmith study numbers` teaches it: what it reads of real digits.

    python benchmarks/taught_by_others.py FOLDER [FOLDER ...] [--source SOURCE] [--epochs N] [--seeds N]

Each folder has images of numbers of digits, and `labels.txt` with a line for each (path, space, text), as
`text_generators.py --keep` and `digitsmith write` leave them. They are brought to the height of the study's. An epoch
draws 4,096 of them: with fewer than 196,608, they come again, distorted in another way, where the study writes new
ones. So give each program the same `--count`. The numbers to read are the study's own, written with the test split of
SOURCE.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import digitsmith
from digitsmith.progress import Lines
from digitsmith.studies.number_lines import reading_of, write_tests
from digitsmith.studies.written_numbers import RECIPE
from digitsmith.training.readers.transcription import Line, train_crnn

DIGITS = "0123456789"


def lines_of(folder: Path) -> list[Line]:
    """The images of a folder, grey, of the study's height, and dark ink on bright paper, with their texts."""
    found = []
    for line in (folder / "labels.txt").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(" ")
        if not text or set(text) - set(DIGITS):
            sys.exit(f"{folder / 'labels.txt'}: {text!r} of {name} is no number of digits.")
        with Image.open(folder / name) as picture:
            opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        grey = opaque.convert("L")
        width = max(1, round(grey.width * RECIPE.height / grey.height))
        image = np.asarray(grey.resize((width, RECIPE.height), Image.Resampling.LANCZOS))
        found.append((image if np.median(image) >= 128 else 255 - image, text))  # most of a line of text is paper
    return found


def drawn(lines: Sequence[Line], seed: int, epoch: int) -> list[Line]:
    """The lines of an epoch."""
    return [lines[i] for i in np.random.default_rng((seed, epoch)).integers(len(lines), size=RECIPE.numbers)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--source", default="mnist")
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    recipe = replace(RECIPE, epochs=arguments.epochs)
    tests = write_tests(digitsmith.load_dataset(arguments.source, "test"), DIGITS, "light", recipe.height)
    for folder in arguments.folders:
        lines = lines_of(folder)
        right: list[list[float]] = [[] for _ in tests]
        for seed in range(arguments.seeds):
            crnn = train_crnn(partial(drawn, lines, seed), DIGITS, recipe, seed, Lines(), work=folder.name)
            for shares, test in zip(right, tests, strict=True):
                shares.append(100 * reading_of(crnn, test, DIGITS).accuracy)
        print(f"\n{folder.name}: {len(lines):,} images; numbers read right, mean and standard deviation of seeds")
        for shares, test in zip(right, tests, strict=True):
            spread = f" ± {statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
            print(f"  {test.digits} digits, wear {test.wear:6} {statistics.mean(shares):.1f} %{spread}", flush=True)


if __name__ == "__main__":
    main()
