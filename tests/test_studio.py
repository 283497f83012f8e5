"""The studio on the user's machine: what it serves, to whom, and what it writes."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

import digitsmith
from conftest import refused
from digitsmith.cli.app import app
from digitsmith.errors import ConfigError, ModelError, OutputError
from digitsmith.records.studio import Catalogue
from digitsmith.studio.catalogue import STATIC, studio
from digitsmith.studio.export import export_site
from studios import Running, running
from tiny_models import a_model

pytest.importorskip("fastapi", reason="needs the extra studio")


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running() as one:
        yield one


Answer = tuple[int, dict[str, str], bytes]


def ask(port: int, path: str = "/studio.json", method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in given)
    for name, value in given.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = (answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def test_models_are_offered_once_and_the_first_is_the_users(tmp_path: Path) -> None:
    own = tmp_path / "model.onnx"
    own.write_bytes(a_model().content)
    gathered = studio([own, own, "mnist"])
    catalogue = gathered.catalogue
    assert [one.name for one in catalogue.models] == [str(own), "mnist"]
    assert gathered.contents[catalogue.models[0].key] == own.read_bytes()
    assert catalogue.box.name == "mnist"
    assert {catalogue.reader.key, catalogue.detector.key, catalogue.box.key} <= set(gathered.contents)
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with refused(ModelError, "no ONNX file"):
        studio([tmp_path / "no.onnx"])


def test_an_exported_site_has_all_that_its_pages_name(tmp_path: Path) -> None:
    folder = export_site(studio(), tmp_path / "site")
    catalogue = Catalogue.model_validate_json((folder / "studio.json").read_bytes())
    for model in (*catalogue.models, catalogue.box, catalogue.reader, catalogue.detector):
        assert (folder / "models" / f"{model.key}.onnx").stat().st_size == model.bytes
    left_out = {STATIC / "learn.html", STATIC / "judge.html"}  # there is no run, and no server
    for file in STATIC.rglob("*"):
        assert (folder / file.relative_to(STATIC)).exists() == (file not in left_out)
    assert "learn.html" not in (folder / "index.html").read_text(encoding="utf-8")
    with refused(OutputError, "not empty"):
        export_site(studio(), folder)


def test_an_export_needs_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("fastapi", "uvicorn", "starlette"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("digitsmith.studio.")]:
        monkeypatch.delitem(sys.modules, name)
    done = CliRunner().invoke(app, ["studio", "--export", str(tmp_path / "site")])
    assert (done.exit_code, "python -m http.server" in done.output) == (0, True)
    error = CliRunner().invoke(app, ["studio", "--no-browser"]).exception
    assert isinstance(error, digitsmith.DigitsmithError)
    assert "the studio needs" in str(error)


def test_the_pages_load_nothing_from_elsewhere_and_run_only_files(served: Running) -> None:
    for path, kind in {
        "/": "text/html", "/play.html": "text/html", "/studio.css": "text/css", "/js/make.js": "text/javascript",
        "/vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm": "application/wasm", "/studio.json": "application/json",
    }.items():  # fmt: skip
        status, headers, content = ask(served.port, path)
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        if kind == "text/html":
            assert b'<script type="module" src="js/' in content
            assert b"style=" not in content
    catalogue = Catalogue.model_validate_json(ask(served.port)[2])
    status, headers, content = ask(served.port, f"/models/{catalogue.box.key}.onnx")
    assert content == digitsmith.load().content
    assert "immutable" in headers["cache-control"]


@pytest.mark.parametrize("path", [
    "/../pyproject.toml", "/..%2f..%2fapp.py", "/%2e%2e/app.py", "/js/../../app.py", "//etc/passwd", "/js", "/%00",
    "/models/../app.py", "/models/0000000000000000.onnx", "/models/%2e%2e%2f%2e%2e.onnx", "/C:/x", "/docs",
    "/.git/config",
])  # fmt: skip
def test_there_is_nothing_but_the_studio(served: Running, path: str) -> None:
    assert ask(served.port, path)[0] in (404, 422)


def test_pages_of_other_sites_get_nothing(served: Running) -> None:
    own = f"127.0.0.1:{served.port}"
    assert ask(served.port, Host=own)[0] == 200
    assert ask(served.port, Host=f"localhost:{served.port}", Origin=f"http://localhost:{served.port}")[0] == 200
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1.evil.example", "", "[", "10.0.0.1"):
        assert ask(served.port, Host=host)[0] in (400, 403), host
    for origin in (
        "http://evil.example",
        "null",
        "http://[",
        "http://a]b",
        f"https://{own}",
        "http://127.0.0.1:1",
        f"http://{own}.evil.example",
    ):
        assert ask(served.port, Host=own, Origin=origin)[0] == 403, origin
    assert ask(served.port, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert ask(served.port, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200  # a link
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(served.port, method=method)[0] == 405


def test_what_is_too_large_is_refused(served: Running) -> None:
    assert ask(served.port, method="POST", Content_Length=str(2**40))[0] == 413
    assert ask(served.port, method="POST", Content_Length="9" * 400)[0] in (400, 413)
    assert ask(served.port, method="POST", Transfer_Encoding="chunked")[0] == 413
    for large in ({"Cookie": "x" * 2**20}, {"path": "/" + "x" * 2**17}):
        with contextlib.suppress(ConnectionError):  # it does not read to the end
            assert ask(served.port, **large)[0] == 400
    assert ask(served.port)[0] == 200


def test_other_machines_need_the_token() -> None:
    with running("--host", "0.0.0.0") as one:
        start = one.address.removeprefix(f"http://127.0.0.1:{one.port}")
        for path in ("/", "/studio.json", "/?token=", "/?token=wrong", "/?token=%00", "/?token=%C3%A9"):
            assert ask(one.port, path)[0] == 401, path
        assert ask(one.port, start, method="POST")[0] == 401
        status, headers, _ = ask(one.port, start)
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"].partition(";")[0]
        assert "HttpOnly" in headers["set-cookie"]
        assert "samesite=strict" in headers["set-cookie"].lower()
        assert ask(one.port, "/studio.json", Cookie=cookie)[0] == 200
        assert ask(one.port, "/studio.json", Cookie=cookie, Host="192.168.1.7")[0] == 200
        assert ask(one.port, "/studio.json", Cookie=cookie, Host="evil.example")[0] == 403
        assert ask(one.port, "/studio.json", Cookie=f"{cookie}x")[0] == 401
        status, headers, _ = ask(one.port, "//evil.example/" + start[1:])
        assert (status, headers["location"]) == (303, "/")


def test_an_address_of_this_machine_may_be_asked_for() -> None:
    with running("--host", "127.0.0.2") as one:
        assert one.address == f"http://127.0.0.2:{one.port}/"
        connection = http.client.HTTPConnection("127.0.0.2", one.port, timeout=60)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200


def test_streams_are_counted_and_closed_ones_make_room() -> None:
    from digitsmith.studio.events import MOST_STREAMS

    with running() as one:
        with contextlib.ExitStack() as clients:
            request = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n\r\n".encode()
            every = [clients.enter_context(socket.create_connection(("127.0.0.1", one.port), 60)) for _ in range(40)]
            for client in every:
                client.sendall(request)
            answers = sorted(client.recv(12)[-3:] for client in every)
            assert answers == [b"200"] * MOST_STREAMS + [b"503"] * (40 - MOST_STREAMS)
        for _ in range(600):
            with socket.create_connection(("127.0.0.1", one.port), 60) as client:
                client.sendall(request)
                if client.recv(12)[-3:] == b"200":
                    return
            time.sleep(0.1)
        raise AssertionError("closed streams still count")


def test_every_answer_has_its_schema(served: Running) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
    schema = schemathesis.openapi.from_url(f"{served.address}openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/studio.json", "/models/{key}.onnx", "/runs/{key}.json"}
    for operation in operations:
        if operation.path in ("/events", "/trainings"):  # one has no end, the other begins what takes long
            continue
        modes = list(schemathesis.GenerationMode) if "{" in operation.path else [schemathesis.GenerationMode.POSITIVE]
        for mode in modes:

            @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                case.call_and_validate()

            check()


def test_ctrl_c_ends_it_though_a_client_hangs() -> None:
    with running() as one, socket.create_connection(("127.0.0.1", one.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert ask(one.port)[0] == 200
        assert one.interrupt() == 0


def test_bad_wishes_are_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "digitsmith.cli", "studio", "--no-browser", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"digitsmith: --port: {port} is in use")
    from digitsmith.studio.serve import serve

    gathered = studio()
    for host in ("no such host", "192.0.2.1", "evil..example"):
        with pytest.raises(ConfigError) as caught:
            serve(gathered, host=host, port=0, open_browser=False)
        assert caught.value.parameter == "host"
    with refused(ModelError, "there is no|no such", "model"):
        studio([tmp_path / "no-run"])
