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
    from digitsmith.evaluation.evaluate import evaluate
    from digitsmith.generation.generate import generate
    from digitsmith.models.generator import Model, load
    from digitsmith.records.evaluation import Evaluation
    from digitsmith.report.page import write_report
    from digitsmith.studies.tstr import tstr
    from digitsmith.training.loop import Outcome

__version__ = _version("digitsmith")
__all__ = [
    "Dataset", "DigitsmithError", "Evaluation", "Model", "evaluate", "generate", "load", "load_dataset", "train",
    "tstr", "write_report",
]  # fmt: skip

_LAZY = {  # loaded at first use, so that `import digitsmith` is quick
    "Dataset": "digitsmith.data.dataset",
    "DigitsmithError": "digitsmith.errors",
    "Evaluation": "digitsmith.records.evaluation",
    "Model": "digitsmith.models.generator",
    "evaluate": "digitsmith.evaluation.evaluate",
    "generate": "digitsmith.generation.generate",
    "load": "digitsmith.models.generator",
    "load_dataset": "digitsmith.data.sources",
    "tstr": "digitsmith.studies.tstr",
    "write_report": "digitsmith.report.page",
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
