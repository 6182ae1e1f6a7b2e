"""Stochastic depth per mini-batch: does a step's time fall by the share of units that do not run?

Steps with all units and steps with drawn gates alternate in one process, on one network.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch.nn import functional

import resnets
from resnets.training.depth import draw_gates, survival_probabilities


def main() -> None:
    """Print the share of the time beside the share of the units."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=25, help="of each kind")
    steps = parser.parse_args().steps
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = resnets.create_model("resnet110").train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    images, labels = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))

    def seconds(gates: tuple[float, ...] | None) -> float:
        start = time.perf_counter()
        resnets.set_gates(network, gates)
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        return time.perf_counter() - start

    probabilities = survival_probabilities(network, last=0.5)
    generator = torch.Generator().manual_seed(0)
    seconds(None)
    whole = drawn = run = 0.0
    for _ in range(steps):
        gates = draw_gates(probabilities, generator=generator)
        whole += seconds(None)
        drawn += seconds(gates)
        run += sum(gates) / len(gates)
    shares = f"{drawn / whole:.3f} of the time, {run / steps:.3f} of the units"
    print(f"resnet110, p_L = 0.5, {steps} steps: {shares}")


if __name__ == "__main__":
    main()
