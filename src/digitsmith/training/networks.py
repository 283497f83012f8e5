"""The two networks, as a config asks for them, and the fully connected kind. They know no loss, optimizer or file."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.schema import NetworkConfig, TrainConfig
from digitsmith.training.residual import ResidualDiscriminator, ResidualGenerator


def new_networks(config: TrainConfig, image_size: tuple[int, int], classes: int) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator with fresh weights, in evaluation mode: both take the same inputs in either kind.

    The generator: `(z: float[n, z_dim], label: int64[n] | None) -> float[n, 1, h, w]` in (-1, 1). The discriminator:
    `(image: float[n, 1, h, w], label) -> float[n]` logits; the residual one's come with those of the class.
    """
    generator: nn.Module
    discriminator: nn.Module
    if config.architecture == "residual":
        generator = ResidualGenerator(config, image_size, classes)
        discriminator = ResidualDiscriminator(config, image_size, classes)
    else:
        generator, discriminator = Generator(config, image_size, classes), Discriminator(config, image_size, classes)
    return generator.eval(), discriminator.eval()


class FullyConnected(nn.Module):
    """Linear layers `fc1`, `fc2`, …, with batch norm, leaky ReLU and dropout between them.

    A label, where there is one, joins the input as a one-hot vector.

    Args:
        inputs: width of the input without the label.
        outputs: width of the output.
        classes: number of labels that can join the input; 0 for an unconditional network.
        config: hidden widths, slope, dropout and batch norm.
        first_norm: the first hidden layer that is normalised, if `config.batch_norm`.
    """

    def __init__(self, inputs: int, outputs: int, classes: int, config: NetworkConfig, *, first_norm: int = 1) -> None:
        super().__init__()
        self.inputs, self.classes = inputs, classes
        self.slope, self.dropout = config.slope, config.dropout
        widths = [inputs + classes, *config.hidden, outputs]
        for i in range(1, len(widths)):
            layer = nn.Linear(widths[i - 1], widths[i])
            self.add_module(f"fc{i}", layer)
            if config.batch_norm and first_norm <= i < len(widths) - 1:
                self.add_module(f"norm{i}", nn.BatchNorm1d(widths[i]))
                nn.init.zeros_(layer.bias)  # where it stays: batch norm cancels it, and has a shift of its own

    @property
    def linears(self) -> list[nn.Linear]:
        """The linear layers, from the input to the output."""
        return [layer for layer in self.children() if isinstance(layer, nn.Linear)]

    @property
    def norms(self) -> list[nn.BatchNorm1d | None]:
        """The batch norm behind each linear layer, where there is one."""
        return [getattr(self, f"norm{i}", None) for i in range(1, len(self.linears) + 1)]

    def stack(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Run all layers: x float[n, inputs], label int64[n] or None, to float[n, outputs]."""
        if self.classes:
            assert label is not None
            x = torch.cat([x, one_hot(label, self.classes, x.dtype)], dim=1)
        *hidden, last = self.linears
        for layer, norm in zip(hidden, self.norms, strict=False):
            x = layer(x)
            if norm is not None:
                x = norm(x)
            x = F.leaky_relu(x, self.slope) if self.slope else F.relu(x)
            x = F.dropout(x, self.dropout, self.training)
        return last(x)  # type: ignore[no-any-return]


class Generator(FullyConnected):
    """Noise, and a label if conditional, to an image.

    `forward(z: float[n, z_dim], label: int64[n] | None) -> float[n, 1, h, w]` in (-1, 1).
    """

    def __init__(self, config: TrainConfig, image_size: tuple[int, int], classes: int) -> None:
        height, width = image_size
        classes = classes if config.conditional else 0
        super().__init__(config.z_dim, height * width, classes, config.generator)
        self.image_size = image_size

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Make images."""
        return torch.tanh(self.stack(z, label)).view(-1, 1, *self.image_size)


class Discriminator(FullyConnected):
    """An image, and its label if conditional, to a logit; its sigmoid is the probability that the image is real.

    `forward(image: float[n, 1, h, w] in [-1, 1], label: int64[n] | None) -> float[n]`.

    Batch norm leaves out the layer that sees the image (Radford et al. 2015, arXiv:1511.06434, section 3).
    """

    def __init__(self, config: TrainConfig, image_size: tuple[int, int], classes: int) -> None:
        height, width = image_size
        classes = classes if config.conditional else 0
        super().__init__(height * width, 1, classes, config.discriminator, first_norm=2)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge images."""
        return self.stack(image.flatten(1), label).squeeze(1)


def one_hot(label: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """int64[n] to dtype[n, width], a one in the label's column. Columns past the last class stay zero."""
    return (label[:, None] == torch.arange(width, device=label.device)).to(dtype)
