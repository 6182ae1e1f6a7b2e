from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.training.situations import GIB, LAPTOP

import resnets
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import InputShapeError, MemoryLimitError
from resnets.recipes.settings import TrainingSettings
from resnets.training.memory import (
    MemoryEstimate,
    check_memory,
    estimate_memory,
    explain_out_of_memory,
    parts_that_fit,
)

MIB = 2**20
SETTINGS = TrainingSettings(batch_size=128, preprocessing=Preprocessing(image_size=224))
HALF = MemoryEstimate(
    parameters=GIB,
    gradients=GIB,
    optimizer=GIB,
    average=GIB,
    activations=8 * GIB,
    workspace=0,
    overhead=0,
)


def estimate(name: str = "resnet8", **options: Any) -> MemoryEstimate:
    network = resnets.create_model(name, num_classes=10)
    return estimate_memory(network, **({"image_size": 32, "in_channels": 3, "batch_size": 64} | options))


def test_parts_are_counted() -> None:
    found = estimate(averaging=True, optimizer="adamw")
    network = resnets.create_model("resnet8", num_classes=10)
    parameters = 4 * sum(p.numel() for p in network.parameters())
    assert (found.gradients, found.optimizer) == (parameters, 2 * parameters)
    assert found.average == found.parameters > parameters
    assert found.bytes_total == sum(found.parts.values())


def test_activations_grow_with_images_and_shrink_with_bf16() -> None:
    one, two = estimate(), estimate(batch_size=128)
    assert two.activations == pytest.approx(2 * one.activations, rel=0.01)
    assert estimate(image_size=64).activations == pytest.approx(4 * one.activations, rel=0.01)
    assert estimate(precision="bf16").activations == pytest.approx(one.activations / 2, rel=0.1)


def test_one_image_needs_half_of_what_two_need() -> None:
    one, two = estimate(batch_size=1), estimate(batch_size=2)
    assert 2 * one.activations == two.activations
    assert 2 * one.workspace == two.workspace


def test_copies_inside_of_convolutions_do_not_grow_with_depth_for_ever() -> None:
    shallow, deep, deeper = (
        estimate(f"resnet{depth}", precision="bf16", batch_size=16) for depth in (20, 74, 110)
    )
    assert shallow.overhead < deep.overhead == deeper.overhead
    assert deep.activations < deeper.activations


def test_what_is_frozen_needs_no_gradients() -> None:
    network = resnets.create_model("resnet8", num_classes=10)
    network.get_submodule("stem").requires_grad_(False)
    found = estimate_memory(network, image_size=32, in_channels=3, batch_size=8)
    stem = 4 * sum(p.numel() for p in network.get_submodule("stem").parameters())
    assert estimate().gradients - found.gradients == stem


def test_the_network_is_left_as_it_is() -> None:
    network = resnets.create_model("resnet8", num_classes=10).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    estimate_memory(network, image_size=16, in_channels=3, batch_size=2, precision="bf16")
    assert not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_images_that_do_not_fit() -> None:
    with pytest.raises(InputShapeError):
        estimate(image_size=2)


def test_recomputing_networks_need_less() -> None:
    options: dict[str, Any] = {"num_classes": 10, "depths": (6, 6), "growth_rate": 12}
    plain, sparing = (
        estimate_memory(
            resnets.create_model("densenet-40-12", **options, memory_saving=saves),
            image_size=32,
            in_channels=3,
            batch_size=8,
        ).activations
        for saves in (False, True)
    )
    assert sparing < plain / 2


@pytest.mark.parametrize(
    ("limit", "parts"), [(13, 1), (12, 1), (11.9, 2), (8, 2), (6, 4), (4.2, 64), (4, None)]
)
def test_batches_are_divided_until_they_fit(limit: float, parts: int | None) -> None:
    assert parts_that_fit(HALF, 128, limit * GIB) == parts


def machine(free: float, total: float) -> Any:
    return replace(LAPTOP, available_bytes=int(free * GIB), memory_bytes=int(total * GIB))


def test_enough_memory_is_no_news() -> None:
    assert check_memory(HALF, SETTINGS, machine(16, 16)) is None


def test_tight_memory_is_told() -> None:
    assert check_memory(HALF, SETTINGS, machine(10, 16)) == (
        "training needs about 12.0 GiB, most of it for activations (8.00 GiB), and 10.0 GiB of 16.0 GiB "
        "are free. Set accumulation = 2: 64 images pass at once, and steps stay those of batches of 128"
    )


def test_too_little_memory_ends_a_run_before_it_starts() -> None:
    divided = SETTINGS.model_copy(update={"accumulation": 2})
    with pytest.raises(MemoryLimitError) as error:
        check_memory(HALF, divided, machine(8, 16))
    assert str(error.value) == (
        "training needs about 12.0 GiB, most of it for activations (8.00 GiB), and 8.00 GiB of 16.0 GiB "
        "are free. Set accumulation = 8: 16 images pass at once, and steps stay those of batches of 128"
    )
    with pytest.raises(MemoryLimitError) as error:
        check_memory(HALF, SETTINGS, machine(4, 4))
    assert str(error.value) == (
        "training needs about 12.0 GiB, most of it for activations (8.00 GiB), and 4.00 GiB of 4.00 GiB "
        "are free. Choose a smaller network, or a smaller preprocessing.image_size"
    )


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("could not create a memory object"),
        RuntimeError("std::bad_alloc"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_is_explained(error: Exception) -> None:
    explained = explain_out_of_memory(error, SETTINGS)
    assert explained is not None
    assert explained.exit_code == 5
    first = str(error) or "out of memory"
    assert str(explained) == (
        "there is not enough memory for a training step. What helps: accumulation = 2 passes 64 images at "
        "once instead of 128, and steps stay those of batches of 128; images smaller than 224 pixels "
        f"(preprocessing.image_size); a smaller network. What went wrong: {first}"
    )


def test_a_real_allocation_that_fails_is_explained() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55, dtype=torch.uint8)
    assert isinstance(explain_out_of_memory(error.value, SETTINGS), MemoryLimitError)


def test_other_errors_are_not() -> None:
    assert (
        explain_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), SETTINGS)
        is None
    )
    assert explain_out_of_memory(ValueError("out of memory"), SETTINGS) is None
    whole = MemoryLimitError("said")
    assert explain_out_of_memory(whole, SETTINGS) is whole


PROGRAM = """
import sys, torch, resnets
from pathlib import Path
from torch.nn.functional import cross_entropy

def peak():
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

def train(network, batch, size, steps, precision):
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, fused=True)
    for _ in range(steps):
        images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = cross_entropy(network(images), torch.zeros(batch, dtype=torch.int64))
        loss.backward()
        optimizer.step()

name, size, batch, precision = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.manual_seed(0)
train(resnets.create_model("resnet8", num_classes=2), 2, 16, 1, precision)
before = peak()
network = resnets.create_model(name, num_classes=10, image_size=size).to(memory_format=torch.channels_last)
train(network, batch, size, 2, precision)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    ("name", "size", "batch"),
    [("resnet20", 32, 256), ("resnet18", 64, 48), ("resnet50", 96, 8), ("densenet-40-12", 32, 24)],
)
def test_the_estimate_is_what_a_training_takes(name: str, size: int, batch: int, precision: Any) -> None:
    words = [sys.executable, "-c", PROGRAM, name, str(size), str(batch), precision]
    taken = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    network = resnets.create_model(name, num_classes=10, image_size=size)
    found = estimate_memory(
        network, image_size=size, in_channels=3, batch_size=batch, precision=precision
    )
    assert 0.7 < found.bytes_total / taken < 1.5
