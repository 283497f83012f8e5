"""Text that strangers choose: names, paths and records are shown as text, whatever is in them, on whatever stream."""

import errno
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

import digitsmith
from conftest import micro, refused
from digitsmith import errors, progress, streams
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.errors import OutputError
from digitsmith.progress import Bars, Lines
from digitsmith.records.results import load_result
from digitsmith.records.run import Run
from digitsmith.report.commands import command

EVIL = "\x1b]0;PWNED\x07\x1b[31;7;9m\x9b2J\u202e[bold]$\\frac$:skull:"
"""A name that retitles a terminal, colours it, clears it, turns it around, and means something to Rich and to TeX."""

MAIN = """
import json, sys
from digitsmith.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as ended:
        print(f"<{ended.code or 0}>", flush=True)
"""
"""Runs several commands in one process, and prints the exit code of each."""


def on_a_terminal(commands: Sequence[Sequence[str]], **env: str) -> str:
    """All that commands write to a terminal, which is their stdout and stderr."""
    master, slave = pty.openpty()
    words = [sys.executable, "-c", MAIN, json.dumps(commands)]
    process = subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm-256color"} | env
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(master)
    process.wait()
    return shown.decode()


def require_harmless(shown: str) -> None:
    """Refuse what acts on a terminal, but for that with which Rich colours text and moves its bars."""
    assert "\x1b[31;7;9m" not in shown
    own = re.sub(r"\x1b\[[0-9;]*[mKA]|\x1b\[\?25[lh]|[\r\n\t]", "", shown)
    assert own.isprintable(), [c for c in own if not c.isprintable()]


@pytest.mark.slow
def test_no_command_passes_escapes_of_names_on_to_a_terminal(micro_run: Run, few: Path) -> None:
    shutil.copytree(micro_run.folder, EVIL)
    shutil.copytree(few, f"data-{EVIL}")
    Path(f"{EVIL}.onnx").write_text(EVIL)
    Path(f"{EVIL}.json").write_text(json.dumps({"kind": EVIL}))
    Path(f"{EVIL}.toml").write_text(f'"{EVIL.encode("unicode_escape").decode()}" = "{EVIL}"')
    Path(f"classes/{EVIL}").mkdir(parents=True)
    shutil.copy(micro_run.real, f"classes/{EVIL}/{EVIL}.png")
    tiny = ["--set", "generator.widths=[8]", "--set", "discriminator.widths=[8]", "--epochs", "1"]
    good = [
        ["data"],
        ["models"],
        ["generate", f"made-{EVIL}", "--count", "300", "--model", EVIL],
        ["train", "cgan", "--data", f"data-{EVIL}", "--out", f"new-{EVIL}", *tiny],
        ["evaluate", EVIL, "--count", "129"],
        ["evaluate", f"made-{EVIL}", "--count", "129", "--reference", "digits", "--json", f"result-{EVIL}"],
        ["report", EVIL, f"new-{EVIL}", "--out", f"report-{EVIL}"],
        ["export", EVIL, f"exported-{EVIL}"],
    ]
    train, generate, evaluate = ["train", "cgan"], ["generate", "a", "--count", "3"], ["evaluate", "mnist"]
    bad = [
        [EVIL], [f"--{EVIL}"], ["study", EVIL], ["models", EVIL], ["data", EVIL],
        ["train", EVIL], ["train", f"{EVIL}.toml"], ["train", "--resume", "--out", f"{EVIL}2"], [*train, EVIL],
        [*train, f"--{EVIL}"], [*train, "--set", EVIL], [*train, "--set", f"{EVIL}=1"], [*train, "--device", EVIL],
        [*train, "--set", f"epochs={EVIL}"], [*train, "--resize", EVIL], [*train, "--data", f"{EVIL}.npz"],
        [*train, "--data", "classes"], [*train, "--out", EVIL],
        ["generate", EVIL, "--count", "3"], ["generate", "a", "--count", EVIL], [*generate, "--labels", EVIL],
        [*generate, "--shard", EVIL], [*generate, "--format", EVIL], [*generate, "--model", f"{EVIL}2"],
        [*generate, "--model", f"{EVIL}.onnx"],
        ["evaluate", f"{EVIL}.onnx"], ["evaluate", f"{EVIL}.json"], [*evaluate, "--reference", EVIL],
        [*evaluate, "--json", EVIL], [*evaluate, "--features", EVIL],
        [*evaluate, "--inception-weights", EVIL, "--features", "inception"],
        ["report", f"{EVIL}.json"], ["report", f"{EVIL}2"], ["report", f"{EVIL}.toml"],
        ["export", f"{EVIL}2", "b"], ["study", "tstr", f"{EVIL}2"],
    ]  # fmt: skip
    shown = on_a_terminal([*good, *bad], DIGITSMITH_DATA_HOME=f"/tmp/{EVIL}")
    require_harmless(shown)
    codes = [int(code) for code in re.findall(r"^<(\d+)>\r$", shown, re.MULTILINE)]
    assert codes == [0] * len(good) + [2] * len(bad), shown
    assert "Traceback" not in shown
    assert "\\x1b]0;PWNED\\x07\\x1b[31;7;9m\\x9b2J\\u202e[bold]$\\frac$:skull:" in shown


@pytest.mark.parametrize(
    ("encoding", "word"), [("ascii:strict", "Frechet ex..."), ("latin-1", "Fréchet é×..."), ("cp1252", "Fréchet é×…")]
)
def test_an_encoding_degrades_signs_and_not_the_program(encoding: str, word: str) -> None:
    commands = [["models"], ["evaluate", "--help"], ["Fréchet é×…"]]
    words = [sys.executable, "-c", MAIN, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding})
    shown, told = (stream.decode(encoding.partition(":")[0]) for stream in (done.stdout, done.stderr))
    assert re.findall(r"<(\d)>", shown) == ["0", "0", "2"], told
    assert shown.count(word.partition(" ")[0]) >= 2
    assert f"No such command '{word}'" in told


def test_bars_are_drawn_in_any_encoding() -> None:
    for encoding in ("ascii", "latin-1", "cp437", "utf-8"):
        written = io.BytesIO()
        stream = streams.terminal(io.TextIOWrapper(written, encoding))
        bars = Bars(Console(file=stream, force_terminal=True, width=80))
        bars.update("träining ×", 1, 4, "loss 0.5 " * 20)
        bars._bars.refresh()
        bars.close()
        shown = written.getvalue().decode(encoding)
        assert "25%" in shown
        lines = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", shown).replace("\r", "\n").splitlines()
        assert max(map(len, lines)) <= 80, encoding


class Broken(io.StringIO):
    """A stream at whose other end there is nobody, or no space."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_progress_goes_on_without_its_terminal(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(number))
    for listener in (Bars(), Lines(every=0.0)):
        for done in range(3):
            listener.update("training", done, 2, "detail")
            listener.note("a note")
            time.sleep(0.12)  # that the thread which draws comes round
    monkeypatch.setattr(sys, "stderr", None)
    with progress.listening(True) as found:
        found.update("training", 1, 2)
        found.note("a note")


LIGHT = """
import sys
from digitsmith.cli import main
from digitsmith.training.gans import train
train.export_state = train.draw_figures = lambda *_: None
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_training_outlives_its_terminal(few: Path) -> None:
    master, slave = pty.openpty()
    small = ["--set", "generator.widths=[8]", "--set", "discriminator.widths=[8]", "--epochs", "60"]
    words = [sys.executable, "-c", LIGHT, "train", "cgan", "--data", str(few), "--out", "run", *small]
    process = subprocess.Popen(words, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    shown = b""
    while b"training" not in shown:
        shown += os.read(master, 4096)
    os.close(master)
    process.wait()
    assert Run(Path("run")).read_record().state == "finished"


STREAMS = """
digitsmith() { "$0" -m digitsmith.cli "$@"; }
digitsmith evaluate run --count 129 2>err >/dev/full; echo "$? $(cat err)"
digitsmith --help 2>err >/dev/full; echo "$? $(cat err)"
digitsmith read digits:test --json - --csv table 2>err >/dev/full; echo "$? $(tail -n 1 err) $(wc -l <table)"
digitsmith data 2>err | true; echo "${PIPESTATUS[0]} $(cat err)"
digitsmith generate made --count 3 2>/dev/full >out; echo "$? $(grep -c images out)"
digitsmith generate made --count 3 2>/dev/full >out; echo "$? $(cat out)"
digitsmith generate closed --count 3 >&- 2>&- <&-; echo "$?"
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, as Linux has")
def test_full_and_closed_streams_end_in_a_line_or_quietly(micro_run: Run) -> None:
    shutil.copytree(micro_run.folder, "run")
    done = subprocess.run(["bash", "-c", STREAMS, sys.executable], capture_output=True, text=True)
    full = "2 digitsmith: cannot write to the standard output: No space left on device."
    assert done.stdout.splitlines() == [full, full, f"{full} 360", "1 ", "0 1", "2 ", "0"]
    assert load_result(Path("run/evaluation.json")).subject == "run"
    assert formats.read(Path("closed"), "train").images.shape == (3, 28, 28)


# Names are text.


@pytest.mark.parametrize(
    "name", ["it's", "a b", "-x", "--out=/etc/passwd", "$(id)", "a\nb", EVIL, "r\udce9sum", "\\'\x01", "=ls"]
)
def test_suggested_commands_can_be_pasted(name: str) -> None:
    suggested = command("train", name, data=name, out=f"runs/{name}", set=(name, "b=1"), resume=True, json=None)
    assert suggested.isprintable()
    script = "digitsmith() { printf '%s\\0' \"$@\"; }\n" + suggested
    words = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    first, data, setting = name, ["--data", name], ["--set", name]
    if name.startswith("-"):
        first, data, setting = f"./{name}", [f"--data={name}"], [f"--set={name}"]
    expected = ["train", first, *data, "--out", f"runs/{name}", *setting, "--set", "b=1", "--resume"]
    assert [os.fsdecode(word) for word in words.split(b"\0")[:-1]] == expected


def test_paths_that_are_no_utf8_work_or_are_refused_in_a_line(micro_run: Run, few: Path) -> None:
    odd = os.fsdecode(b"r\xe9sum")
    run, data = shutil.copytree(micro_run.folder, odd), shutil.copytree(few, f"{odd}-data")
    digitsmith.generate(f"{odd}-made", 300, model=run, progress=False)
    record = formats.read_record(Path(f"{odd}-made"))
    assert record is not None
    assert record.generated is not None
    assert record.generated.model == "r\\udce9sum"
    result = digitsmith.evaluate(f"{odd}-made", "digits", count=129, progress=False)
    result.save(Path(run, "evaluation.json"))
    assert load_result(Path(run, "evaluation.json")).subject == "r\\udce9sum-made"
    page = digitsmith.write_report(run)
    assert "<title>r\\udce9sum " in page.read_text(encoding="utf-8")
    new = digitsmith.train("cgan", data, "new", changes=micro("cgan"), progress=False).run
    assert new.read_record().data.source == "r\\udce9sum-data"
    with refused(OutputError, "r.udce9sum-new has bytes that are no UTF-8"):
        digitsmith.train("cgan", few, f"{odd}-new", progress=False)
    assert not Path(f"{odd}-new").exists()


# What the program leaves and names elsewhere.

LOADED = """
import importlib, sys, time
importlib.import_module(sys.argv[1])
import digitsmith
digitsmith.load().sample([1])
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("first", ["digitsmith", "digitsmith.models.digitnet"])
def test_the_runtime_leaves_no_trace_of_its_own(first: str, tmp_path: Path) -> None:
    """Telemetry of ONNX Runtime makes a device id at its import."""
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    env = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", LOADED, first, "0"], env=env, check=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_runtime_looks_nothing_up(tmp_path: Path) -> None:
    """It would ten seconds after its import."""
    trace = ["strace", "-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg", "-o", "calls"]
    if not shutil.which("strace") or subprocess.run([*trace, "true"], capture_output=True).returncode:
        pytest.skip("needs strace: apt-get install strace")
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([*trace, sys.executable, "-c", LOADED, "digitsmith", "11"], env=env, check=True)
    assert "AF_INET" not in Path("calls").read_text()


def test_hints_name_what_can_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkout = Path(errors.__file__).parents[2]
    assert errors.install("parquet") == f"pip install '.[parquet]' in {checkout}"
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "site-packages" / "digitsmith" / "errors.py"))
    assert errors.install("parquet") == "pip install 'pyarrow>=15'"
    train = errors.install("train")
    assert "'torch>=" in train
    assert "digitsmith" not in train


def test_help_has_words_and_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = ["", "train", "generate", "evaluate", "report", "export", "models", "data", "study"]
    commands += ["study tstr", "study scarce", "study labels", "study classifiers", "study numbers", "learn", "read"]
    for width in (80, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        for words in commands:
            with pytest.raises(SystemExit):
                main([*words.split(), "--help"])
            shown = capsys.readouterr().out
            assert not re.search(r"<(str|path|int|float|list)|[{}]|x>=|pip install", shown, re.IGNORECASE), shown
            assert width < 80 or max(map(len, shown.splitlines())) <= 80
