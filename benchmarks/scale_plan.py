"""What 10^9 digits, 100 machines and 8 GPUs would take: parts measured on one core here, and arithmetic on them.

    python benchmarks/scale_plan.py [--digits N] [--shards N] [--plan N]

Measured: digits a second on one core, and their bytes; what one more shard costs the driver of Ray; the bytes that
ranks exchange for an update, and the seconds of a step. Assumed, and said so: machines of 32 cores like this one,
networks, and a shared disk. The tables are those of docs/scale.md. Needs Ray (`make cluster` installs it), and minutes.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from digitsmith.generation.generate import generate
from digitsmith.records.dataset import MOST_SHARDS
from memory import peak
from ranks import PRESETS, Side
from scale import driver

MACHINES = {"this machine": (1, os.cpu_count() or 1), "1 of 32 cores": (1, 32), "100 of 32 cores": (100, 32)}
"""How many, and the cores of each."""

LINKS = {"NVLink, 300 GB/s": 300e9, "100 Gbit/s": 12.5e9, "10 Gbit/s": 1.25e9}
"""Bytes a second that a rank sends: of the maker's sheet, not measured."""

DISK = 2e9
"""Bytes a second that a shared file system takes: assumed."""

RANKS = (8, 32, 800)
IMAGES, LEAST_BATCH = 60_000, 16
"""Of MNIST; and those that a rank of `residual` needs, at least."""


@dataclass(frozen=True)
class Parts:
    """What is measured: of one core, but for the driver."""

    digits: float
    """A second."""

    size: float
    """Bytes of a digit in tar files of PNGs."""

    start: float
    """Seconds, of the command."""

    driver: float
    """Shards a second that Ray's driver hands out and takes back, if they are made in no time."""


def measured(plan: int) -> Parts:
    """Measure all of it, on one core."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})  # commands that are started have it, too
    words, count = ["--format", "webdataset"], 65_536
    start = min(peak("generate", "made", "--count", "1", *words)[1] for _ in range(3))
    taken = min(peak("generate", "made", "--count", str(count), *words)[1] for _ in range(3)) - start
    os.sched_setaffinity(0, everywhere)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(generate(Path(folder) / "made", 8192, format="webdataset", progress=False))
        size = sum(path.stat().st_size for path in made.iterdir()) / 8192
    return Parts(count / taken, size, start, (plan - 1) / (driver(plan) - driver(1)))


def digits_table(parts: Parts, digits: int, shards: int) -> None:
    """Where so many digits end."""
    print(
        f"One core makes {parts.digits:,.0f} digits a second, of {parts.size:,.0f} bytes each in tar files; the "
        f"command starts in {parts.start:.1f} s. Ray's driver hands out {parts.driver:,.0f} shards a second.\n"
    )
    total = digits * parts.size
    print(f"{digits:,} digits are {total / 1e12:.2f} TB; {shards:,} shards of {digits // shards:,}:\n")
    print("| machines | making | Ray's driver | a shared disk of 2 GB/s | what is slowest |")
    print("| --- | --- | --- | --- | --- |")
    for name, (machines, cores) in MACHINES.items():
        rounds = -(-shards // (machines * cores))  # a core makes one shard after another
        limits = {
            "making": parts.start + rounds * digits / shards / parts.digits,
            "the driver": shards / parts.driver,
            "the disk": total / DISK,
        }
        making, hands, disk = (_span(seconds) for seconds in limits.values())
        print(f"| {name} | {making} | {hands} | {disk} | {max(limits, key=lambda one: limits[one])} |")
    print()


def ranks_table() -> None:
    """What the ranks of a training exchange, and how long a step must be for that to be a tenth of it."""
    print("| preset | a step exchanges | a step of 128 images, one core |")
    print("| --- | --- | --- |")
    sizes = {}
    for preset, steps in PRESETS.items():
        alone = Side(1, 1, preset, 128)
        alone.seconds(steps)
        seconds, (megabytes, _) = min(alone.seconds(steps) for _ in range(3)) / steps, alone.facts
        alone.end()
        sizes[preset] = megabytes
        print(f"| `{preset}` | {megabytes:.1f} MB | {seconds:.3f} s |")
    print(f"\n| ranks | steps of an epoch, at {LEAST_BATCH} images a rank | " + " | ".join(LINKS) + " |")
    print("| --- | --- |" + " --- |" * len(LINKS))
    for ranks in RANKS:
        sent = 2 * (ranks - 1) / ranks * sizes["residual"] * 1e6  # of a ring
        times = " | ".join(f"{sent / speed * 1e3:.2f} ms" for speed in LINKS.values())
        print(f"| {ranks} | {IMAGES // (LEAST_BATCH * ranks):,} | {times} |")


def _span(seconds: float) -> str:
    for unit, size in {"days": 86_400, "h": 3600, "min": 60}.items():
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, default=10**9)
    parser.add_argument("--shards", type=int, default=MOST_SHARDS)
    parser.add_argument("--plan", type=int, default=500, help="shards that the driver is measured with")
    given = parser.parse_args()
    digits_table(measured(given.plan), given.digits, given.shards)
    ranks_table()


if __name__ == "__main__":
    main()
