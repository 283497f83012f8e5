"""Shared fixtures: the embedded digits, and micro runs that many tests look at."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import digitsmith
import exporter
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.errors import DigitsmithError
from digitsmith.records.run import Run


def pytest_configure() -> None:
    """Heed the signals that shells have their background jobs ignore, and nohup: tests send them."""
    for name, usual in {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}.items():
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
            signal.signal(getattr(signal, name), usual)


def micro(preset: str) -> list[str]:
    """Changes that make a preset's training on the embedded digits one of a second."""
    if preset == "residual":
        small = ["generator.widths=[8,8]", "discriminator.widths=[8,8]", "z_dim=8"]
    else:
        small = ["generator.widths=[24,32]", "discriminator.widths=[32,24]"]
    return [*small, "batch_size=64", "epochs=2", "log_every=10"]


MICRO = micro("cgan")
"""Of the fully connected presets."""


class Told:
    """A listener that remembers how far each work was, and expects no notes."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, int, int]] = []

    def update(self, work: str, done: int, total: int, detail: str = "") -> None:
        self.updates.append((work, done, total))

    def note(self, text: str) -> None:
        raise AssertionError(text)


@contextlib.contextmanager
def refused(kind: type[DigitsmithError], match: str, parameter: str = "") -> Iterator[None]:
    """Expect an error that says what is wrong, names the parameter at fault, and no option of the command line."""
    with pytest.raises(kind, match=match) as caught:
        yield
    assert caught.value.parameter == parameter
    assert " --" not in f" {caught.value}"


@pytest.fixture(scope="session", autouse=True)
def _one_trace_of_each_architecture() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        exporter.once_each(patch)
        yield


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return digitsmith.load_dataset("digits")


@pytest.fixture(scope="session")
def few(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in a folder: 320 of the digits, five batches of a micro training."""
    folder = tmp_path_factory.mktemp("data") / "few"
    formats.write(digits.take(np.arange(320)), folder, "npz")
    return folder


def _trained(preset: str, factory: pytest.TempPathFactory) -> Run:
    out = factory.mktemp("runs") / preset
    return digitsmith.train(preset, "digits", out, changes=micro(preset), progress=False).run


@pytest.fixture(scope="session")
def micro_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the conditional preset with small networks."""
    return _trained("cgan", tmp_path_factory)


@pytest.fixture(scope="session")
def micro_gan(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for the unconditional preset."""
    return _trained("gan", tmp_path_factory)


@pytest.fixture(scope="session")
def micro_residual(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for the residual preset; there are too few images for styles."""
    return _trained("residual", tmp_path_factory)


def leave_weights_only(patch: pytest.MonkeyPatch) -> None:
    """Let trainings leave neither an ONNX file nor figures, which take longer than all steps of a micro run."""
    patch.setattr("digitsmith.training.gans.train.export_state", lambda *_: None)
    patch.setattr("digitsmith.training.gans.train.draw_figures", lambda _: None)


@pytest.fixture
def weights_only(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_weights_only(monkeypatch)
