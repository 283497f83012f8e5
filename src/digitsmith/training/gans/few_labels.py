"""A labelled generator from few labels: a reader learns from them, and labels all other images.

No other label has any part in it. So what has learned from all labels of the same images is no help, either.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitsmith import interrupts
from digitsmith.config.schema import TrainConfig
from digitsmith.data.assemble import fit
from digitsmith.data.dataset import UNLABELLED, Dataset
from digitsmith.data.sources import same_images
from digitsmith.errors import ConfigError, RunError
from digitsmith.models.generator import load
from digitsmith.models.noise import whole
from digitsmith.models.reader import VERDICTS, Reader, load_reader
from digitsmith.progress import Progress
from digitsmith.records.base import DataRecord, LabelsRecord
from digitsmith.records.run import Run, RunRecord
from digitsmith.training.gans.start import Start
from digitsmith.training.ranks import Ranks
from digitsmith.training.readers.gather import divide, draw
from digitsmith.training.readers.learn import USUAL, is_learned, learn_from

_NO_CLASS = [VERDICTS.index("no digit"), VERDICTS.index("empty")]


@dataclass(frozen=True, eq=False)
class FewLabels:
    """Images of which a few labels are known.

    Attributes:
        images: all; those whose labels are not used have none.
        drawn: the places of the others, ascending: int64[n].
        data: what is said of the images as they were given.
        per_class: labels of each class.
    """

    images: Dataset
    drawn: NDArray[np.int64]
    data: DataRecord
    per_class: int

    def expected(self) -> Dataset:
        """The images with labels of all classes in equal shares: to settle a training before the reader has learned."""
        return self._with(np.arange(len(self.images)) % len(self.images.classes))

    def require_unseen(self, config: TrainConfig, start: Start | None) -> None:
        """Refuse help from what has learned from labels of these images that are not to be used.

        Raises:
            ConfigError: such a start, or measurements in the features of such a classifier.
        """
        if start is not None and same_images(start.data, self.data):
            raise ConfigError(
                f"{start.record.name} was trained on these images, with labels that are not to be used: start from "
                f"another model, or from none.",
                parameter="start",
            )
        training = load().record.training
        assert training is not None
        if config.run.evaluate_every and same_images(training.data, self.data):
            raise ConfigError(
                "evaluate_every measures in the features of the digit-net, a classifier that learned from all labels "
                "of these images, of which only some are to be used: set it to 0.",
                parameter="changes",
            )

    def learn(self, run: Run, record: RunRecord, seed: int, progress: Progress, ranks: Ranks) -> Reader:
        """The reader that the run has, or else one that learns now, or goes on to.

        Raises:
            RunError: the run has another reader than the one that labelled its images.
            KeyboardInterrupt: it was stopped, by any signal. What is done is kept.
        """
        if is_learned(run.reader):
            reader = load_reader(run.reader)
            if reader.record.classes != self.images.classes or (
                record.labels and record.labels.reader_sha256 not in ("", reader.sha256)
            ):
                raise RunError(f"{run.reader} is not the reader that labelled the images of this run: bring it back.")
            return reader
        framed = Dataset(fit(self.images.images, USUAL, "data"), self.images.labels, self.images.classes)
        read = record.data.read.model_copy(update=USUAL.model_dump(exclude_unset=True))
        data = record.data.model_copy(update={"read": read})
        with interrupts.raised():
            given = divide(framed, self.drawn, seed, data, drawn=True)
            return learn_from(given, run.reader, seed=seed, progress=progress, ranks=ranks).reader

    def label(self, reader: Reader) -> tuple[Dataset, LabelsRecord]:
        """The images with the reader's labels, and what is said of these.

        Each image gets its most likely class, however sure the reader is: what it is unsure of are rare forms, which a
        generator would lack without them. Only what it takes for no digit gets no label: no class is to look like that.
        The labels that are known stay.
        """
        others = np.setdiff1d(np.arange(len(self.images)), self.drawn)
        readings = reader.read(self.images.images[others])
        found = np.where(np.isin(readings.codes, _NO_CLASS), UNLABELLED, readings.labels)
        labels = np.empty(len(self.images), np.int64)
        labels[others] = found
        refused = int((found == UNLABELLED).sum())
        record = LabelsRecord(
            per_class=self.per_class, reader_sha256=reader.sha256, given=len(found) - refused, refused=refused
        )
        return self._with(labels), record

    def _with(self, labels: NDArray[np.int64]) -> Dataset:
        """The images with these labels, but for those that are known: int64[n]."""
        assert self.images.labels is not None
        labels = labels.copy()
        labels[self.drawn] = self.images.labels[self.drawn]
        return Dataset(self.images.images, labels, self.images.classes)


def keep_few(images: Dataset, data: DataRecord, per_class: int, seed: int) -> FewLabels:
    """Draw the labels that are used, so many of each class, and forget all others.

    Raises:
        DataError: no labels, a single class, or too few images of a class.
        ConfigError: a number out of range.
    """
    per_class = whole(per_class, "per_class")
    drawn = draw(images, per_class, seed, data.title)
    assert images.labels is not None
    labels = np.full(len(images), UNLABELLED)
    labels[drawn] = images.labels[drawn]
    return FewLabels(Dataset(images.images, labels, images.classes), drawn, data, per_class)
