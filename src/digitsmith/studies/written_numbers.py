"""What written numbers are worth: a CRNN learns from them alone, and reads numbers of real digits.

The numbers to test on are written with real test digits, in the same layouts and wear. The same CRNN is taught by
numbers that are written with real training digits, and by digits of the model that are pasted side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from digitsmith.config.style import LAYOUTS, PRESETS, Preset, Style
from digitsmith.data.dataset import Dataset
from digitsmith.data.sheet import counts
from digitsmith.data.sources import Source as DataSource
from digitsmith.data.sources import read_over
from digitsmith.errors import ConfigError, DataError
from digitsmith.evaluation.metrics import edit_distance
from digitsmith.evaluation.reference import load_real
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import whole
from digitsmith.numbers.compose import composer
from digitsmith.numbers.pasted import paste
from digitsmith.numbers.sources import FromDataset, FromModel, Source
from digitsmith.progress import Progress, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.written_numbers import (
    TEACHERS,
    CRNNRecord,
    NumbersCell,
    NumbersProtocol,
    Reading,
    Teacher,
    WrittenNumbers,
)
from digitsmith.studies.cells import Pool, check_arms, check_seeds, do_missing, take_up
from digitsmith.studies.verdict import numbers_rows, numbers_verdicts
from digitsmith.training.crnn import CRNN
from digitsmith.training.transcription import Line, TranscriptionRecipe, train_crnn, transcribe

RECIPE = TranscriptionRecipe()
"""Tried on numbers of digits that were held out of MNIST's training split."""

LENGTH = 5
"""Of all numbers that CRNNs learn from, in digits."""

LENGTHS = (3, 4, 5, 6, 8, 10)
"""Of numbers to test on."""

TESTED = 2000
"""Numbers of each test."""

_OF_TESTS = 2**40  # the seed of the numbers to test on, which no CRNN learns from


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
        epochs: how often numbers are written anew for each CRNN; by default as in the guide, which takes minutes.
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
            length=LENGTH,
            lengths=LENGTHS,
            wear=wear,
            other_wear=tuple(other for other in PRESETS if other != wear),
            numbers=TESTED,
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


@dataclass(frozen=True, eq=False)
class _Test:
    """Numbers of real test digits, of one length and wear."""

    digits: int
    wear: Preset
    lines: Sequence[Line]


class _Cells:
    """CRNNs that learn from numbers of one kind each; all are tested on the same."""

    def __init__(
        self, pool: Pool, model: Model, recipe: TranscriptionRecipe, protocol: NumbersProtocol, progress: Progress
    ) -> None:
        self._pool, self._model, self._recipe, self._protocol, self._progress = pool, model, recipe, protocol, progress
        self._found: list[_Test] = []

    def do(self, seed: int, arm: Teacher) -> NumbersCell:
        """Train a CRNN, and test it."""
        characters = self._protocol.characters
        crnn = train_crnn(self._lessons(seed, arm), characters, self._recipe, seed, self._progress)
        readings = tuple(reading_of(crnn, test.lines, characters, test.digits, test.wear) for test in self._tests())
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
            texts = draw_texts(self._protocol.characters, count, self._protocol.length, (seed, epoch))
            if pasted is not None:
                images = paste(pasted, texts, seed, epoch * count, self._recipe.height)
                return list(zip(images, texts, strict=True))
            return write_lines(source, texts, self._protocol.wear, seed, epoch * count, self._recipe.height)

        return lesson

    def _tests(self) -> list[_Test]:
        """All that CRNNs are tested on, written at first use."""
        protocol = self._protocol
        if not self._found:
            kinds = [(length, protocol.wear) for length in protocol.lengths]
            kinds += [(protocol.length, wear) for wear in protocol.other_wear]
            for place, (length, wear) in enumerate(kinds):
                height = self._recipe.height
                lines = numbers_to_read(self._pool.test, protocol.characters, length, wear, place, height)
                self._found.append(_Test(length, wear, lines))
        return self._found


def draw_texts(characters: str, count: int, length: int, key: tuple[int, int]) -> list[str]:
    """Numbers of so many random characters, which the key decides."""
    places = np.random.default_rng(key).integers(len(characters), size=(count, length))
    return ["".join(characters[place] for place in row) for row in places.tolist()]


def write_lines(
    source: Model | Source, texts: Sequence[str], wear: Preset, seed: int, start: int, height: int
) -> list[Line]:
    """Numbers `start`, `start + 1`, … of a seed, of that height: a part of them in each layout."""
    lines: list[Line] = []
    for layout, part in zip(LAYOUTS, np.array_split(np.arange(len(texts)), len(LAYOUTS)), strict=True):
        writes = composer(source, Style(height=height, layout=layout, wear=wear), seed)
        own = [texts[place] for place in part]
        written = writes.write(own, start + int(part[0])) if own else []
        lines += [(one.image, one.text) for one in written]
    return lines


def numbers_to_read(data: Dataset, characters: str, length: int, wear: Preset, place: int, height: int) -> list[Line]:
    """Numbers of real digits that no CRNN learns from: those of a place in the list of tests."""
    texts = draw_texts(characters, TESTED, length, (_OF_TESTS, place))
    return write_lines(FromDataset(data, "real digits to test on"), texts, wear, _OF_TESTS, place * TESTED, height)


def reading_of(crnn: CRNN, lines: Sequence[Line], characters: str, digits: int, wear: Preset) -> Reading:
    """How well a CRNN reads numbers of so many digits."""
    texts = transcribe(crnn, [image for image, _ in lines], characters)
    errors = [edit_distance(found, text) for found, (_, text) in zip(texts, lines, strict=True)]
    return Reading(
        digits=digits,
        wear=wear,
        accuracy=errors.count(0) / len(errors),
        character_error=sum(errors) / (digits * len(errors)),
    )
