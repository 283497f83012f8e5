"""Servers that answer anything: a download ends whole or in a `DownloadError`, and writes to no other place."""

import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digitsmith.data.downloads import download as module
from digitsmith.data.downloads.download import alone, download
from digitsmith.errors import DataError, DownloadError
from digitsmith.progress import Silent

CONTENT = bytes(range(256)) * 1000
MOST = 2 * len(CONTENT)

Answer = Callable[[str], Iterator[bytes]]


class Heard(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[[Answer], str]]:
    """Start a server that sends what `answer` gives for the head of a request, and hangs up."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "_TIMEOUT", (2, 0.3))
    sockets: list[socket.socket] = []

    def start(answer: Answer) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        for part in answer(connection.recv(2**16).decode()):
                            connection.sendall(part)
                    except OSError:
                        continue  # they hung up

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    yield start
    for server in sockets:
        server.close()


def sends(*parts: bytes) -> Answer:
    return lambda _: iter(parts)


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode("latin-1")


def check(path: Path) -> None:
    if path.read_bytes() != CONTENT:
        raise DataError(f"{path} is not what it should be.")


def fetch(folder: Path, *mirrors: str) -> Path:
    return download(mirrors, "file", folder, check, Silent(), MOST)


@pytest.mark.parametrize("length", ["abc", "-5", "", "0x10", "+256000", "9" * 5000, "\xb2"])
def test_a_length_that_is_none_is_not_needed(tmp_path, serve, length) -> None:
    assert fetch(tmp_path, serve(sends(head(f"Content-Length: {length}"), CONTENT))).read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["1, 2", "9" * 18, f"{len(CONTENT) + 1}", "5"])
def test_a_length_that_is_another_is_no_file(tmp_path, serve, length) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path, serve(sends(head(f"Content-Length: {length}"), CONTENT)))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "no connection"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "no connection"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500, "no connection"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000, "no connection"),
        (b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n", "the server says 416"),
        (
            b"HTTP/1.1 404 \x1b[31mnot here\xe2\x80\xae\r\nContent-Length: 0\r\n\r\n",
            r"the server says 404 \x1b[31mnot here",
        ),
        (b"HTTP/1.1 404 " + b"x" * 50_000 + b"\r\n\r\n", "the server says 404 xxx"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "the server says 204"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "the server says 304"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc", "goes on elsewhere"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n", "Invalid IPv6 URL"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "No connection adapters"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://a\xff\x00b/\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /file\r\n\r\n", "sends us on and on"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", "is not what it should be"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc", "it sends 99,999,999,999 bytes or more"),
    ],
)
def test_an_answer_of_anything(tmp_path, serve, answer, message) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path, serve(sends(answer)))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


def test_an_endless_answer_is_left(tmp_path, serve) -> None:
    with pytest.raises(DownloadError, match=r"it sends .* where 512,000 are the most"):
        fetch(tmp_path, serve(lambda _: itertools.chain([head()], itertools.repeat(bytes(2**16)))))
    assert not list(tmp_path.iterdir())


def test_an_endless_redirect_is_followed_and_not_read(tmp_path, serve) -> None:
    goal = serve(sends(head(f"Content-Length: {len(CONTENT)}"), CONTENT))
    moved = f"HTTP/1.1 302 Found\r\nLocation: {goal}elsewhere\r\n\r\n".encode()
    url = serve(lambda _: itertools.chain([moved], itertools.repeat(bytes(2**16))))
    assert fetch(tmp_path, url).read_bytes() == CONTENT


def test_a_server_that_falls_silent(tmp_path, serve) -> None:
    def silent(_: str) -> Iterator[bytes]:
        yield head("Content-Length: 99")
        threading.Event().wait(1)

    with pytest.raises(DownloadError, match="no answer in time"):
        fetch(tmp_path, serve(silent))


@pytest.mark.parametrize("start", ["0", "5", "-1", "1e3", "", "\x1b"])
def test_a_server_that_goes_on_elsewhere_is_asked_from_the_start(tmp_path, serve, start) -> None:
    def answer(request: str) -> Iterator[bytes]:
        if "Range" in request:
            yield f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-9/10\r\n\r\nwrong".encode()
        else:
            yield head(f"Content-Length: {len(CONTENT)}")
            yield CONTENT

    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    assert fetch(tmp_path, serve(answer)).read_bytes() == CONTENT


def test_a_part_that_is_already_too_large(tmp_path, serve) -> None:
    (tmp_path / "file.part").write_bytes(bytes(MOST + 1))
    good = serve(sends(head(f"Content-Length: {len(CONTENT)}"), CONTENT))  # it cannot go on in the middle
    assert fetch(tmp_path, good).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["link", "link to nothing", "hard link", "pipe"])
def test_what_lies_in_the_place_of_the_part_is_not_written_through(tmp_path, serve, kind) -> None:
    part, other = tmp_path / "folder" / "file.part", tmp_path / "other"
    part.parent.mkdir()
    other.write_bytes(b"mine")
    if kind == "pipe":
        os.mkfifo(part)
    elif kind == "hard link":
        part.hardlink_to(other)
    else:
        part.symlink_to(other if kind == "link" else tmp_path / "nothing")
    url = serve(sends(head(f"Content-Length: {len(CONTENT)}"), CONTENT))
    path = fetch(part.parent, url)
    assert path.read_bytes() == CONTENT
    assert not path.is_symlink()
    assert other.read_bytes() == b"mine"
    assert not (tmp_path / "nothing").exists()


def test_two_programs_fetch_one_after_the_other(tmp_path) -> None:
    heard, entered = Heard(), threading.Event()

    def second() -> None:
        with alone(tmp_path, heard):
            entered.set()

    with alone(tmp_path, Heard()):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.1)
    thread.join()
    assert entered.is_set()
    assert heard.notes == [f"Another program downloads to {tmp_path}: waiting for it."]
