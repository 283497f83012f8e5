"""Training a classifier: from labelled images, and from what else there is to learn from."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitsmith.data.dataset import Dataset
from digitsmith.data.images.pixels import to_planes, to_unit
from digitsmith.errors import RunError
from digitsmith.files import staged_file
from digitsmith.progress import Progress
from digitsmith.training.classifier import Classifier, Recipe, classify
from digitsmith.training.consistency import consistency_loss, pseudo_labels
from digitsmith.training.distortion import Distortion, distort, soften
from digitsmith.training.learner import bfloat16_is_fast
from digitsmith.training.negatives import negatives
from digitsmith.untrusted import read_bytes, reading

_OF_NONE = 8  # labelled images for each image of no digit
_MOST_BYTES = 2**28  # of a checkpoint


@dataclass(frozen=True)
class Extras:
    """What a classifier learns from, beside labelled images.

    Attributes:
        unlabelled: images without labels, uint8[n, h, w] or uint8[n, h, w, 3].
        per_step: how many of these are seen in a step.
        late: how all images are distorted in the second half of the training; None is as in the first.
        refuses: whether the classifier has one more class behind the others, of no digit, and sees such images.
    """

    unlabelled: NDArray[np.uint8] | None = None
    per_step: int = 128
    late: Distortion | None = None
    refuses: bool = False


@dataclass(frozen=True, eq=False)
class Taught:
    """A classifier, and what became of its training in each epoch.

    Attributes:
        classifier: its weights are an exponential average over the last epoch or so.
        losses: the mean loss of labelled images.
        sure: the share of unlabelled images that had a pseudo-label; empty without unlabelled images.
    """

    classifier: Classifier
    losses: tuple[float, ...]
    sure: tuple[float, ...]


def train_classifier(
    data: Dataset,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    *,
    work: str = "training a classifier",
    validation: Dataset | None = None,
) -> Classifier:
    """Train a classifier on labelled images alone, on CPU or a GPU.

    The weights kept are an exponential average over the last epoch or so.

    Args:
        data: labelled images.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their augmentation.
        progress: told of each epoch, and of the accuracy on the validation images.
        work: its name for the progress.
        validation: labelled images on which to choose the best epoch; without any, the last epoch is taken.
    """
    with torch.random.fork_rng():
        training = _Training(data, recipe, seed, Extras())
        best: tuple[float, dict[str, Tensor]] | None = None
        for epoch in range(recipe.epochs):
            training.make_epoch()
            detail = ""
            if validation is not None and validation.labels is not None:
                predicted = classify(training.trained, validation.images)
                accuracy = float((predicted == validation.labels).mean())
                if best is None or accuracy > best[0]:
                    best = accuracy, {name: value.clone() for name, value in training.trained.state_dict().items()}
                detail = f"validation accuracy {accuracy:.4f}"
            progress.update(work, epoch + 1, recipe.epochs, detail)
        if best is not None:
            training.trained.load_state_dict(best[1])
        return training.trained


def teach(
    data: Dataset, recipe: Recipe, seed: int, extras: Extras, checkpoint: Path, progress: Progress, *, work: str
) -> Taught:
    """Train a classifier on labelled images and on what else there is, resumably.

    Args:
        data: labelled images.
        recipe: what to build and how to train it.
        seed: decides the first weights, the order of the images and their augmentation.
        extras: what else it learns from.
        checkpoint: a file for its state after each epoch, from which it goes on if it is there.
        progress: told of each epoch.
        work: its name for the progress.

    Raises:
        RunError: the checkpoint is damaged, or that of another training.
    """
    with torch.random.fork_rng():
        training = _Training(data, recipe, seed, extras)
        if checkpoint.is_file():
            training.load(checkpoint)
        for epoch in range(len(training.losses), recipe.epochs):
            training.make_epoch()
            training.save(checkpoint)
            detail = f"sure of {training.sure[-1]:.0%} of the unlabelled images" if training.sure else ""
            progress.update(work, epoch + 1, recipe.epochs, detail)
        return Taught(training.trained, tuple(training.losses), tuple(training.sure))


class _Training:
    """A classifier, its average, and the images that it learns from, on one device."""

    def __init__(self, data: Dataset, recipe: Recipe, seed: int, extras: Extras) -> None:
        assert data.labels is not None
        torch.manual_seed(seed)
        self.recipe, self.extras = recipe, extras
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.fast = bfloat16_is_fast(self.device)
        self.images = torch.tensor(to_planes(data.images), device=self.device)
        self.labels = torch.tensor(data.labels, device=self.device)
        self.others = None
        if extras.unlabelled is not None:
            self.others = torch.tensor(to_planes(extras.unlabelled), device=self.device)
        self.classes = len(data.classes)
        outputs = self.classes + extras.refuses
        net = Classifier(recipe.layers, outputs, data.channels).to(self.device)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batch_size = min(recipe.batch_size, len(data))
        self.steps = len(data) // self.batch_size  # in an epoch
        average = get_ema_multi_avg_fn(1 - 2 / max(self.steps, 4))  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True)
        self.trained: Classifier = self.averaged.module.eval()  # type: ignore[assignment]
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=recipe.lr, total_steps=max(recipe.epochs * self.steps, 6), pct_start=0.2
        )  # of 5 steps, it would divide by 0
        self.shares = torch.full((outputs,), 1 / outputs, device=self.device)  # of the classes, in pseudo-labels
        method = repr((recipe, replace(extras, unlabelled=None), len(data), outputs))
        self._method = torch.tensor(list(hashlib.sha256(method.encode()).digest()), dtype=torch.uint8)
        self.losses: list[float] = []  # of each epoch
        self.sure: list[float] = []

    def make_epoch(self) -> None:
        """See all labelled images once, and as many unlabelled ones in each step as is asked for."""
        self.net.train()
        order = torch.randperm(len(self.images), device=self.device)
        steps = [self._make_step(order[step * self.batch_size :][: self.batch_size]) for step in range(self.steps)]
        loss, sure = torch.stack(steps).mean(0).tolist()
        self.losses.append(loss)
        if self.others is not None:
            self.sure.append(sure)

    def _make_step(self, batch: Tensor) -> Tensor:
        """The loss of labelled images, and the share of unlabelled ones that have a pseudo-label: float32[2]."""
        distortion = self._distortion()
        seen, targets = [distort(to_unit(self.images[batch].float()), distortion)], [self.labels[batch]]
        if self.extras.refuses:
            seen.append(negatives(seen[0][: len(batch) // _OF_NONE]))
            targets.append(torch.full((len(seen[1]),), self.classes, device=self.device))
        n, sure = sum(map(len, targets)), torch.zeros((), device=self.device)
        if self.others is not None:
            chosen = torch.randint(len(self.others), (self.extras.per_step,), device=self.device)
            unlabelled = to_unit(self.others[chosen].float())
            seen.append(distort(unlabelled, distortion))
            teacher = partial(self._logits, self.trained)
            pseudo, is_sure = pseudo_labels(teacher, unlabelled, self.shares, self.classes)
            sure = (is_sure * (pseudo < self.classes)).mean()  # of a class, not of no digit
        logits = self._logits(self.net, soften(torch.cat(seen), self.recipe.softness))
        loss = of_labelled = functional.cross_entropy(logits[:n], torch.cat(targets))
        if self.others is not None:
            loss = loss + consistency_loss(logits[n:], pseudo, is_sure)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.net)
        return torch.stack([of_labelled.detach(), sure])

    def _distortion(self) -> Distortion:
        """Of images in this epoch."""
        is_late = len(self.losses) >= self.recipe.epochs / 2
        return self.extras.late if self.extras.late and is_late else self.recipe.distortion

    def _logits(self, net: Classifier, images: Tensor) -> Tensor:
        """Of images, float32[n, channels, h, w] in [-1, 1]: float32[n, classes]. Only the network is in bfloat16."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.fast):
            logits: Tensor = net(images.contiguous(memory_format=torch.channels_last))[1]
        return logits.float()

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {"random": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["random_on_device"] = torch.cuda.get_rng_state(self.device)
        tensors |= {"losses": torch.tensor(self.losses), "sure": torch.tensor(self.sure), "shares": self.shares}
        tensors["method"] = self._method
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
            if not torch.equal(tensors["method"], self._method):
                raise RunError(f"{path} was made in another way, by another version: remove it to begin again.")
            self.losses, self.sure = tensors["losses"].tolist(), tensors["sure"].tolist()
            self.shares.copy_(tensors["shares"])
            for name, network in (("net", self.net), ("averaged", self.averaged)):
                network.load_state_dict(
                    {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
                )
            self.optimizer.load_state_dict(self._optimizer_state(tensors))
            made = len(self.losses) * self.steps
            schedule = self.schedule.state_dict() | {"last_epoch": made - 1, "_step_count": made}
            self.schedule.load_state_dict(schedule)
            self.schedule.step()
            torch.set_rng_state(tensors["random"])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(tensors["random_on_device"], self.device)

    def _optimizer_state(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        state: dict[str, Any] = self.optimizer.state_dict()
        for i, weight in enumerate(self.net.parameters()):
            moments = {key: tensors[f"optimizer.{i}.{key}"] for key in ("exp_avg", "exp_avg_sq")}
            laid_out = {key: torch.empty_like(weight).copy_(moment) for key, moment in moments.items()}
            state["state"][i] = {"step": tensors[f"optimizer.{i}.step"], **laid_out}  # in memory as the weights are
        return state
