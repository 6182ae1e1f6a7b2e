"""Channels, strides and dilations of all units fit together, whatever the network."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnets.networks import plan_units
from resnets.networks.unit_plan import UnitPlan


@st.composite
def plans(draw: st.DrawFn) -> tuple[dict[str, Any], UnitPlan]:
    stages = draw(st.integers(1, 6))
    numbers = st.lists(st.integers(1, 40), min_size=stages, max_size=stages)
    stem_stride = draw(st.sampled_from([1, 2, 4]))
    given_options: dict[str, Any] = {
        "depths": draw(st.lists(st.integers(1, 9), min_size=stages, max_size=stages)),
        "widths": draw(numbers),
        "out_channels": draw(numbers),
        "stem_channels": draw(st.integers(1, 64)),
        "stem_stride": stem_stride,
        "output_stride": draw(st.sampled_from([s for s in (1, 2, 4, 8, 16, 32) if s >= stem_stride])),
    }
    return given_options, plan_units(**given_options)


@given(plans())
def test_one_tuple_per_stage_with_its_depth(case: tuple[dict[str, Any], UnitPlan]) -> None:
    options, plan = case
    assert [len(stage) for stage in plan] == options["depths"]
    for i, stage in enumerate(plan):
        assert [(unit.stage, unit.index) for unit in stage] == [(i, j) for j in range(len(stage))]
        assert {unit.width for unit in stage} == {options["widths"][i]}
        assert {unit.out_channels for unit in stage} == {options["out_channels"][i]}


@given(plans())
def test_channels_are_chained(case: tuple[dict[str, Any], UnitPlan]) -> None:
    options, plan = case
    units = [unit for stage in plan for unit in stage]
    assert units[0].in_channels == options["stem_channels"]
    for before, after in itertools.pairwise(units):
        assert after.in_channels == before.out_channels


@given(plans())
def test_only_first_units_stride(case: tuple[dict[str, Any], UnitPlan]) -> None:
    _, plan = case
    assert plan[0][0].stride == 1
    for stage in plan:
        assert stage[0].stride in (1, 2)
        assert {unit.stride for unit in stage[1:]} <= {1}


@given(plans())
def test_stride_times_dilation_is_the_resolution(case: tuple[dict[str, Any], UnitPlan]) -> None:
    options, plan = case
    stride = options["stem_stride"]
    for i, stage in enumerate(plan):
        stride *= stage[0].stride
        assert stride <= options["output_stride"]
        undilated = options["stem_stride"] * 2**i
        for unit in stage:
            assert stride * unit.later_dilation == undilated
        assert stage[0].dilation in (stage[0].later_dilation, stage[0].later_dilation // 2)
        assert all(unit.dilation == unit.later_dilation for unit in stage[1:])


@given(plans())
def test_the_output_stride_is_reached(case: tuple[dict[str, Any], UnitPlan]) -> None:
    options, plan = case
    coarsest = options["stem_stride"] * 2 ** (len(plan) - 1)
    total = options["stem_stride"]
    for stage in plan:
        total *= stage[0].stride
    assert total == min(coarsest, options["output_stride"])


@given(plans())
def test_depth_fractions_are_l_over_all(case: tuple[dict[str, Any], UnitPlan]) -> None:
    _, plan = case
    units = [unit for stage in plan for unit in stage]
    for place, unit in enumerate(units, start=1):
        assert unit.depth_fraction == pytest.approx(place / len(units))
    assert units[-1].depth_fraction == 1.0


def test_resnet50_at_output_stride_8() -> None:
    plan = plan_units(
        (3, 4, 6, 3),
        (64, 128, 256, 512),
        (256, 512, 1024, 2048),
        stem_channels=64,
        stem_stride=4,
        output_stride=8,
    )
    assert [stage[0].stride for stage in plan] == [1, 2, 1, 1]
    assert [(stage[0].dilation, stage[0].later_dilation) for stage in plan] == [
        (1, 1),
        (1, 1),
        (1, 2),
        (2, 4),
    ]
    assert [stage[1].dilation for stage in plan] == [1, 1, 2, 4]


def test_lists_of_other_lengths_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        plan_units((1, 1), (8,), (8, 8), stem_channels=8, stem_stride=1)
