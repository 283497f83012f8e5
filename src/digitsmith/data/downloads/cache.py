"""The named data sets that were downloaded: fetched once, and checked each time that they are used."""

import contextlib
import gzip
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import platformdirs

from digitsmith.data import limits
from digitsmith.data.downloads.catalogue import REMOTES, Remote
from digitsmith.data.downloads.download import alone, download
from digitsmith.errors import DataError, DownloadError, OutputError
from digitsmith.files import staged_file
from digitsmith.progress import Progress
from digitsmith.untrusted import reading

_VARIABLE = "DIGITSMITH_DATA_HOME"
_SUMS = "SHA256SUMS"
"""Hashes of what was taken out of an archive, which was checked, in the format of the program `sha256sum`."""


def data_home() -> Path:
    """The folder of downloaded data sets: `DIGITSMITH_DATA_HOME`, or the user's cache folder.

    Raises:
        DataError: neither is set, and the user has no home folder.
    """
    if named := os.environ.get(_VARIABLE):
        return Path(named)
    home = Path("~")
    with contextlib.suppress(RuntimeError, KeyError):  # raised for a user of whom the system knows nothing
        home = Path(platformdirs.user_cache_dir("digitsmith"))
    if not home.is_absolute():
        raise DataError(f"there is no home folder to keep downloads in: let {_VARIABLE} name a folder.")
    return home


def at_hand(name: str) -> bool:
    """Whether a named data set that has to be downloaded already was."""
    remote = REMOTES[name]
    files = [*remote.images.values(), *remote.labels.values()]
    try:
        return all(_present(data_home() / name, file) for file in files)
    except DataError:
        return False


def fetch(name: str, files: list[str], progress: Progress) -> list[Path]:
    """The paths of files of a named data set, downloaded if they are not there, and checked if their hashes are known.

    Raises:
        DataError: one is not what it should be.
        DownloadError: one could not be downloaded.
        OutputError: there is no place for them.
    """
    remote, folder = REMOTES[name], data_home() / name
    paths = [_present(folder, file) or _fetch(name, file, folder, progress) for file in files]
    checked = [_verify(path, file, remote) for path, file in zip(paths, files, strict=True)]
    if not all(checked):
        progress.note(f"{name} is used as it lies in {folder}: no hash is known to check it with.")
    return paths


def _fetch(name: str, file: str, folder: Path, progress: Progress) -> Path:
    try:
        with alone(folder, progress):
            return _present(folder, file) or _download(name, file, folder, progress)
    except OutputError as error:
        raise OutputError(f"{error.message} Or let {_VARIABLE} name another folder.") from error


def _present(folder: Path, file: str) -> Path | None:
    return next((path for path in (folder / file, folder / file.removesuffix(".gz")) if path.is_file()), None)


def _download(name: str, file: str, folder: Path, progress: Progress) -> Path:
    remote = REMOTES[name]
    wanted = remote.archive or file
    fetched = folder / wanted  # an archive that was not unpacked any more
    try:
        if not fetched.is_file():
            fetched = download(remote.mirrors, wanted, folder, _check_of(wanted, remote), progress, remote.most_bytes)
    except DownloadError as error:
        raise DownloadError(
            f"{name} could not be downloaded:\n{error}\nWithout a connection: get {file} elsewhere, "
            f"and put it into {folder} (the folder {name} under {_VARIABLE})."
        ) from error
    if remote.archive:
        try:
            _unpack(fetched, [*remote.images.values(), *remote.labels.values()], folder)
        finally:
            fetched.unlink()  # its files are there, or it is of no use
    return folder / file


def _check_of(file: str, remote: Remote) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        _verify(path, file, remote)

    return check


def _unpack(archive: Path, members: list[str], folder: Path) -> None:
    """Take files out of a zip archive, in whichever of its folders they lie, and note their hashes."""
    sums = []
    with reading(archive, DataError, "try again, to have it fetched afresh"), zipfile.ZipFile(archive) as zipped:
        for file in members:
            member = next((member for member in zipped.infolist() if Path(member.filename).name == file), None)
            if member is None:
                raise DataError(f"{archive} holds no {file}.")
            if member.file_size > limits.allowed(member.compress_size):
                raise DataError(f"{archive} holds {file} of {member.file_size:,} bytes: that cannot be.")
            with zipped.open(member) as content, staged_file(folder / file) as staged:
                with staged.open("wb") as output:
                    shutil.copyfileobj(content, output)
                with staged.open("rb") as written:
                    sums.append(f"{hashlib.file_digest(written, 'sha256').hexdigest()}  {file}\n")
    with staged_file(folder / _SUMS) as staged:
        staged.write_text("".join(sums), encoding="utf-8")


def _verify(path: Path, file: str, remote: Remote) -> bool:
    """Check a file's hash.

    Returns:
        Whether there is one to check it with.

    Raises:
        DataError: it is another.
    """
    with reading(path, DataError, "remove it, to have it fetched again"):
        if file in remote.sha256:
            if _unzipped_sha256(path) != remote.sha256[file]:
                raise _wrong(path, "SHA-256")
            return True
        as_served = path.name.removesuffix(".part") == file  # not unpacked
        if as_served and file in remote.md5:
            if _hash(path, "md5") != remote.md5[file]:
                raise _wrong(path, "MD5", " If it is right, but compressed anew: unpack it.")
            return True
        sums = path.parent / _SUMS
        noted = dict(line.split()[::-1] for line in sums.read_text().splitlines()) if sums.is_file() else {}
        if path.name in noted:
            if _hash(path, "sha256") != noted[path.name]:
                raise _wrong(path, "SHA-256")
            return True
    return False


def _wrong(path: Path, hash: str, mend: str = "") -> DataError:
    return DataError(
        f"{path} is not what it should be (its {hash} is wrong): remove it, to have it fetched again.{mend}"
    )


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, kind).hexdigest()


def _unzipped_sha256(path: Path) -> str:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        content = cast(IO[bytes], gzip.open(file)) if zipped else file
        digest, left = hashlib.sha256(), limits.allowed(path.stat().st_size)
        while chunk := content.read(2**18):
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"it decompresses to more than {limits.allowed(path.stat().st_size):,} bytes")
        return digest.hexdigest()
