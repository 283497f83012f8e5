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
SCRIPT = """
import json, resource, sys, time
import digitsmith
subject = sys.argv[1]
{before}
start, used = time.perf_counter(), time.process_time()
count = {work}
seconds, used = time.perf_counter() - start, time.process_time() - used
print(json.dumps([count, seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
LOADED = "digitsmith.load_dataset(subject, progress=False)"
FRAMED = "digitsmith.load_dataset(subject, frame='mnist', progress=False)"
READER = "reader = digitsmith.load_reader()"
WORKS = {
    "PNG files": ("", f"len({LOADED})"),
    "PNG files, framed": ("", f"len({FRAMED})"),
    "images in memory, framed and read": (f"{READER}; images = {LOADED}.images", "len(reader.read(images))"),
    "framed images in memory, read": (f"{READER}; images = {FRAMED}.images", "len(reader.read(images))"),
    "PNG files, read, answers as CSV": (
        READER, "digitsmith.read(subject, reader, csv_file=subject + '.csv', progress=False).verdicts.total()"
    ),
}  # fmt: skip
"""What is done before the clock starts, and what is measured: a number of images."""


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else place) / "made"
        if not folder.exists():
            digitsmith.generate(folder, COUNT, format="png")
        print(f"{processor()}, {platform.python_implementation()} {platform.python_version()}")
        for what, (before, work) in WORKS.items():
            script = SCRIPT.format(before=before, work=work)
            command = [sys.executable, "-c", script, str(folder)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
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
