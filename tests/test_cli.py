"""The command line as users meet it: output, exit codes, messages.

Most tests call `main` in this process; those of imports, pipes and disks start one of their own.
"""

import inspect
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args

import pytest

import digitsmith
from digitsmith.cli import main
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.records.results import load_result
from digitsmith.records.run import Run

TINY = ["--set", "generator.widths=[16]", "--set", "discriminator.widths=[16]", "--epochs", "1"]

RUN_ALL = """
import contextlib, io, json, sys
from digitsmith.cli import main
def outcome(arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            return ended.code or 0, out.getvalue(), err.getvalue()
found = [outcome(arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([found, sorted(sys.modules)]))
"""
"""Runs several commands in one process, and tells what came of each, and which modules were loaded."""

WITHOUT_EXTRAS = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in (
            "torch", "matplotlib", "sklearn", "safetensors", "tensorboard", "pyarrow", "scipy", "cv2", "lmdb"
        ):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])
sys.meta_path.insert(0, Block())
"""


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


Runner = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    """Runs a command in this process."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return run


def run_all(*commands: list[str], before: str = "") -> tuple[list[Done], set[str]]:
    """Runs commands in one process of their own; also returns the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", before + RUN_ALL, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    found, modules = json.loads(done.stdout)
    return [Done(*one) for one in found], set(modules)


@pytest.fixture(scope="module")
def evaluation() -> digitsmith.Evaluation:
    return digitsmith.evaluate("mnist", count=300, progress=False)


@pytest.fixture
def evaluated(evaluation: digitsmith.Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every evaluation in this process is the same one, which takes no time."""
    monkeypatch.setattr("digitsmith.evaluation.evaluate.evaluate", lambda *_, **__: evaluation)


# What it takes.


@pytest.mark.slow
def test_the_light_install_is_enough() -> None:
    commands = [
        ["--help"], ["--version"], ["train", "--help"], ["models"], ["data"], ["generate", "made", "--count", "300"],
        ["generate", "pictures", "--count", "20", "--format", "png"], ["train", "--keys"], ["write", "--help"],
        ["evaluate", "mnist", "--count", "300", "--json", "result.json"], ["evaluate", "--help"],
        ["study", "tstr", "--help"],
    ]  # fmt: skip
    found, _ = run_all(*commands, before=WITHOUT_EXTRAS)
    assert [done.code for done in found] == [0] * len(commands), found
    assert all(done.stdout for done in found)


def test_what_needs_an_extra_says_what_to_install() -> None:
    commands = [["train", "cgan"], ["export", "a", "b.onnx"], ["study", "tstr", "mnist"], ["write", "w", "--text", "1"]]
    *trainings, writing = run_all(*commands, before=WITHOUT_EXTRAS)[0]
    for done in trainings:
        assert done.code == 2
        assert "pip install '.[train]' in " in done.stderr
    assert writing.code == 2
    assert writing.stderr.startswith("digitsmith: write needs cv2: pip install '.[numbers]' in ")


def test_help_loads_nothing_that_is_slow() -> None:
    slow = {"torch", "onnxruntime", "numpy", "rich.progress", "matplotlib", "PIL", "requests"}
    (root,), modules = run_all(["--help"])
    assert root.code == 0
    assert not modules & (slow | {"pydantic"})  # of a command's help, typer itself may load pydantic
    found, modules = run_all(
        *([name, "--help"] for name in ("train", "generate", "write", "evaluate", "report", "data"))
    )
    assert all(done.code == 0 for done in found)
    assert not modules & slow


def test_generate_never_imports_torch() -> None:
    found, modules = run_all(["generate", "made", "--count", "300"])
    assert found[0].code == 0
    assert "torch" not in modules


# One signature: the options are the library's parameters.


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("progress", "read", "rank")  # which is several options, or what the environment says
    }


def test_commands_have_the_parameters_of_the_functions_that_they_call() -> None:
    from digitsmith.cli import evaluate, export, generate, report, study, train

    for command, function in (
        (train.train, digitsmith.train),
        (generate.generate, digitsmith.generate),
        (evaluate.evaluate, digitsmith.evaluate),
        (study.tstr, digitsmith.tstr),
        (export.export, digitsmith.export),
        (report.report, digitsmith.write_report),
    ):
        there = parameters(function)
        assert there.keys() <= parameters(command).keys()
        if function not in (digitsmith.train, digitsmith.write_report):  # whose places depend on other arguments
            here = {name: default for name, default in parameters(command).items() if name in there}
            assert there | {"shard": None} == here | {"shard": None}


def test_the_choices_are_those_of_the_library() -> None:
    from digitsmith.cli import evaluate, generate, reading
    from digitsmith.evaluation.extractors import FeatureSpace
    from digitsmith.records import base

    assert generate.Format == formats.Format
    assert generate.Split == formats.Split
    assert get_args(evaluate.Features) == get_args(FeatureSpace)
    assert (reading.Ink, reading.Frame) == (base.Ink, base.Frame)
    assert (reading.Ink, reading.Frame) == (base.Ink, base.Frame)


def test_all_that_python_offers_can_be_listed() -> None:
    assert set(digitsmith.__all__) <= set(dir(digitsmith))
    assert all(getattr(digitsmith, name) for name in digitsmith.__all__)


# The commands.


@pytest.mark.slow
def test_the_tour_of_train_and_generate(run: Runner) -> None:
    done = run("train", "cgan", "--out", "runs/first", "--seed", "3", *TINY)
    assert done.code == 0, done.stderr
    assert "Trained 1 epoch in " in done.stdout
    assert "digitsmith generate first-digits --count 1000 --model runs/first" in done.stdout
    for named in ("figures/real-vs-fake.png", "figures/losses.png", "figures/progress.gif", "model.onnx"):
        assert f"runs/first/{named}" in done.stdout
        assert (Path("runs/first") / named).is_file()
    first = Run(Path("runs/first"))
    config = first.read_config()
    assert (config.optimizer.epochs, config.run.seed) == (1, 3)
    assert first.read_record().changes[-2:] == ("epochs=1", "seed=3")
    done = run("generate", "made", "--count", "30", "--model", "runs/first", "--labels", "0-2,7", "--gzip")
    assert done.code == 0, done.stderr
    assert "30 images of 28x28, labels 0 1 2 7, in made" in done.stdout
    assert Path("made/train-images-idx3-ubyte.gz").is_file()
    done = run("export", "runs/first", "half.onnx", "--half")
    assert done.code == 0, done.stderr
    assert run("generate", "made2", "--count", "3", "--model", "half.onnx").code == 0
    done = run("train", "--resume", "--out", "runs/first", "--epochs", "2")
    assert done.code == 0, done.stderr
    assert "Trained 2 epochs in " in done.stdout
    assert "nothing is left to train" not in done.stderr
    done = run("train", "--resume", "--out", "runs/first")
    assert done.code == 0, done.stderr
    assert "All 2 epochs were trained before: nothing is left to train." in done.stderr


def test_a_stopped_training_says_how_to_continue(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from digitsmith.training.gans.train import Outcome

    stopped = Outcome(Run(Path("my run")), False, 4, 12.0, 0, 0.0)
    monkeypatch.setattr("digitsmith.training.gans.train.train", lambda *_, **__: stopped)
    done = run("train", "cgan", "--out", "my run")
    assert done.code == 130
    assert "Stopped after 4 epochs" in done.stdout
    assert "digitsmith train --resume --out 'my run'" in done.stdout


def test_a_run_on_too_few_images_is_not_advised_to_be_measured(run: Runner, digits: Dataset) -> None:
    for count, advised in ((257, False), (258, True)):
        formats.write(digits.take(slice(0, count)), Path(f"of-{count}"), "npz")
        done = run("train", "cgan", "--data", f"of-{count}", "--out", f"run-{count}", *TINY)
        assert done.code == 0, done.stderr
        assert (f"digitsmith evaluate run-{count}" in done.stdout) == advised
        assert ("that takes 258 training images" in done.stdout) == (not advised)
        done = run("report", f"run-{count}")
        assert done.code == 0, done.stderr
        assert (f"digitsmith evaluate run-{count}" in done.stdout) == advised
        assert run("evaluate", f"run-{count}").code == (0 if advised else 2)


def test_all_keys_are_listed_with_their_values_in_the_presets(run: Runner) -> None:
    from digitsmith.config.loading import describe_keys

    listed = run("train", "--keys").stdout.splitlines()
    assert [line for line in listed if not line.startswith(" ")] == list(describe_keys())
    values = listed[listed.index("networks.styles") + 2]
    assert values == "    cgan: 1, gan: 1, residual: 16"
    values = listed[listed.index("networks.generator.widths") + 2]
    assert (
        values == "    cgan: [256, 512, 1024], gan: [256, 512, 1024]"
    )  # of residual networks they follow from the image size


def test_refused_images_are_counted(run: Runner) -> None:
    done = run("generate", "made", "--count", "300", "--min-confidence", "0.999")
    record = formats.read_record(Path("made"))
    assert record is not None
    assert record.generated is not None
    refused = record.generated.refused
    assert refused > 0
    assert f"Refused: {refused} of {300 + refused} generated images" in done.stdout


def test_the_command_to_save_a_result_measures_the_same_again(run: Runner) -> None:
    measured = run("evaluate", "digits:test", "--reference", "digits", "--count", "150", "--seed", "5")
    command = shlex.split(measured.stdout.rpartition("\n  ")[2])
    assert command[0] == "digitsmith"
    assert run(*command[1:]).code == 0
    saved = load_result(Path("result.json"))
    assert isinstance(saved, digitsmith.Evaluation)
    assert saved.reference.address == "digits:train"
    assert (saved.protocol.images, saved.protocol.seed) == (150, 5)


def test_the_result_of_a_run_is_saved_in_its_folder(run: Runner, micro_run: Run) -> None:
    done = run("evaluate", str(micro_run.folder), "--count", "300")
    assert done.code == 0, done.stderr
    assert f"digitsmith report {micro_run.folder}" in done.stdout
    assert isinstance(load_result(micro_run.evaluation), digitsmith.Evaluation)
    micro_run.evaluation.unlink()


def test_models_and_data_sets_are_listed(run: Runner) -> None:
    models, data = run("models").stdout, run("data").stdout
    assert models.startswith("mnist  28x28, classes 0 1 2 3 4 5 6 7 8 9, trained on mnist")
    assert "(real: 1)" in models
    assert {"digits", "mnist", "fashion-mnist"} <= {line.split(" ")[0] for line in data.splitlines()}


# Errors.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "PRESET: say what to train"),
        (["train", "--resume"], "say which run to resume. The option: --out RUN"),
        (["train", "gna"], "PRESET: there is no preset 'gna' (did you mean 'gan'?)"),
        (["train", "cgan", "--set", "epoch=3"], "--set: there is no key 'epoch' (did you mean 'optimizer.epochs'?)"),
        (["train", "cgan", "--set", "epochs"], "--set: epochs: write it as key=value"),
        (["train", "cgan", "--data", "nowhere"], "--data: there is no data set 'nowhere'"),
        (["train", "cgan", "--data", "./nowhere"], "there is no file or folder nowhere"),
        (["train", "cgan", "--resize", "28"], "--resize: 28: write it as height x width, for example 28x28"),
        (["train", "cgan", "--resize", "4x28"], "--resize: 4x28: use sides from 8 to"),
        (["train", "cgan", "--device", "cuda:99"], "--device: cuda:99: torch finds"),
        (["train", "--resume", "--out", "none"], "none holds no run"),
        (["generate", "made", "--count", "0"], "--count: 0 is too few: ask for at least one image"),
        (["generate", "made", "--count", "-3"], "--count: -3 is too few: ask for at least one image"),
        (["generate", "made", "--count", "5000000000"], "--count: one seed has images"),
        (["generate", "made", "--count", "3", "--seed", "-1"], "--seed: -1 is out of range"),
        (["generate", "made", "--count", "3", "--labels", "0-12"], "--labels: mnist has no label '0-12'"),
        (["generate", "made", "--count", "3", "--labels", "5-3"], "--labels: 5-3: the range runs backwards; write 3-5"),
        (["generate", "made", "--count", "3", "--shard", "2"], "--shard: 2: write it as I/N"),
        (["generate", "made", "--count", "3", "--shard", "3/2"], "--shard: 3/2 does not exist"),
        (["generate", "made", "--count", "3", "--shards", "0"], "--shards: 0 is too few"),
        (["generate", "made", "--count", "3", "--shards", "4"], "--shards: 4 of 3 images would leave some empty"),
        (["generate", "made", "--count", "3", "--workers", "0"], "--workers: 0 is too few"),
        (["generate", "made", "--count", "3", "--shard", "1/2", "--workers", "2"], "--workers: it cannot be given"),
        (["data", "full", "--verify"], "full has no dataset.json"),
        (["data", "--verify"], "name the folder to check: digitsmith data FOLDER --verify"),
        (["generate", "made", "--count", "3", "--min-confidence", "2"], "--min-confidence: 2.0 is no probability"),
        (["generate", "made", "--count", "3", "--model", "none.onnx"], "--model: there is no model 'none.onnx'"),
        (["generate", "made", "--count", "3", "--gzip", "--format", "png"], "--gzip: it is for the format idx"),
        (["generate", "full", "--count", "3"], "full exists and is not empty"),
        (["generate", "file", "--count", "3"], "file exists and is a file"),
        (["generate", "/proc/nowhere/made", "--count", "3"], "cannot write /proc/nowhere/made"),
        (["export", "none", "x.onnx"], "none holds no run"),
        (["evaluate", "nothing"], "SUBJECT: there is no data set 'nothing'"),
        (["evaluate", "full"], "full holds no images"),
        (["evaluate", "none.onnx"], "SUBJECT: there is no model 'none.onnx'"),
        (["evaluate", "mnist", "--json", "."], ". is a folder: name a file"),
        (["evaluate", "mnist", "--json", "-"], "- is no place for a file, and this is not written to standard output"),
        (["evaluate", "mnist", "--count", "100"], "--count: at least 129 images"),
        (["evaluate", "mnist", "--reference", "nothing"], "--reference: there is no data set 'nothing'"),
        (["evaluate", "mnist", "--inception-weights", "x"], "--inception-weights: weights of Inception v3"),
        (["evaluate", "mnist", "--features", "inception"], "--features: Inception v3 needs torch-fidelity"),
        (["study", "tstr", "full"], "full holds no images"),
        (["report", "nowhere"], "there is no file or folder nowhere"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_message_and_exit_code_2(run: Runner, arguments: list[str], message: str) -> None:
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("mine")
    before = sorted(str(path) for path in Path().rglob("*"))
    done = run(*arguments)
    assert done.code == 2
    assert done.stderr.startswith(f"digitsmith: {message}")
    assert sorted(str(path) for path in Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["train", "cgan", "--epochs", "0"], "--epochs"),
        (["generate", "made", "--count", "many"], "--count"),
        (["generate", "made"], "--count"),
        (["generate", "made", "--count", "3", "--format", "bmp"], "--format"),
        (["evaluate", "mnist", "--count", "0"], "--count"),
        (["study", "tstr", "mnist", "--seeds", "1"], "--seeds"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_the_usage(run: Runner, arguments: list[str], option: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert f"'{option}'" in done.stderr
    assert done.stderr.startswith("Usage: digitsmith ")
    assert not list(Path().iterdir())


def test_a_mistake_in_a_subject_is_answered_with_data_sets_and_models(run: Runner) -> None:
    assert "Or name a model: mnist, a run folder" in run("evaluate", "msnit").stderr


def test_ctrl_c_ends_a_command_with_one_line(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("digitsmith.generation.generate.generate", interrupt)
    assert run("generate", "made", "--count", "3") == (130, "", "digitsmith: interrupted.\n")


def test_a_result_that_cannot_be_saved_is_shown(run: Runner, evaluated: None) -> None:
    done = run("evaluate", "mnist", "--json", "/proc/no/r.json")
    assert done.code == 2
    assert done.stderr.startswith("digitsmith: cannot write /proc/no/r.json")
    assert "Precision" in done.stdout


# Streams and disks.


def test_a_closed_pipe_ends_quietly_and_loses_no_result() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "digitsmith.cli", "evaluate", "mnist", "--count", "300", "--json", "result.json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1
    assert isinstance(load_result(Path("result.json")), digitsmith.Evaluation)


def test_a_stream_that_takes_ascii_alone_gets_the_nearest_characters(
    monkeypatch: pytest.MonkeyPatch, evaluated: None
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "mnist"])
    sys.stdout.flush()
    assert not ended.value.code
    shown = written.getvalue().decode("ascii")
    assert "Frechet distance" in shown
    assert " x" in shown
    assert "?" not in shown


def test_a_really_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A file-size limit of the shell stands in for the disk: the write that crosses it fails in the kernel."""
    script = f"ulimit -f 100; trap '' XFSZ; exec {sys.executable} -m digitsmith.cli generate made --count 5000"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot write made: File too large" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_path_with_escapes_is_spelled_out_in_a_pipe_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digitsmith.cli", "generate", "\x1b[31mred", "--count", "20"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "in \\x1b[31mred\n" in said
