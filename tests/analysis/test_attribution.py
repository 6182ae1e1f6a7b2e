"""Maps of evidence: by the papers' formulas, for every family, leaving the network as it was.

Against captum and torchcam: tests/parity/test_attribution.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.analysis.activation_maps import map_layers
from resnets.analysis.attribution import METHODS, Method, attribute
from resnets.analysis.input_attribution import integrated_gradients, occlusion
from resnets.architectures.creation import select_architectures
from resnets.errors import ConfigError, UnsupportedError
from resnets.networks import ResidualNetwork
from resnets.registry import Architecture

ROWS = {row.name: row for row in select_architectures()}
FAMILIES = {row.family.name: row for row in reversed(ROWS.values())}
every_family = pytest.mark.parametrize("row", FAMILIES.values(), ids=FAMILIES)
most_rows = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[pytest.mark.slow] * (row not in FAMILIES.values()))
        for name, row in ROWS.items()
    ],
)


def narrow(row: Architecture) -> Any:
    """The network of a row with few channels, its norms settled on two small images."""
    widths = row.family.options.model_validate(row.settings).model_dump().get("widths", ())
    special: dict[str, dict[str, Any]] = {
        "vgg": {"widths": (4, 4, 8, 8, 8), "hidden_features": 8},
        "densenet": {"growth_rate": 4, "stem_channels": 8},
        "highway": {"widths": (4, 4, 4) if len(set(widths)) == 1 else (4, 6, 8)},
        "resnext": {"widths": tuple(width // 4 for width in widths), "cardinality": 2},
    }
    options = special.get(row.family.name, {"widths": tuple(width // 8 for width in widths)})
    network: Any = resnets.create_model(row.name, num_classes=5, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images_for(row))
    return network.eval()


def images_for(row: Architecture) -> Tensor:
    side = {28: 28, 32: 16, 224: 64}[row.image_size]
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, row.settings.get("in_channels", 3), side, side, generator=generator)


@most_rows
def test_every_architecture_has_a_last_map(row: Architecture) -> None:
    """It has places, the classifier sees it (through a pool at most), and its map is the formula's."""
    torch.manual_seed(3)
    network = narrow(row)
    images, targets = images_for(row), torch.tensor([1, 4])
    ((layer, ours),) = attribute(network, images, targets).items()
    maps: dict[str, Tensor] = {}
    handle = network.get_submodule(layer).register_forward_hook(
        lambda _module, _input, output: maps.update(last=output)
    )
    scores = network(images)
    handle.remove()
    last = maps["last"]
    (gradients,) = torch.autograd.grad(scores[0, 1] + scores[1, 4], [last])
    expected = torch.einsum("nc,nchw->nhw", gradients.mean(dim=(2, 3)), last.detach())
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert min(ours.shape[1:]) >= 2
    seen = last if layer == "final" else network.final(last)
    torch.testing.assert_close(network.classifier(network.pool(seen)), scores)


@every_family
def test_one_map_per_stage(row: Architecture) -> None:
    network = narrow(row)
    images = images_for(row)
    maps = attribute(network, images, torch.tensor([0, 0]), method="layercam", layers="stages")
    assert tuple(maps) == map_layers(network)
    assert len(maps) == len(network.stages)
    sides = [evidence.shape[1] for evidence in maps.values()]
    assert sides == sorted(sides, reverse=True)
    assert all(torch.isfinite(evidence).all() for evidence in maps.values())
    (last,) = attribute(network, images, torch.tensor([0, 0]), method="layercam").values()
    torch.testing.assert_close(last, list(maps.values())[-1])


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return narrow(ROWS["resnet20"])


IMAGES = images_for(ROWS["resnet20"])
TARGETS = torch.tensor([1, 4])


@pytest.mark.parametrize("method", METHODS)
def test_each_image_has_its_own_map(network: Any, method: Method) -> None:
    """In a batch of different images as alone."""
    for layer, together in attribute(network, IMAGES, TARGETS, method=method).items():
        assert together.dtype == torch.float32
        for i in range(2):
            alone = attribute(network, IMAGES[i : i + 1], TARGETS[i : i + 1], method=method)[layer]
            torch.testing.assert_close(alone[0], together[i], rtol=1e-3, atol=1e-5)
        assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frozen", [False, True])
def test_the_network_stays_as_it_was(method: Method, frozen: bool) -> None:
    network: Any = resnets.create_model("resnet20", num_classes=5, widths=(4, 4, 8)).train()
    network.stages[1].eval()
    network.requires_grad_(not frozen)
    network.classifier.weight.grad = torch.ones_like(network.classifier.weight)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    with torch.inference_mode(frozen):
        attribute(network, IMAGES, TARGETS, method=method)
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.requires_grad != frozen for parameter in network.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (name != "classifier.weight")
    assert torch.equal(network.classifier.weight.grad, torch.ones(5, 8))
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks


def test_a_layer_that_writes_into_its_input_does_no_harm(network: Any) -> None:
    """The next part of somebody else's network may begin with an in-place ReLU."""

    class Overwriting(nn.Module):
        def __init__(self, stage: nn.Module) -> None:
            super().__init__()
            self.stage = stage

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.stage(x.neg_().neg_())
            return output

    expected = attribute(network, IMAGES, TARGETS, layers=["stages.1", "stages.2"])
    stages = [network.stages[0], *(Overwriting(stage) for stage in network.stages[1:])]
    other = ResidualNetwork(
        stem=network.stem,
        stages=stages,
        feature_info=network.feature_info,
        in_channels=3,
        pool=network.pool,
        classifier=network.classifier,
    ).eval()
    for layer, ours in attribute(other, IMAGES, TARGETS, layers=["stages.1", "stages.2"]).items():
        assert torch.equal(ours, expected[layer])


def test_the_evidence_of_integrated_gradients_adds_up(network: Any) -> None:
    """Completeness: arXiv:1703.01365, proposition 1. Double precision, as it is about the integral."""
    double = narrow(ROWS["resnet20"]).double()
    images = IMAGES.double()
    ours = integrated_gradients(double, images, TARGETS, steps=256).sum(dim=(1, 2))
    with torch.no_grad():
        scores = (double(images) - double(torch.zeros_like(images))).gather(1, TARGETS[:, None])[:, 0]
    torch.testing.assert_close(ours, scores, rtol=0.02, atol=0.0)


def test_occlusion_is_the_fall_of_the_score() -> None:
    """Of a network that adds its pixels up, a window takes away what it covers."""

    class Total(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([images.sum(dim=(1, 2, 3)), -images.sum(dim=(1, 2, 3))], dim=1)

    images = torch.zeros(1, 1, 5, 5)
    images[0, 0, 0, 0] = 6.0
    ours = occlusion(Total(), images, torch.tensor([0]), window=2, stride=1)[0]
    expected = torch.zeros(5, 5)
    expected[:2, :2] = torch.tensor([[6.0, 3.0], [3.0, 1.5]])  # one of 1, 2, 2 and 4 windows
    assert torch.equal(ours, expected)
    assert torch.equal(occlusion(Total(), images, torch.tensor([1]), window=2, stride=1)[0], -expected)
    with torch.no_grad():
        assert torch.equal(
            attribute(Total(), images, torch.tensor([0]), method="occlusion")["image"], images[0]
        )


@pytest.mark.parametrize("method", METHODS)
def test_maps_change_when_weights_are_randomised(method: Method) -> None:
    """Adebayo et al. 2018, arXiv:1810.03292: a map that does not is an edge detector."""
    network: Any = resnets.create_model("resnet20", num_classes=3, widths=(4, 4, 8))
    see_red(network)
    images = torch.zeros(1, 3, 16, 16)
    images[0, :, 9:14, 2:7] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    target = torch.tensor([0])
    before = attribute(network, images, target, method=method)
    others = []
    for seed in range(3):
        torch.manual_seed(seed)
        random = resnets.create_model("resnet20", num_classes=3, widths=(4, 4, 8))
        after = attribute(random, images, target, method=method)
        others += [
            float(torch.corrcoef(torch.stack([before[layer].flatten(), after[layer].flatten()]))[0, 1])
            for layer in before
        ]
    assert float(np.median(others)) < 0.7


def see_red(network: Any) -> None:
    """Give a ResNet-20 the weights of a detector: class 0 is as sure as there is red in the image."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(1.0 if name.endswith("norm.weight") and name.startswith("stem") else 0.0)
        network.stem.conv.weight[0, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])
        network.classifier.weight[0] = 1.0


def test_errors(network: Any) -> None:
    wrong: Any = "grad-cam"
    with pytest.raises(ConfigError) as caught:
        attribute(network, IMAGES, TARGETS, method=wrong)
    assert str(caught.value) == (
        "1 problem in the arguments of explain: method must be gradcam, layercam, integrated-gradients, "
        "occlusion; got 'grad-cam'"
    )
    with pytest.raises(ConfigError) as caught:
        attribute(network, IMAGES, TARGETS, method="occlusion", layers="stages")
    assert str(caught.value) == (
        "1 problem in the arguments of explain: layers have no effect with method 'occlusion'"
    )
    with pytest.raises(ConfigError) as caught:
        attribute(network, IMAGES, TARGETS, layers=["stage.1", "stages.2"])
    assert str(caught.value) == (
        "1 problem in layers: 'stage.1' is no part of this network; its parts are stem, stages.0, "
        "stages.1, stages.2, final; did you mean 'stages.1'?"
    )
    with pytest.raises(ConfigError) as caught:
        attribute(network, IMAGES, TARGETS, layers=[])
    assert str(caught.value) == "1 problem in layers: must name at least one part"
    rnn = resnets.residual_rnn(num_classes=2, row_size=48, hidden_size=8, num_layers=1)
    with pytest.raises(UnsupportedError) as unsupported:
        attribute(rnn, IMAGES, TARGETS)
    assert str(unsupported.value) == (
        "a ResidualRNN has no chain of maps to explain it by; integrated-gradients and occlusion need none"
    )
    assert attribute(rnn, IMAGES, torch.tensor([0, 1]), method="occlusion")["image"].shape == (2, 16, 16)
