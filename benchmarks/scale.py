"""What dividing work costs: shards here, in processes and on Ray beside one plain run, and the driver's memory.

    python benchmarks/scale.py [--count N] [--rounds N] [--workers N] [--plan N] [--only NAME]

`rate` makes digits plainly, as shards in this process, in processes, and with `--ray local`, in turns, each in a fresh
process and folder. What a start takes is measured with one digit for each worker, and taken off. `ray` is the first
and the last of these alone. `write` does the same as `rate` with numbers on paper. `driver` makes a plan of many shards
of a tiny model on Ray, and shows the peak of the driver's memory. Where Ray is missing
(`pip install '.[ray]'`), its rows are left out.
"""

import argparse
import importlib.util
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from memory import peak

HAS_RAY = importlib.util.find_spec("ray") is not None


def ways(workers: int, count: int) -> dict[str, list[str]]:
    """Options, by what they are called."""
    shards = max(workers, -(-count // 8192))
    found = {
        "plain": [],
        f"{shards} shards, this process": ["--shards", str(shards)],
        f"{shards} shards, {workers} processes": ["--shards", str(shards), "--workers", str(workers)],
    }
    if HAS_RAY:
        found[f"{shards} shards, Ray, {workers} tasks"] = [
            "--shards", str(shards), "--ray", "local", "--workers", str(workers),
        ]  # fmt: skip
    return found


def compare(command: list[str], count: int, rounds: int, options: dict[str, list[str]], workers: int) -> None:
    """Time the ways in turns, and show their rates after the start beside the plain one's."""
    starts = {
        name: statistics.median(
            peak(*command, "--count", str(workers), *_few(words, workers))[1] for _ in range(rounds)
        )
        for name, words in options.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in options}
    for _ in range(rounds):
        for name, words in options.items():
            taken[name].append(peak(*command, "--count", str(count), *words)[1])
    plain = statistics.median(taken["plain"]) - starts["plain"]
    for name, times in taken.items():
        seconds = statistics.median(times) - starts[name]
        print(
            f"{command[0]} {count:,}, {name}: {count / seconds:,.0f} a second after a start of {starts[name]:.1f} s, "
            f"{plain / seconds:.2f} of the plain rate (rounds {', '.join(f'{time:.1f} s' for time in times)})",
            flush=True,
        )


def _few(words: list[str], workers: int) -> list[str]:
    """The same with one shard for each worker."""
    return [str(workers) if before == "--shards" else word for before, word in zip(["", *words], words, strict=False)]


def driver(shards: int) -> float:
    """Carry out a plan of shards of one digit, and show what the driver took; its seconds."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from digitsmith.generation.generate import generate
    from tiny_models import a_model

    model = a_model()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate(Path(folder) / "made", shards, model=model, shards=shards, ray="local", progress=False)
        seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"a plan of {shards:,} shards: the driver peaks at {after:,.0f} MB ({before:,.0f} MB before), {seconds:.0f} s"
    )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plan", type=int, default=10_000, help="shards of the plan whose driver is looked at")
    parser.add_argument("--only", choices=["rate", "ray", "write", "driver"])
    arguments = parser.parse_args()
    rounds, workers = arguments.rounds, arguments.workers
    if arguments.only in (None, "rate", "ray"):
        options = ways(workers, arguments.count)
        if arguments.only == "ray":
            options = {name: words for name, words in options.items() if not words or "--ray" in words}
        compare(["generate", "made"], arguments.count, rounds, options, workers)
    if arguments.only in (None, "write"):
        count = arguments.count // 25
        compare(["write", "made", "--pattern", "#{5}"], count, rounds, ways(workers, count), workers)
    if arguments.only in (None, "driver") and HAS_RAY:
        driver(arguments.plan)


if __name__ == "__main__":
    main()
