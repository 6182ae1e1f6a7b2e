"""Settings report every unknown key and wrong value at once, in full sentences."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from resnets.architectures.creation import resolve
from resnets.config import Count, Rate, Settings, Switch, validate
from resnets.errors import ConfigError


class Example(Settings):
    epochs: Count = 3
    rate: Rate = 0.5
    fast: Switch = False
    kind: Literal["a", "b"] | None = None
    sizes: tuple[Count, ...] = (1,)


class Needy(Settings):
    depth: Count

    @model_validator(mode="after")
    def _small(self) -> Needy:
        if self.depth > 9:
            raise ValueError(f"depth must be below 10, got {self.depth}")
        return self


def message(settings: type[Settings] = Example, **values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(settings, values, source="x.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"epochs": "ten"}, "epochs must be integer, got 'ten'"),
        ({"epochs": "10"}, "epochs must be integer, got '10'"),
        ({"epochs": 2.5}, "epochs must be integer, got 2.5"),
        ({"epochs": 3.0}, "epochs must be integer, got 3.0"),
        ({"epochs": True}, "epochs must be integer, got True"),
        ({"epochs": None}, "epochs must be integer, got None"),
        ({"epochs": 0}, "epochs must be greater than or equal to 1, got 0"),
        ({"epochs": -1}, "epochs must be greater than or equal to 1, got -1"),
        ({"rate": 1.0}, "rate must be less than 1, got 1.0"),
        ({"rate": -0.1}, "rate must be greater than or equal to 0, got -0.1"),
        ({"rate": math.nan}, "rate must be a finite number, got nan"),
        ({"rate": math.inf}, "rate must be a finite number, got inf"),
        ({"rate": "0.1"}, "rate must be number, got '0.1'"),
        ({"rate": True}, "rate must be number, got True"),
        ({"fast": 1}, "fast must be boolean, got 1"),
        ({"fast": "no"}, "fast must be boolean, got 'no'"),
        ({"kind": "c"}, "kind must be 'a' or 'b', got 'c'"),
        ({"sizes": 3}, "sizes must be tuple, got 3"),
        ({"sizes": (1, 0)}, "sizes.1 must be greater than or equal to 1, got 0"),
        ({"sizes": "12"}, "sizes must be tuple, got '12'"),
        ({"epoch": 3}, "epoch is unknown, did you mean epochs?"),
        ({"zzz": 3}, "zzz is unknown, known are epochs, rate, fast, kind, sizes"),
    ],
    ids=str,
)
def test_full_text(values: dict[str, Any], text: str) -> None:
    assert message(**values) == f"1 problem in x.toml: {text}"


def test_all_problems_at_once() -> None:
    assert message(epochs="ten", rate=2.0, fats=True) == (
        "3 problems in x.toml: epochs must be integer, got 'ten'; rate must be less than 1, got 2.0; "
        "fats is unknown, did you mean fast?"
    )


def test_missing_and_broken_rules() -> None:
    assert message(Needy) == "1 problem in x.toml: depth is missing"
    assert message(Needy, depth=10) == "1 problem in x.toml: depth must be below 10, got 10"


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7)], ids=repr)
def test_integers_of_numpy_count(value: Any) -> None:
    made = validate(Example, {"epochs": value, "sizes": [value]}, source="x")
    assert made.epochs == 7
    assert type(made.epochs) is int
    assert made.sizes == (7,)


@pytest.mark.parametrize("value", [0.25, np.float64(0.25), np.float32(0.25), 0], ids=repr)
def test_floats_of_numpy_are_rates(value: Any) -> None:
    assert validate(Example, {"rate": value}, source="x").rate == float(value)


def test_settings_cannot_change() -> None:
    with pytest.raises(ValidationError):
        Example().epochs = 4  # type: ignore[misc]


def test_the_given_mapping_is_left_alone() -> None:
    values = {"epochs": 4}
    validate(Example, values, source="x")
    assert values == {"epochs": 4}


@given(st.dictionaries(st.text(max_size=6), st.none() | st.booleans() | st.floats() | st.text()))
def test_only_config_errors_come_out(values: dict[str, Any]) -> None:
    try:
        validate(Example, values, source="x")
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert problems
    assert all(problem.strip() for problem in problems)


@pytest.mark.parametrize("value", [np.True_, np.float64(3.0), [3], math.nan], ids=repr)
def test_what_is_no_integer_does_not_count(value: Any) -> None:
    assert message(epochs=value) == f"1 problem in x.toml: epochs must be integer, got {value!r}"


@pytest.mark.parametrize("value", [1, 0, "true", None, np.True_], ids=repr)
def test_a_switch_is_true_or_false(value: Any) -> None:
    assert message(fast=value) == f"1 problem in x.toml: fast must be boolean, got {value!r}"


class Outer(Settings):
    inner: Example = Example()
    epochs: Count = 1


def test_inner_settings_are_checked_under_their_full_name() -> None:
    assert message(Outer, inner={"rate": 2.0, "epochs": 0}) == (
        "2 problems in x.toml: inner.epochs must be greater than or equal to 1, got 0; "
        "inner.rate must be less than 1, got 2.0"
    )


def test_unknown_inner_keys_are_compared_with_inner_keys() -> None:
    assert message(Outer, inner={"epoch": 2}) == (
        "1 problem in x.toml: inner.epoch is unknown, did you mean inner.epochs?"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"image_size": "x"}, "image_size must be integer, got 'x'"),
        ({"stem": 3}, "stem must be 'imagenet', 'deep', 'small' or 'cifar', got 3"),
        ({"kernel_sizes": (3, 2)}, "kernel_sizes.1 must be odd, got 2"),
        ({"include_top": 0}, "include_top must be boolean, got 0"),
        ({"features_only": "no"}, "features_only must be boolean, got 'no'"),
        ({"output_stride": True}, "output_stride must be integer, got True"),
        ({"output_stride": 7}, "output_stride must be 1, 2, 4, 8, 16 or 32, got 7"),
        ({"depths": ()}, "depths and kernel_sizes need at least one entry each"),
        ({"depths": (2, 2)}, "depths and widths must have one entry per stage, got 2 and 4"),
        ({"pooling": "max"}, "pooling needs include_top=False, and features_only=False"),
        (
            {"num_classes": 3, "include_top": False},
            "num_classes has no effect with include_top=False",
        ),
    ],
    ids=str,
)
def test_full_text_for_the_options_of_a_network(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("resnet18", options)
    assert str(caught.value) == f"1 problem in the options of resnet18: {text}"
