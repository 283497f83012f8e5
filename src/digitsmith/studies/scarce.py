"""How much generated digits help where real examples are scarce.

The same classifier learns from a few real examples of each class, alone and together with generated digits: of the
model in the box as they are, of a generator trained on those examples from scratch, of one adapted from the box to
them, or both of the first and the last. All these make as many steps, see the same distortions, and are tested on the
same images. One more arm learns from the other images, without their labels, which takes more steps.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import listed
from digitsmith.data.sheet import counts
from digitsmith.data.sources import Source, read_over
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.evaluation.reference import RealData, load_real
from digitsmith.files import require_new
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import whole
from digitsmith.progress import Progress, Silent, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.results import load_result
from digitsmith.records.run import Run
from digitsmith.records.scarce import ArmKey, Cell, Scarce, ScarceProtocol
from digitsmith.records.study import ClassifierRecord
from digitsmith.studies.verdict import rows_of, verdicts_of
from digitsmith.training import mixing
from digitsmith.training.classifier import Classifier, classify
from digitsmith.training.mixing import classifier_of, digits_of, draw_examples, one_epoch, trusts
from digitsmith.training.start import find_start
from digitsmith.training.teaching import Extras, teach, train_classifier
from digitsmith.training.train import train

ARMS: tuple[ArmKey, ...] = get_args(ArmKey)
_USUAL_ARMS: tuple[ArmKey, ...] = ("real", "box", "scratch", "adapted", "both")

_PARTS: dict[ArmKey, tuple[str, ...]] = {
    "real": (), "box": ("box",), "scratch": ("scratch",), "adapted": ("adapted",), "both": ("box", "adapted"),
    "unlabelled": (),
}  # fmt: skip
"""The kinds of generated digits that each arm has."""

_USUAL = (1, 5, 10, 20, 50, 100)


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
        per_class: numbers of real examples of each class; by default 1, 5, 10, 20, 50 and 100, as far as there are so
            many. 0 is the model's digits alone.
        model: the trained pair to adapt, as for `digitsmith.train(start=…)`.
        seeds: how often everything is done: 0, 1, … draw the examples.
        arms: what is compared with "real": some of "box", "scratch", "adapted", "both" and "unlabelled"; by default
            all but the last.
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
    if (seeds := whole(seeds, "seeds")) < 2:
        raise ConfigError(f"{seeds} is too few for a spread: use 5.", parameter="seeds")
    chosen = _check_arms(arms)
    pair = find_start(model)
    options = read_over(pair.read, read)
    with listening(progress) as listener:
        data = load_real(Source.parse(str(source)), options, listener)
        study = _Study(data, load(model), Path(out), listener)
        numbers = study.numbers(per_class)
        protocol = ScarceProtocol(
            per_class=numbers,
            seeds=seeds,
            arms=chosen,
            model=str(model),
            model_sha256=pair.record.sha256,
            read=options,
            pool=len(study.pool),
            test_images=len(study.test),
            classifier=ClassifierRecord(**asdict(mixing.RECIPE)),
            steps=mixing.RECIPE.epochs * (mixing.IMAGES // mixing.RECIPE.batch_size),
            steps_with_unlabelled=mixing.EPOCHS_WITH_UNLABELLED * (mixing.IMAGES // mixing.RECIPE.batch_size),
            real_share=mixing.REAL_SHARE,
            generated=mixing.GENERATED,
            trusted=mixing.TRUSTED,
            versions=Versions.here("torch", "numpy", "onnxruntime"),
        )
        return study.run(Scarce(
            subject=str(source), reference=data.record, held_out=data.held_out_record, protocol=protocol,
            notes=_notes(data),
        ))  # fmt: skip


class _Study:
    """Real images to draw examples from, and others to test on; what was done is in the folder."""

    def __init__(self, data: RealData, model: Model, folder: Path, progress: Progress) -> None:
        self.pool, self.test = data.reference.labelled(), data.held_out.labelled()
        if not len(self.pool) or self.pool.classes != self.test.classes:
            raise DataError(
                f"{data.record.title} and {data.held_out_record.title} must be labelled, with the same classes.",
                parameter="source",
            )
        self.kept = "" if data.record.part == "whole" else ", as half of all are kept to test on"
        self.model, self.folder, self.progress = model, folder, progress
        self._reader: Classifier | None = None

    def numbers(self, per_class: int | Sequence[int] | None) -> tuple[int, ...]:
        """The numbers of examples to study."""
        of_class = counts(self.pool)
        least = min(of_class.values())
        usual = [number for number in _USUAL if number <= least] or _USUAL[:1]
        asked = usual if per_class is None else [per_class] if isinstance(per_class, int) else per_class
        numbers = tuple(sorted({whole(number, "per_class") for number in asked}))
        if not numbers or numbers[0] < 0:
            raise ConfigError("give numbers of examples of each class, such as 5 and 50.", parameter="per_class")
        if numbers[0] == 0 and not set(self.pool.classes) & set(self.model.record.classes):
            raise ConfigError(
                f"0 examples are of no use here: {self.model.name} has none of the classes of these images.",
                parameter="per_class",
            )
        if numbers[-1] > least:
            name = min(of_class, key=of_class.__getitem__)
            there = f"of the {len(self.pool):,} images to draw from{self.kept}, {least} are of class {name}"
            mend = f"Use {least} at most" if least else "Add images of it, or a test split"
            raise DataError(f"{numbers[-1]} of each class are too many: {there}. {mend}.", parameter="per_class")
        return numbers

    def run(self, asked: Scarce) -> Scarce:
        """Do what is missing, and keep it as it comes."""
        place = self.folder / "scarce.json"
        result = _taken_up(place, asked)
        protocol = result.protocol
        plan = [
            (number, seed, arm)
            for seed in range(protocol.seeds)
            for number in protocol.per_class
            for arm in protocol.arms
            if number or arm == "box"
        ]
        done = {(cell.per_class, cell.seed, cell.arm): cell for cell in result.cells}
        for number, seed, arm in [key for key in plan if key not in done]:
            self.progress.update("scarce data", len(done), len(plan), f"{number} of each class, seed {seed}, {arm}")
            done[number, seed, arm] = self._cell(number, seed, arm)
            result = _with_cells(result, [done[key] for key in plan if key in done], len(plan))
            result.save(place)
        self.progress.update("scarce data", len(plan), len(plan))
        return result

    def _cell(self, number: int, seed: int, arm: ArmKey) -> Cell:
        examples = draw_examples(self.pool, number, seed)
        parts = [self._made(kind, number, seed, examples) for kind in _PARTS[arm]]
        generated = [part for part in parts if part is not None]
        data = one_epoch(examples, generated, seed)
        if arm == "unlabelled":
            net = self._with_unlabelled(data, number, seed)
        else:
            net = train_classifier(data, mixing.RECIPE, seed, Silent())
        return Cell(
            per_class=number,
            seed=seed,
            arm=arm,
            accuracy=float((classify(net, self.test.images) == self.test.labels).mean()),
            generated=sum(map(len, generated)),
        )

    def _with_unlabelled(self, data: Dataset, number: int, seed: int) -> Classifier:
        """A classifier that sees all images to draw from, without their labels. It takes long, and is resumed."""
        recipe = replace(mixing.RECIPE, epochs=mixing.EPOCHS_WITH_UNLABELLED)
        state = self.folder / f"unlabelled-{number}-{seed}.safetensors"
        net = teach(data, recipe, seed, Extras(self.pool.images), state, self.progress, work="a classifier").classifier
        state.unlink(missing_ok=True)
        return net

    def _made(self, kind: str, number: int, seed: int, examples: Dataset) -> Dataset | None:
        """Generated digits of a kind; None if the examples say that they are of other classes."""
        if kind == "box":
            return digits_of(self.model, self.pool.classes, seed) if not number or self._box_fits(examples) else None
        run = self.folder / f"{kind}-{number}-{seed}"
        return digits_of(load(self._trained(run, kind, seed, examples)), self.pool.classes, seed)

    def _trained(self, run: Path, kind: str, seed: int, examples: Dataset) -> Path:
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
            self._reader = classifier_of(box)
        return trusts(self._reader, examples)


def _notes(data: RealData) -> tuple[str, ...]:
    """What a reader should know of the images."""
    notes = []
    if data.record.part != "whole":
        notes = [f"{data.record.source} has no test split: examples are drawn from one half, and tested on the other."]
    if missing := [name for name, count in counts(data.held_out).items() if not count]:
        notes.append(f"No image to test on is of class {listed(missing)}: accuracy says nothing of it.")
    return tuple(notes)


def _with_cells(study: Scarce, cells: Sequence[Cell], planned: int) -> Scarce:
    rows = rows_of(cells)
    found = {"cells": tuple(cells), "rows": rows, "verdicts": verdicts_of(rows), "complete": len(cells) == planned}
    return study.model_copy(update=found)


def _taken_up(place: Path, asked: Scarce) -> Scarce:
    """A study with what was done of it before, in the same folder; its numbers, seeds and arms are those of both.

    Raises:
        OutputError: it was another one.
    """
    if not place.exists():
        require_new(place.parent)
        return asked
    before = load_result(place)
    if not isinstance(before, Scarce) or _identity(before) != _identity(asked):
        message = f"{place.parent} holds a study of other images, settings or versions: choose another folder."
        raise OutputError(message, parameter="out")
    new, old = asked.protocol, before.protocol
    union = {
        "per_class": tuple(sorted({*old.per_class, *new.per_class})),
        "seeds": max(old.seeds, new.seeds),
        "arms": tuple(arm for arm in ARMS if arm in (*old.arms, *new.arms)),
    }
    return before.model_copy(update={"protocol": new.model_copy(update=union)})


def _identity(study: Scarce) -> tuple[object, ...]:
    """What must be the same for cells to be of one study; a commit of other code may come between them."""
    versions = study.protocol.versions.model_copy(update={"git": ""})
    may_differ = {"per_class": (), "seeds": 0, "arms": (), "steps_with_unlabelled": 0}  # the last is of one arm
    fixed = study.protocol.model_copy(update={"versions": versions, **may_differ})
    return study.reference.sha256, study.held_out.sha256, fixed


def _check_arms(arms: Sequence[str] | None) -> tuple[ArmKey, ...]:
    if arms is None:
        return _USUAL_ARMS
    if not arms or isinstance(arms, str) or not set(arms) <= set(ARMS):
        raise ConfigError(f"choose among {', '.join(ARMS)}.", parameter="arms")
    return tuple(arm for arm in ARMS if arm in arms or arm == "real")
