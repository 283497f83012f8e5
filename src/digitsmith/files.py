"""All or nothing: files and folders that appear under their name only when they are whole."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digitsmith.errors import OutputError

_WHOLE = " Nothing was left half-written."


@contextlib.contextmanager
def writing(what: Path, whole: str = "") -> Iterator[None]:
    """Turn the operating system's refusals (full disk, no permission, …) into an `OutputError` that names `what`.

    `whole` is a sentence on what is left.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # not the operating system's word: some library's own error
            raise
        mend = {
            errno.ENOSPC: "free some space, or choose another disk",
            errno.EDQUOT: "free some of your quota, or choose another disk",
            errno.EACCES: "choose a place that you may write to",
            errno.EROFS: "choose a place that you may write to",
        }.get(error.errno, "check the path")
        raise OutputError(f"cannot write {what}: {error.strerror}; {mend}.{whole}") from error


def require_file_place(path: Path) -> None:
    """Refuse the path of a folder where a file is to be written."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it.")


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it is flushed to disk and renamed to `path`.

    A reader, or a program killed at any instant, sees the old file or the new one, never a part.
    """
    with writing(path, _WHOLE):
        require_file_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.partial")
        try:
            yield staged
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)


def require_new(folder: Path) -> None:
    """Refuse an output folder that holds something already."""
    with writing(folder):
        if folder.is_dir() and not any(folder.iterdir()):
            return
        if folder.exists():
            kind = "is not empty" if folder.is_dir() else "is a file"
            raise OutputError(f"{folder} exists and {kind}: choose another place, or remove it first.")


@contextlib.contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; when the block ends well it is renamed to `folder`."""
    require_new(folder)
    with writing(folder, _WHOLE):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
        try:
            yield staged
            staged.chmod(0o755)  # mkdtemp makes it private
            staged.replace(folder)  # over an empty folder too, on POSIX
        finally:
            shutil.rmtree(staged, ignore_errors=True)
