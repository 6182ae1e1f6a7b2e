from __future__ import annotations

from pathlib import Path

import pytest
import torch

import resnets
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import UnknownNameError, WeightsError
from resnets.training.model_facts import model_facts

GREY = Preprocessing(image_size=32, channels="L", mean=(0.5,), std=(0.2,))


def test_an_architecture_gets_what_the_images_need() -> None:
    facts = model_facts("resnet18,zero_init_residual=true")
    assert (facts.name, facts.architecture, facts.has_weights) == ("resnet18", "resnet18", False)
    assert facts.needed_options(GREY, 7) == {
        "num_classes": 7,
        "in_channels": 1,
        "image_size": 32,
        "zero_init_residual": True,
    }
    network = facts.blank_network(GREY, 7)
    assert {p.device.type for p in network.parameters()} == {"meta"}
    built = resnets.create_model(facts.name, **facts.needed_options(GREY, 7))
    assert [p.shape for p in network.parameters()] == [p.shape for p in built.parameters()]


def test_what_the_user_says_wins() -> None:
    needed = model_facts("resnet20,num_classes=5,in_channels=3").needed_options(GREY, 7)
    assert (needed["num_classes"], needed["in_channels"]) == (5, 3)


def test_published_weights_keep_their_stem_and_are_not_downloaded() -> None:
    facts = model_facts("resnet18:torchvision_v1")
    assert facts.has_weights
    assert facts.made_for == 224
    assert facts.needed_options(Preprocessing(image_size=64), 7) == {"num_classes": 7, "in_channels": 3}
    stem = facts.blank_network(Preprocessing(image_size=64), 7).get_parameter("stem.conv.weight")
    assert stem.shape == (64, 3, 7, 7)


def test_model_files_say_what_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    resnets.Classifier.from_network(
        resnets.create_model("resnet8", num_classes=2, in_channels=1),
        class_names=("a", "b"),
        preprocessing=GREY,
    ).save(path)
    for given in (path, tmp_path):
        facts = model_facts(str(given))
        assert (facts.architecture, facts.trained_with, facts.made_for) == ("resnet8", GREY, 32)
        network = resnets.create_model(facts.name, **facts.needed_options(GREY, 4))
        assert network.get_parameter("classifier.weight").shape == (4, 64)


def test_what_there_is_not() -> None:
    with pytest.raises(UnknownNameError):
        model_facts("resnet5O")
    with pytest.raises(WeightsError):
        model_facts("nowhere/model.safetensors")
