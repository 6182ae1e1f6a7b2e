"""How torchvision, timm and pytorchcv name what we name otherwise.

A rule gives their name of a module and ours; the tensors in it (`weight`, `running_mean`, ...) have the
same names everywhere. In a name, `{unit}` stands for a number and `{unit+1}` for that number counted
from one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

_NUMBER = re.compile(r"\{(\w+)(\+1)?\}")


class Rule(NamedTuple):
    """One row of a table of names.

    Attributes:
        theirs: name of a module in the other library.
        ours: name of that module here.
        flatten: their layer is a convolution over the whole map, ours is the same linear layer.
    """

    theirs: str
    ours: str
    flatten: bool = False

    def translate(self, module: str) -> str | None:
        """Our name of a module of theirs; None if the rule is about another one."""
        pattern = _NUMBER.sub(r"{\1}", self.theirs)
        pattern = re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")
        match = re.fullmatch(_NUMBER.sub(r"(?P<\1>\\d+)", pattern), module)
        if match is None:
            return None
        from_one = {name for name, plus_one in _NUMBER.findall(self.theirs) if plus_one}
        numbers = {name: int(text) - (name in from_one) for name, text in match.groupdict().items()}
        return self.ours.format(**numbers)


Rules = Sequence[Rule]


def rename(tensors: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Give their tensors our names.

    Args:
        tensors: a state dict of theirs, or anything else named as one.
        rules: of which exactly one has to fit each name.

    Raises:
        LookupError: if no rule or more than one fits a name, or two names become one.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module, _, kind = name.rpartition(".")
        fits = [(new, rule) for rule in rules if (new := rule.translate(module)) is not None]
        if len(fits) != 1:
            raise LookupError(f"{len(fits)} rules fit {name!r}, expected one")
        target = f"{fits[0][0]}.{kind}"
        if target in renamed:
            raise LookupError(f"{name!r} is not the only one that becomes {target!r}")
        renamed[target] = tensor.flatten(1) if fits[0][1].flatten and tensor.ndim > 1 else tensor
    return renamed


TORCHVISION_RESNET = (
    Rule("conv1", "stem.conv"),
    Rule("bn1", "stem.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", "stages.{stage}.units.{unit}.residual.conv{i}"),
    Rule("layer{stage+1}.{unit}.bn{i}", "stages.{stage}.units.{unit}.residual.norm{i}"),
    Rule("layer{stage+1}.{unit}.downsample.0", "stages.{stage}.units.{unit}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.downsample.1", "stages.{stage}.units.{unit}.shortcut.norm"),
    Rule("fc", "classifier"),
)

_TORCHVISION_DENSE_UNIT = "features.denseblock{stage+1}.denselayer{unit+1}"

_TORCHVISION_DENSE_STAGES = (
    Rule(f"{_TORCHVISION_DENSE_UNIT}.norm1", "stages.{stage}.units.{unit}.preactivation.norm"),
    Rule(f"{_TORCHVISION_DENSE_UNIT}.conv{{i}}", "stages.{stage}.units.{unit}.residual.conv{i}"),
    Rule(f"{_TORCHVISION_DENSE_UNIT}.norm2", "stages.{stage}.units.{unit}.residual.norm1"),
    Rule("features.transition{stage}.norm", "stages.{stage}.transition.norm"),
    Rule("features.transition{stage}.conv", "stages.{stage}.transition.conv"),
    Rule("features.norm5", "final.norm"),
    Rule("classifier", "classifier"),
)

TORCHVISION_DENSENET = (
    Rule("features.conv0", "stem.conv"),
    Rule("features.norm0", "stem.norm"),
    *_TORCHVISION_DENSE_STAGES,
)

TIMM_DENSENET_DEEP = (
    Rule("features.conv0", "stem.conv1"),
    Rule("features.norm0", "stem.norm1"),
    Rule("features.conv1", "stem.conv2"),
    Rule("features.norm1", "stem.norm2"),
    Rule("features.conv2", "stem.conv"),
    Rule("features.norm2", "stem.norm"),
    *_TORCHVISION_DENSE_STAGES,
)

_TORCHVISION_VGG_CLASSIFIER = (
    Rule("classifier.0", "classifier.linear1"),
    Rule("classifier.3", "classifier.linear2"),
    Rule("classifier.6", "classifier.linear3"),
)

_SQUEEZE = "stages.{stage}.units.{unit}.residual.squeeze_excitation"

TIMM_RESNET = (
    *TORCHVISION_RESNET,
    Rule("layer{stage+1}.{unit}.se.fc1", f"{_SQUEEZE}.reduce"),
    Rule("layer{stage+1}.{unit}.se.fc2", f"{_SQUEEZE}.expand"),
    Rule("conv1.0", "stem.conv1"),
    Rule("conv1.1", "stem.norm1"),
    Rule("conv1.3", "stem.conv2"),
    Rule("conv1.4", "stem.norm2"),
    Rule("conv1.6", "stem.conv"),
)

TIMM_LEGACY_SENET = (
    Rule("layer0.conv1", "stem.conv"),
    Rule("layer0.bn1", "stem.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", "stages.{stage}.units.{unit}.residual.conv{i}"),
    Rule("layer{stage+1}.{unit}.bn{i}", "stages.{stage}.units.{unit}.residual.norm{i}"),
    Rule("layer{stage+1}.{unit}.se_module.fc1", f"{_SQUEEZE}.reduce"),
    Rule("layer{stage+1}.{unit}.se_module.fc2", f"{_SQUEEZE}.expand"),
    Rule("layer{stage+1}.{unit}.downsample.0", "stages.{stage}.units.{unit}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.downsample.1", "stages.{stage}.units.{unit}.shortcut.norm"),
    Rule("last_linear", "classifier"),
)

_TIMM_V2_UNITS = (
    Rule("stages.{stage}.blocks.{unit}.norm1", "stages.{stage}.units.{unit}.preactivation.norm"),
    Rule("stages.{stage}.blocks.{unit}.conv{i}", "stages.{stage}.units.{unit}.residual.conv{i}"),
    Rule("stages.{stage}.blocks.{unit}.norm2", "stages.{stage}.units.{unit}.residual.norm1"),
    Rule("stages.{stage}.blocks.{unit}.norm3", "stages.{stage}.units.{unit}.residual.norm2"),
    Rule("stages.{stage}.blocks.{unit}.downsample.conv", "stages.{stage}.units.{unit}.shortcut.conv"),
)

TIMM_RESNET_V2 = (
    Rule("stem.conv", "stem.conv"),
    *_TIMM_V2_UNITS,
    Rule("norm", "final.norm"),
    Rule("head.fc", "classifier", flatten=True),
)

TIMM_RESNET_V2_DEEP = (
    Rule("stem.conv1", "stem.conv1"),
    Rule("stem.norm1", "stem.norm1"),
    Rule("stem.conv2", "stem.conv2"),
    Rule("stem.norm2", "stem.norm2"),
    Rule("stem.conv3", "stem.conv"),
    *_TIMM_V2_UNITS,
    Rule("norm", "final.norm"),
    Rule("head.fc", "classifier", flatten=True),
)

_TIMM_VGG_CLASSIFIER = (
    Rule("pre_logits.fc1", "classifier.linear1", flatten=True),
    Rule("pre_logits.fc2", "classifier.linear2", flatten=True),
    Rule("head.fc", "classifier.linear3"),
)

_PYTORCHCV_UNITS = (
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv{i}.conv",
        "stages.{stage}.units.{unit}.residual.conv{i}",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv{i}.bn",
        "stages.{stage}.units.{unit}.residual.norm{i}",
    ),
    Rule("features.stage{stage+1}.unit{unit+1}.se.conv1", f"{_SQUEEZE}.reduce"),
    Rule("features.stage{stage+1}.unit{unit+1}.se.conv2", f"{_SQUEEZE}.expand"),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.identity_conv.conv",
        "stages.{stage}.units.{unit}.shortcut.conv",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.identity_conv.bn",
        "stages.{stage}.units.{unit}.shortcut.norm",
    ),
    Rule("output", "classifier"),
)

PYTORCHCV_RESNET = (
    Rule("features.init_block.conv.conv", "stem.conv"),
    Rule("features.init_block.conv.bn", "stem.norm"),
    *_PYTORCHCV_UNITS,
)

PYTORCHCV_CIFAR_RESNET = (
    Rule("features.init_block.conv", "stem.conv"),
    Rule("features.init_block.bn", "stem.norm"),
    *_PYTORCHCV_UNITS,
)

PYTORCHCV_CIFAR_RESNET_V2 = (
    Rule("features.init_block", "stem.conv"),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv{i}.conv",
        "stages.{stage}.units.{unit}.residual.conv{i}",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv1.bn",
        "stages.{stage}.units.{unit}.preactivation.norm",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv2.bn",
        "stages.{stage}.units.{unit}.residual.norm1",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.body.conv3.bn",
        "stages.{stage}.units.{unit}.residual.norm2",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.identity_conv",
        "stages.{stage}.units.{unit}.shortcut.conv",
    ),
    Rule("features.post_activ.bn", "final.norm"),
    Rule("output", "classifier"),
)

_PYTORCHCV_DENSE_UNITS = (
    Rule(
        "features.stage{stage+1}.unit{unit+1}.conv{i}.conv",
        "stages.{stage}.units.{unit}.residual.conv{i}",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.conv1.bn",
        "stages.{stage}.units.{unit}.preactivation.norm",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.conv2.bn",
        "stages.{stage}.units.{unit}.residual.norm1",
    ),
    Rule("features.stage{stage+1}.trans{same+1}.conv.bn", "stages.{stage}.transition.norm"),
    Rule("features.stage{stage+1}.trans{same+1}.conv.conv", "stages.{stage}.transition.conv"),
    Rule("features.post_activ.bn", "final.norm"),
    Rule("output", "classifier"),
)

PYTORCHCV_DENSENET = (
    Rule("features.init_block.conv", "stem.conv"),
    Rule("features.init_block.bn", "stem.norm"),
    *_PYTORCHCV_DENSE_UNITS,
)

PYTORCHCV_CIFAR_DENSENET = (
    Rule("features.init_block", "stem.conv"),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.conv.conv",
        "stages.{stage}.units.{unit}.residual.conv1",
    ),
    Rule(
        "features.stage{stage+1}.unit{unit+1}.conv.bn",
        "stages.{stage}.units.{unit}.preactivation.norm",
    ),
    *_PYTORCHCV_DENSE_UNITS,
)

PYTORCHCV_VGG = (
    Rule("features.stage{stage+1}.unit{unit+1}.conv", "stages.{stage}.units.{unit}.residual.conv1"),
    Rule("features.stage{stage+1}.unit{unit+1}.bn", "stages.{stage}.units.{unit}.residual.norm1"),
    Rule("output.fc1.fc", "classifier.linear1"),
    Rule("output.fc2.fc", "classifier.linear2"),
    Rule("output.fc3", "classifier.linear3"),
)

_VGG_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def torchvision_vgg(depth: int, *, batch_norm: bool) -> Rules:
    """torchvision's VGG of a depth."""
    return (*_numbered_vgg(depth, batch_norm=batch_norm), *_TORCHVISION_VGG_CLASSIFIER)


def timm_vgg(depth: int, *, batch_norm: bool) -> Rules:
    """timm's VGG of a depth."""
    return (*_numbered_vgg(depth, batch_norm=batch_norm), *_TIMM_VGG_CLASSIFIER)


def _numbered_vgg(depth: int, *, batch_norm: bool) -> Iterator[Rule]:
    """Rules for layers numbered through: convolution, norm, activation, ..., pool after each stage."""
    number = 0
    for stage, num_units in enumerate(_VGG_DEPTHS[depth]):
        for unit in range(num_units):
            residual = f"stages.{stage}.units.{unit}.residual"
            yield Rule(f"features.{number}", f"{residual}.conv1")
            if batch_norm:
                yield Rule(f"features.{number + 1}", f"{residual}.norm1")
            number += 3 if batch_norm else 2
        number += 1
