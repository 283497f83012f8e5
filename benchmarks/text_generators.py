"""Numbers for OCR from three programs: `digitsmith write`, TextRecognitionDataGenerator (TRDG) and SynthTIGER.

    python benchmarks/text_generators.py [--count N] [--rounds N] [--trdg PYTHON]
        [--synthtiger PYTHON --checkout FOLDER] [--only NAME ...] [--keep FOLDER]

The two others are named by the Python of their own environments; one that is not named is left out. They need older
libraries than their packages ask for. SynthTIGER's package has neither its template nor its fonts and pictures: these
are in its repository.

    python -m venv trdg && trdg/bin/pip install trdg==1.8.0 'pillow<10' 'numpy<2' 'opencv-python<4.11'
    python -m venv synthtiger && synthtiger/bin/pip install synthtiger==1.2.1 'pillow<10' 'numpy<2' \\
        'opencv-python<4.11' 'opencv-python-headless<4.11' 'scipy<1.14'
    git clone https://github.com/clovaai/synthtiger

Each writes the same strings of five digits by its own command, into files, in one process on one core; they take turns.
TRDG draws each with one of its 100 Latin fonts. Its handwriting needs TensorFlow and weights that it fetches from its
repository as it runs, so it is left out. SynthTIGER runs as its example is configured, with its three fonts, but for
the strings, which it draws at random, and without masks.

Images a second are over the whole command, its start among it: by the clock, and by the time that its processor worked,
which other programs on the machine disturb less. `--keep` leaves the images of the last round there, with `labels.txt`
(path, space, text), so that a recogniser can be taught by them.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

CONFIG = Path("examples/synthtiger/config_horizontal.yaml")
CHANGED = {
    "paths: [resources/corpus/mjsynth.txt, resources/corpus/synthtext.txt]\n      weights: [1, 1]": (
        "paths: [{texts}]\n      weights: [1]"
    ),
    "augmentation: 0.1\n": "augmentation: 0\n",
    "mask_output: true": "mask_output: false",
}
"""Of SynthTIGER's example: its words are the strings, and stay as they are; no masks."""

Maker = Callable[[Path, Path, int], None]
"""Makes a folder of so many images from a file of strings."""


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command on one core."""

    def on_one_core() -> None:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, preexec_fn=on_one_core
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")


def digitsmith(wear: str) -> Maker:
    def make(folder: Path, texts: Path, count: int) -> None:
        command = [sys.executable, "-m", "digitsmith.cli", "write", folder, "--from-file", texts]
        run(*command, "--count", str(count), "--wear", wear)

    return make


def trdg(python: Path, *options: str) -> Maker:
    def make(folder: Path, texts: Path, count: int) -> None:
        command = [python.with_name("trdg"), "--output_dir", folder, "-i", texts, "-c", str(count), "-t", "1"]
        run(*command, "-f", "64", "-e", "png", "-na", "2", *options)

    return make


def synthtiger(python: Path, checkout: Path) -> Maker:
    def make(folder: Path, texts: Path, count: int) -> None:
        config = (checkout / CONFIG).read_text(encoding="utf-8")
        for before, after in CHANGED.items():
            if before not in config:
                sys.exit(f"{checkout / CONFIG} is another version: it does not have {before!r}")
            config = config.replace(before, after.format(texts=texts))
        changed = texts.with_suffix(".yaml")
        changed.write_text(config, encoding="utf-8")
        template = checkout / "examples/synthtiger/template.py"
        command = [python.with_name("synthtiger"), "-o", folder, "-c", str(count), "-w", "0", "-s", "1"]
        run(*command, template, "SynthTiger", changed, cwd=checkout)
        labels = (folder / "gt.txt").read_text(encoding="utf-8").replace("\t", " ")
        (folder / "labels.txt").write_text(labels, encoding="utf-8")

    return make


def makers(arguments: argparse.Namespace) -> dict[str, Maker]:
    found = {"digitsmith, wear off": digitsmith("off"), "digitsmith, wear light": digitsmith("light")}
    if arguments.trdg:
        python = arguments.trdg.absolute()
        found["trdg, white paper"] = trdg(python, "-b", "1")
        found["trdg"] = trdg(python, "-k", "5", "-rk", "-bl", "1", "-rbl", "-d", "3")  # turned, blurred, bent, noisy
    if arguments.synthtiger and arguments.checkout:
        found["synthtiger"] = synthtiger(arguments.synthtiger.absolute(), arguments.checkout.absolute())
    if unknown := set(arguments.only or ()) - found.keys():
        sys.exit(f"there are no rows {', '.join(unknown)}; there are {', '.join(map(repr, found))}")
    return {name: make for name, make in found.items() if name in (arguments.only or found)}


def measured(make: Maker, folder: Path, texts: Path, count: int) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    make(folder, texts, count)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    wrong = {line.partition(" ")[2] for line in lines} - {*texts.read_text(encoding="utf-8").split()}
    if len(lines) != count or wrong:
        sys.exit(f"{folder} has {len(lines)} images in place of {count}, and {len(wrong)} strings that are others")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trdg", type=Path, help="the Python of an environment with TRDG")
    parser.add_argument("--synthtiger", type=Path, help="the Python of an environment with SynthTIGER")
    parser.add_argument("--checkout", type=Path, help="a checkout of SynthTIGER's repository")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the rows, such as trdg synthtiger")
    parser.add_argument("--keep", type=Path, help="leave what the last round made there")
    arguments = parser.parse_args()
    found, times = makers(arguments), dict[str, list[tuple[float, float]]]()
    with tempfile.TemporaryDirectory() as place:
        texts = Path(place) / "texts.txt"
        numbers = np.random.default_rng(0).integers(100_000, size=arguments.count)
        texts.write_text("".join(f"{number:05}\n" for number in numbers), encoding="utf-8")
        for turn in range(arguments.rounds):
            for name, make in found.items():
                folder = Path(place) / "made"
                times.setdefault(name, []).append(measured(make, folder, texts, arguments.count))
                if arguments.keep and turn == arguments.rounds - 1:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    shutil.move(folder, arguments.keep / name.replace(", ", "-").replace(" ", "-"))
                else:
                    shutil.rmtree(folder)
    print(f"{arguments.count:,} strings of five digits, one core; images a second, medians of {arguments.rounds}\n")
    print(f"{'':24}{'by the clock':>14}{'of the processor':>18}")
    for name, rounds in times.items():
        wall, worked = (arguments.count / statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:24}{wall:14,.0f}{worked:18,.0f}")


if __name__ == "__main__":
    main()
