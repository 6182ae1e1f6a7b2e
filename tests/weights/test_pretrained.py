"""Published weights by name, and what may differ in the network that gets them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import resnets
from resnets.errors import ConfigError, UnknownNameError, WeightsMismatchError
from resnets.weights.to_layout import to_layout

from .publishing import published

NAME = "resnet18:torchvision_v1"
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def original() -> nn.Module:
    torch.manual_seed(0)
    return resnets.create_model("resnet18").eval()


@pytest.fixture
def offered(original: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "resnet18.pth"
    torch.save(to_layout(original, "torchvision"), file)
    with published(NAME, file, tmp_path / "cache", monkeypatch):
        yield


def test_weights_by_name(original: nn.Module, offered: None) -> None:
    network = resnets.create_model(NAME)
    assert network.training
    with torch.no_grad():
        assert torch.equal(network.eval()(IMAGES), original(IMAGES))
    assert network.spec.name == "resnet18"  # type: ignore[union-attr]


def test_a_classifier_by_name(original: nn.Module, offered: None) -> None:
    model = resnets.load(NAME)
    assert model.class_names[281].startswith("tabby")
    assert model.info.class_ids[281] == "n02123045"
    assert model.preprocessing.resize_size == 256
    assert model.info.licence is not None
    assert model.info.licence.weights == "BSD-3-Clause"
    assert model.info.metrics[0].value == pytest.approx(0.69758)
    answer = model.predict(np.zeros((300, 280, 3), np.uint8))[0]
    values = -np.array([0.485, 0.456, 0.406]) / np.array([0.229, 0.224, 0.225])
    image = torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 224, 224)
    with torch.no_grad():
        best = original(image).softmax(1).max(1)
    assert answer.classes[0].index == best.indices.item()
    assert answer.probability == pytest.approx(best.values.item(), abs=1e-5)


def test_options_change_what_they_must(
    original: nn.Module, offered: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        network = resnets.create_model(NAME, num_classes=7, image_size=32)
    assert [record.getMessage() for record in caplog.records] == [
        f"{NAME} with num_classes=7,image_size=32: the first convolution is 3x3 instead of 7x7, its "
        "filters shrunk: for images that are small from the start",
        f"{NAME} with num_classes=7,image_size=32: the classifier starts from random values: 1000 classes "
        "became 7; train it before use",
    ]
    own, theirs = network.state_dict(), original.state_dict()
    assert torch.equal(
        own["stages.3.units.1.residual.conv2.weight"], theirs["stages.3.units.1.residual.conv2.weight"]
    )
    assert network(IMAGES).shape == (2, 7)


def test_features_need_no_classifier(
    original: nn.Module, offered: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        features = resnets.create_model(NAME, features_only=True).eval()(IMAGES)
        vector = resnets.create_model(NAME, include_top=False).eval()(IMAGES)
    assert not caplog.records
    assert list(features) == ["stem", "stages.0", "stages.1", "stages.2", "stages.3"]
    with torch.no_grad():
        expected = original.pool(original.stages(original.stem(IMAGES)))  # type: ignore[operator]
    torch.testing.assert_close(vector, expected)


def test_options_without_weights_keep_all(original: nn.Module, offered: None) -> None:
    network = resnets.create_model(NAME, drop_path_rate=0.1, output_stride=16)
    assert network.state_dict().keys() == original.state_dict().keys()
    assert torch.equal(
        network.state_dict()["classifier.weight"], original.state_dict()["classifier.weight"]
    )


def test_another_network_is_refused(offered: None) -> None:
    with pytest.raises(WeightsMismatchError, match=r"^these weights do not fit the network"):
        resnets.create_model(NAME, depths=(1, 1, 1, 1))


def test_a_wrong_option_is_told_before_the_download(
    original: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net"
    file.write_bytes(b"never asked for")
    with published(NAME, file, tmp_path, monkeypatch) as server:
        with pytest.raises(ConfigError, match="num_clases is unknown, did you mean num_classes"):
            resnets.create_model(NAME, num_clases=4)
        assert not server.requests


def test_unknown_weights() -> None:
    expected = (
        "no published weights named 'resnet18:torchvison_v1'. Did you mean 'resnet18:torchvision_v1', "
        "'resnet18:timm_gluon_in1k', 'resnet18:timm_tv_in1k'? All names: resnets list --weights"
    )
    with pytest.raises(UnknownNameError, match=f"^{re.escape(expected)}$"):
        resnets.create_model("resnet18:torchvison_v1")


def test_a_file_of_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "resnet34.safetensors"
    safetensors.torch.save_file(to_layout(resnets.create_model("resnet34"), "torchvision"), file)
    with (
        published(NAME, file, tmp_path / "cache", monkeypatch),
        pytest.raises(
            WeightsMismatchError,
            match=r"^resnet18-f37072fd\.pth should hold resnet18, it holds resnet34$",
        ),
    ):
        resnets.create_model(NAME)


def test_forms_of_resnext(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    original = resnets.create_model("resnext50_32x4d").eval()
    file = tmp_path / "net.pth"
    torch.save(to_layout(original, "torchvision"), file)
    with published("resnext50_32x4d:torchvision_v1", file, tmp_path / "cache", monkeypatch):
        network = resnets.create_model("resnext50_32x4d:torchvision_v1", form="b", num_classes=9)
    source = resnets.convert_form(original, "b").state_dict()
    for name, tensor in network.state_dict().items():
        if not name.startswith("classifier."):
            assert torch.equal(tensor, source[name]), name


def test_a_model_file_is_a_start_too(tmp_path: Path) -> None:
    source = resnets.create_model("resnet20", num_classes=4)
    resnets.Classifier.from_network(
        source, class_names=list("abcd"), preprocessing=resnets.Preprocessing(image_size=32)
    ).save(tmp_path / "model.safetensors")
    for path in (tmp_path / "model.safetensors", tmp_path):
        network = resnets.create_model(str(path), num_classes=2)
        assert network(IMAGES).shape == (2, 2)
        assert torch.equal(
            network.state_dict()["stem.conv.weight"], source.state_dict()["stem.conv.weight"]
        )
