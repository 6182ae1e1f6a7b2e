"""The model file: everything comes back, and everything that was changed is noticed."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from resnets import create_model
from resnets.data.decode_policy import DecodePolicy
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import OutputError, WeightsError
from resnets.weights.classifier import Classifier
from resnets.weights.model_file import describe_network, read_model, write_model
from resnets.weights.model_header import read_info

from .model_files import description, small_classifier, write_by_hand

FAMILIES: dict[str, dict[str, Any]] = {
    "resnet18": {
        "num_classes": 7,
        "image_size": 64,
        "widths": (8, 8, 8, 8),
        "stem": "deep",
        "drop_path_rate": 0.1,
    },
    "resnet20": {"in_channels": 1, "shortcut": "B", "depths": (1, 2, 1), "zero_init_residual": True},
    "plain20": {"num_classes": 3, "depths": (1, 1, 1), "kernel_sizes": (3,)},
    "vgg11_bn": {"num_classes": 4, "hidden_features": 16, "widths": (4, 4, 4, 4, 4)},
    "resnetv2_50": {
        "num_classes": 4,
        "depths": (1, 1, 1, 1),
        "widths": (4, 8, 16, 32),
        "output_stride": 16,
    },
    "resnext50_32x4d": {"num_classes": 4, "depths": (1, 1, 1, 1), "cardinality": 2, "form": "a"},
    "seresnet18": {"include_top": False, "pooling": "max", "widths": (16, 16, 16, 16)},
    "wrn-16-4": {"num_classes": 10, "widths": (8, 8, 8), "features_only": False},
    "wide_resnet50_2": {"features_only": True, "depths": (1, 1, 1, 1), "widths": (8, 8, 8, 8)},
    "densenet-bc-22-6": {"num_classes": 10, "memory_saving": True},
    "highway-10-16": {"num_classes": 10},
}


def classes(network: Any) -> list[str]:
    options = network.spec.options
    count = options.num_classes if options.include_top and not options.features_only else 0
    return [f"class {i}" for i in range(count)]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_every_family_comes_back(name: str, tmp_path: Path) -> None:
    network = create_model(name, **FAMILIES[name])
    for parameter in network.buffers():
        if parameter.is_floating_point():
            parameter.uniform_(0.5, 2)
    grey: dict[str, Any] = {"channels": "L", "mean": (0.5,), "std": (0.25,)}
    single = getattr(network.spec.options, "in_channels", 3) == 1  # type: ignore[union-attr]
    preprocessing = Preprocessing(
        image_size=40,
        resize_size=48,
        interpolation="bicubic",
        decoding=DecodePolicy(exif="ignore", background=(1, 2, 3), scaled=True),
        **(grey if single else {}),
    )
    info = describe_network(
        network, class_names=classes(network), preprocessing=preprocessing, recipe={"lr": 0.1}
    )
    path = write_model(tmp_path / "model.safetensors", network, info)
    read, read_back = read_model(path)
    assert read_back == info == read_info(path)
    assert read_back.preprocessing == preprocessing
    assert read.spec == network.spec
    assert not read.training
    assert all(parameter.requires_grad for parameter in read.parameters())
    ours, plain = read.state_dict(), load_file(path)
    assert ours.keys() == network.state_dict().keys() == plain.keys()
    for key, tensor in network.state_dict().items():
        assert torch.equal(ours[key], tensor), key
        assert torch.equal(plain[key], tensor), key


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return small_classifier(class_ids=["n1", "n2", "n3"], recipe={"epochs": 2})


@pytest.fixture
def path(classifier: Classifier, tmp_path: Path) -> Path:
    return classifier.save(tmp_path / "m.safetensors")


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_model(path)
    return str(caught.value).replace(repr(str(path)), "FILE")


def test_every_flipped_byte_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    random = Random(0)
    places = [
        *range(8),
        *random.sample(range(8, start), 130),
        *random.sample(range(start, len(data)), 30),
        len(data) - 1,
    ]
    named = [
        data.index(text) + 1
        for text in (b'"format"', b'"pt"', b'"sha256"', b'"resnets"', b"__metadata__")
    ]
    for place in places + named:
        changed = bytearray(data)
        changed[place] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        try:
            read_model(path)
        except WeightsError:
            continue
        # JSON allows several kinds of space behind the header, which mean nothing.
        assert data[place] in b" \n\t\r", (place, data[place - 9 : place + 9])


def test_every_length_of_the_header(classifier: Classifier, tmp_path: Path) -> None:
    """A file begins with the length of its header, which can begin like another kind of file."""
    for length in range(0, 264, 8):
        path = small_classifier(origin="x" * length).save(tmp_path / "m.safetensors")
        assert len(read_info(path).origin) == length


@pytest.mark.parametrize("share", [0, 0.005, 0.3, 0.9, 0.999999])
def test_truncated_files(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    words = refused(path)
    assert (
        words == "FILE is empty"
        if share == 0
        else words.startswith("FILE is not a valid safetensors file: ")
    )


def test_files_with_something_behind(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    assert "its tensors should have" in refused(path)


CONVERT = "make one of it with resnets convert"


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"cos\nsystem\n(S'touch canary'\ntR.")


FOREIGN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "safetensors": (
        lambda path: save_file({"a": torch.zeros(3)}, path),
        f"FILE holds weights without the description of a resnets model file; {CONVERT}",
    ),
    "zip": (zipped, f"FILE is a PyTorch or Keras checkpoint, not a model file of resnets; {CONVERT}"),
    "torch.save": (
        lambda path: torch.save({"a": torch.zeros(3)}, path),
        f"FILE is a PyTorch or Keras checkpoint, not a model file of resnets; {CONVERT}",
    ),
    "pickle": (
        lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR."),
        f"FILE is a pickled checkpoint, not a model file of resnets; {CONVERT}",
    ),
    "HDF5": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500)),
        f"FILE is an HDF5 checkpoint, not a model file of resnets; {CONVERT}",
    ),
    "folder": (lambda path: path.mkdir(), "cannot read FILE: it is not a file"),
    "pipe": (os.mkfifo, "cannot read FILE: it is not a file"),
    "missing": (lambda path: None, "cannot read FILE: No such file or directory"),
    "empty": (
        lambda path: path.touch(),
        "FILE is empty",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = FOREIGN[kind]
    path = tmp_path / "x.safetensors"
    make(path)
    assert refused(path) == words
    assert not (tmp_path / "canary").exists()


DESCRIPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "next version": (
        {"format_version": 2},
        "FILE has the format '2'; this resnets 0.1.0 reads 1. A newer resnets wrote it: pip install --upgrade resnets",
    ),
    "unknown field": ({"colour": 3}, "'colour: Extra inputs are not permitted'"),
    "unknown architecture": (
        {"architecture": "resnet5O"},
        "no architecture named 'resnet5O'. Did you mean",
    ),
    "unknown option": ({"options": {"num_classes": 3, "name": "x"}}, "name is unknown"),
    "too few names": ({"class_names": ["a", "b"]}, "class_names must name all 3 classes, got 2"),
    "names twice": ({"class_names": ["a", "b", "a"]}, "class_names must differ, 'a' is there twice"),
    "a name of 1 MB": (
        {"class_names": ["a", "b", "c" * 10**6]},
        "must have 1 to 500 letters, has 1000000",
    ),
    "absurd image": ({"preprocessing": {"image_size": 10**9}}, "preprocessing.image_size"),
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_descriptions_that_make_no_sense(kind: str, classifier: Classifier, tmp_path: Path) -> None:
    changes, words = DESCRIPTIONS[kind]
    path = tmp_path / "x.safetensors"
    write_by_hand(path, description(classifier, **changes), classifier.network.state_dict())
    message = refused(path)
    assert words.replace("'", "") in message.replace("\\", "").replace("'", "")
    assert len(message) < 600


def changed(classifier: Classifier, **new: torch.Tensor | None) -> dict[str, torch.Tensor]:
    tensors = dict(classifier.network.state_dict())
    for name, tensor in new.items():
        key = name.replace("__", ".")
        tensors.pop(key, None)
        if tensor is not None:
            tensors[key] = tensor
    return tensors


WEIGHT = "stem__conv__weight"
TENSORS: dict[str, tuple[dict[str, torch.Tensor | None], str]] = {
    "missing": (
        {WEIGHT: None},
        "FILE does not fit its architecture resnet20: 1 tensors differ, such as 'stem.conv.weight' with nothing",
    ),
    "one too many": (
        {"extra": torch.zeros(3)},
        "1 tensors differ, such as 'extra' with (3, 'float') instead of nothing",
    ),
    "other shape": (
        {WEIGHT: torch.zeros(16, 3, 3, 1)},
        "1 tensors differ, such as 'stem.conv.weight' with (16, 3, 3, 1, ",
    ),
    "integers": (
        {WEIGHT: torch.zeros(16, 3, 3, 3, dtype=torch.int32)},
        "(16, 3, 3, 3, 'I32') instead of (16, 3, 3, 3, 'float')",
    ),
    "truths": ({WEIGHT: torch.zeros(16, 3, 3, 3, dtype=torch.bool)}, "(16, 3, 3, 3, 'BOOL') instead of"),
    "NaN": (
        {WEIGHT: torch.full((16, 3, 3, 3), torch.nan)},
        "FILE has NaN or infinity in 'stem.conv.weight'",
    ),
    "infinity": (
        {WEIGHT: torch.full((16, 3, 3, 3), torch.inf)},
        "FILE has NaN or infinity in 'stem.conv.weight'",
    ),
    "too large for float32": (
        {WEIGHT: torch.full((16, 3, 3, 3), 1e300, dtype=torch.float64)},
        "FILE has NaN or infinity in 'stem.conv.weight'",
    ),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_do_not_fit(kind: str, classifier: Classifier, tmp_path: Path) -> None:
    new, words = TENSORS[kind]
    path = tmp_path / "x.safetensors"
    write_by_hand(path, description(classifier), changed(classifier, **new))
    assert words in refused(path)


def test_a_negative_variance_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    name = next(key for key in classifier.network.state_dict() if key.endswith("running_var"))
    tensors = dict(classifier.network.state_dict())
    tensors[name] = tensors[name] - 2
    path = write_by_hand(tmp_path / "x.safetensors", description(classifier), tensors)
    assert refused(path) == f"FILE has a negative variance in {name!r}"


def test_a_wrong_sha256_is_damage(classifier: Classifier, tmp_path: Path) -> None:
    words = description(classifier)
    metadata = {"format": "pt", "resnets": words, "sha256": "0" * 64}
    path = write_by_hand(tmp_path / "x", words, classifier.network.state_dict(), metadata=metadata)
    assert refused(path) == "FILE is damaged: its SHA-256 is not the one that was written"


@pytest.mark.parametrize("number", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_types_become_float32(
    number: torch.dtype, classifier: Classifier, tmp_path: Path
) -> None:
    tensors = {
        k: t.to(number) if t.is_floating_point() else t
        for k, t in classifier.network.state_dict().items()
    }
    path = write_by_hand(tmp_path / "x.safetensors", description(classifier), tensors)
    network, _ = read_model(path)
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == (torch.float32 if tensors[name].is_floating_point() else torch.int64)
        assert torch.equal(tensor, tensors[name].to(tensor.dtype))


def test_a_write_that_fails_leaves_the_old_file(
    classifier: Classifier, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    for call in ("fsync", "replace", "chmod"):
        with monkeypatch.context() as patch:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(os, "fsync", full) if call == "fsync" else patch.setattr(Path, call, full)
            with pytest.raises(OutputError) as caught:
                small_classifier(seed=1).save(path)
        assert str(caught.value) == f"cannot write {str(path)!r}: No space left on device"
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_file_is_safetensors_with_a_readable_description(path: Path) -> None:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    told = json.loads(header["__metadata__"]["resnets"])
    assert header["__metadata__"]["format"] == "pt"
    assert told["format_version"] == 1
    assert told["class_names"] == ["cat", "dog", "eel"]
    assert told["preprocessing"]["decoding"]["exif"] == "apply"


def test_the_description_is_read_without_the_tensors(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnets.weights.model_file.read_tensors", None)
    assert read_info(path).class_ids == ("n1", "n2", "n3")


def test_half_precision_halves_what_it_can_hold(classifier: Classifier, tmp_path: Path) -> None:
    network = create_model("resnet20", num_classes=3)
    network.load_state_dict(classifier.network.state_dict())
    own = network.state_dict()
    own["stem.conv.weight"][0, 0, 0, 0] = 70_000.0
    own["stem.norm.running_var"][:2] = torch.tensor([1e9, 1e-9])
    whole = write_model(tmp_path / "whole.safetensors", network, classifier.info)
    half = write_model(tmp_path / "half.safetensors", network, classifier.info, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    stored = load_file(half)
    read, info = read_model(half)
    assert info == classifier.info
    for name, tensor in read.state_dict().items():
        halved = tensor.ndim >= 2 and name != "stem.conv.weight"
        assert (stored[name].dtype == torch.float16) == halved, name
        assert tensor.dtype == own[name].dtype
        if halved:
            torch.testing.assert_close(tensor, own[name], rtol=2**-11, atol=2**-25)
        else:
            assert torch.equal(tensor, own[name]), name
    assert whole.stat().st_size == classifier.save(tmp_path / "m.safetensors").stat().st_size
