"""The studio as a folder of static files, for any web server."""

import shutil
from pathlib import Path

from digitsmith.files import staged_folder
from digitsmith.studio.catalogue import STATIC, Studio
from digitsmith.studio.shelf import Shelf


def export_site(studio: Studio, folder: str | Path) -> Path:
    """Write the studio into a new folder, whole or not at all. It works below any path, without a network.

    The runs that the user named are shown as they were recorded. What needs a server is left out: the page Judge, and,
    where there is no run, Learn.

    Raises:
        OutputError: the folder holds something already, or cannot be written.
        RunError, ConfigError: a run that cannot be read.
    """
    recorded = studio.shelf.recorded()
    left_out = {"judge.html"} if recorded.runs else {"judge.html", "learn.html"}
    with staged_folder(Path(folder)) as staged:
        shutil.copytree(STATIC, staged, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*left_out))
        for page in staged.glob("*.html"):
            lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not any(f'<a href="{name}">' in line for name in left_out)]
            page.write_text("".join(kept), encoding="utf-8")
        studio.catalogue.save(staged / "studio.json")
        (staged / "models").mkdir()
        for key, content in studio.contents.items():
            (staged / "models" / f"{key}.onnx").write_bytes(content)
        recorded.save(staged / "runs.json")
        for run in recorded.runs:
            _write_run(studio.shelf, run.key, staged / "runs")
    return Path(folder)


def _write_run(shelf: Shelf, key: str, runs: Path) -> None:
    """What the page Learn loads of a run."""
    story = shelf.story(key)
    (runs / key).mkdir(parents=True)
    story.save(runs / f"{key}.json")
    for epoch in story.samples:
        (runs / key / f"epoch-{epoch}.png").write_bytes(shelf.picture(key, epoch))
    if story.real:
        (runs / key / "real.png").write_bytes(shelf.picture(key, "real"))
