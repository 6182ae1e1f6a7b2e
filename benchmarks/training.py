"""Images per second of whole trainings, loader included, and the most memory they take.

Five networks on class folders: ResNet-20, WRN-16-4 and DenseNet-BC-100-12 on CIFAR-10, ResNet-18 on
Tiny-ImageNet at 64 pixels, ResNet-50 on photos at 224. Each contender trains alone in a fresh process:
some steps to warm up, then some seconds that count; they take turns. Results are written after each, so
that the same command goes on where it was interrupted.

usual        float32 script of the popular CIFAR repositories and of the tutorials: Pillow transforms
torchvision  the steps, presets and meters of its references' train.py
timm         the pieces and steps of its train.py without options, but without colour jitter
keras        image_dataset_from_directory and fit, on TensorFlow; for processors
by hand      bf16, channels last, fused SGD and our loader, network and way to keep memory, bare
resnets      the function behind `resnets train`

The first three share pytorchcv's networks at 32 pixels, and torchvision's above; timm has its own there.
CIFAR-10 lies in the memory of all. Only the last two change how the process keeps memory.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from training_tasks import CONTENDERS, NETWORKS, Clock, Task, Timed

COUNTS = {"cifar": 10_240, "tiles": 10_240, "photos": 640}
"""Images, in whole batches of all sizes; an epoch of photos takes half a minute on two cores."""
COUNTS_ON_GPU = {"cifar": 49_152, "tiles": 49_152, "photos": 5_120}


def compete(contender: str, task: Task) -> None:
    """Train until the clock ends it, and print images per second, bytes and threads."""
    module, name = CONTENDERS[contender]
    train = getattr(importlib.import_module(module), name)
    wait = wait_for_gpu if task.device == "cuda" else None
    try:
        train(task, Clock(task.seconds, wait=wait))
    except Timed as timed:
        result = [timed.images_per_second, timed.memory_bytes, num_threads()]
        print(json.dumps(result), flush=True)


def wait_for_gpu() -> int:
    """Let it finish its work; gives the most of its memory that was taken, in bytes."""
    import torch

    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


def num_threads() -> int:
    """Threads of a torch training; 0 where TensorFlow takes its own."""
    torch = sys.modules.get("torch")
    return 0 if torch is None else int(torch.get_num_threads())


def gather(source: Path, folder: Path, count: int) -> None:
    """Copy images of class folders, as many of each class, from `train` if there is such a folder."""
    source = source / "train" if (source / "train").is_dir() else source
    classes = sorted(path for path in source.iterdir() if path.is_dir())
    files = [sorted(path for path in each.rglob("*") if is_image(path)) for each in classes]
    for i in range(count):
        label, index = i % len(classes), i // len(classes)
        place = folder / classes[label].name
        place.mkdir(parents=True, exist_ok=True)
        path = files[label][index % len(files[label])]
        shutil.copyfile(path, place / f"{index}{path.suffix.lower()}")


def is_image(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in {".jpg", ".jpeg", ".png"}


def prepare(kind: str, given: argparse.Namespace, folder: Path) -> int:
    """Put the images of a kind into class folders, the same for all; gives their number."""
    count = (COUNTS_ON_GPU if given.device == "cuda" else COUNTS)[kind]
    source: Path | None = getattr(given, kind)
    if source is not None:
        gather(source, folder, count)
    elif kind == "photos":
        from loading import write_photos

        write_photos(folder, 500, 375, count)
    else:
        sys.exit(f"--{kind} is needed: class folders of images")
    return count


def run(contender: str, task: Task, python: str) -> list[float]:
    """Let one contender train in a fresh process; gives what it prints."""
    command = [python, __file__, "--child", json.dumps([contender, task.to_dict()])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        sys.exit(f"{contender} failed with {task.network}:\n{done.stderr[-2000:]}")
    result: list[float] = json.loads(done.stdout.strip().split("\n")[-1])
    return result


def race(network: str, task: Task, given: argparse.Namespace, results: dict[str, Any]) -> None:
    """Let contenders take turns as often as wanted, results of earlier turns included."""
    for turn in range(given.rounds):
        for contender in given.contenders:
            key = f"{network}, {contender}, {turn}"
            if key not in results["runs"]:
                python = given.keras_python if contender == "keras" else sys.executable
                results["runs"][key] = run(contender, task, python)
                given.done.write_text(json.dumps(results, indent=1))


def show(network: str, task: Task, given: argparse.Namespace, results: dict[str, Any]) -> None:
    """Print the table of a network."""
    rows = {
        name: [results["runs"][f"{network}, {name}, {turn}"] for turn in range(given.rounds)]
        for name in given.contenders
    }
    rates = {name: statistics.median(row[0] for row in each) for name, each in rows.items()}
    print(
        f"\n{network}, {task.spec.image_size} px, batches of {task.batch_size}, {given.device}: "
        f"{given.rounds} rounds of {given.seconds:g} s, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"  {'':<12}{'images/s':>9}{'spread':>20}{'x usual':>9}{'x by hand':>11}{'MB':>8}{'threads':>9}"
    )
    for name, each in rows.items():
        speeds = sorted(row[0] for row in each)
        spread = f"[{speeds[0]:,.1f} .. {speeds[-1]:,.1f}]"
        ratios = [f"{rates[name] / rates[b]:.2f}" if b in rates else "" for b in ("usual", "by hand")]
        memory = statistics.median(row[1] for row in each) / 1e6
        threads = f"{each[0][2]:.0f}" if each[0][2] else "its own"
        print(
            f"  {name:<12}{rates[name]:9,.1f}{spread:>20}{ratios[0]:>9}{ratios[1]:>11}"
            f"{memory:8,.0f}{threads:>9}" + peak_share(task, rates[name], results)
        )


def peak_share(task: Task, rate: float, results: dict[str, Any]) -> str:
    """On a GPU, how much of the speed of a large bf16 matrix product a training comes to."""
    if task.device != "cuda":
        return ""
    from own_trainers import multiply_adds

    # A backward pass multiplies twice as often as the forward pass.
    work = 3 * rate * multiply_adds(task)
    return f"  {work / results['peak']:.1%} of {2 * results['peak'] / 1e12:.0f} TFLOP/s"


def has_tensorflow(python: str) -> bool:
    """Whether an interpreter finds Keras and TensorFlow."""
    code = "from importlib.util import find_spec as find; assert find('keras') and find('tensorflow')"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def read_results(given: argparse.Namespace) -> dict[str, Any]:
    """What an interrupted run has measured, if it ran under the same conditions."""
    folders = {name: str(getattr(given, name) or "") for name in ("cifar", "tiles", "photos")}
    conditions = {"device": given.device, "seconds": given.seconds, "torch": torch_version(), **folders}
    if not given.done.exists():
        return {"conditions": conditions, "runs": {}}
    results: dict[str, Any] = json.loads(given.done.read_text())
    if results["conditions"] != conditions:
        sys.exit(f"{given.done} has results of {results['conditions']}: give another file with --done")
    return results


def torch_version() -> str:
    """Without loading it."""
    return importlib.metadata.version("torch")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar", type=Path, help="class folders of 32 px images, or train/ with them")
    parser.add_argument("--tiles", type=Path, help="the same of 64 px images, such as Tiny-ImageNet")
    parser.add_argument("--photos", type=Path, help="the same of photos, instead of made ones")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="counted of each training, at least")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--keras-python", default=sys.executable, help="interpreter that has TensorFlow")
    parser.add_argument("--done", type=Path, default=Path("training.json"), help="results so far")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print one table per network."""
    given = read_arguments()
    if given.child:
        contender, task = json.loads(given.child)
        compete(contender, Task(**task))
        return
    if "keras" in given.contenders and (
        given.device == "cuda" or not has_tensorflow(given.keras_python)
    ):
        given.contenders.remove("keras")
        print("Keras takes no part: it needs TensorFlow (--keras-python), and is for processors")
    results = read_results(given)
    if given.device == "cuda" and "peak" not in results:
        from own_trainers import matrix_peak

        results["peak"] = matrix_peak()
    with tempfile.TemporaryDirectory() as made:
        for network in given.networks:
            kind = NETWORKS[network].data
            folder = Path(made) / kind
            count = sum(map(is_image, folder.rglob("*"))) or prepare(kind, given, folder)
            task = Task(network, str(folder), count, given.device, given.seconds)
            race(network, task, given, results)
            show(network, task, given, results)


if __name__ == "__main__":
    main()
