"""Shards in a bucket whose server fails at every tenth request: are all there, with the right hashes, and at what cost?

make remote                                                             # installs the libraries
nice -n 10 .venv/bin/python benchmarks/stores.py                        # 1,000 shards of 1,000 digits
.venv/bin/python benchmarks/stores.py --shards 20 --count 20000         # a minute

The server is moto's, on this machine; before it stands one that answers 500 or 503, hangs up, or breaks its answer off.
Both take their part of the machine, so the times say what failures cost, and not how fast a bucket is.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", str(2**24))  # else it keeps a file open for each object
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import pytest

import digitsmith
import s3
from digitsmith.data.copies import record_at

MADE = "s3://bucket/made"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--workers", type=int, help="default: the shards are made in this process")
    parser.add_argument("--well", action="store_true", help="no request fails")
    given = parser.parse_args()
    options = {"count": given.count, "shards": given.shards, "workers": given.workers}
    with s3.moto() as port, pytest.MonkeyPatch.context() as patch, s3.served(port, patch) as server:
        server.rule = s3.well if given.well else s3.every_tenth

        def step(name: str, do: Callable[[], object]) -> None:
            asked, answered, start = server.asked, len(server.seen), time.perf_counter()
            do()
            asked, answered = server.asked - asked, len(server.seen) - answered
            said = f"{asked:,} requests, of which {asked - answered:,} failed"
            print(f"{name}: {time.perf_counter() - start:,.0f} s, {said}", flush=True)

        step("made", lambda: digitsmith.generate(MADE, **options))
        step("verified", lambda: print(digitsmith.verify(MADE)))
        step("resumed, with nothing to do", lambda: digitsmith.generate(MADE, resume=True, **options))
        server.rule = s3.well
        record = record_at(MADE)
    assert record is not None
    chosen = random.Random(0).sample(range(given.shards), min(10, given.shards))
    with tempfile.TemporaryDirectory() as folder:
        for i in chosen:
            here = Path(folder) / str(i)
            digitsmith.generate(here, given.count, shard=(i + 1, given.shards), progress=False)
            content = record_at(str(here)).content
            assert (content.bytes, content.sha256) == (record.shards[i].bytes, record.shards[i].sha256), i
    print(f"{len(chosen)} shards, made again in a folder, have the same hashes")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB, with the server's")


if __name__ == "__main__":
    main()
