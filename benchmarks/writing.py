"""`write`: numbers a second with their files written, and peak memory as there are more of them.

    python benchmarks/writing.py [--count N] [--rounds N] [--long N,N]

Numbers of five digits, 64 pixels high, as PNG with `labels.txt`, on all cores, in a fresh process and folder each time.
What a start takes is measured with two numbers of them, and taken off; plain (`--wear off`) and light wear take turns,
and of the rounds the median is shown. Then one run for each of the long counts, with its peak resident set: memory is
constant if these are alike.
"""

import argparse
import statistics

from memory import peak

FEW = 2


def seconds(wear: str, count: int) -> float:
    """Wall time of one command."""
    return run(wear, count)[1]


def run(wear: str, count: int) -> tuple[float, float]:
    """Peak megabytes and wall seconds of one command."""
    return peak("write", "made", "--pattern", "#{5}", "--count", str(count), "--wear", wear)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", default="20000,200000", help="counts of the runs whose memory is compared")
    arguments = parser.parse_args()
    wears = "off", "light"
    start = statistics.median(seconds("off", FEW) for _ in range(arguments.rounds))
    print(f"start: {start:.1f} s", flush=True)
    rounds = [[seconds(wear, arguments.count) for wear in wears] for _ in range(arguments.rounds)]
    for wear, times in zip(wears, zip(*rounds, strict=True), strict=True):
        taken = statistics.median(times)
        print(
            f"wear {wear}: {arguments.count:,} numbers in {taken:.1f} s, "
            f"{(arguments.count - FEW) / (taken - start):,.0f} a second after the start "
            f"(rounds {', '.join(f'{time:.1f} s' for time in times)})",
            flush=True,
        )
    for count in map(int, arguments.long.split(",")):
        megabytes, taken = run("light", count)
        print(f"wear light: {count:,} numbers, peak {megabytes:,.0f} MB, {taken:.1f} s", flush=True)


if __name__ == "__main__":
    main()
