"""Peak memory (resident set) of the two commands that people run on a lot of data.

    python benchmarks/memory.py

`train cgan --data mnist` needs the real MNIST: at hand in DIGITSMITH_DATA_HOME, or downloaded. Two epochs are enough,
as nothing grows with them.
"""

import subprocess
import sys
import tempfile
import time


def peak(*arguments: str) -> tuple[float, float]:
    """Peak megabytes and wall seconds of one command, in a fresh folder."""
    code = (
        "import subprocess, sys, resource;"
        "done = subprocess.run([sys.executable, '-m', 'digitsmith.cli', *sys.argv[1:]], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024); sys.exit(done.returncode)"
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(done.stdout), time.perf_counter() - start


def main() -> None:
    for arguments in (
        ["train", "cgan", "--data", "mnist", "--epochs", "2"],
        ["generate", "made", "--count", "60000"],
        ["generate", "made", "--count", "1000000", "--format", "idx"],
    ):
        megabytes, seconds = peak(*arguments)
        print(f"digitsmith {' '.join(arguments)}: peak {megabytes:,.0f} MB, {seconds:.1f} s")


if __name__ == "__main__":
    main()
