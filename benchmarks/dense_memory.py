"""Memory-saving DenseNet: what a training step keeps and how long it takes, with and without.

Activations are the peak resident memory of a fresh process above what it had before the first step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

STEP = """
import ctypes, json, resource, time, torch, resnets
torch.manual_seed(0)
network = resnets.create_model({name!r}, memory_saving={saving}).train()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
images, labels = torch.randn({batch}, 3, 32, 32), torch.randint(0, 10, ({batch},))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
times = []
for _ in range({steps}):
    start = time.perf_counter()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
    times.append(time.perf_counter() - start)
kept = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps([kept, min(times)]))
"""


def measure(name: str, batch: int, *, saving: bool, steps: int) -> tuple[float, float]:
    """Run some steps in a fresh process; bytes kept and seconds of the fastest step."""
    code = STEP.format(name=name, batch=batch, saving=saving, steps=steps)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:] or f"the process ended with {done.returncode}: out of memory?")
    kept, seconds = json.loads(done.stdout)
    return kept, seconds


def main() -> None:
    """Print one line per way, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="densenet-bc-250-24")
    parser.add_argument(
        "--batch", type=int, default=12, help="for the comparison with the plain network"
    )
    parser.add_argument(
        "--large-batch", type=int, default=64, help="for the memory-saving one alone; 0: none"
    )
    parser.add_argument("--steps", type=int, default=2)
    given = parser.parse_args()
    rows = {}
    for saving in (False, True):
        rows[saving] = measure(given.model, given.batch, saving=saving, steps=given.steps)
        kept, seconds = rows[saving]
        print(
            f"{given.model}, batch {given.batch}, memory_saving={saving}: "
            f"{kept / 1e9:.2f} GB, {kept / given.batch / 1e6:.1f} MB an image, {seconds:.2f} s a step"
        )
    print(
        f"time ratio {rows[True][1] / rows[False][1]:.2f}, "
        f"memory ratio {rows[False][0] / rows[True][0]:.1f}"
    )
    if given.large_batch:
        kept, seconds = measure(given.model, given.large_batch, saving=True, steps=1)
        print(
            f"{given.model}, batch {given.large_batch}, memory_saving=True: "
            f"{kept / 1e9:.2f} GB, {seconds:.1f} s a step"
        )


if __name__ == "__main__":
    main()
