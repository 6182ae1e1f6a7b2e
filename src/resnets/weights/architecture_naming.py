"""The name that options have: the registered architecture that differs from them least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from resnets.architectures.creation import select_architectures
from resnets.config import validate
from resnets.errors import ResNetsError
from resnets.networks.stem_choice import choose_stem
from resnets.registry import Architecture, find_architecture

# What a file can have differently without being another architecture, and what its name is made of.
_WEIGHTS = {"num_classes": 0, "in_channels": 0, "include_top": 0, "image_size": 0}
_WEIGHTS |= {"depths": 4, "kernel_sizes": 4, "bottleneck": 4}


def name_architecture(family: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the architecture that has these options, or most of them.

    Args:
        family: of the architecture.
        options: that are known; others are taken as the architecture has them.

    Returns:
        Its name, and the options that differ.
    """
    best: tuple[tuple[int, int, int], str, dict[str, Any]] | None = None
    for row in _candidates(family, options):
        usual = validate(row.family.options, row.settings, source=row.name).model_dump()
        differing = {
            key: "own" if value == "either" else value
            for key, value in options.items()
            if _differs(key, value, usual)
        }
        # Of two that differ as much, not the one that has settings of its own that no shape tells.
        own = row.settings.keys() - options.keys()
        weight = sum(_WEIGHTS.get(key, 1) for key in differing)
        score = (weight, len(own), len(differing))
        if best is None or score < best[0]:
            best = (score, row.name, differing)
    assert best is not None, "a family has at least one architecture"
    return best[1], best[2]


def _differs(key: str, value: object, usual: Mapping[str, Any]) -> bool:
    if key == "stem":
        return choose_stem(usual["stem"], usual["image_size"]) != value
    if value == "either":
        return usual[key] not in ("own", "shared")
    return bool(usual[key] != value)


def _candidates(family: str, options: Mapping[str, Any]) -> Iterator[Architecture]:
    rows = select_architectures(family=family)
    # Dialects have options of their own, and a stronger sign of them than shapes is needed.
    kind = rows[0].family
    yield from (row for row in rows if row.family is kind)
    for name in _names_by_rule(options):
        with suppress(ResNetsError):
            row = find_architecture(name)
            if row.family is kind:
                yield row


def _names_by_rule(options: Mapping[str, Any]) -> Iterator[str]:
    """Names that the rules would give to a network of this depth and width."""
    depths = options["depths"]
    layers = sum(depths) * len(options.get("kernel_sizes", ())) + 2
    for prefix in ("resnet", "resnetv2_", "seresnet"):
        yield from (f"{prefix}{layers}{end}" for end in ("", "_cifar", "_bottleneck", "_basic"))
    if "cardinality" in options:
        paths = f"_{options['cardinality']}x{options['base_width']}d"
        for prefix in ("resnext", "seresnext"):
            yield from (f"{prefix}{layers}{paths}{end}" for end in ("", "_cifar"))
    if "stem_channels" in options and "widths" in options:
        kernels = "".join(map(str, options["kernel_sizes"]))
        name = f"wrn-{2 * sum(depths) + 4}-{options['widths'][0] // 16}"
        yield name if kernels == "33" else f"{name}-b{kernels}"
    if "growth_rate" in options:
        growth = options["growth_rate"]
        yield f"densenet-{sum(depths) + 4}-{growth}"
        yield f"densenet-bc-{2 * sum(depths) + 4}-{growth}"
