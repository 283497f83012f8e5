"""Training speed, step by step: Digitsmith against a tutorial's loop, and against what its products alone need.

    python benchmarks/training.py [--rounds N] [--device cpu] [--joint] [--preset NAME]

On 60,000 images of 28x28 (the embedded digits, repeated). `gan` and `cgan`, at batches of 64 and 128, take turns with
the tutorial's loop (`tutorial.py`) in rounds; the ratio is the median of the rounds' ratios. With --joint, the
discriminator of the tutorial sees real and fake images together where Digitsmith's does (`cgan`, for the sake of batch
norm), which is more work for it. `residual` has no such loop beside it.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

import tutorial
from digitsmith.config.loading import load_config
from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.sources import load_dataset
from digitsmith.progress import Silent
from digitsmith.records.run import Run
from digitsmith.training.gans.loop import Batches, Job, make_step
from digitsmith.training.gans.setup import settle
from digitsmith.training.gans.state import State, new_state, update_ema
from digitsmith.training.gans.styles import Styles
from digitsmith.training.networks import new_networks
from digitsmith.training.ranks import ALONE, Ranks

BATCHES = {"gan": (64, 128), "cgan": (64, 128), "residual": (128,)}


def digitsmith_steps(data: Dataset, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> Iterator[State]:
    """The steps of `digitsmith.training.gans.loop`, without its logs, samples and checkpoints."""
    job = Job(config, data, Run(Path("unused")), device, None, Silent(), ranks=ranks)
    state = new_state(config, (1, *data.image_size), len(data.classes), device)
    if config.networks.styles > 1:  # which style an image has makes no difference to the speed
        styles, labels = config.networks.styles, torch.from_numpy(data.labels)
        state.styles = Styles(
            labels * styles + torch.arange(len(labels)) % styles, torch.zeros(len(data.classes), styles - 1)
        )
    state.join(ranks)
    batches, position = Batches(job, state), state.position
    while True:
        torch.set_flush_denormal(True)
        state.sums += make_step(job, state, batches)
        update_ema(state, config.optimizer.ema)
        torch.set_flush_denormal(False)
        position.step += 1
        position.epoch, position.epoch_step = divmod(position.step, job.steps_per_epoch)
        yield state


def product_operations(config: TrainConfig) -> int:
    """Floating-point operations of one step's matrix products, of the fully connected networks."""

    def multiplications(network: nn.Module, *, all_but_first: bool = False) -> int:
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        return sum(layer.weight.numel() for layer in layers[all_but_first:])

    n = config.optimizer.batch_size
    g, d = new_networks(config, (1, 28, 28), 10)
    judged = 2 * n if d.joint else n
    forward = 2 * n * multiplications(g) + (2 * n + judged) * multiplications(d)
    discriminator_update = 2 * n * (multiplications(d) + multiplications(d, all_but_first=True))
    generator_update = n * (multiplications(d) + multiplications(g) + multiplications(g, all_but_first=True))
    return 2 * (forward + discriminator_update + generator_update)


@functools.cache
def measured_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations a second of large square products."""
    a, b = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    times = [seconds_per_step(lambda: a @ b, 1, device) for _ in range(12)]
    return 2 * 2048**3 / statistics.median(times[2:])


def seconds_per_step(step: Callable[[], object], steps: int, device: torch.device) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / steps


def beside_tutorial(data: Dataset, config: TrainConfig, device: torch.device, rounds: int, joint: bool) -> str:
    theirs, ours = tutorial.train(data, config, str(device), joint=joint), digitsmith_steps(data, config, device)
    for _ in range(10):
        next(theirs), next(ours)
    times = [
        (seconds_per_step(lambda: next(theirs), 12, device), seconds_per_step(lambda: next(ours), 40, device))
        for _ in range(rounds)
    ]
    ratios = sorted(slow / fast for slow, fast in times)
    slow, fast = (statistics.median(column) for column in zip(*times, strict=True))
    products = product_operations(config) / measured_rate(dtype_of(config), device)
    return (
        f"{fast * 1e3:13.1f}  {config.optimizer.batch_size / fast:8,.0f}  {slow * 1e3:11.1f}  "
        f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})  {products * 1e3:17.1f}"
    )


def alone(data: Dataset, config: TrainConfig, device: torch.device, rounds: int) -> str:
    ours = digitsmith_steps(data, config, device)
    for _ in range(config.loss.r1_every):
        next(ours)
    whole_turns = 2 * config.loss.r1_every  # of the penalty
    fast = statistics.median(seconds_per_step(lambda: next(ours), whole_turns, device) for _ in range(rounds))
    return f"{fast * 1e3:13.1f}  {config.optimizer.batch_size / fast:8,.0f}"


def dtype_of(config: TrainConfig) -> torch.dtype:
    return torch.bfloat16 if config.run.precision == "bfloat16" else torch.float32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--joint", action="store_true")
    parser.add_argument("--preset", choices=BATCHES)
    arguments = parser.parse_args()
    device, rounds = arguments.device, arguments.rounds
    digits = load_dataset("digits")
    data = digits.take(np.arange(60_000) % len(digits))  # as many as MNIST has
    rates = {dtype: measured_rate(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}; large products: " + ", ".join(
        f"{str(dtype).removeprefix('torch.')} {rate / 1e12:.2f} TFLOP/s" for dtype, rate in rates.items()))  # fmt: skip
    print("preset    batch  precision  digitsmith ms  images/s  tutorial ms  ratio (min-max)     products alone ms")
    for preset in [arguments.preset] if arguments.preset else BATCHES:
        for batch in BATCHES[preset]:
            config = settle(load_config(preset, {"batch_size": batch}), data, device)
            if config.networks.architecture == "fully-connected":
                row = beside_tutorial(data, config, device, rounds, arguments.joint)
            else:
                row = alone(data, config, device, rounds)
            print(f"{preset:8}  {batch:5}  {config.run.precision:9}  {row}", flush=True)


if __name__ == "__main__":
    main()
