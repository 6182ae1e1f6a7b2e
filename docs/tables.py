"""Writes docs/architectures.md and recipes.md from their rows, and the pictures of README and site."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

import resnets
from resnets.architectures import (
    classification_models_dialect,
    densenet,
    highway,
    keras_dialect,
    resnet,
    resnet_v2,
    resnext,
    se_resnet,
    vgg,
    wide_resnet,
)
from resnets.architectures.creation import select_architectures
from resnets.config import Settings
from resnets.networks import NetworkOptions, ResidualStackOptions, StackOptions
from resnets.quantities import count
from resnets.recipes.catalog import Recipe, select_recipes
from resnets.recipes.recipe_text import expected_row
from resnets.registry import registered_name_rules

DOCS = Path(__file__).parent
UNITS: dict[str, dict[str, Any]] = {
    "plain34": {},
    "resnet34": {},
    "resnetv2_50": {},
    "resnext50_32x4d,form=a": {"form": "a"},
    "resnext50_32x4d,form=b": {"form": "b"},
    "resnext50_32x4d": {},
}

HEAD = """# Networks and their names

<!-- Written by docs/tables.py; change it there. -->

Names are public and stable. Case, and `-` for `_`, do not matter: `ResNet-50` is `resnet50`.
`resnets list` prints the same table. Counts are for the paper's classes and image size; multiply-adds
are those of convolutions and linear layers for one image.
"""

FORMS = """
## Names for any depth or width

| form | stands for |
| --- | --- |
"""

MEANINGS = {
    "resnet<6n+2>[_cifar]": (
        "CIFAR ResNet of basic units, option A; `_cifar` where ImageNet has that depth, as in "
        "`resnet152_cifar`"
    ),
    "resnet<9n+2>_bottleneck": (
        "CIFAR ResNet of bottlenecks, option B: the baselines of the ResNetV2 paper"
    ),
    "plain<6n+2>": "the CIFAR ResNet of that depth without its shortcuts",
    "resnetv2_<9n+2>[_cifar]": (
        "CIFAR ResNetV2 of bottlenecks; `resnetv2_110` is the paper's, of basic units"
    ),
    "resnetv2_<6n+2>_basic": "CIFAR ResNetV2 of basic units",
    "resnext<depth>_<C>x<d>d[_cifar]": (
        "C paths of width d; depth 50, 101, 152 or 200 for ImageNet, else 9n+2 for CIFAR "
        "(`resnext101_2x64d_cifar`)"
    ),
    "seresnet<6n+2>[_cifar]": "CIFAR SE-ResNet, option A",
    "seresnext<depth>_<C>x<d>d": "SE-ResNeXt for ImageNet; depth 50, 101, 152 or 200",
    "wrn-<6n+4>-<k>[-b<kernel sizes>][-dropout<p>]": (
        "CIFAR Wide ResNet of widening factor k; `wrn-16-8-b313` for B(3,1,3), which is accepted too"
    ),
    "densenet-<3n+4>-<k>": "CIFAR DenseNet of growth rate k",
    "densenet-bc-<6n+4>-<k>": "CIFAR DenseNet-BC of growth rate k, theta = 0.5",
    "highway-<depth>-<width>": "the MNIST highway network of any depth and width",
}

OPTION_GROUPS: dict[str, type[Settings]] = {
    "Every network": NetworkOptions,
    "Every stack of equal units: all but VGG, DenseNet and Highway": StackOptions,
    "Every network with shortcuts": ResidualStackOptions,
    "ResNet, ResNeXt, SE-ResNet, wide bottlenecks": resnet.ResNetOptions,
    "ResNetV2": resnet_v2.ResNetV2Options,
    "ResNeXt": resnext.ResNeXtOptions,
    "SE-ResNet": se_resnet.SEResNetOptions,
    "VGG": vgg.VGGOptions,
    "Wide ResNet": wide_resnet.WideResNetOptions,
    "Wide ResNet, bottleneck": wide_resnet.WideBottleneckOptions,
    "DenseNet": densenet.DenseNetOptions,
    "Keras' dialects of ResNet and DenseNet, besides": keras_dialect.KerasResNetOptions,
    "Keras' ResNetV2, besides those of a stack": keras_dialect.KerasResNetV2Options,
    "classification_models' dialects": classification_models_dialect.CMPreactivationOptions,
    "Highway network": highway.HighwayOptions,
}


def architectures_page() -> str:
    """Write the page of all rows, forms and options."""
    rows = select_architectures()
    lines = [HEAD]
    for name, group in groupby(rows, key=lambda row: row.family.name):
        members = list(group)
        family = members[0].family
        lines += [
            f"\n## {family.title}\n",
            f"{family.paper}: *{family.paper.title}*. Family `{name}`.\n",
            "| name | parameters | multiply-adds | input | defined by |",
            "| --- | ---: | ---: | ---: | --- |",
        ]
        for row in members:
            place = row.source if row.paper is None else f"{row.paper}, {row.source}"
            lines.append(
                f"| `{row.name}` | {row.parameters:,} | {count(row.multiply_adds or 0)} "
                f"| {row.image_size} | {place} |"
            )
    lines.append(FORMS.rstrip())
    lines += [f"| `{rule.form}` | {MEANINGS[rule.form]} |" for rule in registered_name_rules()]
    lines.append("\n## Options\n")
    lines.append("`create_model(name, option=value)`, or `name,option=value` on the command line.")
    for title, settings in OPTION_GROUPS.items():
        rows_of_group = [
            f"| `{option}` | {_values(settings, option)} | {_default(settings, option)} | {meaning} |"
            for option, meaning in _documented(settings).items()
        ]
        head = ["", f"### {title}", "", "| option | values | default | meaning |"]
        lines += [*head, "| --- | --- | --- | --- |", *rows_of_group]
    return "\n".join(lines) + "\n"


RECIPES_HEAD = """# Recipes

<!-- Written by docs/tables.py; change it there. -->

A recipe is how a paper, or the code behind published weights, trained its networks: optimizer,
schedule, augmentation and everything else that `resnets train DATA --recipe NAME` needs.
`resnets list --recipes` lists them, `resnets describe fast_cifar` shows one with all that it sets.
Every setting can be changed by `--set KEY=VALUE`, the network by `--model`.

Costs count the floating-point operations of the whole training, six for each multiply-add of the
network: 1 PFLOP is 10^15 of them, 1 EFLOP 10^18. Errors are those that were published, in percent;
they were not measured here unless it says so.

Some preprocessing of the papers is in no recipe. Both ResNet papers draw the shorter side of ImageNet's
images from 256 to 480 pixels before a crop of 224; the recipes cut boxes of any scale and shape, as
fb.resnet.torch does and the best entry of the second paper. The first paper subtracts the mean of each
pixel, on CIFAR too; the recipes subtract the mean of each channel and divide by its deviation. Tables
2 to 4 of Wide ResNet are of images with global contrast normalisation and ZCA whitening, and Highway
networks saw CIFAR with the former; the recipes do to both what tables 5 and 6 of Wide ResNet are of, the
mean and deviation of each channel.
"""


def recipes_page() -> str:
    """Write the page of all recipes."""
    recipes = select_recipes()
    lines = [RECIPES_HEAD]
    lines += ["| recipe | for | model | top-1 error | from |", "| --- | --- | --- | ---: | --- |"]
    for recipe in recipes:
        best = recipe.published_error
        error = f"{best.top1:g}" if best else "-"
        link = f"[{recipe.name}](#{recipe.name})"
        lines.append(f"| {link} | {recipe.data} | `{recipe.model}` | {error} | {recipe.origin} |")
    return "\n".join([*lines, *map(_recipe_section, recipes)]) + "\n"


def _recipe_section(recipe: Recipe) -> str:
    words = recipe.documentation
    lines = ["", f"## {recipe.name}", "", recipe.summary, ""]
    lines += ["```text", words["Command"], "```", ""]
    lines += [f"**{title}.** {words[title]}\n" for title in ("Source", "Cost", "Expected")]
    if recipe.unverified:
        doubts = ", ".join(f"`{key}`" for key in recipe.unverified)
        lines.append(f"**Doubtful.** Not stated by the source, or recalled: {doubts}.\n")
    if recipe.expected:
        lines += ["| model | data | top-1 | top-5 | how | source |"]
        lines += ["| --- | --- | ---: | ---: | --- | --- |"]
        for row in recipe.expected:
            model, *others = expected_row(row)
            lines.append(f"| `{model}` | {' | '.join(others)} |")
    return "\n".join(lines).rstrip("\n")


def _documented(settings: type[Settings]) -> dict[str, str]:
    """The options that a class adds, with what its docstring says of each."""
    attributes = (settings.__doc__ or "").partition("Attributes:")[2]
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()).rstrip(".") for name, text in entries}


def _default(settings: type[Settings], option: str) -> str:
    default = settings.model_fields[option].default
    return "of the row" if default is PydanticUndefined else f"`{default}`"


def _values(settings: type[Settings], option: str) -> str:
    return _words(settings.model_json_schema()["properties"][option])


def _words(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(map(_words, field["anyOf"]))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return "list of whole numbers"
    kinds = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    low, high = field.get("minimum"), field.get("exclusiveMaximum")
    limits = f" from {low:g}" if low is not None else ""
    limits += f" to below {high:g}" if high is not None else ""
    return kinds.get(field["type"], "none") + limits


def write_all() -> None:
    """Write the pages and the pictures."""
    (DOCS / "architectures.md").write_text(architectures_page(), encoding="utf-8")
    (DOCS / "recipes.md").write_text(recipes_page(), encoding="utf-8")
    networks = [
        resnets.describe("vgg19"),
        resnets.describe("plain34"),
        resnets.describe("resnet34", shortcut="A"),
    ]
    resnets.draw(networks, DOCS / "images" / "networks.svg")
    units = [resnets.describe(name.partition(",")[0], **options) for name, options in UNITS.items()]
    resnets.draw(units, DOCS / "images" / "units.svg", subject="unit")
    (DOCS / "images" / "rivals.svg").write_text(resnets.compare().to_svg(), encoding="utf-8")


if __name__ == "__main__":
    write_all()
