from __future__ import annotations

from pathlib import Path

import pytest

import resnets
from resnets.errors import WeightsError
from resnets.weights.classifier import Classifier
from resnets.weights.loading import load

from .model_files import small_classifier


def test_a_model_file_and_a_run_folder(tmp_path: Path) -> None:
    path = small_classifier().save(tmp_path / "model.safetensors")
    for name in (path, str(path), tmp_path, str(tmp_path)):
        model = load(name)
        assert isinstance(model, Classifier)
        assert model.class_names == ("cat", "dog", "eel")
    assert resnets.load is load


def refused(name: str | Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load(name)
    return str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"cannot read '{tmp_path}/model.safetensors': No such file or directory"
    missing = tmp_path / "pets.safetensors"
    assert refused(missing) == f"cannot read {str(missing)!r}: No such file or directory"
    assert refused("a\0b") == "cannot read 'a\\x00b': embedded null byte"
    assert refused("a" * 300).endswith(": File name too long")


@pytest.mark.parametrize("name", ["resnet50", "wrn-16-4", "ResNet-20"])
def test_an_architecture_is_not_a_model(name: str) -> None:
    assert name in refused(name)


def test_a_file_with_the_name_of_an_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_classifier().save("resnet50")
    assert load("resnet50").info.architecture == "resnet20"


def test_hostile_names_of_classes_are_only_names(tmp_path: Path) -> None:
    names = ("\x1b[31mred\x1b[0m", "<script>alert(1)</script>", "a\nb\0\u202e", "n" * 500)
    path = small_classifier(names=names).save(tmp_path / "m.safetensors")
    assert load(path).class_names == names
