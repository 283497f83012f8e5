"""Places that have an address, such as `s3://bucket/made`: buckets, and what else fsspec and its libraries reach.

The libraries find credentials by themselves: in the environment, in files of their own, or from the machine that they
run on. None is taken from an address, and what they say of an error is shown without anything that may be one.
"""

import contextlib
import errno
import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import Any, cast

from digitsmith.addresses import EXTRA, checked
from digitsmith.errors import DependencyError, DigitsmithError, install, reason
from digitsmith.files import writing

_SECRETS = re.compile(
    r"(?<=//)[^/\s]*@|(?<=\?)[^\s\"']+|bearer\s.*|"
    r"([\w-]*(key|token|secret|signature|passw|pwd|credential|authori[sz]ation)[\w-]*|\bsig)[\"']?\s*[=:].*",
    re.IGNORECASE,
)
_REFUSED = re.compile("auth|credential|denied|forbidden|profile|token", re.IGNORECASE)
_BLOCK = 2**23  # bytes that are read at a time
_TRIES = 5  # to put a file that another puts at the same moment


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that is removed when the block ends.

    Raises:
        OutputError: there is no place for one.
    """
    with writing(Path("a temporary folder")):
        folder = tempfile.TemporaryDirectory(prefix="digitsmith-")
    with folder as name:
        yield Path(name)


@dataclass(frozen=True)
class Store:
    """A file, or a folder, at an address.

    Attributes:
        address: without a slash at its end.
        kind: of its errors.
    """

    address: str
    kind: type[DigitsmithError]

    @classmethod
    def at(cls, address: str, kind: type[DigitsmithError]) -> "Store":
        """What is at an address; nothing is asked of it yet.

        Raises:
            DigitsmithError: of `kind`: it is no address, or of a kind that nobody knows.
            DependencyError: the library for it is not installed.
        """
        store = cls(checked(address, kind), kind)
        _ = store._fs
        return store

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> "Store":
        return Store(f"{self.address}/{name}", self.kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.address, self.kind)  # each process makes connections of its own

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]

    @property
    def parent(self) -> "Store":
        """The folder that this is in."""
        return Store(self.address.rpartition("/")[0], self.kind)

    @property
    def of_one_process(self) -> bool:
        """Whether no other process sees what is put there."""
        return self.address.startswith("memory:")

    def read(self, name: str, most: int) -> bytes | None:
        """The content of a file in the folder; None if there is none.

        Raises:
            ValueError: it has more than so many bytes.
        """
        path = self._path(name)
        with self._asked("read"):
            try:
                content = cast(bytes, self._fs.cat_file(path, start=0, end=most + 1))
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.EINVAL or self._fs.size(path) != 0:  # an empty one has no first byte
                    raise
                content = b""
        if len(content) > most:
            raise ValueError(f"it has more than {most:,} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a small file, whole."""
        with self._asked("written"):
            self._fs.pipe_file(self._path(name), content)

    def write_new(self, name: str, content: bytes) -> bool:
        """Put a small file if there is none of that name. Where a store knows no such condition, it is looked up.

        Returns:
            False if there is one with another content.
        """
        path = self._path(name)
        with self._asked("written"):
            for left in reversed(range(_TRIES)):
                try:
                    self._fs.pipe_file(path, content, mode="create")
                    return True
                except FileExistsError:
                    return self._holds(name, content)  # of a put that was repeated, as its answer was lost
                except (TypeError, ValueError, NotImplementedError):
                    break
                except OSError as error:
                    if error.errno == errno.ENOSYS:
                        break
                    if "conflict" not in str(error).lower() or not left:  # two that are put at the same moment
                        raise
                    time.sleep(0.2)
            if self._fs.exists(path):
                return self._holds(name, content)
            self._fs.pipe_file(path, content)
            return True

    def _holds(self, name: str, content: bytes) -> bool:
        with contextlib.suppress(ValueError):
            return self.read(name, len(content)) == content
        return False

    def make_folder(self) -> None:
        """Make it where there are folders. There are none in buckets; of one that is not there, s3fs would make one."""
        with self._asked("written"):
            if not self._fs.async_impl:
                self._fs.makedirs(self._path(), exist_ok=True)

    def put(self, folder: Path, names: Sequence[str]) -> None:
        """Put files of a local folder, in any order, each of them whole."""
        with self._asked("written"):
            if not self._fs.async_impl:
                for parent in {PurePosixPath(name).parent.as_posix() for name in names}:
                    self._fs.makedirs(self._path("" if parent == "." else parent), exist_ok=True)
            self._fs.put([str(folder / name) for name in names], [self._path(name) for name in names])

    def remove(self, names: Sequence[str]) -> None:
        """Remove files of the folder."""
        patterns = [name for name in names if has_magic(name)]  # `rm` would remove whatever they fit
        with self._asked("written"):
            if others := [self._path(name) for name in names if name not in patterns]:
                self._fs.rm(others)
            for name in patterns:
                self._fs.rm_file(self._path(name))

    def sizes(self) -> dict[str, int]:
        """Bytes of all files in the folder, by their paths from there, in order; empty if there is nothing.

        Raises:
            DigitsmithError: it cannot be listed, or a name leads out of the folder.
        """
        root, sizes = self._path(), dict[str, int]()
        with self._asked("read"):
            self._fs.invalidate_cache()
            for path, entry in self._fs.find(root, detail=True).items():
                if path.startswith(f"{root}/") and not path.endswith("/"):
                    sizes[path[len(root) + 1 :]] = int(entry["size"])
        unfit = {"\\", "\0", *(":" if sys.platform == "win32" else "")}
        for name in sizes:
            if {"", ".", ".."} & {*name.split("/")} or unfit & {*name}:
                raise self.kind(f"{self.address} holds {name!r:.100}, which can be no file of a folder: remove it.")
        return dict(sorted(sizes.items()))

    def names(self) -> list[str]:
        """Names of the files and folders that are directly in the folder; of a file, its own."""
        with self._asked("read"):
            self._fs.invalidate_cache()
            root = self._path()
            try:
                found = [path.rstrip("/") for path in self._fs.ls(root, detail=False) if path != f"{root}/"]
            except FileNotFoundError:
                return []
            if found == [root] and self._fs.info(root)["type"] != "file":  # a console's mark of a folder
                return []
        return [name for path in found if (name := path.rpartition("/")[2])]

    def file_size(self) -> int | None:
        """Bytes of the file that this is; None if it is none."""
        with self._asked("read"):
            self._fs.invalidate_cache()
            try:
                entry = self._fs.info(self._path())
            except FileNotFoundError:
                return None
        return int(entry["size"]) if entry["type"] == "file" else None

    def sha256(self, name: str) -> str:
        """The hash of a file in the folder, which is read piece by piece."""
        digest = hashlib.sha256()
        with self._asked("read"), self._fs.open(self._path(name), "rb", block_size=_BLOCK) as file:
            while piece := file.read(_BLOCK):
                digest.update(piece)
        return digest.hexdigest()

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Get files of the folder, or the one that this is (an empty name), into a local folder."""
        places = [folder / name if name else folder for name in names]
        with self._asked("read"):
            for parent in {place.parent for place in places}:
                parent.mkdir(parents=True, exist_ok=True)
            self._fs.get([self._path(name) for name in names], [str(place) for place in places])

    @cached_property
    def _fs(self) -> Any:
        scheme = self.address.partition("://")[0]
        try:
            import fsspec
        except ImportError as error:
            raise DependencyError(f"{scheme}:// needs fsspec: {install('remote')}.") from error
        try:
            fsspec.get_filesystem_class(scheme)
        except ImportError as error:
            mend = install("remote") if scheme in EXTRA else reason(error)
            raise DependencyError(f"{scheme}:// needs another library: {mend}.") from error
        except ValueError as error:
            raise self.kind(
                f"{scheme}:// is no kind of address that is known: use s3://, gs://, or another of fsspec's."
            ) from error
        with self._asked("read"):
            return fsspec.url_to_fs(self.address)[0]

    def _path(self, name: str = "") -> str:
        root = str(self._fs._strip_protocol(self.address)).rstrip("/")
        return f"{root}/{name}" if name else root

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Whatever a library raises becomes an error of one line, in which there is no secret."""
        try:
            yield
        except DigitsmithError:
            raise
        except Exception as error:
            said = reason(error, hidden=_SECRETS).rstrip(".")
            raise self.kind(f"{self.address} cannot be {what} ({said}): {_mend(error, what)}.") from None


def _mend(error: Exception, what: str) -> str:
    """What to do about an error of a library."""
    if isinstance(error, FileNotFoundError):
        return "see whether there is such a bucket, or make it first"
    if isinstance(error, NotImplementedError):
        return f"what is of this kind is not {what}: choose another place"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if isinstance(error, PermissionError) or _REFUSED.search(f"{type(error).__name__} {error}"):
        return (
            "see whether the credentials in the environment, or in the library's own files, are right, and may do that"
        )
    return "try again when the server answers and has room"
