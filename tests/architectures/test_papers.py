"""Sizes as the papers and other libraries state them: golden/papers.toml."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import resnets
from resnets.registry import find_architecture

PAPERS = tomllib.loads((Path(__file__).parents[1] / "golden" / "papers.toml").read_text("utf-8"))
FACTS: list[dict[str, Any]] = PAPERS["fact"]
UNITS = {"M": 10**6, "G": 10**9}


def label(fact: dict[str, Any]) -> str:
    options = ",".join(f"{key}={value}" for key, value in fact.get("options", {}).items())
    return str(fact["name"]) + (f"({options})" if options else "")


def having(key: str) -> pytest.MarkDecorator:
    facts = [fact for fact in FACTS if key in fact]
    return pytest.mark.parametrize(
        "fact",
        [pytest.param(fact, id=label(fact), marks=marks(fact, key)) for fact in facts],
    )


def marks(fact: dict[str, Any], key: str) -> list[pytest.MarkDecorator]:
    """torch's counter takes seconds for a thousand layers, and variants repeat their rows."""
    deep = r"\d{3,4}" if fact.get("options") else r"\d{4}"
    long = key == "multiply_adds" and re.search(deep, fact["name"])
    return [pytest.mark.slow] if long else []


@functools.cache
def network_of(name: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """A network without memory."""
    with torch.device("meta"):
        return resnets.create_model(name, **dict(options))


def parameters(fact: dict[str, Any]) -> int:
    network = network_of(fact["name"], tuple(fact.get("options", {}).items()))
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def multiply_adds(fact: dict[str, Any]) -> int:
    """Multiply-adds for one image of the row's size."""
    side = find_architecture(fact["name"]).image_size
    network = network_of(fact["name"], tuple(fact.get("options", {}).items()))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, network.in_channels, side, side, device="meta"))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return int(flops) // 2


@having("parameters")
def test_parameters(fact: dict[str, Any]) -> None:
    assert parameters(fact) == fact["parameters"], fact["source"]


@having("multiply_adds")
def test_multiply_adds(fact: dict[str, Any]) -> None:
    assert multiply_adds(fact) == fact["multiply_adds"], fact["source"]


@pytest.mark.parametrize("key", ["parameters", "multiply_adds"])
def test_facts_are_the_numbers_as_printed(key: str) -> None:
    for fact in FACTS:
        if f"printed_{key}" not in fact:
            continue
        text = fact[f"printed_{key}"]
        printed, unit = text[:-1], UNITS[text[-1]]
        last_digit = 10.0 ** -len(printed.partition(".")[2])
        counted = fact[key] / unit
        # Papers round, truncate and round up, so one unit of the last digit either way.
        assert abs(counted - float(printed)) < last_digit, f"{label(fact)}: {fact['source']}"


def test_facts_are_unique_and_have_a_source() -> None:
    assert len({(f["source"], label(f)) for f in FACTS}) == len(FACTS)
    assert all(fact["source"].strip() for fact in FACTS)
    known = {"name", "options", "parameters", "multiply_adds", "source"}
    known |= {"printed_parameters", "printed_multiply_adds"}
    assert all(set(fact) <= known for fact in FACTS)


def test_every_architecture_has_a_fact_or_a_reason() -> None:
    covered = {fact["name"] for fact in FACTS if not fact.get("options") and "parameters" in fact}
    excused: dict[str, str] = PAPERS["no_figure"]
    assert not covered & set(excused)
    assert all(reason.strip() for reason in excused.values())
    missing = [n for n in resnets.list_models() if n not in covered and n not in excused]
    assert not missing, f"tests/golden/papers.toml says nothing about {missing}"


def test_stated_sizes_are_the_papers() -> None:
    for fact in FACTS:
        row = find_architecture(fact["name"])
        if fact.get("options") or row.parameters is None:
            continue
        assert row.parameters == fact["parameters"], row.name
        assert row.multiply_adds == fact.get("multiply_adds", row.multiply_adds), row.name
