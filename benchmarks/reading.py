"""How long it takes to load 60,000 PNG files in class folders, and to read them with the reader in the box; memory.

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
ANSWER = """
import json, resource, sys, time
import digitsmith
subject, reader = sys.argv[1], digitsmith.load_reader()
images = None
if sys.argv[2]:
    images = digitsmith.load_dataset(subject, frame=sys.argv[2].strip() or None, progress=False).images
start, used = time.perf_counter(), time.process_time()
count = len(reader.read(images)) if images is not None else digitsmith.read(
    subject, reader, csv_file=subject + ".csv", progress=False).verdicts.total()
seconds, used = time.perf_counter() - start, time.process_time() - used
print(json.dumps([count, seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else place) / "made"
        if not folder.exists():
            digitsmith.generate(folder, COUNT, format="png")
        print(f"{processor()}, {platform.python_implementation()} {platform.python_version()}")
        for what, script, choice in (
            ("PNG files", READ, ""),
            ("PNG files, framed", READ, "mnist"),
            ("images in memory, framed and read", ANSWER, " "),
            ("framed images in memory, read", ANSWER, "mnist"),
            ("PNG files, read, answers as CSV", ANSWER, ""),
        ):
            done = subprocess.run(
                [sys.executable, "-c", script, str(folder), choice], stdout=subprocess.PIPE, text=True, check=True
            )
            count, seconds, used, megabytes = json.loads(done.stdout)
            print(
                f"{count:,} {what}: {seconds:.1f} s, {count / seconds:,.0f} a second "
                f"({used:.1f} s of one core), peak {megabytes:,.0f} MB"
            )


def processor() -> str:
    """Its name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.processor()


if __name__ == "__main__":
    main()
