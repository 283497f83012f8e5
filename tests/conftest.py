"""Shared fixtures: the embedded digits, and one micro run that many tests look at."""

import pytest

import digitsmith
from digitsmith.data.dataset import Dataset
from digitsmith.records.run import Run

MICRO = ["generator.hidden=[24,32]", "discriminator.hidden=[32,24]", "batch_size=64", "epochs=2", "log_every=10"]
"""A training of a second, on the embedded digits."""


def micro(preset: str) -> list[str]:
    """Changes that make a preset's training a micro run."""
    return [change.replace("hidden", "widths") for change in MICRO] if preset == "residual" else MICRO


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return digitsmith.load_dataset("digits")


@pytest.fixture(scope="session")
def micro_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the conditional preset with small networks."""
    return digitsmith.train("cgan", "digits", tmp_path_factory.mktemp("runs") / "cgan", changes=MICRO).run


@pytest.fixture(scope="session")
def micro_gan(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for the unconditional preset."""
    return digitsmith.train("gan", "digits", tmp_path_factory.mktemp("runs") / "gan", changes=MICRO).run
