"""Numbers as work that can be divided: each part becomes a folder of its own, with its annotations."""

from pathlib import Path
from typing import Any

from digitsmith.config.style import Style
from digitsmith.errors import DataError
from digitsmith.models.generator import Model
from digitsmith.numbers.annotations import check_annotations
from digitsmith.numbers.compose import Composer, composer
from digitsmith.numbers.folder import WORK, Job, write_folder
from digitsmith.numbers.pools import NUMBERS
from digitsmith.numbers.texts import Texts
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord, NumbersRecord
from digitsmith.shards.partition import Shard

_NAMED = 5  # pictures of paper, in one note


class Numbers:
    """Numbers on paper: `shards.work.Work`.

    Args:
        record: what is said of all of them.
        texts: of all.
        model: whose digits are written.
        pen: writes them; another process makes one of its own.
    """

    name = WORK
    block = NUMBERS

    def __init__(self, record: NumbersRecord, texts: Texts, model: Model, pen: Composer) -> None:
        self._record, self._texts, self._model, self._pen = record, texts, model, pen
        self._told = 0  # pictures of paper that were passed over

    def __reduce__(self) -> tuple[Any, ...]:
        style = self._record.style
        if style.paper:  # whoever opens it may be in another folder
            style = style.model_copy(update={"paper": str(Path(style.paper).absolute())})
        return _opened, (self._record, self._texts, self._model, style)

    @property
    def count(self) -> int:
        """Of all numbers."""
        return self._record.count

    def make(self, shard: Shard, folder: Path, threads: int, progress: Progress) -> None:
        """Write some of the numbers, whole or not at all.

        Raises:
            OutputError: the folder holds something already, or cannot be written.
            ConfigError: a text that cannot be written.
            DependencyError: the library of a format is not installed.
        """
        record = self._part(shard.start, shard.stop)
        self._tell_of_paper(progress)
        job = Job(record, check_annotations(record.annotations), self._texts, self._pen.write, self._model.runs)
        write_folder(folder, job, progress, threads)
        self._tell_of_paper(progress)

    def record(self, start: int, stop: int) -> DatasetRecord:
        """What is said of some of the numbers, but for what is known only when they are written."""
        return DatasetRecord(classes=(), numbers=self._part(start, stop))

    def total(self, refused: int) -> DatasetRecord:
        """What is said of all numbers; none is refused."""
        return DatasetRecord(classes=(), numbers=self._record)

    def _part(self, start: int, stop: int) -> NumbersRecord:
        return self._record.model_copy(update={"first": start, "count": stop - start})

    def _tell_of_paper(self, progress: Progress) -> None:
        """Say which pictures of paper were passed over since this was last said."""
        every = self._pen.passed_over
        if found := every[self._told :]:
            more = f" And {len(found) - _NAMED:,} more." if len(found) > _NAMED else ""
            progress.note(f"Paper that is passed over: {' '.join(found[:_NAMED])}{more}")
        self._told = len(every)


def _opened(record: NumbersRecord, texts: Texts, model: Model, style: Style) -> Numbers:
    pen = composer(model, style, record.seed)
    if pen.paper_sha256 != record.paper_sha256:
        raise DataError(
            f"{style.paper} holds other pictures here, or other ones now: all must write on the same paper."
        )
    return Numbers(record, texts, model, pen)
