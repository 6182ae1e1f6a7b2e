"""The recipes: how each paper trained its networks, and what came out.

A recipe is a function that gives `TrainingSettings`; its docstring says where the numbers are from,
which command runs it, what it costs and what to expect. Its row in `catalog.toml` holds what came out as
numbers. No torch is loaded until a recipe's settings are asked for.
"""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from resnets.config import Settings, Switch, validate
from resnets.errors import UnknownNameError

if TYPE_CHECKING:
    from resnets.recipes.settings import TrainingSettings

SECTIONS = ("Source", "Command", "Cost", "Expected")
"""Of each recipe's docstring, in order."""

Percent = Annotated[float, Field(ge=0, le=100)]


class Expected(Settings):
    """What somebody measured with a recipe.

    Attributes:
        model: that was trained, with its options.
        data: that it was trained and tested on.
        top1: images whose first guess is wrong, in percent.
        top5: images whose first five guesses are all wrong, in percent; None if not stated.
        how: of which runs and images it is the error, if it is not one run on the test images.
        source: table of the recipe's origin, or who measured it.
        verified: False if the number was recalled and could not be looked up.
    """

    model: str
    data: Literal["CIFAR-10", "CIFAR-100", "ImageNet-1k"]
    top1: Percent
    top5: Percent | None = None
    how: str = ""
    source: str
    verified: Switch = True


class Recipe(Settings):
    """One recipe.

    Attributes:
        name: of the function, and what users write.
        module: that holds the function.
        origin: paper or code that the numbers are from; 'ours' for our own.
        data: that it is made for.
        model: that it trains unless told otherwise.
        expected: errors on the test images, or ImageNet's validation images; empty if nobody measured
            any.
        unverified: settings whose values the source does not state, or that could not be looked up.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    module: str
    origin: str
    data: Literal["CIFAR-10", "ImageNet-1k"]
    model: str
    expected: tuple[Expected, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def published_error(self) -> Expected | None:
        """What was published for the recipe's own model and data; None if nothing was."""
        mine = (row for row in self.expected if (row.model, row.data) == (self.model, self.data))
        return next(mine, None)

    def settings(self, model: str | None = None, data: str | None = None) -> TrainingSettings:
        """Make the settings.

        Args:
            model: to train. [the recipe's]
            data: path or name of the data set. [the recipe's, where it can be had by name]
        """
        given = {"model": model, "data": data}
        made: TrainingSettings = self._function()(**{k: v for k, v in given.items() if v is not None})
        return made

    @property
    def summary(self) -> str:
        """The recipe in one sentence."""
        return inspect.cleandoc(self._function().__doc__ or "").partition("\n")[0]

    @property
    def documentation(self) -> dict[str, str]:
        """The paragraphs of `SECTIONS`, by title."""
        text = inspect.cleandoc(self._function().__doc__ or "")
        _, *parts = re.split(rf"^({'|'.join(SECTIONS)}):$", text, flags=re.MULTILINE)
        return {title: " ".join(words.split()) for title, words in zip(*[iter(parts)] * 2, strict=True)}

    def _function(self) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(
            importlib.import_module(f"resnets.recipes.{self.module}"), self.name
        )
        return function


def list_recipes(pattern: str = "*") -> list[str]:
    """Name the recipes, those for small images first.

    Args:
        pattern: with shell wildcards.

    Example:
        >>> list_recipes("strikes_back*")
        ['strikes_back_a1', 'strikes_back_a2', 'strikes_back_a3']
    """
    return [recipe.name for recipe in select_recipes(pattern)]


def select_recipes(pattern: str = "*") -> list[Recipe]:
    """The rows behind `list_recipes`, with the same argument."""
    folded = _folded(pattern)
    return [recipe for recipe in _catalog() if fnmatch.fnmatchcase(recipe.name, folded)]


def find_recipe(name: str) -> Recipe:
    """Look a recipe up.

    Args:
        name: as the user wrote it; case, and '-' for '_', do not matter.

    Raises:
        UnknownNameError: with the closest names.
    """
    for recipe in _catalog():
        if recipe.name == _folded(name):
            return recipe
    raise UnknownNameError("recipe", name, known=list_recipes(), hint="resnets list --recipes")


def is_recipe(name: str) -> bool:
    """Say whether a word names a recipe."""
    return any(recipe.name == _folded(name) for recipe in _catalog())


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_")


@cache
def _catalog() -> tuple[Recipe, ...]:
    text = files("resnets.recipes").joinpath("catalog.toml").read_text("utf-8")
    rows = tomllib.loads(text)["recipes"]
    return tuple(validate(Recipe, row, source=f"catalog.toml, {row['name']}") for row in rows)
