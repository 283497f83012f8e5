"""Digitsmith: train a GAN on handwritten digits, and generate as many labelled digits as you need.

>>> import digitsmith
>>> model = digitsmith.load()                    # the model that comes with the package
>>> model.sample([3, 1, 4], seed=1).shape        # uint8 images, 0 background to 255 ink
(3, 28, 28)

`train`, `generate` and `evaluate` do what the commands of these names do; `load` opens a model, `load_dataset` a data
set. Only `train` needs torch (`pip install 'digitsmith[train]'`).
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version as _version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitsmith.data.dataset import Dataset
    from digitsmith.data.sources import load_dataset
    from digitsmith.evaluation.evaluate import FeatureSpace
    from digitsmith.evaluation.reference import Progress
    from digitsmith.generation.generate import generate
    from digitsmith.models.generator import Model, load
    from digitsmith.records.results import Evaluation
    from digitsmith.training.loop import Outcome

__version__ = _version("digitsmith")
__all__ = ["Dataset", "DigitsmithError", "Evaluation", "Model", "evaluate", "generate", "load", "load_dataset", "train"]

_LAZY = {  # loaded at first use, so that `import digitsmith` is quick
    "Dataset": "digitsmith.data.dataset",
    "DigitsmithError": "digitsmith.errors",
    "Evaluation": "digitsmith.records.results",
    "Model": "digitsmith.models.generator",
    "generate": "digitsmith.generation.generate",
    "load": "digitsmith.models.generator",
    "load_dataset": "digitsmith.data.sources",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'digitsmith' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def train(
    preset: str | Path | None = None,
    data: "str | Path | Dataset | None" = None,
    out: str | Path = "runs/run",
    *,
    changes: Sequence[str] | Mapping[str, Any] = (),
    resize: tuple[int, int] | None = None,
    device: str | None = None,
    resume: bool = False,
    quiet: bool = True,
) -> "Outcome":
    """Train a generator, export it, and draw the figures of the run.

    Args:
        preset: `residual`, `cgan`, `gan`, or the path of a TOML file; with `resume`, the run's own config by default.
        data: what `load_dataset` takes, of which the training split is used, or a data set. By default those of the
            run that is resumed, or whose config.toml is the preset; else `digits`.
        out: the run folder.
        changes: hyperparameters to change: `{"epochs": 20}` or `["epochs=20"]`.
        resize: scale the images to this height and width.
        device: auto, cpu, cuda or cuda:N; auto by default, or, with `resume`, the run's own.
        resume: continue the run in `out`.
        quiet: show nothing.

    Returns:
        How it ended: `.run` holds the paths of what it left, `.finished` is False if it was interrupted.

    Raises:
        DigitsmithError: see `digitsmith.errors`.

    >>> import digitsmith
    >>> outcome = digitsmith.train("cgan", "digits", "runs/tour", changes={"epochs": 1})
    >>> digitsmith.load(outcome.run.folder).sample([5]).shape
    (1, 28, 28)
    """
    try:
        from digitsmith.training import train as verb
    except ImportError as error:
        from digitsmith.errors import ConfigError

        raise ConfigError(f"training needs {error.name}: pip install 'digitsmith[train]'.") from error
    from digitsmith.figures.run import draw_figures

    outcome = verb.train(
        preset, data, Path(out), changes=changes, resize=resize, device=device, resume=resume, quiet=quiet
    )
    draw_figures(outcome.run)
    return outcome


def evaluate(
    subject: "str | Path | Model | Dataset",
    reference: str | Path | None = None,
    *,
    count: int = 10_000,
    seed: int = 0,
    features: "FeatureSpace" = "digitnet",
    inception_weights: str | Path | None = None,
    fetch: bool = False,
    progress: "Progress | None" = None,
) -> "Evaluation":
    """Measure how real, varied, readable and original digits are, each beside what unseen real digits get.

    Args:
        subject: a model, a data set, or what names one: a shipped model, a run folder, an `.onnx` file, or what
            `load_dataset` takes. `mnist` is the shipped model, `mnist:test` the real test images.
        reference: the real images to compare with, as for `load_dataset`: one split, whose other split is the unseen
            one. By default what the model was trained on, or the one that made the data set, as far as that is told;
            else `mnist`, which needs no download but for the measures of originality.
        count: how many images of each kind; fewer where there are not so many.
        seed: of the images that a model makes, or of the choice from a data set.
        features: where distances are measured: the shipped `digitnet`, or `inception` (Inception v3 on grey repeated
            to three channels: the Fréchet distance is then the FID; needs `pip install 'digitsmith[inception]'`).
        inception_weights: a file of Inception weights, instead of the usual ones.
        fetch: download MNIST if it is not there, for the measures of originality.
        progress: called with the name of a piece of work, how much of it is done, and how much there is.

    Raises:
        DataError: too few images, or images of different sizes.
        DigitsmithError: see `digitsmith.errors`.

    >>> import digitsmith
    >>> result = digitsmith.evaluate("mnist", "mnist", count=500)
    >>> result.measure("agreement").value > 0.9
    True
    """
    from digitsmith.evaluation import evaluate as verb
    from digitsmith.evaluation.reference import silent

    weights = None if inception_weights is None else Path(inception_weights)
    return verb.evaluate(
        subject, reference, count=count, seed=seed, features=features, inception_weights=weights, fetch=fetch,
        progress=progress or silent,
    )  # fmt: skip
