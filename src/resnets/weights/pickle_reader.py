"""Reading what `torch.save` wrote, in a process of its own (`pickle_child`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from resnets.errors import WeightsError
from resnets.weights import pickle_child
from resnets.weights.opening import quote
from resnets.weights.safetensors_file import read_header, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

Tree = dict[tuple[str, ...], "Tensor | str"]
"""Tensors by their path through the dictionaries of a file, and names of types for anything else."""

SECONDS = 180
"""By the clock, besides one for every 10 MB; the process itself stops by the time of the processor."""


def read_pickle(path: str | Path) -> Tree:
    """Read a file that `torch.save` wrote, without running code of it.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it holds more than tensors, numbers and texts, or is damaged.
    """
    file = Path(path).resolve()
    with tempfile.TemporaryDirectory(prefix="resnets-") as name:
        folder = Path(name)
        seconds = SECONDS + file.stat().st_size // 10_000_000
        link = folder / "checkpoint.pt"  # torch.load goes by some names
        try:
            link.symlink_to(file)
        except OSError:  # not everybody may make links on Windows
            shutil.copyfile(file, link)
        command = [sys.executable, "-P", pickle_child.__file__, str(link), name]
        # What a user's Python is told to do at its start must not happen here.
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONSTARTUP"}
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                command,
                cwd=name,
                env=kept | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WeightsError(f"{quote(path)} takes more than {seconds} s to unpack") from None
        failure, result = folder / "failure.json", folder / "tensors.safetensors"
        if failure.exists():
            raise WeightsError(f"{quote(path)} {json.loads(failure.read_text('utf-8'))}")
        if done.returncode or not result.exists():
            raise WeightsError(
                f"{quote(path)} stopped the process that unpacked it (exit status {done.returncode}); "
                "it is damaged, or needs far more memory than its size allows"
            )
        header = read_header(result)
        tensors = read_tensors(result, header)
    paths = json.loads(header.metadata["paths"])
    others = json.loads(header.metadata["others"])
    tree: Tree = {tuple(place): tensors[str(i)] for i, place in enumerate(paths)}
    return tree | {tuple(place): kind for *place, kind in others}
