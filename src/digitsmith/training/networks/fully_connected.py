"""Networks of linear layers, with batch norm, leaky ReLU and dropout between them."""

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.schema import FullyConnectedNetwork, FullyConnectedNetworks
from digitsmith.training.networks import Judgement, Shape
from digitsmith.training.ranks import ALONE, Ranks

_NOISE_ON_IMAGES, _NOISE = 0.6, 0.5  # standard deviations of `NoisyPerceptron`; images are in [-1, 1], there in [0, 1]
_ALIGN = 32  # a matrix product whose inner width is a multiple of this is faster: 800 against 794


class FullyConnected(nn.Module):
    """Hidden layers and an output layer. A label joins the input as a one-hot vector.

    Args:
        inputs: width of the input without the label.
        outputs: width of the output.
        labels: number of labels that can join the input; 0 for an unconditional network.
        config: hidden widths, slope, dropout and batch norm.
        first_norm: the first hidden layer that is normalised, if `config.batch_norm`.
    """

    def __init__(
        self, inputs: int, outputs: int, labels: int, config: FullyConnectedNetwork, *, first_norm: int = 0
    ) -> None:
        super().__init__()
        self.inputs, self.labels = inputs, labels
        self.columns = labels + -(inputs + labels) % _ALIGN if labels else 0  # of one-hot, and zeros
        widths = [inputs + self.columns, *config.widths]
        self.hidden = nn.ModuleList(
            HiddenLayer(before, width, config, batch_norm=config.batch_norm and i >= first_norm)
            for i, (before, width) in enumerate(itertools.pairwise(widths))
        )
        self.last = nn.Linear(widths[-1], outputs)
        if labels:  # as in a layer without the zeros
            nn.init.kaiming_uniform_(self.first.weight[:, : inputs + labels], a=math.sqrt(5))
            nn.init.zeros_(self.first.weight[:, inputs + labels :])

    @property
    def first(self) -> nn.Linear:
        """The layer that sees the input."""
        layer = self.hidden[0].linear
        assert isinstance(layer, nn.Linear)
        return layer

    def stack(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Run all layers: x float[n, inputs], label int64[n] or None, to float32[n, outputs]."""
        output: Tensor = self.last(self.run_hidden(x, label))
        return output.float()

    def run_hidden(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Run all layers but the last: to float[n, widths[-1]]."""
        x = x.to(self.first.weight.dtype)
        if label is not None and self.labels:
            one_hot = label[:, None] == torch.arange(self.columns, device=label.device)
            x = torch.cat([x, one_hot.to(x.dtype)], dim=1)
        for layer in self.hidden:
            x = layer(x)
        return x


class HiddenLayer(nn.Module):
    """A linear layer, batch norm if asked for, leaky ReLU and dropout: float[n, inputs] to float[n, outputs]."""

    def __init__(self, inputs: int, outputs: int, config: FullyConnectedNetwork, *, batch_norm: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=not batch_norm)  # batch norm cancels a bias, and has its own
        self.norm = nn.BatchNorm1d(outputs) if batch_norm else nn.Identity()
        self.slope = config.slope
        self.dropout = ByteDropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """One layer."""
        x = self.norm(self.linear(x))
        x = F.leaky_relu(x, self.slope, inplace=True) if self.slope else F.relu(x, inplace=True)
        dropped: Tensor = self.dropout(x)
        return dropped

    def folded(self) -> "HiddenLayer":
        """For inference, itself: the linear layer does what the norm behind it did."""
        if isinstance(self.norm, nn.BatchNorm1d):
            self.linear = nn.utils.fuse_linear_bn_eval(self.linear, self.norm)
            self.norm = nn.Identity()
        return self

    @torch.no_grad()
    def unfold(self, stored: Mapping[str, Tensor]) -> None:
        """From that linear layer: its bias is the norm's, if there is one."""
        owner = self.norm if isinstance(self.norm, nn.BatchNorm1d) else self.linear
        owner.bias.copy_(stored["linear.bias"])


class ByteDropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose masks are cut from 64-bit random draws, eight thresholds each.

    Far faster on CPUs than a float for each value. The probability in force is the nearest multiple of 1/256 (0.3
    becomes 77/256 = 0.3008), and the factor of what is kept is exactly that one's inverse.

    Attributes:
        ranks: the processes that share a batch, and the masks of its images.
    """

    ranks: Ranks = ALONE

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = round(probability * 256)

    def forward(self, x: Tensor) -> Tensor:
        """Drop values, in training mode; else change nothing."""
        if not (self.training and self.threshold):
            return x
        values = x.numel() * self.ranks.count
        draws = torch.empty(-(-values // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        factors = torch.empty_like(x)
        of_all = draws.view(torch.uint8)[:values].view(-1, *x.shape[1:])
        torch.ge(self.ranks.part(of_all), self.threshold, out=factors)
        return x * factors.mul_(256 / (256 - self.threshold))


class Generator(FullyConnected):
    """Noise, and a label if conditional, to an image."""

    def __init__(self, config: FullyConnectedNetworks, shape: Shape, labels: int) -> None:
        inputs = config.z_dim - (config.styles > 1)  # the last number of the noise decides the style
        super().__init__(inputs, math.prod(shape), labels, config.generator)
        self.shape = shape

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """float[n, z_dim], and int64[n], to float32[n, *shape] in (-1, 1)."""
        return torch.tanh(self.stack(z[:, : self.inputs], label)).view(-1, *self.shape)


class Discriminator(FullyConnected):
    """An image, and its label if conditional, to a judgement.

    Batch norm leaves out the layer that sees the image (Radford et al. 2015, arXiv:1511.06434, section 3).

    Attributes:
        joint: whether it must see real and fake images in one batch, in both updates. By themselves, each kind would be
            normalised to the same mean, and what all fakes have in common could never be unlearnt.
    """

    def __init__(self, config: FullyConnectedNetworks, shape: Shape, classes: int, labels: int) -> None:
        super().__init__(math.prod(shape), 1 + classes, labels, config.discriminator, first_norm=1)
        self.joint = config.discriminator.batch_norm

    def forward(self, image: Tensor, label: Tensor | None = None) -> Judgement:
        """float[n, *shape] in [-1, 1], and int64[n], to float32[n] logits (and float32[n, classes])."""
        output = self.stack(image.flatten(1), label)
        return Judgement(output[:, 0], output[:, 1:] if output.shape[1] > 1 else None)


class Perceptron(FullyConnected):
    """An image to features and logits: a classifier of the layers of a discriminator. The features are the last hidden
    layer.
    """

    def __init__(self, config: FullyConnectedNetwork, shape: Shape, classes: int) -> None:
        super().__init__(math.prod(shape), classes, 0, config, first_norm=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """float[n, *shape] in [-1, 1] to float[n, width] features and float[n, classes] logits."""
        features = self.run_hidden(images.flatten(1), None)
        return features, self.last(features)


class NoisyPerceptron(nn.Module):
    """The discriminator that classifies MNIST of Salimans et al. 2016 (arXiv:1606.03498): noise on every layer.

    The noise keeps the discriminator from telling real images from generated ones by single pixels. There, weights are
    normalised; here, they start as He et al. 2015 (arXiv:1502.01852) say, so that noise and signal are of one size.
    The features are the last hidden layer, without its noise.
    """

    def __init__(self, shape: Shape, classes: int, widths: Sequence[int] = (1000, 500, 250, 250, 250)) -> None:
        super().__init__()
        layers = [nn.Linear(*pair) for pair in itertools.pairwise([math.prod(shape), *widths])]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.hidden, self.head = nn.ModuleList(layers), nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """float[n, *shape] in [-1, 1] to float[n, width] features and float[n, classes] logits."""
        x = self._noisy(images.flatten(1), _NOISE_ON_IMAGES)
        for layer in self.hidden:
            features = layer(x).relu()
            x = self._noisy(features, _NOISE)
        return features, self.head(x)

    def _noisy(self, x: Tensor, deviation: float) -> Tensor:
        return x + deviation * torch.randn_like(x) if self.training else x
