"""The libraries that we compare with; tests that need one that is missing are skipped."""

from __future__ import annotations

import importlib
from contextlib import suppress
from types import ModuleType

import pytest
import torch


def _import_torchvision() -> ModuleType:
    """Import torchvision even where its compiled operators do not load: no classifier uses them."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for operator in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    return importlib.import_module("torchvision")


def _import_or_skip(name: str) -> ModuleType:
    with suppress(ModuleNotFoundError):
        _import_torchvision()  # the others import it too, and know nothing of the operators
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    return _import_or_skip("torchvision")


@pytest.fixture(scope="session")
def timm() -> ModuleType:
    return _import_or_skip("timm")


@pytest.fixture(scope="session")
def pytorchcv() -> ModuleType:
    return _import_or_skip("pytorchcv.model_provider")
