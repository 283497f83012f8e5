"""The residual networks, their step, and what only they use: the R1 penalty and falling learning rates."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from digitsmith.training.prepare import settle_epochs
from digitsmith.training.residual import ClassNorm, DoublingConv, HalvingConv, deviation_in_groups
from digitsmith.training.trainee import Trainee, draw_noise
from safetensors.torch import load_file
from torch import nn

import digitsmith
from conftest import MICRO
from digitsmith.config.schema import TrainConfig, load_config
from digitsmith.data.pixels import to_uint8
from digitsmith.errors import ConfigError, ModelError, RunError
from digitsmith.models.noise import noise
from digitsmith.training.loop import export_checkpoint
from digitsmith.training.losses import fake_loss, generator_loss, r1_penalty, real_loss
from digitsmith.training.networks import new_networks
from digitsmith.training.state import new_state, update_ema
from digitsmith.training.step import SCALARS, adversarial_step

SMALL = {"generator.hidden": [12, 8], "discriminator.hidden": [8, 12], "z_dim": 6}


UNCONDITIONAL = {"conditional": False, "styles": 1, "auxiliary": 0}


def small(**changes: object) -> TrainConfig:
    return load_config("residual", SMALL | changes)


@pytest.mark.parametrize("size", [(28, 28), (8, 8), (9, 17), (64, 40)])
@pytest.mark.parametrize("conditional", [True, False])
def test_any_size_with_and_without_labels(size: tuple[int, int], conditional: bool) -> None:
    changes = {} if conditional else UNCONDITIONAL
    generator, discriminator = new_networks(small(**changes), size, 3)
    label = torch.tensor([0, 47, 16, 31]) if conditional else None  # of three times 16 styles
    images = generator(torch.randn(4, 6), label)
    assert images.shape == (4, 1, *size)
    assert images.abs().max() <= 1
    logits, read = discriminator(images, label)
    assert logits.shape == (4,)
    assert read is None if not conditional else read.shape == (4, 3)


def test_the_preset_is_small_and_works_at_half_size() -> None:
    generator, discriminator = new_networks(load_config("residual"), (28, 28), 10)
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
    generator, discriminator = new_networks(small(), (28, 28), 10)
    z = torch.randn(1, 6).expand(2, 6)
    labels = torch.tensor([1, 7]) * 16  # the first style of each
    images = generator(z, labels)
    assert not torch.allclose(images[0], images[1])
    logits, read = discriminator(images[:1].expand(2, 1, 28, 28), labels)
    assert logits[0] != logits[1]
    assert torch.equal(read[0], read[1])  # from the image alone


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


def test_r1_of_a_linear_discriminator_is_half_its_squared_weights() -> None:
    weight = torch.randn(1, 1, 4, 4)
    penalty = r1_penalty(lambda image: (image * weight).flatten(1).sum(1), torch.randn(5, 1, 4, 4))
    assert penalty.item() == pytest.approx(weight.square().sum().item() / 2, rel=1e-6)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(("relativistic", "auxiliary"), [(True, 0), (False, 0), (True, 0.5)])
def test_the_step_is_adam_on_the_textbook_losses(step: int, relativistic: bool, auxiliary: float) -> None:
    config = small(r1=0.3, r1_every=2, label_smoothing=0.1, relativistic=relativistic, styles=2, auxiliary=auxiliary)
    torch.manual_seed(0)
    ours, plain = new_networks(config, (12, 12), 3), new_networks(config, (12, 12), 3)
    for network, copied in zip(ours, plain, strict=True):
        copied.load_state_dict(network.state_dict())
    real, label = torch.rand(8, 1, 12, 12) * 2 - 1, torch.arange(8) % 6  # a style's
    players = [Trainee(network, section, torch.float32) for network, section in
               zip(ours, (config.generator, config.discriminator), strict=True)]  # fmt: skip
    torch.manual_seed(1)
    scalars = adversarial_step(players[0], players[1], real, label, config, step)

    torch.manual_seed(1)
    generator, discriminator = (network.train() for network in plain)
    g_adam, d_adam = (torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.99)) for network in plain)
    fakes = generator(draw_noise(8, config, torch.device("cpu")), label)
    (reals, read), (made, _) = discriminator(real, label), discriminator(fakes.detach(), label)
    losses = [real_loss(reals - made, 0.1), fake_loss(made - reals)] if relativistic else \
        [real_loss(reals, 0.1), fake_loss(made)]  # fmt: skip
    loss = sum(losses)
    if step == 0:
        half = real[:4].clone().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(half, label[:4])[0].sum(), half, create_graph=True)
        loss = loss + 0.3 * 2 * slope.square().sum() / 4 / 2
    if auxiliary:
        loss = loss + 0.5 * nn.functional.cross_entropy(read, label // 2)
    loss.backward()
    expected = [torch.cat([p.grad.flatten() for p in discriminator.parameters()])]
    d_adam.step()
    judged, read = discriminator(fakes, label)
    g_loss = generator_loss(judged - (reals.detach() if relativistic else 0))
    g_adam.zero_grad()
    (g_loss + 0.5 * nn.functional.cross_entropy(read, label // 2) if auxiliary else g_loss).backward()
    expected.insert(0, torch.cat([p.grad.flatten() for p in generator.parameters()]))
    g_adam.step()

    assert len(scalars) == len(SCALARS)
    assert scalars[:4].tolist() == pytest.approx([sum(losses).item(), *(x.item() for x in losses), g_loss.item()])
    for player, gradient in zip(players, expected, strict=True):
        torch.testing.assert_close(player.flat.grad, gradient, rtol=1e-3, atol=1e-5)
    for network, copied in zip(ours, plain, strict=True):
        moved, wanted = network.state_dict(), copied.state_dict()
        for name in wanted:  # Adam's first step goes by signs: where a gradient is all but zero, rounding decides
            assert torch.isclose(moved[name], wanted[name], atol=1e-5).float().mean().item() > 0.95


def test_bfloat16_is_near_float32() -> None:
    config = small()
    torch.manual_seed(0)
    generator, _ = new_networks(config, (12, 12), 3)
    z, label = torch.randn(8, 6), torch.arange(8) % 3 * 16
    exact, rounded = (
        Trainee(generator, config.generator, dtype)(z, label) for dtype in (torch.float32, torch.bfloat16)
    )
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().mean() < 0.02


def test_learning_rates_fall_along_half_a_cosine() -> None:
    changes = [*MICRO, "epochs=4", "final_lr=0.1", "checkpoint_seconds=0"]
    seen = []
    step = torch.optim.Adam.step

    def remember(adam: torch.optim.Adam) -> object:
        seen.append(adam.param_groups[0]["lr"])
        return step(adam)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", remember)
        digitsmith.train("residual", "digits", "run", changes=changes)
    steps = len(seen) // 2
    expected = [1e-3 * (0.1 + 0.9 * (1 + math.cos(math.pi * i / steps)) / 2) for i in range(steps)]
    assert seen[::2] == pytest.approx(expected)  # the discriminator's
    assert seen[1::2] == pytest.approx(expected)


def test_a_run_whose_learning_rates_fall_cannot_be_made_longer() -> None:
    digitsmith.train("residual", "digits", "run", changes=[*MICRO, "epochs=1"])
    with pytest.raises(RunError, match=r"epochs: 1 in the run, 2 now; learning rates that fall"):
        digitsmith.train(None, None, "run", changes=["epochs=2"], resume=True)


@pytest.mark.parametrize(
    ("preset", "change", "message"),
    [
        ("residual", "discriminator.batch_norm=true", "none in the discriminator"),
        ("residual", "generator.batch_norm=false", "batch_norm in the generator"),
        ("residual", "generator.dropout=0.1", "no dropout"),
        ("cgan", "r1=0.1", "are for residual networks"),
        ("gan", "relativistic=true", "are for residual networks"),
        ("cgan", "auxiliary=0.1", "are for residual networks"),
        ("residual", "conditional=false", "set styles = 1 and auxiliary = 0 too"),
        ("residual", "final_lr=0", "final_lr = 0"),
        ("residual", "batch_size=100", "batch_size = 100: residual networks take multiples of 16"),
    ],
)
def test_what_does_not_fit_is_refused(preset: str, change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(preset, [change])


@pytest.mark.parametrize("conditional", [True, False])
def test_the_exported_file_makes_the_averaged_generators_images(conditional: bool) -> None:
    changes = [*MICRO, *([] if conditional else ["conditional=false", "styles=1", "auxiliary=0"])]
    run = digitsmith.train("residual", "digits", "run", changes=changes).run
    config, _ = run.read()
    generator, _ = new_networks(config, (28, 28), 10)
    tensors = {name: t for name, t in load_file(run.checkpoint).items() if name.startswith("ema.")}
    generator.load_state_dict({name.removeprefix("ema."): t for name, t in tensors.items()})
    labels = [3, 3, 8] if conditional else None
    assert config.styles == 1  # there are too few images for more
    made = digitsmith.load(run.folder).sample(labels, count=None if conditional else 3, seed=5)
    z = torch.from_numpy(noise(5, 0, 3, config.z_dim, config.z_distribution))
    with torch.no_grad():
        expected = to_uint8(generator(z, None if labels is None else torch.tensor(labels)).numpy())
    assert np.abs(made.astype(int) - expected).max() <= 1  # grey level


@pytest.mark.parametrize("preset", ["cgan", "residual"])
def test_truncation_scales_the_noise(preset: str) -> None:
    run = digitsmith.train(preset, "digits", "run", changes=[*MICRO, "epochs=1"]).run
    whole = digitsmith.load(run.folder)
    halved = export_checkpoint(run.folder, Path("halved.onnx"), truncation=0.5)
    assert halved.record.export.truncation == 0.5
    z, label = torch.randn(4, whole.record.z_dim).numpy(), np.arange(4)
    (expected,) = whole.session.run(["image"], {"z": 0.5 * z, "label": label})
    (image,) = halved.session.run(["image"], {"z": z, "label": label})
    np.testing.assert_allclose(image, expected, atol=1e-4)
    with pytest.raises(ModelError, match=r"a truncation of 1\.5"):
        export_checkpoint(run.folder, Path("more.onnx"), truncation=1.5)


def test_the_average_follows_its_formula() -> None:
    config = small(ema=0.5)
    state = new_state(config, (8, 8), 3, torch.device("cpu"))
    weights = state.generator.flat
    average = state.ema.first.bias.detach().clone()
    for step, decay in enumerate((2 / 11, 3 / 12, 4 / 13)):
        weights.add_(1)
        state.position.step = step
        update_ema(state, config.ema)
        average = decay * average + (1 - decay) * state.generator.network.first.bias.detach()
        torch.testing.assert_close(state.ema.first.bias.detach(), average)
    state.position.step = 1000
    update_ema(state, config.ema)
    average = (average + state.generator.network.first.bias.detach()) / 2
    torch.testing.assert_close(state.ema.first.bias.detach(), average)


def test_few_images_are_passed_over_more_often() -> None:
    config = load_config("residual", ["steps=100"])
    assert settle_epochs(config, 60_000).epochs == 1
    assert settle_epochs(config, 1438).epochs == 10  # of 11 steps
    assert settle_epochs(load_config("residual", ["epochs=3"]), 1438).epochs == 3
    run = digitsmith.train("residual", "digits", "run", changes=[*MICRO[:3], "epochs=0", "steps=30"]).run
    assert run.read()[0].epochs == 2  # of 22 steps
    assert run.read_metrics()[-1]["step"] == 44
