"""ResNeXt's three forms are one function: outputs and gradients agree after converting weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.errors import ResNetsError, UnsupportedError
from resnets.units import UnitShape, aggregated_branch
from resnets.units.aggregated_branches import BlockForm, ParallelPaths, join_paths, split_paths
from resnets.units.branches import StrideOn

SHAPES = {
    "same": UnitShape(in_channels=8, width=12, out_channels=8),
    "down": UnitShape(in_channels=8, width=12, out_channels=10, stride=2),
    "dilated": UnitShape(in_channels=8, width=12, out_channels=8, dilation=2, later_dilation=2),
    "stride became dilation": UnitShape(
        in_channels=8, width=12, out_channels=10, dilation=1, later_dilation=2
    ),
}
CARDINALITIES = [1, 3, 12]


def branch(shape: UnitShape, cardinality: int, form: BlockForm, stride_on: StrideOn) -> nn.Module:
    made = aggregated_branch(shape, cardinality=cardinality, form=form, stride_on=stride_on).double()
    for parameter in made.parameters():
        nn.init.uniform_(parameter, -1.0, 1.0)
    return made


def run(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y: Tensor = module(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    total: Tensor = (y * weights).sum()
    torch.autograd.backward(total)
    assert x.grad is not None
    return y, x.grad


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {n: p.grad for n, p in module.named_parameters() if p.grad is not None}


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cardinality", CARDINALITIES)
@pytest.mark.parametrize("form", ["a", "b"])
@pytest.mark.parametrize("stride_on", ["first", "spatial"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_forms_have_equal_outputs_and_gradients(
    shape: UnitShape, cardinality: int, form: BlockForm, stride_on: StrideOn, training: bool
) -> None:
    grouped = branch(shape, cardinality, "c", stride_on).train(training)
    parallel = branch(shape, cardinality, form, stride_on).train(training)
    parallel.load_state_dict(split_paths(grouped.state_dict(), cardinality, form))
    x = torch.randn(2, 8, 7, 7, dtype=torch.float64)
    (y, dx), (z, dz) = run(grouped, x), run(parallel, x)
    close(z, y)
    close(dz, dx)
    joined = join_paths(gradients(parallel), cardinality, form)
    assert set(joined) == set(gradients(grouped))
    for name, gradient in gradients(grouped).items():
        close(joined[name], gradient)
    # The running statistics have moved alike, too.
    moved = join_paths(parallel.state_dict(), cardinality, form)
    for name, tensor in grouped.state_dict().items():
        close(moved[name].double(), tensor.double())


@pytest.mark.parametrize("form", ["a", "b", "c"])
@pytest.mark.parametrize("cardinality", CARDINALITIES)
def test_round_trip_is_exact(form: BlockForm, cardinality: int) -> None:
    state = branch(SHAPES["down"], cardinality, "c", "spatial").state_dict()
    split = split_paths(state, cardinality, form)
    back = join_paths(split, cardinality, form)
    assert set(back) == set(state)
    assert all(torch.equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("form", ["a", "b", "c"])
def test_tensors_are_copies(form: BlockForm) -> None:
    state = branch(SHAPES["same"], 3, "c", "spatial").state_dict()
    memory = {tensor.untyped_storage().data_ptr() for tensor in state.values()}
    for made in (split_paths(state, 3, form), join_paths(split_paths(state, 3, form), 3, form)):
        owned = [tensor.untyped_storage().data_ptr() for tensor in made.values()]
        assert not memory & set(owned)
        assert len(set(owned)) == len(owned)


@pytest.mark.parametrize("form", ["a", "b", "c"])
def test_forms_have_the_papers_parameters(form: BlockForm) -> None:
    """Sec. 3.3: C (256 d + 3 3 d d + d 256), here with norms of 2 a channel."""
    shape = UnitShape(in_channels=256, width=128, out_channels=256)
    made = aggregated_branch(shape, cardinality=32, form=form)
    convolutions = 32 * (256 * 4 + 3 * 3 * 4 * 4 + 4 * 256)
    assert sum(p.numel() for p in made.parameters()) == convolutions + 2 * (128 + 128 + 256)


def test_paths_are_summed_or_concatenated() -> None:
    paths: list[nn.Module] = [nn.Conv2d(2, 3, 1) for _ in range(3)]
    x = torch.randn(2, 2, 4, 4)
    outputs = [path(x) for path in paths]
    torch.testing.assert_close(ParallelPaths(paths, concatenate=False)(x), sum(outputs))
    assert torch.equal(ParallelPaths(paths, concatenate=True)(x), torch.cat(outputs, 1))


@pytest.mark.parametrize("source", ["a", "b", "c"])
@pytest.mark.parametrize("target", ["a", "b", "c"])
def test_whole_networks_convert(source: BlockForm, target: BlockForm) -> None:
    network = resnets.create_model(
        "resnext29_2x64d", form=source, widths=(16, 32, 64), drop_path_rate=0.1
    ).double()
    network(torch.randn(4, 3, 16, 16, dtype=torch.float64))
    network.eval()
    converted = resnets.convert_form(network, target)
    assert converted.spec.options.form == target  # type: ignore[union-attr]
    assert network.spec.options.form == source  # type: ignore[union-attr]
    assert not converted.training
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        close(converted(x), network(x))
    back = resnets.convert_form(converted, source).state_dict()
    assert all(torch.equal(back[name], tensor) for name, tensor in network.state_dict().items())
    made = resnets.create_model("resnext29_2x64d", form=target, widths=(16, 32, 64))
    assert list(made.state_dict()) == list(converted.state_dict())


def test_converted_networks_train_on() -> None:
    network = resnets.create_model("resnext29_2x64d", widths=(16, 32, 64))
    converted = resnets.convert_form(network, "b")
    assert converted.training
    converted(torch.randn(2, 3, 16, 16)).sum().backward()
    assert all(p.grad is not None for p in converted.parameters())
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("options", [{"features_only": True}, {"include_top": False}], ids=str)
def test_networks_without_a_top_convert(options: dict[str, bool]) -> None:
    network = resnets.create_model("resnext29_2x64d", widths=(16, 32, 64), **options)
    assert type(resnets.convert_form(network, "a")) is type(network)


def test_only_resnexts_have_forms() -> None:
    with torch.device("meta"):
        resnet, other = resnets.create_model("resnet18"), nn.Linear(1, 1)
    for network, name in ((resnet, "resnet18"), (other, "Linear")):
        with pytest.raises(UnsupportedError) as caught:
            resnets.convert_form(network, "a")
        text = f"only a ResNeXt made by create_model has forms a, b and c; got {name}"
        assert str(caught.value) == text


@pytest.mark.parametrize("source", ["a", "b", "c"])
@pytest.mark.parametrize("target", ["a", "b", "c"])
def test_training_goes_on_as_before(source: BlockForm, target: BlockForm) -> None:
    network = resnets.create_model("resnext29_2x64d", form=source, widths=(8, 16, 24)).double()
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(7)
    converted = resnets.convert_form(network, target)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(converted(x), network(x), rtol=1e-12, atol=1e-12)
    back = resnets.convert_form(converted, source).state_dict()
    counts = [tensor for name, tensor in back.items() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(count == 8 for count in counts)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(back[name], tensor, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", ["a", "b", "c"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_mode_device_and_type_are_kept(target: BlockForm, training: bool) -> None:
    with torch.device("meta"):
        network = resnets.create_model("resnext29_2x64d").half().train(training)
    converted = resnets.convert_form(network, target)
    assert all(module.training is training for module in converted.modules())
    assert {tensor.device.type for tensor in converted.state_dict().values()} == {"meta"}
    assert {parameter.dtype for parameter in converted.parameters()} == {torch.float16}


def test_networks_of_all_forms_have_the_same_size() -> None:
    with torch.device("meta"):
        networks = [resnets.create_model("resnext29_2x64d", form=form) for form in "abc"]
    assert len({sum(p.numel() for p in network.parameters()) for network in networks}) == 1


@pytest.mark.parametrize("target", ["a", "b", "c"])
def test_frozen_parameters_stay_frozen(target: BlockForm) -> None:
    network = resnets.create_model("resnext29_2x64d", widths=(8, 16, 24)).requires_grad_(False)
    assert not any(p.requires_grad for p in resnets.convert_form(network, target).parameters())


class Marked(nn.Linear):
    spec = "something else's"


def test_a_foreign_spec_is_not_taken_for_ours() -> None:
    with pytest.raises(UnsupportedError) as caught:
        resnets.convert_form(Marked(1, 1), "a")
    text = "only a ResNeXt made by create_model has forms a, b and c; got Marked"
    assert str(caught.value) == text


@pytest.mark.parametrize("form", ["d", "A", ""])
def test_an_unknown_form_is_refused_in_words(form: Any) -> None:
    with torch.device("meta"):
        network = resnets.create_model("resnext29_2x64d")
    with pytest.raises(ResNetsError):
        resnets.convert_form(network, form)


def test_a_new_classifier_is_kept_or_refused_in_words() -> None:
    network = resnets.create_model("resnext29_2x64d", widths=(8, 16, 24)).eval()
    network.classifier = nn.Linear(96, 5)
    try:
        converted = resnets.convert_form(network, "a")
    except ResNetsError:
        return
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(converted(x), network(x))
