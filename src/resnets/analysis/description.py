"""`describe`: what a network is made of and what it costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from resnets.analysis.anatomy import UnitAnatomy, unit_anatomy, without_names
from resnets.analysis.cost import PartCost, measure_cost
from resnets.architectures.creation import create_model, resolve
from resnets.units.residual_unit import ResidualUnit

if TYPE_CHECKING:
    from resnets.registry import Architecture


@dataclass(frozen=True)
class StageCost:
    """What one stage, or one part outside the stages, costs.

    Attributes:
        name: of the module, such as 'stages.0'.
        num_units: residual units in it; 0 outside the stages.
        output: (C, H, W), or (C,) after pooling.
        parameters: trainable ones.
        multiply_adds: for one image.
        activation_bytes: kept for the backward pass, for the whole batch.
    """

    name: str
    num_units: int
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True)
class Description:
    """A network, described.

    Attributes:
        name: of the architecture, or the class of a network made elsewhere.
        family: as the paper writes it; empty for a network made elsewhere.
        paper: where it was published.
        source: place in the paper, or the code that defined this variant.
        options: all options of the architecture.
        image_size: height and width of the images, in pixels.
        batch_size: that the activation memory is for.
        parameters: trainable ones.
        multiply_adds: of convolutions and linear layers, for one image.
        activation_bytes: kept for the backward pass in float32, for the whole batch.
        parts: costs of every unit and of what stands around the units.
        units: the distinct kinds of units, each with the name of the first of its kind.
        outputs: of every module, by name: (C, H, W) or (C,).
        network: the network itself; on the meta device if it was made for this description.
    """

    name: str
    family: str
    paper: str
    source: str
    options: dict[str, Any]
    image_size: int
    batch_size: int
    parameters: int
    multiply_adds: int
    activation_bytes: int
    parts: tuple[PartCost, ...]
    units: dict[str, UnitAnatomy]
    outputs: dict[str, tuple[int, ...]] = field(repr=False)
    network: nn.Module = field(repr=False, compare=False)

    @property
    def flops(self) -> int:
        """Floating-point operations for one image: two per multiply-add."""
        return 2 * self.multiply_adds

    @property
    def stages(self) -> tuple[StageCost, ...]:
        """The parts, summed up by stage."""
        groups: dict[str, list[PartCost]] = {}
        for part in self.parts:
            groups.setdefault(part.stage, []).append(part)
        return tuple(
            StageCost(
                name=name,
                num_units=sum(part.kind == ResidualUnit.__name__ for part in parts),
                output=parts[-1].output,
                parameters=sum(part.parameters for part in parts),
                multiply_adds=sum(part.multiply_adds for part in parts),
                activation_bytes=sum(part.activation_bytes for part in parts),
            )
            for name, parts in groups.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "family": self.family,
            "paper": self.paper,
            "source": self.source,
            "options": self.options,
            "image_size": self.image_size,
            "batch_size": self.batch_size,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "flops": self.flops,
            "activation_bytes": self.activation_bytes,
            "stages": [asdict(stage) for stage in self.stages],
            "parts": [asdict(part) for part in self.parts],
            "units": {
                name: asdict(unit) | {"formula": unit.formula()} for name, unit in self.units.items()
            },
        }


def describe(
    model: str | nn.Module,
    *,
    image_size: int | None = None,
    batch_size: int = 1,
    **options: Any,
) -> Description:
    """Describe a network: its units, and the size and cost of every part.

    Args:
        model: name of an architecture, or a network.
        image_size: height and width of the images, in pixels; None for the paper's.
        batch_size: images per training step, for the activation memory.
        **options: of the architecture, as for `create_model`.

    Raises:
        UnknownNameError: if there is no such architecture.
        ConfigError: with every option that the family cannot take.
        InputShapeError: if images of this size cannot pass.

    Example:
        >>> describe("resnet18").multiply_adds
        1814073344
    """
    architecture: Architecture | None = None
    settings: dict[str, Any] = {}
    if isinstance(model, str):
        if image_size is not None:
            options["image_size"] = image_size
        architecture, checked = resolve(model, options)
        settings = checked.model_dump()
        with torch.device("meta"):
            network = create_model(model, **options)
    else:
        network = model
    size = image_size or (architecture.image_size if architecture else 224)
    cost = measure_cost(
        network,
        image_size=size,
        in_channels=settings.get("in_channels", getattr(network, "in_channels", 3)),
        batch_size=batch_size,
    )
    return Description(
        name=architecture.name if architecture else type(network).__name__,
        family=architecture.family.title if architecture else "",
        paper=str(architecture.published_in) if architecture else "",
        source=architecture.source if architecture else "",
        options=settings,
        image_size=size,
        batch_size=batch_size,
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        multiply_adds=sum(part.multiply_adds for part in cost.parts),
        activation_bytes=sum(part.activation_bytes for part in cost.parts),
        parts=cost.parts,
        units=_distinct_units(network),
        outputs=cost.outputs,
        network=network,
    )


def _distinct_units(network: nn.Module) -> dict[str, UnitAnatomy]:
    seen: dict[UnitAnatomy, None] = {}
    distinct: dict[str, UnitAnatomy] = {}
    for name, module in network.named_modules():
        if isinstance(module, ResidualUnit):
            anatomy = unit_anatomy(module, name)
            if without_names(anatomy) not in seen:
                seen[without_names(anatomy)] = None
                distinct[name] = anatomy
    return distinct
