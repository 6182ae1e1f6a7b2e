"""The memory that a model needs, measured in a process of its own.

Run as a program with a model file and the size of a batch, it prints the bytes that the process held at
most, less those before the model was loaded. Linux counts them; other systems are not asked.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from resnets.errors import ResNetsError
from resnets.weights.exported_file import SUFFIX

if TYPE_CHECKING:
    from resnets.weights.classifier import Classifier

_BATCHES = 3
_SECONDS = 600


def memory_of_fresh_process(model: Classifier, *, batch_size: int) -> int | None:
    """Load a model in a fresh process, let it answer, and tell what it needed at most, in bytes.

    Args:
        model: a copy of it is written to a temporary file.
        batch_size: images that it sees at a time.

    Returns:
        None where it cannot be told: the system does not count, or the model cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="resnets-") as folder:
        try:
            exported = getattr(model.network, "file", None)
            file = exported or model.save(Path(folder) / "model.safetensors")
        except ResNetsError:
            return None
        command = [sys.executable, "-m", __name__, str(file), str(batch_size)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            return int(json.loads(done.stdout)) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired, ValueError):
            return None


def main(file: str, batch_size: int) -> int:
    """Measure this process.

    Args:
        file: of the model.
        batch_size: images that it sees at a time.
    """
    import torch

    from resnets.analysis.latency import example_batch
    from resnets.weights.loading import load

    # Libraries are there, and do not count.
    torch.nn.functional.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3))
    if Path(file).suffix == SUFFIX:
        for name in ("onnx", "onnxruntime"):
            importlib.import_module(name)
    before = memory_status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # what Python and PyTorch needed is forgotten
    model = load(file)
    batch = example_batch(model, batch_size)
    with torch.inference_mode():
        for _ in range(_BATCHES):
            model.network(batch)
    return memory_status("VmHWM") - before


def memory_status(key: str) -> int:
    """Read what Linux says of this process's memory, in bytes.

    Args:
        key: 'VmRSS', what it holds, or 'VmHWM', what it has held at most.

    Raises:
        OSError: if the system is another.
    """
    text = Path("/proc/self/status").read_text("utf-8")
    found = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise OSError(f"Linux says nothing of {key}")
    return 1024 * int(found[1])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))  # noqa: T201 - its only output
