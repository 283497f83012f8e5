"""Random distortions: that they move ink, keep paper, and let gradients through."""

import torch

from digitsmith.training.distortion import USUAL, Distortion, distort, distort_some, soften

STILL = Distortion(rotation=0, scale=0, shift=0, shear=0)


def image(n: int = 4) -> torch.Tensor:
    """A bar on paper, float32[n, 1, 28, 28]."""
    canvas = torch.full((n, 1, 28, 28), -1.0)
    canvas[:, :, 6:22, 12:16] = 1.0
    return canvas


def test_no_distortion_changes_nothing() -> None:
    assert torch.allclose(distort(image(), STILL), image(), atol=1e-5)


def test_each_kind_moves_ink_and_leaves_paper_dark() -> None:
    for kind in (
        Distortion(30, 0, 0, 0), Distortion(0, 0.3, 0, 0), Distortion(0, 0, 0.1, 0), Distortion(0, 0, 0, 0.4),
        Distortion(0, 0, 0, 0, elastic=0.1), Distortion(0, 0, 0, 0, thickness=1),
    ):  # fmt: skip
        torch.manual_seed(0)
        moved = distort(image(64), kind)
        assert moved.shape == (64, 1, 28, 28)
        assert (moved - image(64)).abs().mean() > 0.01
        assert moved[:, :, 0, 0].max() < -0.99
        assert -1.001 < moved.min() < moved.max() < 1.001
        assert not torch.equal(moved[0], moved[1])


def test_the_shift_is_within_its_bound() -> None:
    torch.manual_seed(0)
    dot = torch.full((200, 1, 28, 28), -1.0)
    dot[:, :, 14, 14] = 1.0
    moved = distort(dot, Distortion(0, 0, 0.1, 0)) + 1
    where = (moved.sum((1, 2)) * torch.arange(28)).sum(1) / moved.sum((1, 2, 3))
    assert (where - 14).abs().max() <= 2.81  # a tenth of 28 pixels
    assert (where - 14).abs().max() > 2


def test_what_is_wide_is_distorted_as_a_square_is() -> None:
    wide = torch.nn.functional.pad(image(), (28, 28), value=-1.0)
    for kind in (Distortion(30, 0.2, 0, 0.3), Distortion(0, 0, 0.05, 0)):
        torch.manual_seed(0)
        square = distort(image(), kind)
        torch.manual_seed(0)
        assert torch.allclose(distort(wide, kind)[..., 28:-28], square, atol=1e-4)


def test_gradients_pass_through() -> None:
    source = image().requires_grad_()
    distort(source, USUAL).sum().backward()
    assert source.grad is not None
    assert source.grad.abs().sum() > 0


def test_some_are_distorted_with_the_probability() -> None:
    source = image(400)
    assert distort_some(source, 0.0) is source
    torch.manual_seed(0)
    changed = (distort_some(source, 0.25) != source).flatten(1).any(1)
    assert 60 < int(changed.sum()) < 140


def test_edges_become_softer_or_crisper_and_ink_and_paper_stay() -> None:
    """Where the bar of full ink ends, there are more grey pixels or none; a soft image becomes a crisp one."""
    torch.manual_seed(0)
    bar = image(64)
    changed = soften(bar, 1.0)
    grey = (changed.abs() < 0.99).flatten(1).sum(1)
    assert grey.min() == 0  # a bar cannot be crisper than it is
    assert grey.max() > 60
    assert (changed[:, 0, 0, 0] + 1).abs().max() < 1e-6
    assert (changed[:, :, 13:15, 13:15].amax((1, 2, 3)) > 0.6).all()
    ramp = torch.linspace(-1, 1, 28).expand(64, 1, 28, 28).contiguous()
    slopes = (soften(ramp, 1.0)[:, 0, 14, 15] - soften(ramp, 0.0)[:, 0, 14, 15]).abs()
    assert slopes.max() > 0.05
    assert soften(bar, 0.0) is bar
