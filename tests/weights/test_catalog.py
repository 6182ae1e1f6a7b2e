"""The catalogue: complete, well-formed, and true to the architectures."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch

import resnets
from resnets.architectures.creation import resolve
from resnets.errors import ConfigError, UnknownNameError
from resnets.weights import catalog
from resnets.weights.catalog import (
    PublishedWeights,
    find_weights,
    left_out_weights,
    published_weights,
)

ROWS = published_weights()

# Sets in: torchvision 0.28.0, enums of weights of the ResNet, ResNeXt, Wide ResNet, DenseNet and VGG
# modules; timm 1.0.31, pretrained configurations of its modules resnet, resnetv2, densenet, vgg and senet
# (122 of the plain family, 75 others); keras-team/keras 3422977, hashes in resnet.py, densenet.py, vgg16.py
# and vgg19.py; classification_models a0f006e, weights.py (34 files, with and without top).
PUBLISHED = {"torchvision": 30, "timm": 197, "keras": 13, "classification_models": 17}
# Sets that the catalogue names one by one because it cannot hold them: Cadene's senet.py (8aae3d8),
# fb.resnet.torch's and ResNeXt's READMEs.
ELSEWHERE = {"cadene": 6, "fb.resnet.torch": 6, "facebookresearch/ResNeXt": 3}
# Millions of parameters, from timm's results-imagenet.csv (aa4b585).
MILLIONS = {
    "resnet18": 11.69,
    "resnet34": 21.8,
    "resnet50": 25.56,
    "resnet101": 44.55,
    "resnet152": 60.19,
    "resnetv2_18_timm": 11.69,
    "resnetv2_34_timm": 21.8,
    "resnetv2_50_timm": 25.55,
    "resnetv2_101_timm": 44.54,
    "resnext50_32x4d": 25.03,
    "resnext101_32x4d": 44.18,
    "resnext101_32x8d": 88.79,
    "resnext101_32x16d": 194.03,
    "resnext101_32x32d": 468.53,
    "resnext101_64x4d": 83.46,
    "seresnet50": 28.09,
    "seresnet50_v1": 28.09,
    "seresnet101_v1": 49.33,
    "seresnet152_v1": 66.82,
    "seresnext50_32x4d": 27.56,
    "seresnext101_32x4d": 48.96,
    "seresnext101_32x8d": 93.57,
    "seresnext101_64x4d": 88.23,
    "wide_resnet50_2": 68.88,
    "wide_resnet101_2": 126.89,
    "densenet121": 7.98,
    "densenet161": 28.68,
    "densenet169": 14.15,
    "densenet201": 20.01,
    "vgg16": 138.36,
    "vgg16_bn": 138.37,
    "vgg19": 143.67,
    "vgg19_bn": 143.68,
}

# Biases of Keras' convolutions, which ours have in the norms behind them. There is one per channel of a norm,
# as there are two statistics: half of what Keras counts as not trainable (3422977, model.summary()).
FOLDED = {
    "ResNet50": (25_636_712 - 25_583_592) // 2,
    "ResNet101": (44_707_176 - 44_601_832) // 2,
    "ResNet152": (60_419_944 - 60_268_520) // 2,
}


@cache
def count_parameters(architecture: str, options: tuple[tuple[str, Any], ...]) -> int:
    with torch.device("meta"):
        network = resnets.create_model(architecture, **dict(options))
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def by_name(row: PublishedWeights) -> str:
    return row.name


def test_nothing_is_silently_missing() -> None:
    held: Counter[str] = Counter(row.publisher for row in ROWS)
    left: Counter[str] = Counter()
    for entry in left_out_weights():
        left[entry.publisher] += len(entry.sets)
        assert entry.reason
    assert {name: held[name] + left[name] for name in PUBLISHED} == PUBLISHED
    assert {name: left[name] for name in ELSEWHERE} == ELSEWHERE
    assert set(held) == set(PUBLISHED)
    assert set(left) - set(held) - set(ELSEWHERE) == {"pytorchcv"}


def test_names_are_unique_and_regular() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len({(row.publisher, row.published_as) for row in ROWS}) == len(ROWS)
    short = {"classification_models": "cm"}
    for row in ROWS:
        first, _, rest = row.tag.partition("_")
        assert first == short.get(row.publisher, row.publisher)
        if row.publisher == "timm":
            assert rest.endswith(row.published_as.partition(".")[2])
        if row.publisher == "torchvision":
            assert row.published_as == f"{row.architecture}.IMAGENET1K_{rest.upper()}"


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_files_can_be_had_and_recognised(row: PublishedWeights) -> None:
    suffix = {"keras": ".h5", "classification_models": ".h5", "torchvision": ".pth"}.get(row.publisher)
    for file in (row.file, row.file_without_top):
        if file is None:
            continue
        assert urlsplit(file.url).scheme == "https"
        assert file.name.endswith(suffix or (".pth", ".safetensors"))
        if row.publisher in ("keras", "classification_models"):
            assert re.fullmatch(r"md5:[0-9a-f]{32}", file.hash)
        elif file.name.endswith(".safetensors"):
            assert file.hash == "header:x-linked-etag"
        else:
            assert file.url.endswith(f"-{file.hash_value}.pth")
            assert file.hash_kind == "sha256_prefix"
    assert (row.file_without_top is not None) == (row.publisher in ("keras", "classification_models"))


def test_a_name_in_the_cache_is_one_file() -> None:
    files = [file for row in ROWS for file in (row.file, row.file_without_top) if file is not None]
    assert len({file.name for file in files}) == len({file.url for file in files})
    assert len({(file.url, file.hash, file.size_mib) for file in files}) == len(
        {file.url for file in files}
    )


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_rows_fit_their_architectures(row: PublishedWeights) -> None:
    architecture, settings = resolve(row.architecture, row.options)
    assert architecture.name == row.architecture
    if row.num_classes is None:
        assert settings.model_dump()["include_top"] is False
        return
    assert settings.model_dump()["num_classes"] == row.num_classes
    counted = count_parameters(row.architecture, tuple(row.options.items()))
    if row.parameters is not None:
        assert counted == row.parameters - FOLDED.get(row.published_as, 0)
    if row.publisher == "timm" and "stem" not in row.options and row.architecture in MILLIONS:
        assert round(counted / 1e6, 2) == MILLIONS[row.architecture]


def test_the_counts_of_timm_are_all_used() -> None:
    assert {row.architecture for row in ROWS if row.publisher == "timm" and row.reported} == set(
        MILLIONS
    )


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_accuracies_are_those_of_the_preprocessing(row: PublishedWeights) -> None:
    for accuracy in row.reported:
        assert 60 < accuracy.top1 < accuracy.top5 < 98
    if row.reported:
        first, seen = row.reported[0], row.preprocessing
        assert first.image_size == seen.image_size
        assert first.resize_size in (
            seen.resize_size,
            None if row.publisher == "keras" else seen.resize_size,
        )
    assert row.preprocessing.fit == "crop"
    assert (row.preprocessing.resize_size or 0) >= row.preprocessing.image_size
    assert row.licence
    assert row.data_terms
    assert urlsplit(row.source).scheme == "https"


def test_facts_of_single_rows() -> None:
    """torchvision's weights page, timm's model card, keras.applications, classification_models' README."""
    v2 = find_weights("resnet50:torchvision_v2")
    assert (v2.file.hash, v2.preprocessing.resize_size) == ("sha256_prefix:11ad3fa6", 232)
    assert (v2.reported[0].top1, v2.licence) == (80.858, "BSD-3-Clause")
    a3 = find_weights("resnet50:timm_a3_in1k")
    assert [(each.image_size, each.resize_size, each.top1) for each in a3.reported] == [
        (160, 168, 75.994),
        (224, 235, 78.052),
    ]
    assert a3.preprocessing.interpolation == "bicubic"
    ig = find_weights("resnext101_32x32d:timm_fb_wsl_ig1b_ft_in1k")
    assert ig.licence == "CC-BY-NC-4.0"
    assert "Instagram" in ig.data_terms
    legacy = find_weights("seresnet50_v1:timm_legacy_in1k")
    assert legacy.options == {"stem_pool": "ceil"}
    wide = find_weights("resnet50_cm:cm_imagenet11k_places365")
    assert (wide.num_classes, wide.classes) == (11_586, None)
    base = find_weights("vgg16:torchvision_features")
    assert (base.num_classes, base.classes, base.options) == (None, None, {"include_top": False})


def test_the_input_modes_of_keras() -> None:
    """imagenet_utils.preprocess_input: caffe is BGR minus the means, tf is -1 to 1, torch is as usual."""
    caffe = find_weights("resnet50_keras:keras").preprocessing
    assert caffe.channels == "BGR"
    for mean, std, byte in zip(caffe.mean, caffe.std, (103.939, 116.779, 123.68), strict=True):
        assert (255 / 255 - mean) / std == pytest.approx(255 - byte)
    tf = find_weights("resnetv2_50_keras:keras").preprocessing
    assert (tf.channels, tf.mean, tf.std) == ("RGB", (0.5,) * 3, (0.5,) * 3)
    assert find_weights("densenet121_keras:keras").preprocessing.mean == (0.485, 0.456, 0.406)
    raw = find_weights("resnet18_cm:cm").preprocessing
    assert [(1.0 - mean) / std for mean, std in zip(raw.mean, raw.std, strict=True)] == pytest.approx(
        [255] * 3
    )


def test_selection() -> None:
    assert published_weights() == published_weights("*") == published_weights("*:*")
    assert {row.architecture for row in published_weights("resnet50")} == {"resnet50"}
    assert {row.publisher for row in published_weights("*:keras")} == {"keras"}
    assert published_weights("ResNet18:Torchvision*") == [find_weights("resnet18:torchvision_v1")]
    assert published_weights("nothing") == []


@pytest.mark.parametrize(
    "name", ["resnet50:torchvision_v2", "ResNet-50:torchvision-v2", "resnet_50: TORCHVISION_V2"]
)
def test_names_are_read_kindly(name: str) -> None:
    assert find_weights(name).name == "resnet50:torchvision_v2"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "resnet152",
            "no published weights named 'resnet152'. All names: resnet152:torchvision_v1, "
            "resnet152:torchvision_v2, resnet152:timm_a1_in1k and 7 more (resnets list --weights)",
        ),
        (
            "densenet161",
            "no published weights named 'densenet161'. All names: densenet161:torchvision_v1, "
            "densenet161:timm_tv_in1k",
        ),
        (
            "resnet50:torchvison_v2",
            "no published weights named 'resnet50:torchvison_v2'. Did you mean 'resnet50:torchvision_v2', "
            "'resnet50:torchvision_v1', 'resnet50:timm_tv2_in1k'? All names: resnets list --weights",
        ),
        ("x", "no published weights named 'x'. All names: resnets list --weights"),
    ],
)
def test_unknown_names(name: str, said: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_weights(name)
    assert str(caught.value) == said


def test_a_mistake_in_the_catalogue_is_told() -> None:
    publisher = {
        "layout": "keras",
        "data": [],
        "preprocessing": {},
        "reported_by": "",
        "source": "",
        "licence": "",
    }
    values = {
        "architecture": "resnet50",
        "tag": "x",
        "publisher": "keras",
        "published_as": "",
        "file": {"url": "http://a/b", "hash": "md5:1"},
    }
    with pytest.raises(ConfigError) as caught:
        catalog._row(values, publisher, {})
    assert str(caught.value) == (
        "2 problems in catalog.toml, resnet50:x: file.url must be an https address, got 'http://a/b'; "
        "file.hash must be sha256:, sha256_prefix:, md5: or header: and its value, got 'md5:1'"
    )


def test_rows_become_json() -> None:
    row = find_weights("resnet18:torchvision_v1")
    assert PublishedWeights.model_validate_json(row.model_dump_json(exclude_computed_fields=True)) == row
    assert row.model_dump()["name"] == "resnet18:torchvision_v1"


def test_no_torch_is_loaded() -> None:
    code = (
        "from resnets.weights.catalog import published_weights\n"
        "import sys\n"
        "print(len(published_weights()), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"{len(ROWS)} False"
