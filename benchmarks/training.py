"""Training speed: Digitsmith against a tutorial's loop, side by side, and against what the products alone need.

    python benchmarks/training.py [--rounds N] [--device cpu] [--joint]

For `gan` and `cgan` at batches of 64 and 128, on 60,000 images of 28x28 (the embedded digits, repeated). The two loops
take turns in rounds; the ratio is the median of the rounds' ratios. The tutorial's loop is in `tutorial.py`; with
--joint, its discriminator sees real and fake images together where Digitsmith's does (`cgan`, for the sake of batch
norm), which is more work for it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

import tutorial
from digitsmith.config.schema import TrainConfig, load_config
from digitsmith.data.dataset import Dataset
from digitsmith.data.pixels import to_unit
from digitsmith.data.sources import load_dataset
from digitsmith.training.dense import DenseTrainee, dense_step
from digitsmith.training.loop import flushed_denormals
from digitsmith.training.networks import Discriminator, FullyConnected, Generator
from digitsmith.training.prepare import settle_precision


def digitsmith_steps(data: Dataset, config: TrainConfig, device: str) -> Iterator[None]:
    """The steps of `digitsmith.training.loop`, without its logs and checkpoints."""
    where = torch.device(device)
    dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    generator = DenseTrainee(Generator(config, (28, 28), 10).to(where), config.generator, dtype)
    discriminator = DenseTrainee(Discriminator(config, (28, 28), 10).to(where), config.discriminator, dtype)
    images = torch.tensor(data.images, device=where)[:, None]
    labels = torch.tensor(data.labels, device=where)
    while True:
        order = torch.randperm(len(data)).to(where)
        for batch in order.split(config.batch_size)[:-1]:
            real = to_unit(images.index_select(0, batch).float())
            label = labels.index_select(0, batch) if config.conditional else None
            with flushed_denormals():
                dense_step(generator, discriminator, real, label, config)
            yield


def product_operations(config: TrainConfig) -> int:
    """Floating-point operations of one step's matrix products."""

    def multiplications(network: FullyConnected, *, all_but_first: bool = False) -> int:
        return sum(layer.weight.numel() for layer in network.linears[all_but_first:])

    n = config.batch_size
    g, d = Generator(config, (28, 28), 10), Discriminator(config, (28, 28), 10)
    judged = 2 * n if config.discriminator.batch_norm else n
    forward = 2 * n * multiplications(g) + (2 * n + judged) * multiplications(d)
    discriminator_update = 2 * n * (multiplications(d) + multiplications(d, all_but_first=True))
    generator_update = n * (multiplications(d) + multiplications(g) + multiplications(g, all_but_first=True))
    return 2 * (forward + discriminator_update + generator_update)


def measured_rate(dtype: torch.dtype, device: str) -> float:
    """Floating-point operations a second of large square products."""
    a, b = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        synchronise(device)
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / statistics.median(times[2:])


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def seconds_per_step(step: Callable[[], object], steps: int, device: str) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(device)
    return (time.perf_counter() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--joint", action="store_true")
    arguments = parser.parse_args()
    device = arguments.device
    digits = load_dataset("digits")
    repeated = np.arange(60_000) % len(digits)  # as many as MNIST has
    data = Dataset(digits.images[repeated], digits.labels[repeated], digits.classes)
    rates = {dtype: measured_rate(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}; large products: " + ", ".join(
        f"{str(dtype).removeprefix('torch.')} {rate / 1e12:.2f} TFLOP/s" for dtype, rate in rates.items()))  # fmt: skip
    print("preset  batch  precision  tutorial ms  digitsmith ms  images/s  ratio (min-max)     products alone ms")
    for preset in ("gan", "cgan"):
        for batch in (64, 128):
            config = settle_precision(load_config(preset, {"batch_size": batch}), torch.device(device))
            theirs, ours = (
                tutorial.train(data, config, device, joint=arguments.joint),
                digitsmith_steps(data, config, device),
            )
            for _ in range(10):
                next(theirs), next(ours)
            rounds = [
                (
                    seconds_per_step(lambda: next(theirs), 12, device),  # noqa: B023
                    seconds_per_step(lambda: next(ours), 40, device),  # noqa: B023
                )
                for _ in range(arguments.rounds)
            ]
            ratios = sorted(slow / fast for slow, fast in rounds)
            slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
            rate = rates[torch.bfloat16 if config.precision == "bfloat16" else torch.float32]
            print(
                f"{preset:7} {batch:5}  {config.precision:9}  {slow * 1e3:11.1f}  {fast * 1e3:13.1f}  "
                f"{batch / fast:8,.0f}  "
                f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})  "
                f"{product_operations(config) / rate * 1e3:17.1f}"
            )


if __name__ == "__main__":
    main()
