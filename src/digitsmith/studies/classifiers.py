"""Whether a discriminator is a better classifier: the same networks, trained with and without a generator.

Each network sees the same labelled images, undistorted, in as many steps, and is tested on the same others. Trained
adversarially it also sees generated images, which it tells from real ones. A Bayes classifier is the reference.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from digitsmith.config.loading import load_config
from digitsmith.config.schema import FullyConnectedNetworks
from digitsmith.data.sources import Source, read_over
from digitsmith.evaluation.reference import load_real
from digitsmith.progress import Progress, Silent, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.cells import TITLES, ArmKey, Cell, Row
from digitsmith.records.classifiers import Classifiers, ClassifiersProtocol
from digitsmith.studies import bayes
from digitsmith.studies.cells import Pool, check_arms, check_seeds, do_missing, plan_of, take_up
from digitsmith.studies.verdict import change_of, corrected, rows_of
from digitsmith.training.networks import Shape
from digitsmith.training.networks.fully_connected import NoisyPerceptron, Perceptron
from digitsmith.training.readers import adversarial, mixing
from digitsmith.training.readers.adversarial import AdversarialRecipe
from digitsmith.training.readers.classifier import Classifier, classify

RECIPE = AdversarialRecipe(steps=500)
"""Nothing in it was tuned: the weight of the adversarial loss is that of the paper."""

EPOCHS = 10
"""At least; so many images take more steps."""

_GAN = "-gan"
_SIGNIFICANT = 0.05
_USUAL = (10, 50, 100, 1000)
_CONVOLUTIONS = ((32, 2), (64, 2), (128, 1))
STRUCTURES = {
    "mlp": "the hidden layers of the discriminator of the preset gan",
    "noisy": "five hidden layers of 1000 to 250 units, with noise (Salimans et al. 2016)",
    "convolutional": "3x3 convolutions of 32 (stride 2), 64 (stride 2) and 128, with batch norm",
}
"""The networks, and how each is built."""


def classifiers(
    source: str | Path,
    out: str | Path,
    *,
    per_class: int | Sequence[int] | None = None,
    structures: Sequence[str] | None = None,
    seeds: int = 5,
    read: ReadOptions | dict[str, Any] | None = None,
    progress: Progress | bool = True,
) -> Classifiers:
    """Measure whether networks that are trained as discriminators classify better than the same trained plainly.

    Each finished classifier is kept in `out`: the same call goes on after a kill, and one with other numbers,
    structures or seeds adds these.

    Args:
        source: the data set. Examples are drawn from its training split and tested on its test split; halves of it
            where there is one split.
        out: the folder of the study.
        per_class: numbers of training images of each class; by default 10, 50, 100 and 1000, as far as there are so
            many.
        structures: of networks: some of "mlp", "noisy" and "convolutional"; by default all.
        seeds: how often everything is done: 0, 1, … draw the images and the first weights.
        read: how the files of the source are read.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: too few images of a class, or no labels.
        ConfigError: numbers or structures that make no study.
        OutputError: `out` holds a study of another kind.

    Examples:
        >>> import digitsmith
        >>> digitsmith.classifiers("digits", "classifiers-digits", structures=["forest"])
        Traceback (most recent call last):
        digitsmith.errors.ConfigError: structures: choose among mlp, noisy, convolutional.
    """
    seeds = check_seeds(seeds)
    chosen = tuple(STRUCTURES) if structures is None else structures
    check_arms(chosen, STRUCTURES, "structures")
    options = read_over(ReadOptions(), read)
    with listening(progress) as listener:
        data = load_real(Source.parse(str(source)), options, listener)
        pool = Pool(data)
        protocol = ClassifiersProtocol(
            per_class=pool.numbers(per_class, _USUAL),
            seeds=seeds,
            arms=tuple(arm for arm in TITLES if arm == "bayes" or arm.removesuffix(_GAN) in chosen),
            read=options,
            pool=len(pool.images),
            test_images=len(pool.test),
            networks="; ".join(f"{name}: {built}" for name, built in STRUCTURES.items()),
            least_steps=RECIPE.steps,
            epochs=EPOCHS,
            batch_size=RECIPE.batch_size,
            lr=RECIPE.lr,
            weight=RECIPE.weight,
            components=bayes.COMPONENTS,
            versions=Versions.here("torch", "numpy"),
        )
        asked = Classifiers(
            subject=str(source), reference=data.record, held_out=data.held_out_record, protocol=protocol,
            notes=pool.notes,
        )  # fmt: skip
        place = Path(out) / "classifiers.json"
        study = take_up(asked, place)
        conclude = partial(_conclude, resolution=1 / len(pool.test))
        return do_missing(study, plan_of(study), place, _Cells(pool).do, conclude, listener, work="classifiers")


class _Cells:
    """Classifiers of so many images of each class."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def do(self, number: int, seed: int, arm: ArmKey) -> Cell:
        """Train a classifier, and test it."""
        examples, test = mixing.draw_examples(self.pool.images, number, seed), self.pool.test
        if arm == "bayes":
            found = bayes.bayes(examples, test.images)
        else:
            steps = max(RECIPE.steps, -(-EPOCHS * len(examples) // RECIPE.batch_size))
            recipe = replace(RECIPE, steps=steps, weight=RECIPE.weight if arm.endswith(_GAN) else 0.0)
            build = _builder(arm.removesuffix(_GAN))
            found = classify(adversarial.train_network(build, examples, recipe, seed, Silent()), test.images)
        return Cell(per_class=number, seed=seed, arm=arm, accuracy=float((found == test.labels).mean()))


def _builder(structure: str) -> Callable[[Shape, int], Any]:
    """What makes a network of a structure."""
    if structure == "noisy":
        return NoisyPerceptron
    if structure == "convolutional":
        return lambda shape, classes: Classifier(_CONVOLUTIONS, classes, shape[0])
    networks = load_config("gan").networks
    assert isinstance(networks, FullyConnectedNetworks)
    return lambda shape, classes: Perceptron(networks.discriminator, shape, classes)


def _conclude(cells: Sequence[Cell], resolution: float) -> dict[str, Any]:
    """Rows with corrected p-values, and what they say."""
    against: dict[ArmKey, ArmKey] = {arm: plain for arm in TITLES for plain in TITLES if arm == plain + _GAN}
    rows = corrected(rows_of(cells, against, resolution=resolution))
    return {"rows": rows, "verdicts": verdicts_of(rows)}


def verdicts_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Whether any network differs significantly when it is a discriminator; and the reference, for each number."""
    compared = [(row, row.corrected) for row in rows if row.corrected is not None]
    if not compared:
        return ()
    differ = [row for row, p in compared if p < _SIGNIFICANT]
    many = f"{len(compared)} {'comparison' if len(compared) == 1 else 'comparisons'}"
    how = f"at the level of {100 * _SIGNIFICANT:.0f} % (paired t-tests, {many}, Holm's correction)"
    if differ:
        first = f"{len(differ)} of {many} {'differs' if len(differ) == 1 else 'differ'} significantly, {how}."
    else:
        least = min(p for _, p in compared)
        first = f"No configuration differs significantly, {how}; the least corrected p is {least:.2f}."
    return (first, *(f"{_name(row)}: {change_of(row)} as a discriminator." for row in differ), *_references(rows))


def _name(row: Row) -> str:
    return f"{row.per_class} of each class, {(row.against or row.arm)}"


def _references(rows: Sequence[Row]) -> list[str]:
    sentences = []
    for reference in [row for row in rows if row.arm == "bayes"]:
        networks = [row for row in rows if row.per_class == reference.per_class and row.arm != "bayes"]
        best = max(networks, key=lambda row: row.mean)
        sentences.append(
            f"{reference.per_class} of each class: the Bayes classifier reads {100 * reference.mean:.1f} %, the best "
            f"network ({best.arm}) {100 * best.mean:.1f} %."
        )
    return sentences
