"""Fully connected networks in training: forward pass, backward pass and step written out by hand.

These networks are so small that under autograd a third of a step is bookkeeping, and float32 products
leave unused what the chip does six times faster in bfloat16. So here

- the products see a bfloat16 copy of the weights, made again after each update, while weights, optimizer and sums stay
  float32 (mixed precision with master weights, Micikevicius et al. 2017, arXiv:1710.03740);
- all weights lie in one tensor, as do their gradients, so that an update is three kernels;
- several batches share one product, and only the gradients that are asked for are computed.

A test holds losses and gradients against autograd on `networks.py` in plain float32. The step that can be read without
all this is in `step.py`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from digitsmith.config.schema import NetworkConfig, TrainConfig
from digitsmith.training.losses import fake_loss, generator_loss, real_loss
from digitsmith.training.networks import FullyConnected, one_hot
from digitsmith.training.trainee import draw_noise, make_optimizer, views

_ALIGN = 32  # columns; a product on a width that is a multiple of this is faster: 800 against 794


@dataclass(slots=True)
class _Norm:
    """A batch norm, and the gradients of its parameters, as views into the flat tensor."""

    module: nn.BatchNorm1d
    weight_gradient: Tensor
    bias_gradient: Tensor


@dataclass(slots=True)
class _Layer:
    """A linear layer, as views into the flat tensors, and the batch norm behind it."""

    weight: Tensor  # dtype[outputs, inputs], of the working copy
    weight_gradient: Tensor  # dtype[outputs, inputs]
    bias: Tensor | None  # dtype[outputs], of the working copy; None in front of a batch norm, which cancels it
    bias_gradient: Tensor | None  # float32[outputs]
    norm: _Norm | None


@dataclass(slots=True)
class _Record:
    """What the backward pass needs of one hidden layer."""

    x: Tensor  # [rows, inputs], the layer's input
    y: Tensor  # [rows, outputs], after activation and dropout
    mask: Tensor | None  # [rows, outputs], the dropout factors
    batches: list[tuple[Tensor, Tensor, Tensor]]  # if normalised: of each, values before, mean, inverse deviation


class DenseTrainee:
    """A network, what computes its gradients, and what updates it.

    Args:
        network: its parameters become views into `flat`.
        config: names the optimizer.
        dtype: of the products and of everything between them: float32 or bfloat16.

    Attributes:
        network: the float32 weights; what is checkpointed, shown and exported.
        flat: float32, all weights: matrices first, the first of them padded with zero columns to a multiple of 32 if
            a label joins the input; then biases and batch-norm parameters.
        optimizer: updates `flat`.
    """

    def __init__(self, network: FullyConnected, config: NetworkConfig, dtype: torch.dtype) -> None:
        self.network, self.dtype = network, dtype
        self.padding = -network.linears[0].in_features % _ALIGN if network.classes else 0
        matrices = [layer.weight.detach() for layer in network.linears]
        matrices[0] = nn.functional.pad(matrices[0], (0, self.padding))
        vectors = [p.detach() for p in network.parameters() if p.ndim == 1]
        tensors = matrices + vectors
        self.flat = nn.utils.parameters_to_vector(tensors)
        self.flat.grad = torch.zeros_like(self.flat)
        # The working copy and the products' gradients; in float32 they are the weights and gradients themselves.
        same = dtype == self.flat.dtype
        self._working = self.flat if same else self.flat.to(dtype)
        self._products = self.flat.grad[: sum(matrix.numel() for matrix in matrices)]
        self._matrix_gradients = self._products if same else self._products.to(dtype)

        weights, working, gradients = (views(t, tensors) for t in (self.flat, self._working, self.flat.grad))
        products = views(self._matrix_gradients, matrices)
        vector_at: dict[nn.Parameter, int] = {}  # from a bias or batch-norm parameter to its place among the views
        for parameter in network.parameters():
            if parameter.ndim == 1:
                vector_at[parameter] = len(matrices) + len(vector_at)
                parameter.data = weights[vector_at[parameter]]
        self._layers = []
        for i, (layer, norm) in enumerate(zip(network.linears, network.norms, strict=True)):
            layer.weight.data = weights[i][:, : layer.in_features]
            if norm is None:
                at = vector_at[layer.bias]
                self._layers.append(_Layer(working[i], products[i], working[at], gradients[at], None))
            else:
                with_gradients = _Norm(norm, gradients[vector_at[norm.weight]], gradients[vector_at[norm.bias]])
                self._layers.append(_Layer(working[i], products[i], None, None, with_gradients))
        self._records: list[_Record] = []
        self.optimizer = make_optimizer(self.flat, config)

    def label_columns(self, label: Tensor | None) -> Tensor | None:
        """What joins the input for a label: its one-hot, and the padding's zeros. dtype[n, columns]."""
        return None if label is None else one_hot(label, self.network.classes + self.padding, self.dtype)

    @torch.no_grad()
    def forward(self, x: Tensor, label_columns: Tensor | None, groups: int = 1) -> Tensor:
        """Run the layers in training mode.

        Args:
            x: float[rows, inputs]; `groups` batches of equal size, one after the other.
            label_columns: from `label_columns()`, for the same rows.
            groups: batch norm treats each batch by its own statistics, as if it came alone.

        Returns:
            float32[rows, outputs].
        """
        x = x.to(self.dtype)
        if label_columns is not None:
            x = torch.cat([x, label_columns], dim=1)
        masks = self._dropout_masks(len(x))
        self._records = []
        for i, layer in enumerate(self._layers[:-1]):
            y = nn.functional.linear(x, layer.weight, layer.bias)
            batches: list[tuple[Tensor, Tensor, Tensor]] = []
            if layer.norm is not None:
                y, batches = _normalise(layer.norm.module, y, groups)
            y = nn.functional.leaky_relu_(y, self.network.slope)
            mask = masks[i] if masks else None
            if mask is not None:
                y.mul_(mask)
            self._records.append(_Record(x, y, mask, batches))
            x = y
        self._last_input = x
        return nn.functional.linear(x, self._layers[-1].weight, self._layers[-1].bias).float()

    @torch.no_grad()
    def backward_weights(self, gradient: Tensor) -> None:
        """Write the gradients of all weights.

        Args:
            gradient: of the loss by the output of the last `forward`, [n, outputs], for its last n rows, whole
                batches; the loss does not depend on the rows before them.
        """
        g = self._backward(gradient)
        _differentiate_linear(self._layers[0], self._records[0].x, g)

    @torch.no_grad()
    def backward_input(self, gradient: Tensor, last: int) -> Tensor:
        """From the gradient by the output, as for `backward_weights`, to that by the `last` rows of the input.

        Returns:
            dtype[last, inputs], without the label's columns.
        """
        return self._backward(gradient, last=last) @ self._layers[0].weight[:, : self.network.inputs]

    def update(self) -> None:
        """Move the weights down the gradients of the last `backward_weights`, and refresh the working copy."""
        if self._matrix_gradients is not self._products:
            self._products.copy_(self._matrix_gradients)
        self.optimizer.step()
        self.refresh()

    def refresh(self) -> None:
        """Round the weights into the working copy again, after they were changed."""
        if self._working is not self.flat:
            self._working.copy_(self.flat)

    def _backward(self, gradient: Tensor, *, last: int | None = None) -> Tensor:
        """Back to the gradient by the output of the first product; what to make of it is left to the caller.

        Writes the gradients of the layers above, unless only the `last` rows are asked for.
        """
        g = gradient.to(self.dtype)
        x = self._last_input
        for i in range(len(self._layers) - 1, 0, -1):
            layer, record, norm = self._layers[i], self._records[i - 1], self._layers[i - 1].norm
            if last is None:
                _differentiate_linear(layer, x, g)
            elif all(below.norm is None for below in self._layers[:i]):
                g = g[-last:]  # from here on down, rows go by themselves
            n = len(g)
            g = g @ layer.weight
            if record.mask is not None:
                g.mul_(record.mask[-n:])
            g = torch.ops.aten.leaky_relu_backward(g, record.y[-n:], self.network.slope, True)
            if norm is not None:
                g = _backward_norm(norm, g, record, weights=last is None)
            x = record.x
        return g

    def _dropout_masks(self, rows: int) -> list[Tensor]:
        """One [rows, width] of factors for each hidden layer: 0, or the inverse of the probability to be kept.

        Inverted dropout (Srivastava et al. 2014). The masks are cut from 64-bit random draws, eight byte thresholds
        each, so the probability in force is the nearest multiple of 1/256 (0.3 becomes 77/256 = 0.3008), and the
        factor is exactly that one's inverse.
        """
        threshold = round(self.network.dropout * 256)
        if not threshold:
            return []
        sizes = [rows * len(layer.weight) for layer in self._layers[:-1]]
        total = sum(sizes)
        draws = torch.empty(-(-total // 8), dtype=torch.int64, device=self.flat.device).random_(-(2**63), None)
        factors = torch.empty(total, dtype=self.dtype, device=self.flat.device)
        torch.ge(draws.view(torch.uint8)[:total], threshold, out=factors)
        return [mask.view(rows, -1) for mask in torch.split(factors.mul_(256 / (256 - threshold)), sizes)]


def _differentiate_linear(layer: _Layer, x: Tensor, gradient: Tensor) -> None:
    """Write a layer's gradients, from that by its output for the last rows of its input."""
    torch.mm(gradient.t(), x[-len(gradient) :], out=layer.weight_gradient)
    if layer.bias_gradient is not None:
        torch.sum(gradient, 0, dtype=torch.float32, out=layer.bias_gradient)


def _normalise(norm: nn.BatchNorm1d, x: Tensor, groups: int) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor]]]:
    """Batch norm of each batch by itself; also what its backward pass needs."""
    output, statistics = torch.empty_like(x), []
    for batch, into in zip(x.chunk(groups), output.chunk(groups), strict=True):
        mean, deviation = torch.empty_like(norm.weight), torch.empty_like(norm.weight)
        assert norm.momentum is not None
        torch.native_batch_norm(
            batch,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            training=True,
            momentum=norm.momentum,
            eps=norm.eps,
            out=(into, mean, deviation),
        )
        statistics.append((batch, mean, deviation))
    return output, statistics


def _backward_norm(norm: _Norm, gradient: Tensor, record: _Record, *, weights: bool) -> Tensor:
    """Batch norm backward, for the last batches of the forward pass: as many as `gradient` has rows for."""
    batches = len(gradient) * len(record.batches) // len(record.y)
    module, parts = norm.module, []
    for k, (x, mean, deviation) in enumerate(record.batches[-batches:]):
        part, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradient[k * len(x) : (k + 1) * len(x)],
            *(x, module.weight, module.running_mean, module.running_var, mean, deviation, True, module.eps),
            [True, weights, weights],
        )
        parts.append(part)
        if weights:
            (norm.weight_gradient.add_ if k else norm.weight_gradient.copy_)(by_weight)
            (norm.bias_gradient.add_ if k else norm.bias_gradient.copy_)(by_bias)
    return parts[0] if batches == 1 else torch.cat(parts)


@torch.no_grad()
def dense_step(
    generator: DenseTrainee, discriminator: DenseTrainee, real: Tensor, label: Tensor | None, config: TrainConfig
) -> Tensor:
    """Update the discriminator on real and fake images, then the generator on noise of its own (Goodfellow, alg. 1).

    The arithmetic is `step.adversarial_step`'s, but for that noise and for batch norm in the discriminator.

    Args:
        generator: changed in place.
        discriminator: changed in place.
        real: float[n, 1, h, w] in [-1, 1].
        label: int64[n], the labels of `real`, which the fakes are made for too; None for an unconditional pair.
        config: losses, smoothing and noise.

    Returns:
        float32[6], the `step.SCALARS` of this step.
    """
    n, real = len(real), real.flatten(1)
    twice = None if label is None else label.repeat(2)

    # The generator does not change before its own update, so one pass makes the fakes of both updates.
    z = draw_noise(2 * n, config, real.device)
    fakes = torch.tanh(generator.forward(z, generator.label_columns(twice), groups=2))  # [2n, h * w]

    columns = discriminator.label_columns(twice)
    logits = discriminator.forward(torch.cat([real, fakes[:n]]), columns).squeeze(1)  # [2n]
    with torch.enable_grad():
        logits.requires_grad_()
        loss_real = real_loss(logits[:n], config.label_smoothing)
        loss_fake = fake_loss(logits[n:])
        (by_logits,) = torch.autograd.grad(loss_real + loss_fake, logits)
    discriminator.backward_weights(by_logits[:, None])
    discriminator.update()

    # Batch norm sees real and fake images together in both updates. By themselves, each kind would be normalised to
    # the same mean, and what all fakes have in common, such as a speckled border, would never be unlearnt.
    judged = torch.cat([real, fakes[n:]]) if config.discriminator.batch_norm else fakes[n:]
    logits_again = discriminator.forward(judged, None if columns is None else columns[-len(judged) :]).squeeze(1)
    with torch.enable_grad():
        logits_again.requires_grad_()
        loss_generator = generator_loss(logits_again[-n:], saturating=config.generator_loss == "saturating")
        (by_logits,) = torch.autograd.grad(loss_generator, logits_again)
    by_image = discriminator.backward_input(by_logits[:, None], last=n)
    generator.backward_weights(by_image * (1 - fakes[n:] ** 2))  # the derivative of tanh
    generator.update()

    d_real, d_fake = logits.sigmoid().view(2, n).mean(1)
    return torch.stack([loss_real + loss_fake, loss_real, loss_fake, loss_generator, d_real, d_fake])
