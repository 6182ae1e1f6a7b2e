"""Options A (three ways to pad), B (two ways to subsample) and C: which pixels, which channels, when."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from resnets.units import PadShortcut, UnitShape, choose_shortcut
from resnets.units.shortcuts import ShortcutOption

OPTIONS: tuple[ShortcutOption, ...] = get_args(ShortcutOption)


def shape(c_in: int, c_out: int, stride: int) -> UnitShape:
    return UnitShape(in_channels=c_in, width=c_out, out_channels=c_out, stride=stride)


def shortcut(option: ShortcutOption, unit: UnitShape | None = None) -> nn.Module:
    made = choose_shortcut(unit or shape(2, 6, 2), option)
    assert made is not None
    return made


def counted(size: int) -> Tensor:
    """Pixels numbered from 1, so that none is taken for padding."""
    return torch.arange(1.0, 2 * size * size + 1).reshape(1, 2, size, size)


@pytest.mark.parametrize("option", ["A", "A-end", "A-pool", "B", "B-pool"])
def test_identity_where_the_shape_stays(option: ShortcutOption) -> None:
    assert choose_shortcut(shape(4, 4, 1), option) is None


def test_b_pool_projects_the_average_of_all_pixels() -> None:
    """He, Zhang et al. 2018, arXiv:1812.01187, fig. 2c."""
    x = counted(5)
    h = shortcut("B-pool").eval()
    convolution = h.get_submodule("conv")
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.stride == (1, 1)
    with torch.no_grad():
        means = shortcut("A-pool", shape(2, 2, 2))(x)
        assert torch.allclose(h(x), h.get_submodule("norm")(convolution(means)))
        same = shortcut("B-pool", shape(2, 6, 1))
    assert [name for name, _ in same.named_children()] == ["conv", "norm"]


def test_option_c_projects_everywhere() -> None:
    assert isinstance(choose_shortcut(shape(4, 4, 1), "C"), nn.Sequential)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(("c_out", "stride"), [(2, 2), (6, 1), (6, 2), (5, 2)])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_shape(option: ShortcutOption, c_out: int, stride: int, size: int) -> None:
    h = shortcut(option, shape(2, c_out, stride)).eval()
    side = -(-size // stride)
    assert h(counted(size)).shape == (1, c_out, side, side)


@pytest.mark.parametrize("option", ["A", "A-end", "A-pool"])
def test_option_a_has_no_parameters(option: ShortcutOption) -> None:
    assert not shortcut(option).state_dict()


@pytest.mark.parametrize("size", [4, 5])
def test_a_takes_the_first_pixel_and_pads_on_both_sides(size: int) -> None:
    x = counted(size)
    y = shortcut("A")(x)
    assert torch.equal(y[:, 2:4], x[:, :, ::2, ::2])
    assert not y[:, :2].any()
    assert not y[:, 4:].any()


@pytest.mark.parametrize("size", [4, 5])
def test_a_end_pads_behind(size: int) -> None:
    x = counted(size)
    y = shortcut("A-end")(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2])
    assert not y[:, 2:].any()


def test_a_pool_averages_and_pads_behind() -> None:
    x = counted(4)
    y = shortcut("A-pool")(x)
    means = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    assert torch.equal(y[:, :2], means)
    assert not y[:, 2:].any()


def test_a_pool_averages_what_is_there_at_the_border() -> None:
    x = counted(3)
    y = shortcut("A-pool")(x)[0, 0]
    m = x[0, 0]
    expected = [
        [m[:2, :2].mean(), m[:2, 2:].mean()],
        [m[2:, :2].mean(), m[2:, 2:].mean()],
    ]
    assert torch.equal(y, torch.tensor(expected))


def test_an_odd_channel_goes_behind() -> None:
    y = shortcut("A", shape(2, 5, 1))(counted(2))
    assert [bool(y[:, c].any()) for c in range(5)] == [False, True, True, False, False]


@pytest.mark.parametrize("option", ["A", "A-end", "A-pool"])
def test_padding_without_stride_keeps_every_pixel(option: ShortcutOption) -> None:
    x = counted(3)
    y = shortcut(option, shape(2, 4, 1))(x)
    first = 1 if option == "A" else 0
    assert torch.equal(y[:, first : first + 2], x)


@pytest.mark.parametrize("option", ["A", "A-end", "A-pool"])
def test_channels_are_never_cut(option: ShortcutOption) -> None:
    """Zeros can be added, but a network must not quietly lose channels."""
    with pytest.raises((ValueError, AssertionError)):
        choose_shortcut(shape(6, 2, 1), option)


@pytest.mark.parametrize("option", ["B", "C"])
@pytest.mark.parametrize("normed", [True, False])
def test_projection_is_a_1x1_convolution(option: ShortcutOption, normed: bool) -> None:
    h = choose_shortcut(shape(2, 6, 2), option, norm=normed)
    assert isinstance(h, nn.Sequential)
    assert [name for name, _ in h.named_children()] == (["conv", "norm"] if normed else ["conv"])
    conv = h.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is None
    x = torch.randn(1, 2, 5, 5)
    expected = torch.einsum("nchw,dc->ndhw", x[:, :, ::2, ::2], conv.weight[:, :, 0, 0])
    torch.testing.assert_close(conv(x), expected)


def test_padding_shows_in_print() -> None:
    text = repr(PadShortcut(2, channels_before=1, channels_behind=3))
    assert "channels_before=1, channels_behind=3" in text
