"""One hand a number: how far the strokes and slants of its digits differ, beside those of digits drawn at random.

    python benchmarks/hands.py [--count N] [--seed S] [--yardstick SOURCE --population SOURCE]

Numbers of five digits are written with gaps between them; each digit is cut out by its box and measured as it stands in
the image: the width of its strokes by its height, its slant, and its width by its height (`numbers.hand.measure`),
less the mean of its class. Digits drawn at random are numbers of one digit, each in a hand of its own, five taken
together. *Within* is the deviation from the mean of the five, *between* that of those means, as far as it is more than
what differences within make of it.

As a yardstick, the deviation of a real writer's digits is given by that of a population's, if both are named.
"""

import argparse

import numpy as np

from digitsmith.config.style import Style
from digitsmith.data.images.ink import to_ink
from digitsmith.data.sources import load_dataset
from digitsmith.numbers.compose import compose_many
from digitsmith.numbers.hand import measure
from digitsmith.numbers.written import Written

DIGITS = 5
NAMES = ("stroke", "slant", "width")
APART = Style(wear="off", touching=0.0, spacing=0.6, spacing_spread=0.0)
"""So that no box has ink of two digits."""


def styles_in(numbers: list[Written]) -> np.ndarray:
    """The style of each digit of numbers: float64[n, 3]."""
    found = []
    for number in numbers:
        for box in number.boxes:
            cut = 255 - number.image[box.top : box.bottom, box.left : box.right]
            cut = np.pad((cut * (255 / max(cut.max(), 1))).astype(np.uint8), 2)
            stroke, slant, width = measure(cut[None])[0]
            found.append((stroke / (box.bottom - box.top), slant, width))
    return np.array(found)


def spread(styles: np.ndarray, means: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deviation within and between groups of `DIGITS`, of float64[n, 3] less the means of their classes."""
    groups = (styles - means[labels]).reshape(-1, DIGITS, 3)
    within = groups.var(1, ddof=1).mean(0)
    between = np.maximum(groups.mean(1).var(0) - within / DIGITS, 0)
    return np.sqrt(within), np.sqrt(between)


def compared(count: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Deviations within and between numbers of one hand, and groups of digits in hands of their own: float64[3]."""
    labels = np.random.default_rng(seed).integers(10, size=(count, DIGITS))
    texts = ["".join(map(str, row)) for row in labels]
    hands = styles_in(compose_many(texts, seed, 0, None, APART))
    single = styles_in(compose_many(list("".join(texts)), seed + 1, 0, None, APART))
    every = labels.ravel()
    means = np.stack([single[every == label].mean(0) for label in range(10)])
    return {"hands": spread(hands, means, every), "random": spread(single, means, every)}


def deviation(source: str) -> np.ndarray:
    """Of the styles of a data set, less the means of its classes: float64[3]."""
    data = load_dataset(source)
    styles = measure(to_ink(data.images))
    means = np.stack([styles[data.labels == label].mean(0) for label in range(len(data.classes))])
    return (styles - means[data.labels]).std(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--yardstick", help="digits of one writer")
    parser.add_argument("--population", help="digits of many", default="mnist")
    arguments = parser.parse_args()
    found = compared(arguments.count, arguments.seed)
    print(f"{'':8}" + "".join(f"{name:>10}" for name in NAMES))
    for who, (within, between) in found.items():
        for what, values in ("within", within), ("between", between):
            print(f"{who + ', ' + what:18}" + "".join(f"{value:10.4f}" for value in values))
    print(f"{'within by random':18}" + "".join(f"{r:10.2f}" for r in found["hands"][0] / found["random"][0]))
    if arguments.yardstick:
        ratio = deviation(arguments.yardstick) / deviation(arguments.population)
        print(f"{'a real writer':18}" + "".join(f"{r:10.2f}" for r in ratio))


if __name__ == "__main__":
    main()
