"""All or nothing: whatever goes wrong, the old content stays and nothing half-written is left."""

import errno
import os
from pathlib import Path

import pytest

from digitsmith.errors import OutputError
from digitsmith.files import require_new, staged_file, staged_folder


def fail(stage, place: Path, error: BaseException | type[BaseException]) -> None:
    """Write half of a file or folder, then meet an error."""
    with stage(place) as staged:
        (staged / "half" if stage is staged_folder else staged).write_text("half")
        raise error


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "result.txt"
    with staged_file(path) as staged:
        staged.write_text("whole")
        assert staged.parent == path.parent  # a rename across disks would not be atomic
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with staged_file(path) as staged:
        staged.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path: Path, interruption) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(interruption):
        fail(staged_file, path, interruption)
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.txt"]
    assert path.read_text() == "old"


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "made"
    with staged_folder(folder) as staged:
        (staged / "a").write_text("1")
        assert not folder.exists()
    assert (folder / "a").read_text() == "1"
    assert list(folder.parent.iterdir()) == [folder]
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_folder_leaves_nothing(tmp_path: Path, interruption) -> None:
    with pytest.raises(interruption):
        fail(staged_folder, tmp_path / "made", interruption)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    with staged_folder(folder) as staged:
        (staged / "a").touch()
    assert [entry.name for entry in folder.iterdir()] == ["a"]


def test_a_folder_that_holds_something_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("three years of work")
    with pytest.raises(OutputError, match=f"{tmp_path} exists and is not empty"), staged_folder(tmp_path):
        pytest.fail("the block must not run")
    assert (tmp_path / "thesis").read_text() == "three years of work"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    with pytest.raises(OutputError, match="is a file"):
        require_new(path)
    with pytest.raises(OutputError, match="inside"), staged_file(path / "inside"):
        pass
    assert path.read_text() == "kept"


def test_a_folder_filled_by_someone_else_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "made"

    def race() -> None:
        with staged_folder(folder) as staged:
            (staged / "mine").touch()
            folder.mkdir()
            (folder / "theirs").touch()

    with pytest.raises(OutputError, match="made"):
        race()
    assert [entry.name for entry in tmp_path.iterdir()] == ["made"]
    assert [entry.name for entry in folder.iterdir()] == ["theirs"]


@pytest.mark.parametrize("stage", [staged_file, staged_folder])
def test_a_full_disk_is_named_with_the_path_and_leaves_nothing(tmp_path: Path, stage) -> None:
    with pytest.raises(OutputError, match=rf"cannot write {tmp_path / 'made'}.*free some space"):
        fail(stage, tmp_path / "made", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", [staged_file, staged_folder])
def test_a_name_that_the_system_refuses_is_an_error_for_the_user(tmp_path: Path, stage) -> None:
    with pytest.raises(OutputError, match="check the path"):
        fail(stage, tmp_path / ("x" * 300), AssertionError("nothing could be written"))


def test_errors_that_are_not_the_operating_systems_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="truncated picture"), staged_file(tmp_path / "made"):
        raise OSError("truncated picture")
