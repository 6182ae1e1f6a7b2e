"""The machine that times were measured on, and whether it was busy with something else."""

from __future__ import annotations

import os
from typing import Any

import torch

from resnets.training.machine import this_machine


def timed_machine(device: torch.device) -> dict[str, Any]:
    """Describe what times depend on.

    Args:
        device: where the networks are.
    """
    machine = this_machine(str(device))
    return {
        "device": str(device),
        "device_name": machine.name,
        "cores": machine.cores,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def busy_note() -> str:
    """Say so if other programs take the processors; '' if not, or if the system does not tell."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # This process and its reading take their share.
    if load <= cores + 1:
        return ""
    return (
        f"the machine was busy (load {load:.1f} on {cores} cores): times are longer and vary more than "
        "on a quiet one; their order is still fair, as all took turns"
    )
