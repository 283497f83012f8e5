"""How long the command line takes to answer, as whole processes: median of several.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time


def main() -> None:
    for arguments in (["--help"], ["train", "--help"], ["models"], ["generate", "made", "--count", "1000"]):
        times = []
        for _ in range(9):
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                command = [sys.executable, "-m", "digitsmith.cli", *arguments]
                subprocess.run(command, cwd=folder, capture_output=True, check=True)
                times.append(time.perf_counter() - start)
        print(f"digitsmith {' '.join(arguments)}: {statistics.median(times[1:]):.2f} s")


if __name__ == "__main__":
    main()
