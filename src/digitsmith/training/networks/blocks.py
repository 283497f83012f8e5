"""The parts of the residual networks.

Convolutions that double or halve the size are one operation of 4x4 by strides of two: the same function as a 3x3
convolution behind a doubling or before an average, for less than half of the work.
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.schema import GROUP

Embeddings = Callable[[int], nn.Embedding]
"""Makes embeddings, of a width, of the labels of a training."""


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

    def folded(self) -> nn.Embedding:
        """For inference: one table."""
        return _embedding(self.weight.repeat_interleave(self.styles, dim=0) + self.own)

    @torch.no_grad()
    def unfold(self, stored: Mapping[str, Tensor]) -> None:
        """From that table: what its classes have in common is their mean."""
        table = stored["weight"].view(-1, self.styles, self.embedding_dim)
        self.weight.copy_(table.mean(1))
        self.own.copy_((table - table.mean(1, keepdim=True)).flatten(0, 1))


def embeddings(labels: int, styles: int) -> Embeddings:
    """Of so many labels, which are styles of classes if `styles` is above 1; of one if there are none."""
    if styles > 1:
        return lambda width: StyleEmbedding(labels // styles, styles, width)
    return lambda width: nn.Embedding(max(labels, 1), width)


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
        x = self.norm(x)
        return x * scale.to(x.dtype)[:, :, None, None] + shift.to(x.dtype)[:, :, None, None]

    def folded(self) -> nn.Module:
        """For inference, itself, with scales and shifts that do what the norm did; or one for all images alike."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        scale, shift = ((e.folded() if isinstance(e, StyleEmbedding) else e).weight for e in (self.scale, self.shift))
        scale = scale * (variance + self.norm.eps).rsqrt()
        shift = shift - scale * mean
        if len(scale) == 1:
            return Affine(scale, shift)
        self.scale, self.shift, self.norm = _embedding(scale), _embedding(shift), nn.Identity()  # type: ignore[assignment]
        return self

    @torch.no_grad()
    def unfold(self, stored: Mapping[str, Tensor]) -> None:
        """From the one for all images alike; tables are taken as they are."""
        if "scale" in stored:
            self.scale.weight.copy_(stored["scale"].flatten(1))
            self.shift.weight.copy_(stored["shift"].flatten(1))

    @torch.no_grad()
    def calibrate(self, mean: Tensor, deviation: Tensor) -> None:
        """Make the same of a normalised input as of one with this mean and deviation, float[width]."""
        for scale, shift in zip(self.scale.parameters(), self.shift.parameters(), strict=True):
            shift.add_(scale * mean)
            scale.mul_(deviation)


class Affine(nn.Module):
    """A scale and a shift, float[1, width], of each channel."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = (nn.Parameter(x.detach()[:, :, None, None].clone()) for x in (scale, shift))

    def forward(self, x: Tensor, _: Tensor | None) -> Tensor:
        """float[n, width, h, w] to the same."""
        return x * self.scale + self.shift


class GeneratorBlock(nn.Module):
    """Twice a norm, a leaky ReLU and a 3x3 convolution, added to the input.

    The size is doubled, if at all, at the second convolution. The norm there knows no class: behind a convolution
    it costs nothing once it is trained, since the two are made one. Biases there are none: norms would
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

    def folded(self) -> "GeneratorBlock":
        """For inference, itself: the first convolution does what the norm behind it did."""
        self.conv1 = nn.utils.fuse_conv_bn_eval(self.conv1, self.norm2)
        self.norm2 = nn.Identity()  # type: ignore[assignment]
        return self

    @torch.no_grad()
    def unfold(self, stored: Mapping[str, Tensor]) -> None:
        """From that convolution: its bias is the norm's."""
        self.norm2.bias.copy_(stored["conv1.bias"])


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

    `forward(x: float[n, inputs, h, w]) -> float[n, outputs, 2 h, 2 w]`.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """One transposed convolution."""
        return F.conv_transpose2d(x, self.kernel(), stride=2, padding=1)

    def kernel(self) -> Tensor:
        """The kernel of the transposed convolution: float[inputs, outputs, 4, 4]."""
        return (4 * _mean_of_shifts(self.weight)).flip(2, 3).transpose(0, 1)

    def folded(self) -> nn.ConvTranspose2d:
        """For inference: a transposed convolution whose kernel is made once."""
        kernel = self.kernel().detach().contiguous()
        transposed = nn.ConvTranspose2d(
            kernel.shape[0], kernel.shape[1], kernel_size=4, stride=2, padding=1, bias=False
        )
        transposed.weight = nn.Parameter(kernel)
        return transposed

    @torch.no_grad()
    def unfold(self, stored: Mapping[str, Tensor]) -> None:
        """From that kernel, or from one of 3x3 as it is."""
        kernel = stored["weight"]
        if kernel.shape[2:] == (4, 4):
            shifts = 4 * _mean_of_shifts(torch.eye(9).view(9, 1, 3, 3)).flatten(1)  # [9, 16], of each unit kernel
            values = kernel.transpose(0, 1).flip(2, 3).flatten(2) @ torch.linalg.pinv(shifts)
            kernel = values.unflatten(2, (3, 3))
        self.weight.copy_(kernel)


class HalvingConv(nn.Conv2d):
    """A 3x3 convolution, then averages over squares of two by two; at the end of an odd side, over what there is.

    `forward(x: float[n, inputs, h, w]) -> float[n, outputs, h / 2, w / 2]`, sizes rounded up.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """One convolution at even sizes, two operations at odd ones."""
        if x.shape[2] % 2 or x.shape[3] % 2:
            return _halve(super().forward(x))
        return F.conv2d(x, _mean_of_shifts(self.weight), self.bias, stride=2, padding=1)


def deviation_in_groups(x: Tensor) -> Tensor:
    """The standard deviation over groups of images that follow one another, averaged over features and places.

    Args:
        x: float[n, width, h, w]. Groups are of 8, or of fewer where 8 does not divide n.

    Returns:
        float[n, 1, h, w], one value for each group.
    """
    n, _, height, width = x.shape
    grouped = x.float().reshape(-1, math.gcd(n, GROUP), x[0].numel())
    variance = (grouped - grouped.mean(1, keepdim=True)).square().mean(1)  # torch's var is far slower here
    deviation = (variance + 1e-8).sqrt().mean(1)  # [groups]
    per_image = deviation.repeat_interleave(grouped.shape[1]).to(x.dtype)
    return per_image[:, None, None, None].expand(n, 1, height, width)


def _embedding(table: Tensor) -> nn.Embedding:
    return nn.Embedding(len(table), table.shape[1], _weight=table.detach())


def _mean_of_shifts(kernel: Tensor) -> Tensor:
    """The mean of the four kernels of 4x4 that have one of 3x3 in a corner; summed in float32 at least."""
    padded = F.pad(kernel.to(torch.promote_types(kernel.dtype, torch.float32)), (1, 1, 1, 1))
    rows = padded[:, :, :-1] + padded[:, :, 1:]
    return ((rows[..., :-1] + rows[..., 1:]) / 4).to(kernel.dtype)  # far faster than avg_pool2d


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
