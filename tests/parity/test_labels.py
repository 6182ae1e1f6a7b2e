"""The class names are those of torchvision and timm, in the same order."""

from __future__ import annotations

from importlib import resources
from types import ModuleType

import pytest

from resnets.data.labels import label_set

pytestmark = pytest.mark.parity


def test_imagenet_ids_and_names_are_those_of_timm(timm: ModuleType) -> None:
    """timm's lists are of WordNet's words in WordNet's order: ours begin with the first."""
    folder = resources.files(timm.__name__).joinpath("data", "_info")
    labels = label_set("imagenet")
    assert labels.ids == tuple(folder.joinpath("imagenet_synsets.txt").read_text("utf-8").split())
    lines = folder.joinpath("imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    words = dict(line.split("\t") for line in lines)
    for name in ("imagenet", "tiny_imagenet"):
        labels = label_set(name)
        assert labels.ids is not None
        firsts = [words[wordnet_id].split(",")[0] for wordnet_id in labels.ids]
        assert [text.split(" (")[0] for text in labels.names] == firsts


def test_imagenet_names_are_in_the_order_of_torchvision(torchvision: ModuleType) -> None:
    categories = list(torchvision.models.ResNet50_Weights.IMAGENET1K_V2.meta["categories"])
    assert categories[134] == "crane bird"  # the two names that torchvision tells apart in its own words
    assert categories[639] == "maillot tank suit"
    categories[134], categories[639] = "crane", "maillot"
    assert [text.split(" (")[0] for text in label_set("imagenet").names] == categories


def test_fashion_mnist_names_are_in_the_order_of_torchvision(torchvision: ModuleType) -> None:
    assert list(label_set("fashion_mnist").names) == torchvision.datasets.FashionMNIST.classes
