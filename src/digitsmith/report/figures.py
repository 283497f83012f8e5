"""The figures of a run: losses, equilibrium, real against generated, and the way from noise to digits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from digitsmith.atomic import staged_file, writing
from digitsmith.grid import save_png, tile, untile
from digitsmith.training.run import Run

_STRIP_FRAMES = 8
_GIF_FRAMES = 60
_PAIRS = 4  # real rows, each over a generated one


def draw_figures(run: Run) -> list[Path]:
    """Draw all figures of a run into its `figures/`: `losses.png`, `equilibrium.png`, `real-vs-fake.png`,
    `progress.gif` and `progress.png`.

    Returns:
        Their paths.
    """
    run.figures.mkdir(parents=True, exist_ok=True)
    epochs, means = _epoch_means(run)
    losses = _curves(
        epochs,
        {"discriminator": means["d_loss"], "generator": means["g_loss"]},
        "loss (binary cross-entropy, mean of each epoch)",
        run.figures / "losses.png",
    )
    equilibrium = _curves(
        epochs,
        {"D(x), real images": means["d_real"], "D(G(z)), generated": means["d_fake"]},
        "probability to be real, says the discriminator",
        run.figures / "equilibrium.png",
        level=0.5,
    )
    return [losses, equilibrium, _real_versus_fake(run), *_progress(run)]


def _epoch_means(run: Run) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Mean of each scalar over each epoch; a line of metrics counts as often as it averages steps."""
    lines = run.read_metrics()
    step = np.array([line["step"] for line in lines], float)
    epoch = np.array([line["epoch"] for line in lines], int)
    weight = np.diff(step, prepend=0.0)
    total = np.bincount(epoch, weight)
    present = total > 0
    means = {}
    for name in ("d_loss", "g_loss", "d_real", "d_fake"):
        values = np.array([line[name] for line in lines])
        means[name] = np.bincount(epoch, weight * values)[present] / total[present]
    return np.flatnonzero(present).astype(float), means


def _curves(
    epochs: NDArray[np.float64],
    curves: dict[str, NDArray[np.float64]],
    y_label: str,
    path: Path,
    level: float | None = None,
) -> Path:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(epochs, values, label=name, linewidth=1.5, marker="o" if len(epochs) == 1 else None)
    if level is not None:
        axes.axhline(level, color="grey", linestyle="--", linewidth=1, label=f"equilibrium, {level}")
        axes.set_ylim(0, 1)
    axes.set_xlabel("epoch")
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    axes.legend()
    with staged_file(path) as staged:
        figure.savefig(staged, format="png", dpi=120)
    return path


def _real_versus_fake(run: Run) -> Path:
    """Rows of real images, each over a row of generated ones of the same classes."""
    size = _image_size(run)
    last = max(run.samples())
    real, fake = (untile(_read(path), size)[:_PAIRS] for path in (run.real, run.sample(last)))
    pairs = np.stack([real, fake], axis=1)  # [pairs, 2, columns, h, w]
    path = run.figures / "real-vs-fake.png"
    save_png(path, tile(pairs.reshape(-1, *size), columns=pairs.shape[2]), scale=2)
    return path


def _progress(run: Run) -> list[Path]:
    """The sample grids as a GIF, and a strip of the first rows of chosen epochs, early ones more densely."""
    samples = run.samples()
    epochs = list(samples)
    frames = [Image.fromarray(_read(samples[epoch])) for epoch in _spread(epochs, _GIF_FRAMES)]
    gif = run.figures / "progress.gif"
    with staged_file(gif) as staged, writing(gif):
        durations = [120] * (len(frames) - 1) + [2000]
        frames[0].save(staged, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    size = _image_size(run)
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


def _image_size(run: Run) -> tuple[int, int]:
    _, record = run.read()
    height, width = record["image_size"]
    return int(height), int(width)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)
