"""Exported files that are damaged, made by others, or made to do harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import resnets
from resnets import Classifier, compare, explain, export
from resnets.analysis.attribution import METHODS
from resnets.analysis.latency import Timing
from resnets.cli import main
from resnets.errors import (
    ConfigError,
    InputShapeError,
    MissingDependencyError,
    UnsupportedError,
    WeightsError,
)
from resnets.weights.exported_file import check_exported, digest
from resnets.weights.exported_network import ExportedNetwork
from resnets.weights.model_header import read_info

from .model_files import small_classifier, write_pets

PHOTO = Path(__file__).parents[2] / "examples" / "cat.jpg"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(small_classifier(), tmp_path_factory.mktemp("exported") / "net.onnx").file


def rewritten(file: Path, change: Callable[[Any], None], *, right_digest: bool = True) -> bytes:
    """The file with another graph, which its SHA-256 fits."""
    model = onnx.load(file)
    change(model)
    told = {entry.key: entry for entry in model.metadata_props}
    if right_digest:
        told["sha256"].value = digest(model.graph, told["resnets"].value, told["proof"].value)
    content: bytes = model.SerializeToString()
    return content


def changed(name: str, **fields: Any) -> Callable[[Any], None]:
    """Give a weight other fields."""

    def change(model: Any) -> None:
        weight = next(each for each in model.graph.initializer if each.name == name)
        for field, value in fields.items():
            if field == "dims":
                del weight.dims[:]
                weight.dims.extend(value)
            else:
                setattr(weight, field, value)

    return change


def outside(model: Any) -> None:
    weight = model.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def constant_outside(model: Any) -> None:
    tensor = numpy_helper.from_array(np.ones(3, np.float32))
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["more"], value=tensor))


def subgraph(model: Any) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.insert(0, helper.make_node("If", ["stem.conv.weight"], ["x"], then_branch=body))


def doubling(model: Any) -> None:
    """An image concatenated with itself, forty times."""
    nodes, name = [], "images"
    for i in range(40):
        nodes.append(helper.make_node("Concat", [name, name], [f"twice{i}"], axis=1))
        name = f"twice{i}"
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def doubled_weights(model: Any) -> None:
    """Weights concatenated with themselves, which a runtime would do before the first image."""
    nodes, name = [], "stem.conv.weight"
    for i in range(40):
        nodes.append(helper.make_node("Concat", [name, name], [f"twice{i}"], axis=0))
        name = f"twice{i}"
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def filled(model: Any) -> None:
    """A tensor of 2^40 numbers out of eight bytes."""
    size = numpy_helper.from_array(np.array([2**40]), "size")
    model.graph.initializer.append(size)
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["large"]))


def size_of_pixels(model: Any) -> None:
    """A tensor whose size an image tells."""
    model.graph.node.insert(0, helper.make_node("NonZero", ["images"], ["places"]))


def widened(model: Any) -> None:
    pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 2**20, 2**20]), "pads")
    model.graph.initializer.append(pads)
    model.graph.node.insert(0, helper.make_node("Pad", ["images", "pads"], ["padded"]))


def many_wide(model: Any) -> None:
    """A hundred images with a border, each as large as it may be, all of them kept to the end."""
    pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 4096, 4096]), "pads")
    model.graph.initializer.append(pads)
    for i in range(100):
        model.graph.node.insert(i, helper.make_node("Pad", ["images", "pads"], [f"padded{i}"]))


def cyclic(model: Any) -> None:
    model.graph.node.insert(0, helper.make_node("Add", ["b", "images"], ["a"]))
    model.graph.node.insert(1, helper.make_node("Add", ["a", "images"], ["b"]))


def many_nodes(model: Any) -> None:
    nodes = [helper.make_node("Relu", ["images"], [f"r{i}"]) for i in range(50_001)]
    model.graph.node.extend(nodes)


def own_operation(model: Any) -> None:
    model.opset_import.add(domain="com.evil", version=1)
    model.graph.node.insert(0, helper.make_node("Run", ["images"], ["x"], domain="com.evil"))


def undeclared_operation(model: Any) -> None:
    model.graph.node.insert(0, helper.make_node("Run", ["images"], ["x"], domain="com.evil"))


def recursive_function(model: Any) -> None:
    call = helper.make_node("f", ["x"], ["y"], domain="ai.onnx")
    made = helper.make_function("ai.onnx", "f", ["x"], ["y"], [call], [helper.make_opsetid("", 18)])
    model.functions.append(made)


def other_size(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64


def fixed_batch(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def second_input(model: Any) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


HARMFUL: dict[str, tuple[Callable[[Any], None], str]] = {
    "weights in another file": (outside, "its weights are in another file"),
    "a constant in another file": (constant_outside, "its weights are in another file"),
    "a graph in an operation": (subgraph, "it has graphs within operations"),
    "an image doubled forty times": (doubling, "has 402,653,184 numbers, of 268,435,456 at most"),
    "weights doubled forty times": (doubled_weights, "numbers, of 268,435,456 at most"),
    "2^40 zeros": (filled, "'large' has 1,099,511,627,776 numbers"),
    "a size that pixels tell": (size_of_pixels, "'places' has 0 numbers"),
    "a border of a million pixels": (widened, "'padded' has "),
    "a hundred large tensors": (many_wide, "its tensors have 5,"),
    "a circle": (cyclic, "the sizes of its tensors make no sense"),
    "50,000 operations": (many_nodes, "more than the 50,000 of any network here"),
    "an operation of its own": (own_operation, "it has operations that are not ONNX's own"),
    "an operation of nobody": (undeclared_operation, "make no sense"),
    "a function that calls itself": (recursive_function, "parts besides one graph"),
    "a weight of 2^40 numbers": (
        changed("classifier.weight", dims=[2**40, 64]),
        "the weight 'classifier.weight' has not as many bytes as its shape says",
    ),
    "a weight of fewer than no numbers": (changed("classifier.weight", dims=[-3, -64]), "not as many"),
    "weights of no type": (changed("classifier.weight", data_type=99), "not as many bytes"),
    "weights of words": (changed("classifier.weight", data_type=TensorProto.STRING), "not as many"),
    "another image size": (other_size, "'images' has the shape (3, 32, 64) an image"),
    "one image at a time": (fixed_batch, "'images' with any number of images is not all that goes in"),
    "a second input": (second_input, "'images' with any number of images is not all that goes in"),
}


@pytest.mark.parametrize(("change", "message"), HARMFUL.values(), ids=HARMFUL)
def test_harmful_graphs_are_refused_before_anything_runs(
    file: Path, change: Callable[[Any], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(WeightsError) as caught:
        check_exported("net.onnx", rewritten(file, change))
    assert message in str(caught.value)
    assert str(caught.value).startswith("'net.onnx' cannot be used: ")


def test_every_changed_byte_of_the_weights_is_noticed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 60).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(WeightsError):
            check_exported("net.onnx", bytes(damaged))


def test_names_that_are_no_text(file: Path) -> None:
    name = onnx.load(file).graph.name.encode()
    content = file.read_bytes().replace(name, b"\xff" * len(name))
    with pytest.raises(WeightsError, match="names in it are no text"):
        check_exported("net.onnx", content)


@pytest.mark.parametrize("length", [0, 1, 3, 100, 100_000])
def test_truncated(file: Path, tmp_path: Path, length: int) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(file.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"net\.onnx"):
        resnets.load(path)


def test_graphs_of_others_are_refused_with_the_reason(file: Path, tmp_path: Path) -> None:
    def strip(model: Any) -> None:
        del model.metadata_props[:]

    path = tmp_path / "theirs.onnx"
    path.write_bytes(rewritten(file, strip, right_digest=False))
    with pytest.raises(WeightsError, match="without the description that resnets export writes"):
        resnets.load(path)
    with pytest.raises(WeightsError, match="SHA-256 is not the one that was written"):
        check_exported(
            "x", rewritten(file, changed("classifier.bias", raw_data=bytes(12)), right_digest=False)
        )


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with path.open("wb") as opened:
        opened.write(b"\x08\x0a\x12")
        opened.truncate(2**30 + 1)
    with pytest.raises(WeightsError, match="exported files of up to 1 GiB are read"):
        resnets.load(path)


def test_it_is_found_by_its_content(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file.read_bytes())
    assert isinstance(resnets.load(path).network, ExportedNetwork)
    assert read_info(path) == small_classifier().info


def test_commands_that_need_layers_say_so(file: Path, tmp_path: Path) -> None:
    model = resnets.load(file)
    for method in METHODS[:3]:
        with pytest.raises(UnsupportedError, match="an exported file has no layers and gradients"):
            explain(PHOTO, model=file, method=method)
    assert explain(PHOTO, model=model, method="occlusion")[0].maps
    with pytest.raises(UnsupportedError, match="cannot be written as a model file"):
        model.save(tmp_path / "back.safetensors")
    with pytest.raises(WeightsError, match="whose network can be used and not be changed"):
        resnets.create_model(str(file))
    with pytest.raises(ConfigError, match="is an exported file, and stays as it is"):
        resnets.calibrate(file, tmp_path)
    assert main(["convert", str(file)]) == 4
    assert main(["train", "no/such/folder", "--model", str(file), "--dry-run"]) == 4
    with pytest.raises(InputShapeError, match=r"takes \(N, 3, 32, 32\), got \(2, 3, 40, 40\)"):
        model.network(torch.zeros(2, 3, 40, 40))
    assert model.network.to("meta").double() is model.network


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_the_extra_is_named(file: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"{package}: pip install 'resnets\[export\]'"):
        resnets.load(file)


def test_it_is_compared_with_the_network_that_it_was_made_of(file: Path, tmp_path: Path) -> None:
    model: Classifier = small_classifier()
    model.save(tmp_path / "net.safetensors")
    write_pets(tmp_path / "pets.npz", ("cat", "dog", "eel"))
    found = compare(
        [model, tmp_path / "net.safetensors", file],
        data=tmp_path / "pets.npz",
        workers=0,
        speed=Timing(batch_size=2),
    )
    assert len({row.top1 for row in found.models}) == 1
    assert [pair.agreement for pair in found.pairs] == [1.0] * 3
    assert not found.differing
    first, _, last = found.models
    assert (last.architecture, last.multiply_adds) == (first.architecture, first.multiply_adds)
    for row in found.models:
        assert row.speed is not None
        assert 0 < (row.speed.memory_bytes or 0) < 10**9
