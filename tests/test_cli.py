"""The command line as users meet it: real processes, exit codes, messages."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import digitsmith
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.records.run import Run

WITHOUT_TORCH = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "matplotlib", "sklearn", "safetensors", "tensorboard", "pyarrow", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])
sys.meta_path.insert(0, Block())
from digitsmith.cli import main
main()
"""


def run(*arguments: str, code: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(["-c", code] if code else ["-m", "digitsmith.cli"]), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | env)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["train", "--help"], ["models"], ["data"], ["generate", "made", "--count", "300"],
     ["generate", "made", "--count", "20", "--format", "png"], ["train", "--keys"],
     ["evaluate", "mnist", "--count", "300", "--json", "result.json"], ["evaluate", "--help"],
     ["study", "tstr", "--help"]],
)  # fmt: skip
def test_the_light_install_is_enough(arguments: list[str]) -> None:
    done = run(*arguments, code=WITHOUT_TORCH)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_and_generate_never_import_torch() -> None:
    for arguments in (["--help"], ["generate", "made", "--count", "300"]):
        spy = f"import sys, atexit; sys.argv[1:] = {arguments!r}\n" + (
            "atexit.register(lambda: sys.stderr.write('torch' if 'torch' in sys.modules else 'light'))\n"
            "from digitsmith.cli import main\nmain()"
        )
        done = run(code=spy)
        assert done.returncode == 0
        assert done.stderr.endswith("light")


def test_the_command_to_keep_a_result_measures_the_same_again() -> None:
    measured = run("evaluate", "digits:test", "--reference", "digits", "--count", "300", "--seed", "5")
    command = shlex.split(measured.stdout.rpartition("\n  ")[2])
    assert command[0] == "digitsmith"
    assert run(*command[1:]).returncode == 0
    kept = json.loads(Path("result.json").read_text())
    assert (kept["reference"], kept["protocol"]["images"], kept["protocol"]["seed"]) == ("digits:train", 300, 5)


def test_all_that_python_offers_can_be_listed() -> None:
    assert set(digitsmith.__all__) <= set(dir(digitsmith))
    assert all(getattr(digitsmith, name) for name in digitsmith.__all__)


def test_without_torch_training_says_what_to_install() -> None:
    for arguments in (["train", "cgan"], ["export", "a", "b.onnx"], ["study", "tstr", "mnist"]):
        done = run(*arguments, code=WITHOUT_TORCH)
        assert done.returncode == 2
        assert "pip install 'digitsmith[train]'" in done.stderr


def test_the_tour_of_train_and_generate() -> None:
    small = ["--set", "generator.hidden=[16]", "--set", "discriminator.hidden=[16]"]
    done = run("train", "cgan", "--out", "runs/first", "--epochs", "1", "--seed", "3", *small)
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1" in done.stdout  # a plain line, as this is no terminal
    assert "digitsmith generate first-digits --count 1000 --model runs/first" in done.stdout
    for named in ("figures/real-vs-fake.png", "figures/losses.png", "figures/progress.gif", "model.onnx"):
        assert f"runs/first/{named}" in done.stdout
        assert (Path("runs/first") / named).is_file()
    config, record = Run(Path("runs/first")).read()
    assert (config.epochs, config.seed) == (1, 3)
    assert record["command"].endswith("--set epochs=1 --set seed=3")
    done = run("generate", "made", "--count", "30", "--model", "runs/first", "--labels", "0-2,7", "--gzip")
    assert done.returncode == 0, done.stderr
    assert "30 images of 28x28, labels 0 1 2 7, in made" in done.stdout
    assert Path("made/train-images-idx3-ubyte.gz").is_file()
    done = run("export", "runs/first", "half.onnx", "--half")
    assert done.returncode == 0, done.stderr
    assert run("generate", "made2", "--count", "3", "--model", "half.onnx").returncode == 0


def test_a_run_on_too_few_images_is_not_advised_to_be_measured(digits: Dataset) -> None:
    small = ["--set", "generator.hidden=[16]", "--set", "discriminator.hidden=[16]", "--epochs", "1"]
    for count, advised in ((257, False), (258, True)):
        formats.write(digits.take(slice(0, count)), Path(f"of-{count}"), "npz")
        done = run("train", "cgan", "--data", f"of-{count}", "--out", f"run-{count}", *small)
        assert done.returncode == 0, done.stderr
        assert (f"digitsmith evaluate run-{count}" in done.stdout) == advised
        assert ("that takes 258 training images" in done.stdout) == (not advised)
        assert run("evaluate", f"run-{count}").returncode == (0 if advised else 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "say what to train"),
        (["train", "gna"], "did you mean 'gan'"),
        (["train", "cgan", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["train", "cgan", "--data", "nowhere"], "no data set 'nowhere'"),
        (["train", "cgan", "--data", "./nowhere"], "no file or folder nowhere"),
        (["train", "cgan", "--epochs", "0"], "'--epochs'"),
        (["train", "cgan", "--resize", "28"], "height x width"),
        (["train", "cgan", "--resize", "4x28"], "use sides from 8 to 64"),
        (["train", "cgan", "--device", "cuda"], "--device cuda"),
        (["train", "--resume", "--out", "none"], "holds no run"),
        (["generate", "made", "--count", "0"], "at least one image"),
        (["generate", "made", "--count", "-3"], "at least one image"),
        (["generate", "made", "--count", "5000000000"], "one seed has images"),
        (["generate", "made", "--count", "3", "--labels", "0-12"], "no label '0-12'"),
        (["generate", "made", "--count", "3", "--labels", "5-3"], "the range runs backwards; write 3-5"),
        (["generate", "made", "--count", "3", "--shard", "2"], "write it as I/N"),
        (["generate", "made", "--count", "3", "--model", "none.onnx"], "there is no model 'none.onnx'"),
        (["generate", "made", "--count", "3", "--gzip", "--format", "png"], "--gzip is for"),
        (["generate", "made", "--count", "3", "--format", "bmp"], "bmp"),
        (["generate", "made", "--count", "many"], "'--count'"),
        (["generate", "full", "--count", "3"], "full exists and is not empty"),
        (["generate", "file", "--count", "3"], "file exists and is a file"),
        (["generate", "/proc/nowhere/made", "--count", "3"], "cannot write /proc/nowhere/made"),
        (["export", "none", "x.onnx"], "holds no run"),
        (["evaluate", "nothing"], "there is no data set 'nothing'"),
        (["evaluate", "msnit"], "Or name a model: mnist, a run folder"),
        (["evaluate", "full"], "full holds no images"),
        (["evaluate", "mnist", "--json", "."], "is a folder: name a file"),
        (["evaluate", "none.onnx"], "there is no model 'none.onnx'"),
        (["evaluate", "mnist", "--count", "100"], "at least 129 images"),
        (["evaluate", "mnist", "--count", "0"], "'--count'"),
        (["evaluate", "mnist", "--reference", "nothing"], "there is no data set 'nothing'"),
        (["evaluate", "mnist", "--features", "inception"], "pip install 'digitsmith[inception]'"),
        (["evaluate", "mnist", "--count", "300", "--json", "/proc/no/r.json"], "cannot write /proc/no/r.json"),
        (["study", "tstr", "full"], "full holds no images"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_message_and_exit_code_2(arguments: list[str], message: str) -> None:
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("mine")
    before = sorted(str(path) for path in Path().rglob("*"))
    done = run(*arguments, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(str(path) for path in Path().rglob("*")) == before


def test_the_command_lines_choices_are_those_of_the_library() -> None:
    from digitsmith.cli import app as cli
    from digitsmith.data import formats

    assert cli.Format == formats.Format
    assert cli.Split == formats.Split


def test_a_really_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A file-size limit of the shell stands in for the disk: the write that crosses it fails in the kernel."""
    script = f"ulimit -f 100; trap '' XFSZ; exec {sys.executable} -m digitsmith.cli generate made --count 5000"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot write made: File too large" in done.stderr
    assert not list(tmp_path.iterdir())
