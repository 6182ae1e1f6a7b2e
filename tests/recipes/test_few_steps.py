"""Every recipe trains: a few steps of a tiny network on tiny images, from files to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnets.recipes.catalog import find_recipe, list_recipes
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import merge
from resnets.training.train import train

TINY = "depths=1-1,widths=8-8"
MODELS = {
    "fast_cifar": f"resnet20,{TINY}",
    "resnet_cifar": "resnet8",
    "resnet_v2_cifar": "resnetv2_11",
    "resnext_cifar": "resnext11_2x4d",
    "wide_resnet_cifar": "wrn-10-1-dropout0.3",
    "densenet_cifar": "densenet-bc-10-4",
    "densenet_cifar_unaugmented": "densenet-bc-10-4",
    "stochastic_depth_cifar": "resnet8,shortcut=A-pool",
    "progressive_depth_cifar": "resnet20,widths=4-8-8",
    "highway_cifar": "highway-11,widths=4-4-8",
    "resnet_v2_imagenet": f"resnetv2_50,{TINY}",
    "resnext_imagenet": f"resnext50_2x64d,{TINY}",
    "se_imagenet": f"seresnet50_v1,{TINY}",
    "wide_resnet_imagenet": f"wide_resnet50_2,{TINY}",
    "densenet_imagenet": "densenet121,depths=1-1,growth_rate=4,stem_channels=8",
}
QUICK = ("densenet_cifar_unaugmented", "torchvision_v2", "strikes_back_a1")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 12 images to train on and 4 to validate with."""
    root = tmp_path_factory.mktemp("photos")
    for split, count in (("train", 12), ("val", 4)):
        for label, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                draws = np.random.default_rng([label, i, count])
                pixels = draws.integers(120 * label, 120 * label + 130, (40, 48, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    return root


def shrunk(name: str, photos: Path) -> TrainingSettings:
    """The recipe for two epochs of three steps of images of 32 pixels."""
    recipe = find_recipe(name)
    settings = recipe.settings(MODELS.get(name, f"resnet18,{TINY}"), str(photos))
    changes: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 8,
        "preprocessing.image_size": 32,
        "workers": 0,
        "schedule.warmup_epochs": min(settings.schedule.warmup_epochs, 0.5),
    }
    if settings.preprocessing and settings.preprocessing.resize_size:
        changes["preprocessing.resize_size"] = 36
    if settings.train_image_size:
        changes["train_image_size"] = 24
    if settings.schedule.milestones:
        changes["schedule.milestones"] = [1.0]
    if settings.progressive_depth:
        changes["progressive_depth"] = [{"epoch": 0, "every": 2}, {"epoch": 1, "every": 1}]
    return merge(settings, changes)


def test_the_tiny_networks_are_of_the_recipes_families() -> None:
    assert set(MODELS) <= set(list_recipes())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in list_recipes()],
)
def test_a_few_steps(name: str, photos: Path, tmp_path: Path) -> None:
    settings = shrunk(name, photos)
    result = train(settings=settings, output=tmp_path / "run", check=False, device="cpu")
    assert len(result.history) == 2
    assert all(np.isfinite(record.train_loss) for record in result.history)
    assert result.model.is_file()
    used = (result.folder / "config.toml").read_text("utf-8")
    assert f'model = "{settings.model}"' in used
