"""The layers of classification_models' files, in their order.  qubvel/classification_models a0f006e.

Keras orders layers by their distance from the output, so that a projection stands beside the last layers
of its unit's branch. A grouped convolution is one unnamed layer per group there. Of the SE networks,
whatever belongs to the gate is unnamed, and in the released ones (senet.py) everything.
"""

from __future__ import annotations

from resnets.weights.keras_layout import Layout, Rows

_STEM: Rows = (("bn_data", "stem.input_norm"), ("conv0", "stem.conv"), ("bn0", "stem.norm"))
_GATE: Rows = (
    ("", "residual.squeeze_excitation.reduce"),
    ("", "residual.squeeze_excitation.expand"),
)

_PREACTIVATION = Layout(
    stem=_STEM,
    unit_name="stage{stage1}_unit{unit1}_",
    unit=(
        ("bn1", "preactivation.norm"),
        ("conv1", "residual.conv1"),
        ("bn2", "residual.norm1"),
        ("conv2", "residual.conv2"),
        ("bn3", "residual.norm2"),
        ("conv3", "residual.conv3"),
        *_GATE,
        ("sc", "shortcut.conv"),
    ),
    final=(("bn1", "final.norm"), ("fc1", "classifier")),
)

_RESNEXT = Layout(
    stem=_STEM,
    unit_name="stage{stage1}_unit{unit1}_",
    unit=(
        ("conv1", "residual.conv1"),
        ("bn1", "residual.norm1"),
        ("", "residual.conv2"),
        ("bn2", "residual.norm2"),
        ("conv3", "residual.conv3"),
        ("sc", "shortcut.conv"),
        ("bn3", "residual.norm3"),
        ("sc_bn", "shortcut.norm"),
    ),
    final=(("fc1", "classifier"),),
)

_SENET = Layout(
    stem=(("", "stem.conv"), ("", "stem.norm")),
    unit=(
        ("", "residual.conv1"),
        ("", "residual.norm1"),
        ("", "residual.conv2"),
        ("", "residual.norm2"),
        ("", "residual.conv3"),
        ("", "residual.norm3"),
        *_GATE,
        ("", "shortcut.conv"),
        ("", "shortcut.norm"),
    ),
    final=(("", "classifier"),),
)

LAYOUTS: dict[str, Layout] = {
    **dict.fromkeys(
        ("resnet18_cm", "resnet34_cm", "resnet50_cm", "resnet101_cm", "resnet152_cm"), _PREACTIVATION
    ),
    **dict.fromkeys(("seresnet18_cm", "seresnet34_cm"), _PREACTIVATION),
    **dict.fromkeys(("resnext50_cm", "resnext101_cm"), _RESNEXT),
    **dict.fromkeys(
        ("seresnet50_cm", "seresnet101_cm", "seresnet152_cm", "seresnext50_cm", "seresnext101_cm"),
        _SENET,
    ),
}
