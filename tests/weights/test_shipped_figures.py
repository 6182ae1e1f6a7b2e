"""The figures of the cards, measured again on all test images: minutes for each network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import resnets
from resnets.data.published import find_published
from resnets.weights.shipped import ShippedModel, shipped_models


def data_of(model: ShippedModel) -> Path:
    """Where the data lies that the card's figures were measured on; skips if it is not at hand."""
    name = model.name.partition(":")[2]
    folder = os.environ.get("RESNETS_SHIPPED_DATA")
    here = Path(folder) / name if folder else None
    if here is not None and here.exists():
        return here
    # The cards of CIFAR-10 are about JPEG copies, not about the archive that can be downloaded.
    found = None if name == "cifar10" else find_published(name)
    if found is None:
        pytest.skip(f"needs {name} in the folder that RESNETS_SHIPPED_DATA names, or in the cache")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", shipped_models(), ids=lambda model: model.name)
def test_the_figures_of_the_card_are_measured_again(model: ShippedModel) -> None:
    told = model.metric("top1")
    assert told is not None
    found = resnets.evaluate(model.name, data_of(model), split=told.data.rpartition(" ")[2])
    assert len(found) == told.num_images
    assert found.top1 == pytest.approx(told.value, abs=0.0003)  # three images of 10,000 may tip over
    for name in ("top5", "loss", "calibration_error", "answered", "wrong_refused"):
        expected = model.metric(name)
        assert expected is not None
        assert found.metric(name).value == pytest.approx(expected.value, abs=0.02), name
