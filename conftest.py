"""Examples in docstrings and in the README run in an empty folder, as the tests do."""

from pathlib import Path

import pytest

_SLOW = {"digitsmith.training.readers.learn.learn"}  # docstrings have no marks of their own


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow examples, before any are left out."""
    for item in items:
        if item.name in _SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
