"""What holds for every registered architecture."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.architectures.creation import NetworkSpec, resolve
from resnets.config import validate
from resnets.networks import FeatureInfo, FeatureNetwork
from resnets.registry import Architecture, registered_architectures

ROWS = {name: row for row in registered_architectures() if (name := row.name)}
FAMILIES = {row.family.name: row for row in reversed(ROWS.values())}
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
# The deepest take seconds and say no more than the other rows of their family.
most_rows = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[pytest.mark.slow] * (max(row.settings["depths"]) > 30))
        for name, row in ROWS.items()
    ],
)
every_family = pytest.mark.parametrize("row", FAMILIES.values(), ids=FAMILIES)


def in_memory(row: Architecture) -> list[pytest.MarkDecorator]:
    """Of large networks one per family is made in full size; narrow ones stand for the others."""
    large = (row.parameters or 0) > 3_000_000 or max(row.settings["depths"]) > 60
    return [pytest.mark.slow] if large and row not in FAMILIES.values() else []


def sized(row: Architecture, *, full: bool) -> dict[str, Any]:
    """The options of a row in full size, or with few channels."""
    return {} if full else narrow(row)


def images(row: Architecture, *, channels: int | None = None) -> Tensor:
    """Two images, as small as the network's four or three resolutions allow."""
    side = {28: 28, 32: 16, 224: 64}[row.image_size]
    return torch.randn(2, channels or row.settings.get("in_channels", 3), side, side)


def narrow(row: Architecture) -> dict[str, Any]:
    """Options that make the same network with few channels."""
    settings = row.family.options.model_validate(row.settings).model_dump()
    if row.family.name == "vgg":
        return {"widths": (4, 4, 8, 8, 8), "hidden_features": 8}
    if row.family.name == "densenet":
        return {"growth_rate": 4, "stem_channels": 8}
    if row.family.name == "highway":
        return {"widths": (4, 4, 4) if len(set(settings["widths"])) == 1 else (4, 6, 8)}
    if row.family.name == "resnext":
        return {"widths": tuple(w // 4 for w in settings["widths"]), "cardinality": 2}
    return {"widths": tuple(w // 8 for w in settings["widths"])}


def meta(name: str, **options: object) -> Any:
    with torch.device("meta"):
        return resnets.create_model(name, **options)


def settled(network: nn.Module, batch: Tensor) -> nn.Module:
    """Give the norms the batch's statistics: with a fresh network's, a thousand layers overflow."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(batch)
    return network.eval()


def state(network: nn.Module) -> dict[str, Tensor]:
    return network.state_dict()


@pytest.fixture(
    scope="module",
    params=[
        *[pytest.param((row, False), id=f"{name}-narrow") for name, row in ROWS.items()],
        *[pytest.param((row, True), id=name, marks=in_memory(row)) for name, row in ROWS.items()],
    ],
)
def built(request: pytest.FixtureRequest) -> tuple[Architecture, bool, nn.Module]:
    """A row, whether it is in full size, and its network, made once for several tests."""
    torch.manual_seed(5)
    row, full = request.param
    return row, full, resnets.create_model(row.name, **sized(row, full=full))


@every_row
def test_stated_parameters_equal_the_network(row: Architecture) -> None:
    assert row.parameters == sum(p.numel() for p in meta(row.name).parameters())


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[pytest.mark.slow] * (row not in FAMILIES.values()))
        for name, row in ROWS.items()
    ],
)
def test_stated_multiply_adds_equal_the_network(row: Architecture) -> None:
    """Counted with hooks; test_papers counts nearly all rows with torch's counter."""
    network = meta(row.name)
    total = 0

    def add(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.get_parameter("weight")[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(add)
    network(torch.empty(1, network.in_channels, row.image_size, row.image_size, device="meta"))
    assert row.multiply_adds == total


@every_row
def test_options_validate(row: Architecture) -> None:
    settings = validate(row.family.options, row.settings, source=row.name)
    assert set(row.settings) <= set(row.family.options.model_fields)
    documented = " ".join(c.__doc__ or "" for c in row.family.options.__mro__)
    for field in row.family.options.model_fields:
        value = getattr(settings, field)
        if field != "pooling":
            assert getattr(resolve(row.name, {field: value})[1], field) == value
        assert f"{field}:" in documented, f"{field} is not documented"


@every_row
def test_rows_say_where_they_come_from(row: Architecture) -> None:
    assert row.source
    assert row.published_in.arxiv
    assert row.image_size in (28, 32, 224)


def test_nothing_is_left_uninitialized(built: tuple[Architecture, bool, nn.Module]) -> None:
    row, full, network = built
    assert network.training
    # Memory that another network has filled and given back is not zero.
    resnets.create_model(row.name, **sized(row, full=full))
    torch.manual_seed(5)
    again = resnets.create_model(row.name, **sized(row, full=full))
    for (name, one), (other, two) in zip(state(network).items(), state(again).items(), strict=True):
        assert name == other
        assert one.isfinite().all(), name
        assert torch.equal(one, two), name


def test_training_step_reaches_every_parameter(built: tuple[Architecture, bool, nn.Module]) -> None:
    row, _, network = built
    num_classes = row.settings.get("num_classes", 1000)
    scores = network.train()(images(row))
    assert scores.shape == (2, num_classes)
    assert scores.isfinite().all()
    torch.autograd.backward(nn.functional.cross_entropy(scores, torch.tensor([0, 1])))
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert not without
    broken = [n for n, p in network.named_parameters() if not torch.isfinite(p.grad).all()]  # type: ignore[arg-type]
    assert not broken
    network.zero_grad(set_to_none=True)


def test_evaluation_is_deterministic(built: tuple[Architecture, bool, nn.Module]) -> None:
    row, _, network = built
    batch = images(row)
    settled(network, batch)
    with torch.no_grad():
        first, second = network(batch), network(batch)
    assert first.isfinite().all()
    assert torch.equal(first, second)


@most_rows
def test_images_do_not_mix_in_evaluation(row: Architecture) -> None:
    batch = images(row).double()
    network = settled(resnets.create_model(row.name, **narrow(row)).double(), batch)
    with torch.no_grad():
        together, alone = network(batch), network(batch[1:])
    scale = float(together.abs().max())
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-4 * scale)


@most_rows
def test_another_seed_gives_other_weights(row: Architecture) -> None:
    options = narrow(row)
    first, second = (resnets.create_model(row.name, **options) for _ in range(2))
    for (name, one), two in zip(first.named_parameters(), second.parameters(), strict=True):
        if one.ndim > 1:
            assert not torch.equal(one, two), name


@every_row
def test_meta_stays_on_meta(row: Architecture) -> None:
    generator = torch.get_rng_state()
    network = meta(row.name)
    assert {tensor.device.type for tensor in state(network).values()} == {"meta"}
    assert torch.equal(generator, torch.get_rng_state()), "random numbers were drawn for nothing"


@most_rows
def test_grey_images_and_seven_classes(row: Architecture) -> None:
    network = resnets.create_model(row.name, in_channels=1, num_classes=7, **narrow(row))
    assert network(images(row, channels=1)).shape == (2, 7)


@every_family
@pytest.mark.parametrize("pooling", ["avg", "max", "none", None])
def test_pooling_of_features(row: Architecture, pooling: str | None) -> None:
    options = {} if pooling is None else {"pooling": pooling}
    network = meta(row.name, include_top=False, **options)
    batch = images(row).to("meta")
    info: FeatureInfo = network.feature_info[-1]
    side = batch.shape[-1] // info.stride
    expected = (2, info.channels, side, side) if pooling == "none" else (2, info.channels)
    assert network(batch).shape == expected


@every_family
def test_no_top(row: Architecture) -> None:
    network = meta(row.name, include_top=False)
    assert network(images(row).to("meta")).shape == (2, network.num_features)
    assert not [name for name in state(network) if name.startswith("classifier")]


@most_rows
def test_features_are_as_described(row: Architecture) -> None:
    options = narrow(row)
    network: Any = resnets.create_model(row.name, features_only=True, **options)
    assert isinstance(network, FeatureNetwork)
    batch = images(row)
    features = network(batch)
    assert list(features) == [info.name for info in network.feature_info]
    for info in network.feature_info:
        side = batch.shape[-1] // info.stride
        assert features[info.name].shape == (2, info.channels, side, side)
        assert isinstance(network.get_submodule(info.name), nn.Module)
    rest = {n for n in state(meta(row.name, **options)) if not n.startswith("classifier.")}
    assert set(state(network)) == rest


@every_family
def test_features_are_the_networks_own(row: Architecture) -> None:
    options = narrow(row)
    torch.manual_seed(3)
    pooled = resnets.create_model(row.name, include_top=False, pooling="max", **options).eval()
    torch.manual_seed(3)
    maps = resnets.create_model(row.name, features_only=True, **options).eval()
    batch = images(row)
    with torch.no_grad():
        last = maps(batch)[maps.feature_info[-1].name]  # type: ignore[union-attr,index]
        assert torch.equal(last.amax(dim=(2, 3)), pooled(batch))


@most_rows
def test_pickle_and_copy_keep_the_outputs(row: Architecture) -> None:
    batch = images(row)
    network = settled(resnets.create_model(row.name, **narrow(row)), batch)
    with torch.no_grad():
        expected = network(batch)
        assert expected.isfinite().all()
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(other(batch), expected)
            assert other.spec == network.spec
            assert other.feature_info == network.feature_info


@every_family
def test_outputs_do_not_depend_on_the_memory_format(row: Architecture) -> None:
    network = resnets.create_model(row.name, **narrow(row)).double().eval()
    batch = images(row).double()
    with torch.no_grad():
        expected = network(batch)
        nhwc: Any = network
        nhwc.to(memory_format=torch.channels_last)
        got = network(batch.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-9 * float(expected.abs().max()))


@most_rows
def test_spec_rebuilds_the_network(row: Architecture) -> None:
    spec = meta(row.name).spec
    assert isinstance(spec, NetworkSpec)
    assert spec.name == row.name
    again = meta(spec.name, **spec.options.model_dump(exclude_unset=True))
    assert again.spec == spec


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_classes": 7},
        {"features_only": True},
        {"include_top": False},
        {"include_top": False, "pooling": "max"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["resnet18", "resnet20", "vgg11"])
@pytest.mark.parametrize("unset", ["left out", "included"])
def test_spec_holds_all_that_is_needed(name: str, options: dict[str, Any], unset: str) -> None:
    spec = meta(name, **options).spec
    assert isinstance(spec, NetworkSpec)
    stored = spec.options.model_dump(exclude_unset=unset == "left out")
    again = meta(name, **stored).spec
    assert isinstance(again, NetworkSpec)
    assert again.options.model_dump() == spec.options.model_dump()
