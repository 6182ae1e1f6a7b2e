"""Writes docs/settings.md, every setting of a training, from the classes that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnets.config import Settings
from resnets.data.augmentation.settings import (
    Augmentation,
    AutoAugment,
    ColourJitter,
    Erasing,
    Mixing,
    PadCrop,
    PolicySettings,
    RandAugment,
    TrivialAugment,
)
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.decode_policy import DecodePolicy
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import (
    Averaging,
    Checkpoints,
    EarlyStopping,
    FineTuning,
    Growth,
    Loss,
    Optimizer,
    Schedule,
    StochasticDepth,
    TrainingSettings,
)

DOCS = Path(__file__).parent

HEAD = """# Settings of a training

<!-- Written by docs/settings.py from resnets.recipes.settings; change them. -->

The same fields stand in a recipe, in a file for `--config`, in the `config.toml` of a run and in
`resnets.TrainingSettings`. `--set KEY=VALUE` changes one, such as `--set optimizer.momentum=0.95`, and
`--set KEY=` takes it away. Unknown keys and wrong values are errors, all named at once.

What is left out of `optimizer`, `schedule`, `loss` and `averaging`, and whatever is by a rule below,
is [chosen from the data and the machine](training_choices.md). Recipes and the files of runs say
`complete = true`: there, what is left out keeps the value below, and only what has none is chosen.

```toml
model = "resnet18,stem=small"
epochs = 30

[optimizer]
learning_rate = 0.05

[augmentation]
flip = 0.5
cutout = 8

[averaging]
decay = 0.999
```
"""

PARTS: dict[str, type[Settings]] = {
    "optimizer": Optimizer,
    "schedule": Schedule,
    "loss": Loss,
    "averaging": Averaging,
    "fine_tuning": FineTuning,
    "stochastic_depth": StochasticDepth,
    "progressive_depth": Growth,
    "early_stopping": EarlyStopping,
    "checkpoints": Checkpoints,
    "preprocessing": Preprocessing,
    "preprocessing.decoding": DecodePolicy,
    "crop": RandomResizedCrop,
    "augmentation": Augmentation,
    "augmentation.random_resized_crop": RandomResizedCrop,
    "augmentation.pad_crop": PadCrop,
    "augmentation.rand_augment": RandAugment,
    "augmentation.trivial_augment": TrivialAugment,
    "augmentation.auto_augment": AutoAugment,
    "augmentation.jitter": ColourJitter,
    "augmentation.erasing": Erasing,
    "augmentation.mixing": Mixing,
}
"""Key of each part, and the class that holds it."""


def settings_page() -> str:
    """Write the page of all settings."""
    lines = [HEAD, "## The run", "", *_table(TrainingSettings, "")]
    for key, settings in PARTS.items():
        first, _, rest = (settings.__doc__ or "").partition("\n")
        table = f"`[[{key}]]`, once for each depth" if settings is Growth else f"`[{key}]`"
        lines += ["", f"## {key}", "", f"{table}. {first}", ""]
        if details := _details(rest):
            lines += [details, ""]
        lines += _table(settings, key)
    return "\n".join(lines) + "\n"


def _details(rest: str) -> str:
    """What stands between the first sentence of a docstring and its attributes."""
    paragraphs = rest.partition("    Attributes:")[0].split("\n\n")
    return "\n\n".join(_text(paragraph) for paragraph in paragraphs if paragraph.strip())


def _table(settings: type[Settings], prefix: str) -> Iterator[str]:
    yield "| key | meaning | values | if left out |"
    yield "| --- | --- | --- | --- |"
    words = _documented(settings)
    properties = settings.model_json_schema()["properties"]
    for name, field in settings.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        meaning, _, rule = words[name].removesuffix("]").partition(" [")
        if key in PARTS:
            values, default = f"[a table](#{_anchor(key)})", _default(field.default, rule, "as there")
            meaning = meaning.removeprefix("see there.").strip()
        else:
            values, default = _values(properties[name]), _default(field.default, rule, "needed")
        yield f"| `{name}` | {_cell(meaning)} | {values} | {default} |"


def _documented(settings: type[Settings]) -> dict[str, str]:
    """What docstrings say of each field, those of parents too."""
    found: dict[str, str] = {}
    for kind in (PolicySettings, settings):
        if issubclass(settings, kind):
            attributes = (kind.__doc__ or "").partition("Attributes:")[2]
            entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", attributes, re.MULTILINE)
            found |= {name: _text(text) for name, text in entries}
    return found


def _default(default: Any, rule: str, other: str) -> str:
    if rule:
        return _cell(rule)
    if default in (None, (), ""):
        return "none"
    if isinstance(default, tuple):
        return "`[" + ", ".join(f"{each:.3g}" for each in default) + "]`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if isinstance(default, str | int | float) else other


def _values(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_values(each) for each in field["anyOf"] if each.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "prefixItems" in field or field.get("maxItems"):
        return "list of numbers"
    if field.get("type") == "array":
        return "list of texts" if field["items"].get("type") == "string" else "list of numbers"
    kinds = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    lower = field.get("minimum", field.get("ge", field.get("exclusiveMinimum")))
    words = kinds.get(field.get("type", ""), "text")
    if lower is not None:
        words += f" above {_number(lower)}" if "exclusiveMinimum" in field else f" from {_number(lower)}"
    if (upper := field.get("exclusiveMaximum")) is not None:
        words += f" to below {_number(upper)}"
    if (upper := field.get("maximum", field.get("le"))) is not None:
        words += f" to {_number(upper)}"
    return words


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _anchor(key: str) -> str:
    """As the site makes it of a heading."""
    return key.replace(".", "")


def _text(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _cell(text: str) -> str:
    """One sentence of a table: no bars, and no full stop at its end."""
    return text.strip().rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
