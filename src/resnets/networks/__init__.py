"""Networks: stem -> stages of units -> final -> pool -> classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.networks.assembly import assemble as assemble
    from resnets.networks.assembly import build_stack as build_stack
    from resnets.networks.classifiers import grid_classifier as grid_classifier
    from resnets.networks.classifiers import hidden_layer_classifier as hidden_layer_classifier
    from resnets.networks.dense_stage import build_dense_stage as build_dense_stage
    from resnets.networks.dense_stage import dense_transition as dense_transition
    from resnets.networks.gates import current_gates as current_gates
    from resnets.networks.gates import gateable_units as gateable_units
    from resnets.networks.gates import network_units as network_units
    from resnets.networks.gates import set_gates as set_gates
    from resnets.networks.initialization import initialize as initialize
    from resnets.networks.initialization import set_gate_biases as set_gate_biases
    from resnets.networks.initialization import set_norm_epsilon as set_norm_epsilon
    from resnets.networks.initialization import silence_residuals as silence_residuals
    from resnets.networks.network_options import NetworkOptions as NetworkOptions
    from resnets.networks.network_options import ResidualStackOptions as ResidualStackOptions
    from resnets.networks.network_options import StackOptions as StackOptions
    from resnets.networks.recurrent import ResidualRNN as ResidualRNN
    from resnets.networks.residual_network import FeatureInfo as FeatureInfo
    from resnets.networks.residual_network import FeatureNetwork as FeatureNetwork
    from resnets.networks.residual_network import ResidualNetwork as ResidualNetwork
    from resnets.networks.residual_network import Stage as Stage
    from resnets.networks.stem_choice import choose_stem as choose_stem
    from resnets.networks.stem_choice import stem_stride as stem_stride
    from resnets.networks.stems import InputNorm as InputNorm
    from resnets.networks.stems import build_stem as build_stem
    from resnets.networks.unet import ResidualUNet as ResidualUNet
    from resnets.networks.unet import maps_by_stride as maps_by_stride
    from resnets.networks.unit_plan import plan_units as plan_units
    from resnets.networks.unit_plan import stride_in_last_units as stride_in_last_units

_HOMES = {
    "FeatureInfo": "resnets.networks.residual_network",
    "FeatureNetwork": "resnets.networks.residual_network",
    "InputNorm": "resnets.networks.stems",
    "NetworkOptions": "resnets.networks.network_options",
    "ResidualRNN": "resnets.networks.recurrent",
    "ResidualUNet": "resnets.networks.unet",
    "ResidualNetwork": "resnets.networks.residual_network",
    "ResidualStackOptions": "resnets.networks.network_options",
    "StackOptions": "resnets.networks.network_options",
    "Stage": "resnets.networks.residual_network",
    "assemble": "resnets.networks.assembly",
    "build_stack": "resnets.networks.assembly",
    "build_stem": "resnets.networks.stems",
    "choose_stem": "resnets.networks.stem_choice",
    "build_dense_stage": "resnets.networks.dense_stage",
    "dense_transition": "resnets.networks.dense_stage",
    "current_gates": "resnets.networks.gates",
    "gateable_units": "resnets.networks.gates",
    "grid_classifier": "resnets.networks.classifiers",
    "hidden_layer_classifier": "resnets.networks.classifiers",
    "initialize": "resnets.networks.initialization",
    "maps_by_stride": "resnets.networks.unet",
    "network_units": "resnets.networks.gates",
    "plan_units": "resnets.networks.unit_plan",
    "set_gates": "resnets.networks.gates",
    "set_gate_biases": "resnets.networks.initialization",
    "set_norm_epsilon": "resnets.networks.initialization",
    "silence_residuals": "resnets.networks.initialization",
    "stride_in_last_units": "resnets.networks.unit_plan",
    "stem_stride": "resnets.networks.stem_choice",
}
__all__ = sorted(_HOMES)
__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
