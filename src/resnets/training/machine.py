"""What a training runs on: the device, its cores, its memory, and whether it multiplies bf16 numbers."""

from __future__ import annotations

import os
import platform
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from resnets.errors import ConfigError, printable
from resnets.launch import launch

Device = Literal["cpu", "cuda", "mps"]

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
# Of x86 and, the last, of ARM, as Linux writes them. Without such instructions bf16 is emulated.
_AMPERE = (8, 0)
# The first compute capability with bf16 in its tensor cores.
_UNLIMITED = 2**60
# Bytes. What version 1 of control groups says where there is no limit is above it.


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Attributes:
        device: where the network is.
        name: of the processor or GPU.
        cores: that this process may use; the processes that train together share the machine's.
        memory_bytes: that this process may have at most, on the device: the same for every run.
        available_bytes: that is free now.
        has_bf16: the device has instructions for products of bf16 numbers.
    """

    device: Device
    name: str
    cores: int
    memory_bytes: int
    available_bytes: int
    has_bf16: bool


def this_machine(device: str | None = None) -> Machine:
    """Look at the machine.

    Args:
        device: in PyTorch's words, such as 'cpu' or 'cuda:1'. [the first GPU, or else the processor]

    Raises:
        ConfigError: if there is no such device, or nothing here was written for its kind.
    """
    where = find_device(device)
    neighbours = launch().local_count
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = max(1, cores // neighbours)
    if where.type == "cuda":
        free, total = torch.cuda.mem_get_info(where)
        has_bf16 = torch.cuda.get_device_capability(where) >= _AMPERE
        return Machine("cuda", torch.cuda.get_device_name(where), cores, total, free, has_bf16)
    total, free = (amount // neighbours for amount in memory_of_process())
    if where.type == "mps":
        total = min(total, torch.mps.recommended_max_memory())
        return Machine("mps", platform.processor(), cores, total, min(total, free), has_bf16=False)
    text = _read(Path("/proc/cpuinfo"))
    return Machine("cpu", _processor(text), cores, total, free, has_bf16=names_bf16(text))


def forked_rng(word: str | None) -> AbstractContextManager[None]:
    """Leave the generators of a device and of the processor as they were.

    Args:
        word: as for `find_device`. Where there are more, PyTorch would keep the states of all, and warn.
    """
    device = find_device(word)
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def find_device(word: str | None = None) -> torch.device:
    """The device that a word means; of several processes on a machine, each has a GPU of its own.

    Args:
        word: in PyTorch's words, such as 'cpu' or 'cuda:1'. [the first GPU, or else the processor]

    Raises:
        ConfigError: if there is no such device, or processes would share one.
    """
    kinds = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    place = launch()
    try:
        device = torch.device(word or next(kind for kind in ("cuda", "mps", "cpu") if kinds[kind]))
    except RuntimeError:
        device = torch.device("meta")
    if place.local_count > 1 and device.type == "cuda":
        if device.index is not None:
            raise ConfigError("the training", [f"{word} is one GPU for several processes: say cuda"])
        device = torch.device("cuda", place.local_rank)
    if (device.index or 0) >= kinds.get(device.type, 0):
        there = [kind if kind != "cuda" else f"cuda:{i}" for kind in kinds for i in range(kinds[kind])]
        problem = (
            f"there is no device {printable(str(word or device))!r} here; there is {', '.join(there)}"
        )
        raise ConfigError("the training", [problem])
    return device


def names_bf16(cpuinfo: str) -> bool:
    """Tell whether Linux's description of a processor names instructions for bf16.

    Args:
        cpuinfo: text of /proc/cpuinfo.

    Example:
        >>> names_bf16("flags : fpu avx512_bf16"), names_bf16("flags : fpu avx2")
        (True, False)
    """
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return bool(flags and _BF16_FLAGS & set(flags[1].split()))


def memory_of_process(root: Path = Path("/")) -> tuple[int, int]:
    """Bytes that this process may have at most, and those that are free now.

    The machine's, or the limit of a container (control groups, versions 1 and 2).

    Args:
        root: of the file system.
    """
    found = re.findall(r"(?m)^(\w+):\s+(\d+) kB", _read(root / "proc/meminfo"))
    info = {str(key): 1024 * int(value) for key, value in found}
    if "MemTotal" in info:
        total = info["MemTotal"]
        free = info.get("MemAvailable", total)
    else:
        total = free = _physical_memory()
    groups = root / "sys/fs/cgroup"
    own = re.search(r"^0::/(.*)$", _read(root / "proc/self/cgroup"), re.MULTILINE)
    candidates = [
        (groups / (own[1] if own else ""), "memory.max", "memory.current"),
        (groups, "memory.max", "memory.current"),
        (groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ]
    for folder, limit_file, usage_file in candidates:
        limit, usage = _read(folder / limit_file).strip(), _read(folder / usage_file).strip()
        if limit.isdecimal() and usage.isdecimal() and int(limit) < _UNLIMITED:
            # What files left behind in memory counts as used, and is given back when it is needed.
            cached = re.search(r"(?m)^inactive_file (\d+)$", _read(folder / "memory.stat"))
            left = int(limit) - int(usage) + (int(cached.group(1)) if cached else 0)
            total, free = min(total, int(limit)), max(0, min(free, left))
    return total, free


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        return _UNLIMITED


def _processor(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""
