"""Maps that tell the truth: with what they show deleted, a class goes sooner than by chance.

For each method, images of the validation or test split are deleted in the order of their maps and in
the orders of random maps of the same resolution (`resnets.analysis.faithfulness`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from promises import RESULTS, Figure, Result, Table, write_result

from resnets import Classifier, load, open_dataset
from resnets.analysis.attribution import METHODS, Method
from resnets.analysis.explaining import Explainable, explain
from resnets.analysis.faithfulness import Deletion

PROMISE = (
    "For at least 90 % of real images, the class that a network names disappears sooner when what "
    "Grad-CAM shows is deleted than when random places of the same size are."
)
REMARKS = (
    (
        "Deleted means replaced by a blur of the image; the area is that under the curve of the class's "
        "probability over the share that is deleted, in ten steps."
    ),
    (
        "Chance is the mean over four random maps of the same resolution, enlarged in the same way; for "
        "occlusion, of as many values as windows fit side by side."
    ),
    (
        "An image with everything deleted is a blur. Where the network still sees the class in that, no "
        "order of deletion makes it disappear."
    ),
    (
        "Images are drawn at random, whether the network is right about them or not; the class is the "
        "one that it names."
    ),
)
PACKAGES = ("resnets", "torch", "numpy", "pillow")
LEAST = 0.9
BOUNDS = (0.0, 0.02, 0.1, 0.5, 1.0)
"""Of the probability that the named class has once everything is deleted, or had before."""


def draw_images(data: Path, *, count: int, seed: int) -> list[Explainable]:
    """Draw images of the test split, or of the validation split where there is none.

    Args:
        data: folder or file of the data set.
        count: of images.
        seed: of their choice.
    """
    splits = open_dataset(data).splits
    images = (splits.get("test") or splits["val"]).images
    chosen = np.sort(np.random.default_rng(seed).choice(len(images), count, replace=False))
    return [images[i] for i in chosen.tolist()]


def measure(
    model: Classifier, images: Sequence[Explainable], method: Method, *, layer: str | None = None
) -> list[Deletion]:
    """Delete each image in the order of its map.

    Args:
        model: with trained weights.
        images: to explain.
        method: that makes the maps.
        layer: that they are of; None for the usual one.
    """
    started = time.monotonic()
    found = explain(images, model=model, method=method, layers=layer, check=True)
    print(f"{method}: {len(found)} images in {time.monotonic() - started:.0f} s", flush=True)
    return [explanation.deletion for explanation in found if explanation.deletion is not None]


def figures(method: Method, found: Sequence[Deletion]) -> Iterator[Figure]:
    """Hold one method against the promise.

    Args:
        method: that made the maps.
        found: one for each image.
    """
    share = sum(deletion.beats_random for deletion in found) / len(found)
    least = LEAST if method == "gradcam" else None
    yield Figure(name=f"{method}: share of images that beat chance", value=share, at_least=least)


def row_of(method: Method, found: Sequence[Deletion]) -> tuple[str, float, float]:
    """Mean areas under the curves of a method and of chance."""
    areas = np.array([(deletion.area, deletion.random_area) for deletion in found]).mean(axis=0)
    return method, round(float(areas[0]), 3), round(float(areas[1]), 3)


def rows_by(
    when: str, probabilities: Sequence[float], found: Sequence[Deletion]
) -> Iterator[tuple[str, int, float]]:
    """Images and the share of them that beats chance, by how probable the class is.

    Args:
        when: words for the moment at which it is so probable.
        probabilities: of the class, one for each image.
        found: likewise.
    """
    places = np.digitize(probabilities, BOUNDS[1:-1])
    for place, (low, high) in enumerate(pairwise(BOUNDS)):
        there = [one.beats_random for one, at in zip(found, places, strict=True) if at == place]
        if there:
            yield f"{low:.0%} to {high:.0%} {when}", len(there), round(float(np.mean(there)), 3)


def main() -> int:
    """Measure all methods, and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a model file, a run folder, or published weights")
    parser.add_argument("data", type=Path, help="the data set that the model was trained for")
    parser.add_argument("--count", type=int, default=200, help="images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", choices=METHODS, nargs="*", default=METHODS)
    parser.add_argument("--layer", help="of gradcam and layercam, such as stages.2. [the last map]")
    parser.add_argument("--output", type=Path, default=RESULTS / "explanations.json")
    arguments = parser.parse_args()
    model = load(arguments.model)
    images = draw_images(arguments.data, count=arguments.count, seed=arguments.seed)
    found = {
        method: measure(model, images, method, layer=arguments.layer) for method in arguments.method
    }
    name, data = Path(arguments.model).name, arguments.data.name
    result = Result(
        title="Explanations that tell the truth",
        promise=PROMISE,
        command=(
            f"python reliability/explain_deletion.py {name} {data} "
            f"--count {arguments.count} --seed {arguments.seed}"
            + (f" --layer {arguments.layer}" if arguments.layer else "")
        ),
        seed=arguments.seed,
        count=arguments.count,
        unit=f"images of {data} with {model.info.architecture}",
        figures=[figure for method, each in found.items() for figure in figures(method, each)],
        tables=[
            Table(
                title="Area under the deletion curve, in the mean; the lower, the better",
                columns=("method", "its maps", "random maps"),
                rows=[row_of(method, each) for method, each in found.items()],
            ),
            *(
                Table(
                    title=f"{method}: how often it beats chance, by how probable the class is",
                    columns=("probability", "images", "share"),
                    rows=[
                        *rows_by("with everything deleted", [one.curve[-1] for one in each], each),
                        *rows_by("at first", [one.curve[0] for one in each], each),
                    ],
                )
                for method, each in found.items()
            ),
        ],
        remarks=REMARKS,
    )
    for figure in result.figures:
        print(f"{figure.name}: {figure.value}")
    for table in result.tables[1:]:
        print(table.title, *table.rows, sep="\n")
    write_result(result, arguments.output, packages=PACKAGES)
    return 0 if result.met else 1


if __name__ == "__main__":
    sys.exit(main())
