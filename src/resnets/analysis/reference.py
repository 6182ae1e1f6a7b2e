"""ImageNet accuracies and costs that were published: the residual family and its rivals.

Rows of `reference.toml`. Accuracies of the family are those of the catalogue of weights, its costs those
of the registry; the rivals' are what publishers of their weights state. Nothing is read off a plot.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field

from resnets.architectures.creation import resolve
from resnets.config import Count, Settings, validate
from resnets.weights.catalog import Percent, PublishedWeights, find_weights

Group = Literal["resnet", "resnext", "densenet", "vgg", "inception", "mobile", "transformer", "convnext"]

GROUPS: dict[Group, str] = {
    "resnet": "ResNet, ResNetV2",
    "resnext": "ResNeXt, Wide, SE",
    "densenet": "DenseNet",
    "vgg": "AlexNet, VGG",
    "inception": "Inception",
    "mobile": "mobile and searched",
    "transformer": "transformers",
    "convnext": "ConvNeXt",
}
"""What each group of networks is called."""

CREDIT = (
    "After the idea of Bianco et al. 2018, arXiv:1810.00736, fig. 1. Not read off their plot: "
    "accuracies as publishers of weights state them; costs of the residual family, DenseNet and VGG "
    "counted here, of the others as published."
)
"""Whose idea the chart is, and where its figures come from."""


class _Family(Settings):
    name: str
    group: Group
    year: Count
    weights: str
    recipe: Literal["then", "now"]


class _Rival(Settings):
    name: str
    group: Group
    year: Count
    paper: str
    top1: Percent
    top5: Percent
    multiply_adds: Annotated[float, Field(gt=0)]
    parameters: Annotated[float, Field(gt=0)]
    image_size: Count
    publisher: Literal["torchvision", "timm"]
    published_as: str


@dataclass(frozen=True)
class ReferencePoint:
    """What was published about one network.

    Attributes:
        name: as its paper writes it.
        group: of networks that belong together.
        top1: images whose first guess is right, in percent.
        top5: images whose first five guesses hold the right one, in percent.
        multiply_adds: of convolutions and linear layers, for one image.
        parameters: trainable ones.
        image_size: height and width of the images, in pixels.
        year: of the paper.
        recipe: 'then' for about the paper's training, 'now' for one of 2021 that gets more out of the
            same network.
        architecture: our name; '' for a rival.
        weights: our name of the published weights; '' for a rival.
        source: who states the accuracy.
        protocol: how it was measured.
    """

    name: str
    group: Group
    top1: float
    top5: float
    multiply_adds: int
    parameters: int
    image_size: int
    year: int
    recipe: Literal["then", "now"]
    architecture: str
    weights: str
    source: str
    protocol: str

    @property
    def title(self) -> str:
        """The name, told apart from that of the same network by another recipe."""
        return f"{self.name}, recipe of 2021" if self.recipe == "now" else self.name

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return asdict(self)


@cache
def reference_points() -> tuple[ReferencePoint, ...]:
    """All points: the family first, then its rivals.

    Example:
        >>> [(p.name, p.top1) for p in reference_points() if p.architecture == "resnet50"]
        [('ResNet-50', 76.13), ('ResNet-50', 80.858)]
    """
    text = (files("resnets.analysis") / "reference.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    protocols: dict[str, str] = tables["protocols"]
    family = [validate(_Family, row, source="reference.toml") for row in tables["family"]]
    rivals = [validate(_Rival, row, source="reference.toml") for row in tables["rivals"]]
    return (
        *(_family_point(row, find_weights(row.weights)) for row in family),
        *(_rival_point(row, protocols[row.publisher]) for row in rivals),
    )


def _family_point(row: _Family, weights: PublishedWeights) -> ReferencePoint:
    architecture, _ = resolve(weights.architecture, {})
    size, best = weights.preprocessing.image_size, weights.reported[0]
    assert architecture.parameters is not None
    assert architecture.multiply_adds is not None
    assert (size, best.image_size) == (architecture.image_size, size)
    return ReferencePoint(
        name=row.name,
        group=row.group,
        top1=best.top1,
        top5=best.top5,
        multiply_adds=architecture.multiply_adds,
        parameters=architecture.parameters,
        image_size=size,
        year=row.year,
        recipe=row.recipe,
        architecture=architecture.name,
        weights=weights.name,
        source=f"{weights.reported_by}; {weights.source}",
        protocol=published_protocol(weights),
    )


def published_protocol(weights: PublishedWeights) -> str:
    """Say how the accuracy of published weights was measured, and what they had learned from.

    Args:
        weights: with an accuracy on ImageNet.

    Example:
        >>> published_protocol(find_weights("resnet50:torchvision_v1"))
        'one centre crop of image_size, bilinear; trained on ImageNet-1k only'
    """
    more = more_data(weights)
    learned = f"pretrained on {more}" if more else "trained on ImageNet-1k only"
    return f"one centre crop of image_size, {weights.preprocessing.interpolation}; {learned}"


def more_data(weights: PublishedWeights) -> str:
    """Name what published weights had learned from besides ImageNet-1k.

    Args:
        weights: of the catalogue, whose terms begin with the names of the data.

    Returns:
        '' for nothing.

    Example:
        >>> more_data(find_weights("resnext101_32x32d:timm_fb_wsl_ig1b_ft_in1k"))
        'public Instagram images'
    """
    names = [re.split("[:,]", terms)[0] for terms in weights.data_terms.split("; ")]
    return " and ".join(name for name in names if name != "ImageNet")


def _rival_point(row: _Rival, protocol: str) -> ReferencePoint:
    return ReferencePoint(
        name=row.name,
        group=row.group,
        top1=row.top1,
        top5=row.top5,
        multiply_adds=round(row.multiply_adds),
        parameters=round(row.parameters),
        image_size=row.image_size,
        year=row.year,
        recipe="then",
        architecture="",
        weights="",
        source=f"{row.publisher}: {row.published_as}; {row.paper}",
        protocol=protocol,
    )
