"""A generator's weights alone, from a run or from a model file, to start another training from."""

from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from digitsmith.config.schema import TrainConfig
from digitsmith.errors import ModelError
from digitsmith.models.generator import Model, load
from digitsmith.models.noise import noise
from digitsmith.records.run import Run
from digitsmith.training.gans import checkpoint
from digitsmith.training.networks import new_networks
from digitsmith.training.networks.blocks import ClassNorm
from digitsmith.untrusted import reading

_IMAGES = 512  # generated, for the statistics of norms


def read_weights(source: str | Path) -> dict[str, Tensor]:
    """The weights of a generator, by the names that they have in a training network.

    Args:
        source: a run folder that has a checkpoint, or what `digitsmith.load` takes. In a model file, norms are part of
            the layers beside them; they are taken apart again, with the statistics of generated images.

    Returns:
        The state of a network that computes the same images.

    Raises:
        ModelError: no such model, or one that does not say how it was trained.
        RunError: a damaged checkpoint.
    """
    run = Run(Path(source))
    if run.checkpoint.is_file():
        return checkpoint.load_pair(run)[0]
    model = load(source)
    mend = "it does not hold the weights of the networks that it names"
    with torch.random.fork_rng(), reading(model.name, ModelError, mend):  # the caller's random state stays as it is
        return _unfolded(model).state_dict()


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Copy the weights that a network has, too, by name and shape.

    Returns:
        The names of what keeps its own values, as another config has other parts.
    """
    own = network.state_dict()
    fitting = {name: tensor for name, tensor in weights.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict(own | fitting)
    return sorted(own.keys() - fitting.keys())


def _unfolded(model: Model) -> nn.Module:
    """A training network with the weights of a model file, in evaluation mode."""
    record = model.record
    if record.training is None:
        raise ModelError(f"{model.name} does not say how it was trained, and so not what its networks are.")
    config = TrainConfig.model_validate(record.training.config, strict=False)
    generator, _ = new_networks(config, (record.channels, *record.image_size), len(record.classes))
    stored = _stored_weights(onnx.load_model_from_string(model.content).graph)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.fill_(torch.nan)  # what is not found is seen
    start_from(generator, stored)
    for name, module in generator.named_modules():
        prefix = f"{name}." if name else ""
        if callable(unfold := getattr(module, "unfold", None)):
            unfold({key.removeprefix(prefix): t for key, t in stored.items() if key.startswith(prefix)})
    label = None
    if record.classes:
        label = torch.arange(_IMAGES) % (len(record.classes) * config.networks.styles)
    _calibrate(generator, torch.from_numpy(noise(0, 0, _IMAGES, record.z_dim, record.z_distribution)), label)
    if missing := [name for name, parameter in generator.named_parameters() if parameter.isnan().any()]:
        raise ModelError(f"{model.name} lacks weights of the networks that it names: {', '.join(missing[:3])}.")
    return generator


def _stored_weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """The weights in a graph, by the names of the network's parts."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored = {
        name.removesuffix(".float16").removeprefix("generator."): torch.from_numpy(array.copy()).float()
        for name, array in arrays.items()
    }
    made_by = {output: node for node in graph.node for output in node.output}
    for node in graph.node:  # older files have the norms of classes in parts: scale * inverse deviation * mean
        mean = next((name for name in node.input if name.endswith(".norm.running_mean")), None)
        if node.op_type == "Mul" and mean is not None:
            product = next(made_by[name] for name in node.input if name != mean)
            inverse = next(arrays[name] for name in product.input if name in arrays)
            norm = mean.removeprefix("generator.").removesuffix(".norm.running_mean")
            scale = stored[f"{norm}.scale.weight"] * torch.from_numpy(inverse.copy())
            stored[f"{norm}.shift.weight"] -= scale * torch.from_numpy(arrays[mean].copy())
            stored[f"{norm}.scale.weight"] = scale
    return stored


@torch.no_grad()
def _calibrate(generator: nn.Module, z: Tensor, label: Tensor | None) -> None:
    """Give norms that change nothing the statistics of their inputs, and take these out again behind them."""

    def take_statistics(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        norm = module.norm if isinstance(module, ClassNorm) else module
        assert isinstance(norm, _BatchNorm)
        x = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = x.mean(1), x.var(1, correction=0)
        _set_statistics(norm, mean, variance)
        deviation = (variance + norm.eps).sqrt()
        if isinstance(module, ClassNorm):
            module.calibrate(mean, deviation)
        else:
            norm.bias.add_(mean)
            norm.weight.copy_(deviation)

    hooks = []
    for module in generator.modules():
        if isinstance(module, _BatchNorm):
            _set_statistics(module, torch.zeros(()), torch.tensor(1 - module.eps))
            if module.affine:
                module.weight.fill_(1)
        if isinstance(module, ClassNorm) or (isinstance(module, _BatchNorm) and module.affine):
            hooks.append(module.register_forward_pre_hook(take_statistics))
    generator(z, label)
    for hook in hooks:
        hook.remove()


def _set_statistics(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
