"""Feed readers what strangers may send, for some minutes each: `python tools/fuzz.py npz model --minutes 10`.

What ends in anything but success or one line is kept in build/fuzz, each input in a folder of its own; read it again:
`python tools/fuzz.py npz --input build/fuzz/npz/1`. The readers are in tests/fuzz/readers.py.
"""

import argparse
import sys
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fuzz.mutations import Files, mutated  # noqa: E402
from fuzz.past import past  # noqa: E402
from fuzz.readers import READERS  # noqa: E402
from fuzz.trials import Finding, Trials  # noqa: E402


def main() -> None:
    """Fuzz, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", help=f"of {', '.join(READERS)}; all of them by default", metavar="READER")
    parser.add_argument("--minutes", type=float, default=10, help="for each reader; 10 by default", metavar="N")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="which series of inputs", metavar="N")
    parser.add_argument("--input", type=Path, help="read this folder again, and nothing else", metavar="FOLDER")
    arguments = parser.parse_args()
    if unknown := set(arguments.readers) - set(READERS):
        parser.error(f"there is no reader {', '.join(unknown)}")
    with Trials() as trials:
        if arguments.input is not None:
            print(trials.read(arguments.readers[0], files_in(arguments.input)) or "It was read, or refused.")
            return
        found = [fuzz(name, arguments.minutes * 60, arguments.seed, trials) for name in arguments.readers or READERS]
    sys.exit(1 if any(found) else 0)


def fuzz(name: str, seconds: float, seed: int, trials: Trials) -> int:
    """Fuzz one reader; how many different mistakes it makes."""
    reader, random = READERS[name], Random(f"{name} {seed}")
    seeds, findings = [*reader.seeds(), *past(name).values()], set[tuple[str, str]]()
    inputs, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        files = mutated(random.choice(seeds), random)
        inputs += 1
        finding = trials.read(name, files)
        if finding is not None and finding.identity not in findings:
            findings.add(finding.identity)
            place = keep(name, files, finding)
            print(f"  {finding.kind} in {finding.place}: {finding.message[:120]!a}  ({place})", flush=True)
    print(f"{name}: {inputs:,} inputs in {seconds:.0f} s, seed {seed}, {len(findings)} findings", flush=True)
    return len(findings)


def keep(name: str, files: Files, finding: Finding) -> Path:
    """Keep what was found in a folder, and what went wrong beside it."""
    home = ROOT / "build" / "fuzz" / name
    home.mkdir(parents=True, exist_ok=True)
    place = home / str(1 + sum(entry.is_dir() for entry in home.iterdir()))
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    place.with_suffix(".txt").write_text(f"{finding}\n", errors="backslashreplace")
    return place.relative_to(ROOT)


def files_in(place: Path) -> Files:
    """The files in a folder."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


if __name__ == "__main__":
    main()
