"""A classifier in training: its weights, their average, what updates them, and the images that it learns from."""

import hashlib
from collections.abc import Callable
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
from digitsmith.training.device import bfloat16_is_fast
from digitsmith.training.distortion import Distortion, distort, soften
from digitsmith.training.ranks import ALONE, Ranks
from digitsmith.training.readers.classifier import Classifier, Recipe
from digitsmith.training.readers.consistency import consistency_loss, pseudo_labels
from digitsmith.training.readers.negatives import negatives
from digitsmith.untrusted import read_bytes, reading

LEAST_SHARE = 8
"""Labelled images of a step, in each of several ranks: for so many there is one of no digit."""

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


class ClassifierTraining:
    """A classifier, its average, and the images that it learns from, on one device."""

    def __init__(self, data: Dataset, recipe: Recipe, seed: int, extras: Extras, ranks: Ranks = ALONE) -> None:
        assert data.labels is not None
        torch.manual_seed(seed)
        self.recipe, self.extras, self.ranks = recipe, extras, ranks
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
        self.batch_size = ranks.whole(min(recipe.batch_size, len(data)), LEAST_SHARE)
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

    def make_epoch(self, interrupted: Callable[[], bool] = lambda: False) -> bool:
        """See all labelled images once, and as many unlabelled ones in each step as is asked for.

        `interrupted` is asked after each step. If it says so, the epoch is not ended: False.
        """
        self.net.train()
        order, measured = torch.randperm(len(self.images), device=self.device), []
        with self.ranks.own_chance():
            for step in range(self.steps):
                batch = order[step * self.batch_size :][: self.batch_size]
                measured.append(self._make_step(self.ranks.part(batch)))
                if interrupted():
                    return False
        means = torch.stack(measured).mean(0)
        statistics = [b for net in (self.net, self.averaged) for b in net.buffers() if b.is_floating_point()]
        self.ranks.average([means, *statistics])
        loss, sure = means.tolist()
        self.losses.append(loss)
        if self.others is not None:
            self.sure.append(sure)
        return True

    def _make_step(self, batch: Tensor) -> Tensor:
        """The loss of labelled images, and the share of unlabelled ones that have a pseudo-label: float32[2]."""
        distortion = self._distortion()
        seen, targets = [distort(to_unit(self.images[batch].float()), distortion)], [self.labels[batch]]
        if self.extras.refuses:
            seen.append(negatives(seen[0][: len(batch) // LEAST_SHARE]))
            targets.append(torch.full((len(seen[1]),), self.classes, device=self.device))
        n, sure = sum(map(len, targets)), torch.zeros((), device=self.device)
        if self.others is not None:
            share = max(1, self.extras.per_step // self.ranks.count)
            chosen = torch.randint(len(self.others), (share,), device=self.device)
            unlabelled = to_unit(self.others[chosen].float())
            seen.append(distort(unlabelled, distortion))
            teacher = partial(self._logits, self.trained)
            pseudo, is_sure = pseudo_labels(teacher, unlabelled, self.shares, self.classes, self.ranks)
            sure = (is_sure * (pseudo < self.classes)).mean()  # of a class, not of no digit
        logits = self._logits(self.net, soften(torch.cat(seen), self.recipe.softness))
        loss = of_labelled = functional.cross_entropy(logits[:n], torch.cat(targets))
        if self.others is not None:
            loss = loss + consistency_loss(logits[n:], pseudo, is_sure)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.ranks.average([weight.grad for weight in self.net.parameters() if weight.grad is not None])
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
        with staged_file(path) as staged:
            staged.write_bytes(serialize({key: value.detach().contiguous() for key, value in self.pack().items()}))

    def pack(self) -> dict[str, Tensor]:
        """The state, by name."""
        tensors = {"random": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["random_on_device"] = torch.cuda.get_rng_state(self.device)
        tensors |= {"losses": torch.tensor(self.losses), "sure": torch.tensor(self.sure), "shares": self.shares}
        tensors["method"] = self._method
        for name, network in (("net", self.net), ("averaged", self.averaged)):
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for i, moments in enumerate(self.optimizer.state_dict()["state"].values()):
            tensors |= {f"optimizer.{i}.{key}": value for key, value in moments.items()}
        return tensors

    def load(self, path: Path) -> None:
        """Go on from a state.

        Raises:
            RunError: it is damaged, or that of another training.
        """
        with reading(path, RunError, "remove it to begin again"):
            tensors = deserialize(read_bytes(path, _MOST_BYTES))
            if not torch.equal(tensors["method"], self._method):
                raise RunError(f"{path} was made in another way, by another version: remove it to begin again.")
            self.unpack(tensors)

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """Make the state what was packed."""
        self.losses, self.sure = tensors["losses"].tolist(), tensors["sure"].tolist()
        self.shares.copy_(tensors["shares"])
        for name, network in (("net", self.net), ("averaged", self.averaged)):
            network.load_state_dict(
                {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
            )
        if made := len(self.losses) * self.steps:
            self.optimizer.load_state_dict(self._optimizer_state(tensors))
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
