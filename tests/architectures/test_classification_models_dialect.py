"""What distinguishes classification_models' networks; outputs: parity/test_classification_models.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets
from resnets.networks import InputNorm


def meta(name: str, **options: object) -> Any:
    with torch.device("meta"):
        return resnets.create_model(name, **options)


@pytest.mark.parametrize(
    ("name", "epsilon"),
    [
        ("resnet18_cm", 2e-5),
        ("resnext50_cm", 2e-5),
        ("seresnet34_cm", 2e-5),
        ("seresnet50_cm", 9.999999747378752e-06),
        ("seresnext101_cm", 9.999999747378752e-06),
    ],
)
def test_norm_epsilon(name: str, epsilon: float) -> None:
    assert {m.eps for m in meta(name).modules() if isinstance(m, nn.BatchNorm2d)} == {epsilon}


@pytest.mark.parametrize("name", ["resnet18_cm", "resnet50_cm", "seresnet18_cm"])
def test_first_units_project_what_is_activated(name: str) -> None:
    for stage in meta(name).stages:
        for u, unit in enumerate(stage.units):
            assert isinstance(unit.shortcut, nn.Sequential if u == 0 else nn.Identity)
            assert unit.share_preactivation == (u == 0)


@pytest.mark.parametrize("name", ["resnet34_cm", "resnext50_cm", "seresnet18_cm"])
def test_raw_pixels_are_normed_first(name: str) -> None:
    network = meta(name)
    assert isinstance(network.stem[0], InputNorm)
    assert [n for n, _ in network.stem[0].named_parameters()] == ["bias"]
    assert not any(isinstance(m, InputNorm) for m in meta("seresnet50_cm").modules())


def test_input_norm_learns_mean_and_spread() -> None:
    norm = InputNorm(3)
    pixels = torch.rand(4, 3, 16, 16) * 255
    normed = norm.train()(pixels)
    torch.testing.assert_close(normed.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.std((0, 2, 3), correction=0), torch.ones(3))
    norm.bias.data.fill_(7.0)
    torch.testing.assert_close(norm(pixels), normed + 7)


def test_groups_and_gates() -> None:
    unit = meta("seresnext50_cm").stages[0].units[0].residual
    assert unit.conv2.groups == 32
    assert unit.conv2.weight.shape == (128, 4, 3, 3)
    assert unit.squeeze_excitation.reduce.out_channels == 256 // 16
    assert meta("seresnet18_cm").stages[0].units[0].residual.squeeze_excitation.reduce.out_channels == 4


@pytest.mark.parametrize("name", ["resnet18_cm", "resnet50_cm"])
def test_forms_convert_only_for_resnext(name: str) -> None:
    with pytest.raises(resnets.ResNetsError, match="only a ResNeXt made by create_model has forms"):
        resnets.convert_form(meta(name), "a")


def test_forms_of_resnext_keep_the_dialect() -> None:
    options = {"widths": (8, 8, 8, 8), "cardinality": 2, "base_width": 8}
    network = resnets.create_model("resnext50_cm", **options).double().eval()
    converted: Any = resnets.convert_form(network, "a")
    images = torch.rand(1, 3, 64, 64, dtype=torch.double) * 255
    with torch.no_grad():
        torch.testing.assert_close(converted(images), network(images), rtol=1e-9, atol=1e-9)
    assert converted.spec.options.form == "a"
    epsilons = {m.eps for m in converted.modules() if isinstance(m, nn.BatchNorm2d)}
    assert epsilons == {2e-5}, "branches of another form keep the epsilon"
