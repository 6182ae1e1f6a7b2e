"""Two hosts, as far as a network is concerned: namespaces of Linux with one cable between them.

Needs root, and `ip` of iproute2.
"""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import nn

from resnets.architectures.creation import create_model

ADDRESSES = ("10.77.31.1", "10.77.31.2")
_PORT = 29431
TIMEOUT_S = 8
"""After which a process that does not answer is given up."""


def can_make_hosts() -> bool:
    """Whether this process may make namespaces with a network."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"resnets-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made.returncode == 0


class TwoHosts:
    """Two namespaces; a context manager."""

    def __init__(self) -> None:
        tag = secrets.token_hex(2)
        self.names = [f"resnets-{tag}-{number}" for number in range(2)]
        self.cables = [f"rn{tag}{number}" for number in range(2)]

    def __enter__(self) -> Self:
        for name in self.names:
            _ip("netns", "add", name)
        first, second = self.cables
        _ip("link", "add", first, "type", "veth", "peer", "name", second)
        for name, cable, address in zip(self.names, self.cables, ADDRESSES, strict=True):
            _ip("link", "set", cable, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", cable)
            _ip("-n", name, "link", "set", cable, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self.names:
            _ip("netns", "del", name)

    def cut(self, host: int) -> None:
        """Take a host from the network, without a word to anybody."""
        _ip("-n", self.names[host], "link", "set", self.cables[host], "down")

    def start(self, host: int, words: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
        """Start a program on a host."""
        environment: Mapping[str, str] = {
            **os.environ,
            "GLOO_SOCKET_IFNAME": self.cables[host],
            "OMP_NUM_THREADS": "1",
            "RESNETS_TIMEOUT_S": str(TIMEOUT_S),
        }
        with log.open("wb") as file:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.names[host], *words],
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def write_config(path: Path, *, epochs: int) -> None:
    """Settings of a training whose steps do not depend on how a batch is shared out."""
    norms = [
        name
        for name, module in create_model("resnet8").named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    path.write_text(
        f'model = "resnet8"\nepochs = {epochs}\nbatch_size = 8\nprecision = "float32"\n'
        f"freeze = {norms}\n\n[checkpoints]\nevery_steps = 3\n".replace("'", '"')
    )


def command(host: int, *, data: Path, config: Path, run: Path, hosts: str = "1:2") -> list[str]:
    """What is started on each host."""
    return [
        sys.executable, "-m", "torch.distributed.run",
        "--nnodes", hosts, "--nproc-per-node", "1", "--max-restarts", "3",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:{_PORT}", "--rdzv-id", "job",
        "--rdzv-conf", f"last_call_timeout=5,is_host={host == 0}", "--local-addr", ADDRESSES[host],
        "-m", "resnets", "train", str(data), "--no-check", "--config", str(config), "--output", str(run),
    ]  # fmt: skip


def epochs_of(run: Path) -> list[dict[str, Any]]:
    """Rows of results.csv."""
    path = run / "results.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def wait_for_epochs(run: Path, count: int, *, seconds: float = 120.0) -> None:
    """Wait until so many epochs are done."""
    first = time.monotonic()
    while len(epochs_of(run)) < count:
        assert time.monotonic() - first < seconds, "the training does not begin"
        time.sleep(0.05)
