"""Stochastic depth per mini-batch: does a step's time fall by the share of units that do not run?"""

from __future__ import annotations

import sys

from alternation import alternate, read_rounds

STEP = """
import json, statistics, time, torch, resnets
from resnets.training.depth import draw_gates, survival_probabilities
torch.manual_seed(0)
torch.set_num_threads(1)
network = resnets.create_model("resnet110").train()
probabilities = survival_probabilities(network, last={last})
generator = torch.Generator().manual_seed(0)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
images, labels = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
def step():
    resnets.set_gates(network, draw_gates(probabilities, generator=generator))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
step()
start = time.perf_counter()
for _ in range(8):
    step()
print(json.dumps((time.perf_counter() - start) / 8))
"""


def main() -> None:
    """Print the times beside the expected share."""
    rounds = read_rounds(__doc__ or "", 3)
    contenders = {f"resnet110, p_L = {last}": STEP.format(last=last) for last in (1.0, 0.5, 0.2)}
    medians = alternate(
        "A training step, batch 32",
        {name: [sys.executable, "-c", code] for name, code in contenders.items()},
        rounds=rounds,
        reports=True,
    )
    base = next(iter(medians.values()))
    for (name, seconds), last in zip(medians.items(), (1.0, 0.5, 0.2), strict=True):
        expected = sum(1 - place / 54 * (1 - last) for place in range(1, 55)) / 54
        print(f"  {name}: {seconds / base:.2f} of the time, {expected:.2f} of the units run on average")


if __name__ == "__main__":
    main()
