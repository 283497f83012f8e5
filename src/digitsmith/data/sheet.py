"""A data set at a glance: a contact sheet, how many images there are of each class, and both in a notebook."""

import base64
import html
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitsmith.data.images.decoding import encode
from digitsmith.data.images.grid import tile

if TYPE_CHECKING:
    from digitsmith.data.dataset import Dataset

UNKNOWN = "without a label"
"""What images without a label are called where classes are counted."""

_UNLABELLED_COLUMNS = 20
_NOTEBOOK_ROWS, _NOTEBOOK_COLUMNS, _NOTEBOOK_SIDE, _NOTEBOOK_COUNTS = 4, 12, 64, 50


def sheet(data: "Dataset", rows: int = 10, columns: int = 26, side: int | None = None) -> NDArray[np.uint8]:
    """Some images of each class in a column, evenly drawn, as they would be trained on.

    Args:
        data: where they are taken from.
        rows: images of each class, at most.
        columns: classes, at most.
        side: in pixels; larger images are made smaller.

    Returns:
        uint8[H, W], or uint8[H, W, 3] of colour images. Images without any labels follow each other in rows.
    """
    if data.labels is None:
        return tile(_smaller(data.take(slice(rows * _UNLABELLED_COLUMNS)), side).images, _UNLABELLED_COLUMNS)
    columns = min(len(data.classes), columns)
    tiles = np.zeros((rows * columns, *_smaller(data.take(slice(0, 0)), side).images.shape[1:]), np.uint8)
    for label in range(columns):
        places = np.flatnonzero(data.labels == label)
        some = places[np.linspace(0, len(places) - 1, min(rows, len(places))).astype(int)]
        tiles[label::columns][: len(some)] = _smaller(data.take(some), side).images
    return tile(tiles, columns)


def _smaller(data: "Dataset", side: int | None) -> "Dataset":
    if side is None or (longest := max(data.image_size)) <= side:
        return data
    h, w = (max(length * side // longest, 1) for length in data.image_size)
    return data.resize((h, w))


def counts(data: "Dataset") -> dict[str, int]:
    """How many images there are of each class. The others have no label."""
    labels = np.empty(0, np.int64) if data.labels is None else data.labels[data.labels >= 0]
    return dict(zip(data.classes, np.bincount(labels, minlength=len(data.classes)).tolist(), strict=True))


def as_html(data: "Dataset") -> str:
    """A data set as a notebook shows it. Names of classes may be anybody's."""
    height, kind = data.image_size[0], "grey" if data.channels == 1 else "colour"
    shown = f"<p>{len(data):,} {kind} images of {height}×{data.image_size[1]}, {len(data.classes)} classes</p>"
    if not len(data):
        return shown
    picture = sheet(data, _NOTEBOOK_ROWS, _NOTEBOOK_COLUMNS, _NOTEBOOK_SIDE)
    if picture.size:
        width = picture.shape[1] * max(1, 56 // max(height, 1))
        content = base64.b64encode(encode(picture)).decode()
        shown += (
            f'<img src="data:image/png;base64,{content}" alt="Examples of the first classes, one column each" '
            f'style="width: {width}px; max-width: 100%; image-rendering: pixelated">'
        )
    rows = [*counts(data).items()]
    if bare := len(data) - sum(count for _, count in rows):
        rows.append((UNKNOWN, bare))
    more = f"<p>… and {len(rows) - _NOTEBOOK_COUNTS:,} more</p>" if len(rows) > _NOTEBOOK_COUNTS else ""
    titles, numbers = zip(*rows[:_NOTEBOOK_COUNTS], strict=True)
    names = "".join(f"<th><bdi>{html.escape(name)}</bdi></th>" for name in titles)
    cells = "".join(f"<td>{count:,}</td>" for count in numbers)
    return f"{shown}<table><tr><th>class</th>{names}</tr><tr><td>images</td>{cells}</tr></table>{more}"
