"""`write`: images of numbers on paper, with their boxes, in a new folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from digitsmith.addresses import is_address
from digitsmith.config.style import USUAL, Style, style_of
from digitsmith.errors import ConfigError
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import check_seed
from digitsmith.numbers.annotations import check_annotations
from digitsmith.numbers.compose import Composer, composer
from digitsmith.numbers.folder import ImageFormat
from digitsmith.numbers.kinds import kind_of
from digitsmith.numbers.patterns import parse
from digitsmith.numbers.pen import SEPARATORS
from digitsmith.numbers.pools import NUMBERS
from digitsmith.numbers.texts import LOCALE, Drawn, Lines, Texts, fixed, read_lines
from digitsmith.numbers.work import Numbers
from digitsmith.progress import Progress, listening
from digitsmith.records.dataset import NumbersRecord
from digitsmith.shards.places import place_of
from digitsmith.shards.run import Sharding, run

_LOOKED_AT = 1000  # texts, before anything is written


@dataclass(frozen=True)
class Wanted:
    """What numbers are asked for: one of four things; see `write`."""

    text: str | None = None
    pattern: str | None = None
    kind: str | None = None
    locale: str | None = None
    from_file: str | Path | None = None

    @property
    def parameter(self) -> str:
        """Which of them.

        Raises:
            ConfigError: none, or several.
        """
        named = [name for name in ("text", "pattern", "kind", "from_file") if getattr(self, name) is not None]
        if not named:
            raise ConfigError("say what to write: a text, a pattern, a kind of number, or a file of lines.")
        if len(named) > 1:
            raise ConfigError(f"it cannot be given together with {named[0]}: give one.", parameter=named[1])
        if self.locale is not None and self.kind is None:
            raise ConfigError("it is for kinds of numbers: give one, too.", parameter="locale")
        return named[0]

    def texts(self, seed: int) -> Texts:
        """The texts of the numbers.

        Raises:
            ConfigError, DataError: they cannot be understood.
        """
        given = self.parameter
        value = getattr(self, given)
        if given == "text":
            return fixed(value)
        if given == "pattern":
            return Drawn(parse(value), seed)
        if given == "kind":
            return Drawn(kind_of(value, self.locale or LOCALE), seed)
        return read_lines(Path(value))


def write(
    folder: str | Path,
    *,
    text: str | None = None,
    pattern: str | None = None,
    kind: str | None = None,
    locale: str | None = None,
    from_file: str | Path | None = None,
    count: int | None = None,
    seed: int = 0,
    model: Model | str | Path | None = None,
    style: Style | Mapping[str, Any] = USUAL,
    annotations: str | Sequence[str] = ("labels",),
    image_format: ImageFormat = "png",
    shard: tuple[int, int] | None = None,
    shards: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
    rank: tuple[int, int] | None = None,
    resume: bool = False,
    progress: Progress | bool = True,
) -> Path | str:
    """Write numbers on paper, by hand, into a new folder, whole or not at all, to train other programs with.

    Give one of `text`, `pattern`, `kind` and `from_file`. Beside the annotations lie the folder `images` (but for
    `lmdb` and `webdataset`, which hold the images themselves), `dataset.json`, which says how they were made, and
    `preview.png`, the first of them with the box of each character.

    Args:
        folder: where to write, a path or an address (`s3://…`, as text); it must not hold anything.
        text: what to write each time.
        pattern: what to draw each number from: `#` is any digit, `[1-9]` one of these, `{2,5}` repeats, and other
            characters stand for themselves: `#####-####`.
        kind: date, amount, postcode, phone, account, meter, year or integer.
        locale: where numbers of the kind are written so: en-US (by default), en-GB, de-DE or fr-FR.
        from_file: a file in UTF-8 with a number in each line; they take turns.
        count: how many numbers, over all shards. By default one, or one of each line of the file; a pattern or kind
            needs it.
        seed: which series of numbers; image i depends on the seed and i alone.
        model: whose digits are written: a model, or what `load` takes; the shipped one by default.
        style: hands, layout, paper and wear: a `Style`, or some of its values: `{"layout": "comb", "skew": 5}`.
        annotations: one or several (`"coco,yolo"`, or a list) of labels (as TextRecognitionDataGenerator), paddle
            (PaddleOCR), coco, yolo, imagefolder (Hugging Face), tesseract, lmdb (deep-text-recognition-benchmark) and
            webdataset.
        image_format: png or jpeg.
        shard: (i, n) writes only the i-th of n equal parts, counted from 1. All parts together are the whole. Those of
            4,096 numbers or more begin with a multiple of that.
        shards: into how many folders to divide the images, as for `generate`; `workers`, `rank` and `resume`, too.
        workers: how many processes of this machine write shards; on a cluster, how many tasks at a time.
        ray: the Ray cluster whose tasks write shards: its address, `auto` or `local`.
        rank: (i, n), counted from 0: this process is one of n that write shards of the same folder.
        resume: go on with a folder in which shards are finished.
        progress: show how far it is; False is silence, and an object of one's own is told instead.

    Returns:
        The folder; its address, if it has one.

    Raises:
        ConfigError: an argument out of range, a pattern that cannot be understood, or a text that cannot be written.
        ModelError: no such model, one without classes, or a count out of range.
        DataError: a file of lines that cannot be read, or paper of which none can be.
        OutputError: the folder holds something already, or cannot be written.
        DependencyError: a library that is needed is not installed.
        WorkerError: processes that write shards are killed again and again; no such cluster, or one that differs.

    Examples:
        >>> import digitsmith
        >>> folder = digitsmith.write("numbers", pattern="#####-####", count=20, annotations=["coco", "labels"])
        >>> sorted(entry.name for entry in folder.iterdir())
        ['coco.json', 'dataset.json', 'images', 'labels.txt', 'preview.png']
    """
    how, place = Sharding(shard, shards, workers, ray, rank, resume), place_of(folder)
    formats, style = check_annotations(annotations), style_of(style)
    if image_format not in get_args(ImageFormat):
        raise ConfigError(f"{image_format!r:.60} is not known: use png or jpeg.", parameter="image_format")
    wanted, seed = Wanted(text, pattern, kind, locale, from_file), check_seed(seed)
    texts = wanted.texts(seed)
    total = _count(wanted, texts, count)
    start, stop = how.range(total, NUMBERS)
    model = model if isinstance(model, Model) else load(model)
    pen = composer(model, style, seed)
    _check(pen, texts, wanted.parameter, start, stop)
    training = model.record.training
    record = NumbersRecord(
        text=text or "",
        pattern=pattern or "",
        kind=kind or "",
        locale=(locale or LOCALE) if kind else "",
        from_file=str(from_file or ""),
        file_sha256=texts.sha256 if from_file is not None and isinstance(texts, Lines) else "",
        model=model.name,
        model_sha256=model.sha256,
        trained_on=training.data.source if training else "",
        seed=seed,
        count=int(total),
        style=style,
        paper_sha256=pen.paper_sha256,
        annotations=formats,
        image_format=image_format,
        characters=tuple(dict.fromkeys([*(name for name in model.record.classes if len(name) == 1), *SEPARATORS])),
    )
    with listening(progress) as progress:
        if isinstance(texts, Lines) and texts.passed_over:
            progress.note(f"{from_file}: empty lines are passed over, {texts.passed_over:,} in all.")
        run(Numbers(record, texts, model, pen), place, how, progress)
    return str(place) if is_address(folder) else Path(folder)


def _count(wanted: Wanted, texts: Texts, count: int | None) -> int:
    """How many numbers."""
    if count is not None:
        return count
    if not isinstance(texts, Lines):
        raise ConfigError(f"say how many numbers: a {wanted.parameter} has no end.", parameter="count")
    return len(texts)


def _check(pen: Composer, texts: Texts, parameter: str, start: int, stop: int) -> None:
    """Refuse what cannot be written: characters of any of the texts, and lengths of the first of them."""
    for character in texts.characters:
        if why := pen.why_not(character):
            raise ConfigError(f"{texts.where(character)}: {why}", parameter=parameter)
    for index in range(start, min(stop, start + _LOOKED_AT)):
        try:
            pen.check(texts.of(index))
        except ConfigError as error:
            error.parameter = parameter if error.parameter == "text" else error.parameter
            if origin := texts.origin(index):
                error.message = f"{origin}: {error.message}"
            raise
