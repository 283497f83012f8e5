"""What written numbers are worth: a CRNN learns from them alone, and reads numbers of real digits.

The numbers to test on are written with real test digits, in the same layouts and wear. The same CRNN is taught by
numbers that are written with real training digits, and by digits of the model that are pasted side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from digitsmith.config.style import LAYOUTS, PRESETS, Preset
from digitsmith.data.sheet import counts
from digitsmith.data.sources import Source as DataSource
from digitsmith.data.sources import read_over
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.reference import load_real
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import whole
from digitsmith.numbers.pasted import paste
from digitsmith.numbers.sources import FromDataset, FromModel, Source
from digitsmith.progress import Progress, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.written_numbers import (
    TEACHERS,
    CRNNRecord,
    NumbersCell,
    NumbersProtocol,
    Teacher,
    WrittenNumbers,
)
from digitsmith.studies import number_lines
from digitsmith.studies.cells import Pool, check_arms, check_seeds, do_missing, take_up
from digitsmith.studies.verdict import numbers_rows, numbers_verdicts
from digitsmith.training.readers.transcription import Line, TranscriptionRecipe, train_crnn

RECIPE = TranscriptionRecipe()
"""Tried on numbers of digits that were held out of MNIST's training split."""


def written_numbers(
    source: str | Path,
    out: str | Path,
    *,
    arms: Sequence[str] = ("written", "real", "pasted"),
    wear: Preset = "light",
    model: str | Path = "mnist",
    seeds: int = 3,
    epochs: int | None = None,
    read: ReadOptions | dict[str, Any] | None = None,
    progress: Progress | bool = True,
) -> WrittenNumbers:
    """Measure how well a CRNN that learns from written numbers reads numbers of real digits.

    Each finished CRNN is kept in `out`: the same call goes on after a kill, and one with other arms or more seeds adds
    these.

    Args:
        source: real digits. Those of the training split teach "real", those of the test split are tested on; halves of
            it where there is one split.
        out: the folder of the study.
        arms: what teaches CRNNs beside "written": some of "real" and "pasted".
        wear: of the numbers, those to test on among them: "off", "light" or "heavy".
        model: whose digits are written: a shipped model, a run folder or an ONNX file.
        seeds: how often everything is done: 0, 1, … draw the numbers to learn from and the first weights.
        epochs: how often numbers are written anew for each CRNN. Default: 48, which takes more than half an hour of one
            core.
        read: how the files of the source are read.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: no labels, or no digits that the model has.
        ConfigError: arms, wear or seeds that make no study.
        ModelError: an unconditional model.
        OutputError: `out` holds a study of another kind.

    Examples:
        >>> import digitsmith
        >>> digitsmith.written_numbers("digits", "numbers-digits", arms=["fonts"])
        Traceback (most recent call last):
        digitsmith.errors.ConfigError: arms: choose among written, real, pasted.
    """
    seeds = check_seeds(seeds)
    check_arms(arms, TEACHERS, "arms")
    if wear not in PRESETS:
        raise ConfigError(f"{wear!r:.60} is none: use {', '.join(PRESETS)}.", parameter="wear")
    recipe = RECIPE if epochs is None else replace(RECIPE, epochs=_at_least_one(epochs))
    options = read_over(ReadOptions(), read)
    generator = load(model)
    with listening(progress) as listener:
        data = load_real(DataSource.parse(str(source)), options, listener)
        pool, made = Pool(data), FromModel(generator)
        characters = _shared(pool, made)
        protocol = NumbersProtocol(
            seeds=seeds,
            arms=tuple(arm for arm in TEACHERS if arm in arms or arm == "written"),
            read=options,
            model=str(model),
            model_sha256=generator.sha256,
            characters=characters,
            length=number_lines.LENGTH,
            lengths=number_lines.LENGTHS,
            wear=wear,
            other_wear=tuple(other for other in PRESETS if other != wear),
            numbers=number_lines.TESTED,
            pool=len(pool.images),
            test_images=len(pool.test),
            network=CRNNRecord(**asdict(recipe)),
            versions=Versions.here("torch", "numpy", "onnxruntime", "opencv-python-headless"),
        )
        asked = WrittenNumbers(
            subject=str(source), reference=data.record, held_out=data.held_out_record, protocol=protocol,
            notes=pool.notes,
        )  # fmt: skip
        place = Path(out) / "numbers.json"
        study = take_up(asked, place)
        plan = [(seed, arm) for seed in range(study.protocol.seeds) for arm in study.protocol.arms]
        cells = _Cells(pool, generator, recipe, study.protocol, listener)
        return do_missing(
            study, plan, place, cells.do, cells.conclude, listener, work="numbers", name="seed {}, {}".format
        )  # fmt: skip


def _at_least_one(epochs: int) -> int:
    if (epochs := whole(epochs, "epochs")) < 1:
        raise ConfigError(f"{epochs} is too few: use 1 or more.", parameter="epochs")
    return epochs


def _shared(pool: Pool, made: Source) -> str:
    """The characters that the model and both parts of the real images have.

    Raises:
        DataError: fewer than two.
    """
    parts = [counts(data) for data in (pool.images, pool.test)]
    shared = [name for name in made.classes if len(name) == 1 and all(part.get(name) for part in parts)]
    if len(shared) < 2:
        raise DataError(
            f"numbers are written with the classes of {made.name}, {' '.join(made.classes[:100])}; of these, the real "
            f"images to learn from and those to test on share {' '.join(shared) or 'none'}. Give images of digits.",
            parameter="source",
        )
    return "".join(shared)


class _Cells:
    """CRNNs that learn from numbers of one kind each; all are tested on the same."""

    def __init__(
        self, pool: Pool, model: Model, recipe: TranscriptionRecipe, protocol: NumbersProtocol, progress: Progress
    ) -> None:
        self._pool, self._model, self._recipe, self._protocol, self._progress = pool, model, recipe, protocol, progress
        self._found: list[number_lines.NumbersTest] = []

    def do(self, seed: int, arm: Teacher) -> NumbersCell:
        """Train a CRNN, and test it."""
        characters = self._protocol.characters
        crnn = train_crnn(self._lessons(seed, arm), characters, self._recipe, seed, self._progress)
        readings = tuple(number_lines.reading_of(crnn, test, characters) for test in self._tests())
        return NumbersCell(seed=seed, arm=arm, readings=readings)

    def conclude(self, cells: Sequence[NumbersCell]) -> dict[str, Any]:
        """Rows, and what they say."""
        rows = numbers_rows(cells, 1 / self._protocol.numbers)
        return {"rows": rows, "verdicts": numbers_verdicts(rows, self._protocol.length, self._protocol.wear)}

    def _lessons(self, seed: int, arm: Teacher) -> Callable[[int], list[Line]]:
        """The numbers that a CRNN learns from, for each epoch."""
        count = self._recipe.numbers
        source: Model | Source = FromDataset(self._pool.images, "real digits") if arm == "real" else self._model
        pasted = FromModel(self._model) if arm == "pasted" else None

        def lesson(epoch: int) -> list[Line]:
            texts = number_lines.draw_texts(self._protocol.characters, count, self._protocol.length, (seed, epoch))
            if pasted is not None:
                images = paste(pasted, texts, seed, epoch * count, self._recipe.height)
                return list(zip(images, texts, strict=True))
            wear, height = self._protocol.wear, self._recipe.height
            apart = count // len(LAYOUTS)
            return number_lines.write_in_all_layouts(source, texts, wear, seed, epoch * count, apart, height)

        return lesson

    def _tests(self) -> list[number_lines.NumbersTest]:
        """All that CRNNs are tested on, written at first use."""
        if not self._found:
            self._found = number_lines.write_tests(
                self._pool.test, self._protocol.characters, self._protocol.wear, self._recipe.height
            )
        return self._found
