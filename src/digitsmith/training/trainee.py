"""A network in training: what updates it, and how it is run."""

from typing import Any

import torch
from torch import Tensor, nn

from digitsmith.config.schema import NetworkConfig, TrainConfig


class Trainee:
    """A network whose gradients are autograd's, and its optimizer.

    Args:
        network: its parameters become views into `flat`.
        config: names the optimizer.
        dtype: of convolutions and products: float32 or bfloat16. Weights, optimizer and losses are float32 (mixed
            precision with master weights, Micikevicius et al. 2017, arXiv:1710.03740).

    Attributes:
        network: the float32 weights; what is checkpointed, shown and exported.
        flat: float32, all weights, so that an update is one kernel; `flat.grad` holds all gradients.
        optimizer: updates `flat`.
    """

    def __init__(self, network: nn.Module, config: NetworkConfig, dtype: torch.dtype) -> None:
        self.network, self.dtype = network, dtype
        self._parameters = list(network.parameters())
        tensors = [parameter.detach() for parameter in self._parameters]
        self.flat = nn.utils.parameters_to_vector(tensors)
        self.flat.grad = torch.zeros_like(self.flat)
        for p, weight, gradient in zip(
            self._parameters, views(self.flat, tensors), views(self.flat.grad, tensors), strict=True
        ):
            p.data, p.grad = weight, gradient
        self.optimizer = make_optimizer(self.flat, config)

    def __call__(self, x: Tensor, label: Tensor | None) -> Any:
        """What the network makes of its inputs, in training mode."""
        self.network.train()
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            output = self.network(x, label)
        self.network.eval()
        return output

    def minimise(self, loss: Tensor) -> None:
        """Move this network's weights, and no other's, down the gradient of a loss."""
        assert self.flat.grad is not None
        self.flat.grad.zero_()
        loss.backward(inputs=self._parameters)  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def refresh(self) -> None:
        """Nothing is derived from the weights that would have to follow when they are changed from outside."""


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the chip multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def draw_noise(n: int, config: TrainConfig, device: torch.device) -> Tensor:
    """Noise for training, float32[n, z_dim], from torch's own random state."""
    z = torch.empty(n, config.z_dim, device=device)
    return z.normal_() if config.z_distribution == "normal" else z.uniform_(-1, 1)


def make_optimizer(weights: Tensor, config: NetworkConfig) -> torch.optim.Optimizer:
    """The optimizer that a config names, of one tensor of weights."""
    match config.optimizer:
        case "adam":
            return torch.optim.Adam([weights], lr=config.lr, betas=config.betas, fused=True)
        case "sgd":
            return torch.optim.SGD([weights], lr=config.lr, momentum=config.betas[0], fused=True)
        case "rmsprop":
            return torch.optim.RMSprop([weights], lr=config.lr, alpha=config.betas[1])


def views(flat: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Parts of a flat tensor, one after the other, in the shapes of others."""
    sizes = [tensor.numel() for tensor in like]
    return [part.view_as(tensor) for part, tensor in zip(torch.split(flat, sizes), like, strict=True)]
