"""Digitsmith: train a GAN on handwritten digits, and generate as many labelled digits as you need.

>>> import digitsmith
>>> model = digitsmith.load()                    # the model that comes with the package
>>> model.sample([3, 1, 4], seed=1).shape        # uint8 images, 0 background to 255 ink
(3, 28, 28)

The names below are functions and classes of the rooms, loaded at first use. Only `train`, `learn`, `export`,
`tstr`, `scarce`, `classifiers`, `written_numbers` and `as_torch` need torch (the extra `train`).
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitsmith.answers.read import Tally, read
    from digitsmith.config.style import Style, Wear
    from digitsmith.data.dataset import Dataset
    from digitsmith.data.sources import load_dataset
    from digitsmith.errors import DigitsmithError
    from digitsmith.evaluation.evaluate import evaluate
    from digitsmith.generation.generate import generate
    from digitsmith.generation.stream import Stream, stream
    from digitsmith.models.generator import Model, load
    from digitsmith.models.reader import Reader, load_detector, load_reader
    from digitsmith.numbers.write import write
    from digitsmith.records.classifiers import Classifiers
    from digitsmith.records.evaluation import Evaluation
    from digitsmith.records.scarce import Scarce
    from digitsmith.records.study import Study
    from digitsmith.records.written_numbers import WrittenNumbers
    from digitsmith.report.page import write_report
    from digitsmith.shards.verify import verify
    from digitsmith.studies.classifiers import classifiers
    from digitsmith.studies.scarce import scarce
    from digitsmith.studies.tstr import tstr
    from digitsmith.studies.written_numbers import written_numbers
    from digitsmith.training.gans.export import export
    from digitsmith.training.gans.train import Outcome, train
    from digitsmith.training.readers.learn import Learned, learn
    from digitsmith.training.stream import as_torch

    __version__: str

__all__ = [
    "Classifiers", "Dataset", "DigitsmithError", "Evaluation", "Learned", "Model", "Outcome", "Reader",
    "Scarce", "Stream", "Study", "Style", "Tally", "Wear", "WrittenNumbers", "as_torch", "classifiers", "evaluate",
    "export", "generate", "learn", "load", "load_dataset", "load_detector", "load_reader", "read", "scarce", "stream",
    "train", "tstr", "verify", "write", "write_report", "written_numbers",
]  # fmt: skip

_HOMES = {
    "Classifiers": "records.classifiers",
    "Dataset": "data.dataset",
    "DigitsmithError": "errors",
    "Evaluation": "records.evaluation",
    "Learned": "training.readers.learn",
    "Model": "models.generator",
    "Outcome": "training.gans.train",
    "Reader": "models.reader",
    "Scarce": "records.scarce",
    "Stream": "generation.stream",
    "Study": "records.study",
    "Style": "config.style",
    "Tally": "answers.read",
    "Wear": "config.style",
    "WrittenNumbers": "records.written_numbers",
    "as_torch": "training.stream",
    "classifiers": "studies.classifiers",
    "evaluate": "evaluation.evaluate",
    "export": "training.gans.export",
    "generate": "generation.generate",
    "learn": "training.readers.learn",
    "load": "models.generator",
    "load_dataset": "data.sources",
    "load_detector": "models.reader",
    "load_reader": "models.reader",
    "read": "answers.read",
    "scarce": "studies.scarce",
    "stream": "generation.stream",
    "train": "training.gans.train",
    "tstr": "studies.tstr",
    "verify": "shards.verify",
    "write": "numbers.write",
    "write_report": "report.page",
    "written_numbers": "studies.written_numbers",
}
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Before anything imports ONNX Runtime: else it keeps an id of this device, and looks up where to send events."""

_EXTRAS = {"training": "train", "studies": "train", "report": "report", "numbers": "numbers"}
"""What a room needs beyond the light install."""

_EXTRA_OF = {"cv2": "numbers", "torch": "train"}
"""What else is needed by a room that uses another's."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("digitsmith")
    if name not in _HOMES:
        raise AttributeError(f"module 'digitsmith' has no attribute {name!r}")
    home = _HOMES[name]
    try:
        return getattr(importlib.import_module(f"digitsmith.{home}"), name)
    except ImportError as error:
        missing = error.name or ""
        extra = _EXTRA_OF.get(missing) or _EXTRAS.get(home.partition(".")[0])
        if extra is None or missing.startswith("digitsmith"):  # no optional library, but a fault of ours
            raise
        from digitsmith.errors import DependencyError, install

        raise DependencyError(f"{name} needs {missing or error}: {install(extra)}.") from error


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
