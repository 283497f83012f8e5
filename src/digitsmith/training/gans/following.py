"""The ranks behind the first: they are told what is trained, make the same steps, and neither show nor write."""

import os
from dataclasses import asdict
from pathlib import Path

import torch

from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.progress import Silent
from digitsmith.records.run import Run
from digitsmith.training.gans import checkpoint
from digitsmith.training.gans.loop import Batches, Job, flushed_denormals, make_step
from digitsmith.training.gans.state import Position, State, new_state
from digitsmith.training.ranks import Group, Message, Parts
from digitsmith.training.readers import teaching


def invite(job: Job, state: State) -> None:
    """Tell the others all that it takes to make the steps of a training from here on."""
    if job.ranks.count == 1:
        return
    data = {"data.images": torch.tensor(job.data.images)}
    if job.data.labels is not None:
        data["data.labels"] = torch.tensor(job.data.labels)
    said = {
        "config": job.config.model_dump(mode="json"),
        "classes": job.data.classes,
        "device": job.device.type,
        "position": asdict(state.position),
    }
    job.ranks.tell("train", said, checkpoint.pack(state) | data)


def _train(ranks: Group, message: Message) -> None:
    said, tensors = message.said, message.tensors
    labels = tensors["data.labels"].numpy() if "data.labels" in tensors else None
    data = Dataset(tensors["data.images"].numpy(), labels, tuple(said["classes"]))
    config = TrainConfig.model_validate(said["config"], strict=False)
    device = torch.device(said["device"])
    ranks.introduce(device, Silent())
    assert config.optimizer.batch_size is not None
    sharing = ranks.sharing(config.optimizer.batch_size, config.networks.batch_multiple)
    job = Job(config, data, Run(Path(os.devnull)), device, None, Silent(), ranks=sharing)
    state = new_state(config, (data.channels, *data.image_size), len(data.classes), device)
    checkpoint.unpack(state, tensors)
    state.position = position = Position(**said["position"])
    state.join(job.ranks)
    batches = Batches(job, state)
    with flushed_denormals(), job.ranks.noted() as interrupted:
        while position.epoch < job.epochs:
            make_step(job, state, batches)
            position.step += 1
            position.epoch, position.epoch_step = divmod(position.step, job.steps_per_epoch)
            if interrupted():
                break


PARTS: Parts = {**teaching.PARTS, "train": _train}
"""For `Group.follow`; a reader may label images before the training."""
