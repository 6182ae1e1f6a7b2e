"""How time and memory of a training step grow, beside what multiply-adds and kept activations foretell.

Each point runs in a fresh process with one thread: steps of `resnets train` (forward, backward, fused
SGD; bf16 where the processor has instructions for it, channels last, freed memory kept). Several
processes share a batch, and average their gradients (DistributedDataParallel, gloo). The points take
turns, some rounds; the fastest step of all counts, as other work on the machine only adds to what a step
takes. Memory is the largest resident memory above that of a process which has made the network.

Expected time is in proportion to the multiply-adds of the batch, through one measured point, the
reference; expected memory is the bytes that autograd keeps, the gradients and the momenta, as they are
counted. Neither is fitted. Rounds that the file of results has are not measured again: delete it to
begin anew. From the repository's root, on an idle machine, in about half an hour:

    python benchmarks/cost_growth.py
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from cost_chart import growth_chart
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from resnets import create_model
from resnets.allocator import keep_memory
from resnets.analysis.cost import measure_cost
from resnets.analysis.process_memory import memory_status
from resnets.config import validate
from resnets.recipes.settings import TrainingSettings
from resnets.reporting.curves import charts_file
from resnets.training.learner import Learner
from resnets.training.machine import this_machine
from resnets.training.memory import estimate_memory
from resnets.training.precision import choose_precision

NUM_CLASSES = 10
TIMED = 100e9  # multiply-adds of the forward passes of a point's timed steps, about
MOST_STEPS = 30


@dataclass(frozen=True)
class Point:
    """A network and its step.

    Attributes:
        x: what is changed from point to point.
        model: name of an architecture.
        batch: images of a step, of all processes together.
        image_size: height and width, in pixels.
        processes: that share the batch.
    """

    x: int
    model: str
    batch: int
    image_size: int = 32
    processes: int = 1


@dataclass(frozen=True)
class Series:
    """Points that differ in one thing.

    Attributes:
        name: of the plot's file.
        title: of the plot.
        x_name: what is changed, and what stays.
        reference: x of the point through which the expected time passes.
        points: by x, ascending.
    """

    name: str
    title: str
    x_name: str
    reference: int
    points: tuple[Point, ...]


SERIES = (
    Series(
        "depth",
        "Depth",
        "layers of CIFAR ResNets, batch 16",
        110,
        tuple(Point(n, f"resnet{n}", 16) for n in (20, 32, 56, 110, 218, 434, 1202)),
    ),
    Series(
        "width",
        "Width",
        "k of WRN-16-k, batch 16",
        4,
        tuple(Point(k, f"wrn-16-{k}", 16) for k in (1, 2, 4, 8, 10)),
    ),
    Series(
        "cardinality",
        "Equal width",
        "paths C of ResNeXt-29, C x d = 128, batch 8",
        1,
        tuple(Point(c, f"resnext29_{c}x{128 // c}d", 8) for c in (1, 2, 4, 8, 16, 32)),
    ),
    Series(
        "paths",
        "Equal cost",
        "paths C of ResNeXt-29, d from 64 to 4, batch 8",
        1,
        # Table 2 of the paper, and 16x8d, which keeps its rule.
        tuple(
            Point(c, f"resnext29_{c}x{d}d", 8)
            for c, d in ((1, 64), (2, 40), (4, 24), (8, 14), (16, 8), (32, 4))
        ),
    ),
    Series(
        "batch",
        "Batch",
        "images of a step, ResNet-20",
        64,
        tuple(Point(2**i, "resnet20", 2**i) for i in range(10)),
    ),
    Series(
        "image",
        "Image size",
        "pixels of a side, ResNet-18, batch 8",
        128,
        tuple(Point(size, "resnet18", 8, size) for size in (32, 64, 96, 128, 192, 256)),
    ),
    Series(
        "processes",
        "Processes",
        "processes that share 64 images, WRN-16-4",
        1,
        tuple(Point(n, "wrn-16-4", 64, processes=n) for n in (1, 2, 4)),
    ),
)


def expect(point: Point, precision: str) -> dict[str, float]:
    """Count multiply-adds of the batch's forward pass, and bytes that all processes keep."""
    with torch.device("meta"):
        network = create_model(point.model, num_classes=NUM_CLASSES)
    share = point.batch // point.processes
    estimate = estimate_memory(
        network,
        image_size=point.image_size,
        in_channels=3,
        batch_size=share,
        precision=precision,  # type: ignore[arg-type]
    )
    kept = estimate.activations + estimate.gradients + estimate.optimizer
    cost = measure_cost(network, image_size=point.image_size)
    work = sum(part.multiply_adds for part in cost.parts) * point.batch
    return {"multiply_adds": work, "kept_bytes": kept * point.processes}


def measure(point: Point, *, precision: str, steps: int, rank: int, meeting: str) -> dict[str, float]:
    """Run steps in this process; least seconds, of the clock and the processor, and bytes at most."""
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    values = {"complete": True, "precision": precision, "optimizer": {"learning_rate": 1e-4}}
    settings = validate(TrainingSettings, values, source="the benchmark")
    # A first step loads what all networks need.
    small = Learner(create_model("resnet8"), settings, class_counts=[1] * NUM_CLASSES)
    small.step(torch.zeros(2, 3, 8, 8), torch.zeros(2).long(), learning_rate=1e-4, number=0)
    network: nn.Module = create_model(point.model, num_classes=NUM_CLASSES)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    share = point.batch // point.processes
    images = torch.randn(share, 3, point.image_size, point.image_size)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, NUM_CLASSES, (share,))
    if point.processes > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=point.processes
        )
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what making the network left free is not the step's
    before = memory_status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the largest so far is forgotten
    if point.processes > 1:
        network = DistributedDataParallel(network)
    learner = Learner(network, settings, class_counts=[1] * NUM_CLASSES)
    learner.begin_epoch(0, at_start=True)
    clock, processor = [], []
    for number in range(steps + 1):
        begun = time.perf_counter(), time.process_time()
        learner.step(images, labels, learning_rate=1e-4, number=number)
        if number:
            clock.append(time.perf_counter() - begun[0])
            processor.append(time.process_time() - begun[1])
    return {
        "seconds": min(clock),
        "processor_seconds": min(processor),
        "bytes": memory_status("VmHWM") - before,
    }


def in_fresh_processes(point: Point, *, precision: str, steps: int) -> dict[str, float]:
    """Measure a point: the slowest process's seconds, and the sum of everything else."""
    with tempfile.TemporaryDirectory(prefix="resnets-") as folder:
        asked = {"precision": precision, "steps": steps, "meeting": f"{folder}/meeting"}
        running = [
            subprocess.Popen(
                [sys.executable, __file__, "--one", json.dumps([asdict(point), asked | {"rank": rank}])],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            for rank in range(point.processes)
        ]
        said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"{point} failed: out of memory?")
    found = [json.loads(answer) for answer in said]
    total = {key: sum(each[key] for each in found) for key in ("processor_seconds", "bytes")}
    return {"seconds": max(each["seconds"] for each in found), **total}


def best(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The fastest step of all rounds, and the most memory."""
    least = {key: min(each[key] for each in rounds) for key in ("seconds", "processor_seconds")}
    return {**least, "bytes": max(each["bytes"] for each in rounds)}


def scaled(series: Series, results: dict[str, Any], *, cores: int) -> list[tuple[float, ...]]:
    """For each point x, milliseconds and megabytes measured, and both expected.

    The milliseconds of one process are its processor's, so that other work hardly matters; those of
    several are the clock's, and expected to fall as long as each process has a core.
    """
    measured = [results[f"{series.name} {point.x}"] for point in series.points]
    found = [{**each["expected"], **best(each["rounds"])} for each in measured]
    clock = "seconds" if series.points[-1].processes > 1 else "processor_seconds"
    work = [
        each["multiply_adds"] / min(point.processes, cores)
        for point, each in zip(series.points, found, strict=True)
    ]
    at = [point.x for point in series.points].index(series.reference)
    factor = found[at][clock] / work[at]
    return [
        (
            point.x,
            1e3 * each[clock],
            each["bytes"] / 1e6,
            1e3 * factor * amount,
            each["kept_bytes"] / 1e6,
        )
        for point, each, amount in zip(series.points, found, work, strict=True)
    ]


def report(series: Series, results: dict[str, Any], *, cores: int, folder: Path) -> None:
    """Print a table, with what was measured over what was expected, and draw the plot."""
    rows = scaled(series, results, cores=cores)
    print(f"\n{series.title}: {series.x_name}; expected ms pass through {series.reference}")
    for x, ms, megabytes, expected_ms, expected_megabytes in rows:
        print(
            f"  {x:5g} {ms:10.1f} ms, {ms / expected_ms:5.2f} of expected {megabytes:10.1f} MB, "
            f"{megabytes / expected_megabytes:5.2f} of expected"
        )
    xs, *columns = zip(*rows, strict=True)
    charts = [
        growth_chart(f"{series.title}: {unit}", xs, columns[at], columns[at + 2], x_name=series.x_name)
        for at, unit in enumerate(("ms", "MB"))
    ]
    picture = charts_file(charts, title=f"{series.title}: cost of a training step")
    (folder / f"cost_{series.name}.svg").write_text(picture, encoding="utf-8")


def main() -> None:
    """Measure what is not measured yet, print it and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/cost_growth.json"))
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="of the plots")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="timed at least, of each point and round")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        point, asked = json.loads(given.one)
        print(json.dumps(measure(Point(**point), **asked)))
        return
    machine = this_machine("cpu")
    precision = choose_precision(machine).precision
    results = json.loads(given.results.read_text("utf-8")) if given.results.exists() else {}
    points = [(f"{series.name} {point.x}", point) for series in SERIES for point in series.points]
    for turn, (key, point) in product(range(given.rounds), points):
        done = results.setdefault(key, {"expected": expect(point, precision), "rounds": []})
        if len(done["rounds"]) <= turn:
            steps = round(TIMED / done["expected"]["multiply_adds"])
            steps = min(MOST_STEPS, max(given.steps, steps))
            done["rounds"].append(in_fresh_processes(point, precision=precision, steps=steps))
            given.results.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    for series in SERIES:
        report(series, results, cores=machine.cores, folder=given.folder)


if __name__ == "__main__":
    main()
