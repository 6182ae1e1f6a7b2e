"""Networks: stem -> stages of units -> final -> pool -> classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.networks.assembly import assemble as assemble
    from resnets.networks.assembly import build_stack as build_stack
    from resnets.networks.classifiers import hidden_layer_classifier as hidden_layer_classifier
    from resnets.networks.initialization import initialize as initialize
    from resnets.networks.initialization import zero_last_norms as zero_last_norms
    from resnets.networks.network_options import NetworkOptions as NetworkOptions
    from resnets.networks.network_options import ResidualStackOptions as ResidualStackOptions
    from resnets.networks.network_options import StackOptions as StackOptions
    from resnets.networks.residual_network import FeatureInfo as FeatureInfo
    from resnets.networks.residual_network import FeatureNetwork as FeatureNetwork
    from resnets.networks.residual_network import ResidualNetwork as ResidualNetwork
    from resnets.networks.residual_network import Stage as Stage
    from resnets.networks.stem_choice import choose_stem as choose_stem
    from resnets.networks.stem_choice import stem_stride as stem_stride
    from resnets.networks.stems import build_stem as build_stem
    from resnets.networks.unit_plan import plan_units as plan_units

_HOMES = {
    "FeatureInfo": "resnets.networks.residual_network",
    "FeatureNetwork": "resnets.networks.residual_network",
    "NetworkOptions": "resnets.networks.network_options",
    "ResidualNetwork": "resnets.networks.residual_network",
    "ResidualStackOptions": "resnets.networks.network_options",
    "StackOptions": "resnets.networks.network_options",
    "Stage": "resnets.networks.residual_network",
    "assemble": "resnets.networks.assembly",
    "build_stack": "resnets.networks.assembly",
    "build_stem": "resnets.networks.stems",
    "choose_stem": "resnets.networks.stem_choice",
    "hidden_layer_classifier": "resnets.networks.classifiers",
    "initialize": "resnets.networks.initialization",
    "plan_units": "resnets.networks.unit_plan",
    "stem_stride": "resnets.networks.stem_choice",
    "zero_last_norms": "resnets.networks.initialization",
}
__all__ = sorted(_HOMES)
__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
