"""Files and folders that appear under their name only when they are whole.

What is written is staged under a name that nobody can guess, beside its place. The writer holds a lock on it. So what a
killed writer left can be told, and the next one that writes to the same place removes it.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from digitsmith import interrupts
from digitsmith.addresses import require_path
from digitsmith.errors import OutputError

_WHOLE = " Nothing was left half-written."
_STAGED = re.compile(r"\.(?P<name>.*)\.[0-9a-f]{16}\.(partial|(?P<whole>whole))", re.DOTALL)


@contextlib.contextmanager
def writing(what: Path, whole: str = "") -> Iterator[None]:
    """Turn the operating system's refusals (full disk, …) into an `OutputError` that names `what`, a path.

    `whole` is a sentence on what is left.
    """
    try:
        if b"\0" in os.fsencode(what):
            raise ValueError
    except ValueError as error:
        raise OutputError(f"{what} can be no path: name another.") from error
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
            errno.ENOTEMPTY: "another program has filled it meanwhile",
            errno.EEXIST: "another program has filled it meanwhile",
        }.get(error.errno, "check the path")
        raise OutputError(f"cannot write {what}: {error.strerror}; {mend}.{whole}") from error


def require_file_place(path: Path) -> None:
    """Refuse, before any work is done, a path at which no file can be written."""
    with writing(path):  # a path may be too long, or lead through folders that are not to be looked into
        if path == Path("-"):  # the sign for standard output
            raise OutputError("- is no place for a file, and this is not written to standard output: name a file.")
        if path.is_dir():
            raise OutputError(f"{path} is a folder: name a file in it.")
        stream = path.is_symlink() and str(path.readlink()).startswith("/proc/")  # as /dev/stdout, wherever it leads
        if stream or (path.exists() and not path.is_file()):
            raise OutputError(f"{path} is no regular file, and would be replaced by one: name another.")
        nearest = _require_folders(path)
        if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _require_folders(path: Path) -> Path:
    """Refuse a path that leads through a file, or is an address; the nearest folder on its way that exists."""
    require_path(path)
    nearest = next(place for place in path.absolute().parents if place.exists())
    if not nearest.is_dir():
        raise OutputError(f"{path} leads through {nearest.name}, which is a file: choose another place.")
    return nearest


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it is flushed to disk and renamed to `path`.

    A reader, or a program killed at any instant, sees the old file or the new one, never a part. A link under that name
    is replaced, not followed. Of two writers, the later one's content stays, whole.
    """
    with writing(path, _WHOLE):
        require_file_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _staged(path, lambda place: place.touch(exist_ok=False)) as staged:
            yield staged
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            staged.replace(path)


def require_new(folder: Path) -> None:
    """Refuse an output folder that holds something already, and what is no folder."""
    with writing(folder):
        if folder.is_dir():
            clear(folder, folder.resolve().name)
            if any(not _STAGED.fullmatch(entry.name) for entry in folder.iterdir()):
                raise OutputError(f"{folder} exists and is not empty: choose another place, or remove it first.")
        elif folder.is_symlink():
            raise OutputError(f"{folder} is a link to nothing: choose another place, or remove it first.")
        elif folder.exists():
            raise OutputError(f"{folder} exists and is a file: choose another place, or remove it first.")
        _require_folders(folder)


@contextlib.contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder; when the block ends well it is renamed to `folder`.

    A folder that exists and is empty may be a mount point, a link, or where the user is: it is kept, and filled at the
    end. Until the last of its entries is there, `is_unfinished` tells.
    """
    require_new(folder)
    with writing(folder, _WHOLE):
        exists = folder.is_dir()
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = folder / folder.resolve().name if exists else folder
        with interrupts.raised(), _staged(place, Path.mkdir) as staged:
            yield staged
            if exists:
                _move_up(staged, folder)
            else:
                staged.replace(folder)


@contextlib.contextmanager
def locked(folder: Path, busy: Callable[[], object], *, shared: bool = False) -> Iterator[None]:
    """Hold a folder, so that programs which do the same in it do so one after the other. A killed one holds nothing.

    Args:
        folder: one that is there.
        busy: called if another program holds it, before that is waited for.
        shared: hold it together with others that do so, too.
    """
    if sys.platform == "win32":  # no locks on folders
        yield
        return
    import fcntl

    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(descriptor, how)
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds a lock on a file at this moment; False where it cannot be known."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def remove_shared(path: Path) -> None:
    """Remove what lies in the place of a file to go on with, if writing to it would change another: a link, a pipe, …

    A file that has a second name elsewhere keeps that one.
    """
    with contextlib.suppress(FileNotFoundError):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            path.unlink()


def clear_all(folder: Path, names: Collection[str]) -> None:
    """Remove all that is staged for names which are there, whole: who still writes it, far away, comes too late."""
    for entry in folder.iterdir():
        staged = _STAGED.fullmatch(entry.name)
        if staged and staged["name"] in names:
            _remove(entry)


def is_unfinished(folder: Path) -> bool:
    """Whether a folder is being filled at this moment, or its writer was killed."""
    return any(_STAGED.fullmatch(entry.name) and entry.is_dir() for entry in folder.iterdir())


@contextlib.contextmanager
def _staged(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a file or folder under a name beside `path` that nobody can guess, hold it, and remove what is left."""
    clear(path.parent, path.name)
    held = None
    while held is None:  # another writer may have taken it for left behind, before it was held
        staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
        make(staged)
        try:
            held = _hold(staged, new=True)
        except OSError:
            _remove(staged)
            raise
    try:
        yield staged
    finally:
        _remove(staged)
        os.close(held)


def clear(folder: Path, name: str = "") -> None:
    """Remove what killed writers of that name, or of any, left in a folder.

    What was whole, and on its way to its place, is moved there. Where a file system has no locks, nothing is removed.
    """
    for entry in folder.iterdir():
        staged = _STAGED.fullmatch(entry.name)
        if staged and name in ("", staged["name"]) and (held := _hold(entry)) is not None:
            if staged["whole"]:
                with contextlib.suppress(OSError):  # others have put something in its place
                    _end_move(entry)
            else:
                _remove(entry)
            os.close(held)


def _hold(staged: Path, *, new: bool = False) -> int | None:
    """Lock a staged file or folder until the descriptor that is returned is closed.

    Returns:
        None if another process holds it, or it is gone. One that is `new` is held where there are no locks, too.
    """
    if sys.platform == "win32":  # no locks, as open files cannot be renamed there: what killed writers left, stays
        return os.open(os.devnull, os.O_RDONLY) if new else None
    import fcntl

    try:
        descriptor = os.open(staged, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if new and not isinstance(error, FileNotFoundError):  # the next one could not be, either
            raise
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if new else fcntl.LOCK_NB))
        held = True
    except OSError:
        held = new
    try:
        held = held and os.path.samestat(os.fstat(descriptor), staged.stat())
    except FileNotFoundError:
        held = False
    if held:
        return descriptor
    os.close(descriptor)
    return None


def _remove(staged: Path) -> None:
    if staged.is_dir():
        shutil.rmtree(staged, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # it is gone, or another user's, in a folder of all
            staged.unlink()


def _move_up(staged: Path, folder: Path) -> None:
    """Move what is in a staged folder, and is whole, into the folder around it. If it is killed, `clear` goes on."""
    names = [entry.name for entry in staged.iterdir()]
    with locked(folder, lambda: None):
        require_new(folder)  # it may have been filled meanwhile
        whole = staged.rename(staged.with_suffix(".whole"))
        try:
            _end_move(whole)
        except BaseException:
            for name in names:
                if not (whole / name).exists():  # it was moved; else what has that name is another's
                    _remove(folder / name)
            _remove(whole)
            raise


def _end_move(whole: Path) -> None:
    for entry in whole.iterdir():
        if (place := whole.parent / entry.name).exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        entry.rename(place)
    whole.rmdir()
