"""How much generated digits help where real examples are scarce.

The same classifier learns from a few real examples of each class, alone and together with generated digits: of the
model in the box as they are, of a generator trained on those examples from scratch, of one adapted from the box to
them, or both of the first and the last. All these make as many steps, see the same distortions, and are tested on the
same images. Two more arms learn from the other images, without their labels, which takes more steps: the same
classifier by consistency, and another network as the discriminator of a GAN.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import listed
from digitsmith.data.sources import Source, read_over, same_images
from digitsmith.errors import ConfigError
from digitsmith.evaluation.reference import load_real
from digitsmith.models.generator import Model, load
from digitsmith.progress import Progress, Silent, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.cells import ArmKey, Cell
from digitsmith.records.evaluation import ReferenceRecord
from digitsmith.records.run import Run
from digitsmith.records.scarce import Scarce, ScarceProtocol
from digitsmith.records.study import ClassifierRecord
from digitsmith.studies.cells import Pool, check_arms, check_seeds, do_missing, plan_of, take_up
from digitsmith.studies.verdict import WITHOUT_LABELS, rows_of, verdicts_of
from digitsmith.training.gans.start import Start, find_start
from digitsmith.training.gans.train import train
from digitsmith.training.networks.fully_connected import NoisyPerceptron
from digitsmith.training.readers import mixing
from digitsmith.training.readers.adversarial import train_network
from digitsmith.training.readers.classifier import Classifier, classify
from digitsmith.training.readers.classifier_training import Extras
from digitsmith.training.readers.mixing import classifier_of, digits_of, draw_examples, draw_places, one_epoch, trusts
from digitsmith.training.readers.self_training import METHOD, self_train, states
from digitsmith.training.readers.teaching import train_classifier

_PARTS: dict[ArmKey, tuple[str, ...]] = {
    "real": (), "box": ("box",), "scratch": ("scratch",), "adapted": ("adapted",), "both": ("box", "adapted"),
    "unlabelled": (), "discriminator": (),
}  # fmt: skip
"""The arms, and the kinds of generated digits that each has."""

_OF_THE_MODEL = {"box", "adapted"}

ARMS = tuple(_PARTS)
_USUAL_ARMS = ("real", "box", "scratch", "adapted", "both")

_USUAL = (1, 5, 10, 20, 50, 100)
_FEW = (1, 2, 10)
_OF_ONE_ARM: dict[str, ArmKey] = {
    "steps_with_unlabelled": "unlabelled", "unlabelled": "unlabelled", "steps_as_discriminator": "discriminator",
}  # fmt: skip


def scarce(
    source: str | Path,
    out: str | Path,
    *,
    per_class: int | Sequence[int] | None = None,
    model: str | Path = "mnist",
    seeds: int = 5,
    arms: Sequence[str] | None = None,
    read: ReadOptions | dict[str, Any] | None = None,
    progress: Progress | bool = True,
) -> Scarce:
    """Measure what generated digits are worth beside few real examples.

    Each finished classifier is kept in `out`: the same call goes on after a kill, and one with other numbers, arms or
    seeds adds these. The generators are run folders there.

    Args:
        source: the data set. Examples are drawn from its training split and tested on its test split; halves of it
            where there is one split.
        out: the folder of the study.
        per_class: numbers of real examples of each class; by default 1, 5, 10, 20, 50 and 100, or 1, 2 and 10 where
            nothing is generated, as far as there are so many. 0 is the model's digits alone.
        model: the trained pair to adapt, as for `digitsmith.train(start=…)`.
        seeds: how often everything is done: 0, 1, … draw the examples.
        arms: what is compared with "real": some of "box", "scratch", "adapted", "both", "unlabelled" and
            "discriminator"; by default the first four, of those that have not seen the labels of these images.
        read: how the files of the source are read; what is left out is as for the model's own images.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: too few images of a class, or no labels.
        ConfigError: numbers or arms that make no study.
        OutputError: `out` holds a study of another kind.

    Examples:
        >>> import digitsmith
        >>> digitsmith.scarce("digits", "scarce-digits", seeds=1)
        Traceback (most recent call last):
        digitsmith.errors.ConfigError: seeds: 1 is too few for a spread: use 5.
    """
    seeds = check_seeds(seeds)
    check_arms(_USUAL_ARMS if arms is None else arms, ARMS, "arms")
    pair = find_start(model)
    options = read_over(pair.read, read)
    with listening(progress) as listener:
        data = load_real(Source.parse(str(source)), options, listener)
        pool, generator = Pool(data), load(model)
        chosen = _honest_arms(arms, pair, data.record)
        generates = any(parts for arm, parts in _PARTS.items() if arm in chosen)
        numbers = pool.numbers(
            per_class,
            _USUAL if generates else _FEW,
            least=0 if generates else 1,
            leaves=bool({*WITHOUT_LABELS} & {*chosen}),
        )
        if numbers[0] == 0 and not set(pool.images.classes) & set(generator.record.classes):
            raise ConfigError(
                f"0 examples are of no use here: {generator.name} has none of the classes of these images.",
                parameter="per_class",
            )
        protocol = ScarceProtocol(
            per_class=numbers,
            seeds=seeds,
            arms=tuple(arm for arm in ARMS if arm in chosen or arm == "real"),
            model=str(model),
            model_sha256=pair.record.sha256,
            read=options,
            pool=len(pool.images),
            test_images=len(pool.test),
            classifier=ClassifierRecord(**asdict(mixing.RECIPE)),
            steps=mixing.RECIPE.epochs * (mixing.IMAGES // mixing.RECIPE.batch_size),
            steps_with_unlabelled=mixing.EPOCHS_WITH_UNLABELLED * (mixing.IMAGES // mixing.RECIPE.batch_size),
            unlabelled=METHOD if "unlabelled" in chosen else "",
            steps_as_discriminator=mixing.AS_DISCRIMINATOR.steps,
            real_share=mixing.REAL_SHARE,
            generated=mixing.GENERATED,
            trusted=mixing.TRUSTED,
            versions=Versions.here("torch", "numpy", "onnxruntime"),
        )
        asked = Scarce(
            subject=str(source), reference=data.record, held_out=data.held_out_record, protocol=protocol,
            notes=pool.notes,
        )  # fmt: skip
        place = Path(out) / "scarce.json"
        study = take_up(asked, place, _OF_ONE_ARM, listener)
        plan = [(number, seed, arm) for number, seed, arm in plan_of(study) if number or arm == "box"]
        return do_missing(
            study, plan, place, _Cells(pool, generator, Path(out), listener).do,
            partial(_conclude, resolution=1 / len(pool.test)), listener, work="scarce data",
        )  # fmt: skip


def _honest_arms(arms: Sequence[str] | None, pair: Start, images: ReferenceRecord) -> Sequence[str]:
    """The arms to compare: none with digits of a model that has seen the labels which are taken to be scarce.

    Raises:
        ConfigError: such an arm was asked for.
    """
    if not same_images(pair.data, images):
        return _USUAL_ARMS if arms is None else arms
    if arms is None:
        return [arm for arm, parts in _PARTS.items() if arm in _USUAL_ARMS and not _OF_THE_MODEL & set(parts)]
    if taught := [arm for arm, parts in _PARTS.items() if arm in arms and _OF_THE_MODEL & set(parts)]:
        raise ConfigError(
            f"{pair.record.name} was trained on all labels of these images, so {listed(taught)} would say nothing of "
            f"scarce ones: take another model, or other arms.",
            parameter="arms",
        )
    return arms


def _conclude(cells: Sequence[Cell], resolution: float) -> dict[str, Any]:
    rows = rows_of(cells, resolution=resolution)
    return {"rows": rows, "verdicts": verdicts_of(rows)}


class _Cells:
    """Classifiers of few real images, with what there is beside them; generators are in the folder."""

    def __init__(self, pool: Pool, model: Model, folder: Path, progress: Progress) -> None:
        self.pool, self.test, self.without_labels = pool.images, pool.test, pool.without_labels
        self.model, self.folder, self.progress = model, folder, progress
        self._reader: Classifier | None = None

    def do(self, number: int, seed: int, arm: ArmKey) -> Cell:
        """Train a classifier, and test it."""
        examples = draw_examples(self.pool, number, seed)
        parts = [self._made(kind, number, seed, examples) for kind in _PARTS[arm]]
        generated = [part for part in parts if part is not None]
        net = self._trained_on(one_epoch(examples, generated, seed), examples, number, seed, arm)
        return Cell(
            per_class=number,
            seed=seed,
            arm=arm,
            accuracy=float((classify(net, self.test.images) == self.test.labels).mean()),
            generated=sum(map(len, generated)),
        )

    def _trained_on(self, data: Dataset, examples: Dataset, number: int, seed: int, arm: ArmKey) -> Any:
        """The classifier of a cell."""
        if arm == "unlabelled":
            return self._with_unlabelled(data, examples, number, seed)
        if arm == "discriminator":
            recipe, others = mixing.AS_DISCRIMINATOR, self._others(number, seed)
            return train_network(NoisyPerceptron, examples, recipe, seed, self.progress, unlabelled=others)
        return train_classifier(data, mixing.RECIPE, seed, Silent())

    def _with_unlabelled(self, data: Dataset, examples: Dataset, number: int, seed: int) -> Classifier:
        """A classifier that sees all other images, too, without their labels. It takes long, and is resumed."""
        recipe = replace(mixing.RECIPE, epochs=mixing.EPOCHS_WITH_UNLABELLED)
        state = self.folder / f"unlabelled-{number}-{seed}.safetensors"
        extras, work = Extras(self._others(number, seed)), "a classifier"
        net = self_train(data, examples, recipe, seed, extras, state, self.progress, work=work).classifier
        for place in states(state):
            place.unlink(missing_ok=True)
        return net

    def _others(self, number: int, seed: int) -> NDArray[np.uint8]:
        """All images but the examples: uint8[n, h, w] or uint8[n, h, w, 3]."""
        assert self.pool.labels is not None
        drawn = draw_places(self.pool.labels, len(self.pool.classes), number, seed)
        return np.concatenate([np.delete(self.pool.images, drawn, 0), self.without_labels])

    def _made(self, kind: str, number: int, seed: int, examples: Dataset) -> Dataset | None:
        """Generated digits of a kind; None if the examples say that they are of other classes."""
        if kind == "box":
            return digits_of(self.model, self.pool.classes, seed) if not number or self._box_fits(examples) else None
        run = self.folder / f"{kind}-{number}-{seed}"
        return digits_of(load(self._generator(run, kind, seed, examples)), self.pool.classes, seed)

    def _generator(self, run: Path, kind: str, seed: int, examples: Dataset) -> Path:
        """The run folder of a generator, trained now, or before."""
        if Run(run).model.is_file():
            return run
        start = self.model.name if kind == "adapted" else None
        resume = Run(run).config.is_file()
        outcome = train(
            None if resume else "residual", examples, run, changes={} if resume else {"seed": seed}, start=start,
            resume=resume, progress=self.progress,
        )  # fmt: skip
        if not outcome.finished:
            raise KeyboardInterrupt
        return run

    def _box_fits(self, examples: Dataset) -> bool:
        """Whether the model's digits are of the kind of the examples."""
        if self._reader is None:
            box = digits_of(self.model, self.pool.classes, 0)
            if box is None:
                return False
            self._reader = classifier_of(box, self.progress)
        return trusts(self._reader, examples)
