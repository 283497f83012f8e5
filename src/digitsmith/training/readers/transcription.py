"""Training a CRNN on images of numbers, from their texts alone, and reading with it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitsmith.data.images.pixels import to_unit
from digitsmith.progress import Progress
from digitsmith.training.device import bfloat16_is_fast
from digitsmith.training.distortion import Distortion, distort, soften
from digitsmith.training.readers.crnn import CRNN, SHRINKS, STEPS

_TOGETHER = 8  # batches among which images are sorted by width, so that little of a batch is beside its images
_READ_AT_ONCE = 256
_NOTHING = -100  # is looked for at these steps


@dataclass(frozen=True)
class TranscriptionRecipe:
    """How a CRNN is built and trained.

    Attributes:
        layers: (width, stride) of each convolution, from the image on.
        features: of each step, before the recurrent layer.
        hidden: of the recurrent layer, in each direction.
        height: of the images, in pixels.
        epochs: how often numbers are written anew.
        numbers: of an epoch.
        batch_size: images per step.
        flat_steps: at first, in which each character is looked for where it were if all were as wide: a flat start,
            after which CTC need not find out where they are, which takes it several times as many steps.
        lr: the highest learning rate of AdamW, after a rise over a tenth of the steps and before a cosine fall to 0.
        weight_decay: of AdamW.
        distorted: share of the images that are distorted; the fields below say how far at most.
        scale: change of size, as a share of it, for each axis by itself.
        shear: shear.
        elastic: standard deviation of smooth shifts, as a share of half the height.
        thickness: growth or loss of strokes, in pixels on each side.
        softness: how much softer or crisper they become, as in `soften`.
    """

    layers: tuple[tuple[int, int], ...] = ((32, 2), (64, 1), (64, 2), (128, 1))
    features: int = 128
    hidden: int = 64
    height: int = 32
    epochs: int = 48
    numbers: int = 4096
    batch_size: int = 16
    flat_steps: int = 120
    lr: float = 2e-3
    weight_decay: float = 0.02
    distorted: float = 0.5
    scale: float = 0.08
    shear: float = 0.1
    elastic: float = 0.06
    thickness: float = 0.3
    softness: float = 0.5

    @property
    def distortion(self) -> Distortion:
        """Of the images in training."""
        return Distortion(0.0, self.scale, 0.0, self.shear, self.elastic, self.thickness)


Line = tuple[NDArray[np.uint8], str]
"""An image of a number, uint8[h, w], dark ink on bright paper, and its text."""


def train_crnn(
    numbers: Callable[[int], Sequence[Line]],
    characters: Sequence[str],
    recipe: TranscriptionRecipe,
    seed: int,
    progress: Progress,
    *,
    work: str = "training a CRNN",
) -> CRNN:
    """Train a CRNN on the texts of images by CTC (Graves et al. 2006), on CPU or a GPU.

    The weights kept are an exponential average over the last epoch or so.

    Args:
        numbers: those of each epoch, `recipe.numbers` of them, of the recipe's height.
        characters: that the texts have.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their distortion.
        progress: told of each epoch.
        work: its name for the progress.
    """
    with torch.random.fork_rng():
        training = _Training(characters, recipe, seed)
        for epoch in range(recipe.epochs):
            loss = training.see(numbers(epoch))
            progress.update(work, epoch + 1, recipe.epochs, f"loss {loss:.4f}")
        return training.trained


class _Training:
    """A CRNN in training, and its average."""

    def __init__(self, characters: Sequence[str], recipe: TranscriptionRecipe, seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe, self.codes = recipe, {character: i + 1 for i, character in enumerate(characters)}
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.fast = bfloat16_is_fast(self.device)
        net = CRNN(recipe.layers, recipe.height, recipe.features, recipe.hidden, len(characters)).to(self.device)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        steps = recipe.numbers // recipe.batch_size
        average = get_ema_multi_avg_fn(1 - 2 / max(steps, 4))  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True)
        self.trained: CRNN = self.averaged.module.eval()  # type: ignore[assignment]
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=recipe.lr, total_steps=max(recipe.epochs * steps, 11), pct_start=0.1, div_factor=5
        )  # of 10 steps, it would divide by 0
        self.made = 0  # steps

    def see(self, lines: Sequence[Line]) -> float:
        """See each image once; the mean loss of a character."""
        self.net.train()
        order, size = torch.randperm(len(lines)).tolist(), self.recipe.batch_size
        batches: list[list[int]] = []
        for some in _parts(order, _TOGETHER * size):
            by_width = sorted(some, key=lambda i: lines[i][0].shape[1])
            batches += [batch for batch in _parts(by_width, size) if len(batch) == size]
        losses = [self._step([lines[i] for i in batches[at]]) for at in torch.randperm(len(batches)).tolist()]
        return float(torch.stack(losses).mean())

    def _step(self, batch: Sequence[Line]) -> Tensor:
        images = to_unit(side_by_side([image for image, _ in batch]).to(self.device).float())
        chosen = torch.randperm(len(images), device=self.device)[: round(self.recipe.distorted * len(images))]
        if len(chosen):
            images[chosen] = soften(distort(images[chosen], self.recipe.distortion), self.recipe.softness)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.fast):
            logits = self.net(images.contiguous(memory_format=torch.channels_last))
        flat = self.made < self.recipe.flat_steps
        loss = (self._flat_loss if flat else self._ctc_loss)(logits.float().log_softmax(2), batch)
        self.made += 1
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.net)
        return loss.detach()

    def _ctc_loss(self, found: Tensor, batch: Sequence[Line]) -> Tensor:
        """Of logarithms of probabilities, float32[steps, n, 1 + classes]."""
        lengths = torch.tensor([len(text) for _, text in batch])
        targets = torch.cat([self._coded(text) for _, text in batch]).to(self.device)
        steps = torch.full((len(batch),), len(found))
        return functional.ctc_loss(found, targets, steps, lengths, zero_infinity=True)

    def _flat_loss(self, found: Tensor, batch: Sequence[Line]) -> Tensor:
        """The same, where a character is in the middle half of its part of the image; all parts are as wide."""
        targets = torch.full(found.shape[:2], _NOTHING)
        for column, (image, text) in zip(targets.T, batch, strict=True):
            place = (torch.arange(len(column)) + 0.5) * (len(text) * SHRINKS / STEPS / image.shape[1])
            inside = (place < len(text)) & ((place % 1 - 0.5).abs() < 0.25)
            column[inside] = self._coded(text)[place[inside].long()]
        return functional.nll_loss(found.flatten(0, 1), targets.flatten().to(self.device), ignore_index=_NOTHING)

    def _coded(self, text: str) -> Tensor:
        return torch.tensor([self.codes[character] for character in text])


@torch.no_grad()
def transcribe(crnn: CRNN, images: Sequence[NDArray[np.uint8]], characters: Sequence[str]) -> list[str]:
    """What a CRNN reads in images, uint8[h, w], dark ink on bright paper: the likeliest character of each step."""
    crnn.eval()
    device = next(crnn.parameters()).device
    texts = [""] * len(images)
    by_width = sorted(range(len(images)), key=lambda i: images[i].shape[1])
    for places in _parts(by_width, _READ_AT_ONCE):
        seen = to_unit(side_by_side([images[i] for i in places]).to(device).float())
        steps = crnn(seen.contiguous(memory_format=torch.channels_last)).argmax(2).T.tolist()
        for place, codes in zip(places, steps, strict=True):
            texts[place] = "".join(characters[code - 1] for code, _ in itertools.groupby(codes) if code)
    return texts


def _parts(places: list[int], size: int) -> list[list[int]]:
    """Parts of that size, one after the other; the last may be smaller."""
    return [places[start : start + size] for start in range(0, len(places), size)]


def side_by_side(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Images as a CRNN sees them, bright ink on dark paper, with paper at the right of narrower ones.

    Args:
        images: uint8[h, w], of one height, dark ink on bright paper.

    Returns:
        uint8[n, 1, h, w], w of the widest, in multiples of `SHRINKS`.
    """
    height = images[0].shape[0]
    width = -(-max(image.shape[1] for image in images) // SHRINKS) * SHRINKS
    batch = np.zeros((len(images), 1, height, width), np.uint8)
    for place, image in zip(batch, images, strict=True):
        np.subtract(255, image, out=place[0, :, : image.shape[1]])
    return torch.from_numpy(batch)
