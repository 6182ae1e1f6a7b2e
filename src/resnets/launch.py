"""Whether this process is one of several that train together, as the variables of `torchrun` tell.

Under Slurm and Kubernetes, every machine starts `torchrun`, which sets them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from resnets.errors import ConfigError


@dataclass(frozen=True)
class Launch:
    """How a process was started.

    Attributes:
        rank: number of this process, from 0.
        count: of all processes, on all machines.
        local_rank: number of this process on its machine, from 0.
        local_count: processes on this machine.
        restarts: `torchrun` started it, which starts all processes again when one ends too early.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    restarts: bool = False


def launch() -> Launch:
    """Read how this process was started: alone, where nothing says that there are others.

    Raises:
        ConfigError: if the variables make no sense together.
    """
    said = os.environ.get("WORLD_SIZE", "1"), os.environ.get("RANK", "0")
    local = os.environ.get("LOCAL_WORLD_SIZE", "1"), os.environ.get("LOCAL_RANK", "0")
    names = ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE", "LOCAL_RANK")
    try:
        count, rank, local_count, local_rank = map(int, (*said, *local))
    except ValueError:
        count = rank = local_count = local_rank = -1
    if not (0 <= rank < count and 0 <= local_rank < local_count <= count):
        got = ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)
        raise ConfigError(
            "the environment", [f"{got} do not belong together: start the processes with torchrun"]
        )
    return Launch(rank, count, local_rank, local_count, restarts="TORCHELASTIC_RUN_ID" in os.environ)
