"""Exported files made to harm: thousands of changed graphs, each with a SHA-256 that fits it.

A child process changes the graph of a small network, reads the file and, where it is accepted, computes
scores of one image and of three. Whatever kills or stalls the child is counted, and another one goes on
behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from promises import RESULTS, Figure, Result, Table, write_result

from resnets import Classifier, Preprocessing, create_model, export
from resnets.analysis.process_memory import memory_status
from resnets.errors import ResNetsError
from resnets.weights.exported_file import check_exported, digest
from resnets.weights.exported_network import ExportedNetwork

PROMISE = (
    "No exported file, whatever its graph asks for, crashes resnets, raises anything but its errors, or "
    "takes more than 5 s or 1 GB."
)
REMARKS = (
    (
        "Half of the files have changed bytes, half changed parts of the graph: operations, numbers "
        "that are given to them, names, shapes, types."
    ),
    "All have a SHA-256 that fits: as they are changed, without it, every file is refused.",
    "Seconds are the processor's, with one thread; a child that is silent for 60 s is killed.",
)
NUMBERS = (0, 1, -1, 2, 7, 255, 2**16, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63))
PATIENCE_S = 60.0


def small_export(folder: Path) -> bytes:
    """The file of a small network with most kinds of operations."""
    torch.manual_seed(0)
    network = create_model("seresnet20", depths=(1, 1), widths=(4, 8), num_classes=3, image_size=16)
    model = Classifier.from_network(
        network, class_names=["a", "b", "c"], preprocessing=Preprocessing(image_size=16)
    )
    return export(model, folder / "net.onnx").file.read_bytes()


def changed_bytes(graph: bytes, rng: np.random.Generator) -> bytes:
    """Change, remove or repeat a few bytes."""
    content = bytearray(graph)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(content)))
        how, length = rng.integers(3), int(rng.integers(1, 9))
        if how == 0:
            content[place] = int(rng.integers(256))
        elif how == 1:
            del content[place : place + length]
        else:
            content[place:place] = content[place : place + length]
    return bytes(content)


def change_part(graph: Any, rng: np.random.Generator) -> None:
    """Change one part of a graph."""
    node = graph.node[int(rng.integers(len(graph.node)))]
    weight = graph.initializer[int(rng.integers(len(graph.initializer)))]
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    how = int(rng.integers(8))
    if how == 0 and node.attribute:
        attribute = node.attribute[int(rng.integers(len(node.attribute)))]
        if attribute.ints:
            attribute.ints[int(rng.integers(len(attribute.ints)))] = number
        else:
            attribute.i = number
    elif how == 1:
        schemas = onnx.defs.get_all_schemas()
        node.op_type = schemas[int(rng.integers(len(schemas)))].name
    elif how == 2 and weight.dims:
        weight.dims[int(rng.integers(len(weight.dims)))] = number
    elif how == 3 and node.input:
        names = [name for each in graph.node for name in (*each.input, *each.output)]
        node.input[int(rng.integers(len(node.input)))] = names[int(rng.integers(len(names)))]
    elif how == 4:
        graph.node.remove(node)
    elif how == 5:
        graph.node.insert(int(rng.integers(len(graph.node))), node)
    elif how == 6:
        weight.data_type = int(rng.integers(24))
    elif weight.raw_data and len(weight.raw_data) % 8 == 0:
        numbers = np.frombuffer(weight.raw_data, np.int64).copy()
        numbers[int(rng.integers(len(numbers)))] = number
        weight.raw_data = numbers.tobytes()


def mutant(content: bytes, number: int, seed: int) -> bytes:
    """A changed file, whose SHA-256 fits where it can be parsed."""
    rng = np.random.default_rng([seed, number])
    model = onnx.load_model_from_string(content)
    told = {entry.key: entry.value for entry in model.metadata_props}
    if number % 2:
        for _ in range(int(rng.integers(1, 4))):
            change_part(model.graph, rng)
    else:
        raw = changed_bytes(model.graph.SerializeToString(), rng)
        try:
            model.graph.ParseFromString(raw)
        except Exception:  # protobuf's own kind
            return raw
    told["sha256"] = digest(model.graph, told["resnets"], told["proof"])
    for entry in model.metadata_props:
        entry.value = told[entry.key]
    changed: bytes = model.SerializeToString()
    return changed


def outcome(content: bytes) -> str:
    """What becomes of a file: refused before it is run, by ONNX Runtime, or answers."""
    said = "refused before it was run"
    try:
        check_exported("net.onnx", content)
        said = "refused by ONNX Runtime"
        network = ExportedNetwork(Path("net.onnx"), content)
        for count in (1, 3):
            said = "refused when it was run"
            network(torch.zeros(count, 3, 16, 16))
    except ResNetsError:
        return said
    return "answered"


def run_child(file: Path, first: int, count: int, seed: int) -> None:
    """Try files, and print a line for each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries write what they think of a graph
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    content = file.read_bytes()
    outcome(content)
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, resource.RLIM_INFINITY))
    for number in range(first, count):
        made = mutant(content, number, seed)
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        before, started = memory_status("VmRSS"), time.process_time()
        try:
            found = outcome(made)
        except BaseException as error:  # which is what this looks for
            found = f"uncaught {type(error).__name__}"
        seconds, held = time.process_time() - started, memory_status("VmHWM") - before
        print(json.dumps([number, found, seconds, held]), file=answers, flush=True)


def run_children(file: Path, count: int, seed: int) -> Iterator[tuple[int, str, float, int]]:
    """Try all files, with another child after each that died."""
    number = 0
    while number < count:
        words = [sys.executable, __file__, "--child", str(file), str(number)]
        child = subprocess.Popen(
            [*words, "--count", str(count), "--seed", str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert child.stdout is not None
        while True:
            timer = threading.Timer(PATIENCE_S, child.kill)
            timer.start()
            line = child.stdout.readline()
            timer.cancel()
            if not line:
                break
            yield tuple(json.loads(line))
            number += 1
        if child.wait():
            yield number, f"died with {child.returncode}", 0.0, 0
            number += 1


def main() -> int:
    """Try all files, and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "exported_files.json")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        run_child(Path(given.child[0]), int(given.child[1]), given.count, given.seed)
        return 0
    with tempfile.TemporaryDirectory(prefix="resnets-") as folder:
        file = Path(folder) / "net.onnx"
        file.write_bytes(small_export(Path(folder)))
        found = list(run_children(file, given.count, given.seed))
    outcomes = Counter(what for _, what, _, _ in found)
    for number, what, _, _ in found:
        if what.startswith(("died", "uncaught")):
            print(number, what)
    result = Result(
        title="Exported files made to harm",
        promise=PROMISE,
        command=f"python reliability/fuzz_exported.py --count {given.count} --seed {given.seed}",
        seed=given.seed,
        count=given.count,
        unit="files",
        figures=[
            Figure(name="crashes", value=count_of(outcomes, "died"), at_most=0),
            Figure(name="uncaught exceptions", value=count_of(outcomes, "uncaught"), at_most=0),
            Figure(
                name="longest, s", value=round(max(seconds for _, _, seconds, _ in found), 2), at_most=5
            ),
            Figure(
                name="most memory of one, MB",
                value=round(max(held for _, _, _, held in found) / 1e6),
                at_most=1000,
            ),
        ],
        tables=[Table(title="Outcomes", columns=("outcome", "files"), rows=sorted(outcomes.items()))],
        remarks=REMARKS,
    )
    write_result(result, given.output, packages=("resnets", "onnx", "onnxruntime", "torch"))
    print(outcomes, [figure.to_json() for figure in result.figures])
    return 0 if result.met else 1


def count_of(outcomes: Counter[str], kind: str) -> int:
    """How many files ended in this way."""
    return sum(count for what, count in outcomes.items() if what.startswith(kind))


if __name__ == "__main__":
    sys.exit(main())
