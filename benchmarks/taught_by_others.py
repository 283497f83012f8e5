"""A CRNN taught by images of other programs, as `digitsmith study numbers` teaches it: what it reads of real digits.

    python benchmarks/taught_by_others.py FOLDER [FOLDER ...] [--source SOURCE] [--epochs N] [--seeds N]

Each folder has images of numbers, and `labels.txt` with a line for each (path, space, text), as
`text_generators.py --keep` and `digitsmith write` leave them. They are made as high as the study's, and seen as often:
an epoch draws as many of them as the study writes anew. The numbers to read are the study's own, of five digits, which
are written with the test split of SOURCE; only digits count.
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from digitsmith.config.style import PRESETS
from digitsmith.data.sources import load_dataset
from digitsmith.progress import Lines
from digitsmith.studies.written_numbers import LENGTH, LENGTHS, RECIPE, numbers_to_read, reading_of
from digitsmith.training.transcription import Line, train_crnn

DIGITS = "0123456789"


def lines_of(folder: Path) -> list[Line]:
    """The images of a folder, grey and of the study's height, with their texts."""
    found = []
    for line in (folder / "labels.txt").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(" ")
        with Image.open(folder / name) as picture:
            grey = picture.convert("L")
        width = max(1, round(grey.width * RECIPE.height / grey.height))
        image = np.asarray(grey.resize((width, RECIPE.height), Image.Resampling.LANCZOS))
        if np.median(image) < 128:  # bright ink on dark
            image = 255 - image
        found.append((image, text))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--source", default="mnist")
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    recipe, test = replace(RECIPE, epochs=arguments.epochs), load_dataset(arguments.source, "test")
    wears = ["light", *(wear for wear in PRESETS if wear != "light")]
    places = [LENGTHS.index(LENGTH), *range(len(LENGTHS), len(LENGTHS) + len(wears) - 1)]  # in the study's list
    tests = {
        wear: numbers_to_read(test, DIGITS, LENGTH, wear, place, recipe.height)
        for wear, place in zip(wears, places, strict=True)
    }
    for folder in arguments.folders:
        lines, right = lines_of(folder), dict[str, list[float]]()
        for seed in range(arguments.seeds):
            random = np.random.default_rng(seed)
            crnn = train_crnn(
                lambda _: [lines[i] for i in random.integers(len(lines), size=recipe.numbers)],  # noqa: B023
                DIGITS, recipe, seed, Lines(), work=folder.name,
            )  # fmt: skip
            for wear, numbers in tests.items():
                right.setdefault(wear, []).append(reading_of(crnn, numbers, DIGITS, LENGTH, wear).accuracy)
        said = ", ".join(f"{wear} {100 * statistics.mean(shares):.1f} %" for wear, shares in right.items())
        print(f"{folder.name} ({len(lines):,} images, {arguments.seeds} seeds): {said}", flush=True)


if __name__ == "__main__":
    main()
