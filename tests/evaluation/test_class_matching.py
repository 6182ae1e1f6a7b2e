from __future__ import annotations

import pytest

from resnets import label_set
from resnets.config import validate
from resnets.errors import DataError
from resnets.evaluation.class_matching import match_classes
from resnets.weights.model_info import ModelInfo


def info(names: list[str], ids: list[str] | None = None) -> ModelInfo:
    values = {
        "architecture": "resnet20",
        "options": {"num_classes": len(names)},
        "class_names": names,
        "class_ids": ids or [],
        "preprocessing": {},
    }
    return validate(ModelInfo, values, source="a test")


@pytest.fixture(scope="module")
def imagenet() -> ModelInfo:
    labels = label_set("imagenet")
    return info(list(labels.names), list(labels.ids or ()))


def test_names_are_matched_wherever_they_stand() -> None:
    match = match_classes(("b", "c", "a"), (), info(["a", "b", "c", "d"]), present=[0, 1, 2])
    assert (match.columns.tolist(), match.by) == ([1, 2, 0], "names")


def test_ids_are_matched_before_names() -> None:
    model = info(["crane", "heron"], ["n1", "n2"])
    match = match_classes(("heron", "crane"), ("n1", "n2"), model, present=[0, 1])
    assert (match.columns.tolist(), match.by) == ([0, 1], "ids")


def test_tiny_imagenet_is_part_of_imagenet(imagenet: ModelInfo) -> None:
    tiny = label_set("tiny_imagenet")
    match = match_classes(tiny.names, tiny.ids or (), imagenet, present=range(200))
    assert match.by == "ids"
    assert [imagenet.class_ids[column] for column in match.columns] == list(tiny.ids or ())


def test_folders_called_by_ids_are_matched_with_ids(imagenet: ModelInfo) -> None:
    match = match_classes(("n02123045", "n01440764"), (), imagenet, present=[0, 1])
    assert match.by == "ids"
    assert [imagenet.class_names[column] for column in match.columns] == ["tabby", "tench"]


def test_a_class_without_images_may_be_missing_in_the_model() -> None:
    match = match_classes(("a", "x"), (), info(["a", "b"]), present=[0])
    assert match.columns.tolist() == [0, -1]


REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "the model has 2 classes, the data 3, 0 names in common. Fine-tune first: resnets train DATA --model "
    "MODEL": (["cats", "dogs", "eels"], ["tench", "hen"]),
    "the model has 2 classes, the data 2, 0 names in common. Fine-tune first: resnets train DATA --model "
    "MODEL; or, if its classes are these by other names: resnets convert MODEL OUT --classes FILE": (
        ["0", "1"],
        ["cat", "dog"],
    ),
    "the model has 3 classes, and not 2 of the data's 3: 'dogs' (did you mean 'dog'?), 'x\\x1b'. Rename or "
    "leave out their folders, or fine-tune: resnets train DATA --model MODEL": (
        ["cat", "dogs", "x\x1b"],
        ["cat", "dog", "eel"],
    ),
    "the model has 2 classes, and not 6 of the data's 7: '1', '2', '3', '4', '5' and 1 more. Rename or leave "
    "out their folders, or fine-tune: resnets train DATA --model MODEL": (
        ["a", "1", "2", "3", "4", "5", "6"],
        ["a", "b"],
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_classes_that_the_model_lacks_are_refused(message: str) -> None:
    names, known = REFUSED[message]
    with pytest.raises(DataError) as caught:
        match_classes(names, (), info(known), present=range(len(names)))
    assert str(caught.value) == message
