"""Networks that look like ours and compute something else: refused by name, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Stranger:
    """A kind of network that no architecture here computes.

    Attributes:
        title: what it is.
        reason: what it does differently.
        matches: tells it by names and shapes.
        has_other_head: only the classifier is different.
    """

    title: str
    reason: str
    matches: Callable[[Shapes], bool]
    has_other_head: bool = False


def find_stranger(shapes: Shapes) -> Stranger | None:
    """Say which of them this is, if any.

    Args:
        shapes: by their names.
    """
    return next((stranger for stranger in STRANGERS if stranger.matches(shapes)), None)


def _has(shapes: Shapes, pattern: str) -> bool:
    expression = re.compile(pattern)
    return any(expression.fullmatch(name) for name in shapes)


def _is_group_norm(shapes: Shapes) -> bool:
    return "stages.0.blocks.0.norm1.weight" in shapes and not _has(shapes, r".*\.running_mean")


def _is_legacy_basic(shapes: Shapes) -> bool:
    return _has(shapes, r"layer1\.0\.se_module\..*") and not _has(shapes, r"layer1\.0\.conv3\..*")


def _is_legacy_154(shapes: Shapes) -> bool:
    return "layer0.conv2.weight" in shapes and _has(shapes, r"layer1\.0\.se_module\..*")


def _has_biases(shapes: Shapes) -> bool:
    return _has(shapes, r"layer1\.0\.conv1\.bias") and "layer1.0.bn1.running_mean" in shapes


def _is_residual_sequence(shapes: Shapes) -> bool:
    return _has(shapes, r"(stage1|conv2)\.0\.residual\.0\.running_mean")


def _is_vgg_of_one_layer(shapes: Shapes) -> bool:
    convolves = len(shapes.get("features.0.weight", ())) == 4
    return convolves and len(shapes.get("classifier.weight", ())) == 2 and "features.0.bias" in shapes


STRANGERS = (
    Stranger(
        "a timm ResNetV2 with group norm (BiT)",
        "it normalises groups of channels and standardises the weights of its convolutions",
        _is_group_norm,
    ),
    Stranger(
        "a timm legacy_seresnet18 or legacy_seresnet34",
        "it has a ReLU between the last norm and squeeze-and-excitation",
        _is_legacy_basic,
    ),
    Stranger(
        "a timm legacy_senet154",
        "its stem has three convolutions and its projections are 3x3",
        _is_legacy_154,
    ),
    Stranger(
        "a Wide ResNet of meliketoy/wide-resnet.pytorch",
        "its convolutions have biases, the second of a unit strides, and its projections read what "
        "enters the unit before norm and ReLU",
        _has_biases,
    ),
    Stranger(
        "a pre-activation or Wide ResNet of weiaicunzai/pytorch-cifar100",
        "its convolutions and projections have biases",
        _is_residual_sequence,
    ),
    Stranger(
        "a DenseNet of weiaicunzai/pytorch-cifar100",
        "its transitions have no ReLU",
        lambda shapes: _has(shapes, r"features\.transition_layer_0\..*"),
    ),
    Stranger(
        "a VGG of kuangliu/pytorch-cifar",
        "its classifier is one linear layer; include_top=False takes the rest of it",
        _is_vgg_of_one_layer,
        has_other_head=True,
    ),
)
