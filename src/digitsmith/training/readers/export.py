"""From a trained classifier to a reader: calibrated, measured, and exported as one ONNX file."""

import copy
import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from digitsmith.errors import ModelError
from digitsmith.files import staged_file
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.reader import Reader
from digitsmith.records.reader import Accuracy, Calibration, ReaderRecord, ReaderTraining
from digitsmith.training.onnx_graph import TOLERANCE, fold, to_onnx
from digitsmith.training.readers.classifier import Classifier, logits_of
from digitsmith.training.readers.gather import Given

_LOWEST = 0.1  # share of the held-out probabilities that is kept


def finish(net: Classifier, given: Given, training: ReaderTraining, path: Path) -> Reader:
    """Calibrate, measure and export."""
    classes = given.labelled.classes
    temperature = 1.0
    calibration: tuple[Calibration, ...] = ()
    if given.held_out is not None:
        logits, labels = logits_of(net, given.held_out.images), torch.tensor(given.held_out.labels)
        temperature = _temperature(logits, labels)
        calibration = _calibrate((logits / temperature).softmax(1), labels, len(classes))
    record = ReaderRecord(
        classes=classes,
        image_size=given.labelled.image_size,
        channels=given.labelled.channels,
        frame=training.data.read.frame,
        temperature=temperature,
        calibration=calibration,
        training=training,
    )
    measured = []
    for title, images in (("held out of the training images", given.held_out), ("test split", given.test)):
        if images is not None:
            right = logits_of(net, images.images)[:, : len(classes)].argmax(1) == torch.tensor(images.labels)
            measured.append(Accuracy(title=title, images=len(images), accuracy=float(right.double().mean())))
    return export_reader(net, record.model_copy(update={"measured": tuple(measured)}), path)


def _temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits by, so that probabilities are as often right as they say (Guo et al. 2017)."""
    tried = torch.logspace(-1, 1, 201).tolist()
    losses = [float(nn.functional.cross_entropy(logits / temperature, labels)) for temperature in tried]
    return float(tried[int(np.argmin(losses))])


def _calibrate(probabilities: Tensor, labels: Tensor, classes: int) -> tuple[Calibration, ...]:
    found = []
    for label in range(classes):
        of_class = probabilities[labels == label, label].sort().values.clamp(0, 1)
        kept = of_class[: max(1, round(_LOWEST * len(of_class)))]
        found.append(Calibration(images=len(of_class), lowest=tuple(kept.tolist())))
    return tuple(found)


class _Probabilities(nn.Module):
    """A classifier's probabilities of its classes, without that of no digit."""

    def __init__(self, net: Classifier, temperature: float, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.register_buffer("sharpness", torch.tensor(1 / temperature))

    def forward(self, image: Tensor) -> Tensor:
        """float32[n, classes] of float32[n, channels, h, w] in [-1, 1]."""
        _, logits = self.net(image)
        probabilities: Tensor = (logits * self.sharpness).softmax(1)
        return probabilities[:, : self.classes]


def export_reader(net: Classifier, record: ReaderRecord, path: Path) -> Reader:
    """Export a classifier, whose last class is that of no digit, with its record.

    Raises:
        ModelError: a file whose probabilities are not the classifier's.
        OutputError: the file cannot be written.
    """
    module = _Probabilities(net, record.temperature, len(record.classes)).eval()
    image = torch.zeros(2, record.channels, *record.image_size)
    proto = to_onnx(fold(copy.deepcopy(module)), (image,), ["image"], ["probability"], name="reader")
    sha256 = hashlib.sha256(proto.SerializeToString()).hexdigest()
    record = record.model_copy(update={"graph_sha256": sha256})
    proto.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json(exclude_none=True))
    content = proto.SerializeToString()
    reader = Reader(path.name, content)
    random = torch.Generator().manual_seed(0)
    for n in (1, 7, 256):
        images = torch.rand(n, *image.shape[1:], generator=random) * 2 - 1
        with torch.no_grad():
            difference = float((torch.tensor(reader.probabilities(images.numpy())) - module(images)).abs().max())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the exported reader differs from the trained one by {difference:.1e}, more than {TOLERANCE}."
            )
    with staged_file(path) as staged:
        staged.write_bytes(content)
    return reader
