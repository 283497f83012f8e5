"""An S3 server on this machine (moto's), and before it one that fails as servers and networks do.

The libraries are imported where they are used: they are in no other environment than that of `make remote`.
"""

import contextlib
import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest

Failure = int | Literal["drop", "cut"] | None
"""The status of an answer; no answer at all; the first half of an answer; none."""

Rule = Callable[[int, str, str], Failure]
"""What becomes of a request: the how many-th it is, its method and its path."""


def well(number: int, method: str, path: str) -> Failure:
    """Nothing fails."""
    return None


def every_tenth(number: int, method: str, path: str) -> Failure:
    """Of ten requests one fails, each time in another way."""
    failures: tuple[Failure, ...] = (500, "drop", 503, "cut")
    return failures[number // 10 % len(failures)] if number % 10 == 9 else None


class Server:
    """A bucket named `bucket`, and how its server fails.

    Attributes:
        url: of the server that fails.
        rule: how it does.
        asked: how many requests there were.
        seen: method and path of those that it has answered, in order.
    """

    def __init__(self, moto: int) -> None:
        self.rule: Rule = well
        self.seen: list[tuple[str, str]] = []
        self.asked, self._lock = 0, threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_all(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                failure = server._failure(self.command, self.path)
                if failure == "drop":
                    self._hang_up()
                    return
                if isinstance(failure, int):
                    status, answer, headers = failure, b"", []
                else:
                    status, answer, headers = _ask(moto, self.command, self.path, body, dict(self.headers))
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                length = next((v for k, v in headers if k.lower() == "content-length"), str(len(answer)))
                self.send_header("Content-Length", length if self.command == "HEAD" else str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer[: len(answer) // 2] if failure == "cut" else answer)
                if failure == "cut":
                    self._hang_up()

            def _hang_up(self) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_all

            def log_message(self, *_: object) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None: ...  # who asked has hung up

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _failure(self, method: str, path: str) -> Failure:
        with self._lock:
            failure = self.rule(self.asked, method, path)
            self.asked += 1
            if failure is None:
                self.seen.append((method, path.partition("?")[0]))
            return failure

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self):
        """Of the library that the bucket's makers have written."""
        import boto3

        return boto3.client("s3", endpoint_url=self.url)

    def contents(self, prefix: str) -> dict[str, bytes]:
        """All objects below a prefix, by what follows it."""
        client, found = self.client(), dict[str, bytes]()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=f"{prefix}/"):
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(f"{prefix}/")
                found[name] = client.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
        return found

    def made(self, prefix: str) -> dict[str, object]:
        """When each shard below a prefix was finished."""
        entries = self.client().list_objects_v2(Bucket="bucket", Prefix=f"{prefix}/shard-").get("Contents", ())
        return {e["Key"].split("/")[1]: e["LastModified"] for e in entries if e["Key"].endswith("/dataset.json")}


def _ask(port: int, method: str, path: str, body: bytes, headers: dict[str, str]):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers.pop("Expect", None)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.getheaders()
    finally:
        connection.close()


@contextlib.contextmanager
def moto() -> Iterator[int]:
    """Start the server itself; its port."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@contextlib.contextmanager
def served(port: int, patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with an empty bucket, which libraries of this process and its children find in the environment."""
    import s3fs

    server = Server(port)
    for name, value in {
        "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "secret/of+nobody", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }.items():  # fmt: skip
        patch.setenv(name, value)
    http.client.HTTPConnection("127.0.0.1", port).request("POST", "/moto-api/reset")
    s3fs.S3FileSystem.clear_instance_cache()
    server.client().create_bucket(Bucket="bucket")
    try:
        yield server
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.close()
