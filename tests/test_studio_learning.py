"""The pages Learn and Judge in a real browser: a training that is watched, recorded runs, evaluations."""

import functools
import http.server
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from browsers import browsing, watched
from digitsmith.records.run import Run
from digitsmith.studio.catalogue import studio
from digitsmith.studio.export import export_site
from studios import Running, running

pytest.importorskip("fastapi", reason="needs the extra studio")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as one:
        yield one


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must say nothing on the console, and load nothing from elsewhere."""
    with watched(browser, viewport={"width": 1280, "height": 900}) as one:
        yield one


@pytest.fixture(scope="module")
def place(micro_run: Run, micro_gan: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two recorded runs, of a conditional GAN and of another."""
    place = tmp_path_factory.mktemp("studio")
    for name, run in (("cgan", micro_run), ("gan", micro_gan)):
        shutil.copytree(run.folder, place / "runs" / name)
    return place


@pytest.fixture(scope="module")
def served(place: Path) -> Iterator[Running]:
    with running(folder=place) as one:
        yield one


def picture(page: Any, canvas: str) -> str:
    return str(page.locator(canvas).evaluate("canvas => canvas.toDataURL()"))


def shown(page: Any, epoch: int) -> None:
    """Wait until an epoch of the chosen run is on the page, and no other's."""
    chosen = "epoch => document.body.dataset.shown === `${document.getElementById('run').value} ${epoch}`"
    page.wait_for_function(chosen, arg=epoch)


def slide(page: Any, epoch: int) -> None:
    page.locator("#epoch").evaluate(
        "(slider, epoch) => { slider.value = epoch; slider.dispatchEvent(new Event('input', {bubbles: true})); }", epoch
    )
    shown(page, epoch)


def kill_trainings(of: Running) -> None:
    """Kill the processes that a studio started, as the system does when memory runs out."""
    children = Path(f"/proc/{of.process.pid}/task").glob("*/children")
    for process in {int(word) for path in children for word in path.read_text().split()}:
        os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes as Linux tells them")
def test_a_training_is_started_watched_stopped_resumed_and_killed(page: Any, tmp_path: Path) -> None:
    with running(folder=tmp_path) as one:
        page.goto(f"{one.address}learn.html")
        page.get_by_text("There is no run yet.").wait_for()
        page.locator("#train summary").click()
        page.get_by_label("Epochs", exact=True).fill("60")
        page.get_by_label("Batch size").fill("1000")  # one step an epoch
        command = page.locator("#command")
        assert command.text_content() == (
            "digitsmith train gan --data digits --out runs/run-1 --set optimizer.epochs=60 "
            "--set optimizer.batch_size=1000"
        )
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("Training. epoch").wait_for()
        page.locator("#first[data-epoch]").wait_for()
        before = picture(page, "#first")
        page.wait_for_function("epoch => Number(document.getElementById('first').dataset.epoch) >= epoch", arg=3)
        assert picture(page, "#first") != before
        assert re.search(r"Epoch \d+ of 60 · [\d,]+ images/s", page.locator("#epoch-value").text_content())
        page.get_by_role("button", name="Stop", exact=True).click()
        paused = page.get_by_text("Paused in epoch")
        paused.wait_for()
        done = int(re.findall(r"\d+", paused.text_content())[0])
        run = Run(tmp_path / "runs" / "run-1")
        assert run.read_record().state == "interrupted"
        page.get_by_role("button", name="Resume", exact=True).click()
        page.get_by_text("Training. epoch").wait_for()
        page.wait_for_function("done => Number(document.getElementById('epoch').max) > done", arg=done)
        kill_trainings(one)
        page.get_by_text("Its training was killed in epoch").wait_for()
        page.get_by_text("ended from outside (SIGKILL)").wait_for()
        page.get_by_role("button", name="Resume", exact=True).click()
        page.get_by_text("Training. epoch").wait_for()
        page.goto("about:blank")  # it goes on without its page, and the studio's end stops it
        assert one.interrupt() == 0
        assert one.process.stdout is not None
        assert "digitsmith train --resume --out runs/run-1" in one.process.stdout.read()
        assert run.read_record().state == "interrupted"


@pytest.mark.slow
def test_a_recorded_run_is_slid_through_beside_another(page: Any, served: Running, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "runs" / "gan", place / "runs" / "passing")
    asked: list[str] = []
    page.on("request", lambda request: request.url.endswith(".png") and asked.append(request.url))
    page.goto(f"{served.address}learn.html")
    page.locator("#run").select_option("runs/cgan")
    page.get_by_text("Finished: 2 epochs.").wait_for()
    shown(page, 2)
    seen = {2: (picture(page, "#first"), picture(page, "#fakes"), page.locator("#d-loss").text_content())}
    for epoch in (1, 0):
        slide(page, epoch)
        seen[epoch] = (picture(page, "#first"), picture(page, "#fakes"), page.locator("#d-loss").text_content())
    assert all(len({of[i] for of in seen.values()}) == 3 for i in range(3))
    page.get_by_text("Before the first step").wait_for()
    noise = picture(page, "#noise")
    page.locator("#first").press("ArrowRight")
    page.wait_for_function("noise => document.getElementById('noise').toDataURL() !== noise", arg=noise)
    page.locator("#other").select_option("runs/passing")
    page.get_by_text("Dashed: runs/passing.").wait_for()
    slide(page, 2)
    assert page.locator("#second[data-epoch='2']").count() == 1
    assert page.locator(".curve.second").count() == 4
    legend = page.locator(".legend").first.text_content()
    assert re.fullmatch(r"discriminator [\d.]+ and [\d.]+generator [\d.]+ and [\d.]+", legend)
    page.locator("#run").select_option("runs/passing")
    page.locator("#other").select_option("")
    shown(page, 2)
    assert asked
    assert len(asked) == len(set(asked))  # streams were opened anew, and each picture came once
    passing, moved = Run(place / "runs" / "passing"), Run(tmp_path / "moved")
    passing.folder.rename(moved.folder)  # at once, so that no picture of half a run is asked for
    page.get_by_text("This run is not there any more").wait_for()
    page.set_viewport_size({"width": 700, "height": 900})  # drawn again: what was loaded stays
    slide(page, 2)
    assert page.locator("#story").is_visible()
    before = picture(page, "#first")
    shutil.copy(moved.sample(0), moved.sample(2))
    record = moved.read_record()
    record.model_copy(update={"started": record.started + timedelta(seconds=1)}).save(moved.record)
    moved.folder.rename(passing.folder)  # another run in its place: its pictures are loaded
    page.wait_for_function("before => document.getElementById('first').toDataURL() !== before", arg=before)
    passing.folder.rename(moved.folder)
    page.get_by_text("This run is not there any more").wait_for()


@pytest.mark.slow
def test_a_run_is_judged_and_compared(page: Any, served: Running, place: Path) -> None:
    page.goto(f"{served.address}judge.html")
    report = page.frame_locator("#report")
    row = page.locator("#runs tbody tr", has_text="runs/cgan")
    row.get_by_role("button", name="Evaluate: runs/cgan").click()
    row.locator("progress").wait_for()
    page.locator("tr[data-state='evaluated']", has_text="runs/cgan").wait_for()
    for name in ("runs/cgan", "runs/gan"):
        box = page.get_by_label(f"Show {name}", exact=True)
        box.set_checked(name == "runs/cgan")
    report.get_by_role("heading", name="cgan").first.wait_for()
    report.get_by_text("Fréchet distance ratio").first.wait_for()
    shutil.copy(place / "runs/cgan/evaluation.json", place / "runs/gan/evaluation.json")
    page.get_by_label("Show runs/gan", exact=True).check()
    measures = page.locator("#measures")
    measures.get_by_text("Fréchet distance ratio").first.wait_for()
    columns = measures.locator("thead th").all_text_contents()[2:]
    assert sorted(columns) == ["runs/cgan", "runs/gan (its model has changed since)"]
    assert measures.get_by_text("digitnet", exact=True).count() == 2  # the protocol of each
    report.get_by_text("A comparison").first.wait_for()


def test_without_torch_the_page_says_what_to_install(page: Any, served: Running) -> None:
    def without(route: Any) -> None:
        offer = route.fetch().json() | {"trains": False, "install": "pip install torch"}
        route.fulfill(json=offer)

    page.route("**/workshop.json", without)
    page.goto(f"{served.address}learn.html")
    page.get_by_text("Training needs torch").wait_for()
    assert page.locator("#install").text_content() == "pip install torch"
    assert page.locator("#wish").is_hidden()


def test_an_exported_site_shows_recorded_runs_below_any_path(page: Any, place: Path, tmp_path: Path) -> None:
    export_site(studio([place / "runs" / "cgan"]), tmp_path / "web/below/this path")
    assert not (tmp_path / "web/below/this path/judge.html").exists()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/below/this%20path/learn.html")
        shown(page, 2)
        last = picture(page, "#first")
        slide(page, 0)
        assert picture(page, "#first") != last
        assert page.locator("#train").is_hidden()
        assert page.get_by_role("link", name="Judge").count() == 0
        page.get_by_role("link", name="Make").click()
        page.locator("#grid[data-made='100']").wait_for()
        server.shutdown()


@pytest.mark.slow
def test_pages_with_runs_fit_and_are_accessible(browser: Any, served: Running) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    for width, scheme in ((360, "dark"), (1280, "light")):
        options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
        with watched(browser, **options) as page:
            page.goto(f"{served.address}learn.html")
            shown(page, 2)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = axe.Axe().run(page).response["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []
