"""The catalogue against the libraries that publish the weights: nothing is missing, nothing differs."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import pytest

from resnets.weights.catalog import PublishedWeights, left_out_weights, published_weights

pytestmark = pytest.mark.parity


def rows(publisher: str) -> dict[str, PublishedWeights]:
    return {row.published_as: row for row in published_weights() if row.publisher == publisher}


def test_torchvision(torchvision: ModuleType) -> None:
    models, ours = torchvision.models, rows("torchvision")
    families = ("resnet", "resnext", "wide_resnet", "densenet", "vgg")
    theirs: dict[str, Any] = {
        f"{name}.{weights.name}": weights
        for name in models.list_models(module=models)
        if name.startswith(families)
        for weights in models.get_model_weights(name)
    }
    assert set(ours) == set(theirs)
    for name, weights in theirs.items():
        row, seen = ours[name], weights.transforms()
        accuracy = weights.meta["_metrics"]["ImageNet-1K"]
        assert row.file.url == weights.url
        assert row.file.size_mib == weights.meta["_file_size"]
        assert row.parameters == weights.meta["num_params"]
        assert row.source == weights.meta["recipe"]
        measured = [] if math.isnan(accuracy["acc@1"]) else [(accuracy["acc@1"], accuracy["acc@5"])]
        assert [(each.top1, each.top5) for each in row.reported] == measured
        assert [row.preprocessing.resize_size] == seen.resize_size
        assert [row.preprocessing.image_size] == seen.crop_size
        assert row.preprocessing.interpolation == seen.interpolation.value
        assert list(row.preprocessing.mean) == pytest.approx(seen.mean)
        assert list(row.preprocessing.std) == pytest.approx(seen.std)


def test_timm(timm: ModuleType) -> None:
    modules = ("resnet", "resnetv2", "densenet", "vgg", "senet")
    models = {name for module in modules for name in timm.list_models(module=module)}
    theirs = {name for name in timm.list_pretrained() if name.partition(".")[0] in models}
    ours = rows("timm")
    left = {name for entry in left_out_weights() if entry.publisher == "timm" for name in entry.sets}
    assert set(ours) | left == theirs
    assert not set(ours) & left
    for name, row in ours.items():
        config = timm.models.get_pretrained_cfg(name)
        seen = row.preprocessing
        assert row.file.url in (
            config.url,
            f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors",
        )
        assert bool(config.url) == (row.file.hash_kind == "sha256_prefix")
        assert (3, seen.image_size, seen.image_size) == config.input_size
        assert seen.resize_size == math.floor(seen.image_size / config.crop_pct)
        assert (seen.interpolation, seen.mean, seen.std) == (
            config.interpolation,
            config.mean,
            config.std,
        )
        assert (row.num_classes or 0) == config.num_classes
        assert row.licence.lower() == (config.license or "not stated")
