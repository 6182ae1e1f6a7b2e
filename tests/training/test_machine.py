from __future__ import annotations

from pathlib import Path

import pytest
import torch

from resnets.errors import ConfigError
from resnets.training.machine import memory_of_process, names_bf16, this_machine


def test_a_device_can_be_named() -> None:
    assert this_machine("cpu").device == "cpu"
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    there = ", ".join(["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])])
    for word in ("cuda:99", "tpu", "meta", "cpu:1"):
        with pytest.raises(ConfigError) as error:
            this_machine(word)
        assert str(error.value) == (
            f"1 problem in the training: there is no device '{word}' here; there is {there}"
        )


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


MEMINFO = {"proc/meminfo": "MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable:  700 kB\n"}
GROUP = "sys/fs/cgroup/"


def test_this_machine_is_described() -> None:
    machine = this_machine()
    assert machine.device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert 0 < machine.available_bytes <= machine.memory_bytes
    assert machine.cores >= 1


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("model name : EPYC 9005\nflags\t\t: fpu avx512f avx512_bf16 avx2\n", True),
        ("flags : fpu amx_bf16 amx_tile\n", True),
        ("Features : fp asimd bf16\n", True),  # ARM
        ("model name : bf16 avx512_bf16\nflags : fpu avx2 avx512f\n", False),
        ("", False),
    ],
)
def test_bf16_is_told_by_the_flags(text: str, has: bool) -> None:
    assert names_bf16(text) is has


def test_memory_without_a_limit_is_the_machines(tmp_path: Path) -> None:
    files = MEMINFO | {f"{GROUP}memory.max": "max\n", f"{GROUP}memory.current": "9\n"}
    assert memory_of_process(write(tmp_path, files)) == (1_024_000, 716_800)


def test_memory_is_limited_by_the_control_group(tmp_path: Path) -> None:
    files = MEMINFO | {
        "proc/self/cgroup": "0::/jobs/7\n",
        f"{GROUP}jobs/7/memory.max": "400000\n",
        f"{GROUP}jobs/7/memory.current": "300000\n",
        f"{GROUP}jobs/7/memory.stat": "anon 250000\ninactive_file 50000\n",
    }
    # What is free: 400000 - 300000, and the 50000 of files that can be dropped.
    assert memory_of_process(write(tmp_path, files)) == (400_000, 150_000)


def test_memory_is_limited_by_version_1_of_control_groups(tmp_path: Path) -> None:
    limit, usage = (f"{GROUP}memory/memory.{what}_in_bytes" for what in ("limit", "usage"))
    assert memory_of_process(write(tmp_path / "a", MEMINFO | {limit: "500000", usage: "200000"})) == (
        500_000,
        300_000,
    )
    unlimited = MEMINFO | {limit: "9223372036854771712", usage: "200000"}
    assert memory_of_process(write(tmp_path / "b", unlimited)) == (1_024_000, 716_800)


def test_memory_is_known_without_proc(tmp_path: Path) -> None:
    total, free = memory_of_process(tmp_path)
    assert total == free > 0
