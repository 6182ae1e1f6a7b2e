"""Exported networks give the answers of the ones that they were made of, in every family."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import resnets
from resnets import Classifier, Preprocessing, create_model, export
from resnets.cli import main
from resnets.data.preprocessing import prepare
from resnets.deployment import exporting
from resnets.deployment.exporting import OPSET, made_images, to_onnx
from resnets.errors import (
    CheckFailedError,
    ConfigError,
    MissingDependencyError,
    OutputError,
    UnsupportedError,
    WeightsError,
)
from resnets.weights.exported_file import open_exported

from ..weights.model_files import small_classifier, write_pets

Capture = pytest.CaptureFixture[str]
PHOTO = Path(__file__).parents[2] / "examples" / "cat.jpg"

SMALL = {"image_size": 32, "num_classes": 4}
SHALLOW = {"depths": (1, 1), "widths": (16, 32)}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("plain20", SMALL),
    "zero-padded shortcut": ("resnet8", {**SMALL, "shortcut": "A"}),
    "projection": ("resnet18", {**SMALL, **SHALLOW}),
    "bottleneck": ("resnet50", {**SMALL, **SHALLOW}),
    "pre-activation": ("resnetv2_20", SMALL),
    "cardinality": ("resnext29_4x4d", {**SMALL, **SHALLOW}),
    "paths that are summed": ("resnext29_4x4d", {**SMALL, **SHALLOW, "form": "a"}),
    "paths that are concatenated": ("resnext29_4x4d", {**SMALL, **SHALLOW, "form": "b"}),
    "squeeze and excitation": ("seresnet20", SMALL),
    "wide, with dropout": ("wrn-10-1", {**SMALL, "dropout": 0.3}),
    "dense": ("densenet_bc_22_8", SMALL),
    "highway": ("highway19", SMALL),
    "vgg": ("vgg11_bn", SMALL),
}
QUICK = ("zero-padded shortcut", "bottleneck", "dense", "highway")


def classifier_of(name: str, options: dict[str, Any]) -> Classifier:
    torch.manual_seed(0)
    network = create_model(name, **options)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after a training
            module.running_mean.normal_(std=0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    names = [f"class {i}" for i in range(4)]
    return Classifier.from_network(
        network, class_names=names, preprocessing=Preprocessing(image_size=32)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*network, id=kind, marks=[pytest.mark.slow] * (kind not in QUICK))
        for kind, network in NETWORKS.items()
    ],
)
def test_every_kind_of_unit_is_the_same_in_onnx_runtime(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    model = classifier_of(name, options)
    done = export(model, tmp_path / "net.onnx")
    again = resnets.load(tmp_path / "net.onnx")
    assert again.info == model.info
    images = made_images(model.preprocessing, 9) + torch.randn(9, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(again.network(images), model.network(images), rtol=1e-4, atol=1e-4)
    assert done.proof.largest_difference < 1e-5
    assert (done.proof.num_images, done.proof.agreement) == (64, 1.0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    return export(small_classifier(temperature=2.0), path).file


def test_an_exported_file_is_a_model_like_others(exported: Path, capsys: Capture) -> None:
    theirs, ours = resnets.load(exported), small_classifier(temperature=2.0)
    assert theirs.info == ours.info
    first, second = theirs.predict(PHOTO)[0], ours.predict(PHOTO)[0]
    assert [c.label for c in first.classes] == [c.label for c in second.classes]
    assert first.probability == pytest.approx(second.probability, abs=1e-5)
    assert main(["predict", str(PHOTO), "--model", str(exported)]) == 0
    assert main(["describe", str(exported)]) == 0
    words = capsys.readouterr().out
    assert "exported   compared with PyTorch on 64 made images" in words
    assert "multiply-adds" in words


def test_other_programs_need_nothing_of_resnets(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["resnets"])
    assert told["class_names"] == ["cat", "dog", "eel"]
    image = prepare(PHOTO, Preprocessing.model_validate(told["preprocessing"]))
    (scores,) = session.run(["scores"], {"images": image[None]})
    with torch.inference_mode():
        expected = small_classifier().network(torch.from_numpy(image)[None]).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_nothing_of_this_machine_is_in_the_file(exported: Path) -> None:
    content = exported.read_bytes()
    for word in (str(Path.home()), "site-packages", "residual_network.py", "stack_trace"):
        assert word.encode() not in content
    graph = onnx.load(exported).graph
    assert not any(node.metadata_props for node in graph.node)
    assert {node.op_type for node in graph.node}.isdisjoint({"BatchNormalization", "Identity"})


def test_data_gives_the_accuracy_of_both(tmp_path: Path, capsys: Capture) -> None:
    model = small_classifier(names=("cat", "dog"))
    model.save(tmp_path / "pets.safetensors")
    write_pets(tmp_path / "pets.npz", ("cat", "dog"))
    words = ["export", str(tmp_path / "pets.safetensors"), "--data", str(tmp_path / "pets.npz")]
    assert main([*words, "--workers", "0", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(tmp_path / "pets.onnx")
    assert document["opset"] == OPSET
    assert document["input"] == {
        "name": "images",
        "shape": ["batch", 3, 32, 32],
        "type": "float32",
    }
    top1 = resnets.evaluate(model, tmp_path / "pets.npz", workers=0).top1
    proof = document["proof"]
    assert proof["images"] == "pets test"
    assert (proof["num_images"], proof["top1"], proof["exported_top1"]) == (30, top1, top1)
    assert open_exported(tmp_path / "pets.onnx").proof.model_dump(mode="json") == proof


def test_a_network_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(network: torch.nn.Module, preprocessing: Preprocessing) -> Any:
        changed = copy.deepcopy(network)
        with torch.no_grad():
            next(changed.parameters()).mul_(2)
        return to_onnx(changed, preprocessing)

    monkeypatch.setattr(exporting, "to_onnx", other)
    (tmp_path / "net.onnx").write_bytes(b"before")
    with pytest.raises(
        CheckFailedError, match=r"probabilities differ by 0.*nothing was written"
    ) as caught:
        export(small_classifier(), tmp_path / "net.onnx")
    assert caught.value.exit_code == 6
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_nothing_is_said_of_packages_that_nobody_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    export(small_classifier(), tmp_path / "net.onnx")
    assert capfd.readouterr() == ("", "")


def test_where_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    small_classifier().save(tmp_path / "run" / "model.safetensors")
    small_classifier().save(tmp_path / "pets.safetensors")
    assert export("run").file == Path("run/model.onnx")
    assert exporting._target(tmp_path / "pets.safetensors", None) == tmp_path / "pets.onnx"
    assert exporting._target("resnet20:cifar10", None) == Path("resnet20-cifar10.onnx")


def test_what_cannot_be_exported(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="resnet18 is an architecture, whose weights would be random"):
        export("resnet18", tmp_path / "net.onnx")
    with pytest.raises(UnsupportedError, match=r"net.onnx is exported already"):
        export(exported, tmp_path / "again.onnx")
    headless = Classifier.from_network(
        create_model("resnet8", include_top=False), preprocessing=Preprocessing(image_size=32)
    )
    with pytest.raises(
        UnsupportedError, match="resnet8 has no classifier, whose scores could be exported"
    ):
        export(headless, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="out is needed for a model that is loaded already"):
        export(small_classifier())
    with pytest.raises(ConfigError, match=r"out must end in \.onnx, got 'net\.pt'"):
        export(small_classifier(), "net.pt")
    with pytest.raises(OutputError, match="there is no folder"):
        export(small_classifier(), tmp_path / "missing" / "net.onnx")
    monkeypatch.setattr(exporting, "MAX_BYTES", 1000)
    with pytest.raises(UnsupportedError, match="more than 1 GiB"):
        export(small_classifier(), tmp_path / "net.onnx")
    broken = small_classifier()
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    monkeypatch.undo()
    with pytest.raises(WeightsError, match="gives no finite scores"):
        export(broken, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_the_extra_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"{package}: pip install 'resnets\[export\]'"):
        export(small_classifier(), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
