"""A small convolutional classifier of digits: the digit-net is one, and the studies of usefulness train others."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.progress import Progress
from digitsmith.training.distortion import Distortion, distort
from digitsmith.training.learner import bfloat16_is_fast

_SCORED_AT_ONCE = 1000


@dataclass(frozen=True)
class Recipe:
    """How a classifier is built and trained.

    Attributes:
        layers: (width, stride) of each 3x3 convolution, from the image on.
        epochs: passes over the images.
        batch_size: images per step.
        lr: the highest learning rate of AdamW, after a rise over a fifth of the steps and before a cosine fall to 0.
        weight_decay: of AdamW.
        rotation: largest angle of augmentation, in degrees.
        scale: largest change of size, as a share of it, for each axis by itself.
        shift: largest shift, as a share of the side.
        shear: largest shear.
        elastic: standard deviation of smooth shifts, as a share of half the side.
        thickness: largest growth or loss of strokes, in pixels on each side.
    """

    layers: tuple[tuple[int, int], ...]
    epochs: int
    batch_size: int = 128
    lr: float = 3e-3
    weight_decay: float = 0.02
    rotation: float = 12.0
    scale: float = 0.12
    shift: float = 0.07
    shear: float = 0.15
    elastic: float = 0.0
    thickness: float = 0.0

    @property
    def distortion(self) -> Distortion:
        """Of the images in training."""
        return Distortion(self.rotation, self.scale, self.shift, self.shear, self.elastic, self.thickness)


class Classifier(nn.Module):
    """Convolutions with batch norm and ReLU, an average over places, and one linear layer.

    The features are what the linear layer sees: the widest convolution's ReLUs, averaged over places.
    """

    def __init__(self, layers: tuple[tuple[int, int], ...], classes: int, channels: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        width_in = channels
        for width, stride in layers:
            blocks += [
                nn.Conv2d(width_in, width, kernel_size=3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            width_in = width
        self.convolutions = nn.Sequential(*blocks)
        self.head = nn.Linear(width_in, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits.

        Args:
            images: float32[n, channels, h, w] in [-1, 1].

        Returns:
            float32[n, width] features, and float32[n, classes] logits.
        """
        features = self.convolutions(images).mean((2, 3))
        return features, self.head(features)


def train_classifier(
    data: Dataset,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    *,
    work: str = "training a classifier",
    validation: Dataset | None = None,
) -> Classifier:
    """Train a classifier, on CPU or a GPU.

    The weights kept are an exponential average over the last epoch or so.

    Args:
        data: labelled images.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their augmentation.
        progress: told of each epoch, and of the accuracy on the validation images.
        work: its name for the progress.
        validation: labelled images on which to choose the best epoch; without any, the last epoch is taken.
    """
    assert data.labels is not None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fast = bfloat16_is_fast(device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Classifier(recipe.layers, len(data.classes), data.channels).to(device)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = torch.tensor(to_planes(data.images), device=device)
        labels = torch.tensor(data.labels, device=device)
        batch_size = min(recipe.batch_size, len(data))
        steps_per_epoch = len(data) // batch_size
        decay = 1 - 2 / max(steps_per_epoch, 4)
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        averaged = AveragedModel(net, multi_avg_fn=average, use_buffers=True)
        trained: Classifier = averaged.module  # type: ignore[assignment]
        optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=recipe.lr, total_steps=recipe.epochs * steps_per_epoch, pct_start=0.2
        )
        best: tuple[float, dict[str, Tensor]] | None = None
        for epoch in range(recipe.epochs):
            net.train()
            order = torch.randperm(len(data), device=device)
            for step in range(steps_per_epoch):
                batch = order[step * batch_size :][:batch_size]
                distorted = distort(to_unit(images[batch].float()), recipe.distortion)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast):
                    _, logits = net(distorted.contiguous(memory_format=torch.channels_last))
                loss = functional.cross_entropy(logits.float(), labels[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                averaged.update_parameters(net)
            detail = ""
            if validation is not None and validation.labels is not None:
                predicted = classify(trained, validation.images)
                accuracy = float((predicted == validation.labels).mean())
                if best is None or accuracy > best[0]:
                    best = accuracy, {name: value.clone() for name, value in trained.state_dict().items()}
                detail = f"validation accuracy {accuracy:.4f}"
            progress.update(work, epoch + 1, recipe.epochs, detail)
        if best is not None:
            trained.load_state_dict(best[1])
        return trained.eval()


@torch.no_grad()
def classify(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The most likely class of images, uint8[n, h, w] or uint8[n, h, w, 3]: int64[n]."""
    classifier.eval()
    device = next(classifier.parameters()).device
    parts = []
    for start in range(0, len(images), _SCORED_AT_ONCE):
        batch = to_unit(torch.tensor(to_planes(images[start : start + _SCORED_AT_ONCE]), device=device).float())
        parts.append(classifier(batch.contiguous(memory_format=torch.channels_last))[1].argmax(1).cpu())
    predicted: NDArray[np.int64] = torch.cat(parts).numpy()
    return predicted
