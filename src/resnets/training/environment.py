"""What a run was made with and on: enough to repeat it, nothing about who ran it.

Neither the user's name nor the machine's is in it, and the home folder is written as '~'.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from resnets import __version__
from resnets.training.machine import memory_of_process, this_machine

_PACKAGES = ("torch", "numpy", "pillow", "safetensors", "pydantic", "simplejpeg")
# Whose version can change a number.
_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "KMP_AFFINITY",
    "LD_PRELOAD",
    "MALLOC_CONF",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "PYTORCH_CUDA_ALLOC_CONF",
    "RANK",
    "WORLD_SIZE",
)


def environment(*, device: torch.device, command: Sequence[str] = ()) -> dict[str, Any]:
    """Describe this process and its machine, as for JSON.

    Args:
        device: where the network is.
        command: words of the command line; none from Python.
    """
    machine = this_machine()
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [_without_home(word) for word in command],
        "resnets": __version__,
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "device": str(device),
        "device_name": machine.name if machine.device == device.type else "",
        "cores": machine.cores,
        "threads": torch.get_num_threads(),
        "memory_bytes": memory_of_process()[0],
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda or "",
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "variables": {
            name: _without_home(os.environ[name]) for name in _VARIABLES if name in os.environ
        },
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _without_home(text: str) -> str:
    try:
        home = str(Path.home())
    except RuntimeError:  # there is none
        return text
    return text if len(home) < 2 else re.sub(rf"{re.escape(home)}(?=[/\\]|$)", "~", text)
