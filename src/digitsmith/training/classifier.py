"""A small convolutional classifier of digits: the digit-net is one, and the studies of usefulness train others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.errors import RunError
from digitsmith.files import staged_file
from digitsmith.progress import Progress
from digitsmith.training.consistency import consistency_loss, pseudo_labels
from digitsmith.training.distortion import Distortion, distort
from digitsmith.training.learner import bfloat16_is_fast
from digitsmith.training.negatives import negatives
from digitsmith.untrusted import read_bytes, reading

_SCORED_AT_ONCE = 1000
_OF_NONE = 4  # labelled images for each image of no digit
_MOST_BYTES = 2**28  # of a checkpoint


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


@dataclass(frozen=True)
class Extras:
    """What a classifier learns from, beside labelled images.

    Attributes:
        unlabelled: images without labels, uint8[n, h, w] or uint8[n, h, w, 3].
        per_step: how many of these are seen in a step.
        refuses: whether the classifier has one more class behind the others, of no digit, and sees such images.
    """

    unlabelled: NDArray[np.uint8] | None = None
    per_step: int = 256
    refuses: bool = False


def train_classifier(
    data: Dataset,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    *,
    work: str = "training a classifier",
    validation: Dataset | None = None,
    extras: Extras | None = None,
    checkpoint: Path | None = None,
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
        extras: what else it learns from.
        checkpoint: a file for its state after each epoch, from which it goes on if it is there.
    """
    with torch.random.fork_rng():
        training = _Training(data, recipe, seed, extras or Extras())
        if checkpoint is not None and checkpoint.is_file():
            training.load(checkpoint)
        best: tuple[float, dict[str, Tensor]] | None = None
        for epoch in range(training.epoch, recipe.epochs):
            training.make_epoch()
            detail = ""
            if validation is not None and validation.labels is not None:
                predicted = classify(training.trained, validation.images)
                accuracy = float((predicted == validation.labels).mean())
                if best is None or accuracy > best[0]:
                    best = accuracy, {name: value.clone() for name, value in training.trained.state_dict().items()}
                detail = f"validation accuracy {accuracy:.4f}"
            elif training.sure is not None:
                detail = f"sure of {training.sure:.0%} of the unlabelled images"
            if checkpoint is not None:
                training.save(checkpoint)
            progress.update(work, epoch + 1, recipe.epochs, detail)
        if best is not None:
            training.trained.load_state_dict(best[1])
        return training.trained.eval()


class _Training:
    """A classifier, its average, and the images that it learns from, on one device."""

    def __init__(self, data: Dataset, recipe: Recipe, seed: int, extras: Extras) -> None:
        assert data.labels is not None
        torch.manual_seed(seed)
        self.recipe, self.extras, self.epoch = recipe, extras, 0
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.fast = bfloat16_is_fast(self.device)
        self.images = torch.tensor(to_planes(data.images), device=self.device)
        self.labels = torch.tensor(data.labels, device=self.device)
        self.others = None
        if extras.unlabelled is not None:
            self.others = torch.tensor(to_planes(extras.unlabelled), device=self.device)
        self.classes = len(data.classes)
        net = Classifier(recipe.layers, self.classes + extras.refuses, data.channels).to(self.device)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batch_size = min(recipe.batch_size, len(data))
        self.steps = len(data) // self.batch_size  # in an epoch
        average = get_ema_multi_avg_fn(1 - 2 / max(self.steps, 4))  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True)
        self.trained: Classifier = self.averaged.module  # type: ignore[assignment]
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=recipe.lr, total_steps=recipe.epochs * self.steps, pct_start=0.2
        )
        self.sure: float | None = None  # the share of unlabelled images of the last epoch that had a pseudo-label

    def make_epoch(self) -> None:
        """See all labelled images once, and as many unlabelled ones in each step as is asked for."""
        self.net.train()
        order = torch.randperm(len(self.images), device=self.device)
        shares = [self._make_step(order[step * self.batch_size :][: self.batch_size]) for step in range(self.steps)]
        self.sure = None if self.others is None else float(torch.stack(shares).mean())
        self.epoch += 1

    def _make_step(self, batch: Tensor) -> Tensor:
        distortion = self.recipe.distortion
        seen, targets = [distort(to_unit(self.images[batch].float()), distortion)], [self.labels[batch]]
        if self.extras.refuses:
            seen.append(negatives(seen[0][: len(batch) // _OF_NONE]))
            targets.append(torch.full((len(seen[1]),), self.classes, device=self.device))
        n, sure = sum(map(len, targets)), torch.zeros((), device=self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.fast):
            if self.others is not None:
                chosen = torch.randint(len(self.others), (self.extras.per_step,), device=self.device)
                unlabelled = to_unit(self.others[chosen].float())
                pseudo, is_sure = pseudo_labels(self.net, unlabelled)
                seen.append(distort(unlabelled, distortion))
            _, logits = self.net(torch.cat(seen).contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits[:n].float(), torch.cat(targets))
        if self.others is not None:
            loss = loss + consistency_loss(logits[n:].float(), pseudo, is_sure)
            sure = is_sure.mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.net)
        return sure

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {"random": torch.get_rng_state(), "epoch": torch.tensor(self.epoch)}
        for name, network in (("net", self.net), ("averaged", self.averaged)):
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for i, moments in enumerate(self.optimizer.state_dict()["state"].values()):
            tensors |= {f"optimizer.{i}.{key}": value for key, value in moments.items()}
        with staged_file(path) as staged:
            staged.write_bytes(serialize({key: value.detach().contiguous() for key, value in tensors.items()}))

    def load(self, path: Path) -> None:
        """Go on from a state.

        Raises:
            RunError: it is damaged, or that of another training.
        """
        with reading(path, RunError, "remove it to begin again"):
            tensors = deserialize(read_bytes(path, _MOST_BYTES))
            self.epoch = int(tensors["epoch"])
            for name, network in (("net", self.net), ("averaged", self.averaged)):
                network.load_state_dict(
                    {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
                )
            self.optimizer.load_state_dict(self._optimizer_state(tensors))
            made = self.epoch * self.steps
            schedule = self.schedule.state_dict() | {"last_epoch": made - 1, "_step_count": made}
            self.schedule.load_state_dict(schedule)
            self.schedule.step()
            torch.set_rng_state(tensors["random"])

    def _optimizer_state(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        state: dict[str, Any] = self.optimizer.state_dict()
        for i, weight in enumerate(self.net.parameters()):
            moments = {key: tensors[f"optimizer.{i}.{key}"] for key in ("exp_avg", "exp_avg_sq")}
            laid_out = {key: torch.empty_like(weight).copy_(moment) for key, moment in moments.items()}
            state["state"][i] = {"step": tensors[f"optimizer.{i}.step"], **laid_out}  # in memory as the weights are
        return state


def classify(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The most likely class of images, uint8[n, h, w] or uint8[n, h, w, 3]: int64[n]."""
    predicted: NDArray[np.int64] = logits_of(classifier, images).argmax(1).numpy()
    return predicted


@torch.no_grad()
def logits_of(classifier: Classifier, images: NDArray[np.uint8]) -> Tensor:
    """What a classifier says of images, uint8[n, h, w] or uint8[n, h, w, 3]: float32[n, classes], on the CPU."""
    classifier.eval()
    device = next(classifier.parameters()).device
    parts = []
    for start in range(0, len(images), _SCORED_AT_ONCE):
        batch = to_unit(torch.tensor(to_planes(images[start : start + _SCORED_AT_ONCE]), device=device).float())
        parts.append(classifier(batch.contiguous(memory_format=torch.channels_last))[1].cpu())
    return torch.cat(parts)
