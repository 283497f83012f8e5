"""The figures of a run: its curves, real against generated, and the way from noise to digits."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitsmith.data.images.grid import save_png, tile, untile
from digitsmith.errors import RunError
from digitsmith.figures.curves import KINDS, draw_curves
from digitsmith.figures.history import read_history
from digitsmith.files import staged_file
from digitsmith.records.evaluation import check_picture
from digitsmith.records.run import Run
from digitsmith.untrusted import read_bytes, reading

_STRIP_FRAMES = 8
_GIF_FRAMES = 60
_PAIRS = 4  # real rows, each over a generated one


def draw_figures(run: Run) -> list[Path]:
    """Draw all figures of a run into its `figures/`: `losses.png`, `equilibrium.png`, `quality.png` if it was measured,
    `real-vs-fake.png`, `progress.gif` and `progress.png`.

    Returns:
        Their paths.
    """
    curves = _curves(run)
    with reading(run.folder / "samples", RunError, "remove pictures that are not of this run"):
        return [*curves, _real_versus_fake(run), *_progress(run)]


def _curves(run: Run) -> list[Path]:
    history = read_history(run.read_metrics())
    paths = []
    for name, kind in KINDS.items():
        figure = draw_curves(kind, {run.folder.name: history}, size=(8, 4.5))
        if figure is not None:
            paths.append(run.figures / f"{name}.png")
            with staged_file(paths[-1]) as staged:
                figure.savefig(staged, format="png", dpi=120)
    return paths


def _real_versus_fake(run: Run) -> Path:
    """Rows of real images, each over a row of generated ones of the same classes."""
    size = run.read_record().data.image_size
    last = max(run.samples())
    real, fake = (untile(_read(path), size)[:_PAIRS] for path in (run.real, run.sample(last)))
    pairs = np.stack([real, fake], axis=1)  # [pairs, 2, columns, h, w], and colours
    path = run.figures / "real-vs-fake.png"
    save_png(path, tile(pairs.reshape(-1, *pairs.shape[3:]), columns=pairs.shape[2]), scale=2)
    return path


def _progress(run: Run) -> list[Path]:
    """The sample grids as a GIF, and a strip of the first rows of chosen epochs, early ones more densely."""
    samples = run.samples()
    epochs = list(samples)
    frames = [Image.fromarray(_read(samples[epoch])) for epoch in _spread(epochs, _GIF_FRAMES)]
    gif = run.figures / "progress.gif"
    with staged_file(gif) as staged:
        durations = [120] * (len(frames) - 1) + [2000]
        frames[0].save(staged, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    size = run.read_record().data.image_size
    rows = [untile(_read(samples[epoch]), size)[0] for epoch in _spread(epochs, _STRIP_FRAMES)]
    strip = run.figures / "progress.png"
    save_png(strip, tile(np.concatenate(rows), columns=len(rows[0])), scale=2)
    return [gif, strip]


def _spread(epochs: Sequence[int], most: int) -> list[int]:
    """At most so many of the epochs, the first and the last among them, at growing distances."""
    if len(epochs) <= most:
        return list(epochs)
    places = np.unique(np.rint(np.geomspace(1, len(epochs), most)).astype(int) - 1)
    return [epochs[place] for place in places]


def _read(path: Path) -> NDArray[np.uint8]:
    content = check_picture(read_bytes(path, 2**24), "PNG")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image)
