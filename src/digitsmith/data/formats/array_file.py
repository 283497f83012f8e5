"""Which file of arrays in a folder is the data, and whether images that lie beside it are."""

from dataclasses import replace
from pathlib import Path

from digitsmith.data.folders import Place, is_image, look_like_digits, walk
from digitsmith.data.formats import label_table
from digitsmith.data.names import part_of
from digitsmith.data.reading import listed
from digitsmith.errors import DataError

_FEW = 10  # images that are no data set beside arrays, but examples or figures


def file_of(place: Place, *endings: str) -> Path | None:
    """The file of a split; one whose name tells none only where images beside it are not the data.

    They are if they lie in folders of splits or of digits, or if a table names them. It is said what is left out.

    Raises:
        DataError: several files, or one beside images that may be the data, too.
    """
    found = place.files(*endings, untold=True, tell=True)
    if found and place.path.is_dir() and part_of(found[0].name) is None and _are_data_beside(place, found):
        return None
    if len(found) > 1:
        raise DataError(f"{place.path} has several files of arrays, {listed([file.name for file in found])}: give one.")
    return found[0] if found else None


def _are_data_beside(place: Place, files: list[Path]) -> bool:
    images = sorted(filter(is_image, walk(place.path)))
    names = listed([file.name for file in files])
    folders = {image.partition("/")[0] for image in images if "/" in image}
    if place.splits or sum(look_like_digits([folder]) for folder in folders) > 1 or _are_named(place, images):
        place.note(
            f"{place.path}: left out, as images are in folders or in a table: {names}. Give its path to read it."
        )
        return True
    if len(images) > _FEW:
        raise DataError(
            f"{place.path} has {names} and {len(images):,} images, such as {images[0]}: give the path of what is "
            f"meant, or take the other out."
        )
    if images:
        place.note(f"{place.path}: images beside {names} are left out: {listed(images)}.")
    return False


def _are_named(place: Place, images: list[str]) -> bool:
    return bool(images) and label_table.holds(replace(place, split="train"))
