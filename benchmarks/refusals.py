"""What a reader makes of images that are no digits, and of digits of other hands.

    python benchmarks/refusals.py [--reader READER] [--min-probability P] [--digits SOURCE ...] [--odd SOURCE ...]

Refusals: the area under the ROC curve by which MNIST's test digits are told from 2,000 images that are none, by the
probability of the most likely digit: noise; crops of the photographs that come with scikit-learn; letters in the fonts
that come with matplotlib; and data sets of other signs that you name with `--odd`, if there are any. And how many of
these are read all the same.

Digits: how many of the data sets that you name with `--digits` are right, all splits by themselves.
"""

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.errors import DataError
from digitsmith.models.reader import Readings

IMAGES = 2000
FONTS = ("Sans", "Sans-Bold", "Sans-Oblique", "Serif", "Serif-Bold", "Serif-Italic", "SansMono", "SansMono-Bold")
LATIN = "ABCDEFGHIJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"  # without O, l and o, which are digits as well
GREEK_AND_CYRILLIC = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπρστφχψωБДЖИЙЛУФЦЧШЩЪЫЬЭЮЯбвджийлфцчшщъыьэюя"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", help="default: the one in the box")
    parser.add_argument("--min-probability", type=float, default=0.0, help="of an answer", metavar="P")
    parser.add_argument("--digits", nargs="*", default=[], metavar="SOURCE")
    parser.add_argument("--odd", nargs="*", default=[], metavar="SOURCE")
    arguments = parser.parse_args()
    read = partial(digitsmith.load_reader(arguments.reader).read, min_probability=arguments.min_probability)
    mnist = digitsmith.load_dataset("mnist", "test", progress=False)
    show("mnist:test", mnist, read(mnist.images))
    for source in arguments.digits:
        for split, images in splits_of(source).items():
            show(f"{source}:{split}", images, read(images.images))
    random = np.random.default_rng(0)
    digits = read(mnist.images[random.permutation(len(mnist))[:IMAGES]]).confidence
    kinds = {"noise": noise(random), "photographs": photographs(random)}
    kinds |= {"Latin letters": letters(LATIN), "Greek and Cyrillic": letters(GREEK_AND_CYRILLIC)}
    for source in arguments.odd:
        images = list(splits_of(source).values())[-1]
        kinds[source] = images.images[random.permutation(len(images))[:IMAGES]]
    for kind, odd in kinds.items():
        readings = read(odd)
        truth = np.repeat([1, 0], [len(digits), len(odd)])
        area = roc_auc_score(truth, np.concatenate([digits, readings.confidence]))
        print(f"{kind}: area {area:.3f} of {len(odd):,}; {readings.accepted.mean():.1%} are read", flush=True)


def show(title: str, images: Dataset, readings: Readings) -> None:
    right, accepted = readings.labels == images.labels, readings.accepted
    print(
        f"{title}: {right.mean():.2%} of {len(images):,} right if none is refused; {accepted.mean():.1%} read, ", end=""
    )
    print(f"{right[accepted].mean():.2%} of them right", flush=True)


def splits_of(source: str) -> dict[str, Dataset]:
    """Its training split, and its test split, if there is one."""
    splits = {"train": digitsmith.load_dataset(source, "train", frame="mnist", progress=False)}
    try:
        splits["test"] = digitsmith.load_dataset(source, "test", frame="mnist", progress=False)
    except DataError as error:
        if "no test split" not in error.message:
            raise
    return splits


def noise(random: np.random.Generator) -> NDArray[np.uint8]:
    """Half of single pixels, half of larger patches."""
    fine = random.integers(0, 256, (IMAGES // 2, 28, 28), np.uint8)
    coarse = random.integers(0, 256, (IMAGES // 2, 7, 7), np.uint8)
    resized = [np.asarray(Image.fromarray(one).resize((28, 28), Image.Resampling.BICUBIC)) for one in coarse]
    return np.concatenate([fine, np.stack(resized)])


def photographs(random: np.random.Generator) -> NDArray[np.uint8]:
    """Square crops of 28 to 200 pixels."""
    photos, crops = load_sample_images().images, []
    for i in range(IMAGES):
        photo = photos[i % len(photos)]
        side = int(random.integers(28, 200))
        top, left = (int(random.integers(0, length - side)) for length in photo.shape[:2])
        crop = Image.fromarray(photo[top : top + side, left : left + side]).convert("L").resize((28, 28))
        crops.append(np.asarray(crop))
    return np.stack(crops)


def letters(chosen: Iterable[str]) -> NDArray[np.uint8]:
    """Each in all fonts, at two sizes."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    images = []
    for name in FONTS:
        for size in (40, 56):
            font = ImageFont.truetype(folder / f"DejaVu{name}.ttf", size)
            for letter in chosen:
                image = Image.new("L", (80, 80))
                ImageDraw.Draw(image).text((40, 40), letter, 255, font, anchor="mm")
                images.append(np.asarray(image))
    return np.stack(images)


if __name__ == "__main__":
    main()
