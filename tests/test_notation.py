"""A network in one word: what is written is what is read."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import resnets
from resnets.architectures.creation import resolve
from resnets.architectures.notation import format_options, parse_model
from resnets.errors import ConfigError


@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("net", {}),
        ("net,shortcut=A", {"shortcut": "A"}),
        ("net,shortcut=A-end", {"shortcut": "A-end"}),
        ("net,depths=1-2-2-1", {"depths": (1, 2, 2, 1)}),
        ("net,depths=4-", {"depths": (4,)}),
        ("net,depths=10-200-", {"depths": (10, 200)}),
        ("net,num_classes=10", {"num_classes": 10}),
        ("net,rate=0.25", {"rate": 0.25}),
        ("net,rate=1e-05", {"rate": 1e-05}),
        ("net,rate=.5", {"rate": 0.5}),
        ("net,rate=1.0", {"rate": 1.0}),
        ("net,on=true,off=false", {"on": True, "off": False}),
        ("net,on=True", {"on": "True"}),
        ("net,pooling=none", {"pooling": "none"}),
        ("net,a=b=c", {"a": "b=c"}),
        ("net,number=-3", {"number": -3}),
        ("net,word=x-1", {"word": "x-1"}),
    ],
)
def test_values(word: str, options: dict[str, Any]) -> None:
    name, parsed = parse_model(word)
    assert name == "net"
    assert parsed == options
    assert [type(value) for value in parsed.values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("net,", "options are written OPTION=VALUE, got ''"),
        ("net,shortcut", "options are written OPTION=VALUE, got 'shortcut'"),
        ("net,shortcut=", "options are written OPTION=VALUE, got 'shortcut='"),
        ("net,=A", "options are written OPTION=VALUE, got '=A'"),
        ("net,=", "options are written OPTION=VALUE, got '='"),
        ("net,shortcut:A", "options are written OPTION=VALUE, got 'shortcut:A'"),
        ("net,depths=1,2", "options are written OPTION=VALUE, got '2'"),
        ("net,a=1,,b=2", "options are written OPTION=VALUE, got ''"),
        ("net,a=1,a=1", "a is given twice"),
        ("net,a=1,b=2,a=3", "a is given twice"),
    ],
)
def test_full_text_of_errors(word: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_model(word)
    assert str(caught.value) == f"1 problem in {word}: {text}"


@pytest.mark.parametrize("word", ["", "resnet18", "resnext50_32x4d", "my.net-2"])
def test_a_name_alone(word: str) -> None:
    assert parse_model(word) == (word, {})


@given(st.text(max_size=40))
def test_only_config_errors_come_out(word: str) -> None:
    try:
        name, options = parse_model(word)
    except ConfigError:
        return
    assert "," not in name
    assert all(options), "no option without a name"


@pytest.mark.parametrize("value", ["9" * 5000, "9" * 5000 + "-1"], ids=["number", "list"])
def test_numbers_too_long_for_python(value: str) -> None:
    try:
        parse_model(f"net,a={value}")
    except ConfigError:
        return


@pytest.mark.parametrize("value", ["1--2", "-1-2", "1-2--"])
def test_slips_in_lists_are_not_swallowed(value: str) -> None:
    """Either when they are read or by the option's own check."""

    def read() -> None:
        name, options = parse_model(f"resnet18,depths={value},widths=8-8")
        resolve(name, options)

    with pytest.raises(ConfigError):
        read()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, ""),
        ({"depths": (3, 4, 6, 3)}, "depths=3-4-6-3"),
        ({"depths": (3,)}, "depths=3-"),
        ({"shortcut": "A-end", "include_top": False}, "shortcut=A-end,include_top=false"),
        ({"image_size": None, "drop_path_rate": 0.1}, "drop_path_rate=0.1"),
    ],
)
def test_format_options(options: dict[str, Any], word: str) -> None:
    assert format_options(options) == word


Options = dict[str, Any]
counts = st.integers(1, 300)
rates = st.floats(0, 1, exclude_max=True)
Strategies = dict[str, st.SearchStrategy[Any]]
kernel_sizes = st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=5).map(tuple)

common: Strategies = {"num_classes": counts, "in_channels": counts, "image_size": st.integers(128, 300)}
headless: Strategies = {
    "include_top": st.just(False),
    "pooling": st.sampled_from(["avg", "max", "none"]),
    "in_channels": counts,
}
maps: Strategies = {"features_only": st.just(True), "image_size": st.integers(128, 300)}
stack: Strategies = {
    "expansion": counts,
    "stride_on": st.sampled_from(["first", "spatial"]),
    "stem": st.sampled_from(["imagenet", "deep", "small", "cifar"]),
    "stem_pool": st.sampled_from(["padded", "ceil", "zeros"]),
    "output_stride": st.sampled_from([4, 8, 16, 32]),
}
residual: Strategies = stack | {
    "shortcut": st.sampled_from(["A", "A-end", "B", "C"]),
    "drop_path_rate": rates,
}
FAMILIES: dict[str, Strategies] = {
    "plain34": stack | {"kernel_sizes": kernel_sizes},
    "vgg16_bn": {
        "batch_norm": st.booleans(),
        "hidden_features": counts,
        "dropout": rates,
    },
    "resnet18": residual | {"kernel_sizes": kernel_sizes, "zero_init_residual": st.booleans()},
    "resnet20": residual | {"kernel_sizes": kernel_sizes, "zero_init_residual": st.booleans()},
    "resnetv2_50": residual
    | {"kernel_sizes": kernel_sizes, "first_unit": st.sampled_from(["after_stem", "shared", "own"])},
    "resnext50_32x4d": residual
    | {
        "cardinality": counts,
        "base_width": st.integers(8, 99),
        "form": st.sampled_from(["a", "b", "c"]),
    },
    "seresnet50": residual
    | {"reduction": counts, "squeeze_multiple": counts, "cardinality": counts, "base_width": counts},
}


@st.composite
def options_of(draw: st.DrawFn, name: str) -> Options:
    """Options that the architecture takes, in any order."""
    mode = draw(st.sampled_from([common, headless, maps]))
    chosen = draw(st.fixed_dictionaries({}, optional=FAMILIES[name] | mode))
    if "pooling" in chosen:
        chosen["include_top"] = False
    if draw(st.booleans()):
        num_stages = draw(st.integers(1, 5))
        stages = st.lists(st.integers(16, 64), min_size=num_stages, max_size=num_stages).map(tuple)
        chosen |= {"depths": draw(stages), "widths": tuple(sorted(draw(stages)))}
    return {key: chosen[key] for key in draw(st.permutations(sorted(chosen)))}


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(name: str, data: st.DataObject) -> None:
    options = data.draw(options_of(name))
    written = format_options(options)
    word = f"{name},{written}" if options else name
    read_name, read = parse_model(word)
    assert read_name == name
    assert read == options
    assert list(read) == list(options)
    assert resolve(read_name, read) == resolve(name, options)


@pytest.mark.parametrize("options", [{}, {"include_top": False}, {"features_only": True}], ids=str)
def test_the_options_that_describe_prints_are_accepted(options: Options) -> None:
    described = resnets.describe("resnet20", **options)
    word = f"resnet20,{format_options(described.options)}"
    assert resolve(*parse_model(word)) == resolve("resnet20", options)


@pytest.mark.parametrize("options", [{"depths": [1, 1, 1, 1]}, {"kernel_sizes": [3]}], ids=str)
def test_lists_are_written_like_tuples(options: Options) -> None:
    resolve("resnet18", options)  # they are accepted
    _, read = parse_model(f"resnet18,{format_options(options)}")
    assert resolve("resnet18", read) == resolve("resnet18", options)


@pytest.mark.parametrize(
    ("word", "options"),
    [
        (
            "resnet18,shortcut=A,depths=1-1-1-1,widths=8-8-8-8",
            {"shortcut": "A", "depths": (1,) * 4, "widths": (8,) * 4},
        ),
        ("resnet20,kernel_sizes=3-,depths=1-1-1", {"kernel_sizes": (3,), "depths": (1, 1, 1)}),
        ("resnet20,include_top=false,pooling=none", {"include_top": False, "pooling": "none"}),
    ],
)
def test_networks_from_words(word: str, options: Options) -> None:
    name, read = parse_model(word)
    with torch.device("meta"):
        one, two = resnets.create_model(name, **read), resnets.create_model(name, **options)
    assert str(one) == str(two)
