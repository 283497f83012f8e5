"""What is settled before the first step: whether data and device will do, and what the config left open."""

import numpy as np
import torch

from digitsmith.config.schema import MOST_EPOCHS, TrainConfig
from digitsmith.data.dataset import Dataset, check_image_size
from digitsmith.errors import ConfigError, DataError
from digitsmith.training.styles import most_styles
from digitsmith.training.trainee import bfloat16_is_fast


def check_data(data: Dataset, config: TrainConfig) -> None:
    """Refuse images that the config cannot be trained on."""
    check_image_size(data, "training data")
    if len(data) < config.batch_size:
        least = "16, and a multiple of it" if config.architecture == "residual" else "at least 2"
        raise DataError(
            f"{len(data)} training image{'s' * (len(data) != 1)}: fewer than one batch of {config.batch_size}. "
            f"Use more images, or a smaller batch (--set batch_size=…: {least})."
        )
    if config.conditional:
        if data.labels is None:
            raise DataError(
                "these images have no labels: train without (gan, or --set conditional=false, for residual with --set "
                "styles=1 --set auxiliary=0 as well), or add labels."
            )
        if len(np.unique(data.labels)) < 2:
            raise DataError("all images are of one class: a conditional model needs two or more; or train gan.")


def settle_precision(config: TrainConfig, device: torch.device) -> TrainConfig:
    """The config with a precision of `auto` replaced by what suits the chip."""
    if config.precision != "auto":
        return config
    return config.model_copy(update={"precision": "bfloat16" if bfloat16_is_fast(device) else "float32"})


def settle_styles(config: TrainConfig, data: Dataset) -> TrainConfig:
    """The config with no more styles than the largest class has images for."""
    if config.styles == 1 or data.labels is None:
        return config
    most = most_styles(int(np.bincount(data.labels).max()))
    return config.model_copy(update={"styles": min(config.styles, most)})


def settle_epochs(config: TrainConfig, images: int) -> TrainConfig:
    """The config with epochs of 0 replaced by as many as make the steps that are asked for."""
    if config.epochs:
        return config
    epochs = -(-config.steps // (images // config.batch_size))
    if epochs > MOST_EPOCHS:
        raise ConfigError(f"{config.steps:,} steps are {epochs:,} epochs of {images:,} images: set fewer steps.")
    return config.model_copy(update={"epochs": epochs})


def find_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name}: use auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"--device {name}: use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(f"--device {name}: torch finds {found} CUDA GPUs here; use cpu, or a CUDA build of torch.")
    return device
