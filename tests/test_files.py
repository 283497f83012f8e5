"""All or nothing: whatever goes wrong, the old content stays and nothing half-written is left."""

import errno
import multiprocessing
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from digitsmith.errors import DataError, OutputError, RunError
from digitsmith.files import is_unfinished, require_file_place, require_new, staged_file, staged_folder
from digitsmith.untrusted import read_bytes, reading, require_contained


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
@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a\ud800b"])
def test_a_name_that_the_system_refuses_is_an_error_for_the_user(tmp_path: Path, stage, name: str) -> None:
    with pytest.raises(OutputError, match=r"check the path|can be no path"):
        fail(stage, tmp_path / name, AssertionError("nothing could be written"))


@pytest.mark.parametrize("stage", [staged_file, staged_folder])
def test_what_cannot_be_held_is_an_error_and_not_made_again_and_again(tmp_path: Path, monkeypatch, stage) -> None:
    """A umask of 777, or too many open files."""
    real = os.open

    def refuse(path, flags: int, *more: object, **options: object) -> int:
        if str(path).endswith(".partial") and not flags & os.O_CREAT and "dir_fd" not in options:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr("digitsmith.files._remove", lambda path: path.rmdir() if path.is_dir() else path.unlink())
    with pytest.raises(OutputError, match="Permission denied"):
        fail(stage, tmp_path / "made", AssertionError("nothing could be written"))
    assert not list(tmp_path.iterdir())


def test_a_place_in_a_folder_that_may_not_be_looked_into_is_refused(tmp_path: Path, monkeypatch) -> None:
    def refuse(_: object) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", refuse)
        with pytest.raises(OutputError, match="Permission denied; choose a place that you may write to"):
            require_file_place(tmp_path / "made")
    with pytest.raises(OutputError, match="check the path"):
        require_file_place(tmp_path / ("x" * 300))


def test_errors_that_are_not_the_operating_systems_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="truncated picture"), staged_file(tmp_path / "made"):
        raise OSError("truncated picture")


def test_what_is_written_has_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    for mask in (0o077, 0o022):
        before = os.umask(mask)
        try:
            with staged_folder(tmp_path / f"{mask}") as folder, staged_file(folder / "file") as file:
                file.write_text("whole")
        finally:
            os.umask(before)
        assert (tmp_path / f"{mask}").stat().st_mode & 0o777 == 0o777 & ~mask
        assert (tmp_path / f"{mask}" / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "result"
    precious.write_text("mine")
    path.symlink_to(precious)
    (tmp_path / ".result.partial").symlink_to(precious)  # the staged name of an earlier version
    (tmp_path / f".result.{'0' * 16}.partial").symlink_to(precious)  # as a guess would have it
    with staged_file(path) as staged:
        assert not staged.is_symlink()
        staged.write_text("new")
    assert precious.read_text() == "mine"
    assert path.read_text() == "new"
    assert not path.is_symlink()


@pytest.mark.parametrize("kind", ["link", "here", "folder"])
def test_an_empty_folder_is_kept_and_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    real = tmp_path / "real"
    real.mkdir()
    inode = real.stat().st_ino
    folder = {"link": tmp_path / "link", "here": Path(), "folder": real}[kind]
    (tmp_path / "link").symlink_to(real)
    monkeypatch.chdir(real)
    with staged_folder(folder) as staged:
        (staged / "a").write_text("1")
        (staged / "b").mkdir()
        assert is_unfinished(folder)
    assert sorted(entry.name for entry in real.iterdir()) == ["a", "b"]
    assert real.stat().st_ino == inode
    assert not is_unfinished(folder)


def test_a_link_to_nothing_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputError, match="is a link to nothing"), staged_folder(tmp_path / "link"):
        pytest.fail("the block must not run")


def _write_until_killed(path: Path, started: Any) -> None:
    with staged_file(path) as staged, staged_folder(path.with_name("folder")) as folder:
        staged.write_text("half")
        (folder / "half").touch()
        started.set()
        time.sleep(60)


def test_what_a_killed_writer_left_goes_with_the_next_one_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    path, folder = tmp_path / "result", tmp_path / "folder"
    started = context.Event()
    writer = context.Process(target=_write_until_killed, args=(path, started))
    writer.start()
    assert started.wait(20)
    before = set(tmp_path.iterdir())
    with staged_file(path) as staged, staged_folder(folder) as made:
        staged.write_text("whole")
        (made / "whole").touch()
    assert set(tmp_path.iterdir()) == before | {path, folder}
    writer.kill()
    writer.join()
    shutil.rmtree(folder)
    with staged_file(path) as staged, staged_folder(folder):
        staged.write_text("whole again")
    assert set(tmp_path.iterdir()) == {path, folder}
    assert path.read_text() == "whole again"


def test_what_another_user_left_in_a_folder_of_all_is_no_hindrance(tmp_path: Path, monkeypatch) -> None:
    """As in /tmp, where nobody removes what is another's: a file there with a staged name would stop all writers."""
    path, theirs = tmp_path / "result", tmp_path / f".result.{'0' * 16}.partial"
    theirs.touch()
    unlink = Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path == theirs:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    with staged_file(path) as staged:
        staged.write_text("whole")
    assert path.read_text() == "whole"
    assert set(tmp_path.iterdir()) == {path, theirs}


def _write_often(path: Path, letter: bytes) -> None:
    for _ in range(100):
        with staged_file(path) as staged:
            staged.write_bytes(letter * 2**16)


def test_of_two_writers_of_one_file_one_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "result"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_often, args=(path, letter)) for letter in (b"A", b"B")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert not path.exists() or path.read_bytes() in (b"A" * 2**16, b"B" * 2**16)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_gets_a_file_of_someone_else_while_it_is_filled_keeps_it(tmp_path: Path, monkeypatch) -> None:
    rename = Path.rename

    def race(path: Path, place: Path) -> Path:
        if path.name == "b":
            place.mkdir()
            (place / "theirs").touch()
        return rename(path, place)

    def fill() -> None:
        with staged_folder(tmp_path) as staged:
            for name in ("a", "b", "c"):
                (staged / name).mkdir()

    monkeypatch.setattr(Path, "rename", race)
    with pytest.raises(OutputError, match="not empty"):
        fill()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["b", "b/theirs"]


def test_two_fillers_of_one_empty_folder_do_not_mix(tmp_path: Path) -> None:
    def race() -> None:
        with staged_folder(tmp_path) as first:
            (first / "first").touch()
            with staged_folder(tmp_path) as second:
                (second / "second").touch()

    with pytest.raises(OutputError, match="not empty"):
        race()
    assert [entry.name for entry in tmp_path.iterdir()] == ["second"]


def test_a_pipe_has_no_end_and_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        read_bytes(tmp_path / "pipe", 10)
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_bytes(tmp_path / "file", 4)


def test_links_that_lead_out_of_a_folder_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    (run / "file").touch()
    (run / "samples" / "latest.png").symlink_to(run / "file")
    (tmp_path / "alias").symlink_to(run)
    require_contained(tmp_path / "alias", ("samples", "figures"), RunError)
    (run / "samples" / "secret.png").symlink_to("../../secret")
    with pytest.raises(RunError, match=r"secret\.png is a link that leads out of"):
        require_contained(run, ("samples",), RunError)


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), TypeError("odd\x1b[31m"), OSError(5, "I/O")])
def test_whatever_a_parser_raises_is_one_error_that_names_the_file(error: Exception) -> None:
    expected = r"^scan\.npz cannot be read \([^\x1b]+\): get it again\.$"
    with pytest.raises(DataError, match=expected), reading("scan.npz", DataError, "get it again"):
        raise error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_devices_pipes_and_streams_are_not_replaced() -> None:
    """Root may replace anything: a report --out /dev/null would leave a computer without its /dev/null."""
    os.mkfifo("pipe")
    Path("stdout").symlink_to("/proc/self/fd/1")
    Path("link").symlink_to("pipe")
    for name in ("pipe", "link", "stdout"):
        with pytest.raises(OutputError, match=f"{name} is no regular file"), staged_file(Path(name)) as staged:
            staged.write_text("content")
    assert Path("pipe").is_fifo()
    assert Path("stdout").is_symlink()
    assert sorted(path.name for path in Path().iterdir()) == ["link", "pipe", "stdout"]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_what_was_whole_when_its_writer_was_killed_comes_to_its_place_with_the_next_one(
    tmp_path: Path, moved: int
) -> None:
    whole = tmp_path / f".{tmp_path.name}.{'0' * 16}.whole"
    whole.mkdir()
    for i, name in enumerate(("a", "b")):
        ((tmp_path if i < moved else whole) / name).write_text(name)
    assert is_unfinished(tmp_path)
    with pytest.raises(OutputError, match="not empty"):
        require_new(tmp_path)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"a": "a", "b": "b"}
