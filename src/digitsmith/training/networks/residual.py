"""Networks of residual blocks of convolutions, made to be fast on CPUs: no convolution works at full size.

The generator's last one makes four values of each channel for each place of the half size, which become four pixels
(Shi et al. 2016, arXiv:1609.05158); the discriminator starts with the reverse.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.schema import ResidualNetworks
from digitsmith.training.networks import Judgement, Shape
from digitsmith.training.networks.blocks import (
    ClassNorm,
    DiscriminatorBlock,
    GeneratorBlock,
    StyleEmbedding,
    deviation_in_groups,
    embeddings,
)


class Generator(nn.Module):
    """Noise, and a label if conditional, to an image.

    The noise, joined with an embedding of the label, becomes small maps. Residual blocks work on them: the first keeps
    their size, each other doubles it, and so does the last convolution. So the maps start with 1 / 2^blocks of the
    image's height and width.
    """

    def __init__(self, config: ResidualNetworks, shape: Shape, labels: int) -> None:
        super().__init__()
        channels, *self.image_size = shape
        widths = config.sized((shape[1], shape[2])).generator.widths
        assert widths is not None
        embedding = embeddings(labels, config.styles)
        self.slope = config.generator.slope
        self.inputs = config.z_dim - (config.styles > 1)  # the last number of the noise decides the style
        self.start = tuple(math.ceil(side / 2 ** len(widths)) for side in self.image_size)
        self.embedding = embedding(config.z_dim) if labels else None
        if isinstance(self.embedding, StyleEmbedding):
            nn.init.normal_(self.embedding.own, std=0.5)
        inputs = self.inputs + (config.z_dim if labels else 0)
        self.first = nn.Linear(inputs, widths[0] * math.prod(self.start))
        self.blocks = nn.ModuleList(
            GeneratorBlock(before, width, embedding, self.slope, enlarge=i > 0)
            for i, (before, width) in enumerate(itertools.pairwise([widths[0], *widths]))
        )
        self.norm = ClassNorm(widths[-1], embedding)
        self.last = nn.Conv2d(widths[-1], 4 * channels, kernel_size=3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """float[n, z_dim], and int64[n], to float32[n, *shape] in (-1, 1)."""
        z = z[:, : self.inputs]
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(label)], dim=1)
        x = self.first(z.to(self.first.weight.dtype))
        x = x.unflatten(1, (-1, *self.start)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, label)  # [n, widths[-1], h / 2, w / 2] after the last
        x = self.last(F.leaky_relu(self.norm(x, label), self.slope))
        height, width = self.image_size
        return torch.tanh(F.pixel_shuffle(x.float(), 2)[:, :, :height, :width])


class Discriminator(nn.Module):
    """An image, and its label if conditional, to a judgement.

    The label enters as an inner product of its embedding with the features (Miyato & Koyama 2018, arXiv:1802.05637).
    How much groups of images differ from one another is one more feature (Karras et al. 2018, arXiv:1710.10196,
    section 3), which makes a generator of too little variety easy to tell.
    """

    joint = False

    def __init__(self, config: ResidualNetworks, shape: Shape, classes: int, labels: int) -> None:
        super().__init__()
        channels, *image_size = shape
        widths = config.sized((shape[1], shape[2])).discriminator.widths
        assert widths is not None
        self.slope = config.discriminator.slope
        self.first = nn.Conv2d(4 * channels, widths[0], kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(before, width, self.slope) for before, width in itertools.pairwise(widths)
        )
        sides = [math.ceil(side / 2) for side in image_size]
        for _ in self.blocks:
            sides = [math.ceil(side / 2) for side in sides]
        width = widths[-1]
        self.compared = nn.Conv2d(width + 1, width, kernel_size=3, padding=1)
        self.features = nn.Linear(width * math.prod(sides), width)
        self.last = nn.Linear(width, 1)
        self.embedding = embeddings(labels, config.styles)(width) if labels else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.classifier = nn.Linear(width, classes) if classes else None

    def forward(self, image: Tensor, label: Tensor | None = None) -> Judgement:
        """float[n, *shape] in [-1, 1], and int64[n], to float32[n] logits (and float[n, classes])."""
        height, width = image.shape[2:]
        image = F.pad(image.to(self.first.weight.dtype), (0, width % 2, 0, height % 2), value=-1.0)
        x = F.pixel_unshuffle(image, 2).contiguous(memory_format=torch.channels_last)  # [n, 4 channels, h / 2, w / 2]
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, deviation_in_groups(x)], dim=1)
        x = F.leaky_relu(self.compared(x), self.slope)
        x = F.leaky_relu(self.features(x.flatten(1)), self.slope)
        logit = self.last(x).squeeze(1).float()
        if self.embedding is not None:
            logit = logit + (self.embedding(label) * x).sum(1)
        return Judgement(logit, None if self.classifier is None else self.classifier(x))
