from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.situations import photos, squares

from resnets.analysis.candidates import architectures, candidates, known_classes, published_downloads
from resnets.data.preprocessing_policy import Preprocessing
from resnets.training.model_facts import model_facts
from resnets.weights.shipped import find_shipped


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path))


@pytest.mark.parametrize("row", architectures(), ids=lambda row: f"{row.model}-{row.sides[0]}")
def test_rows_are_networks_for_their_sizes(row: object) -> None:
    model, (least, _) = row.model, row.sides  # type: ignore[attr-defined]
    network = model_facts(model).blank_network(Preprocessing(image_size=least), 10)
    assert sum(parameter.numel() for parameter in network.parameters()) > 0


@pytest.mark.parametrize("size", [8, 28, 32, 64, 96, 128, 224])
def test_every_size_has_a_choice(size: int) -> None:
    found = candidates(squares(size), Preprocessing(image_size=size), "none")
    assert len(found) >= 4
    assert {each.kind for each in found} == {"random"}


def test_photos_are_seen_small_as_well() -> None:
    found = candidates(photos(), Preprocessing(image_size=128), "none")
    low = [each for each in found if each.image_size == 64]
    assert low
    assert {each.image_size for each in found} == {None, 64}
    by_model = {each.model: each.weakness for each in found if each.image_size is None}
    assert all(each.weakness > by_model[each.model] for each in low if each.model in by_model)


def test_weights_that_suit() -> None:
    shown = Preprocessing(image_size=128)
    few = photos(class_counts=(100, 100, 100))
    here = {each.model: each for each in candidates(few, shown, "here") if each.kind != "random"}
    assert set(here) == {"resnet18:tiny_imagenet"}
    assert here["resnet18:tiny_imagenet"].head_start < 1
    offered = [each for each in candidates(photos(), shown, "published") if each.kind == "published"]
    assert [(each.model, each.download_mib) for each in offered] == published_downloads()
    assert {each.image_size for each in offered} == {128}
    grey = Preprocessing(image_size=28, channels="L", mean=(0.5,), std=(0.5,))
    found = candidates(squares(28, grey_share=1.0), grey, "here")
    assert [each.model for each in found if each.kind == "shipped"] == ["resnet20:fashion_mnist"]


def test_weights_matter_less_with_more_images() -> None:
    shown = Preprocessing(image_size=128)
    many = photos(class_counts=(20_000,) * 3)
    few = photos(class_counts=(100, 100, 100))
    starts = [
        next(each for each in candidates(facts, shown, "here") if each.kind == "shipped").head_start
        for facts in (few, many)
    ]
    assert starts[0] < starts[1] == 1.0


def test_weights_that_know_the_classes_are_no_start() -> None:
    model = find_shipped("resnet20:cifar10")
    assert model is not None
    facts = replace(squares(32), class_names=model.info.class_names[:3])
    shown = Preprocessing(image_size=32)
    assert known_classes(facts, shown) == ["resnet20:cifar10"]
    assert "resnet20:cifar10" not in [each.model for each in candidates(facts, shown, "here")]
    others = replace(facts, class_names=("one", "two", "three"))
    assert known_classes(others, shown) == []
    assert "resnet20:cifar10" in [each.model for each in candidates(others, shown, "here")]
    large = replace(photos(), class_names=facts.class_names)
    assert known_classes(large, Preprocessing(image_size=128)) == []  # it knows no photos
