"""Training speed under torchrun: several ranks of one thread against one process of as many threads, side by side.

    python benchmarks/ranks.py [--ranks N] [--rounds N] [--preset NAME]

Both train with the same batches, on 60,000 images of 28x28 (the embedded digits, repeated), as the loop of a training
does, without its logs, samples and checkpoints. They take turns in rounds, so that what else the machine does is felt
by all; a ratio is the median of the rounds' ratios of images per second. A third side are ranks that exchange nothing
(which trains nothing sensible): no way of exchanging can be faster. The size of the gradients, which each step
exchanges, is printed, too.
"""

import argparse
import os
import socket
import statistics
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

PRESETS = {"cgan": 40, "residual": 8}
"""Steps of a round: a second or two; of residual, a whole turn of the R1 penalty."""


def serve(pipe: Connection, threads: int, preset: str, batch: int, torchrun: dict[str, str], exchange: bool) -> None:
    """Make as many steps as the pipe asks for, each time, and give the seconds that they took."""
    os.environ.update(torchrun | {"OMP_NUM_THREADS": str(threads)})
    import torch

    from digitsmith.config.loading import load_config
    from digitsmith.data.sources import load_dataset
    from digitsmith.training.gans.setup import settle
    from digitsmith.training.ranks import Group
    from digitsmith.training.torchrun import joined
    from training import digitsmith_steps

    if not exchange:
        Group.average = lambda self, tensors: None  # type: ignore[method-assign]
    digits = load_dataset("digits")
    data, device = digits.take(np.arange(60_000) % len(digits)), torch.device("cpu")
    config = settle(load_config(preset, {"batch_size": batch}), data, device)
    with joined() as ranks, ranks.noted() as interrupted:
        torch.set_num_threads(threads)
        made = digitsmith_steps(data, config, device, ranks.sharing(batch, config.networks.batch_multiple))
        state = next(made)
        floats = sum(one.flat.numel() for one in (state.generator, state.discriminator))
        pipe.send((floats * 4 / 1e6, config.run.precision))
        while steps := pipe.recv():
            started = time.perf_counter()
            for _ in range(steps):
                next(made)
                interrupted()  # as the loop asks
            pipe.send(time.perf_counter() - started)


class Side:
    """One of the two: a process, or several ranks."""

    def __init__(self, ranks: int, threads: int, preset: str, batch: int, *, exchange: bool = True) -> None:
        context = get_context("spawn")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.pipes: list[Connection] = []
        for rank in range(ranks):
            ours, theirs = context.Pipe()
            place = {"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank),
                     "LOCAL_WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
            context.Process(target=serve, args=(theirs, threads, preset, batch, place, exchange), daemon=True).start()
            self.pipes.append(ours)
        self.facts = [pipe.recv() for pipe in self.pipes][-1]

    def seconds(self, steps: int) -> float:
        """For so many steps, of the slowest rank."""
        for pipe in self.pipes:
            pipe.send(steps)
        return max(pipe.recv() for pipe in self.pipes)

    def end(self) -> None:
        for pipe in self.pipes:
            pipe.send(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--preset", choices=PRESETS)
    arguments = parser.parse_args()
    n, batch = arguments.ranks, arguments.batch
    print(f"batches of {batch}; median images/s of {arguments.rounds} rounds")
    print(f"{'preset':8}  precision  {n} ranks of 1 thread  1 process of {n} threads  ratio (min-max)     "
          f"without exchange  MB of gradients")  # fmt: skip
    for preset in [arguments.preset] if arguments.preset else PRESETS:
        sides = [Side(n, 1, preset, batch), Side(1, n, preset, batch), Side(n, 1, preset, batch, exchange=False)]
        steps = PRESETS[preset]
        for side in sides:  # warm up
            side.seconds(steps)
        times = [[side.seconds(steps) for side in sides] for _ in range(arguments.rounds)]
        rates: list[Any] = [statistics.median(steps * batch / t for t in column) for column in zip(*times, strict=True)]
        ratios = sorted(alone / shared for shared, alone, _ in times)
        limit = statistics.median(alone / unshared for _, alone, unshared in times)
        megabytes, precision = sides[0].facts
        print(
            f"{preset:8}  {precision:9}  {rates[0]:19,.0f}  {rates[1]:24,.0f}  "
            f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})  {limit:16.2f}  {megabytes:15.1f}",
            flush=True,
        )
        for side in sides:
            side.end()


if __name__ == "__main__":
    main()
