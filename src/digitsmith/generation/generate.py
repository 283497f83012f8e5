"""`generate`: a labelled data set in a new folder."""

from collections.abc import Sequence
from pathlib import Path

from digitsmith.addresses import is_address
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.formats import Format, Split, check_split, format_module
from digitsmith.errors import ConfigError
from digitsmith.generation.batches import plan
from digitsmith.generation.request import Request
from digitsmith.generation.work import Images
from digitsmith.models.generator import Model, load
from digitsmith.progress import Progress, listening
from digitsmith.records.dataset import FilesRecord
from digitsmith.shards.places import place_of
from digitsmith.shards.run import Sharding, run


def generate(
    folder: str | Path,
    count: int,
    *,
    model: Model | str | Path | None = None,
    labels: Sequence[int | str] | None = None,
    draw: bool = False,
    seed: int = 0,
    shard: tuple[int, int] | None = None,
    min_confidence: float = 0.0,
    format: Format = "idx",
    split: Split = "train",
    gzip: bool = False,
    shards: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
    rank: tuple[int, int] | None = None,
    resume: bool = False,
    progress: Progress | bool = True,
) -> Path | str:
    """Generate a labelled data set into a new folder, whole or not at all.

    Beside the data lie `dataset.json`, which says where they came from, and `preview.png`, the first hundred images.

    With `shards`, `workers`, `ray` or `rank` the images are divided into shards, each of which is whole or not there,
    in a folder of its own; `dataset.json` is written last. They are the same whoever made them. `load_dataset` reads
    them as one data set, and `verify` checks them.

    Args:
        folder: where to write, a path or an address (`s3://…`, as text); it must not hold anything.
        count: how many images, over all shards.
        model: a model, or what `load` takes; the shipped one by default.
        labels: the classes to make, as indices or names; all by default. They take turns: image i is of class
            `labels[i % len(labels)]`.
        draw: draw each label at random from `labels` instead.
        seed: which series of images; image i depends on the seed and i alone.
        shard: (i, n) makes only the i-th of n equal parts, counted from 1. All parts together are the whole. Those of
            4,096 images or more begin with a multiple of 256.
        min_confidence: make an image again until the digit-net recognises it as its label (as any digit, from an
            unconditional model) with at least this probability; 0 takes all. Counts per class stay what they are.
        format: idx (MNIST's own), npz, png, parquet or webdataset.
        split: train or test: names the files.
        gzip: compress the files of idx, as MNIST's are.
        shards: into how many to divide the images; where nothing is said, into shards of some thousand images.
        workers: how many processes of this machine make shards; on a cluster, how many tasks at a time.
        ray: the Ray cluster whose tasks make shards: its address, `auto` for the one that this machine belongs to, or
            `local` for one that is started here and ended. All its machines share the folder, or reach its address.
        rank: (i, n), counted from 0: this process is one of n that make shards of the same folder at the same time, as
            under `torchrun` or Slurm. The one that ends last completes the folder.
        resume: go on with a folder in which shards are finished, which are checked and kept.
        progress: show how far it is; False is silence, and an object of one's own is told instead.

    Returns:
        The folder; its address, if it has one.

    Raises:
        ModelError: no such model, labels that it does not have, or images that never reach `min_confidence`.
        ConfigError: an argument out of range, or that does not fit the others.
        OutputError: the folder holds something already, or cannot be written.
        DependencyError: a library that is needed, for an address or Ray, is not installed.
        WorkerError: processes that make shards are killed again and again; no such cluster, or one that differs.

    Examples:
        >>> import digitsmith
        >>> folder = digitsmith.generate("made", count=1000, labels=[0, 1])
        >>> digitsmith.load_dataset(folder).images.shape
        (1000, 28, 28)
    """
    how, place = Sharding(shard, shards, workers, ray, rank, resume), place_of(folder)
    if gzip and format != "idx":
        raise ConfigError(f"it is for the format idx; {format} needs none.", parameter="gzip")
    check_split(split)
    format_module(format)
    if not isinstance(model, Model):
        model = load(model)
    planned = plan(model, Request(count, labels, draw, seed, min_confidence=min_confidence))
    work = Images(model, planned, FilesRecord(format=format, split=split, gzip=gzip))
    with listening(progress) as progress:
        if str(folder) in TITLES:
            progress.note(f"{folder} is also the name of a data set: write ./{folder} where the folder is meant.")
        run(work, place, how, progress)
    return str(place) if is_address(folder) else Path(folder)
