"""How long it takes to read 60,000 PNG files in class folders, and peak memory: as they are, and framed.

    python benchmarks/reading.py [FOLDER]

The folder is made with the model in the box if it is not there (a minute), and kept; without one, in a temporary place.
"""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import digitsmith

COUNT = 60_000
READ = """
import json, resource, sys, time
import digitsmith
start, used = time.perf_counter(), time.process_time()
data = digitsmith.load_dataset(sys.argv[1], frame=sys.argv[2] or None, progress=False)
seconds, used = time.perf_counter() - start, time.process_time() - used
print(json.dumps([len(data), seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else place) / "made"
        if not folder.exists():
            digitsmith.generate(folder, COUNT, format="png")
        print(f"{processor()}, {platform.python_implementation()} {platform.python_version()}")
        for frame in ("", "mnist"):
            done = subprocess.run(
                [sys.executable, "-c", READ, str(folder), frame], stdout=subprocess.PIPE, text=True, check=True
            )
            count, seconds, used, megabytes = json.loads(done.stdout)
            print(
                f"{count:,} PNG files{', framed' if frame else ''}: {seconds:.1f} s "
                f"({used:.1f} s of one core), peak {megabytes:,.0f} MB"
            )


def processor() -> str:
    """Its name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.processor()


if __name__ == "__main__":
    main()
