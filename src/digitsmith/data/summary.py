"""What was understood of a data set: for people who try it on their own files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.formats import SPLITS, Split
from digitsmith.data.reading import Reading
from digitsmith.data.sheet import UNKNOWN, counts
from digitsmith.data.sources import Source, read_source
from digitsmith.errors import MissingSplitError
from digitsmith.progress import Progress
from digitsmith.records.base import ReadOptions


@dataclass(frozen=True, eq=False)
class Summary:
    """A data set as it was read, by split.

    Attributes:
        source: its name or path.
        splits: the images of each split that there is.
        readings: what was found on the way.
    """

    source: str
    splits: dict[Split, Dataset]
    readings: dict[Split, Reading]

    @property
    def first(self) -> Dataset:
        """The training images, or those of the only split."""
        return next(iter(self.splits.values()))

    def facts(self) -> dict[str, str]:
        """What there is to say, line by line."""
        reading = next(iter(self.readings.values()))
        height, width = self.first.image_size
        facts = {
            "layout": reading.layout or ("a named data set" if self.source in TITLES else ""),
            "images": "; ".join(f"{len(data):,} to {_USES[split]}" for split, data in self.splits.items()),
            "size": f"{height}x{width}, {'grey' if self.first.channels == 1 else 'colour'}",
            "as files": _sizes(reading),
            "pixels": ", ".join(f"{count:,} {mode}" for mode, count in reading.modes.most_common()),
            "ink": _INKS[reading.ink],
            "frame": _FRAMES[reading.options.frame],
            "ignored": "; ".join(f"{what}: {count:,}" for what, count in reading.ignored.items()),
        }
        return {title: text for title, text in facts.items() if text}

    def classes(self) -> list[tuple[str, list[int]]]:
        """Every class, and how many images each split has of it; at the end those without a label, if there are."""
        of_splits = [counts(data) for data in self.splits.values()]
        names = dict.fromkeys(name for of_split in of_splits for name in of_split)
        rows = [(name, [of_split.get(name, 0) for of_split in of_splits]) for name in names]
        bare = [len(data) - sum(of.values()) for data, of in zip(self.splits.values(), of_splits, strict=True)]
        return [*rows, (UNKNOWN, bare)] if any(bare) else rows


_USES = {"train": "train on", "test": "test on"}
_INKS = {"": "", "dark": "dark on bright paper: inverted", "bright": "bright on dark paper"}
_FRAMES = {
    None: "",
    "mnist": "cropped to the ink, which is scaled and centred as in MNIST",
    "tight": "cropped to the ink",
}


def examine(source: str | Path, options: ReadOptions, progress: Progress) -> Summary:
    """Read whatever there is of a data set.

    Raises:
        DataError: it cannot be read.
        DownloadError: a named data set that could not be fetched.
    """
    chosen = Source.parse(str(source))
    splits: dict[Split, Dataset] = {}
    readings: dict[Split, Reading] = {}
    for split in (chosen.split, *(other for other in SPLITS if other != chosen.split)):
        readings[split] = Reading(options, progress)
        try:
            splits[split] = read_source(Source(chosen.name, split), readings[split])
        except MissingSplitError:
            if len(readings) == len(SPLITS) and not splits:
                raise
    if len(splits) == len(SPLITS) and _same(*splits.values()):  # a file without splits gives all for either
        splits.popitem()
    return Summary(chosen.name, splits, {split: readings[split] for split in splits})


def _same(first: Dataset, second: Dataset) -> bool:
    return np.array_equal(first.images, second.images)


def _sizes(reading: Reading) -> str:
    sizes = reading.sizes.most_common()
    if len(sizes) > 1:
        heights, widths = ([size[side] for size, _ in sizes] for side in (0, 1))
        return f"{len(sizes)} sizes from {min(heights)}x{min(widths)} to {max(heights)}x{max(widths)}"
    return f"{sizes[0][0][0]}x{sizes[0][0][1]}" if sizes and (reading.options.frame or reading.options.resize) else ""
