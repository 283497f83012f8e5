"""The pages of the studio in a real browser: what users do there, and what they get."""

import functools
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import digitsmith
from browsers import SECONDS, browsing, watched
from digitsmith.data.formats import idx
from digitsmith.data.images.grid import untile
from digitsmith.studio.catalogue import studio
from digitsmith.studio.export import export_site
from studios import Running, running
from tiny_models import a_model

pytest.importorskip("fastapi", reason="needs the extra studio")

THREE = [(0.32, 0.25), (0.5, 0.18), (0.66, 0.28), (0.62, 0.42), (0.46, 0.48), (0.64, 0.54), (0.7, 0.7), (0.55, 0.82),
         (0.33, 0.77)]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio that offers the model in the box, and then one of ours."""
    own = tmp_path_factory.mktemp("models") / "tiny colours.onnx"
    own.write_bytes(a_model(classes=(), channels=3, image_size=(12, 20), z_distribution="uniform").content)
    with running("mnist", str(own)) as one:
        yield one


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must say nothing on the console, and load nothing from elsewhere."""
    with watched(browser) as one:
        yield one


def made(page: Any, count: int) -> Any:
    """Wait until so many digits are on the sheet."""
    page.locator(f"#grid[data-made='{count}']").wait_for()
    return page


def saved(page: Any, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return Path(download.value.path()).read_bytes()


def draw(page: Any, points: list[tuple[float, float]]) -> None:
    pad = page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def levels_apart(one: Any, other: Any) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.slow
def test_what_is_saved_is_what_the_command_line_makes(page: Any, served: Running, tmp_path: Path) -> None:
    page.goto(served.address)
    made(page, 100)
    page.get_by_label("Seed", exact=True).fill("9007199254740993")  # more than a JavaScript number holds
    page.get_by_label("How many").fill("260")  # more than a block
    page.get_by_role("button", name="None", exact=True).click()
    for digit in "37":
        page.get_by_role("checkbox", name=digit, exact=True).check()
    made(page, 260)
    assert page.evaluate("crossOriginIsolated")  # which lets the runtime have threads
    command = page.locator("#command").text_content()
    assert command == "digitsmith generate made --count 260 --seed 9007199254740993 --labels 3,7"
    expected = digitsmith.load_dataset(
        digitsmith.generate(tmp_path / "cli", 260, seed=9007199254740993, labels=["3", "7"], progress=False)
    )
    with zipfile.ZipFile(io.BytesIO(saved(page, "Save a ZIP: IDX files"))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "idx")
    for name in ("train-labels-idx1-ubyte",):
        assert (tmp_path / "idx" / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()
    images = idx.read_images(tmp_path / "idx/train-images-idx3-ubyte", 3)
    assert levels_apart(images, expected.images) <= 1
    records = [json.loads((tmp_path / folder / "dataset.json").read_text()) for folder in ("idx", "cli")]
    assert records[0]["generated"].items() <= records[1]["generated"].items()
    assert records[0]["classes"] == records[1]["classes"]
    with zipfile.ZipFile(io.BytesIO(saved(page, "Save a ZIP: PNG folders"))) as archive:
        archive.extractall(tmp_path / "png")
    read = digitsmith.load_dataset(tmp_path / "png")
    assert len(read) == 260
    first = np.asarray(Image.open(tmp_path / "png/train/3/00000000.png"))
    np.testing.assert_array_equal(first, images[0])
    sheet = np.asarray(Image.open(io.BytesIO(saved(page, "Save a PNG sheet"))))
    tiles = untile(sheet[::2, ::2], (28, 28)).reshape(-1, 28, 28)[:260]
    np.testing.assert_array_equal(tiles, images)


@pytest.mark.slow
def test_styles_strokes_and_other_models(page: Any, served: Running, tmp_path: Path) -> None:
    page.goto(served.address)
    made(page, 100)
    plain = page.locator("#grid").evaluate("canvas => canvas.toDataURL()")
    page.locator("#style").select_option("4")
    page.get_by_text("without the chosen style and stroke").wait_for()
    page.locator("#stroke").evaluate(
        "slider => { slider.value = 1; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.get_by_text("heavier by 1").wait_for()
    page.get_by_label("How many").fill("20")
    made(page, 20)
    assert page.locator("#grid").evaluate("canvas => canvas.toDataURL()") != plain
    with zipfile.ZipFile(io.BytesIO(saved(page, "Save a ZIP: IDX files"))) as archive:
        archive.extractall(tmp_path / "heavy")
    heavy = digitsmith.load_dataset(tmp_path / "heavy")  # no seed makes them: the record says nothing
    assert json.loads((tmp_path / "heavy/dataset.json").read_text())["generated"] is None
    assert digitsmith.load_reader().read(heavy.images).accepted.mean() > 0.5
    assert heavy.images.mean() > digitsmith.load().sample(heavy.labels).mean() * 1.2

    page.locator("#model").select_option(index=1)  # in colour, without classes
    page.get_by_text("12 × 20 pixels, colour, trained on scans").wait_for()
    made(page, 20)
    for hidden in ("#classes", "#style-field", "#stroke-field", "#write"):
        assert page.locator(hidden).is_hidden()
    with zipfile.ZipFile(io.BytesIO(saved(page, "Save a ZIP: IDX files"))) as archive:
        archive.extractall(tmp_path / "colour")
    images = idx.read_images(tmp_path / "colour/train-images-idx4-ubyte", 4)
    name = page.locator("#model option").nth(1).text_content()
    assert levels_apart(images, digitsmith.load(Path(name)).sample(count=20)) <= 1


@pytest.mark.slow
def test_files_that_are_no_models_leave_all_as_it_was(page: Any, served: Running, tmp_path: Path) -> None:
    page.goto(served.address)
    made(page, 100)
    whole = digitsmith.load().content
    bad = {
        "text.onnx": (b"no model at all", "no ONNX file"),
        "cut.onnx": (whole[: len(whole) // 2], "cannot be used"),
        "reader.onnx": (digitsmith.load_reader().content, "a reader, which makes no digits"),
        "empty.onnx": (b"", "no model that Digitsmith exported"),
        "hollow.onnx": (whole.replace(b'"z_dim":64', b'"z_dim":-1'), "damaged"),
        "climbs.onnx": (whole.replace(b'["0","1",', b'["..","",'), "damaged"),
    }
    for name, (content, said) in bad.items():
        page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": content})
        problem = page.get_by_role("alert").get_by_text(f"{name} cannot be used").filter(has_text=said)
        problem.wait_for()
        assert page.locator("#model option").count() == 2
    page.get_by_label("Seed", exact=True).fill("1")
    page.get_by_text("--seed 1").wait_for()
    page.get_by_label("Seed", exact=True).fill("x")
    page.get_by_text("A whole number from 0 to").wait_for()
    page.get_by_label("How many").fill("10001")
    page.get_by_text("From 1 to 10,000").wait_for()
    assert page.get_by_role("button", name="Save a PNG sheet").is_disabled()
    page.get_by_label("Seed", exact=True).fill("3")
    page.get_by_label("How many").fill("7")
    made(page, 7)
    good = {"name": "mine.onnx", "mimeType": "", "buffer": a_model(classes=("a", "b")).content}
    page.locator("#file").set_input_files(good)
    page.get_by_text("digitsmith generate made --count 7 --seed 3 --model mine.onnx").wait_for()
    assert page.get_by_role("alert").is_hidden()
    page.get_by_label("Number", exact=True).fill("ab 1")
    page.get_by_text("The model has no 1.").wait_for()


@pytest.mark.slow
def test_from_one_digit_to_another_and_a_written_number(page: Any, served: Running) -> None:
    page.goto(served.address)
    made(page, 100)
    way = page.locator("#way[data-place]")
    way.wait_for()
    slider = page.get_by_label("On the way")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.locator("#way[data-place='0.53']").wait_for()
    ends = {}
    for end, key, place in (("from", "Home", 0), ("to", "End", 1)):
        page.keyboard.press(key)
        page.locator(f"#way[data-place='{place}']").wait_for()
        ends[end] = way.evaluate("canvas => canvas.toDataURL()")
    assert ends["from"] != ends["to"]
    number = page.locator("#written[aria-label='90210, written by hand']")
    number.wait_for()
    page.get_by_label("Number", exact=True).fill("31 415")
    page.locator("#written[aria-label='31 415, written by hand']").wait_for()
    picture = np.asarray(Image.open(io.BytesIO(saved(page, "Save a PNG"))))
    assert picture[0].min() == 255  # white paper
    columns = (picture < 128).any(0)
    assert 4 <= np.count_nonzero(np.diff(columns.astype(int)) == 1) <= 8  # strokes with gaps between them


@pytest.mark.slow
def test_a_drawing_is_read_and_compared(page: Any, served: Running) -> None:
    page.goto(f"{served.address}play.html")
    page.get_by_text("Draw a digit.").wait_for()
    draw(page, THREE)
    page.get_by_text("This is a 3:").wait_for()
    page.locator("#real > div").nth(5).wait_for()
    page.get_by_text("of 500 that it has made").wait_for()
    for strip in ("#real", "#generated"):
        labels = page.locator(f"{strip} > div").all_text_contents()
        assert labels.count("3") >= 4
    assert page.locator("#made-value").text_content().endswith("%")
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw a digit.").wait_for()
    page.locator("#pad").focus()  # a 1, by the keyboard alone
    page.keyboard.press(" ")
    for _ in range(22):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.get_by_text("This is a 1:").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Draw a digit.").wait_for()
    draw(page, [(0.1 + 0.8 * (i % 2), 0.12 + 0.07 * i) for i in range(12)])
    page.get_by_text("Refused:").wait_for()
    digits = page.locator("#game button")
    for i in range(5):
        digits.nth(i).click()
    page.get_by_role("button", name="Check").click()
    page.get_by_text("You found").wait_for()
    notes = page.locator("#game .note").all_text_contents()
    assert sorted(notes) == ["made"] * 5 + ["written"] * 5
    assert page.locator("#you-now").text_content() == f"{notes[:5].count('made')} of 5"
    page.get_by_role("button", name="New digits").click()
    page.get_by_text("Choose 5 digits").wait_for()


def test_an_exported_site_works_below_any_path(page: Any, tmp_path: Path) -> None:
    export_site(studio(), tmp_path / "web/below/this path")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/below/this%20path/")
        made(page, 100)
        page.get_by_role("link", name="Play").click()
        page.get_by_text("Draw a digit.").wait_for()
        page.get_by_role("button", name="Show one").click()
        page.get_by_text("This is a 3:").wait_for()
        page.get_by_role("link", name="Make").click()
        made(page, 100)
        server.shutdown()


@pytest.mark.parametrize("name", ["index.html", "play.html", "learn.html", "judge.html"])
@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(360, 740, "dark"), pytest.param(1280, 900, "light", marks=pytest.mark.slow)]
)
def test_pages_fit_and_are_accessible(
    browser: Any, served: Running, name: str, width: int, height: int, scheme: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "bypass_csp": True}
    with watched(browser, **options) as page:
        page.add_init_script(
            "window.shifted = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) "
            "if (!entry.hadRecentInput) shifted += entry.value; }).observe({type: 'layout-shift', buffered: true});"
        )
        page.goto(served.address + name)
        if name == "index.html":
            made(page, 100)
            page.locator("#way[data-place]").wait_for()
            page.locator("#written[aria-label='90210, written by hand']").wait_for()
        elif name == "learn.html":
            page.locator("#train summary").click()
            page.locator("#knobs input").first.wait_for()
        elif name == "judge.html":
            page.get_by_text("There is no run yet.").wait_for()
        else:
            page.get_by_text("Draw a digit.").wait_for()
            page.get_by_role("button", name="Show one").click()
            page.get_by_text("This is a 3:").wait_for()
            page.locator("#game button").nth(9).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("shifted") < 0.05
        found = axe.Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []


def test_a_browser_without_simd_is_told_so(page: Any, served: Running) -> None:
    page.add_init_script("WebAssembly.validate = () => false")
    for name in ("", "play.html"):
        page.goto(served.address + name)
        page.get_by_role("alert").get_by_text("no WebAssembly with SIMD").wait_for()


def test_a_studio_that_was_ended_is_said(browser: Any) -> None:
    with running() as one:
        context = browser.new_context()
        page = context.new_page()
        page.goto(one.address)
        page.route("**/studio.json", lambda route: route.abort())
        page.reload()
        page.get_by_role("alert").get_by_text("is the studio still running?").wait_for(timeout=SECONDS * 1000)
        context.close()
