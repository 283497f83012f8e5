"""Fetch one file from the web: mirrors in turn, each gone on with where it broke off, checked before it counts.

Whatever a server sends is bounded, and what it says is shown as text.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import requests
import urllib3

from digitsmith.errors import DataError, DigitsmithError, DownloadError, reason
from digitsmith.files import locked, remove_shared, writing
from digitsmith.progress import Progress

_ATTEMPTS = 3  # for each mirror
_TIMEOUT = (10, 30)  # seconds to connect, and between two packets
_REDIRECTS = 5
_BROKE_OFF = (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError)


class _Refused(Exception):
    """An answer that is of no use.

    Attributes:
        afresh: ask again, from the start.
    """

    def __init__(self, why: str, *, afresh: bool = False) -> None:
        super().__init__(why)
        self.afresh = afresh


def download(
    mirrors: Sequence[str],
    file: str,
    folder: Path,
    check: Callable[[Path], None],
    progress: Progress,
    most_bytes: int,
) -> Path:
    """Download a file into a folder, under its own name only when it is whole and right.

    Args:
        mirrors: base addresses; the file's name is appended.
        file: its name, on the mirrors and in the folder.
        folder: made if it is not there.
        check: raises `DataError` if a file is not what it should be; then the next attempt starts afresh.
        progress: is told of the bytes, as "downloading FILE".
        most_bytes: how many it can have; a server that sends more is left.

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
                _append(mirror + file, part, most_bytes, progress)
                check(part)
            except DataError as error:
                failures.append(f"{mirror}{file}: {error.message}")
                part.unlink(missing_ok=True)  # what is wrong from the start is not to be gone on with
            except DigitsmithError:
                raise
            except Exception as error:  # what servers send leads to errors of many libraries
                failures.append(f"{mirror}{file}: {_said(error)}")
                if isinstance(error, _Refused) and error.afresh:
                    part.unlink(missing_ok=True)
                elif not isinstance(error, _BROKE_OFF):
                    break  # this mirror is away, or has no such file; only a broken transfer is worth going on with
            else:
                part.replace(target)
                return target
    if part.is_file() and not part.stat().st_size:
        part.unlink()
    raise DownloadError("\n".join(f"  {failure}" for failure in dict.fromkeys(failures)))


@contextlib.contextmanager
def alone(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold a folder, so that two programs that fetch the same file do so one after the other.

    Args:
        folder: made if it is not there.
        progress: is told if another program has to be waited for.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, lambda: progress.note(f"Another program downloads to {folder}: waiting for it.")):
        yield


@contextlib.contextmanager
def _opened(part: Path) -> Iterator[BinaryIO]:
    """Open what is there of a file, to go on with it: a file of our own, not what a link leads to, nor a pipe."""
    with writing(part):
        remove_shared(part)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(part, flags, 0o666)
    with os.fdopen(descriptor, "ab") as output:
        yield output


def _append(url: str, part: Path, most_bytes: int, progress: Progress) -> None:
    """Append to `part` what is still missing of the file at `url`, or start it again if the server cannot go on."""
    with _opened(part) as output:
        have = output.seek(0, os.SEEK_END)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with _get(url, headers) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                return  # nothing is missing; if what is there is wrong, the check will say so
            _require_content(response, have)
            if response.status_code != requests.codes.partial_content:
                output.truncate(have := 0)
            length = response.headers.get("Content-Length", "")
            total = have + int(length) if re.fullmatch("[0-9]{1,18}", length) else None
            done, work = have, f"downloading {part.stem}"
            for chunk in itertools.chain([b""], response.raw.stream(2**16, decode_content=False)):
                done += len(chunk)
                if (size := max(done, total or 0)) > most_bytes:
                    output.truncate(0)
                    raise _Refused(
                        f"it sends {size:,} bytes or more, where {most_bytes:,} are the most that it may have"
                    )
                with writing(part):
                    output.write(chunk)
                    output.flush()
                if chunk:
                    progress.update(work, *((0, 1) if total is None else (done, total)), f"{done / 1e6:.1f} MB")
            if total is None:
                progress.update(work, 1, 1)


@contextlib.contextmanager
def _get(url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """Ask for a file, wherever the server says that it is."""
    with _Session() as session:
        for _ in range(_REDIRECTS + 1):
            with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                if not response.is_redirect:
                    yield response
                    return
                url = urljoin(url, response.headers["Location"])
    raise _Refused("the server sends us on and on")


class _Session(requests.Session):
    def get_redirect_target(self, _: requests.Response) -> None:
        """Follow no redirect: requests would first read whatever comes with it, to its end."""


def _require_content(response: requests.Response, have: int) -> None:
    if response.status_code == requests.codes.partial_content:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Refused("the server goes on elsewhere than where it was asked to", afresh=True)
    elif response.status_code != requests.codes.ok:
        raise _Refused(f"the server says {response.status_code} {(response.reason or '')[:80]}")


def _said(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection broke off"
    return "no connection" if isinstance(error, requests.ConnectionError) else reason(error)
