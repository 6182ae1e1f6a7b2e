"""Eager float32 resnet50 at 224 pixels, as people run it: forward, and forward and backward."""

from __future__ import annotations

import sys

from alternation import PEERS, alternate, read_rounds

FORWARD = """
import json, statistics, time, torch
torch.manual_seed(0)
network, images = network.eval(), torch.randn({batch}, 3, 224, 224)
def run():
    with torch.inference_mode():
        network(images)
"""
TRAINING = """
import json, statistics, time, torch
torch.manual_seed(0)
network, images = network.train(), torch.randn({batch}, 3, 224, 224)
def run():
    network.zero_grad()
    network(images).sum().backward()
"""
TIMING = """
run(); run()
times = []
for _ in range({repeats}):
    start = time.perf_counter()
    run()
    times.append(time.perf_counter() - start)
print(json.dumps(statistics.median(times)))
"""
NETWORKS = {
    "torchvision": PEERS + "import torchvision; network = torchvision.models.resnet50()",
    "resnets": "import resnets; network = resnets.create_model('resnet50')",
    "timm": PEERS + "import timm; network = timm.create_model('resnet50')",
}


def main() -> None:
    """Print one table per kind of work."""
    rounds = read_rounds(__doc__ or "", 5)
    for title, work, batch, repeats in (
        ("Forward, batch 1", FORWARD, 1, 20),
        ("Forward, batch 8", FORWARD, 8, 5),
        ("Forward and backward, batch 8", TRAINING, 8, 4),
    ):
        code = work.format(batch=batch) + TIMING.format(repeats=repeats)
        alternate(
            title,
            {name: [sys.executable, "-c", f"{make}\n{code}"] for name, make in NETWORKS.items()},
            rounds=rounds,
            reports=True,
        )


if __name__ == "__main__":
    main()
