"""Results, records and metrics of strangers: they are taken or refused in one line that names the file."""

import base64
import contextlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import digitsmith
from conftest import refused
from digitsmith.errors import DigitsmithError, ResultError, RunError
from digitsmith.figures.history import read_history
from digitsmith.figures.run import draw_figures
from digitsmith.records.results import load_result
from digitsmith.records.run import MetricsLine, Run
from digitsmith.report.page import write_report
from digitsmith.training.gans.metrics_log import MetricsLog
from test_report import evaluation


@pytest.fixture
def run(micro_run: Run, tmp_path: Path) -> Run:
    """A run that a test may spoil."""
    return Run(Path(shutil.copytree(micro_run.folder, tmp_path / "run")))


def changed(path: Path, keys: tuple[str | int, ...], value: object) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content))


BOMB = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)


def a_png(header: bytes) -> bytes:
    """A PNG that says to be of any size."""
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("protocol", "images"), "x"),
        (("protocol", "images"), None),
        (("protocol", "images"), True),
        (("protocol", "images"), "7"),
        (("protocol", "images"), 10**400),
        (("protocol", "seed"), -1),
        (("confusion", "counts"), []),
        (("confusion", "counts", 0), [1] * 50),
        (("confusion", "counts", 0, 0), -5),
        (("confusion", "counts", 0, 0), 10**400),
        (("confusion", "agreement"), []),
        (("confusion", "real_agreement"), [0.5] * 11),
        (("confusion", "labels"), ["0"]),
        (("measures", 0, "value"), float("nan")),
        (("measures", 0, "value"), float("-inf")),
        (("measures",), {}),
        (("classes", 0, "share"), 1.5),
        (("reference",), ""),
        (("subject",), ""),
        (("subject",), "x" * 5000),
        (("subject",), "\ud800"),
        (("notes",), "a note"),
        (("skipped",), []),
        (("pictures", "real"), "AAAA"),
        (("pictures", "real"), '"><script>'),
        (("pictures",), {str(i): "" for i in range(2000)}),
        (("unknown",), 1),
        (("format",), 10**400),
        (("kind",), "study"),
    ],
)
def test_a_result_with_anything_wrong_inside_is_refused(
    tmp_path: Path, keys: tuple[str | int, ...], value: object
) -> None:
    path = tmp_path / "result.json"
    evaluation().save(path)
    assert load_result(path) == evaluation()
    changed(path, keys, value)
    with refused(ResultError, str(path)):
        load_result(path)


def test_a_picture_that_would_fill_all_memory_is_refused(tmp_path: Path) -> None:

    path = tmp_path / "result.json"
    evaluation().save(path)
    changed(path, ("pictures", "real"), base64.b64encode(a_png(BOMB)).decode())
    with refused(ResultError, r"pictures\.real"):
        load_result(path)


def test_what_is_no_result_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    for content in (b"", b"[" * 200_000, b"\xff\xfe", b"null", b"1" * 5000, b'{"kind": {}}', b"\0" * 100):
        path.write_bytes(content)
        with refused(ResultError, r"any\.json cannot be read"):
            load_result(path)
    path.unlink()
    os.mkfifo(path)
    with refused(ResultError, "no regular file"):
        load_result(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole that takes no space
    with refused(ResultError, "it has more than"):
        load_result(path)


def test_paths_that_no_disk_can_have_are_refused(tmp_path: Path) -> None:
    for path in ("x" * 5000, "a\0b", "/".join(["x" * 200] * 30)):
        with refused(ResultError, "check the path|there is no file or folder"):
            write_report(path, tmp_path / "report.html")
        with pytest.raises(DigitsmithError):
            digitsmith.evaluate(path)
        with refused(RunError, "check the path|holds no run"):
            digitsmith.export(path, tmp_path / "model.onnx")
        with refused(RunError, "check the path|holds no run"):
            digitsmith.train(out=path, resume=True)
        with pytest.raises(DigitsmithError):
            digitsmith.train(path, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("keys", "value", "problem"),
    [
        (("data", "images"), "x", "data.images"),
        (("data", "images"), 10**400, "data.images"),
        (("data", "image_size"), [65536, 65536], "models take sides from 8 to 128"),
        (("data", "image_size"), [-1, 0], "data.image_size"),
        (("data", "classes"), 5, "data.classes"),
        (("data", "classes"), ["../x"], "data.classes"),
        (("data", "classes"), ["a\x1b[31m"], "data.classes"),
        (("data", "source"), "x" * 5000, "data.source"),
        (("data",), 5, "data: "),
        (("device",), 5, "device"),
        (("seconds",), 1e300, "seconds"),
        (("changes",), ["a=1"] * 2000, "changes"),
        (("resize",), [0, 0], "resize"),
        (("command",), "x", "command"),
    ],
)
def test_a_run_record_with_anything_wrong_inside_is_refused(
    run: Run, keys: tuple[str | int, ...], value: object, problem: str
) -> None:
    changed(run.record, keys, value)
    with refused(RunError, rf"run\.json cannot be read \(.*{problem}"):
        run.read_record()


def test_a_run_whose_record_tells_of_other_data_is_not_resumed(run: Run) -> None:
    changed(run.record, ("data", "classes"), list("9876543210"))
    with refused(RunError, "training images are not the ones"):
        digitsmith.train(out=run.folder, resume=True, changes={"epochs": 3})


LINE: dict[str, Any] = {
    "epoch": 1, "step": 1, "images": 1, "d_loss": 1.0, "d_loss_real": 1.0, "d_loss_fake": 1.0, "g_loss": 1.0,
    "d_real": 1.0, "d_fake": 1.0, "images_per_second": 1.0, "seconds": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        LINE | {"seconds": 1e300},
        LINE | {"seconds": -1},
        LINE | {"epoch": 2 * 10**9},
        LINE | {"epoch": -1},
        LINE | {"epoch": 10**20},
        LINE | {"epoch": 1.5},
        LINE | {"step": 0},
        LINE | {"step": 10**400},
        LINE | {"d_loss": float("nan")},
        LINE | {"d_loss": 1e300},
        LINE | {"d_loss": "x"},
        LINE | {"frechet_distance": -1.0},
        {key: value for key, value in LINE.items() if key != "seconds"},
        [1, 2],
    ],
)
def test_a_line_of_metrics_that_no_training_writes_is_refused_and_resuming_drops_it(run: Run, line: object) -> None:
    whole = run.metrics.read_text()
    run.metrics.write_text(json.dumps(line) + "\n")
    with refused(RunError, r"metrics\.jsonl cannot be read \(.*resuming it mends the file"):
        run.read_metrics()
    with refused(RunError, r"metrics\.jsonl"):
        write_report(run.folder)
    run.metrics.write_text(json.dumps(line) + "\n" + whole)
    MetricsLog(run, 10**9).close()
    assert run.metrics.read_text() == whole


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe\n", b"\0" * 1000, b"{}\n{", b"\n\n"])
def test_what_is_no_metrics_at_all_is_refused(run: Run, content: bytes) -> None:
    run.metrics.write_bytes(content)
    with refused(RunError, r"metrics\.jsonl cannot be read"):
        run.read_metrics()


def test_steps_that_go_back_are_refused(run: Run) -> None:
    run.metrics.write_text("".join(json.dumps(LINE | {"step": step}) + "\n" for step in (5, 3)))
    with refused(RunError, "step 3 of epoch 1 is behind"):
        run.read_metrics()


def test_metrics_without_end_are_not_read(run: Run) -> None:
    run.metrics.unlink()
    os.mkfifo(run.metrics)
    with refused(RunError, "no regular file"):
        run.read_metrics()
    run.metrics.unlink()
    with run.metrics.open("wb") as file:
        file.truncate(2**40)
    with refused(RunError, "it has more than"):
        run.read_metrics()


def test_curves_take_no_more_memory_for_late_epochs() -> None:
    line = MetricsLine.model_validate(LINE)
    late = line.model_copy(update={"epoch": 2 * 10**9, "step": 3, "d_loss": 4.0})
    epochs, losses = read_history([line, late])["d_loss"]
    assert (epochs.tolist(), losses.tolist()) == ([1, 2e9], [1, 4])


def spoil(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("content", [b"hello", b"<svg/>", b"", a_png(BOMB), a_png(b"")], ids=str)
@pytest.mark.parametrize("place", ["figures/progress.png", "figures/progress.gif", "samples/real.png"])
def test_a_picture_in_a_run_that_is_none_is_not_embedded(run: Run, place: str, content: bytes) -> None:
    spoil(run.folder / place, content)
    with refused(RunError, f"{place} cannot be read"):
        write_report(run.folder)


def test_a_picture_without_end_is_not_embedded(run: Run) -> None:
    with run.real.open("r+b") as file:
        file.truncate(2**40)
    with refused(RunError, "it has more than"):
        write_report(run.folder)


def test_only_samples_of_epochs_are_samples(run: Run) -> None:
    there = run.samples()
    folder = run.real.parent
    for name in ("epoch-99999999999999999999.png", "epoch-00001.png", "epoch-٣٣٣٣.png", "epoch-x.png"):
        shutil.copy(run.sample(1), folder / name)
    (folder / "epoch-0099.png").mkdir()
    os.mkfifo(folder / "epoch-0098.png")
    assert run.samples() == there
    assert write_report(run.folder).is_file()


@pytest.mark.parametrize("sheet", [np.zeros((5, 5), np.uint8), np.zeros((302, 302, 3), np.uint8)], ids=["small", "rgb"])
def test_samples_of_another_run_end_the_drawing_of_figures_in_one_line(run: Run, sheet: np.ndarray) -> None:
    Image.fromarray(sheet).save(run.sample(1))
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(run.real)
    with refused(RunError, "samples cannot be read"):
        draw_figures(run)


def test_text_on_a_page_cannot_turn_the_rest_around(run: Run) -> None:
    changed(run.record, ("data", "source"), "a\u202eb\x1b[31m")
    page = write_report(run.folder).read_text(encoding="utf-8")
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "a\\u202eb" in page


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def _places(content: Any) -> list[tuple[Any, str | int]]:
    """Every value in a JSON document, as the object that holds it and its key there."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in inner:
        found.append((content, key))
        if isinstance(value, dict | list):
            found += _places(value)
    return found


def _mutated(text: str, data: st.DataObject) -> str:
    content = json.loads(text)
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(_places(content)))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder.pop(key)
        else:
            holder[key] = data.draw(VALUES)
    return json.dumps(content)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_result_is_shown_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "any-result.json"
    path.write_text(_mutated(evaluation(pictures={}).model_dump_json(), data))
    with contextlib.suppress(DigitsmithError):
        write_report(path, path.with_suffix(".html"))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), which=st.sampled_from(["record", "metrics"]))
def test_any_run_is_read_or_refused(
    micro_run: Run, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, which: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-run"
    if not folder.exists():
        shutil.copytree(micro_run.folder, folder)
    run = Run(folder)
    original: Path = getattr(micro_run, which)
    lines = original.read_text().splitlines() if which == "metrics" else [original.read_text()]
    getattr(run, which).write_text("\n".join(_mutated(line, data) for line in lines))
    reads: list[Callable[[], object]] = [run.read_record, lambda: read_history(run.read_metrics())]
    for read in reads:
        with contextlib.suppress(DigitsmithError):
            read()
