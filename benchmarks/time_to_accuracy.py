"""Seconds of training until a network is within half a point of the best that a long run reaches.

The recipe `fast_cifar`, trained on all training images and measured once, on the test images, at the
end of each run. A long run sets the mark. Then runs grow until one comes within half a point of it;
seconds are those of its steps, without the start of the process, the reading of the files and the last
evaluation.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from resnets import train
from resnets.recipes.catalog import find_recipe
from resnets.training.events import Event, StepProgress

LENGTHS = (6, 8, 11, 15, 20, 27, 36, 48)
WITHIN = 0.005


class Steps:
    """Watches a training, and counts the seconds from its first step to its last."""

    def __init__(self) -> None:
        self._first: StepProgress | None = None
        self._last: StepProgress | None = None

    def __call__(self, event: Event) -> None:
        """Take note."""
        if isinstance(event, StepProgress) and event.phase == "training":
            self._first = self._first or event
            self._last = event

    @property
    def seconds(self) -> float:
        """Between the ends of the first and the last step."""
        assert self._first is not None
        assert self._last is not None
        return self._last.elapsed_seconds - self._first.elapsed_seconds


def run(data: Path, *, epochs: int, seed: int, device: str | None) -> tuple[float, float]:
    """Train once; gives top-1 of the test images, and seconds."""
    settings = find_recipe("fast_cifar").settings(data=str(data))
    settings = settings.model_copy(
        update={"epochs": epochs, "seed": seed, "val_share": 0.0, "select": "last"}
    )
    steps = Steps()
    with tempfile.TemporaryDirectory() as folder:
        result = train(
            data,
            settings=settings,
            output=Path(folder) / "run",
            check=False,
            device=device,
            watch=steps,
        )
    assert result.evaluation is not None
    assert result.evaluation.split == "test", "the data needs a folder test/"
    return result.evaluation.metric("top1").value, steps.seconds


def main() -> None:
    """Print the long run, and every shorter one up to the first that comes near it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="class folders of CIFAR-10, train/ and test/")
    parser.add_argument("--long", type=int, default=100, help="epochs of the long run")
    parser.add_argument("--lengths", type=int, nargs="*", default=list(LENGTHS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device")
    parser.add_argument("--done", type=Path, default=Path("time_to_accuracy.json"))
    given = parser.parse_args()
    results: dict[str, list[float]] = json.loads(given.done.read_text()) if given.done.exists() else {}
    mark = 0.0
    for epochs in (given.long, *sorted(given.lengths)):
        key = f"{epochs} epochs of {given.data}, seed {given.seed}, {given.device}"
        if key not in results:
            results[key] = list(run(given.data, epochs=epochs, seed=given.seed, device=given.device))
            given.done.write_text(json.dumps(results, indent=1))
        top1, seconds = results[key]
        mark = mark or top1
        print(f"{epochs:4} epochs  {top1:.2%}  {seconds:8.1f} s", flush=True)
        if epochs != given.long and top1 >= mark - WITHIN:
            print(f"within {100 * WITHIN:g} points of {mark:.2%} after {seconds:.1f} s of training")
            return
    print(f"none of these came within {100 * WITHIN:g} points of {mark:.2%}")


if __name__ == "__main__":
    main()
