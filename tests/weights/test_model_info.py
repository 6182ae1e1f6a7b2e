from __future__ import annotations

from typing import Any

import pytest

from resnets import create_model
from resnets.config import validate
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, UnsupportedError
from resnets.weights.model_file import describe_network
from resnets.weights.model_info import MAX_NAME, DataFingerprint, Licence, Metric, ModelInfo

GOOD: dict[str, Any] = {
    "architecture": "resnet20",
    "options": {"num_classes": 2},
    "class_names": ["cat", "dog"],
    "preprocessing": {"image_size": 32},
}


def test_what_is_needed_and_what_is_usual() -> None:
    info = validate(ModelInfo, GOOD, source="x")
    assert info.class_names == ("cat", "dog")
    assert info.preprocessing == Preprocessing(image_size=32)
    assert (info.class_ids, info.recipe, info.data, info.metrics, info.licence) == (
        (),
        {},
        None,
        (),
        None,
    )


def test_json_and_back() -> None:
    info = ModelInfo(
        architecture="resnet20",
        options={"num_classes": 2, "depths": [3, 3, 3], "drop_path_rate": 0.1, "stem": None},
        class_names=("cat\n\x1b[31m", "<script>"),
        class_ids=("n01", "n02"),
        preprocessing=Preprocessing(image_size=32, fit="pad", channels="BGR"),
        recipe={"epochs": 3, "nested": {"a": [1, None, True]}},
        data=DataFingerprint(name="pets", num_images=7, sha256="0" * 64),
        temperature=1.5,
        abstain_below=0.25,
        metrics=(Metric(name="top1", value=0.9, low=0.8, high=0.95, data="val", num_images=70),),
        licence=Licence(weights="Apache-2.0", data="CC BY 4.0"),
        origin="trained here",
        versions={"torch": "2.13"},
    )
    assert ModelInfo.model_validate_json(info.model_dump_json()) == info
    assert ModelInfo.model_validate(info.model_dump(mode="json")) == info


WRONG: dict[str, dict[str, Any]] = {
    "class_names must name all 2 classes, got 1": {"class_names": ["cat"]},
    "class_names must name all 2 classes, got 0": {"class_names": []},
    "class_names must name all 0 classes, got 2": {"options": {"include_top": False}},
    "class_names must differ, 'cat' is there twice": {"class_names": ["cat", "cat"]},
    "class_ids must be 2 or none": {"class_ids": ["n01"]},
    "class_names must be a list, got 'cat'": {"class_names": "cat"},
    "class_names.1 must have 1 to 500 letters, has 501": {"class_names": ["a", "b" * (MAX_NAME + 1)]},
    "class_names.0 must have 1 to 500 letters, has 0": {"class_names": ["", "b"]},
    "class_names.0 must be a valid string, got 3": {"class_names": [3, "b"]},
    "the network takes 1 channels, preprocessing gives 3 ('RGB')": {
        "options": {"num_classes": 2, "in_channels": 1}
    },
    "the network takes 3 channels, preprocessing gives 1 ('L')": {
        "preprocessing": {"channels": "L", "mean": [0.5], "std": [0.5]}
    },
    "preprocessing.fitt is unknown, did you mean preprocessing.fit?": {
        "preprocessing": {"fitt": "crop"}
    },
    "colour is unknown": {"colour": 3},
    "data.sha256": {"data": {"name": "x", "num_images": 3, "sha256": "abc"}},
    "metrics.0.value must be a finite number, got inf": {
        "metrics": [{"name": "a", "value": float("inf")}]
    },
}


@pytest.mark.parametrize("words", WRONG)
def test_what_makes_no_sense(words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(ModelInfo, {**GOOD, **WRONG[words]}, source="x")
    assert str(caught.value).startswith(f"1 problem in x: {words.replace('a valid ', '')}")


def test_a_network_without_a_classifier_has_no_classes() -> None:
    for option in ({"include_top": False}, {"features_only": True}):
        info = describe_network(create_model("resnet20", **option), preprocessing=Preprocessing())
        assert info.class_names == ()


def test_a_description_holds_every_option_and_the_versions() -> None:
    network = create_model("resnet20", num_classes=2, depths=(1, 1, 1))
    info = describe_network(network, class_names=["a", "b"], preprocessing={"image_size": 32})
    assert info.architecture == "resnet20"
    assert info.options["depths"] == [1, 1, 1]
    assert info.options.keys() == set(type(network.spec.options).model_fields)  # type: ignore[union-attr]
    assert info.versions.keys() == {"resnets", "torch", "python"}


def test_a_network_of_unknown_architecture_is_refused() -> None:
    from torch import nn

    with pytest.raises(UnsupportedError) as caught:
        describe_network(nn.Linear(2, 3), preprocessing=Preprocessing())
    assert str(caught.value) == (
        "this Linear does not know its architecture; make it with resnets.create_model and load the "
        "weights into that"
    )


def test_fields_are_checked() -> None:
    with pytest.raises(ConfigError) as caught:
        describe_network(
            create_model("resnet20", num_classes=2), class_names=["a"], preprocessing={"size": 3}
        )
    assert "preprocessing.size is unknown" in str(caught.value)
