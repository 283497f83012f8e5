"""A network in training: its float32 weights, the copy that computes, and what updates it."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from digitsmith.config.schema import NetworkOptimizer
from digitsmith.training.networks.fully_connected import ByteDropout
from digitsmith.training.ranks import ALONE, Ranks


class Learner:
    """Mixed precision with master weights (Micikevicius et al. 2017, arXiv:1710.03740), in two flat tensors.

    Attributes:
        network: the float32 weights, in evaluation mode: what is checkpointed, shown and exported.
        working: the same network in training mode. Its matrices and kernels are rounded copies in `dtype`, made once
            for each update and not for each pass; norms and embeddings are `network`'s own.
        flat: float32, all weights of `network`, so that an update is one kernel; `flat.grad` holds all gradients.
        optimizer: updates `flat`.
        statistics: those of batch norms, float32.
        ranks: the processes that have the same weights, and the gradients of their shares of a batch.
    """

    ranks: Ranks = ALONE

    def __init__(self, network: nn.Module, config: NetworkOptimizer, dtype: torch.dtype) -> None:
        self.network = network.eval()
        self.working = copy.deepcopy(network).train()
        multiplied, others = _parameters(network)
        weights = [parameter.detach() for parameter in multiplied + others]
        self.flat = nn.utils.parameters_to_vector(weights)
        self.flat.grad = torch.zeros_like(self.flat)
        masters = views(self.flat, weights)
        self._gradients = views(self.flat.grad, weights)
        self._masters = self.flat[: sum(weight.numel() for weight in weights[: len(multiplied)])]
        self._rounded = self._masters if dtype == self.flat.dtype else self._masters.to(dtype)
        copies = views(self._rounded, weights[: len(multiplied)]) + masters[len(multiplied) :]
        for parameter, master in zip(multiplied + others, masters, strict=True):
            parameter.data = master
        multiplied, others = _parameters(self.working)
        self._parameters = multiplied + others
        for parameter, copied in zip(self._parameters, copies, strict=True):
            parameter.data = copied
        for own, shared in zip(self.working.modules(), network.modules(), strict=True):
            own._buffers = shared._buffers  # running statistics are one and the same
        self.statistics = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        self.optimizer = _make_optimizer(self.flat, config)

    def join(self, ranks: Ranks) -> None:
        """Be trained by several processes."""
        self.ranks = ranks
        for module in self.working.modules():
            if isinstance(module, ByteDropout):
                module.ranks = ranks

    def minimise(self, loss: Tensor) -> None:
        """Move this network's weights, and no other's, down the gradient of a loss; in all ranks, down its mean."""
        torch._foreach_copy_(self._gradients, torch.autograd.grad(loss, self._parameters))
        assert self.flat.grad is not None
        self.ranks.average([self.flat.grad])
        self.optimizer.step()
        self.refresh()

    def refresh(self) -> None:
        """Round the weights into the working copy again, after they were changed."""
        if self._rounded is not self._masters:
            self._rounded.copy_(self._masters)


def views(flat: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Parts of a flat tensor, one after the other, in the shapes of others."""
    sizes = [tensor.numel() for tensor in like]
    return [part.view_as(tensor) for part, tensor in zip(torch.split(flat[: sum(sizes)], sizes), like, strict=True)]


def _parameters(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Those of layers that multiply matrices, and all others."""
    multiplied: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in network.modules():
        (multiplied if isinstance(module, nn.Linear | _ConvNd) else others).extend(module.parameters(recurse=False))
    return multiplied, others


def moments_of_one(config: NetworkOptimizer) -> dict[str, Tensor]:
    """What the optimizer that a config names keeps, by name, after an update of a single weight.

    Those of more weights have an element for each, but for scalars.
    """
    weight = torch.zeros(1)
    weight.grad = torch.zeros(1)
    optimizer = _make_optimizer(weight, config)
    optimizer.step()
    return {key: moment for key, moment in optimizer.state[weight].items() if isinstance(moment, Tensor)}


def _make_optimizer(weights: Tensor, config: NetworkOptimizer) -> torch.optim.Optimizer:
    """The optimizer that a config names, of one tensor of weights."""
    match config.name:
        case "adam":
            return torch.optim.Adam([weights], lr=config.lr, betas=config.betas, fused=True)
        case "sgd":
            return torch.optim.SGD([weights], lr=config.lr, momentum=config.betas[0], fused=True)
        case "rmsprop":
            return torch.optim.RMSprop([weights], lr=config.lr, alpha=config.betas[1])
