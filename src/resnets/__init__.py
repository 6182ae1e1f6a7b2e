"""resnets: residual networks for image recognition.

>>> import resnets
>>> resnets.list_models("resnet5*")
['resnet50', 'resnet50_v1', 'resnet56', 'resnet50_keras', 'resnet50_cm']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.analysis.comparing import compare as compare
    from resnets.analysis.description import describe as describe
    from resnets.analysis.drawing import draw as draw
    from resnets.analysis.explaining import explain as explain
    from resnets.analysis.recommending import recommend as recommend
    from resnets.applications.sklearn_classifier import ResNetClassifier as ResNetClassifier
    from resnets.architectures import register_architecture as register_architecture
    from resnets.architectures.creation import list_models as list_models
    from resnets.architectures.residual_rnn import residual_rnn as residual_rnn
    from resnets.architectures.resnext import convert_form as convert_form
    from resnets.architectures.resunet import resunet as resunet
    from resnets.data.checked_opening import open_checked as open_checked
    from resnets.data.decode_policy import DecodePolicy as DecodePolicy
    from resnets.data.labels import label_set as label_set
    from resnets.data.opening import open_dataset as open_dataset
    from resnets.data.preprocessing_policy import Preprocessing as Preprocessing
    from resnets.data.sources.arrays import from_arrays as from_arrays
    from resnets.deployment.exporting import export as export
    from resnets.deployment.predicting import predict as predict
    from resnets.errors import ResNetsError as ResNetsError
    from resnets.evaluation.calibrating import calibrate as calibrate
    from resnets.evaluation.evaluating import evaluate as evaluate
    from resnets.networks.gates import set_gates as set_gates
    from resnets.networks.network_options import NetworkOptions as NetworkOptions
    from resnets.recipes.catalog import find_recipe as find_recipe
    from resnets.recipes.catalog import list_recipes as list_recipes
    from resnets.recipes.settings import TrainingSettings as TrainingSettings
    from resnets.registry import Architecture as Architecture
    from resnets.registry import Family as Family
    from resnets.registry import Paper as Paper
    from resnets.training.train import train as train
    from resnets.units.residual_unit import ResidualUnit as ResidualUnit
    from resnets.weights.classifier import Classifier as Classifier
    from resnets.weights.converting import convert as convert
    from resnets.weights.loading import load as load
    from resnets.weights.pretrained import create_model as create_model
    from resnets.weights.to_layout import to_layout as to_layout

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "resnets.registry",
    "Classifier": "resnets.weights.classifier",
    "DecodePolicy": "resnets.data.decode_policy",
    "Family": "resnets.registry",
    "NetworkOptions": "resnets.networks.network_options",
    "Paper": "resnets.registry",
    "Preprocessing": "resnets.data.preprocessing_policy",
    "ResNetClassifier": "resnets.applications.sklearn_classifier",
    "ResNetsError": "resnets.errors",
    "TrainingSettings": "resnets.recipes.settings",
    "train": "resnets.training.train",
    "ResidualUnit": "resnets.units.residual_unit",
    "calibrate": "resnets.evaluation.calibrating",
    "compare": "resnets.analysis.comparing",
    "convert": "resnets.weights.converting",
    "convert_form": "resnets.architectures.resnext",
    "create_model": "resnets.weights.pretrained",
    "describe": "resnets.analysis.description",
    "draw": "resnets.analysis.drawing",
    "export": "resnets.deployment.exporting",
    "explain": "resnets.analysis.explaining",
    "evaluate": "resnets.evaluation.evaluating",
    "label_set": "resnets.data.labels",
    "find_recipe": "resnets.recipes.catalog",
    "from_arrays": "resnets.data.sources.arrays",
    "list_models": "resnets.architectures.creation",
    "list_recipes": "resnets.recipes.catalog",
    "load": "resnets.weights.loading",
    "predict": "resnets.deployment.predicting",
    "recommend": "resnets.analysis.recommending",
    "register_architecture": "resnets.architectures",
    "residual_rnn": "resnets.architectures.residual_rnn",
    "resunet": "resnets.architectures.resunet",
    "open_checked": "resnets.data.checked_opening",
    "open_dataset": "resnets.data.opening",
    "set_gates": "resnets.networks.gates",
    "to_layout": "resnets.weights.to_layout",
}
_OPTIONAL = {"ResNetClassifier"}
# Need an extra, so `from resnets import *` leaves them out; by name they are there.
__all__ = ["__version__", *sorted(_HOMES.keys() - _OPTIONAL)]
__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return ["__version__", *_HOMES]
