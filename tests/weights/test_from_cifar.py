"""The CIFAR codes, written down again from what they compute, with their names and random weights.

None of them is a package. Each evaluation here reads the tensors by their names and follows the source
that `from_cifar` states, with nothing of ours in it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, linear, pad, relu

import resnets
from resnets.weights.identify import find_matches
from resnets.weights.to_layout import to_layout

Weights = dict[str, Tensor]


class Reader:
    """Applies layers by their names, and remembers which tensors it has used."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.used: set[str] = set()

    def has(self, module: str) -> bool:
        return f"{module}.weight" in self.weights

    def get(self, name: str) -> Tensor:
        self.used.add(name)
        return self.weights[name]

    def conv(self, x: Tensor, module: str, *, stride: int = 1) -> Tensor:
        weight = self.get(f"{module}.weight")
        return conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def norm(self, x: Tensor, module: str) -> Tensor:
        mean, variance = self.get(f"{module}.running_mean"), self.get(f"{module}.running_var")
        weight, bias = self.get(f"{module}.weight"), self.get(f"{module}.bias")
        return batch_norm(x, mean, variance, weight, bias)

    def linear(self, x: Tensor, module: str) -> Tensor:
        pooled = avg_pool2d(x, x.shape[2]).flatten(1)
        return linear(pooled, self.get(f"{module}.weight"), self.get(f"{module}.bias"))


def akamaster(read: Reader, x: Tensor) -> Tensor:
    """conv-bn-relu, conv-bn, plus the input or every second pixel of it between zero channels, relu."""
    x = relu(read.norm(read.conv(x, "conv1"), "bn1"))
    for stage in (1, 2, 3):
        unit = 0
        while read.has(at := f"layer{stage}.{unit}.conv1"):
            at = at.removesuffix(".conv1")
            stride = 2 if stage > 1 and unit == 0 else 1
            out = relu(read.norm(read.conv(x, f"{at}.conv1", stride=stride), f"{at}.bn1"))
            out = read.norm(read.conv(out, f"{at}.conv2"), f"{at}.bn2")
            if read.has(f"{at}.shortcut.0"):
                x = read.norm(read.conv(x, f"{at}.shortcut.0", stride=stride), f"{at}.shortcut.1")
            elif stride == 2:
                quarter = out.shape[1] // 4
                x = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))
            x, unit = relu(out + x), unit + 1
    return read.linear(x, "linear")


def kuangliu_preact(read: Reader, x: Tensor) -> Tensor:
    """bn-relu in front of every convolution of a unit; projections read the first of them; no last bn."""
    return read.linear(_preactivated(read, x, projection="shortcut.0", reads_raw=False), "linear")


def bearpaw_preresnet(read: Reader, x: Tensor) -> Tensor:
    """bn-relu in front of every convolution of a unit; projections read what enters it; bn-relu last."""
    x = _preactivated(read, x, projection="downsample.0", reads_raw=True)
    return read.linear(relu(read.norm(x, "bn")), "fc")


def _preactivated(read: Reader, x: Tensor, *, projection: str, reads_raw: bool) -> Tensor:
    x, stage = read.conv(x, "conv1"), 1
    while read.has(f"layer{stage}.0.conv1"):
        unit = 0
        while read.has(f"layer{stage}.{unit}.conv1"):
            at = f"layer{stage}.{unit}"
            stride = 2 if stage > 1 and unit == 0 else 1
            strided = 2 if read.has(f"{at}.conv3") else 1
            a = out = relu(read.norm(x, f"{at}.bn1"))
            out = read.conv(out, f"{at}.conv1", stride=stride if strided == 1 else 1)
            out = relu(read.norm(out, f"{at}.bn2"))
            out = read.conv(out, f"{at}.conv2", stride=stride if strided == 2 else 1)
            if read.has(f"{at}.conv3"):
                out = read.conv(relu(read.norm(out, f"{at}.bn3")), f"{at}.conv3")
            if read.has(f"{at}.{projection}"):
                x = read.conv(x if reads_raw else a, f"{at}.{projection}", stride=stride)
            x, unit = x + out, unit + 1
        stage += 1
    return x


def xternalz(read: Reader, x: Tensor) -> Tensor:
    """bn-relu before the split where the width changes, bn-relu of the branch alone elsewhere."""
    x = read.conv(x, "conv1")
    for stage in (1, 2, 3):
        unit = 0
        while read.has(at := f"block{stage}.layer.{unit}.bn1"):
            at = at.removesuffix(".bn1")
            stride = 2 if stage > 1 and unit == 0 else 1
            a = relu(read.norm(x, f"{at}.bn1"))
            out = relu(read.norm(read.conv(a, f"{at}.conv1", stride=stride), f"{at}.bn2"))
            shortcut = f"{at}.convShortcut"
            x = read.conv(a, shortcut, stride=stride) if read.has(shortcut) else x
            x, unit = x + read.conv(out, f"{at}.conv2"), unit + 1
    return read.linear(relu(read.norm(x, "bn1")), "fc")


def kuangliu_densenet(read: Reader, x: Tensor) -> Tensor:
    """Each unit puts its new channels in front of those that it got."""
    x = read.conv(x, "conv1")
    for stage in (1, 2, 3, 4):
        unit = 0
        while read.has(at := f"dense{stage}.{unit}.bn1"):
            at = at.removesuffix(".bn1")
            out = read.conv(relu(read.norm(x, f"{at}.bn1")), f"{at}.conv1")
            out = read.conv(relu(read.norm(out, f"{at}.bn2")), f"{at}.conv2")
            x, unit = torch.cat([out, x], dim=1), unit + 1
        if read.has(f"trans{stage}.bn"):
            x = avg_pool2d(read.conv(relu(read.norm(x, f"trans{stage}.bn")), f"trans{stage}.conv"), 2)
    return read.linear(relu(read.norm(x, "bn")), "linear")


def weiaicunzai(read: Reader, x: Tensor) -> Tensor:
    """Bottlenecks that stride on the 3x3, in one Sequential each."""
    x = relu(read.norm(read.conv(x, "conv1.0"), "conv1.1"))
    for stage in (2, 3, 4, 5):
        unit = 0
        while read.has(at := f"conv{stage}_x.{unit}.residual_function.0"):
            at = at.removesuffix(".residual_function.0")
            stride = 2 if stage > 2 and unit == 0 else 1
            out, branch = x, f"{at}.residual_function"
            for place, step in ((0, 1), (3, stride), (6, 1)):
                out = read.norm(
                    read.conv(out, f"{branch}.{place}", stride=step), f"{branch}.{place + 1}"
                )
                out = relu(out) if place < 6 else out
            if read.has(f"{at}.shortcut.0"):
                x = read.norm(read.conv(x, f"{at}.shortcut.0", stride=stride), f"{at}.shortcut.1")
            x, unit = relu(out + x), unit + 1
    return read.linear(x, "fc")


@pytest.mark.parametrize(
    ("name", "options", "evaluate"),
    [
        ("resnet20", {}, akamaster),
        ("resnet20", {"shortcut": "B"}, akamaster),
        ("resnetv2_18_timm", {"stem": "cifar", "final_norm": False}, kuangliu_preact),
        (
            "resnetv2_50_timm",
            {"depths": (1, 2, 1, 1), "stem": "cifar", "final_norm": False},
            kuangliu_preact,
        ),
        (
            "resnetv2_20_basic",
            {"shortcut": "B", "first_unit": "own", "shortcut_input": "raw"},
            bearpaw_preresnet,
        ),
        (
            "resnetv2_20",
            {"stride_on": "spatial", "first_unit": "own", "shortcut_input": "raw"},
            bearpaw_preresnet,
        ),
        ("wrn-16-4", {}, xternalz),
        ("wrn-16-1", {}, xternalz),
        (
            "densenet121",
            {"depths": (2, 3, 2, 2), "growth_rate": 12, "stem_channels": 24, "stem": "cifar"},
            kuangliu_densenet,
        ),
        ("resnet50", {"depths": (1, 2, 1, 1), "stem": "cifar"}, weiaicunzai),
    ],
)
def test_scores(
    name: str, options: dict[str, object], evaluate: Callable[[Reader, Tensor], Tensor]
) -> None:
    generator = torch.Generator().manual_seed(0)
    network = resnets.create_model(name, **options, num_classes=7).eval()
    for tensor in network.state_dict().values():
        if tensor.ndim == 1:  # norms and biases that are no identity
            tensor.uniform_(0.5, 1.5, generator=generator)
    weights = _their_weights(network, evaluate)
    reader, images = Reader(weights), torch.randn(2, 3, 32, 32, generator=generator)
    expected = evaluate(reader, images)
    counters = {key for key in weights if key.endswith("num_batches_tracked")}
    assert reader.used == weights.keys() - counters
    match = find_matches(weights, layout="cifar")[0]
    ours = resnets.create_model(match.architecture, **match.options).eval()
    ours.load_state_dict(match.tensors)
    with torch.no_grad():
        difference = (ours(images) - expected).abs().max() / expected.abs().max()
    assert difference <= 1e-5


def _their_weights(network: torch.nn.Module, evaluate: object) -> Weights:
    """The weights of a network of ours under the names that an evaluation asks for."""
    from resnets.weights import from_cifar

    tables = {
        akamaster: from_cifar.SHORTCUT_RESNET,
        kuangliu_preact: from_cifar.PREACT_RESNET,
        bearpaw_preresnet: from_cifar.PRERESNET,
        xternalz: from_cifar.WIDE_RESNET,
        kuangliu_densenet: from_cifar.DENSENET_NEW_FIRST,
        weiaicunzai: from_cifar.SEQUENTIAL_RESNET,
    }
    table = next(t for t in from_cifar.TABLES if t.rules is tables[evaluate])  # type: ignore[index]
    return table.rename_back(network.state_dict())


def test_a_densenets_channels_go_back_and_forth() -> None:
    network = resnets.create_model("densenet121", stem="cifar", num_classes=10, depths=(2, 1, 2, 1))
    theirs = to_layout(network, "cifar")
    assert "dense1.0.bn1.weight" in theirs
    tensors = find_matches(theirs, layout="cifar")[0].tensors
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensors[name], tensor), name
