"""What was understood of a data set: for people who try it on their own files."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from digitsmith.data.dataset import Dataset
from digitsmith.data.downloads.catalogue import TITLES
from digitsmith.data.formats import Split
from digitsmith.data.reading import Reading
from digitsmith.data.sheet import UNKNOWN, counts
from digitsmith.data.sources import Source
from digitsmith.data.splits import read_splits
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
        first, *_ = readings = [*self.readings.values()]
        modes, sizes, ignored = Counter[str](), Counter[tuple[int, int]](), Counter[str]()
        for reading in readings:
            modes.update(reading.modes)
            sizes.update(reading.sizes)
            ignored.update(reading.ignored)
        height, width = self.first.image_size
        facts = {
            "layout": first.layout or ("a named data set" if self.source in TITLES else ""),
            "images": "; ".join(f"{len(data):,} to {_USES[split]}" for split, data in self.splits.items()),
            "size": f"{height}x{width}, {'grey' if self.first.channels == 1 else 'colour'}",
            "as files": _sizes(sizes, first.options),
            "pixels": ", ".join(f"{count:,} {mode}" for mode, count in modes.most_common()),
            "ink": _INKS[first.ink],
            "frame": _FRAMES[first.options.frame],
            "ignored": "; ".join(f"{what}: {count:,}" for what, count in ignored.items()),
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
        MissingSplitError: the test split is asked for, and there is none.
        DownloadError: a named data set that could not be fetched.
    """
    chosen = Source.parse(str(source))
    splits = read_splits(chosen, options, progress)
    if chosen.split == "test":  # a source with that one alone is shown if none is named
        splits.require_chosen("source")
    return Summary(chosen.name, splits.images, splits.readings)


def _sizes(sizes: Counter[tuple[int, int]], options: ReadOptions) -> str:
    if len(sizes) > 1:
        heights, widths = ([size[side] for size in sizes] for side in (0, 1))
        return f"{len(sizes)} sizes from {min(heights)}x{min(widths)} to {max(heights)}x{max(widths)}"
    return "".join(f"{height}x{width}" for height, width in sizes) if options.frame or options.resize else ""
