"""Time and memory of networks, measured in turn."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from resnets import Classifier, Preprocessing, create_model
from resnets.analysis.latency import Timing, measure_speed
from resnets.analysis.process_memory import memory_of_fresh_process
from resnets.analysis.timed_machine import busy_note
from resnets.errors import ConfigError


def small_model(name: str, image_size: int = 8) -> Classifier:
    return Classifier.from_network(
        create_model(name, num_classes=2),
        class_names=["cat", "dog"],
        preprocessing=Preprocessing(image_size=image_size),
    )


def constant() -> Classifier:
    """Takes no time to speak of."""
    info = small_model("resnet8").info
    return Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 2, 1)), info)


def test_networks_on_two_devices_are_refused() -> None:
    models = [constant(), constant()]
    models[1].network.to("meta")
    with pytest.raises(ConfigError) as caught:
        measure_speed(models, ["a", "b"], Timing())
    assert str(caught.value) == (
        "1 problem in the arguments of compare: a is on cpu and b on meta: times can only be compared on one "
        "device, move the networks to one"
    )


def test_networks_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    models = [constant(), constant(), constant()]
    for name, model in zip("abc", models, strict=True):
        model.network.register_forward_hook(lambda *_, name=name: order.append(name))
    monkeypatch.setattr("resnets.analysis.latency.memory_of_fresh_process", lambda *_, **__: 5)
    told: list[tuple[int, int]] = []
    speeds = measure_speed(models, ["a", "b", "c"], Timing(), on_round=lambda *step: told.append(step))
    assert "".join(order) == "abcbcacab" * 11  # three rounds to warm up, thirty that count
    assert told[-1] == (33, 33)
    for speed in speeds:
        assert speed.num_batches == 30
        assert speed.memory_bytes == 5
        assert 0 < speed.latency_low_ms <= speed.latency_ms <= speed.latency_high_ms
        assert speed.images_per_second == pytest.approx(1000 / speed.latency_ms)


def test_median_and_middle_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of batches that take 1 to 30 ms, after three that are not looked at."""
    clock = iter([0.0] * 3 + [t for i in range(1, 31) for t in (0.0, i / 1000)])
    monkeypatch.setattr(
        "resnets.analysis.latency.time", SimpleNamespace(perf_counter=lambda: next(clock))
    )
    monkeypatch.setattr("resnets.analysis.latency.memory_of_fresh_process", lambda *_, **__: None)
    (speed,) = measure_speed([constant()], ["a"], Timing(batch_size=2))
    # As NumPy's percentile gives them for 1 to 30.
    assert speed.latency_ms == pytest.approx(15.5)
    assert (speed.latency_low_ms, speed.latency_high_ms) == pytest.approx((8.25, 22.75))


def test_a_busy_machine_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (2.5, 0.0, 0.0), raising=False)
    assert busy_note() == ""
    monkeypatch.setattr("os.getloadavg", lambda: (7.25, 0.0, 0.0), raising=False)
    assert busy_note() == (
        "the machine was busy (load 7.2 on 2 cores): times are longer and vary more than on a quiet one; "
        "their order is still fair, as all took turns"
    )


def test_memory_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert memory_of_fresh_process(small_model("resnet8"), batch_size=1) is None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux counts")
def test_memory_of_a_fresh_process() -> None:
    def needed(name: str) -> int:
        found = memory_of_fresh_process(small_model(name, 64), batch_size=1)
        assert found is not None
        return found

    weights = 4 * 11_177_538
    assert weights < needed("resnet18") < 4 * weights
    assert needed("resnet8") < weights
