"""`generate`: a labelled data set in a new folder."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.formats import Format, Header, Split, format_module, write_record
from digitsmith.data.images.grid import save_png, tile
from digitsmith.errors import ConfigError
from digitsmith.files import staged_folder
from digitsmith.generation.batches import WORK, Plan, batches, plan
from digitsmith.generation.request import Request
from digitsmith.models.generator import Model, load
from digitsmith.progress import Progress, listening
from digitsmith.records.dataset import GenerationRecord

_PREVIEW = 100


def generate(
    folder: str | Path,
    count: int,
    *,
    model: Model | str | Path | None = None,
    labels: Sequence[int | str] | None = None,
    draw: bool = False,
    seed: int = 0,
    shard: tuple[int, int] = (1, 1),
    min_confidence: float = 0.0,
    format: Format = "idx",
    split: Split = "train",
    gzip: bool = False,
    progress: Progress | bool = True,
) -> Path:
    """Generate a labelled data set into a new folder, whole or not at all.

    Beside the data lie `dataset.json`, which says where they came from, and `preview.png`, the first hundred images.

    Args:
        folder: where to write; it must not hold anything.
        count: how many images, over all shards.
        model: a model, or what `load` takes; the shipped one by default.
        labels: the classes to make, as indices or names; all by default. They take turns: image i is of class
            `labels[i % len(labels)]`.
        draw: draw each label at random from `labels` instead.
        seed: which series of images; image i depends on the seed and i alone.
        shard: (i, n) makes only the i-th of n equal parts, counted from 1. All parts together are the whole.
        min_confidence: make an image again until the digit-net recognises it as its label (as any digit, from an
            unconditional model) with at least this probability; 0 takes all. Counts per class stay what they are.
        format: idx (MNIST's own), npz, png, parquet or webdataset.
        split: train or test: names the files.
        gzip: compress the files of idx, as MNIST's are.
        progress: show how far it is; False is silence, and an object of one's own is told instead.

    Returns:
        The folder.

    Raises:
        ModelError: no such model, labels that it does not have, or images that never reach `min_confidence`.
        ConfigError: an argument out of range, or that does not fit the others.
        OutputError: the folder holds something already, or cannot be written.

    Examples:
        >>> import digitsmith
        >>> folder = digitsmith.generate("made", count=1000, labels=[0, 1])
        >>> digitsmith.load_dataset(folder).images.shape
        (1000, 28, 28)
    """
    if gzip and format != "idx":
        raise ConfigError(f"it is for the format idx; {format} needs none.", parameter="gzip")
    if not isinstance(model, Model):
        model = load(model)
    planned = plan(model, Request(count, labels, draw, seed, shard, min_confidence))
    generated, made = _origin(model, planned), model.record
    header = Header(
        len(planned), made.image_size, made.channels, made.classes, split=split, start=planned.start,
        generated=generated, gzip=gzip,
    )  # fmt: skip
    shown: list[NDArray[np.uint8]] = []
    done = refused = 0
    with listening(progress) as progress, staged_folder(Path(folder)) as staged:
        if str(folder) in TITLES:
            progress.note(f"{folder} is also the name of a data set: write ./{folder} where the folder is meant.")
        with (
            contextlib.closing(format_module(format).Writer(staged, header)) as writer,
            contextlib.closing(batches(model, planned)) as made_batches,
        ):
            for batch in made_batches:
                writer.write(batch.images, batch.labels)
                shown.extend(batch.images[: _PREVIEW - len(shown)])
                done, refused = done + len(batch.images), refused + batch.refused
                progress.update(WORK, done, len(planned))
        if planned.screen:
            generated = generated.model_copy(update={"refused": refused})
            write_record(staged, replace(header, generated=generated))  # again, now that it is known
        save_png(staged / "preview.png", tile(np.stack(shown), columns=10), scale=2)
    return Path(folder)


def _origin(model: Model, planned: Plan) -> GenerationRecord:
    """How the images are made."""
    training, labels = model.record.training, planned.labels
    return GenerationRecord(
        model=model.name,
        model_sha256=model.sha256,
        trained_on=training.data.source if training else "",
        seed=planned.seed,
        first=planned.start,
        count=len(planned),
        labels=tuple(model.record.classes[i] for i in labels.choices) if labels else (),
        drawn=labels.drawn if labels else False,
        min_confidence=planned.screen.min_confidence if planned.screen else 0.0,
    )
