"""What the studio tells of runs, and what it starts: trainings and evaluations in processes of their own."""

import asyncio
import http.client
import json
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import digitsmith
from conftest import refused
from digitsmith.config.loading import describe_keys, load_config
from digitsmith.errors import ConfigError, DataError, DependencyError, OutputError, RunError
from digitsmith.records.run import Run
from digitsmith.records.studio import RunStory, Wish
from digitsmith.studio import workshop
from digitsmith.studio.judgement import judge
from digitsmith.studio.knobs import offered_presets
from digitsmith.studio.shelf import Shelf, key_of
from digitsmith.training.gans import folder as training_folder
from studios import Running, running

fastapi = pytest.importorskip("fastapi", reason="needs the extra studio")


@pytest.fixture
def shelf(micro_run: Run, tmp_path: Path) -> Shelf:
    """A finished run, one that was killed, and what is none."""
    runs = tmp_path / "runs"
    for name in ("whole", "killed"):
        shutil.copytree(micro_run.folder, runs / name)
    set_state(runs / "killed", "training")
    (runs / "none").mkdir()
    return Shelf(folder=runs)


@pytest.fixture(scope="module")
def evaluated_run(micro_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its evaluation."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(micro_run.folder, folder)
    digitsmith.evaluate(str(folder), progress=False).save(folder / "evaluation.json")
    return folder


def set_state(folder: Path, state: str) -> None:
    path = Run(folder).record
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": state}))


def told(shelf: Shelf) -> dict[str, Any]:
    return {Path(run.name).name: run for run in shelf.runs().runs}


def ask(port: int, path: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, given | ({} if text is None else {"content-type": "application/json"}))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if "json" in (answer.headers["content-type"] or "") else content


def settled(one: Running, key: str) -> dict[str, Any]:
    """A run of a studio, once nothing is done for it any more."""
    for _ in range(600):
        run = next(run for run in ask(one.port, "/runs.json")[1]["runs"] if run["key"] == key)
        if not run["job"]["running"]:
            return dict(run)
        time.sleep(0.1)
    raise AssertionError("it still runs")


def test_runs_are_told_as_they_are(shelf: Shelf) -> None:
    runs = told(shelf)
    assert set(runs) == {"whole", "killed"}
    assert (runs["whole"].state, runs["whole"].resumable, runs["whole"].epoch) == ("finished", False, 2)
    assert (runs["killed"].state, runs["killed"].resumable) == ("killed", True)
    killed = Run(Path(runs["killed"].name))
    with training_folder.locked(killed.folder):  # someone trains there
        assert (told(shelf)["killed"].state, told(shelf)["killed"].resumable) == ("training", False)
    with killed.metrics.open("a") as file:
        file.write('{"epoch": 3, "st')  # as a kill leaves it
    assert told(shelf)["killed"].resumable
    assert "resuming it mends" in told(shelf)["killed"].problem
    killed.config.write_text("no config")
    assert told(shelf)["killed"].state == "damaged"
    shutil.rmtree(killed.folder)
    assert set(told(shelf)) == {"whole"}
    with refused(RunError, "not there any more"):
        shelf.find(key_of(killed.folder))


def test_a_story_has_the_means_of_each_epoch_and_what_was_drawn(shelf: Shelf) -> None:
    key = told(shelf)["whole"].key
    story, run = shelf.story(key), shelf.find(key)
    lines = run.read_metrics()
    assert [row.epoch for row in story.epochs] == [1, 2]
    assert story.epochs[-1].seconds == lines[-1].seconds
    assert min(line.d_loss for line in lines) <= story.epochs[0].d_loss <= max(line.d_loss for line in lines)
    assert story.samples == (0, 1, 2)
    assert shelf.picture(key, 2) == run.sample(2).read_bytes()
    assert story.generator == "100 numbers → 24 → 32 → 784 pixels"
    run.sample(2).write_bytes(b"no picture")
    with refused(RunError, "no PNG"):
        shelf.picture(key, 2)


def test_the_knobs_are_the_configs_own() -> None:
    known = describe_keys()
    for preset in offered_presets():
        config = load_config(preset.name)
        assert {"optimizer.epochs", "optimizer.generator.lr"} <= {knob.key for knob in preset.knobs}
        for knob in preset.knobs:
            assert knob.meaning == known[knob.key]
            for limit in (knob.least, knob.most):
                if limit is not None and preset.name != "residual":  # whose keys must fit each other, too
                    load_config(preset.name, {knob.key: int(limit) if knob.whole else limit})
            if knob.least is not None:
                with pytest.raises(ConfigError):
                    load_config(preset.name, {knob.key: int(knob.least) - 1 if knob.whole else knob.least - 0.1})
            assert all(load_config(preset.name, {knob.key: choice}) for choice in knob.choices)
        assert config == load_config(preset.name, {knob.key: knob.value for knob in preset.knobs if knob.value})
    names = {preset.name: {knob.key for knob in preset.knobs} for preset in offered_presets()}
    assert "networks.generator.dropout" in names["gan"] - names["residual"]


def test_what_cannot_be_started_is_one_sentence(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def wish(**given: Any) -> Wish:
        return Wish.model_validate({"preset": "gan", "data": "digits", "name": "new"} | given)

    with refused(ConfigError, "epochs = 0", "changes"):
        workshop.train(shelf, wish(changes={"optimizer.epochs": 0}))
    with refused(DataError, "there is no folder nowhere: a path starts where the studio was started"):
        workshop.train(shelf, wish(data="nowhere"))
    with refused(OutputError, "exists: choose another name"):
        workshop.train(shelf, wish(name="whole"))
    for name in ("../out", ".hidden", "a/b", "", "x" * 65):
        with pytest.raises(ValueError, match="name"):
            wish(name=name)
    key = told(shelf)["whole"].key
    with refused(RunError, "cannot be resumed"):
        workshop.resume(shelf, key)
    with refused(RunError, "stop it where it was started"):
        workshop.stop(shelf, key)
    monkeypatch.setitem(sys.modules, "torch", None)
    offer = workshop.workshop(shelf)
    assert (offer.trains, "pip install" in offer.install) == (False, True)
    with refused(DependencyError, "training needs torch"):
        workshop.train(shelf, wish())


def test_a_page_that_is_closed_is_forgotten(shelf: Shelf) -> None:
    from starlette.requests import Request

    from digitsmith.studio.events import Streams

    streams = Streams(shelf)
    key = told(shelf)["whole"].key
    heard = []

    async def receive() -> dict[str, str]:
        while len(heard) < 3:
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        assert streams.open == 1
        if message.get("body"):
            heard.append(message["body"].decode())

    scope = {"type": "http"}
    asyncio.run(streams.answer(Request(scope, receive), [key, "0" * 16])(scope, receive, send))
    assert streams.open == 0
    assert [event.split("\n")[0] for event in heard] == ["event: runs", "event: story", "event: gone"]
    assert json.loads(heard[1].split("data: ")[1])["from"] == 0


def test_evaluations_are_compared_if_they_can_be(shelf: Shelf, evaluated_run: Path) -> None:
    other = evaluated_run.with_name("other")
    if not other.exists():
        shutil.copytree(evaluated_run, other)
    found = judge({"a" * 16: evaluated_run, "b" * 16: other})
    assert [run.name for run in found.runs] == [str(evaluated_run), str(other)]
    ratio = next(row for row in found.measures if row.title == "Fréchet distance ratio")
    assert (ratio.values[0], ratio.real) == (ratio.values[1], ("1.00 ×", "1.00 ×"))
    assert found.problem == ""
    assert found.runs[0].protocol["Features"] == "digitnet"
    result = json.loads((other / "evaluation.json").read_text())
    result["protocol"]["images"] += 1
    (other / "evaluation.json").write_text(json.dumps(result))
    assert "measured differently" in judge({"a" * 16: evaluated_run, "b" * 16: other}).problem
    shutil.rmtree(other)


def test_requests_name_keys_and_other_sites_start_nothing(shelf: Shelf) -> None:
    assert shelf.folder is not None
    key = told(shelf)["killed"].key
    wish = {"preset": "gan", "data": "digits", "name": "new"}
    with running("--runs", str(shelf.folder)) as one:
        assert ask(one.port, f"/runs/{key}.json")[1]["key"] == key
        assert RunStory.model_validate_json(json.dumps(ask(one.port, f"/runs/{key}.json")[1])).samples
        assert ask(one.port, f"/runs/{key}/real.png")[1][:4] == b"\x89PNG"
        assert ask(one.port, f"/runs/{key}/epoch-7.png")[0] == 409
        for path in ("/runs/..%2f..%2fx.json", f"/runs/{key}/../../x.json", "/runs/x.json", f"/runs/{key}/run.json"):
            assert ask(one.port, path)[0] in (404, 422), path
        missing = "0" * 16
        for method, path in (
            ("GET", f"{missing}.json"),
            ("POST", f"{missing}/resume"),
            ("POST", f"{missing}/evaluate"),
        ):
            assert ask(one.port, f"/runs/{path}", method)[0] == 404
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
            for path in ("/trainings", f"/runs/{key}/resume"):
                assert ask(one.port, path, "POST", wish, **headers)[0] == 403
        assert ask(one.port, f"/runs/{key}/resume")[0] in (404, 405)
        for bad in (
            {"name": "../x"}, {"data": "a\ud800"}, {"changes": {"run.seed": float("inf")}},
            {"changes": {"run.seed": "1\nrun.seed = 4"}},
        ):  # fmt: skip
            assert ask(one.port, "/trainings", "POST", wish | bad)[0] == 422, bad
        assert not (shelf.folder / "new").exists()
        status, page = ask(one.port, f"/report.html?run={key}")
        assert (status, page.rstrip()[-7:]) == (200, b"</html>")
        assert ask(one.port, f"/report.html?run={missing}")[0] == 404


@pytest.mark.slow
def test_a_training_that_cannot_save_when_it_is_stopped_says_so(shelf: Shelf) -> None:
    wish = Wish.model_validate({"preset": "gan", "data": "digits", "name": "full"})
    key = workshop.train(shelf, wish).key
    job = shelf.jobs.of(key)
    assert job is not None
    while not (shelf.folder / "full" / "checkpoint").exists() or not job.record().doing.startswith("training: "):
        assert job.running, job.record().problem
        time.sleep(0.1)
    resource.prlimit(job._process.pid, resource.RLIMIT_FSIZE, (1000, 1000))  # as a full disk
    assert shelf.jobs.end() == {key: False}
    assert "cannot write" in job.record().problem


@pytest.mark.slow
def test_a_full_disk_is_said_in_the_trainings_own_words(tmp_path: Path) -> None:
    with running(folder=tmp_path, largest_file=4096) as one:
        wish = {"preset": "cgan", "data": "digits", "name": "new", "changes": {"optimizer.epochs": 1}}
        status, started = ask(one.port, "/trainings", "POST", wish)
        assert (status, started["command"]) == (
            200, "digitsmith train cgan --data digits --out runs/new --set optimizer.epochs=1"
        )  # fmt: skip
        run = settled(one, started["key"])
        assert "cannot write runs/new" in run["problem"]
        assert "File too large" in run["problem"]
        shutil.rmtree(tmp_path / "runs" / "new")
        assert ask(one.port, "/runs.json")[1]["runs"] == []  # gone, not one that did not start
