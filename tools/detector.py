"""The detector in the box, made again: `python tools/detector.py FOLDER`, or `make detector`.

It learns to tell MNIST's training digits from as many generated ones of the same classes: half are of the model in the
box, half of the generators that `--with RUN` names. A sixth of MNIST's is held out, with as many generated ones. Images
of both kinds are altered in the same ways, so that it does not rest on the faintest pixels alone. Digits that were
scaled count as handwritten: scaling wipes out the traces, and other scanners' digits were all scaled once.

MNIST's test split is read once, at the end. `--unseen RUN` names generators that had no part in it, `--also SOURCE`
other handwritten digits. `--keep` measures the detector that is there.
"""

import argparse
import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.data.images.framing import SIDE, frame
from digitsmith.data.images.ink import to_ink
from digitsmith.data.sources import load_dataset
from digitsmith.models.generator import Model
from digitsmith.models.reader import Reader, load_reader
from digitsmith.progress import Progress, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.reader import GeneratedRecord, ReaderTraining
from digitsmith.records.study import ClassifierRecord
from digitsmith.training.readers.classifier import Recipe
from digitsmith.training.readers.export import finish
from digitsmith.training.readers.gather import Given
from digitsmith.training.readers.learn import READER
from digitsmith.training.readers.mixing import shuffled_places
from digitsmith.training.readers.teaching import train_classifier

Images = NDArray[np.uint8]
Random = np.random.Generator

CLASSES = ("handwritten", "machine-made")
HELD_OUT = 1000  # of each digit
SCALED = 0.3  # of the handwritten ones are seen a second time, scaled
SEED = 10**9  # of what it learns from; the next ones of what is held out, and of what is measured
RECIPE = Recipe(
    layers=((24, 1), (32, 2), (48, 1), (64, 2)), epochs=5, rotation=0.0, scale=0.0, shift=0.0, shear=0.0
)  # fmt: skip
"""No distortion: it would wipe out the traces."""


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"where to write {READER}")
    parser.add_argument("--keep", action="store_true", help="do not train: measure the detector that is there")
    parser.add_argument("--with", nargs="*", default=[], metavar="RUN", dest="others", help="generators to learn from")
    parser.add_argument("--unseen", nargs="*", default=[], metavar="RUN", help="generators to test it on")
    parser.add_argument("--also", nargs="*", default=[], metavar="SOURCE", help="handwritten digits to test it on")
    arguments = parser.parse_args()
    test = load_dataset("mnist", "test", progress=False)
    if arguments.keep:
        detector = load_reader(arguments.folder)
    else:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        with listening(True) as progress:
            detector = train(arguments.folder, [digitsmith.load(run) for run in arguments.others], test, progress)
        for measured in detector.record.measured:
            print(f"{measured.title}: {measured.accuracy:.2%} of {measured.images:,} right")
    measure(detector, test, [digitsmith.load(run) for run in arguments.unseen], arguments.also)


def train(folder: Path, others: list[Model], test: Dataset, progress: Progress) -> Reader:
    """Learn to tell MNIST's training digits from those of the model in the box and of others."""
    real, box = load_dataset("mnist", progress=False), digitsmith.load()
    assert real.labels is not None
    held = np.concatenate([places[:HELD_OUT] for places in shuffled_places(real.labels, len(real.classes), 0)])
    known, held_out = real.take(np.setdiff1d(np.arange(len(real)), held)), real.take(held)
    progress.note("Making and altering digits.")
    made = made_by(box, others, known, SEED)
    seen = altered_kinds(known, np.concatenate(made))
    given = Given(
        labelled=seen,
        held_out=both(held_out.images, np.concatenate(made_by(box, others, held_out, SEED + 1))),
        unlabelled=None,
        drawn=(),
        test=both(test.images, made_like(test, box, SEED + 2)),
        data=real.record("mnist", ReadOptions()),
        unlabelled_data=None,
    )
    generated = [
        GeneratedRecord(model=model.name, sha256=model.sha256, images=len(images))
        for model, images in zip([box, *others], made, strict=True)
    ]
    training = ReaderTraining(
        data=given.data,
        device="cpu",
        versions=Versions.here("torch", "numpy"),
        labelled=len(real),
        generated=generated[0],
        also_generated=tuple(generated[1:]),
        classifier=ClassifierRecord(**asdict(RECIPE)),
        steps=RECIPE.epochs * (len(seen) // RECIPE.batch_size),
        seed=0,
    )
    net = train_classifier(seen, RECIPE, 0, progress, work="learning to detect")
    return finish(net.cpu(), given, training, folder / READER)


def made_by(box: Model, others: list[Model], real: Dataset, seed: int) -> list[Images]:
    """As many digits of all models together, half of them of the one in the box, if there are others."""
    whole = len(real)
    first = whole // 2 if others else whole
    ends = [first, *(first + (whole - first) * (i + 1) // len(others) for i in range(len(others)))]
    parts = zip([box, *others], [0, *ends], ends, strict=False)
    return [made_like(real.take(slice(start, end)), model, seed) for model, start, end in parts]


def made_like(real: Dataset, model: Model, seed: int) -> Images:
    """As many digits of a model; of the same classes, if it can be asked for them."""
    if model.conditional:
        return model.sample(real.labels, seed=seed)
    return model.sample(count=len(real), seed=seed)


def both(real: Images, made: Images) -> Dataset:
    """Handwritten and machine-made images, labelled as such."""
    labels = np.repeat(np.arange(len(CLASSES)), (len(real), len(made)))
    return Dataset(np.concatenate([real, made]), labels, CLASSES)


def altered_kinds(real: Dataset, made: Images) -> Dataset:
    """What the detector sees: both kinds altered alike, and handwritten ones that were scaled."""
    random = np.random.default_rng(0)
    altered = [np.stack([alter(image, random) for image in images]) for images in (real.images, made)]
    chosen = random.choice(len(real), round(SCALED * len(real)), replace=False)
    scaled = np.stack([rescale(image, random) for image in real.images[chosen]])
    return both(np.concatenate([altered[0], scaled]), altered[1])


def alter(image: Images, random: Random) -> Images:
    """Change an image as editors and file formats do, without scaling it, or leave it as it is."""
    if random.random() < 0.3:
        image = np.roll(image, random.integers(-2, 3, 2), (0, 1))
    ways: list[Callable[[], Images]] = [
        lambda: image,
        lambda: without_faint(image, int(random.integers(2, 64))),
        lambda: through_jpeg(image, int(random.integers(60, 99))),
        lambda: with_noise(image, random.uniform(0.5, 4), random),
        lambda: with_noise(image, random.uniform(0.5, 4), random) * (image > 0),
        lambda: in_steps(image, int(random.integers(4, 33))),
    ]
    return ways[random.choice(len(ways), p=[0.35, 0.25, 0.15, 0.075, 0.075, 0.1])]()


def without_faint(image: Images, least: int) -> Images:
    """With what is fainter than a level taken for paper."""
    return np.where(image < least, np.uint8(0), image)


def through_jpeg(image: Images, quality: int) -> Images:
    """Saved as JPEG and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def with_noise(image: Images, deviation: float, random: Random) -> Images:
    """With noise of so many levels."""
    return rounded(image + random.normal(0, deviation, image.shape))


def in_steps(image: Images, step: int) -> Images:
    """With fewer levels of grey."""
    return rounded(np.rint(image / step) * step)


def rounded(levels: NDArray[np.float64]) -> Images:
    """Levels as pixels have them."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def rescale(image: Images, random: Random) -> Images:
    """Bring a digit to another size, and back: framed as MNIST was, put anywhere, or filling the image."""
    ways: list[Callable[[], Images]] = [
        lambda: frame(resized(image, random.integers(20, 101), random), "mnist"),
        lambda: put_anywhere(resized(image, random.integers(14, 37), random), random),
        lambda: resized(frame(image, "tight", (random.integers(8, 25),) * 2), SIDE, random),
    ]
    return ways[random.integers(len(ways))]()


def resized(image: Images, side: int, random: Random) -> Images:
    """Scaled by one of the usual ways, and every other time saved as JPEG."""
    ways = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    scaled = np.asarray(Image.fromarray(image).resize((side, side), ways[random.integers(len(ways))]))
    return through_jpeg(scaled, int(random.integers(60, 99))) if random.random() < 0.5 else scaled


def put_anywhere(image: Images, random: Random) -> Images:
    """A square image on paper of the usual size, or cut to that."""
    room = abs(SIDE - len(image))
    top, left = random.integers(room + 1, size=2)
    if len(image) > SIDE:
        return image[top : top + SIDE, left : left + SIDE]
    return np.pad(image, ((top, room - top), (left, room - left)))


def measure(detector: Reader, test: Dataset, unseen: list[Model], sources: list[str]) -> None:
    """Score digits that had no part in the training, and print how well the two kinds are told apart."""

    def scores(images: Images) -> NDArray[np.float32]:
        return detector.read(images).probabilities[:, CLASSES.index("machine-made")]

    def show(title: str, real: Images, made: Images) -> None:
        of_real, of_made = scores(real), scores(made)
        area = roc_auc_score(np.repeat([0, 1], (len(real), len(made))), np.concatenate([of_real, of_made]))
        print(f"{title}: AUROC {area:.4f};", end="")
        for level in (0.5, 0.9, 0.99):
            print(f"  {level}: {(of_made >= level).mean():.1%} found, {(of_real >= level).mean():.2%} false;", end="")
        print()

    made = made_like(test, digitsmith.load(), SEED + 2)
    show(f"the model in the box, {len(made):,} digits", test.images, made)
    random = np.random.default_rng(1)
    ways: dict[str, Callable[[Images], Images]] = {
        "moved by a pixel": lambda image: np.roll(image, 1, (0, 1)),
        "pixels under 32 made paper": lambda image: without_faint(image, 32),
        "noise of 2 levels": lambda image: with_noise(image, 2.0, random),
        "JPEG of quality 80": lambda image: through_jpeg(image, 80),
        "scaled, and framed": lambda image: frame(resized(image, random.integers(20, 101), random), "mnist"),
    }
    for title, way in ways.items():
        show(f"  {title}", np.stack([way(image) for image in test.images]), np.stack([way(image) for image in made]))
    for model in unseen:
        show(model.name, test.images, made_like(test, model, SEED + 2))
    for source in sources:
        images = to_ink(load_dataset(source, progress=False).images)
        framed = images.shape[1:] != (SIDE, SIDE)
        of_real = scores(np.stack([frame(image, "mnist") for image in images]) if framed else images)
        found = ", ".join(f"{(of_real >= level).mean():.1%} at {level}" for level in (0.5, 0.9, 0.99))
        print(f"{source}{', framed' if framed else ''}: {found} of {len(images):,} false")


if __name__ == "__main__":
    main()
