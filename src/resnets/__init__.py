"""resnets: residual networks for image recognition.

>>> import resnets
>>> resnets.list_models("resnet5*")
['resnet50', 'resnet50_v1', 'resnet56']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.architectures.creation import create_model as create_model
    from resnets.architectures.creation import list_models as list_models

__version__ = "0.1.0"

_HOMES = {
    "create_model": "resnets.architectures.creation",
    "list_models": "resnets.architectures.creation",
}
__all__ = ["__version__", *sorted(_HOMES)]
__getattr__ = lazy_exports(__name__, _HOMES)
