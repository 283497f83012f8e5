"""The two networks of residual convolutions. They know no loss, no optimizer and no file.

Made to be fast on CPUs: no convolution works at full size. The generator's last one makes four values for each place of
the half size, which become four pixels (Shi et al. 2016, arXiv:1609.05158); the discriminator starts with the reverse.
"""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.schema import TrainConfig

_GROUP = 8  # images that the discriminator compares with one another; the config sees to whole groups


class StyleEmbedding(nn.Embedding):
    """A vector for each style of each class: that of the class, and what is the style's own.

    `forward(label: int64[n]) -> float[n, width]`. What styles share is learned from all images of the class: with
    nothing shared, the generator mixes classes up.

    Args:
        classes: how many.
        styles: of each class; the label of style s of class c is `c * styles + s`.
        width: of the vectors.
    """

    def __init__(self, classes: int, styles: int, width: int) -> None:
        super().__init__(classes, width)
        self.styles = styles
        self.own = nn.Parameter(torch.zeros(classes * styles, width))

    def forward(self, label: Tensor) -> Tensor:
        """Look the vectors up."""
        return super().forward(label // self.styles) + F.embedding(label, self.own)

    def table(self) -> Tensor:
        """All vectors: float[classes * styles, width]."""
        return self.weight.repeat_interleave(self.styles, dim=0) + self.own


Embeddings = Callable[[int], nn.Embedding]
"""Makes embeddings of the labels of a training, of a width."""


def _embeddings(classes: int, config: TrainConfig) -> Embeddings:
    if not config.conditional:
        classes = 1
    if config.styles > 1:
        return lambda width: StyleEmbedding(classes, config.styles, width)
    return lambda width: nn.Embedding(classes, width)


class ResidualGenerator(nn.Module):
    """Noise, and a label if conditional, to an image. Where classes have styles, these are the labels (`styles.py`).

    `forward(z: float[n, z_dim], label: int64[n] | None) -> float[n, 1, h, w]` in (-1, 1).

    The noise, joined with an embedding of the label, becomes maps of a quarter of the image's size. Residual blocks
    work on them; the last one doubles their size.
    """

    def __init__(self, config: TrainConfig, image_size: tuple[int, int], classes: int) -> None:
        super().__init__()
        widths, slope = config.generator.hidden, config.generator.slope
        embedding = _embeddings(classes, config)
        self.inputs = config.z_dim - (config.styles > 1)  # the last number of the noise decides the style
        self.image_size, self.slope = image_size, slope
        self.quarter = tuple(math.ceil(side / 4) for side in image_size)
        self.embedding = embedding(config.z_dim) if config.conditional else None
        if isinstance(self.embedding, StyleEmbedding):
            nn.init.normal_(self.embedding.own, std=0.5)
        inputs = self.inputs + (config.z_dim if config.conditional else 0)
        self.first = nn.Linear(inputs, widths[0] * self.quarter[0] * self.quarter[1])
        self.blocks = nn.ModuleList(
            GeneratorBlock(before, width, embedding, slope, enlarge=i == len(widths) - 1)
            for i, (before, width) in enumerate(itertools.pairwise([widths[0], *widths]))
        )
        self.norm = ClassNorm(widths[-1], embedding)
        self.last = nn.Conv2d(widths[-1], 4, kernel_size=3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Make images."""
        z = z[:, : self.inputs]
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(label)], dim=1)
        x = self.first(z).unflatten(1, (-1, *self.quarter)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, label)  # [n, widths[-1], h / 2, w / 2] after the last
        x = self.last(F.leaky_relu(self.norm(x, label), self.slope))
        height, width = self.image_size
        return torch.tanh(F.pixel_shuffle(x.float(), 2)[:, :, :height, :width])


class ResidualDiscriminator(nn.Module):
    """An image, and its label if conditional, to a logit; its sigmoid is the probability that the image is real.

    `forward(image: float[n, 1, h, w] in [-1, 1], label: int64[n] | None) -> (float[n], float[n, classes] | None)`. The
    second are the logits of the class, read from the image alone, if that is trained (`config.auxiliary`).

    The label enters as an inner product of its embedding with the features (Miyato & Koyama 2018, arXiv:1802.05637).
    How much groups of images differ from one another is one more feature (Karras et al. 2018, arXiv:1710.10196,
    section 3), which makes a generator of too little variety easy to tell.
    """

    def __init__(self, config: TrainConfig, image_size: tuple[int, int], classes: int) -> None:
        super().__init__()
        widths, slope = config.discriminator.hidden, config.discriminator.slope
        self.slope = slope
        self.first = nn.Conv2d(4, widths[0], kernel_size=3, padding=1)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(before, width, slope) for before, width in itertools.pairwise(widths)
        )
        sides = [math.ceil(side / 2) for side in image_size]
        for _ in self.blocks:
            sides = [math.ceil(side / 2) for side in sides]
        width = widths[-1]
        self.compared = nn.Conv2d(width + 1, width, kernel_size=3, padding=1)
        self.features = nn.Linear(width * math.prod(sides), width)
        self.last = nn.Linear(width, 1)
        self.embedding = _embeddings(classes, config)(width) if config.conditional else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.reader = nn.Linear(width, classes) if config.auxiliary else None

    def forward(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Judge images."""
        height, width = image.shape[2:]
        image = F.pad(image, (0, width % 2, 0, height % 2), value=-1.0)
        x = F.pixel_unshuffle(image, 2).contiguous(memory_format=torch.channels_last)  # [n, 4, h / 2, w / 2]
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, deviation_in_groups(x)], dim=1)
        x = F.leaky_relu(self.compared(x), self.slope)
        x = F.leaky_relu(self.features(x.flatten(1)), self.slope)
        logit = self.last(x).squeeze(1)
        if self.embedding is not None:
            logit = logit + (self.embedding(label) * x).sum(1)
        return logit.float(), None if self.reader is None else self.reader(x)


class GeneratorBlock(nn.Module):
    """Twice a norm, a leaky ReLU and a 3x3 convolution, added to the input.

    The size is doubled, if at all, at the second convolution. The norm there knows no class: behind a convolution
    it costs nothing once it is trained, since the two are made one (`export.py`). Biases there are none: norms would
    cancel them.
    """

    def __init__(self, inputs: int, outputs: int, embedding: Embeddings, slope: float, *, enlarge: bool) -> None:
        super().__init__()
        self.slope, self.enlarge = slope, enlarge
        self.norm1 = ClassNorm(inputs, embedding)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.conv2 = (
            DoublingConv(outputs, outputs)
            if enlarge
            else nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        )
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """float[n, inputs, h, w] to float[n, outputs, h, w], or to twice that height and width."""
        y = self.norm2(self.conv1(F.leaky_relu(self.norm1(x, label), self.slope)))
        y = self.conv2(F.leaky_relu(y, self.slope))
        x = self.skip(x)
        if self.enlarge:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return x + y  # type: ignore[no-any-return]


class DiscriminatorBlock(nn.Module):
    """Twice a leaky ReLU and a 3x3 convolution, added to the input, at half the size in the end. No norm."""

    def __init__(self, inputs: int, outputs: int, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.conv1 = nn.Conv2d(inputs, inputs, kernel_size=3, padding=1)
        self.conv2 = HalvingConv(inputs, outputs)
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """float[n, inputs, h, w] to float[n, outputs, h / 2, w / 2], sizes rounded up."""
        y = self.conv1(F.leaky_relu(x, self.slope))
        y = self.conv2(F.leaky_relu(y, self.slope))
        return (self.skip(_halve(x)) + y) * math.sqrt(0.5)  # type: ignore[no-any-return]


class DoublingConv(nn.Conv2d):
    """A 3x3 convolution, without bias, of an image of twice the size, every value repeated in a square of two by two.

    `forward(x: float[n, inputs, h, w]) -> float[n, outputs, 2 h, 2 w]`. It is one transposed convolution of 4x4 by
    strides of two, with less than half of the work.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return F.conv_transpose2d(x, self.kernel(), stride=2, padding=1)

    def kernel(self) -> Tensor:
        """The kernel of the transposed convolution: float[inputs, outputs, 4, 4]."""
        return (4 * _mean_of_shifts(self.weight)).flip(2, 3).transpose(0, 1)


class HalvingConv(nn.Conv2d):
    """A 3x3 convolution, then averages over squares of two by two; at the end of an odd side, over what there is.

    `forward(x: float[n, inputs, h, w]) -> float[n, outputs, h / 2, w / 2]`, sizes rounded up. At even sizes it is one
    convolution of 4x4 by strides of two, with less than half of the work.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if x.shape[2] % 2 or x.shape[3] % 2:
            return _halve(super().forward(x))
        return F.conv2d(x, _mean_of_shifts(self.weight), self.bias, stride=2, padding=1)


class ClassNorm(nn.Module):
    """Batch norm, with a scale and a shift of its own for each label (de Vries et al. 2017, arXiv:1707.00683)."""

    def __init__(self, width: int, embedding: Embeddings) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale, self.shift = embedding(width), embedding(width)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """float[n, width, h, w] to the same. Without labels, all images are of one class."""
        scale, shift = self.scale.weight, self.shift.weight  # [1, width], where there is one class only
        if label is not None:
            scale, shift = self.scale(label), self.shift(label)
        if self.training:
            x = self.norm(x)
        else:  # one multiplication and one addition for each value, and no more
            assert self.norm.running_mean is not None
            assert self.norm.running_var is not None
            scale = scale * torch.rsqrt(self.norm.running_var + self.norm.eps)
            shift = shift - scale * self.norm.running_mean
        return x * scale.to(x.dtype)[:, :, None, None] + shift.to(x.dtype)[:, :, None, None]


def deviation_in_groups(x: Tensor) -> Tensor:
    """The standard deviation over groups of images that follow one another, averaged over features and places.

    Args:
        x: float[n, width, h, w]. Groups are of 8, or of fewer where 8 does not divide n.

    Returns:
        float[n, 1, h, w], one value for each group.
    """
    n, _, height, width = x.shape
    grouped = x.float().reshape(-1, math.gcd(n, _GROUP), x[0].numel())
    variance = (grouped - grouped.mean(1, keepdim=True)).square().mean(1)  # torch's var is far slower here
    deviation = (variance + 1e-8).sqrt().mean(1)  # [groups]
    per_image = deviation.repeat_interleave(grouped.shape[1]).to(x.dtype)
    return per_image[:, None, None, None].expand(n, 1, height, width)


def _mean_of_shifts(kernel: Tensor) -> Tensor:
    """The mean of the four kernels of 4x4 that have one of 3x3 in a corner."""
    return F.avg_pool2d(F.pad(kernel, (1, 1, 1, 1)), 2, stride=1)


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
