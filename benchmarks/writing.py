"""`write`: numbers a second with their files written, and peak memory as there are more of them.

    python benchmarks/writing.py [--count N] [--rounds N] [--workers N] [--long N,N]

Numbers of five digits, 64 pixels high, as PNG with `labels.txt`, on all cores, in a fresh process and folder each time:
plain (`--wear off`) and with light wear, by one process and by several (`--shards N --workers N`). All take turns, and
of the rounds the median is shown. What a start takes is measured with two numbers, and taken off. Then one run of one
process for each of the long counts, with its peak resident set: memory is constant if these are alike.
"""

import argparse
import statistics

from digitsmith.models.running import cores
from memory import peak

FEW = 2


def run(wear: str, count: int, workers: int = 1) -> tuple[float, float]:
    """Peak megabytes, of the largest process, and wall seconds of one command."""
    number = str(workers)
    several = ["--shards", number, "--workers", number] if workers > 1 else []
    return peak("write", "made", "--pattern", "#{5}", "--count", str(count), "--wear", wear, *several)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24_576)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores(), help="processes; one for each core by default")
    parser.add_argument("--long", default="20000,200000", help="counts of the runs whose memory is compared")
    arguments = parser.parse_args()
    start = statistics.median(run("off", FEW)[1] for _ in range(arguments.rounds))
    print(f"start: {start:.1f} s", flush=True)
    ways = [(wear, workers) for wear in ("off", "light") for workers in sorted({1, arguments.workers})]
    rounds = [[run(wear, arguments.count, workers)[1] for wear, workers in ways] for _ in range(arguments.rounds)]
    for (wear, workers), times in zip(ways, zip(*rounds, strict=True), strict=True):
        taken = statistics.median(times)
        print(
            f"wear {wear}, processes: {workers}: {arguments.count:,} numbers in {taken:.1f} s, "
            f"{(arguments.count - FEW) / (taken - start):,.0f} a second after the start "
            f"(rounds {', '.join(f'{time:.1f} s' for time in times)})",
            flush=True,
        )
    for count in map(int, arguments.long.split(",")):
        megabytes, taken = run("light", count)
        print(f"wear light: {count:,} numbers, peak {megabytes:,.0f} MB, {taken:.1f} s", flush=True)


if __name__ == "__main__":
    main()
