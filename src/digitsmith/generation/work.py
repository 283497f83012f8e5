"""Images as work that can be divided: each part becomes a data set in a folder of its own."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.formats import RECORD, Header, Writer, format_module
from digitsmith.data.images.grid import save_png, tile
from digitsmith.files import staged_folder
from digitsmith.generation.batches import WORK, Plan, batches
from digitsmith.models.generator import Model
from digitsmith.models.noise import BLOCK
from digitsmith.progress import Progress
from digitsmith.records.dataset import DatasetRecord, FilesRecord, GenerationRecord
from digitsmith.shards.content import content_of
from digitsmith.shards.partition import Shard

_PREVIEW = 100


@dataclass(frozen=True, eq=False)
class Images:
    """A model's images, in files of some format: `shards.work.Work`.

    Attributes:
        model: makes them.
        planned: all of them.
        files: the kind of files.
    """

    model: Model
    planned: Plan
    files: FilesRecord
    name: str = WORK
    block: int = BLOCK

    @property
    def count(self) -> int:
        """Of all images."""
        return len(self.planned)

    def make(self, shard: Shard, folder: Path, threads: int, progress: Progress) -> None:
        """Make some of the images, whole or not at all.

        Raises:
            OutputError: the folder holds something already, or cannot be written.
            ModelError: images that never reach the confidence that is asked for.
        """
        planned, record = (
            replace(self.planned, start=shard.start, stop=shard.stop),
            self.record(shard.start, shard.stop),
        )
        shown: list[NDArray[np.uint8]] = []
        done = refused = 0
        with staged_folder(folder) as staged:
            with (
                contextlib.closing(self._writer(staged, planned)) as writer,
                contextlib.closing(batches(self.model, planned, threads)) as made_batches,
            ):
                for batch in made_batches:
                    writer.write(batch.images, batch.labels)
                    shown.extend(batch.images[: _PREVIEW - len(shown)])
                    done, refused = done + len(batch.images), refused + batch.refused
                    progress.update(self.name, done, len(planned))
            save_png(staged / "preview.png", tile(np.stack(shown), columns=10), scale=2)
            update = {"content": content_of(staged), "generated": _with_refused(record, refused)}
            record.model_copy(update=update).save(staged / RECORD)

    def _writer(self, folder: Path, planned: Plan) -> Writer:
        made, files = self.model.record, self.files
        header = Header(
            len(planned), made.image_size, made.channels, made.classes, split=files.split, start=planned.start,
            gzip=files.gzip,
        )  # fmt: skip
        return format_module(files.format).Writer(folder, header)

    def record(self, start: int, stop: int) -> DatasetRecord:
        """What is said of some of the images, but for what is known only when they are made."""
        made, training, labels = self.model.record, self.model.record.training, self.planned.labels
        generated = GenerationRecord(
            model=self.model.name,
            model_sha256=self.model.sha256,
            trained_on=training.data.source if training else "",
            seed=self.planned.seed,
            first=start,
            count=stop - start,
            labels=tuple(made.classes[i] for i in labels.choices) if labels else (),
            drawn=labels.drawn if labels else False,
            min_confidence=self.planned.screen.min_confidence if self.planned.screen else 0.0,
        )
        return DatasetRecord(classes=made.classes, channels=made.channels, generated=generated, files=self.files)

    def total(self, refused: int) -> DatasetRecord:
        """What is said of all images, of which so many were made in the place of others."""
        record = self.record(self.planned.start, self.planned.stop)
        return record.model_copy(update={"generated": _with_refused(record, refused)})


def _with_refused(record: DatasetRecord, refused: int) -> GenerationRecord:
    assert record.generated is not None
    return record.generated.model_copy(update={"refused": refused})
