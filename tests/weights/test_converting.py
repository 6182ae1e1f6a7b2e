"""Any checkpoint in, our model file or another library's layout out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import resnets
from resnets.errors import (
    ConfigError,
    UnknownNameError,
    UnsupportedError,
    WeightsError,
    WeightsMismatchError,
)
from resnets.weights.converting import convert
from resnets.weights.from_keras import ours_to_keras
from resnets.weights.keras_writer import write_keras_h5
from resnets.weights.to_layout import to_layout

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))


def scores(network: nn.Module, images: torch.Tensor = IMAGES) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = network.eval()(images)
    return result


@pytest.fixture
def wrapped(tmp_path: Path) -> tuple[nn.Module, Path]:
    """A CIFAR network as somebody's training script saved it."""
    torch.manual_seed(0)
    network = resnets.create_model("resnet20").eval()
    weights = {f"module.{name}": t for name, t in to_layout(network, "cifar").items()}
    path = tmp_path / "ckpt.pth"
    torch.save({"net": weights, "acc": 91.2, "epoch": 3}, path)
    return network, path


def test_only_asking_writes_nothing(wrapped: tuple[nn.Module, Path]) -> None:
    _, path = wrapped
    before = sorted(path.parent.iterdir())
    found = convert(path)
    assert sorted(path.parent.iterdir()) == before
    assert (found.layout, found.model, found.num_classes) == ("cifar", "resnet20", 10)
    assert found.unwrapped == "under 'net' behind the prefix 'module.'"
    assert set(found.ignored) == {"acc", "epoch"}
    assert found.written is None
    assumed = {item.what: item.value for item in found.assumed}
    assert assumed["shortcut"] == "A"
    assert assumed["class names"] == "cifar10"
    assert found.to_dict()["model"] == "resnet20"


def test_a_model_file_that_needs_no_more_words(wrapped: tuple[nn.Module, Path], tmp_path: Path) -> None:
    network, path = wrapped
    convert(path, tmp_path / "model.safetensors")
    model = resnets.load(tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(scores(model.network, images), scores(network, images))
    assert model.class_names == resnets.label_set("cifar10").names
    assert model.preprocessing.image_size == 32
    assert model.info.origin == "converted from the cifar layout of ckpt.pth"


def test_what_tensors_cannot_tell_can_be_told(wrapped: tuple[nn.Module, Path], tmp_path: Path) -> None:
    network, path = wrapped
    (tmp_path / "names.txt").write_text("".join(f"kind {i}\n" for i in range(10)), "utf-8")
    done = convert(
        path,
        tmp_path / "model.safetensors",
        options={"shortcut": "A-end"},
        preprocessing={"mean": [0.5, 0.5, 0.5], "exif": "ignore"},
        classes=tmp_path / "names.txt",
    )
    model = resnets.load(tmp_path / "model.safetensors")
    assert model.info.options["shortcut"] == "A-end"
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    assert model.preprocessing.decoding.exif == "ignore"
    assert model.class_names[3] == "kind 3"
    assert {item.what for item in done.assumed} & {"mean", "class names", "shortcut"} == set()
    images = torch.randn(2, 3, 32, 32)
    assert not torch.allclose(scores(model.network, images), scores(network, images))


@pytest.mark.parametrize("layout", ["torchvision", "timm", "keras"])
def test_there_and_back(layout: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    name = "resnet50_keras" if layout == "keras" else "resnet18"
    model = resnets.Classifier.from_network(
        resnets.create_model(name, num_classes=3),
        class_names=["a", "b", "c"],
        preprocessing=resnets.Preprocessing(image_size=64),
    )
    ours, theirs, again = tmp_path / "a.safetensors", tmp_path / "b.h5", tmp_path / "c.safetensors"
    model.save(ours)
    if layout == "keras":
        pytest.importorskip("h5py")
    done = convert(ours, theirs, to=layout)
    assert done.written == theirs
    back = convert(theirs, again, classes=["a", "b", "c"])
    assert back.layout == ("keras" if layout == "keras" else "torchvision")  # timm has the same names
    assert back.architecture == name
    expected = scores(model.network)
    torch.testing.assert_close(scores(resnets.load(again).network), expected, rtol=0, atol=1e-5)


def test_safetensors_by_suffix(tmp_path: Path) -> None:
    network = resnets.create_model("resnet18", num_classes=2)
    torch.save(to_layout(network, "timm"), tmp_path / "net.pth")
    convert(tmp_path / "net.pth", tmp_path / "net.safetensors", to="timm")
    import safetensors.torch

    written = safetensors.torch.load_file(tmp_path / "net.safetensors")
    expected = to_layout(network, "timm")
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], expected[name]) for name in written)


def test_a_backbone_without_its_head(tmp_path: Path) -> None:
    weights = to_layout(resnets.create_model("resnet18"), "torchvision")
    torch.save({n: t for n, t in weights.items() if not n.startswith("fc.")}, tmp_path / "net.pth")
    done = convert(tmp_path / "net.pth", tmp_path / "model.safetensors")
    assert done.num_classes is None
    assert done.model == "resnet18,include_top=false"
    model = resnets.load(tmp_path / "model.safetensors")
    assert scores(model.network).shape == (2, 512)
    with pytest.raises(UnsupportedError, match=r"^this resnet18 has no classifier to predict with$"):
        model.predict(b"")


def test_grey_networks_get_grey_images(tmp_path: Path) -> None:
    network = resnets.create_model("resnet18", in_channels=1, num_classes=4)
    torch.save(to_layout(network, "torchvision"), tmp_path / "net.pth")
    info = convert(tmp_path / "net.pth").info
    assert info.preprocessing.channels == "L"
    assert info.preprocessing.mean[0] == pytest.approx((0.485 + 0.456 + 0.406) / 3)
    assert info.class_names == ("class 0", "class 1", "class 2", "class 3")


def test_keras_conventions(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    network = resnets.create_model("resnetv2_50_keras", num_classes=5)
    write_keras_h5(tmp_path / "net.h5", ours_to_keras(network))
    found = convert(tmp_path / "net.h5")
    assert (found.container, found.layout, found.model) == (
        "HDF5",
        "keras",
        "resnetv2_50_keras,num_classes=5",
    )
    assert found.info.preprocessing.mean == (0.5, 0.5, 0.5)
    assert {item.what for item in found.assumed} >= {"image size", "mean", "std", "class names"}


def test_errors(wrapped: tuple[nn.Module, Path], tmp_path: Path) -> None:
    _, path = wrapped
    with pytest.raises(UnknownNameError, match=r"^no layout named 'tim'\. Did you mean 'timm'\?"):
        convert(path, to="tim")
    with pytest.raises(
        ConfigError, match=r"^1 problem in the preprocessing: meen is unknown, did you mean mean\?$"
    ):
        convert(path, preprocessing={"meen": [1.0]})
    with pytest.raises(ConfigError, match=r"class_names must name all 10 classes, got 2$"):
        convert(path, classes=["a", "b"])
    with pytest.raises(
        UnknownNameError, match=r"^no label set named 'cifar11'\. Did you mean 'cifar10'"
    ):
        convert(path, classes="cifar11")
    with pytest.raises(
        WeightsMismatchError, match=re.escape("cannot be written in the layout of torchvision")
    ):
        convert(path, tmp_path / "x.pth", to="torchvision")
    assert not (tmp_path / "x.pth").exists()
    with pytest.raises(
        UnsupportedError, match=r"^Keras has no network like resnet20; there is a layout for "
    ):
        convert(path, tmp_path / "x.h5", to="keras")
    (tmp_path / "page.pth").write_text("<html>404</html>")
    with pytest.raises(
        WeightsError, match="is a web page, not a checkpoint: the download was answered by a page"
    ):
        convert(tmp_path / "page.pth")
