"""From a name to a network."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnets.config import Settings, validate
from resnets.errors import ConfigError, UnknownNameError
from resnets.registry import Architecture, find_architecture, registered_architectures

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NetworkSpec:
    """What a network was made from; a network made by `create_model` carries it as `spec`.

    Attributes:
        name: of the architecture.
        options: all of them, checked.
    """

    name: str
    options: Settings


def list_models(pattern: str = "*", *, family: str | None = None) -> list[str]:
    """Name the architectures, in the order of families and sizes.

    Args:
        pattern: with shell wildcards.
        family: only those of one family.

    Raises:
        UnknownNameError: if there is no such family.

    Example:
        >>> list_models("resnext50*")[0]
        'resnext50_32x4d'
    """
    return [architecture.name for architecture in select_architectures(pattern, family=family)]


def select_architectures(pattern: str = "*", *, family: str | None = None) -> list[Architecture]:
    """The rows behind `list_models`, with the same arguments and errors."""
    rows = registered_architectures()
    families = {row.family.name for row in rows}
    if family is not None and family not in families:
        raise UnknownNameError("family", family, known=families, hint="resnets list")
    return [
        row
        for row in rows
        if fnmatch.fnmatchcase(row.name.lower(), pattern.lower()) and family in (None, row.family.name)
    ]


def resolve(name: str, options: Mapping[str, Any] | None = None) -> tuple[Architecture, Settings]:
    """Find an architecture and check the options for it; needs no torch.

    Args:
        name: of the architecture.
        options: that differ from the architecture's.

    Raises:
        UnknownNameError: if there is no such architecture.
        DepthError: if the name has a depth that the family does not allow.
        ConfigError: with every option that the family cannot take.
    """
    architecture = find_architecture(name)
    given = dict(options or {})
    source = f"the options of {architecture.name}"
    settings = validate(architecture.family.options, {**architecture.settings, **given}, source=source)
    usual = architecture.settings.get("num_classes", 1000)
    if given.get("num_classes", usual) != usual:
        headless = [
            f"num_classes has no effect with {option}"
            for option, on in (
                ("include_top=False", getattr(settings, "include_top", True) is False),
                ("features_only=True", getattr(settings, "features_only", False)),
            )
            if on
        ]
        if headless:
            raise ConfigError(source, headless)
    return architecture, settings


def create_model(name: str, **options: Any) -> nn.Module:
    """Make a network with random weights: a plain `torch.nn.Module`, in training mode.

    Args:
        name: of an architecture, as `list_models` gives it, or of a form such as
            'resnext50_8x14d' (`resnets list` shows the forms).
        **options: the family's options. Every network takes `num_classes`, `in_channels`,
            `include_top`, `pooling`, `features_only` and `image_size`; `resnets describe NAME` shows
            the others.

    Returns:
        The network; `network.spec` holds name and options. Random numbers come from torch's
        generator (`torch.manual_seed`), memory from torch's default device.

    Raises:
        UnknownNameError: if there is no such architecture.
        DepthError: if the name has a depth that the family does not allow.
        ConfigError: with every option that the family cannot take.

    Example:
        >>> import torch
        >>> network = create_model("resnet20", num_classes=7)
        >>> network(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 7])
    """
    architecture, settings = resolve(name, options)
    network = _build(architecture, settings)
    network.spec = NetworkSpec(architecture.name, settings)  # type: ignore[assignment]
    return network


def _build(architecture: Architecture, settings: Settings) -> nn.Module:
    import torch

    family = architecture.family
    if family.initialize is None:
        return family.build(settings)
    device = torch.get_default_device()
    # Shapes first, then memory, then values: layers would fill their parameters only to be filled again.
    with torch.device("meta"):
        network = family.build(settings)
    if device.type != "meta":
        network.to_empty(device=device)
        family.initialize(network, settings)
    return network
