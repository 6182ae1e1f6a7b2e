"""The unit is its formula, x_{l+1} = f(merge(h(x_l), F(x_l))), in every form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import conv2d, pad

import resnets
from resnets.units import (
    Add,
    ResidualOnly,
    ResidualUnit,
    UnitShape,
    aggregated_branch,
    convolution_branch,
    extend_branch,
    original_unit,
    plain_unit,
    preactivation_unit,
)

SAME = UnitShape(in_channels=4, width=4, out_channels=4)
WIDER = UnitShape(in_channels=4, width=4, out_channels=6)
DOWN = UnitShape(in_channels=4, width=3, out_channels=6, stride=2)
BASIC, BOTTLENECK = (3, 3), (1, 3, 1)


def random(module: nn.Module) -> nn.Module:
    """Float64 and values that leave no term zero or one."""
    module = module.double()
    for tensor in module.parameters():
        nn.init.uniform_(tensor, -1.0, 1.0)
    return module


def images(size: int = 5) -> Tensor:
    return torch.randn(2, 4, size, size, dtype=torch.float64)


def get(unit: nn.Module, name: str) -> Tensor:
    return unit.get_parameter(name)


def norm(x: Tensor, unit: nn.Module, name: str) -> Tensor:
    """Batch norm by hand: over the batch and the image."""
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    weight, bias = (get(unit, f"{name}.{kind}")[None, :, None, None] for kind in ("weight", "bias"))
    return (x - mean) / (variance + 1e-5) ** 0.5 * weight + bias


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def basic_residual(x: Tensor, unit: nn.Module, stride: int = 1) -> Tensor:
    x = conv2d(x, get(unit, "residual.conv1.weight"), stride=stride, padding=1)
    x = relu(norm(x, unit, "residual.norm1"))
    return conv2d(x, get(unit, "residual.conv2.weight"), padding=1)


def test_original_unit() -> None:
    unit = random(original_unit(convolution_branch(SAME, kernel_sizes=BASIC), SAME, "B"))
    x = images()
    close(unit(x), relu(x + norm(basic_residual(x, unit), unit, "residual.norm2")))


@pytest.mark.parametrize("option", ["B", "C"])
def test_original_unit_with_projection(option: str) -> None:
    unit = random(original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, option))  # type: ignore[arg-type]
    x = images()
    h = norm(conv2d(x, get(unit, "shortcut.conv.weight"), stride=2), unit, "shortcut.norm")
    close(unit(x), relu(h + norm(basic_residual(x, unit, 2), unit, "residual.norm2")))


def test_original_unit_with_option_a() -> None:
    unit = random(original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, "A"))
    x = images()
    h = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
    close(unit(x), relu(h + norm(basic_residual(x, unit, 2), unit, "residual.norm2")))


@pytest.mark.parametrize(("stride_on", "strides"), [("first", (2, 1)), ("spatial", (1, 2))])
def test_bottleneck_strides_where_told(stride_on: str, strides: tuple[int, int]) -> None:
    branch = convolution_branch(DOWN, kernel_sizes=BOTTLENECK, stride_on=stride_on)  # type: ignore[arg-type]
    unit = random(original_unit(branch, DOWN, "A-end"))
    x = images()
    f = conv2d(x, get(unit, "residual.conv1.weight"), stride=strides[0])
    f = relu(norm(f, unit, "residual.norm1"))
    f = conv2d(f, get(unit, "residual.conv2.weight"), stride=strides[1], padding=1)
    f = relu(norm(f, unit, "residual.norm2"))
    f = norm(conv2d(f, get(unit, "residual.conv3.weight")), unit, "residual.norm3")
    close(unit(x), relu(pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 2)) + f))


def test_plain_unit_has_no_shortcut() -> None:
    unit = random(plain_unit(convolution_branch(DOWN, kernel_sizes=BASIC)))
    x = images()
    close(unit(x), relu(norm(basic_residual(x, unit, 2), unit, "residual.norm2")))


def preactivation_branch(shape: UnitShape) -> nn.Sequential:
    return convolution_branch(shape, kernel_sizes=BASIC, last_norm=False)


def test_preactivation_unit_keeps_the_identity_clean() -> None:
    unit = random(preactivation_unit(preactivation_branch(SAME), SAME, "B"))
    x = images()
    a = relu(norm(x, unit, "preactivation.norm"))
    close(unit(x), x + basic_residual(a, unit))


@pytest.mark.parametrize("shape", [WIDER, DOWN], ids=["wider", "down"])
def test_preactivation_unit_shares_where_the_shape_changes(shape: UnitShape) -> None:
    unit = random(preactivation_unit(preactivation_branch(shape), shape, "B"))
    x = images()
    a = relu(norm(x, unit, "preactivation.norm"))
    h = conv2d(a, get(unit, "shortcut.conv.weight"), stride=shape.stride)
    close(unit(x), h + basic_residual(a, unit, shape.stride))
    assert "shortcut.norm.weight" not in unit.state_dict()


def test_preactivation_unit_shares_with_option_a_too() -> None:
    unit = random(preactivation_unit(preactivation_branch(DOWN), DOWN, "A"))
    x = images()
    a = relu(norm(x, unit, "preactivation.norm"))
    close(unit(x), pad(a[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)) + basic_residual(a, unit, 2))


def test_first_preactivation_unit_can_share() -> None:
    unit = random(preactivation_unit(preactivation_branch(SAME), SAME, "B", share=True))
    x = images()
    a = relu(norm(x, unit, "preactivation.norm"))
    close(unit(x), a + basic_residual(a, unit))


def test_first_preactivation_unit_after_a_normed_stem() -> None:
    unit = random(preactivation_unit(preactivation_branch(SAME), SAME, "B", preactivate=False))
    x = images()
    close(unit(x), x + basic_residual(x, unit))


def test_merges() -> None:
    one, two = images(), images()
    close(Add()(one, two), one + two)
    assert torch.equal(ResidualOnly()(one, two), two)
    assert ResidualOnly()(torch.zeros(1, 1, 1, 1), two).shape == two.shape


def squeezed(shape: UnitShape) -> nn.Sequential:
    branch = convolution_branch(shape, kernel_sizes=BASIC)
    return extend_branch(branch, shape, squeeze_channels=2, drop_path_rate=0.0)


FORMS: dict[str, Callable[[], ResidualUnit]] = {
    "original": lambda: original_unit(convolution_branch(SAME, kernel_sizes=BASIC), SAME, "B"),
    "bottleneck": lambda: original_unit(convolution_branch(DOWN, kernel_sizes=BOTTLENECK), DOWN, "B"),
    "option A": lambda: original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, "A"),
    "option A-end": lambda: original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, "A-end"),
    "option A-pool": lambda: original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, "A-pool"),
    "option B-pool": lambda: original_unit(convolution_branch(DOWN, kernel_sizes=BASIC), DOWN, "B-pool"),
    "option C": lambda: original_unit(convolution_branch(SAME, kernel_sizes=BASIC), SAME, "C"),
    "plain": lambda: plain_unit(convolution_branch(DOWN, kernel_sizes=BASIC)),
    "pre-activation": lambda: preactivation_unit(preactivation_branch(SAME), SAME, "B"),
    "pre-activation, down": lambda: preactivation_unit(preactivation_branch(DOWN), DOWN, "B"),
    "shared": lambda: preactivation_unit(preactivation_branch(SAME), SAME, "B", share=True),
    "squeeze-excitation": lambda: original_unit(squeezed(SAME), SAME, "B"),
    "form a": lambda: original_unit(aggregated_branch(SAME, cardinality=2, form="a"), SAME, "B"),
    "form b": lambda: original_unit(aggregated_branch(SAME, cardinality=2, form="b"), SAME, "B"),
    "form c": lambda: original_unit(aggregated_branch(SAME, cardinality=2), SAME, "B"),
}
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
def test_gradients_are_the_derivatives(form: str) -> None:
    unit = random(FORMS[form]())
    x = images(3).requires_grad_()
    assert torch.autograd.gradcheck(unit, (x,), eps=1e-6, atol=1e-6)


@every_form
@pytest.mark.parametrize("training", [True, False])
def test_inputs_are_left_alone(form: str, training: bool) -> None:
    unit = random(FORMS[form]()).train(training)
    kept: list[tuple[str, Tensor, Tensor]] = []

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, inputs: kept.extend((name, x, x.clone()) for x in inputs)

    for name, module in unit.named_modules():
        module.register_forward_pre_hook(keep(name))
    outputs: list[tuple[str, Tensor, Tensor]] = []
    for name, module in unit.named_modules():
        module.register_forward_hook(
            lambda *args, name=name: outputs.append((name, args[2], args[2].clone()))
        )
    unit(images())
    for name, tensor, before in [*kept, *outputs]:
        assert torch.equal(tensor, before), f"{name} was changed in place"


@every_form
def test_every_module_is_called_once(form: str) -> None:
    unit = random(FORMS[form]())
    calls: Counter[str] = Counter()
    for name, module in unit.named_modules():
        module.register_forward_hook(lambda *_, name=name: calls.update([name]))
    unit(images())
    assert set(calls.values()) == {1}
    activations = [n for n, m in unit.named_modules() if isinstance(m, nn.ReLU | nn.Sigmoid)]
    assert activations
    assert all(calls[name] == 1 for name in activations)


@every_form
def test_no_activation_works_in_place(form: str) -> None:
    modules = FORMS[form]().modules()
    assert not [m for m in modules if getattr(m, "inplace", False)]


@every_form
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8])
def test_sizes_are_halved_and_rounded_up(form: str, size: int) -> None:
    unit = FORMS[form]().eval()
    shape = DOWN if unit(torch.zeros(1, 4, 4, 4)).shape[-1] == 2 else SAME
    expected = -(-size // shape.stride)
    assert unit(torch.zeros(1, 4, size, size)).shape == (1, shape.out_channels, expected, expected)


def test_slots_show_in_print() -> None:
    shown = repr(FORMS["shared"]())
    assert "share_preactivation=True" in shown
    assert "share_preactivation" not in repr(FORMS["original"]())


def test_slot_names_are_public() -> None:
    names = [name for name, _ in FORMS["bottleneck"]().named_children()]
    assert names == ["preactivation", "residual", "shortcut", "merge", "activation"]


class Zeros(nn.Sequential):
    """Has no layers, so that its length is 0 and Python takes it for false."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def test_an_empty_module_fills_its_slot() -> None:
    unit = ResidualUnit(nn.Identity(), merge=Add(), shortcut=Zeros(), activation=Zeros())
    assert isinstance(unit.shortcut, Zeros)
    assert isinstance(unit.activation, Zeros)


def test_nothing_to_share_without_preactivation() -> None:
    unit = random(
        preactivation_unit(preactivation_branch(SAME), SAME, "B", preactivate=False, share=True)
    )
    x = images()
    close(unit(x), x + basic_residual(x, unit))


def with_statistics(module: nn.Module) -> nn.Module:
    """Norms as they are after training, so that evaluation hides nothing behind 0 and 1."""
    module = random(module)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return module


@every_form
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_gradients_of_parameters_are_the_derivatives(form: str, training: bool) -> None:
    unit = with_statistics(FORMS[form]()).train(training)
    names = [name for name, _ in unit.named_parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Any:
        return functional_call(unit, dict(zip(names, parameters, strict=True)), (x,))

    x = images(2).requires_grad_()
    # A sum in a random direction: every derivative once, in the time of one.
    assert torch.autograd.gradcheck(run, (x, *unit.parameters()), fast_mode=True)


ACTIVATIONS = {
    # One ReLU in the stem, two in each of 8 units.
    "resnet18": {"ReLU": 1 + 8 * 2},
    # The stem's, two in each unit but the first, whose input is activated already, and the last.
    "resnetv2_18": {"ReLU": 1 + (8 * 2 - 1) + 1},
    "seresnet18": {"ReLU": 1 + 8 * 3, "Sigmoid": 8},
    "resnext29_2x64d": {"ReLU": 1 + 9 * 3},
}


def narrow(name: str) -> nn.Module:
    widths = (8, 16, 32) if name == "resnext29_2x64d" else (8, 16, 32, 64)
    return resnets.create_model(name, widths=widths, num_classes=3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_a_network_runs_once(name: str) -> None:
    network = narrow(name)
    calls: Counter[nn.Module] = Counter()
    activations = [m for m in network.modules() if isinstance(m, nn.ReLU | nn.Sigmoid)]
    for module in activations:
        module.register_forward_hook(lambda module, *_: calls.update([module]))
    network(torch.randn(2, 3, 32, 32))
    assert set(calls.values()) == {1}
    assert Counter(type(module).__name__ for module in calls) == ACTIVATIONS[name]
    assert len(activations) == len(calls)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_module_of_a_network_stands_in_two_places(name: str) -> None:
    modules = [module for _, module in narrow(name).named_modules(remove_duplicate=False)]
    assert len(modules) == len(set(modules))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_no_map_of_a_network_changes_after_it_is_made(name: str, training: bool) -> None:
    network = narrow(name).train(training)
    kept: list[tuple[Tensor, int, Tensor]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        kept.extend((t, t._version, t.detach().clone()) for t in (*inputs, output))

    for module in network.modules():
        module.register_forward_hook(keep)
    network(torch.randn(2, 3, 32, 32))
    assert kept
    for tensor, version, before in kept:
        assert tensor._version == version
        assert torch.equal(tensor, before)
