"""Generation speed: `generate` to IDX against the bare ONNX Runtime session on the same batches.

    python benchmarks/generation.py [--count N] [--rounds N] [--model MODEL]

The bare session has noise and labels ready before the clock starts, and throws its images away. It uses all cores in
both ways that it can: all of them in each run, which is its default, or each for a run of its own.
"""

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from digitsmith import generation
from digitsmith.model import DEFAULT, load
from digitsmith.noise import BLOCK, noise_block


def bare(content: bytes, feeds: list[dict[str, np.ndarray]], blocks: int, threads: int) -> float:
    """Seconds that ONNX Runtime alone needs, with so many threads in each run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    workers = max(1, (os.cpu_count() or 1) // threads)

    def work(worker: int) -> None:
        for block in range(worker, blocks, workers):
            session.run(["image"], feeds[block % len(feeds)])

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=DEFAULT)
    arguments = parser.parse_args()
    model = load(arguments.model)
    path = Path(generation.__file__).parent / "zoo" / f"{arguments.model}.onnx"
    content = path.read_bytes() if path.exists() else (Path(arguments.model) / "model.onnx").read_bytes()
    feeds = []
    for block in range(16):
        feeds.append({"z": noise_block(0, block, model.metadata.z_dim, model.metadata.z_distribution)})
        if model.conditional:
            feeds[-1]["label"] = np.arange(BLOCK) % len(model.metadata.classes)
    blocks = -(-arguments.count // BLOCK)
    cores = os.cpu_count() or 1
    rounds = []
    for _ in range(arguments.rounds):
        one_run, two_runs = bare(content, feeds, blocks, cores), bare(content, feeds, blocks, 1)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            generation.generate(model, Path(folder) / "made", generation.Request(arguments.count))
            rounds.append((time.perf_counter() - start, one_run, two_runs))
    whole = statistics.median(times[0] for times in rounds)
    print(f"{arguments.count:,} images to IDX: {whole:.1f} s, {arguments.count / whole:,.0f} images/s")
    for column, name in ((1, "one run at a time, with all cores"), (2, "a run on each core at a time")):
        alone = statistics.median(times[column] for times in rounds)
        shares = sorted(times[column] / times[0] for times in rounds)
        print(f"  bare session, {name}: {arguments.count / alone:,.0f} images/s; share of its speed "
              f"{statistics.median(shares):.0%} ({shares[0]:.0%}-{shares[-1]:.0%})")  # fmt: skip


if __name__ == "__main__":
    main()
