"""The page on runs and results: what it says, that it holds all it shows, and how a real browser finds it."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from PIL import Image
from rich.console import Console

from browsers import browsing
from digitsmith.config.loading import load_config
from digitsmith.errors import DigitsmithError, OutputError, ResultError, RunError
from digitsmith.figures.curves import KINDS, draw_curves
from digitsmith.figures.history import read_history
from digitsmith.figures.run import draw_figures
from digitsmith.records.base import Versions
from digitsmith.records.evaluation import (
    ClassRow,
    Collapse,
    Confusion,
    Evaluation,
    Measure,
    Protocol,
    ReferenceRecord,
)
from digitsmith.records.run import MetricsLine, Run
from digitsmith.records.study import Arm, ClassifierRecord, Study, StudyProtocol
from digitsmith.report.formatting import amount, amount_and_error
from digitsmith.report.page import write_report
from digitsmith.report.terminal import show_evaluation
from digitsmith.training.gans import folder

DIGITS = tuple("0123456789")
REFERENCE = ReferenceRecord(source="mnist", split="train", sha256="4" * 64)
HELD_OUT = ReferenceRecord(source="mnist", split="test", sha256="3" * 64)
VERSIONS = Versions(digitsmith="0.1.0", python="3.11.7", libraries={"numpy": "2.4.6"})


def measure(key: str, group: Any, value: float, real: float, **more: Any) -> Measure:
    given = {"title": f"Title of {key}", "better": "up", "verdict": "good", "meaning": f"Meaning of {key}."}
    return Measure(key=key, group=group, value=value, real=real, **(given | more))


def evaluation(**changes: Any) -> Evaluation:
    png = io.BytesIO()
    Image.new("L", (302, 302), 40).save(png, format="PNG")
    picture = base64.b64encode(png.getvalue()).decode()
    counts = [[100 - 11 * row if row == column else 11 * row // 9 for column in range(10)] for row in range(10)]
    given: dict[str, Any] = {
        "subject": "made",
        "subject_kind": "data",
        "subject_sha256": "5" * 64,
        "reference": REFERENCE,
        "held_out": HELD_OUT,
        "protocol": Protocol(
            images=1000,
            seed=7,
            features="digitnet",
            features_sha256="f" * 64,
            digitnet_sha256="d" * 64,
            scale=1,
            versions=VERSIONS,
        ),
        "measures": (
            measure("frechet_ratio", "fidelity", 7.25, 1.0, unit="x", better="down", verdict="weak"),
            measure("kid", "fidelity", 0.0051, 0.0001, better="down", error=0.0004, verdict="fails"),
            measure("coverage", "diversity", 0.876, 0.962, unit="%"),
            measure("recognisable", "readability", 0.95, 0.99, unit="%"),
            measure("agreement", "readability", 0.971, 0.997, unit="%"),
            measure("nearest_training", "memorisation", 0.84, 1.0, unit="x", better="near"),
        ),
        "collapse": Collapse(collapsed=False, reasons=()),
        "classes": tuple(ClassRow(name=d, share=0.1, real_share=0.1, spread=None) for d in DIGITS),
        "confusion": Confusion(
            labels=DIGITS, digits=DIGITS, counts=counts, agreement=[0.5] * 10, real_agreement=[None, *[0.9] * 9]
        ),
        "notes": ("A note.",),
        "skipped": {"this": "Not measured, because."},
        "pictures": dict.fromkeys(("generated", "real", "hardest", "closest_pairs"), picture),
    }
    return Evaluation(**(given | changes))


def saved(result: Evaluation | Study, name: str = "result.json") -> Path:
    result.save(Path(name))
    return Path(name)


@pytest.fixture
def run(micro_run: Run, tmp_path: Path) -> Run:
    """A run that a test may write into, with an evaluation of its model."""
    folder = shutil.copytree(micro_run.folder, tmp_path / "first")
    sha256 = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    evaluation(subject=str(folder), subject_kind="model", subject_sha256=sha256).save(folder / "evaluation.json")
    return Run(folder)


class Page(HTMLParser):
    """What is on a page: its text, and all attributes of each tag."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(*subjects: Path) -> Page:
    return Page(write_report(subjects, Path("report.html")))


def test_every_measure_is_there_beside_its_real_value() -> None:
    result = evaluation()
    text = page(saved(result)).text
    for found in result.measures:
        value, _, error = amount_and_error(found).partition(" ± ")
        word = {"good": "✓ good", "weak": "~ weak", "fails": "✗ fails"}[found.verdict]
        numbers = f"{value}{f' ± {error}' if error else ''} {amount(found, found.real)} {word}"
        assert f"{found.title} {numbers} {found.meaning}" in text
    assert "Better: higher" in text
    assert "Best: as real" in text
    for said in ("A note.", "Not measured, because.", "95.0 %", "No collapse", "1,000 images", "mnist:test"):
        assert said in text
    for protocol in ("f" * 64, "5" * 64, "numpy 2.4.6", "Seed 7"):
        assert protocol in text
    assert "digitsmith evaluate made --reference mnist:train --count 1000 --seed 7" in text


def test_a_run_shows_its_training_and_its_evaluation(run: Run) -> None:
    seen = page(run.folder)
    for said in (
        "first",
        "digits: 1,438 images of 28x28, 10 classes",
        "generator 24 → 32; discriminator 32 → 24",
        "2 epochs",
        "Losses. Last: discriminator",
        "Equilibrium. Last: D(x), real images",
        "7.25 ×",
        "optimizer.generator.lr",
        "digitsmith train cgan",
    ):
        assert said in seen.text
    assert "has changed since it was evaluated" not in seen.text
    kinds = [str(attributes["src"]).split(";")[0] for tag, attributes in seen.tags if tag == "img"]
    assert kinds.count("data:image/svg+xml") == 2
    assert kinds.count("data:image/gif") == 1


def test_a_collapse_is_told_with_its_reasons() -> None:
    collapse = Collapse(collapsed=True, reasons=("68% of the images of 1 are near-duplicates.",))
    text = page(saved(evaluation(collapse=collapse))).text
    assert "Collapsed Mode collapse. The images fall into fewer kinds than real ones." in text
    assert "68% of the images of 1 are near-duplicates." in text


def test_a_run_without_evaluation_says_how_to_get_one(run: Run) -> None:
    (run.folder / "evaluation.json").unlink()
    assert "first is not in this table" in page(run.folder, saved(evaluation())).text
    text = page(run.folder).text
    assert f"digitsmith evaluate {run.folder}" in text
    assert "Generated, after the last epoch." in text
    assert "Measures" not in text


def test_a_run_that_has_only_begun_is_shown(run: Run) -> None:
    shutil.rmtree(run.figures)
    run.metrics.unlink()
    (run.folder / "evaluation.json").unlink()
    assert "Planned 2 epochs" in page(run.folder).text


def test_an_evaluation_of_an_earlier_model_is_marked(run: Run) -> None:
    run.model.write_bytes(b"another")
    assert "has changed since it was evaluated" in page(run.folder).text
    os.truncate(run.model, 2**29)  # of zeros, which take no place on the disk
    with pytest.raises(RunError, match=r"model\.onnx cannot be read \(it has more than"):
        write_report(run.folder)


def test_several_are_compared(run: Run) -> None:
    other = shutil.copytree(run.folder, Path("other"))
    (other / "config.toml").write_text(run.config.read_text().replace("epochs = 2", "epochs = 9"))
    result = saved(evaluation(measures=evaluation().measures[:4]))
    seen = page(run.folder, other, result)
    assert "Title of coverage Better: higher 96.2 % 87.6 % ✓ good 87.6 % ✓ good 87.6 % ✓ good" in seen.text
    assert "Title of agreement Better: higher 99.7 % 97.1 % ✓ good 97.1 % ✓ good not measured" in seen.text
    assert "Mode collapse ✓ no ✓ no ✓ no" in seen.text
    assert "Setting first other optimizer.epochs 2 9" in seen.text
    links = {attributes.get("href") for tag, attributes in seen.tags if tag == "a"}
    assert links == {f"#{attributes['id']}" for _, attributes in seen.tags if "id" in attributes}


def test_runs_of_two_architectures_are_compared(run: Run) -> None:
    other = Run(Path(shutil.copytree(run.folder, Path("other"))))
    folder.write_config(other, load_config("residual"))
    seen = page(run.folder, other.folder)
    assert "networks.architecture fully-connected residual" in seen.text
    assert "networks.generator.dropout 0.0 -" in seen.text
    assert "optimizer.epochs 2 -" in seen.text  # what is left open


def test_what_was_measured_differently_is_not_compared() -> None:
    here = saved(evaluation())
    there = saved(evaluation(protocol=evaluation().protocol.model_copy(update={"images": 999})), "other.json")
    with pytest.raises(ResultError, match="images: 1000 and 999"):
        write_report([here, there], Path("report.html"))
    assert not Path("report.html").exists()


def test_a_study_is_a_table_of_its_arms() -> None:
    arms = (
        Arm(key="trtr", title="Train on real, test on real", train_on="real", test_on="real", images=60000,
            accuracies=[0.99, 0.992], mean=0.991, deviation=0.0014),
        Arm(key="tstr", title="Train on synthetic, test on real", train_on="generated", test_on="real", images=60000,
            accuracies=[0.96, 0.961], mean=0.9605, deviation=0.0007, difference=-0.0305, difference_error=0.0005),
    )  # fmt: skip
    classifier = ClassifierRecord(
        layers=((32, 2), (64, 1)), epochs=10, batch_size=128, lr=0.003, weight_decay=0.02, rotation=12, scale=0.12,
        shift=0.07, shear=0.15,
    )  # fmt: skip
    protocol = StudyProtocol(
        images=60000, test_images=10000, seeds=2, classifier=classifier, min_confidence=0.9, digitnet_sha256="d" * 64,
        versions=VERSIONS,
    )  # fmt: skip
    study = Study(
        subject="made", subject_sha256="0", reference=REFERENCE, held_out=HELD_OUT, protocol=protocol, arms=arms
    )
    text = page(saved(study)).text
    assert "Usefulness: train on synthetic, test on real (TSTR)" in text
    assert "Train on real, test on real 60,000 99.10 ± 0.14 %" in text
    assert "Train on synthetic, test on real 60,000 96.05 ± 0.07 % -3.05 ± 0.05 %" in text
    assert "Seeds 2" in text
    assert "layers 32 (stride 2), 64 (stride 1), epochs 10, batch size 128" in text
    assert "Measures" in page(saved(study), saved(evaluation(), "b.json")).text


def test_names_are_text_and_never_markup(run: Run) -> None:
    name = """<script>alert("1")</script>&'"""
    folder = run.folder.rename(run.folder.with_name("<img src=x>&'"))
    odd = evaluation(subject=name, notes=(name,))
    seen = page(folder, saved(odd))
    assert {tag for tag, _ in seen.tags}.isdisjoint({"script"})
    assert all(str(a["src"]).startswith("data:") for tag, a in seen.tags if tag == "img")
    assert name in seen.text


def test_names_are_no_tex_and_turn_nothing_around(run: Run) -> None:
    names = ["r$\\frac$", "_hidden", "g$\\x$", "a[b]\u202e"]
    runs = [Run(Path(shutil.copytree(run.folder, name))) for name in names]
    source = page(*(run.folder for run in runs)).source
    assert "\u202e" not in source
    assert {"r$\\frac$", "a[b]\\u202e"} <= set(source.replace("<", " ").replace(">", " ").split())
    with mpl.rc_context({"text.usetex": True}):  # a user's own choice, for text of their own
        figure = draw_curves(KINDS["losses"], dict.fromkeys(names, read_history(run.read_metrics())), (5, 3))
    assert figure is not None
    shown = [text.get_text().strip() for text in figure.legends[0].get_texts()]
    assert shown[:4] == ["r$\\frac$", "_hidden", "g$\\x$", "a[b]\\u202e"]
    figure.savefig(io.BytesIO(), format="svg")
    draw_figures(runs[0])


def test_results_are_no_markup_and_no_escapes_in_a_terminal() -> None:
    name = "[bold]x[/b]:skull:\x1b]0;TITLE\x07\x9b2J\u202e"
    reference = REFERENCE.model_copy(update={"source": name})
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=500)
    first = measure("kid", "fidelity", 1.0, 1.0, title=name)
    show_evaluation(evaluation(subject=name, notes=(name,), reference=reference, measures=(first,)), console)
    assert written.getvalue().count("[bold]x[/b]:skull:\\x1b]0;TITLE\\x07\\x9b2J\\u202e") == 4
    assert re.sub(r"\x1b\[[0-9;]*m|\n", "", written.getvalue()).isprintable()


def test_the_page_holds_all_it_shows(run: Run) -> None:
    seen = page(run.folder, saved(evaluation()))
    for tag, attributes in seen.tags:
        assert tag not in ("script", "iframe", "object", "embed", "audio", "video")
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert str(attributes.get("href", "#")).startswith(("#", "data:"))
        assert tag != "img" or attributes["alt"]
    assert "url(" not in seen.source
    assert "@import" not in seen.source


def test_the_same_files_make_the_same_page(run: Run) -> None:
    assert page(run.folder).source == page(run.folder).source


def metrics(**values: float) -> MetricsLine:
    given = dict.fromkeys(MetricsLine.model_fields, 1) | {"frechet_distance": None, "frechet_floor": None}
    return MetricsLine.model_validate(given | {"g_loss": 2.0, "d_real": 0.5, "d_fake": 0.5} | values)


def test_quality_is_drawn_where_it_was_measured() -> None:
    lines = [
        metrics(epoch=1, step=10),
        metrics(epoch=1, step=15, d_loss=4.0, frechet_distance=6.0, frechet_floor=2.0),
        metrics(epoch=2, step=30),
    ]
    history = read_history(lines)
    assert [part.tolist() for part in history["frechet_ratio"]] == [[1], [3]]
    assert [part.tolist() for part in history["d_loss"]] == [[1, 2], [2, 1]]  # (10 x 1 + 5 x 4) / 15
    assert draw_curves(KINDS["quality"], {"a": history}, (4, 3)) is not None
    assert draw_curves(KINDS["quality"], {"a": read_history(lines[2:])}, (4, 3)) is None


def write(path: str, text: str) -> Path:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def test_what_cannot_be_shown_is_refused_with_the_mend(run: Run) -> None:
    refused: list[tuple[Path, type[DigitsmithError], str]] = [
        (Path("nowhere"), ResultError, "there is no file or folder nowhere"),
        (write("notes/a.txt", "").parent, ResultError, "notes is no run folder"),
        (write("broken.json", "{"), ResultError, "broken.json cannot be read"),
        (write("bare/config.toml", run.config.read_text()).parent, RunError, "bare holds no run: it has no run.json"),
        (write("older.json", '{"kind": "evaluation"}'), ResultError, "another version of Digitsmith"),
    ]
    for path, kind, message in refused:
        with pytest.raises(kind, match=message):
            write_report([path], Path("report.html"))
    with pytest.raises(ResultError, match="give a run folder"):
        write_report([], Path("report.html"))
    with run.metrics.open("a") as file:
        file.write('{"epoch": 3, "st')
    with pytest.raises(RunError, match=r"metrics.jsonl cannot be read.*resuming it mends"):
        write_report([run.folder], Path("report.html"))


def test_a_place_that_cannot_be_written_is_refused() -> None:
    result = saved(evaluation())
    Path("folder").mkdir()
    for out in (Path("folder"), result / "report.html", result):
        with pytest.raises(OutputError, match=str(out)):
            write_report([result], out)
    assert json.loads(result.read_text())["kind"] == "evaluation"


def cli(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"{before}\nfrom digitsmith.cli import main\nmain()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


@pytest.mark.slow
def test_the_command_says_where_the_page_is_and_what_is_next(run: Run) -> None:
    done = cli("report", str(run.folder))
    assert done.returncode == 0, done.stderr
    assert str(run.folder / "report.html") in done.stdout
    assert (run.folder / "report.html").is_file()
    (run.folder / "evaluation.json").unlink()
    done = cli("report", str(run.folder), str(saved(evaluation())))
    assert f"digitsmith evaluate {run.folder}" in done.stdout
    assert Path("report.html").is_file()
    done = cli("report", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("digitsmith: there is no file or folder nowhere")


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_without_its_libraries_the_command_says_what_to_install(missing: str) -> None:
    done = cli("report", "run", before=f"import sys; sys.modules[{missing!r}] = None")
    assert done.returncode == 2
    assert "pip install '.[report]' in " in done.stderr


CONTRAST = """() => {
const parse = colour => colour.match(/[\\d.]+/g).map(Number);
const light = rgb => rgb.slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const paper = parse(getComputedStyle(document.body).backgroundColor);
return Math.min(...[...document.querySelectorAll('.verdict, .confusion td')].map(cell => {
  const [r, g, b, alpha = 1] = parse(getComputedStyle(cell).backgroundColor);
  const [a, c] = [light([r, g, b].map((v, i) => v * alpha + paper[i] * (1 - alpha))),
                  light(parse(getComputedStyle(cell).color))];
  return (Math.max(a, c) + .05) / (Math.min(a, c) + .05);
}));
}"""
"""The least contrast of the text in coloured cells, as WCAG defines it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as one:
        yield one


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_all_of_it(browser: Any, run: Run, width: int, height: int, scheme: str) -> None:
    other = shutil.copytree(run.folder, Path("another-run-with-a-rather-long-name"))
    single = write_report([run.folder], Path("single.html"))
    several = write_report([run.folder, other, saved(evaluation())], Path("several.html"))
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=2, is_mobile=width < 500, color_scheme=scheme
    )
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in (single, several):
        page.goto(path.resolve().as_uri())
        whole = "[...document.images].map(image => image.complete && image.naturalWidth > 0)"
        assert all(page.evaluate(whole))
        assert len(page.evaluate(whole)) >= 8
        assert page.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
        assert page.evaluate(CONTRAST) >= 4.5
        hidden = "document.querySelector('details table').checkVisibility({contentVisibilityAuto: true})"
        shown = "document.querySelector('details table').getBoundingClientRect().height > 100"
        assert not page.evaluate(hidden)
        page.emulate_media(media="print")
        assert page.evaluate(shown)
        page.emulate_media(media="screen")
    assert said == []
    context.close()
