"""The autoencoder, made again: `python tools/autoencoder.py FOLDER`, or `make autoencoder`.

Its encoder gives the second feature space of an evaluation (`evaluation/independent.py`). It learns to draw MNIST's
training images again from 64 numbers, and is never told what they show. The last 5,000 images are left out, and only
say how well it draws; nothing is chosen by them. MNIST's test split has no part in it.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from digitsmith.data.images.framing import SIDE
from digitsmith.data.sources import load_dataset
from digitsmith.evaluation.independent import FEATURES
from digitsmith.files import staged_file
from digitsmith.models.check import METADATA_KEY
from digitsmith.models.digitnet import as_input
from digitsmith.progress import listening
from digitsmith.records.base import Versions
from digitsmith.training.onnx_graph import to_onnx

CHANNELS = (1, 16, 32)
EPOCHS, BATCH, LR, SEED, VALIDATION = 20, 128, 2e-3, 0, 5000
_INNER = SIDE // 4


class Encoder(nn.Module):
    """Images, float32[n, 1, 28, 28] in [-1, 1], to float32[n, 64], of mean 0 and variance 1 over training images."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()) for a, b in pairwise(CHANNELS)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(CHANNELS[-1] * _INNER**2, FEATURES))
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("deviation", torch.ones(FEATURES))

    def forward(self, image: Tensor) -> Tensor:
        """Codes."""
        codes: Tensor = (self.layers(image) - self.mean) / self.deviation
        return codes

    @torch.no_grad()
    def settle(self, images: Tensor) -> None:
        """Take mean and deviation from images."""
        codes = torch.cat([self(part) for part in images.split(1000)])
        self.mean, self.deviation = codes.mean(0), codes.std(0)


class Decoder(nn.Module):
    """Codes to the logits of pixels, float32[n, 1, 28, 28]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, CHANNELS[-1] * _INNER**2)
        self.layers = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1)
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.layers(self.first(codes).view(-1, CHANNELS[-1], _INNER, _INNER))
        return logits


def main() -> None:
    """Train, standardise, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write autoencoder.onnx")
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    data = load_dataset("mnist", "train")
    images = torch.from_numpy(as_input(data.images))
    train, validation = images[:-VALIDATION], images[-VALIDATION:]
    encoder, decoder = Encoder(), Decoder()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], LR)
    steps = EPOCHS * (len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, steps)
    with listening(True) as progress:
        for epoch in range(EPOCHS):
            for places in torch.randperm(len(train))[: len(train) // BATCH * BATCH].split(BATCH):
                optimizer.zero_grad()
                loss(encoder, decoder, train[places]).backward()
                optimizer.step()
                schedule.step()
            with torch.no_grad():
                error = squared_error(encoder, decoder, validation)
            progress.update("training the autoencoder", epoch + 1, EPOCHS, f"error {error:.5f}")
    encoder.settle(train)
    record = {
        "data": "mnist, the training split less its last 5,000 images, without their labels",
        "data_sha256": data.sha256(),
        "recipe": {"channels": CHANNELS, "epochs": EPOCHS, "batch_size": BATCH, "lr": LR},
        "seed": SEED,
        "squared_error": round(error, 6),
        "versions": Versions.here("torch").model_dump(),
    }
    proto = to_onnx(encoder.eval(), (torch.zeros(2, 1, SIDE, SIDE),), ["image"], ["features"], name="autoencoder")
    proto.metadata_props.add(key=METADATA_KEY, value=json.dumps(record, sort_keys=True))
    with staged_file(arguments.folder / "autoencoder.onnx") as staged:
        staged.write_bytes(proto.SerializeToString())
    print(f"squared error of a pixel, black to white being 1, of {VALIDATION:,} images left out: {error:.5f}")


def loss(encoder: Encoder, decoder: Decoder, images: Tensor) -> Tensor:
    """The cross-entropy of pixels."""
    return F.binary_cross_entropy_with_logits(decoder(encoder(images)), (images + 1) / 2)


def squared_error(encoder: Encoder, decoder: Decoder, images: Tensor) -> float:
    """The mean over pixels, black to white being 1."""
    drawn = torch.cat([decoder(encoder(part)).sigmoid() for part in images.split(1000)])
    return float(((drawn - (images + 1) / 2) ** 2).mean())


if __name__ == "__main__":
    main()
