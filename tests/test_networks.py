"""Both architectures: the presets are what their works say, and the parts compute what they claim."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from digitsmith.config.loading import load_config
from digitsmith.config.schema import TrainConfig
from digitsmith.data.dataset import Dataset
from digitsmith.training.gans.setup import settle
from digitsmith.training.gans.state import new_state, update_ema
from digitsmith.training.networks import new_networks
from digitsmith.training.networks.blocks import ClassNorm, DoublingConv, HalvingConv, deviation_in_groups

SMALL = {"generator.widths": [12, 8], "discriminator.widths": [8, 12], "z_dim": 6}
UNCONDITIONAL = {"conditional": False, "styles": 1, "auxiliary": 0}
GREY = (1, 28, 28)


def small(**changes: object) -> TrainConfig:
    return load_config("residual", SMALL | changes)


def linear_lines(network: nn.Module) -> list[str]:
    return [line.strip().partition(": ")[2] for line in str(network).splitlines() if "Linear" in line]


def linear(inputs: int, outputs: int, *, bias: bool = True) -> str:
    return f"Linear(in_features={inputs}, out_features={outputs}, bias={bias})"


def test_gan_has_the_four_layers_of_the_source_work() -> None:
    config = load_config("gan")
    generator, discriminator = new_networks(config, GREY, 10)
    assert linear_lines(generator) == [linear(100, 256), linear(256, 512), linear(512, 1024), linear(1024, 784)]
    assert linear_lines(discriminator) == [linear(784, 1024), linear(1024, 512), linear(512, 256), linear(256, 1)]
    assert "BatchNorm" not in str(generator) + str(discriminator)
    assert config.optimizer.epochs == 200
    assert config.networks.z_dim == 100
    assert (config.networks.generator.slope, config.networks.discriminator.slope) == (0.2, 0.2)
    assert config.networks.generator.dropout > 0
    assert config.networks.discriminator.dropout > 0
    assert config.loss.fresh_fakes


def test_other_image_sizes_and_colours_change_only_the_pixels() -> None:
    generator, discriminator = new_networks(load_config("gan"), (3, 16, 12), 10)
    assert linear_lines(generator)[3] == linear(1024, 3 * 192)
    assert linear_lines(discriminator)[0] == linear(3 * 192, 1024)
    assert generator(torch.zeros(2, 100)).shape == (2, 3, 16, 12)
    assert discriminator(torch.zeros(2, 3, 16, 12)).logit.shape == (2,)


def test_cgan_is_the_conditional_gan_of_the_source_work() -> None:
    config = load_config("cgan")
    generator, discriminator = new_networks(config, GREY, 10)
    assert (generator.inputs, generator.labels, discriminator.inputs, discriminator.labels) == (100, 10, 784, 10)
    assert linear_lines(generator)[-1] == linear(1024, 784)
    assert linear_lines(discriminator)[-1] == linear(256, 1)
    assert str(generator).count("BatchNorm1d") == 3
    assert str(discriminator).count("BatchNorm1d") == 2
    assert config.networks.z_distribution == "normal"
    assert (config.networks.generator.slope, config.networks.discriminator.slope) == (0.0, 0.01)
    for optimizer in (config.optimizer.generator, config.optimizer.discriminator):
        assert (optimizer.name, optimizer.lr, optimizer.betas) == ("adam", 2e-4, (0.5, 0.999))
    assert config.loss.generator == "non-saturating"
    assert config.loss.fresh_fakes


def test_the_label_joins_the_input_as_one_hot() -> None:
    generator, _ = new_networks(load_config("cgan"), GREY, 10)
    z, label = torch.randn(4, 100), torch.tensor([0, 9, 3, 3])
    x = torch.cat([z, F.one_hot(label, 10).float()], dim=1)
    for layer in generator.hidden:
        x = F.relu(layer.norm(F.linear(x, layer.linear.weight[:, : x.shape[1]])))
    expected = torch.tanh(generator.last(x)).view(4, 1, 28, 28)
    torch.testing.assert_close(generator(z, label), expected)


def test_a_fully_connected_discriminator_can_classify() -> None:
    config = load_config("cgan", {"auxiliary": 0.1, "styles": 3})
    generator, discriminator = new_networks(config, GREY, 4)
    label = torch.tensor([0, 11])
    logit, class_logits = discriminator(generator(torch.randn(2, 100), label), label)
    assert (logit.shape, class_logits.shape) == ((2,), (2, 4))
    assert discriminator.last.bias[1:].abs().sum() > 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 9, 17), (3, 64, 40), (1, 128, 128)])
@pytest.mark.parametrize("conditional", [True, False])
def test_any_size_and_colour_with_and_without_labels(shape: tuple[int, int, int], conditional: bool) -> None:
    changes = {} if conditional else UNCONDITIONAL
    generator, discriminator = new_networks(small(**changes), shape, 3)
    label = torch.tensor([0, 47, 16, 31]) if conditional else None  # of three times 16 styles
    images = generator(torch.randn(4, 6), label)
    assert images.shape == (4, *shape)
    assert images.abs().max() <= 1
    logit, class_logits = discriminator(images, label)
    assert logit.shape == (4,)
    assert class_logits is None if not conditional else class_logits.shape == (4, 3)


@pytest.mark.parametrize(
    ("size", "blocks", "start"), [((28, 28), 2, 7), ((32, 32), 2, 8), ((64, 64), 3, 8), ((128, 128), 4, 8)]
)
def test_the_start_size_follows_from_the_depth(size: tuple[int, int], blocks: int, start: int) -> None:
    generator, discriminator = new_networks(load_config("residual"), (1, *size), 10)
    assert len(generator.blocks) == blocks
    assert generator.start == (start, start)
    assert len(discriminator.blocks) == blocks
    shallow, _ = new_networks(load_config("residual", {"generator.widths": [8, 8]}), (1, *size), 10)
    assert shallow.start == (size[0] // 4, size[1] // 4)


def test_the_preset_is_small_and_works_at_half_size() -> None:
    generator, discriminator = new_networks(load_config("residual"), GREY, 10)
    weights = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert max(weights) < 1.5e6  # 3 MB in float16
    sides = []
    for network, inputs in ((generator, (torch.randn(2, 64),)), (discriminator, (torch.zeros(2, 1, 28, 28),))):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda _layer, _inputs, output: sides.append(output.shape[-1]))
        network(*inputs, torch.tensor([3, 8]))
    assert max(sides) == 14


def test_the_label_decides_what_is_made_and_how_it_is_judged() -> None:
    torch.manual_seed(0)
    generator, discriminator = new_networks(small(), GREY, 10)
    z = torch.randn(1, 6).expand(2, 6)
    labels = torch.tensor([1, 7]) * 16  # the first style of each
    images = generator(z, labels)
    assert not torch.allclose(images[0], images[1])
    logit, class_logits = discriminator(images[:1].expand(2, 1, 28, 28), labels)
    assert logit[0] != logit[1]
    assert torch.equal(class_logits[0], class_logits[1])  # from the image alone


def test_a_class_norm_at_inference_is_batch_norm_with_a_scale_and_a_shift_per_class() -> None:
    torch.manual_seed(0)
    norm = ClassNorm(3, lambda width: nn.Embedding(2, width))
    nn.init.normal_(norm.scale.weight)
    nn.init.normal_(norm.shift.weight)
    x, label = torch.randn(64, 3, 5, 4) * 2 + 1, torch.arange(64) % 2
    for _ in range(200):  # until the running statistics are those of this batch
        trained = norm(x, label)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    normed = (x - mean) / (variance + 1e-5).sqrt()
    expected = normed * norm.scale.weight[label][:, :, None, None] + norm.shift.weight[label][:, :, None, None]
    torch.testing.assert_close(trained, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.eval()(x, label), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("size", [(6, 4), (7, 4), (5, 7), (1, 2)])
def test_convolutions_that_change_the_size_are_plain_ones_with_a_doubling_or_an_average(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    doubling, halving = DoublingConv(3, 5).double(), HalvingConv(3, 5).double()
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    convolved = nn.functional.conv2d(x, halving.weight, halving.bias, padding=1)
    rows = [
        torch.stack([convolved[:, :, i : i + 2, j : j + 2].mean((2, 3)) for j in range(0, size[1], 2)], -1)
        for i in range(0, size[0], 2)
    ]
    for ours, expected, conv in (
        (doubling(x), nn.functional.conv2d(repeated, doubling.weight, padding=1), doubling),
        (halving(x), torch.stack(rows, -2), halving),
    ):
        torch.testing.assert_close(ours, expected)
        inputs, direction = [x, *conv.parameters()], torch.randn_like(expected)
        gradients = (torch.autograd.grad(out, inputs, direction, retain_graph=True) for out in (ours, expected))
        torch.testing.assert_close(*gradients)
    assert torch.autograd.gradgradcheck(halving, x[:1])  # of which R1 takes the gradient


def test_images_that_are_alike_deviate_little_in_their_group() -> None:
    x = torch.randn(16, 4, 2, 3)
    x[:8] = x[0]
    maps = deviation_in_groups(x)
    assert maps.shape == (16, 1, 2, 3)
    assert maps[:8].max() < 2e-4
    by_hand = x[8:].numpy().std(axis=0).mean()
    np.testing.assert_allclose(maps[8:].numpy(), by_hand, rtol=1e-3)


def test_the_average_follows_its_formula() -> None:
    config = small(ema=0.5)
    state = new_state(config, (1, 8, 8), 3, torch.device("cpu"))
    weights = state.generator.flat
    average = state.ema.first.bias.detach().clone()
    for step, decay in enumerate((2 / 11, 3 / 12, 4 / 13)):
        weights.add_(1)
        state.position.step = step
        update_ema(state, config.optimizer.ema)
        average = decay * average + (1 - decay) * state.generator.network.first.bias.detach()
        torch.testing.assert_close(state.ema.first.bias.detach(), average)
    state.position.step = 1000
    update_ema(state, config.optimizer.ema)
    average = (average + state.generator.network.first.bias.detach()) / 2
    torch.testing.assert_close(state.ema.first.bias.detach(), average)


def test_few_images_are_passed_over_more_often(digits: Dataset) -> None:
    config, cpu = load_config("residual", ["steps=100"]), torch.device("cpu")
    many = digits.take(np.arange(60_000) % len(digits))
    assert settle(config, many, cpu).optimizer.epochs == 1
    assert settle(config, digits, cpu).optimizer.epochs == 5  # of 22 steps, as batches are smaller
    assert settle(load_config("residual", ["epochs=3"]), digits, cpu).optimizer.epochs == 3
    settled = settle(config, digits, cpu)
    assert settled.optimizer.steps is None
    assert settled.networks.styles == 1  # there are too few images for more
    assert (settled.networks.generator.widths, settled.networks.discriminator.widths) == ([112, 64], [64, 128, 128])
