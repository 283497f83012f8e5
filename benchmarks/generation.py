"""Generation speed: `generate` to IDX against the bare ONNX Runtime session, and against torch.

    python benchmarks/generation.py [--count N] [--rounds N] [--model MODEL]

The bare session has noise and labels ready before the clock starts, and throws its images away. It uses all cores in
both ways that it can: all of them in each run, which is its default, or each for a run of its own.

From a cold start, `digitsmith generate` takes turns with a process that imports torch, builds both networks with the
config in the model's metadata (and fresh weights, which take as long), makes as many images in bfloat16 where the chip
is fast at that, and writes them as IDX, too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from digitsmith.data.formats import Header, idx
from digitsmith.data.images.pixels import to_uint8
from digitsmith.generation.generate import generate
from digitsmith.models import generator
from digitsmith.models.generator import DEFAULT, load, shipped
from digitsmith.models.noise import BLOCK, noise_block


def bare(content: bytes, feeds: list[dict[str, np.ndarray]], blocks: int, threads: int) -> float:
    """Seconds that ONNX Runtime alone needs, with so many threads in each run."""
    import onnxruntime  # after digitsmith, which switches its telemetry off

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


def with_torch(model_name: str, count: int, folder: Path) -> None:
    """Make as many images with torch, and write them."""
    import torch

    from digitsmith.config.schema import TrainConfig
    from digitsmith.training.device import bfloat16_is_fast
    from digitsmith.training.gans.styles import StyledGenerator
    from digitsmith.training.networks import new_networks

    model = load(model_name)
    record, classes = model.record, model.record.classes
    config = TrainConfig.model_validate_json(json.dumps(record.training.config))
    generator, _ = new_networks(config, (record.channels, *record.image_size), len(classes))
    styles = config.networks.styles
    if styles > 1:
        generator = StyledGenerator(generator, torch.randn(len(classes), styles - 1).sort(1).values)
    fast = bfloat16_is_fast(torch.device("cpu"))
    header = Header(count, record.image_size, record.channels, classes)
    writer = idx.Writer(folder, header)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
        for start in range(0, count, BLOCK):
            n = min(BLOCK, count - start)
            z = torch.from_numpy(noise_block(0, start // BLOCK, record.z_dim, record.z_distribution)[:n])
            label = np.arange(n) % max(len(classes), 1)
            made = generator(z, torch.from_numpy(label) if classes else None)
            writer.write(to_uint8(made.float().numpy()), label if classes else None)
    writer.close()


def onnx_file(name: str) -> Path:
    """The file of a shipped model, of a run folder, or the file itself."""
    if name in shipped():
        return Path(generator.__file__).parent / "zoo" / f"{name}.onnx"
    return Path(name) / "model.onnx" if Path(name).is_dir() else Path(name)


def cold(*command: str) -> float:
    """Seconds of a process that makes images in a fresh folder, start included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--with-torch", type=Path, help=argparse.SUPPRESS)  # what the cold process is asked for
    arguments = parser.parse_args()
    if arguments.with_torch:
        with_torch(arguments.model, arguments.count, arguments.with_torch)
        return
    model = load(arguments.model)
    if arguments.model not in shipped():
        arguments.model = str(Path(arguments.model).resolve())
    content = onnx_file(arguments.model).read_bytes()
    feeds = []
    for block in range(16):
        feeds.append({"z": noise_block(0, block, model.record.z_dim, model.record.z_distribution)})
        if model.conditional:
            feeds[-1]["label"] = np.arange(BLOCK) % len(model.record.classes)
    blocks = -(-arguments.count // BLOCK)
    cores = os.cpu_count() or 1
    rounds = []
    for _ in range(arguments.rounds):
        one_run, two_runs = bare(content, feeds, blocks, cores), bare(content, feeds, blocks, 1)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            generate(Path(folder) / "made", arguments.count, model=model, progress=False)
            rounds.append((time.perf_counter() - start, one_run, two_runs))
    whole = statistics.median(times[0] for times in rounds)
    print(f"{arguments.count:,} images to IDX: {whole:.1f} s, {arguments.count / whole:,.0f} images/s")
    for column, name in ((1, "one run at a time, with all cores"), (2, "a run on each core at a time")):
        alone = statistics.median(times[column] for times in rounds)
        shares = sorted(times[column] / times[0] for times in rounds)
        print(f"  bare session, {name}: {arguments.count / alone:,.0f} images/s; share of its speed "
              f"{statistics.median(shares):.0%} ({shares[0]:.0%}-{shares[-1]:.0%})")  # fmt: skip
    of_model = ["--count", str(arguments.count), "--model", str(arguments.model)]
    turns = [
        (
            cold("-m", "digitsmith.cli", "generate", "made", *of_model),
            cold(str(Path(__file__).resolve()), "--with-torch", ".", *of_model),
        )
        for _ in range(arguments.rounds)
    ]
    ours, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"{arguments.count:,} images to IDX from a cold start: digitsmith {ours:.1f} s, torch {theirs:.1f} s")


if __name__ == "__main__":
    main()
