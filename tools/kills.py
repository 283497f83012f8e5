"""Kill commands at random moments with SIGKILL, and see that nothing is lost, torn or left over.

    .venv/bin/python tools/kills.py 100

The commands take turns. Half of the kills come after a random time, half at a random one of a command's own changes to
files. After it, every file must be the old one or a new one, whole; and the same command, run again, must end well and
leave nothing but its results.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from PIL import Image
from safetensors.numpy import load_file

import digitsmith
from digitsmith.data import formats
from digitsmith.records.results import load_result
from digitsmith.records.run import Run
from digitsmith.records.studio import Catalogue
from digitsmith.studio.catalogue import STATIC

_MICRO = ["generator.widths=[24,32]", "discriminator.widths=[32,24]", "batch_size=64", "epochs=2"]
_TRAIN = ["train", "cgan", "--data", "few", *(f"--set={change}" for change in [*_MICRO, "checkpoint_seconds=0"])]
_WRITE = ["write", "made", "--pattern", "[17]#", "--wear", "off"]
_CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}  # as Python's audit events
_WRITES = {"open", "write", "flush", "close", "fsync", "replace", "rename"}  # functions, before and after whose call
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([
    "digitsmith.training.gans.train", "digitsmith.studies.scarce", "digitsmith.studies.classifiers",
    "digitsmith.studies.written_numbers", "torch._dynamo", "rich.console",
])  # fmt: skip


@dataclass
class Command:
    """One way to use the product, in a folder with `few`, a data set, and `run`, a finished run.

    Attributes:
        words: the command line.
        result: what it makes or replaces.
        check: raises if the result, which exists, is not whole.
        again: the command line of the next run where the result exists after a kill, if it is another.
    """

    words: list[str]
    result: str
    check: Callable[[Path], Any]
    again: list[str] | None = None
    is_done: Callable[[Path], bool] = lambda _: False  # then it is refused a second time
    length: tuple[float, int] = (0.0, 0)  # seconds and changes to files, when nobody kills it


def _holds(images: int) -> Callable[[Path], None]:
    def check(folder: Path) -> None:
        assert len(digitsmith.load_dataset(folder)) == images
        assert {"dataset.json", "preview.png"} <= {entry.name for entry in folder.iterdir()}

    return check


def _is_of_shards(folder: Path) -> None:
    """Complete, or to be resumed: each of its shards is whole."""
    for place in [folder] if (folder / "dataset.json").exists() else folder.glob("shard-*"):
        digitsmith.verify(place, progress=False)


def _is_of_numbers(folder: Path) -> None:
    assert (folder / "dataset.json").is_file()
    assert len(json.loads((folder / "coco.json").read_text(encoding="utf-8"))["images"]) == 100
    assert len((folder / "labels.txt").read_text(encoding="utf-8").splitlines()) == 100
    with lmdb.open(str(folder / "lmdb"), readonly=True, lock=False) as environment, environment.begin() as read:
        assert int(read.get(b"num-samples")) == 100
    for picture in ("preview.png", *(f"images/{i:08d}.png" for i in range(100))):
        _is_picture(folder / picture)


def _is_page(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def _is_site(folder: Path) -> None:
    catalogue = Catalogue.model_validate_json((folder / "studio.json").read_bytes())
    for model in (*catalogue.models, catalogue.reader, catalogue.detector):
        assert (folder / "models" / f"{model.key}.onnx").stat().st_size == model.bytes
    left_out = {"learn.html", "judge.html"}  # as there is no run
    assert all((folder / file.relative_to(STATIC)).exists() for file in STATIC.rglob("*") if file.name not in left_out)


def _is_picture(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


def _is_table(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) == 640 + 1


def _is_run(folder: Path) -> None:
    run = Run(folder)
    run.read_config()
    run.read_record()
    if run.checkpoint.exists():
        load_file(run.checkpoint)


def _is_reader(folder: Path) -> None:
    if not _is_learning(folder):
        digitsmith.load_reader(folder)
        load_result(folder / "learning.json")


def _is_learning(folder: Path) -> bool:
    return (folder / "plan.json").exists()


def _commands() -> dict[str, Command]:
    resume = ["train", "--resume", "--out", "new"]
    study = ["study", "tstr", "mnist", "--reference", "few", "--count", "80", "--seeds", "2", "--json", "study.json"]
    scarce = ["study", "scarce", "few", "--per-class", "2", "--seeds", "2", "--arms", "box", "--out", "scarce"]
    classifiers = ["study", "classifiers", "few", "--per-class", "2", "--seeds", "2", "--out", "classifiers"]
    shards = ["generate", "made", "--count", "2000", "--shards", "5"]
    numbers = ["study", "numbers", "few", "--seeds", "2", "--arms", "pasted", "--out", "numbers"]
    learn = ["learn", "reader", "--data", "few", "--generated", "none", "--epochs", "2"]
    commands = {
        "train": Command([*_TRAIN, "--out", "new"], "new", _is_run, resume),
        "train few labels": Command([*_TRAIN, "--per-class", "2", "--out", "new"], "new", _is_run, resume),
        "evaluate": Command(["evaluate", "run", "--count", "300"], "run/evaluation.json", load_result),
        "study": Command(study, "study.json", load_result),
        "study scarce": Command(scarce, "scarce", lambda folder: load_result(folder / "scarce.json")),
        "study classifiers": Command(
            classifiers, "classifiers", lambda folder: load_result(folder / "classifiers.json")
        ),
        "study numbers": Command(numbers, "numbers", lambda folder: load_result(folder / "numbers.json")),
        "learn": Command(learn, "reader", _is_reader, is_done=lambda folder: not _is_learning(folder)),
        "read": Command(["read", "few", "--csv", "answers.csv"], "answers.csv", _is_table),
        "write": Command([*_WRITE, "--count", "100", "--annotations", "labels,coco,lmdb"], "made", _is_of_numbers, []),
        "generate shards": Command(shards, "made", _is_of_shards, [*shards, "--resume"]),
        "data": Command(["data", "few", "--sheet", "few.png"], "few.png", _is_picture),
        "report": Command(["report", "run"], "run/report.html", _is_page),
        "studio": Command(["studio", "--export", "site"], "site", _is_site, []),
        "export": Command(["export", "run", "run/model.onnx"], "run/model.onnx", digitsmith.load),
    }
    for name in formats.FORMATS:
        words = ["generate", "made", "--count", "2000", "--format", name]
        commands[f"generate {name}"] = Command(words, "made", _holds(2000), [])
    return commands


def _act(words: list[str], work: Path, pipe: Any, changes: int) -> None:
    """Run a command line in this process, which kills itself at its change to files of that number, before or after."""
    os.chdir(work)
    for stream, path in ((1, "out"), (2, "err")):
        os.dup2(os.open(work.with_suffix(f".{path}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    import torch

    from digitsmith.cli import main
    from digitsmith.studies import classifiers, number_lines, tstr, written_numbers
    from digitsmith.training.readers import mixing

    torch.set_num_threads(1)
    tstr._LEAST_STEPS = 8  # how well a classifier learns is not what is looked at
    tstr.RECIPE = replace(tstr.RECIPE, epochs=1, batch_size=16)
    mixing.RECIPE = replace(mixing.RECIPE, epochs=1, layers=((8, 2), (8, 2)))
    mixing.MANY = replace(mixing.MANY, layers=mixing.RECIPE.layers)
    mixing.IMAGES, mixing.GENERATED, mixing.EPOCHS_WITH_UNLABELLED = 640, 100, 2
    classifiers.RECIPE, classifiers.EPOCHS = replace(classifiers.RECIPE, steps=4, batch_size=8), 0
    small = {"layers": ((4, 4),), "features": 4, "hidden": 4, "epochs": 1, "numbers": 16, "batch_size": 8}
    written_numbers.RECIPE = replace(written_numbers.RECIPE, **small)
    number_lines.TESTED, number_lines.LENGTHS = 8, (5,)
    counted = itertools.count()

    def count() -> None:
        if next(counted) == changes > 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        reads = event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event in _CHANGES and not reads and os.path.abspath(str(arguments[0])).startswith(f"{work}/"):  # noqa: PTH100
            count()
            sys.setprofile(profile)  # from the first file on

    def profile(_frame: Any, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and called.__name__ in _WRITES:
            count()

    sys.addaudithook(audit)
    pipe.send("ready")
    with contextlib.suppress(SystemExit):
        main(words)
    sys.setprofile(None)
    pipe.send(next(counted))


def _start(words: list[str], work: Path, changes: int = 0) -> tuple[BaseProcess, Any]:
    ours, theirs = _FORKS.Pipe()
    process = _FORKS.Process(target=_act, args=(words, work, theirs, changes))
    process.start()
    theirs.close()
    ours.recv()
    return process, ours


def _run(words: list[str], work: Path) -> tuple[float, int]:
    """Run a command line to its end; seconds and changes to files that it took."""
    started = time.monotonic()
    process, pipe = _start(words, work)
    try:
        changes = pipe.recv()
    except EOFError as error:
        raise AssertionError(work.with_suffix(".err").read_text()) from error
    process.join()
    return time.monotonic() - started, changes


def _finish(words: list[str], work: Path) -> tuple[float, int]:
    """The same of one that must end well."""
    length = _run(words, work)
    said = work.with_suffix(".err").read_text()
    assert "digitsmith: " not in said, said
    assert "Traceback" not in said, said
    return length


def _kill(command: Command, home: Path, work: Path, chance: random.Random) -> str:
    """Kill a command once, and run it again; raise if anything is wrong then."""
    shutil.copytree(home, work)
    result = work / command.result
    if command.words[0] in ("generate", "write") and chance.random() < 0.5:
        result.mkdir()  # an empty folder to fill
    seconds, changes = command.length
    before = _files(work)
    by_time = chance.random() < 0.5
    process, _ = _start(command.words, work, 0 if by_time else chance.randrange(1, changes))
    if by_time:
        time.sleep(chance.uniform(0, seconds))
        process.kill()
    process.join()

    after = _files(work)
    changed = [path for path in before if path != result and after.get(path) != before[path]]
    assert not changed, f"no longer as they were: {changed}"
    new = [path for path in after.keys() - before.keys() if not re.search(r"\.(partial|whole)(/|$)", str(path))]
    assert all(path.is_relative_to(result) for path in new), f"left: {new}"
    made = result in before or bool(new)
    if any(work.rglob("*.whole")):  # it was filling a folder that was there; the next run ends that, and is refused
        _run(command.words, work)
        made = True
    if made:
        command.check(result)
    words = command.again if made and command.again is not None else command.words
    if words and not (made and command.is_done(result)):
        _finish(words, work)
        command.check(result)
    over = [*work.rglob("*.partial"), *work.rglob("*.whole")]
    assert not over, f"left over: {over}"
    return "killed" if process.exitcode == -signal.SIGKILL else "ended before"


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> None:
    """Kill, count, and exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    counts: dict[str, dict[str, int]] = {}
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        _prepare(home)
        commands = _commands()
        for kill, (name, command) in zip(range(arguments.kills), itertools.cycle(commands.items()), strict=False):
            work = Path(folder) / f"{kill}"
            if not command.length[1]:
                shutil.copytree(home, work)
                command.length = _finish(command.words, work)
                shutil.rmtree(work)
            try:
                outcome = _kill(command, home, work, chance)
            except Exception as error:
                outcome, wrong = "wrong", wrong + 1
                print(f"kill {kill}, {name}: {type(error).__name__}: {error}", flush=True)
            counts.setdefault(name, {}).setdefault(outcome, 0)
            counts[name][outcome] += 1
            shutil.rmtree(work)
    print(json.dumps(counts, indent=1))
    print(f"{arguments.kills} kills, seed {arguments.seed}: {wrong} wrong")
    sys.exit(bool(wrong))


def _prepare(home: Path) -> None:
    """A data set of both splits, and a finished run that was evaluated, with its page."""
    home.mkdir()
    digits = digitsmith.load_dataset("digits")
    formats.write(digits.take(np.arange(640)), home / "few", "npz")
    formats.write(digits.take(np.arange(640, 1280)), home / "test", "npz", "test")
    (home / "test" / "test.npz").rename(home / "few" / "test.npz")
    shutil.rmtree(home / "test")
    for words in (
        [*_TRAIN, "--out", "run"],
        ["evaluate", "run", "--count", "300"],
        ["report", "run"],
    ):
        _finish(words, home)


if __name__ == "__main__":
    main()
