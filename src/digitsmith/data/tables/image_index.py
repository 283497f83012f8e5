"""Finding the images that a table names: within a folder, and never out of it."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from digitsmith.data.folders import is_image, walk

_AMBIGUOUS = -1
_WAYS: tuple[int | None, ...] = (*range(20), None)


class ImageIndex:
    """All images below a folder, by what a table may call them.

    A name is looked up among the files that were found, with its ending or without, with slashes or backslashes, in any
    case. Tables from elsewhere may name other outer folders: how many of them are passed over is chosen once for a
    whole column.
    """

    def __init__(self, folder: Path, within: Sequence[str] = ()) -> None:
        """Look through a folder once a name is to be found; `within` are folders in it that names may leave out."""
        self._folder, self._within = folder, [f"{outer}/" for outer in within]

    @cached_property
    def files(self) -> list[str]:
        """Paths within the folder, with slashes."""
        return [file for file in walk(self._folder) if is_image(file)]

    def find(self, cell: object, passed: int | None = 0) -> int | None:
        """Place in `files` of the image that a cell names; None if there is none, or more than one.

        Args:
            cell: of a table.
            passed: how many outer folders of the name are passed over; None: all of them, the name alone counts.
        """
        if not isinstance(cell, str | int):
            return None
        path = str(cell).strip().replace("\\", "/")
        while path.startswith("./"):
            path = path[2:]
        parts = path.split("/")
        if not path or ".." in parts:
            return None
        if passed is None:
            return _only(self._names, parts[-1])
        wanted = "/".join(parts[passed:]) if passed else path
        found = self._exact.get(wanted)
        return _only(self._paths, wanted) if found is None else found

    def names_image(self, cell: object) -> bool:
        """Whether a cell names an image that is there, or ends as names of images do."""
        return is_image(str(cell)) or self.find(cell) is not None or self.find(cell, None) is not None

    def best_way(self, cells: Iterable[object]) -> tuple[int, int | None]:
        """How many images some cells name, and how many outer folders are passed over for that."""
        cells, best, most = {str(cell) for cell in cells}, _WAYS[0], 0
        for way in _WAYS:
            found = {place for cell in cells if (place := self.find(cell, way)) is not None}
            if len(found) > most:
                best, most = way, len(found)
            if most == len(cells):
                break
        return most, best

    @cached_property
    def _exact(self) -> dict[str, int]:
        return {file: i for i, file in enumerate(self.files)}

    @cached_property
    def _paths(self) -> tuple[dict[str, int], dict[str, int]]:
        inner = ((file.removeprefix(outer), i) for outer in self._within for file, i in self._exact.items()
                 if file.startswith(outer))  # fmt: skip
        return _with_and_without_ending([*self._exact.items(), *inner])

    @cached_property
    def _names(self) -> tuple[dict[str, int], dict[str, int]]:
        return _with_and_without_ending((file.rpartition("/")[2], i) for file, i in self._exact.items())


def _with_and_without_ending(names: Iterable[tuple[str, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """Places by name; names that two have lead nowhere."""
    whole, bare = dict[str, int](), dict[str, int]()
    for name, i in names:
        folded = name.casefold()
        whole[folded] = i if whole.get(folded, i) == i else _AMBIGUOUS
        folded = folded.rpartition(".")[0]
        bare[folded] = i if bare.get(folded, i) == i else _AMBIGUOUS
    return whole, bare


def _only(places: tuple[dict[str, int], dict[str, int]], name: str) -> int | None:
    whole, bare = places
    folded = name.casefold()
    found = whole.get(folded, bare.get(folded, _AMBIGUOUS))
    return None if found == _AMBIGUOUS else found
