"""Losses, the one adversarial step against a textbook's in plain float32, and what updates a network."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitsmith.config.loading import load_config
from digitsmith.config.schema import TrainConfig
from digitsmith.training.gans.step import SCALARS, adversarial_step, draw_noise
from digitsmith.training.learner import Learner
from digitsmith.training.losses import fake_loss, generator_loss, r1_penalty, real_loss
from digitsmith.training.networks import new_networks
from digitsmith.training.networks.fully_connected import ByteDropout

SMALL = {"generator.widths": [12, 8], "discriminator.widths": [8, 12], "z_dim": 6, "styles": 2}
"""Of the residual preset."""


def test_losses_are_binary_cross_entropy() -> None:
    logits = torch.tensor([-1.5, 0.0, 2.0])
    d = torch.sigmoid(logits)
    assert real_loss(logits).item() == pytest.approx((-torch.log(d)).mean().item(), rel=1e-6)
    assert fake_loss(logits).item() == pytest.approx((-torch.log(1 - d)).mean().item(), rel=1e-6)
    smooth = (-0.9 * torch.log(d) - 0.1 * torch.log(1 - d)).mean()
    assert real_loss(logits, smoothing=0.1).item() == pytest.approx(smooth.item(), rel=1e-6)
    assert generator_loss(logits).item() == pytest.approx((-torch.log(d)).mean().item(), rel=1e-6)
    assert generator_loss(logits, saturating=True).item() == pytest.approx(torch.log(1 - d).mean().item(), rel=1e-6)


def test_losses_stay_finite_where_the_sigmoid_is_exactly_zero_or_one() -> None:
    logits = torch.tensor([-1000.0, 1000.0])
    assert torch.sigmoid(logits).tolist() == [0.0, 1.0]
    for loss in (real_loss(logits), fake_loss(logits), generator_loss(logits), generator_loss(logits, saturating=True)):
        assert math.isfinite(loss.item())


def test_r1_of_a_linear_discriminator_is_half_its_squared_weights() -> None:
    weight = torch.randn(1, 1, 4, 4)
    penalty = r1_penalty(lambda image: (image * weight).flatten(1).sum(1), torch.randn(5, 1, 4, 4))
    assert penalty.item() == pytest.approx(weight.square().sum().item() / 2, rel=1e-6)


Pair = tuple[nn.Module, nn.Module]


def textbook_step(pair: Pair, real: Tensor, label: Tensor | None, config: TrainConfig, step: int) -> list[float]:
    """The step as a textbook has it: float32, torch's own Adam on each parameter. Leaves all gradients in place."""
    generator, discriminator = pair
    loss, n, rates = config.loss, len(real), config.optimizer
    g_adam, d_adam = (
        torch.optim.Adam(network.parameters(), lr=section.lr, betas=section.betas)
        for network, section in ((generator, rates.generator), (discriminator, rates.discriminator))
    )
    both = None if label is None else torch.cat([label, label])
    classes = label // config.networks.styles if loss.auxiliary else None

    fakes = generator(draw_noise(n, config, real.device), label)
    if discriminator.joint or loss.fresh_fakes:  # in the order in which dropout draws
        judged, class_logits = discriminator(torch.cat([real, fakes.detach()]), both)
        reals, made = judged[:n], judged[n:]
    else:
        (reals, class_logits), (made, _) = discriminator(real, label), discriminator(fakes.detach(), label)
    difference = (reals - made, made - reals) if loss.relativistic else (reals, made)
    losses = [real_loss(difference[0], loss.label_smoothing), fake_loss(difference[1])]
    total = sum(losses)
    if loss.r1 and step % loss.r1_every == 0:
        half = real[: n // 2].clone().requires_grad_()
        of_half = None if label is None else label[: n // 2]
        (slope,) = torch.autograd.grad(discriminator(half, of_half).logit.sum(), half, create_graph=True)
        total = total + loss.r1 * loss.r1_every * slope.square().sum() / (n // 2) / 2
    if classes is not None:
        total = total + loss.auxiliary * F.cross_entropy(class_logits[:n], classes)
    d_adam.zero_grad()
    total.backward()
    of_discriminator = [p.grad.clone() for p in discriminator.parameters()]
    d_adam.step()

    if loss.fresh_fakes:
        fakes = generator(draw_noise(n, config, real.device), label)
    if discriminator.joint:
        judged, class_logits = (x if x is None else x[n:] for x in discriminator(torch.cat([real, fakes]), both))
    else:
        judged, class_logits = discriminator(fakes, label)
    partners = reals.detach() if loss.relativistic else 0
    g_loss = generator_loss(judged - partners, saturating=loss.generator == "saturating")
    g_adam.zero_grad()
    (g_loss + loss.auxiliary * F.cross_entropy(class_logits, classes) if loss.auxiliary else g_loss).backward()
    g_adam.step()
    for p, gradient in zip(discriminator.parameters(), of_discriminator, strict=True):
        p.grad = gradient
    return [x.item() for x in (sum(losses), *losses, g_loss, *(x.sigmoid().mean() for x in difference))]


def gradients(learner: Learner) -> dict[str, Tensor]:
    """Those of a learner's last update, by the names of the parameters."""
    start, found = learner.flat.data_ptr(), {}
    for name, p in learner.network.named_parameters():
        offset = (p.data_ptr() - start) // learner.flat.element_size()
        found[name] = torch.as_strided(learner.flat.grad, p.shape, p.stride(), offset)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("preset", "changes", "step"),
    [
        ("gan", {}, 0),
        ("gan", {"generator": "saturating", "r1": 0.2, "relativistic": True}, 0),
        ("cgan", {}, 0),
        ("cgan", {"generator": "saturating", "auxiliary": 0.5, "styles": 2, "fresh_fakes": False}, 0),
        ("residual", SMALL | {"r1": 0.3, "r1_every": 2, "label_smoothing": 0.1}, 0),
        ("residual", SMALL | {"r1": 0.3, "r1_every": 2}, 1),
        ("residual", SMALL | {"relativistic": False, "auxiliary": 0, "r1": 0, "fresh_fakes": True}, 0),
    ],
)
def test_the_step_computes_what_a_textbook_one_does(
    preset: str, changes: dict[str, object], step: int, dtype: torch.dtype
) -> None:
    config = load_config(preset, changes)
    torch.manual_seed(1)
    shape = (1, 12, 12) if preset == "residual" else (1, 28, 28)
    ours, plain = new_networks(config, shape, 5), new_networks(config, shape, 5)
    for network, copied in zip(ours, plain, strict=True):
        copied.load_state_dict(network.state_dict())
        copied.train()
    real = torch.rand(64, *shape) * 2 - 1
    label = torch.randint(5 * config.networks.styles, (64,)) if config.networks.conditional else None
    learners = [
        Learner(network, section, dtype)
        for network, section in zip(ours, (config.optimizer.generator, config.optimizer.discriminator), strict=True)
    ]
    torch.manual_seed(2)
    scalars = adversarial_step(learners[0], learners[1], real, label, config, step)
    torch.manual_seed(2)
    expected = textbook_step(plain, real, label, config, step)

    exact = dtype == torch.float32
    assert len(scalars) == len(SCALARS)
    assert scalars.tolist() == pytest.approx(expected, rel=1e-3 if exact else 3e-2)
    for learner, copied in zip(learners, plain, strict=True):
        wanted = dict(copied.named_parameters())
        for name, gradient in gradients(learner).items():
            size = wanted[name].grad.norm().item()
            if size < 1e-6:
                assert gradient.norm().item() < 1e-6
            elif exact:
                assert (gradient - wanted[name].grad).norm().item() < 2e-3 * size, name
            else:  # Adam's first step goes by signs, so what bfloat16 rounds in one update is felt in the next
                assert F.cosine_similarity(gradient.flatten(), wanted[name].grad.flatten(), dim=0).item() > 0.9, name
                assert gradient.norm().item() == pytest.approx(size, rel=0.15), name
        if exact:  # where a gradient is all but zero, rounding decides Adam's first step
            moved = learner.network.state_dict()
            close = [torch.isclose(moved[name], x, atol=1e-5).flatten() for name, x in copied.state_dict().items()]
            assert torch.cat(close).float().mean().item() > 0.97


@pytest.mark.parametrize("preset", ["cgan", "residual"])
def test_weights_statistics_and_the_working_copy_stay_one(preset: str) -> None:
    config = load_config(preset, SMALL if preset == "residual" else {})
    torch.manual_seed(0)
    generator, _ = new_networks(config, (1, 12, 12), 3)
    learner = Learner(generator, config.optimizer.generator, torch.bfloat16)
    z, label = torch.randn(16, config.networks.z_dim), torch.arange(16) % 3
    before = learner.network(z, label)
    assert torch.equal(before, learner.network(z, label))  # in evaluation mode
    learner.minimise(learner.working(z, label).square().mean())
    assert not torch.equal(before, learner.network(z, label))
    weights = dict(learner.network.named_parameters())
    for name, copied in learner.working.named_parameters():
        torch.testing.assert_close(copied.float(), weights[name], rtol=1e-2, atol=1e-6)
        assert copied.dtype == (
            torch.bfloat16
            if "linear" in name or "conv" in name or name.startswith(("first", "last")) or name.endswith("skip.weight")
            else torch.float32
        ), name
    buffers = dict(learner.network.named_buffers())
    for name, buffer in learner.working.named_buffers():
        assert buffer.data_ptr() == buffers[name].data_ptr()
    assert any(buffer.abs().sum() > 0 for name, buffer in buffers.items() if name.endswith("running_mean"))


def test_bfloat16_is_near_float32() -> None:
    config = load_config("residual", SMALL)
    torch.manual_seed(0)
    generator, _ = new_networks(config, (1, 12, 12), 3)
    z, label = torch.randn(8, 6), torch.arange(8) % 3
    exact, rounded = (
        Learner(generator, config.optimizer.generator, dtype).working(z, label)
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().mean() < 0.02


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropout = ByteDropout(0.3)
    masks = [dropout(torch.ones(512, width)) for width in (1024, 512, 255)]
    for mask in masks:
        kept = mask[mask > 0]
        assert (mask == 0).float().mean().item() == pytest.approx(77 / 256, abs=0.01)
        assert kept.unique().tolist() == [pytest.approx(256 / 179)]
        assert mask.mean().item() == pytest.approx(1, abs=0.01)
    bits = torch.cat([mask.flatten() for mask in masks]) > 0
    for lag in (1, 7, 8, 64):  # bytes of one draw, and neighbours, do not depend on each other
        together = (bits[lag:] & bits[:-lag]).float().mean().item()
        assert together == pytest.approx((179 / 256) ** 2, abs=0.01)
    x = torch.randn(64, 32, requires_grad=True)
    y = dropout(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y / x).detach())
    assert torch.equal(dropout.eval()(x), x)


def test_dropout_is_felt_in_training_and_absent_from_samples() -> None:
    config = load_config("gan")
    torch.manual_seed(0)
    learner = Learner(new_networks(config, (1, 28, 28), 10)[0], config.optimizer.generator, torch.float32)
    z = torch.randn(8, 100)
    assert not torch.equal(learner.working(z), learner.working(z))
    assert torch.equal(learner.network(z), learner.network(z))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_moves_the_weights_as_torch_does(optimizer: str) -> None:
    config = load_config("cgan", [f"discriminator.name={optimizer}", "discriminator.lr=0.01"])
    torch.manual_seed(0)
    _, network = new_networks(config, (1, 8, 8), 3)
    expected = [p.detach().clone() for p in network.parameters()]
    learner = Learner(network, config.optimizer.discriminator, torch.float32)
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
    options = {"adam": {"betas": (0.5, 0.999)}, "sgd": {"momentum": 0.5}, "rmsprop": {"alpha": 0.999}}
    reference = kinds[optimizer](expected, lr=0.01, **options[optimizer])
    for _ in range(2):
        learner.minimise(learner.working(torch.randn(16, 1, 8, 8), torch.randint(3, (16,))).logit.mean())
        for p, gradient in zip(expected, gradients(learner).values(), strict=True):
            p.grad = gradient.clone()
        reference.step()
    for ours, theirs in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=1e-5, atol=1e-6)
