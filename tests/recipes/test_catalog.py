"""The recipes agree with their sources, their rows with their functions, and their words with both."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import resnets
from resnets.architectures.creation import list_models, resolve
from resnets.architectures.notation import parse_model
from resnets.errors import UnknownNameError
from resnets.recipes.catalog import SECTIONS, find_recipe, is_recipe, list_recipes, select_recipes
from resnets.recipes.model_options import add_options, num_units
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import merge, read_settings, write_settings
from resnets.training.schedules import learning_rate_factor, schedule_problems

GOLDEN = Path(__file__).parents[1] / "golden" / "recipes.toml"
FACTS: dict[str, Any] = tomllib.loads(GOLDEN.read_text("utf-8"))
STEPS = 391  # of 128 images of CIFAR: what iterations are converted by


def value_at(settings: TrainingSettings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return list(value) if isinstance(value, tuple) else value


def learning_rate(settings: TrainingSettings, epochs_done: float) -> float:
    assert settings.epochs is not None
    assert settings.optimizer.learning_rate is not None
    factor = learning_rate_factor(
        settings.schedule,
        round(epochs_done * STEPS),
        num_steps=settings.epochs * STEPS,
        steps_per_epoch=STEPS,
    )
    return settings.optimizer.learning_rate * factor


@pytest.mark.parametrize("fact", FACTS["recipes"], ids=lambda fact: fact["name"])
def test_settings_are_the_sources(fact: dict[str, Any]) -> None:
    recipe = find_recipe(fact["name"])
    settings = recipe.settings()
    for key, value in fact["settings"].items():
        assert value_at(settings, key) == (pytest.approx(value) if isinstance(value, float) else value)
    for model, expected in fact.get("models", {}).items():
        others = recipe.settings(model)
        assert {key: value_at(others, key) for key in expected} == expected


@pytest.mark.parametrize("fact", FACTS["recipes"], ids=lambda fact: fact["name"])
def test_learning_rates_are_the_sources(fact: dict[str, Any]) -> None:
    settings = find_recipe(fact["name"]).settings()
    found = [learning_rate(settings, epochs_done) for epochs_done, _ in fact["rates"]]
    assert found == pytest.approx([rate for _, rate in fact["rates"]], rel=2e-3, abs=1e-9)


def test_every_recipe_with_a_source_has_facts() -> None:
    ours = {recipe.name for recipe in select_recipes() if recipe.origin == "ours"}
    assert ours == {"fast_cifar", "progressive_depth_cifar"}
    without_values = {"highway_cifar"}  # the paper gives none
    assert {fact["name"] for fact in FACTS["recipes"]} == set(list_recipes()) - ours - without_values


def test_errors_are_those_that_were_published() -> None:
    keys = ("model", "data", "top1", "top5", "verified")
    facts = [{"top5": None, "verified": True} | fact for fact in FACTS["errors"]]
    published = [(fact["recipe"], *[fact[key] for key in keys]) for fact in facts]
    ours = [
        (recipe.name, *[getattr(row, key) for key in keys])
        for recipe in select_recipes()
        for row in recipe.expected
    ]
    assert sorted(map(str, ours)) == sorted(map(str, published))


@pytest.mark.parametrize("name", list_recipes())
def test_settings_hold_and_can_be_written(name: str, tmp_path: Path) -> None:
    recipe = find_recipe(name)
    settings = recipe.settings()
    assert read_settings(write_settings(tmp_path / "config.toml", settings)) == settings
    assert settings.complete
    assert settings.epochs is not None
    assert schedule_problems(settings.schedule, epochs=settings.epochs) == []
    assert settings.data == ("cifar10" if recipe.data == "CIFAR-10" else "")
    model, options = parse_model(settings.model)
    resolve(model, options)
    assert settings.model.startswith(recipe.model)
    assert recipe.settings(data="elsewhere").data == "elsewhere"


@pytest.mark.parametrize("name", list_recipes())
def test_documentation_is_complete(name: str) -> None:
    recipe = find_recipe(name)
    assert tuple(recipe.documentation) == SECTIONS
    assert recipe.documentation["Command"].startswith("resnets train ")
    assert f"--recipe {name}" in recipe.documentation["Command"]
    assert recipe.summary.endswith(".")
    if not recipe.expected:
        words = recipe.documentation["Expected"]
        assert "Not measured" in words or "docs/performance.md" in words  # which says how it was


@pytest.mark.parametrize("name", list_recipes())
def test_the_rows_model_is_the_functions_and_its_cost_is_right(name: str) -> None:
    """Six operations for each multiply-add; half of the pixels are half of the work."""
    recipe = find_recipe(name)
    settings = recipe.settings()
    assert settings.epochs is not None
    name, options = parse_model(settings.model)
    architecture, _ = resolve(name, options)
    number, unit = re.findall(r"([\d.]+) ([PE])FLOP", recipe.documentation["Cost"])[0]
    operations = float(number) * {"P": 1e15, "E": 1e18}[unit]
    multiply_adds = architecture.multiply_adds or 0
    if {"depths", "stem"} & set(options):
        multiply_adds = resnets.describe(name, **options).multiply_adds
    tested = settings.preprocessing.image_size if settings.preprocessing else 0
    size = settings.train_image_size or tested
    area = (size / architecture.image_size) ** 2
    images = 1_281_167 if recipe.data == "ImageNet-1k" else round(50_000 * (1 - settings.val_share))
    total = 6 * multiply_adds * area * images * settings.epochs
    assert operations == pytest.approx(total, rel=0.05)


def test_rows_are_found_however_they_are_written() -> None:
    assert find_recipe("ResNet-CIFAR").name == "resnet_cifar"
    assert is_recipe("Strikes-Back_A1")
    assert not is_recipe("resnet20")
    assert list_recipes("*_imagenet")[0] == "resnet_imagenet"
    assert not set(list_recipes()) & set(list_models())


def test_a_name_that_is_none() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_recipe("resnet_cifer")
    assert str(caught.value) == (
        "no recipe named 'resnet_cifer'. Did you mean 'resnet_cifar', 'resnext_cifar', "
        "'resnet_v2_cifar'? All names: resnets list --recipes"
    )


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys\nfrom resnets.recipes.catalog import select_recipes\n"
        "rows = select_recipes()\n"
        "settings = [row.settings() for row in rows], [row.documentation for row in rows]\n"
        "print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_users_changes_go_on_top() -> None:
    changed = merge(
        find_recipe("resnet_cifar").settings(), {"epochs": 200, "optimizer.learning_rate": 0.05}
    )
    assert (changed.epochs, changed.optimizer.learning_rate) == (200, 0.05)
    assert changed.optimizer.weight_decay == 1e-4


def test_classes_change_the_colours() -> None:
    recipe = find_recipe("densenet_cifar")
    ten, hundred = (recipe.settings(data=name).preprocessing for name in ("cifar10", "cifar100"))
    assert ten is not None
    assert hundred is not None
    # fb.resnet.torch, datasets/cifar10.lua and cifar100.lua
    assert [round(255 * level, 1) for level in ten.mean] == [125.3, 123.0, 113.9]
    assert [round(255 * level, 1) for level in hundred.std] == [68.2, 65.4, 70.4]


def test_a_recipe_adds_its_options_to_any_model() -> None:
    assert add_options("resnet18", drop_path_rate=0.05) == "resnet18,drop_path_rate=0.05"
    assert add_options("resnet18,stem=small", stem="deep") == "resnet18,stem=small"
    assert add_options("vgg16", zero_init_residual=True) == "vgg16"
    assert add_options("resnet50:torchvision_v2", stem="deep") == "resnet50:torchvision_v2"
    assert add_options("runs/best.safetensors", stem="deep") == "runs/best.safetensors"
    assert (num_units("resnet110"), num_units("resnet50:timm_a1_in1k")) == (54, 0)
    made = find_recipe("strikes_back_a1").settings("seresnet50,drop_path_rate=0.1").model
    assert made == "seresnet50,drop_path_rate=0.1,zero_init_residual=true"
