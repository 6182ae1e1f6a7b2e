"""Learning rates of each step, against the sources' numbers and PyTorch's schedulers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from resnets.recipes.settings import Schedule
from resnets.training.schedules import learning_rate_factor, schedule_problems


def factors(schedule: Schedule, num_steps: int, steps_per_epoch: int) -> list[float]:
    return [
        learning_rate_factor(schedule, step, num_steps=num_steps, steps_per_epoch=steps_per_epoch)
        for step in range(num_steps)
    ]


def torch_factors(make: Any, num_steps: int, **options: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer, **options)
    found = []
    for _ in range(num_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("milestones", "gamma", "epochs", "expected"),
    [
        # arXiv:1512.03385, sec. 4.2: x0.1 at 32k and 48k iterations of 64k, here epochs of 1k
        ((32.0, 48.0), 0.1, 64, {31: 1.0, 32: 0.1, 47: 0.1, 48: 0.01, 63: 0.01}),
        # fb.resnet.torch, train.lua: 0.1^(epoch >= 122 and 2 or epoch >= 81 and 1 or 0), from 1
        ((80.0, 121.0), 0.1, 164, {79: 1.0, 80: 0.1, 120: 0.1, 121: 0.01, 163: 0.01}),
        # arXiv:1605.07146, sec. 3: x0.2 at 60, 120 and 160 epochs
        ((60.0, 120.0, 160.0), 0.2, 200, {59: 1.0, 60: 0.2, 120: 0.04, 160: 0.008, 199: 0.008}),
        # arXiv:1608.06993, sec. 4.2: x0.1 at 50 % and 75 % of 300 epochs
        ((150.0, 225.0), 0.1, 300, {149: 1.0, 150: 0.1, 224: 0.1, 225: 0.01}),
    ],
    ids=["resnet", "fb.resnet.torch", "wide_resnet", "densenet"],
)
def test_milestones_of_the_sources(
    milestones: tuple[float, ...], gamma: float, epochs: int, expected: dict[int, float]
) -> None:
    schedule = Schedule(shape="step", milestones=milestones, gamma=gamma)
    for epoch, factor in expected.items():
        for step in (epoch * 391, epoch * 391 + 390):
            got = learning_rate_factor(schedule, step, num_steps=epochs * 391, steps_per_epoch=391)
            assert got == pytest.approx(factor)


def test_a_milestone_that_is_a_fraction_of_an_epoch() -> None:
    found = factors(Schedule(shape="step", milestones=(1 / 3, 0.7)), 30, 30)
    assert found == pytest.approx([1.0] * 10 + [0.1] * 11 + [0.01] * 9)


@pytest.mark.parametrize(
    ("schedule", "make", "options"),
    [
        (Schedule(final=0.1), lr_scheduler.CosineAnnealingLR, {"T_max": 40, "eta_min": 0.1}),
        (
            Schedule(shape="polynomial", power=2.0),
            lr_scheduler.PolynomialLR,
            {"total_iters": 40, "power": 2.0},
        ),
        (
            Schedule(shape="step", milestones=(1.0, 3.0), gamma=0.5),
            lr_scheduler.MultiStepLR,
            {"milestones": [10, 30], "gamma": 0.5},
        ),
        (
            # ffcv-imagenet: straight up until epoch 2 of 16, straight down to 0. Its pct_start counts
            # one step less than the run; the steps themselves are the same.
            Schedule(shape="one_cycle", peak=0.125, warmup_start=0.04),
            lr_scheduler.OneCycleLR,
            {
                "max_lr": 1.0,
                "total_steps": 41,
                "pct_start": 6 / 41,
                "anneal_strategy": "linear",
                "div_factor": 25,
                "final_div_factor": math.inf,
                "cycle_momentum": False,
            },
        ),
    ],
    ids=["cosine", "polynomial", "step", "one_cycle"],
)
def test_same_as_torch(schedule: Schedule, make: Any, options: dict[str, Any]) -> None:
    assert factors(schedule, 40, 10) == pytest.approx(torch_factors(make, 40, **options), abs=1e-6)


def test_densenet_cosine() -> None:
    # DenseNet's tech report: lr(t) = 0.5 lr0 (1 + cos(pi t / T))
    found = factors(Schedule(), 90, 1)
    assert found == pytest.approx([0.5 * (1 + math.cos(math.pi * t / 90)) for t in range(90)])


def test_warmup_of_resnet_strikes_back() -> None:
    # arXiv:2110.00476: 5 of 600 epochs, then a cosine down to 1e-6 of 5e-3
    schedule = Schedule(warmup_epochs=5.0, warmup_start=0.02, final=2e-4)
    found = factors(schedule, 6000, 10)
    assert found[0] == 0.02
    assert found[25] == pytest.approx(0.51)
    assert found[50] == 1.0
    assert found[50 + 5950 // 2] == pytest.approx((1 + 2e-4) / 2)
    assert 2e-4 < found[-1] < 2.01e-4


def test_a_constant_warmup_until_the_error_is_low() -> None:
    # arXiv:1512.03385, sec. 4.2: ResNet-110 at 0.01 until the error is below 80 %, then at 0.1
    schedule = Schedule(
        shape="step",
        milestones=(82.0, 123.0),
        warmup_epochs=3.0,
        warmup="constant",
        warmup_start=0.1,
        warmup_until_error=0.8,
    )

    def factor(step: int, warmup_end: int | None) -> float:
        return learning_rate_factor(
            schedule, step, num_steps=64_000, steps_per_epoch=391, warmup_end=warmup_end
        )

    assert [factor(step, None) for step in (0, 3 * 391 - 1, 3 * 391)] == [0.1, 0.1, 1.0]
    assert [factor(step, 400) for step in (399, 400)] == [0.1, 1.0]
    assert [factor(step, 5000) for step in (3 * 391 - 1, 3 * 391)] == [0.1, 1.0]
    assert factor(82 * 391, 400) == 0.1


shapes = st.sampled_from(["constant", "step", "cosine", "polynomial", "one_cycle"])
shares = st.floats(0.0, 0.99)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shapes, st.floats(0.0, 3.0), shares, shares, shares, st.floats(0.1, 3.0), st.integers(1, 9))
def test_always_a_share_that_falls_after_the_warmup(
    shape: Any, warmup: float, start: float, final: float, peak: float, power: float, per_epoch: int
) -> None:
    is_cycle = shape == "one_cycle"
    schedule = Schedule(
        shape=shape,
        warmup_epochs=0.0 if is_cycle else warmup,
        warmup_start=start,
        milestones=(3.2, 4.0) if shape == "step" else (),
        final=final,
        peak=peak,
        power=power,
    )
    found = factors(schedule, 5 * per_epoch, per_epoch)
    assert all(0.0 <= factor <= 1.0 for factor in found)
    first = math.ceil(5 * per_epoch * peak if is_cycle else warmup * per_epoch)
    assert found[:first] == sorted(found[:first])
    assert found[first:] == sorted(found[first:], reverse=True)
    if found[first:] and shape != "one_cycle" and not (first - warmup * per_epoch):
        assert found[first] == pytest.approx(1.0)


def test_the_rate_does_not_jump_where_the_warmup_ends() -> None:
    found = factors(Schedule(warmup_epochs=1.5), 10_000, 1000)
    assert max(abs(a - b) for a, b in pairwise(found)) < 1 / 1500 + 1e-9


@pytest.mark.parametrize(
    ("schedule", "problems"),
    [
        (Schedule(warmup_epochs=5.0), []),
        (
            Schedule(warmup_epochs=90.0),
            ["schedule.warmup_epochs must be less than the 90 epochs of the run, got 90"],
        ),
        (
            Schedule(shape="step", milestones=(30.0, 90.0, 120.5)),
            ["schedule.milestones must be less than the 90 epochs of the run, got 90, 120.5"],
        ),
        (
            Schedule(shape="one_cycle", warmup_epochs=2.0),
            [
                "schedule.warmup_epochs must be 0 with shape 'one_cycle', which rises by itself until "
                "`peak`; got 2"
            ],
        ),
    ],
    ids=["none", "warmup", "milestones", "one_cycle"],
)
def test_problems(schedule: Schedule, problems: list[str]) -> None:
    assert schedule_problems(schedule, epochs=90) == problems
