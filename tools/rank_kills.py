"""Kill ranks of trainings under torchrun at random moments with SIGKILL, and see that all end, and go on.

    .venv/bin/python tools/rank_kills.py 10

Two ranks train, and one of them is killed, or Ctrl-C is pressed. All processes must end within a minute, with one
word of Digitsmith's; and when they are started again, they must come to the very weights of ranks that nobody stopped.
"""

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import digitsmith
from digitsmith.data import formats
from digitsmith.records.run import Run

_MOST_SECONDS = 60
_FULLY_CONNECTED = ["generator.widths=[24,32]", "discriminator.widths=[32,24]", "batch_size=64", "epochs=20"]
_RESIDUAL = ["generator.widths=[8,8]", "discriminator.widths=[8,8]", "z_dim=8", "epochs=10"]
_ALWAYS = ["checkpoint_seconds=0.1", "log_every=5"]


def _train(preset: str, changes: list[str], *more: str) -> list[str]:
    every = [f"--set={change}" for change in [*changes, *_ALWAYS]]
    return ["train", preset, "--data", "few", "--out", "new", *every, *more]


COMMANDS = {
    "cgan": _train("cgan", _FULLY_CONNECTED),
    "residual": _train("residual", _RESIDUAL),
    "learn": ["learn", "new", "--data", "few", "--per-class", "4", "--generated", "none"],
    "gan": _train("gan", _FULLY_CONNECTED),
    "few labels": _train("cgan", _FULLY_CONNECTED, "--per-class", "4"),
}
RESUME = ["train", "--resume", "--out", "new"]


def act(words: list[str]) -> None:
    """One rank's part: the command line, with small readers, which leaves its number behind."""
    from digitsmith.cli import main
    from digitsmith.training.readers import mixing

    small = replace(mixing.RECIPE, layers=((16, 2), (32, 2)), epochs=4)
    mixing.RECIPE, mixing.MANY = small, replace(small, softness=1.0)
    mixing.IMAGES, mixing.EPOCHS_WITH_UNLABELLED = 2560, 4
    Path(f"rank-{os.environ['RANK']}").write_text(str(os.getpid()))
    try:
        main(words)
    finally:
        threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
        assert not any("gloo" in name for name in threads), threads  # at the end of Python, they may abort the process


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """Two ranks, in a folder."""
    for path in folder.glob("rank-*"):
        path.unlink()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*torchrun, str(Path(__file__).resolve()), "--act", *words], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=(folder / "said").open("w"), text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(words: list[str], folder: Path) -> None:
    """Run a command to its end, which must be a good one."""
    if start(words, folder).wait():
        raise AssertionError((folder / "said").read_text())


def weights(folder: Path) -> dict[str, bytes]:
    """What must be the same: of a run, or of a reader."""
    if (folder / "reader.onnx").exists():
        return {"reader": digitsmith.load_reader(folder).record.graph_sha256.encode()}
    return {name: tensor.tobytes() for name, tensor in load_file(Run(folder).checkpoint).items()}


def begun(folder: Path) -> bool:
    """Whether a training has come to its steps."""
    states = ("checkpoint/state.safetensors", "state.safetensors", "reader/state.safetensors")
    return any((folder / "new" / state).exists() for state in states)


def kill(words: list[str], folder: Path, seconds: float, chance: random.Random) -> tuple[str, float]:
    """Stop a training at a random moment; how, and how many seconds it took to end."""
    process = start(words, folder)
    while process.poll() is None and not begun(folder):
        time.sleep(0.01)
    time.sleep(chance.uniform(0, seconds))
    how = chance.choice(["rank 0", "rank 1", "Ctrl-C"])
    stopped = time.monotonic()
    with contextlib.suppress(ProcessLookupError):  # it has ended before
        if how == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            os.kill(int((folder / how.replace(" ", "-")).read_text()), signal.SIGKILL)
    if not process.wait(_MOST_SECONDS):
        return "ended before", 0.0
    seconds = time.monotonic() - stopped
    said = (folder / "said").read_text()
    words_of_ours = [line for line in said.splitlines() if line.startswith("digitsmith: ")]
    if how != "Ctrl-C":
        assert len(words_of_ours) == 1, said
        assert "another rank has ended" in words_of_ours[0] or "interrupted" in words_of_ours[0], said  # by torchrun
    assert len(words_of_ours) <= 1, said
    assert "digitsmith/src" not in said, said  # no traceback of ours
    return how, seconds


def main() -> None:
    """Kill, resume, compare, and exit with 1 if anything was wrong."""
    if sys.argv[1:2] == ["--act"]:
        act(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, nargs="?", default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=COMMANDS, nargs="+", default=list(COMMANDS))
    arguments = parser.parse_args()
    chance, wrong = random.Random(arguments.seed), 0
    expected: dict[str, tuple[dict[str, bytes], float]] = {}
    with tempfile.TemporaryDirectory() as place:
        few = Path(place) / "few"
        formats.write(digitsmith.load_dataset("digits").take(np.arange(640)), few, "npz")
        for number, name in zip(range(arguments.kills), itertools.cycle(arguments.only), strict=False):
            words = COMMANDS[name]
            if name not in expected:
                whole = Path(place) / name
                shutil.copytree(few, whole / "few")
                began = time.monotonic()
                finish(words, whole)
                expected[name] = weights(whole / "new"), (time.monotonic() - began) / 2  # the other half is imports
            folder = Path(place) / f"{number}"
            shutil.copytree(few, folder / "few")
            try:
                how, seconds = kill(words, folder, expected[name][1], chance)
                if how != "ended before":
                    finish(words if name == "learn" else RESUME, folder)
                assert weights(folder / "new") == expected[name][0], "other weights"
                print(f"{number}, {name}, {how}: ended after {seconds:.1f} s, and went on", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                wrong += 1
                print(f"{number}, {name}: {type(error).__name__}: {error}", flush=True)
            shutil.rmtree(folder)
    print(f"{arguments.kills} kills, seed {arguments.seed}: {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
