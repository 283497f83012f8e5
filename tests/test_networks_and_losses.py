"""The presets are what they say: layers, losses, and the fast step against a plain one."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from digitsmith.config.schema import TrainConfig, load_config
from digitsmith.training.dense import DenseTrainee, dense_step
from digitsmith.training.losses import fake_loss, generator_loss, real_loss
from digitsmith.training.networks import Discriminator, Generator
from digitsmith.training.step import SCALARS
from digitsmith.training.trainee import draw_noise


def linear_lines(network: nn.Module) -> list[str]:
    return [line.strip() for line in str(network).splitlines() if "Linear" in line]


def shape_line(name: str, inputs: int, outputs: int) -> str:
    return f"({name}): Linear(in_features={inputs}, out_features={outputs}, bias=True)"


def test_gan_has_the_four_layers_of_the_source_work() -> None:
    config = load_config("gan")
    assert linear_lines(Generator(config, (28, 28), 10)) == [
        shape_line("fc1", 100, 256),
        shape_line("fc2", 256, 512),
        shape_line("fc3", 512, 1024),
        shape_line("fc4", 1024, 784),
    ]
    assert linear_lines(Discriminator(config, (28, 28), 10)) == [
        shape_line("fc1", 784, 1024),
        shape_line("fc2", 1024, 512),
        shape_line("fc3", 512, 256),
        shape_line("fc4", 256, 1),
    ]
    assert "BatchNorm" not in str(Generator(config, (28, 28), 10))
    assert config.epochs == 200
    assert config.z_dim == 100
    assert (config.generator.slope, config.discriminator.slope) == (0.2, 0.2)
    assert config.generator.dropout > 0
    assert config.discriminator.dropout > 0


def test_other_image_sizes_change_only_the_pixels() -> None:
    config = load_config("gan")
    generator, discriminator = Generator(config, (16, 12), 10), Discriminator(config, (16, 12), 10)
    assert linear_lines(generator)[3] == shape_line("fc4", 1024, 192)
    assert linear_lines(discriminator)[0] == shape_line("fc1", 192, 1024)
    assert generator(torch.zeros(2, 100)).shape == (2, 1, 16, 12)
    assert discriminator(torch.zeros(2, 1, 16, 12)).shape == (2,)


def test_cgan_is_the_conditional_gan_of_the_source_work() -> None:
    config = load_config("cgan")
    generator, discriminator = Generator(config, (28, 28), 10), Discriminator(config, (28, 28), 10)
    assert linear_lines(generator)[0] == shape_line("fc1", 110, 256)
    assert linear_lines(generator)[-1] == shape_line("fc4", 1024, 784)
    assert linear_lines(discriminator)[0] == shape_line("fc1", 794, 1024)
    assert linear_lines(discriminator)[-1] == shape_line("fc4", 256, 1)
    assert str(generator).count("BatchNorm1d") == 3
    assert str(discriminator).count("BatchNorm1d") == 2
    assert config.z_distribution == "normal"
    assert (config.generator.slope, config.discriminator.slope) == (0.0, 0.01)
    for network in (config.generator, config.discriminator):
        assert (network.optimizer, network.lr, network.betas) == ("adam", 2e-4, (0.5, 0.999))
    assert config.generator_loss == "non-saturating"


def test_the_label_joins_the_input_as_one_hot() -> None:
    config = load_config("cgan")
    generator = Generator(config, (28, 28), 10).eval()
    z, label = torch.randn(4, 100), torch.tensor([0, 9, 3, 3])
    joined = torch.cat([z, F.one_hot(label, 10).float()], dim=1)
    first = F.linear(joined, generator.fc1.weight, generator.fc1.bias)
    x = F.relu(generator.norm1(first))
    x = F.relu(generator.norm2(generator.fc2(x)))
    x = F.relu(generator.norm3(generator.fc3(x)))
    expected = torch.tanh(generator.fc4(x)).view(4, 1, 28, 28)
    torch.testing.assert_close(generator(z, label), expected)


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


def plain_step(
    generator: Generator,
    discriminator: Discriminator,
    real: torch.Tensor,
    label: torch.Tensor | None,
    config: TrainConfig,
) -> tuple[list[float], list[torch.Tensor], list[torch.Tensor]]:
    """The step as a textbook has it: autograd, float32, torch's layers. Gives scalars and all gradients."""
    n = len(real)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    z = draw_noise(2 * n, config, real.device)

    with torch.no_grad():
        fake = generator(z[:n], label)
    both = torch.cat([real, fake]), None if label is None else torch.cat([label, label])
    real_logits, fake_logits = discriminator(*both).chunk(2)
    loss_real, loss_fake = real_loss(real_logits, config.label_smoothing), fake_loss(fake_logits)
    discriminator.zero_grad()
    (loss_real + loss_fake).backward()
    d_gradients = [p.grad.clone() for p in discriminator.parameters()]
    d_optimizer.step()

    fake = generator(z[n:], label)
    if config.discriminator.batch_norm:
        logits = discriminator(torch.cat([real, fake]), both[1])[n:]
    else:
        logits = discriminator(fake, label)
    loss = generator_loss(logits, saturating=config.generator_loss == "saturating")
    generator.zero_grad()
    loss.backward()
    g_gradients = [p.grad.clone() for p in generator.parameters()]
    scalars = [
        loss_real + loss_fake,
        loss_real,
        loss_fake,
        loss,
        real_logits.sigmoid().mean(),
        fake_logits.sigmoid().mean(),
    ]
    return [s.item() for s in scalars], d_gradients, g_gradients


def share_masks(monkeypatch: pytest.MonkeyPatch, batch: int) -> Callable[[], None]:
    """Let the plain step use the dropout masks that the fast one drew.

    Returns:
        What to call between the two: it cuts the masks of the generator's one pass into those of its two.
    """
    masks: list[list[torch.Tensor]] = []  # of each pass, of each hidden layer
    draw = DenseTrainee._dropout_masks

    def remember(trainee: DenseTrainee, rows: int) -> list[torch.Tensor]:
        masks.append(draw(trainee, rows))
        return masks[-1]

    monkeypatch.setattr(DenseTrainee, "_dropout_masks", remember)
    queue: list[torch.Tensor] = []

    def cut() -> None:
        of_generator, of_first, of_second = masks
        first, second = ([mask[rows] for mask in of_generator] for rows in (slice(batch), slice(batch, None)))
        queue.extend([*first, *of_first, *second, *of_second])

    def dropout(x: torch.Tensor, p: float, training: bool) -> torch.Tensor:
        return x * queue.pop(0).float() if p else x

    monkeypatch.setattr("digitsmith.training.networks.F.dropout", dropout)
    return cut


def flat_gradients(trainee: DenseTrainee) -> list[torch.Tensor]:
    """The gradients of a trainee's last backward pass, one for each parameter, in order."""
    start = trainee.flat.data_ptr()
    gradients = []
    for p in trainee.network.parameters():
        offset = (p.data_ptr() - start) // trainee.flat.element_size()
        gradients.append(torch.as_strided(trainee.flat.grad, p.shape, p.stride(), offset).clone())
    return gradients


@pytest.mark.parametrize("preset", ["gan", "cgan"])
@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fast_step_computes_what_a_plain_one_does(
    preset: str, loss: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(preset, {"generator_loss": loss})
    cut = share_masks(monkeypatch, batch=64)
    torch.manual_seed(1)
    networks = [Generator(config, (28, 28), 10), Discriminator(config, (28, 28), 10)]
    copies = [Generator(config, (28, 28), 10), Discriminator(config, (28, 28), 10)]
    for network, copied in zip(networks, copies, strict=True):
        copied.load_state_dict(network.state_dict())
    real = torch.rand(64, 1, 28, 28) * 2 - 1
    label = torch.randint(10, (64,)) if config.conditional else None

    g, d = DenseTrainee(networks[0], config.generator, dtype), DenseTrainee(networks[1], config.discriminator, dtype)
    torch.manual_seed(2)
    scalars = dense_step(g, d, real, label, config)
    cut()
    torch.manual_seed(2)
    plain, d_plain, g_plain = plain_step(copies[0].train(), copies[1].train(), real, label, config)

    exact = dtype == torch.float32
    assert len(plain) == len(SCALARS)
    assert scalars.tolist() == pytest.approx(plain, rel=1e-4 if exact else 2e-2)
    for fast, expected in zip(flat_gradients(d) + flat_gradients(g), d_plain + g_plain, strict=True):
        size = expected.norm().item()
        if size < 1e-6:  # the bias in front of a batch norm: zero but for rounding
            assert fast.norm().item() < 1e-6
            continue
        if exact:
            assert (fast - expected).norm().item() < 1e-3 * size
        else:
            # Adam's first step goes by signs, so what bfloat16 rounds in one update is felt in the next
            assert F.cosine_similarity(fast.flatten(), expected.flatten(), dim=0).item() > 0.95
            assert fast.norm().item() == pytest.approx(size, rel=0.1)


def test_running_statistics_follow_both_passes_of_the_generator() -> None:
    config = load_config("cgan")
    torch.manual_seed(1)
    generator, plain = Generator(config, (8, 8), 3), Generator(config, (8, 8), 3)
    plain.load_state_dict(generator.state_dict())
    trainee = DenseTrainee(generator, config.generator, torch.float32)
    z, label = torch.randn(32, 100), torch.randint(3, (32,))
    trainee.forward(z, trainee.label_columns(label), groups=2)
    plain.train()
    plain(z[:16], label[:16])
    plain(z[16:], label[16:])
    for i in (1, 2, 3):
        ours, theirs = getattr(generator, f"norm{i}"), getattr(plain, f"norm{i}")
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    config = load_config("gan", ["discriminator.dropout=0.3"])
    trainee = DenseTrainee(Discriminator(config, (28, 28), 10), config.discriminator, torch.float32)
    torch.manual_seed(0)
    masks = trainee._dropout_masks(512)
    assert [mask.shape for mask in masks] == [(512, 1024), (512, 512), (512, 256)]
    for mask in masks:
        kept = mask[mask > 0]
        assert (mask == 0).float().mean().item() == pytest.approx(77 / 256, abs=0.01)
        assert kept.unique().tolist() == [pytest.approx(256 / 179)]
        assert mask.mean().item() == pytest.approx(1, abs=0.01)
    bits = torch.cat([mask.flatten() for mask in masks]) > 0
    for lag in (1, 7, 8, 64):  # bytes of one draw, and neighbours, do not depend on each other
        together = (bits[lag:] & bits[:-lag]).float().mean().item()
        assert together == pytest.approx((179 / 256) ** 2, abs=0.01)


def test_dropout_is_felt_in_training_and_absent_from_samples() -> None:
    config = load_config("gan")
    torch.manual_seed(0)
    trainee = DenseTrainee(Generator(config, (28, 28), 10).eval(), config.generator, torch.float32)
    z = torch.randn(8, 100)
    assert not torch.equal(trainee.forward(z, None), trainee.forward(z, None))
    assert torch.equal(trainee.network(z), trainee.network(z))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_moves_the_weights_as_torch_does(optimizer: str) -> None:
    config = load_config("cgan", [f"discriminator.optimizer={optimizer}", "discriminator.lr=0.01"])
    torch.manual_seed(0)
    network = Discriminator(config, (8, 8), 3)
    expected = [p.detach().clone() for p in network.parameters()]
    trainee = DenseTrainee(network, config.discriminator, torch.float32)
    label = torch.randint(3, (16,))
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
    options = {"adam": {"betas": (0.5, 0.999)}, "sgd": {"momentum": 0.5}, "rmsprop": {"alpha": 0.999}}
    reference = kinds[optimizer](expected, lr=0.01, **options[optimizer])
    for _ in range(2):
        trainee.forward(torch.randn(16, 64), trainee.label_columns(label))
        trainee.backward_weights(torch.randn(16, 1))
        for p, gradient in zip(expected, flat_gradients(trainee), strict=True):
            p.grad = gradient
        trainee.update()
        reference.step()
    for ours, theirs in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=1e-5, atol=1e-6)
