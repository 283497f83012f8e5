"""The training loop that tutorials show, as the yardstick of `benchmarks/training.py`.

A per-item data set of PIL images turned into tensors, a DataLoader, plain fp32 networks out of `nn.Sequential`-style
layers, default Adam, separate passes for real and for fake images, and `.item()` on every loss in every step. The
networks, the losses, the noise and the batch size are those of Digitsmith's presets; nothing is slowed down on
purpose.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from digitsmith.config.schema import FullyConnectedNetwork, FullyConnectedNetworks, TrainConfig
from digitsmith.data.dataset import Dataset


def to_tensor(image: Image.Image) -> Tensor:
    """What torchvision's `ToTensor` does to a grey PIL image: float32[1, h, w] in [0, 1]."""
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8, copy=True))
    pixels = pixels.view(image.size[1], image.size[0], 1).permute((2, 0, 1)).contiguous()
    return pixels.to(dtype=torch.float32).div(255)


def normalize(tensor: Tensor, mean: tuple[float, ...] = (0.5,), std: tuple[float, ...] = (0.5,)) -> Tensor:
    """What torchvision's `Normalize` does."""
    tensor = tensor.clone()
    mean_tensor = torch.as_tensor(mean, dtype=tensor.dtype)
    std_tensor = torch.as_tensor(std, dtype=tensor.dtype)
    if (std_tensor == 0).any():
        raise ValueError("division by zero")
    return tensor.sub_(mean_tensor.view(-1, 1, 1)).div_(std_tensor.view(-1, 1, 1))


class ImageDataset(torch.utils.data.Dataset):
    """One image at a time: array, PIL image, tensor, normalised to [-1, 1]; as torchvision's MNIST does it."""

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.data.images[index])
        return normalize(to_tensor(image)), int(self.data.labels[index])


class Net(nn.Module):
    """Linear layers with batch norm, leaky ReLU and dropout, as the preset says."""

    def __init__(self, inputs: int, outputs: int, config: FullyConnectedNetwork, first_norm: int) -> None:
        super().__init__()
        widths = [inputs, *config.widths]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers.append(nn.Linear(before, after))
            if config.batch_norm and len(layers) >= first_norm:
                layers.append(nn.BatchNorm1d(after))
            layers.append(nn.LeakyReLU(config.slope) if config.slope else nn.ReLU())
            if config.dropout:
                layers.append(nn.Dropout(config.dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def train(
    data: Dataset, config: TrainConfig, device: str = "cpu", *, joint: bool = False
) -> Iterator[dict[str, float]]:
    """Train for ever; yield the losses after every step.

    With `joint`, the discriminator sees real and fake images in one pass wherever Digitsmith's batch norm needs it.
    """
    networks, optimizer = config.networks, config.optimizer
    assert isinstance(networks, FullyConnectedNetworks)
    classes = len(data.classes) if networks.conditional else 0
    pixels = data.images[0].size
    generator = Net(networks.z_dim + classes, pixels, networks.generator, first_norm=0).to(device)
    discriminator = Net(pixels + classes, 1, networks.discriminator, first_norm=2).to(device)
    g_optimizer, d_optimizer = (
        torch.optim.Adam(network.parameters(), lr=section.lr, betas=section.betas)
        for network, section in ((generator, optimizer.generator), (discriminator, optimizer.discriminator))
    )
    loader = DataLoader(ImageDataset(data), batch_size=optimizer.batch_size, shuffle=True, drop_last=True)
    joint = joint and networks.discriminator.batch_norm

    def noise(n: int) -> Tensor:
        shape = n, networks.z_dim
        return torch.randn(shape) if networks.z_distribution == "normal" else torch.rand(shape) * 2 - 1

    def judge(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both kinds: in separate passes, or in one."""
        if joint:
            real_logits, fake_logits = discriminator(torch.cat([real, fake])).squeeze(1).chunk(2)
            return real_logits, fake_logits
        return discriminator(real).squeeze(1), discriminator(fake).squeeze(1)

    while True:
        for images, labels in loader:
            n = images.size(0)
            real = images.view(n, -1).to(device)
            onehot = F.one_hot(labels, classes).float().to(device) if classes else torch.empty(n, 0, device=device)

            d_optimizer.zero_grad()
            fake = torch.tanh(generator(torch.cat([noise(n).to(device), onehot], 1)))
            real_logits, fake_logits = judge(torch.cat([real, onehot], 1), torch.cat([fake.detach(), onehot], 1))
            real_targets = torch.full((n,), 1 - config.loss.label_smoothing, device=device)
            d_loss_real = F.binary_cross_entropy_with_logits(real_logits, real_targets)
            d_loss_fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros(n, device=device))
            d_loss = d_loss_real + d_loss_fake
            d_loss.backward()
            d_optimizer.step()

            g_optimizer.zero_grad()
            fake = torch.cat([torch.tanh(generator(torch.cat([noise(n).to(device), onehot], 1))), onehot], 1)
            if joint:
                _, logits = judge(torch.cat([real, onehot], 1), fake)
            else:
                logits = discriminator(fake).squeeze(1)
            g_loss = F.binary_cross_entropy_with_logits(logits, torch.ones(n, device=device))
            g_loss.backward()
            g_optimizer.step()

            yield {"d_loss": d_loss.item(), "g_loss": g_loss.item()}
