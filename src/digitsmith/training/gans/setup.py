"""What is settled before the first step: whether data and device will do, and what the config left open."""

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from digitsmith.config.schema import MOST_EPOCHS, Section, TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.data.reading import listed
from digitsmith.errors import ConfigError, DataError
from digitsmith.progress import Progress
from digitsmith.records.run import Run
from digitsmith.training.device import bfloat16_is_fast, find_device
from digitsmith.training.gans.loop import Job
from digitsmith.training.gans.start import Start
from digitsmith.training.gans.state import steps_per_epoch
from digitsmith.training.gans.styles import most_styles
from digitsmith.training.gans.validation import Validation, hold_out
from digitsmith.training.ranks import ALONE, Ranks

_S = TypeVar("_S", bound=Section)

_FEW = 2000  # images for which batches of 64 and shorter trainings do
_STEPS = {False: 5000, True: 1200}  # of a training from fresh weights, by whether images are few
_STEPS_FROM_PAIR = {False: 1500, True: 400}
_AUGMENT = {1000: 1.0, 5000: 0.6}  # below so many images, which are else learned by heart
"""Over 0.8, generated digits take the distortions on (Karras et al. 2020): that does no harm to classifiers."""


def prepare(
    run: Run, images: Dataset, config: TrainConfig, device: str, progress: Progress, start: Start | None = None,
    ranks: Ranks = ALONE,
) -> Job:  # fmt: skip
    """Settle what the user asks for, and say what is left out or changed."""
    if config.networks.conditional and images.labels is not None and (images.labels < 0).any():
        every, images = len(images), images.labelled()
        progress.note(f"{every - len(images):,} images have no label and are left out: the model is conditional.")
    check_data(images, config)
    where = find_device(device)
    ranks.introduce(where, progress)
    trained, held_out = hold_out(images) if config.run.evaluate_every else (images, None)
    check_data(trained, config)
    if start is not None:
        start.require_fitting(images)
    settled = settle(config, trained, where, started=start is not None)
    if settled.networks.styles < config.networks.styles:
        progress.note(
            f"Styles per class: {settled.networks.styles} instead of {config.networks.styles}, as each needs 100 "
            f"images."
        )
    validation = None if held_out is None else Validation(trained, held_out, settled)
    if validation is not None and not validation.floor:
        progress.note(
            "The held-out images are the same as the others, so that Fréchet distances have no ratio to theirs."
        )
    assert settled.optimizer.batch_size is not None
    ranks = ranks.sharing(settled.optimizer.batch_size, settled.networks.batch_multiple)
    job = Job(settled, trained, run, where, validation, progress, start, ranks)
    asked, made = config.optimizer.steps, job.epochs * job.steps_per_epoch
    if asked and made > 1.1 * asked:
        progress.note(f"{made:,} steps instead of {asked:,}: an epoch of these images has {job.steps_per_epoch:,}.")
    return job


def relabelled(job: Job, images: Dataset) -> Job:
    """The same job, of the same images with other labels; those without one are left out."""
    images = images.labelled()
    trained, held_out = hold_out(images) if job.config.run.evaluate_every else (images, None)
    check_data(trained, job.config)
    validation = None if held_out is None else Validation(trained, held_out, job.config)
    return replace(job, data=trained, validation=validation)


def check_data(data: Dataset, config: TrainConfig) -> None:
    """Refuse images that the config cannot be trained on."""
    if config.networks.conditional:
        if data.labels is None:
            raise DataError(
                "these images have no labels: train without (the preset gan, or conditional=false, for residual with "
                "styles=1 and auxiliary=0 as well), or add labels.",
                parameter="data",
            )
        if len(np.unique(data.labels)) < 2:
            raise DataError(
                "all images are of one class: a conditional model needs two or more; or train the preset gan.",
                parameter="data",
            )
        counts = np.bincount(data.labels[data.labels >= 0], minlength=len(data.classes))
        if empty := [name for name, count in zip(data.classes, counts, strict=True) if not count]:
            raise DataError(
                f"no image to train on is of class {listed(empty)}: add images, or take the name out of dataset.json.",
                parameter="data",
            )


def settle(config: TrainConfig, data: Dataset, device: torch.device, *, started: bool = False) -> TrainConfig:
    """The config with everything that it left open.

    That is precision, styles that there are images for, batches, length, distortion and widths.

    Args:
        config: as the user asks for it.
        data: the images to train on.
        device: to train on.
        started: whether the networks start from a trained pair.
    """
    networks, loss, optimizer, run = config.networks, config.loss, config.optimizer, config.run
    if run.precision == "auto":
        run = _changed(run, precision="bfloat16" if bfloat16_is_fast(device) else "float32")
    if networks.styles > 1 and data.labels is not None:
        most = most_styles(int(np.bincount(data.labels).max()))
        networks = _changed(networks, styles=min(networks.styles, most))
    few = len(data) < _FEW
    if loss.augment is None:
        loss = _changed(loss, augment=next((share for most, share in _AUGMENT.items() if len(data) < most), 0.0))
    batch_size = optimizer.batch_size or (64 if few else 128)
    optimizer = _changed(optimizer, batch_size=batch_size)
    if optimizer.epochs is None:
        steps = optimizer.steps or (_STEPS_FROM_PAIR if started else _STEPS)[few]
        epochs = math.ceil(steps / steps_per_epoch(len(data), batch_size))
        if epochs > MOST_EPOCHS:
            raise ConfigError(
                f"{steps:,} steps are {epochs:,} epochs of {len(data):,} images: set fewer steps.",
                parameter="changes",
            )
        optimizer = _changed(optimizer, epochs=epochs, steps=None)
    return TrainConfig(networks=networks.sized(data.image_size), loss=loss, optimizer=optimizer, run=run)


def _changed(section: _S, **values: object) -> _S:
    return section.model_copy(update=values)
