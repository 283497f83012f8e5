"""Fetch one file from the web: mirrors in turn, each gone on with where it broke off, checked before it counts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from digitsmith.errors import DataError, DownloadError
from digitsmith.files import writing
from digitsmith.progress import Progress

_ATTEMPTS = 3  # for each mirror
_TIMEOUT = (10, 30)  # seconds to connect, and between two packets


def download(
    mirrors: Sequence[str], file: str, folder: Path, check: Callable[[Path], None], progress: Progress
) -> Path:
    """Download a file into a folder, under its own name only when it is whole and right.

    Args:
        mirrors: base addresses; the file's name is appended.
        file: its name, on the mirrors and in the folder.
        folder: made if it is not there.
        check: raises `DataError` if a file is not what it should be; then the next attempt starts afresh.
        progress: is told of the bytes, as "downloading FILE".

    Returns:
        The file's path.

    Raises:
        DownloadError: no mirror has it; the message says why for each.
    """
    target, part = folder / file, folder / f"{file}.part"
    failures = []
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
    for mirror in mirrors:
        for _ in range(_ATTEMPTS):
            try:
                _append(mirror + file, part, progress)
                check(part)
            except requests.RequestException as error:
                failures.append(f"{mirror}{file}: {_reason(error)}")
                if not isinstance(error, requests.exceptions.ChunkedEncodingError):
                    break  # this mirror is away, or has no such file; only a broken transfer is worth going on with
            except DataError as error:
                failures.append(f"{mirror}{file}: {error}")
                part.unlink()  # what is wrong from the start is not to be gone on with
            else:
                part.replace(target)
                return target
    raise DownloadError("\n".join(f"  {failure}" for failure in dict.fromkeys(failures)))


def _append(url: str, part: Path, progress: Progress) -> None:
    """Append to `part` what is still missing of the file at `url`, or start it again if the server cannot go on."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is missing; if what is there is wrong, the check will say so
        response.raise_for_status()
        goes_on = response.status_code == requests.codes.partial_content
        done = have if goes_on else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        work = f"downloading {part.stem}"
        with writing(part), part.open("ab" if goes_on else "wb") as file:
            for chunk in response.iter_content(2**16):
                file.write(chunk)
                done += len(chunk)
                progress.update(work, *((0, 1) if total is None else (done, total)), f"{done / 1e6:.1f} MB")
        if total is None:
            progress.update(work, 1, 1)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server says {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "no connection" if isinstance(error, requests.ConnectionError) else str(error)
