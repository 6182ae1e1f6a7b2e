"""The class names are complete, unique and in the order of the datasets' class numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources

import pytest

from resnets.data.labels import label_set, label_sets
from resnets.errors import UnknownNameError

COUNTS = {
    "imagenet": 1000,
    "tiny_imagenet": 200,
    "cifar10": 10,
    "cifar100": 100,
    "fashion_mnist": 10,
    "mnist": 10,
}


def test_all_sets_are_listed() -> None:
    assert label_sets() == tuple(COUNTS)
    files = resources.files("resnets.data").joinpath("label_sets").iterdir()
    assert {file.name for file in files if file.name.endswith(".toml")} == {
        f"{name}.toml" for name in COUNTS
    }


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_names_are_complete_and_readable(name: str, count: int) -> None:
    labels = label_set(name)
    assert labels.name == name
    assert len(labels.names) == count
    assert len({text.casefold() for text in labels.names}) == count
    for text in labels.names:
        assert 1 <= len(text) <= 30, text
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 '/.-]*( \([A-Za-z' -]+\))?", text), text


@pytest.mark.parametrize("name", COUNTS)
def test_sets_name_their_source(name: str) -> None:
    labels = label_set(name)
    assert labels.title
    assert re.search(r"https?://|\b(19|20)\d\d\b", labels.source)
    assert labels.source.isprintable()


@pytest.mark.parametrize("name", ["imagenet", "tiny_imagenet"])
def test_ids_are_sorted_like_the_folders_of_the_dataset(name: str) -> None:
    labels = label_set(name)
    assert labels.ids is not None
    assert len(labels.ids) == len(labels.names)
    assert all(re.fullmatch(r"n\d{8}", wordnet_id) for wordnet_id in labels.ids)
    assert list(labels.ids) == sorted(set(labels.ids))
    assert "WordNet 3.0" in labels.source


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist", "mnist"])
def test_other_datasets_have_no_ids(name: str) -> None:
    assert label_set(name).ids is None


@pytest.mark.parametrize(
    ("index", "wordnet_id", "name"),
    [  # number and id as in the devkit of ILSVRC 2012, sorted; name by the definition in WordNet 3.0
        (0, "n01440764", "tench"),
        (1, "n01443537", "goldfish"),
        (134, "n02012849", "crane (bird)"),
        (207, "n02099601", "golden retriever"),
        (264, "n02113186", "Cardigan (dog)"),
        (281, "n02123045", "tabby"),
        (474, "n02963159", "cardigan (sweater)"),
        (504, "n03063599", "coffee mug"),
        (517, "n03126707", "crane (machine)"),
        (638, "n03710637", "maillot (tights)"),
        (639, "n03710721", "maillot (tank suit)"),
        (657, "n03773504", "missile"),
        (744, "n04008634", "projectile"),
        (836, "n04355933", "sunglass (lens)"),
        (837, "n04356056", "sunglasses"),
        (967, "n07920052", "espresso"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_imagenet_classes_have_their_numbers(index: int, wordnet_id: str, name: str) -> None:
    labels = label_set("imagenet")
    assert labels.ids is not None
    assert (labels.ids[index], labels.names[index]) == (wordnet_id, name)


def test_tiny_imagenet_is_part_of_imagenet_under_the_same_names() -> None:
    imagenet, tiny = label_set("imagenet"), label_set("tiny_imagenet")
    assert imagenet.ids is not None
    assert tiny.ids is not None
    names = dict(zip(imagenet.ids, imagenet.names, strict=True))
    assert [names[wordnet_id] for wordnet_id in tiny.ids] == list(tiny.names)
    # The first five lines of the archive's wnids.txt, which is not sorted, and both ends of the sorted list.
    assert {"n02124075", "n04067472", "n04540053", "n04099969", "n07749582"} < set(tiny.ids)
    assert (tiny.ids[0], tiny.names[0]) == ("n01443537", "goldfish")
    assert (tiny.ids[-1], tiny.names[-1]) == ("n12267677", "acorn")


def test_cifar_classes_are_in_alphabetical_order_as_in_the_archive() -> None:
    for name in ("cifar10", "cifar100"):
        # With '_' for the space between words, as the archive writes them: 'sweet_pepper'.
        names = [text.replace(" ", "_") for text in label_set(name).names]
        assert names == sorted(names)
    cifar10, cifar100 = label_set("cifar10").names, label_set("cifar100").names
    assert (cifar10[3], cifar10[5], cifar10[9]) == ("cat", "dog", "truck")
    assert (cifar100[1], cifar100[39], cifar100[99]) == ("aquarium fish", "keyboard", "worm")


def test_digits_are_their_own_names() -> None:
    assert label_set("mnist").names == tuple(str(digit) for digit in range(10))


def test_unknown_set_is_told_with_the_names_that_exist() -> None:
    with pytest.raises(UnknownNameError) as caught:
        label_set("cifar-10")
    assert str(caught.value) == (
        "no label set named 'cifar-10'. Did you mean 'cifar10', 'cifar100'? All names: "
        "imagenet, tiny_imagenet, cifar10, cifar100, fashion_mnist, mnist"
    )


def test_labels_are_read_once() -> None:
    assert label_set("imagenet") is label_set("imagenet")


def test_reading_labels_loads_nothing_heavy() -> None:
    code = (
        "import sys; from resnets.data.labels import label_set; label_set('imagenet');"
        "print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_notice_that_wordnet_asks_for_travels_with_its_names() -> None:
    notice = (
        resources.files("resnets.data").joinpath("label_sets", "WORDNET_LICENSE.txt").read_text("utf-8")
    )
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice
