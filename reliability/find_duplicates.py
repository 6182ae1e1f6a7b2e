"""Copies found again: planted crops, JPEGs and mirror images, and what is flagged in real data sets.

Everything is computed but the verdicts on flagged pairs: those are judged by eye, on contact sheets
that this script draws, and kept in a table beside the figures. A pair that the table does not hold is
written with an empty verdict.
"""

from __future__ import annotations

import argparse
import csv
import io
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw
from promises import RESULTS, Figure, Result, Table, write_result

from resnets.data.checking import check
from resnets.data.decoding import decode
from resnets.data.duplicates import Duplicate, find_duplicates
from resnets.data.findings import DataReport
from resnets.data.image_signatures import signatures
from resnets.data.opening import open_dataset

PROMISE = (
    "`data check` finds at least 95 % of the copies of an image that were cropped to 90 %, saved as "
    "JPEG of quality 40 or mirrored, and flags at most 1 % of the images of CIFAR-10 wrongly."
)
REMARKS = (
    (
        "A crop keeps a random window of 90 % of the width and of the height; crops and mirror images "
        "are saved as JPEG of quality 90, 'all three' as JPEG of quality 40."
    ),
    (
        "Of the near-pairs of each data set, a hundred drawn at random were judged by looking at them "
        "side by side, enlarged to 192 pixels, by the author of the search (a language model that reads "
        "images), not by independent people: 'duplicate' is the same photograph or drawing, 'similar' "
        "the same object or scene in another shot, 'different' neither."
    ),
    "Wrongly flagged are images in near-pairs, times the share of judged pairs that are 'different'.",
    (
        "Pairs are drawn, not images: 36 of the hundred of CIFAR-10 are copies of two photographs of "
        "one white car. Tiny-ImageNet has fewer than a hundred pairs, so all of them were judged."
    ),
    (
        "The time of a check is decoding, digests, and the comparison of all images with all, by one or "
        "two processors that had other work at the time."
    ),
)
PACKAGES = ("resnets", "pillow", "simplejpeg", "numpy")
VERDICTS = ("duplicate", "similar", "different")
JUDGED = RESULTS / "duplicates_judged.csv"
COLUMNS = ("dataset", "a", "b", "score", "mirrored", "verdict")
Change: TypeAlias = Callable[[Image.Image, np.random.Generator], Image.Image]
Key: TypeAlias = tuple[str, str, str]


def crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Keep a random window of 90 % of each side."""
    width, height = round(0.9 * image.width), round(0.9 * image.height)
    left = int(random.integers(0, image.width - width + 1))
    top = int(random.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def mirror(image: Image.Image) -> Image.Image:
    """Left for right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def saved(image: Image.Image, quality: int) -> Image.Image:
    """What a JPEG leaves of an image."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue()).image.convert("RGB")


CHANGES: Mapping[str, Change] = {
    "crop to 90 %": lambda image, random: saved(crop(image, random), 90),
    "JPEG quality 40": lambda image, _: saved(image, 40),
    "mirrored": lambda image, _: saved(mirror(image), 90),
    "all three": lambda image, random: saved(mirror(crop(image, random)), 40),
}


def recalls(report: DataReport, *, count: int, seed: int) -> dict[str, float]:
    """Which share of planted copies is found, by how they were changed.

    Args:
        report: whose images are copied.
        count: of images.
        seed: of their choice and of the windows.
    """
    random = np.random.default_rng(seed)
    images = report.evidence.images
    chosen = np.sort(random.choice(np.flatnonzero(images.usable), count, replace=False))
    root = Path(report.root)
    originals = [decode(root / images.names[i]).image.convert("RGB") for i in chosen.tolist()]
    copies = [change(image, random) for change in CHANGES.values() for image in originals]
    both = np.concatenate([images.signatures[chosen], signatures(copies)])
    found = {(pair.a, pair.b) for pair in find_duplicates(both)}
    return {
        name: sum((i, count * (k + 1) + i) in found for i in range(count)) / count
        for k, name in enumerate(CHANGES)
    }


def draw_pairs(report: DataReport, *, count: int, seed: int) -> list[Duplicate]:
    """Draw near-pairs at random; all of them if there are fewer."""
    near = [pair for pair in report.evidence.duplicates if pair.kind == "near"]
    order = np.random.default_rng(seed).permutation(len(near))[:count]
    return [near[i] for i in order.tolist()]


def row_of(report: DataReport, pair: Duplicate, verdicts: Mapping[Key, str]) -> dict[str, str]:
    """A line of the table of judged pairs."""
    names = report.evidence.images.names
    a, b = names[pair.a], names[pair.b]
    verdict = verdicts.get((report.name, a, b), "")
    return dict(
        zip(COLUMNS, (report.name, a, b, f"{pair.score:.4f}", str(pair.mirrored), verdict), strict=True)
    )


def read_verdicts(path: Path) -> dict[Key, str]:
    """The verdicts that were given already."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["dataset"], row["a"], row["b"]): row["verdict"] for row in csv.DictReader(file)}


def draw_sheets(report: DataReport, pairs: list[Duplicate], folder: Path, *, side: int = 192) -> None:
    """Draw 25 pairs on each sheet, numbered as in the table.

    Args:
        report: of the data set.
        pairs: to draw.
        folder: for the PNG files.
        side: of an image on the sheet, in pixels.
    """
    root, names = Path(report.root), report.evidence.images.names
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(pairs), 25):
        sheet = Image.new("RGB", (5 * (2 * side + 20), 5 * (side + 24)), "white")
        pen = ImageDraw.Draw(sheet)
        for place, pair in enumerate(pairs[start : start + 25]):
            left, top = place % 5 * (2 * side + 20), place // 5 * (side + 24)
            pen.text((left + 4, top + 2), f"{start + place}: {pair.score:.3f}", fill="black")
            for k, name in enumerate((names[pair.a], names[pair.b])):
                image = decode(root / name).image.convert("RGB").resize((side, side))
                sheet.paste(image, (left + k * (side + 4), top + 18))
        sheet.save(folder / f"{report.name}-{start // 25}.png")


def figures(
    report: DataReport, found: Mapping[str, float], rows: list[dict[str, str]], *, bounded: bool
) -> Iterator[Figure]:
    """Hold one data set against the promise.

    Args:
        report: of the check.
        found: shares of planted copies that were found.
        rows: judged pairs.
        bounded: whether the promise speaks of this set's false alarms.
    """
    name = report.name
    for change, share in found.items():
        least = None if change == "all three" else 0.95
        yield Figure(name=f"{name}: recall, {change}", value=share, at_least=least)
    near = [pair for pair in report.evidence.duplicates if pair.kind == "near"]
    flagged = len({image for pair in near for image in (pair.a, pair.b)})
    yield Figure(name=f"{name}: images", value=report.num_images)
    yield Figure(name=f"{name}: near-pairs flagged", value=len(near))
    yield Figure(name=f"{name}: images in near-pairs", value=flagged)
    tally = Counter(row["verdict"] for row in rows)
    judged = sum(tally[verdict] for verdict in VERDICTS)
    for verdict in VERDICTS:
        yield Figure(name=f"{name}: pairs judged '{verdict}'", value=tally[verdict])
    if judged:
        wrong = flagged / report.num_images * tally["different"] / judged
        most = 0.01 if bounded else None
        yield Figure(name=f"{name}: images wrongly flagged, share", value=round(wrong, 5), at_most=most)
    yield Figure(name=f"{name}: check, s per 10,000 images", value=round(report.seconds_per_10000, 1))


def run(
    path: Path, arguments: argparse.Namespace, verdicts: Mapping[Key, str]
) -> tuple[DataReport, list[Figure], list[dict[str, str]]]:
    """Check one data set, plant copies, draw pairs."""
    started = time.monotonic()
    report = check(open_dataset(path), workers=arguments.workers)
    print(f"{report.name}: checked in {time.monotonic() - started:.0f} s", flush=True)
    found = recalls(report, count=arguments.planted, seed=arguments.seed)
    pairs = draw_pairs(report, count=arguments.pairs, seed=arguments.seed)
    if arguments.sheets:
        draw_sheets(report, pairs, arguments.sheets)
    rows = [row_of(report, pair, verdicts) for pair in pairs]
    numbers = list(figures(report, found, rows, bounded="cifar" in report.name))
    for finding in report.findings:
        print(f"  {finding.severity:<8} {finding.sentence}", flush=True)
    return report, numbers, rows


def parse() -> argparse.Namespace:
    """What to run on, and where to write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="data sets; CIFAR-10 as class folders")
    parser.add_argument("--planted", type=int, default=1000, help="images of which copies are planted")
    parser.add_argument("--pairs", type=int, default=100, help="near-pairs to judge, of each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=None, help="threads that decode")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    parser.add_argument("--judged", type=Path, default=JUDGED, help="table of judged pairs")
    parser.add_argument("--out", type=Path, default=RESULTS / "duplicates.json")
    return parser.parse_args()


def result_of(arguments: argparse.Namespace, numbers: list[Figure], findings: Table) -> Result:
    """The run, as the page of reliability wants it."""
    names = " ".join(path.name for path in arguments.data)
    return Result(
        title="Copies found again",
        promise=PROMISE,
        command=f"python reliability/find_duplicates.py {names} --planted {arguments.planted} "
        f"--pairs {arguments.pairs} --seed {arguments.seed}",
        seed=arguments.seed,
        count=len(CHANGES) * arguments.planted * len(arguments.data),
        unit="planted copies",
        figures=numbers,
        tables=[findings],
        remarks=REMARKS,
    )


def main() -> None:
    """Run, print and write the figures; exit 1 if the promise is broken."""
    arguments = parse()
    verdicts = read_verdicts(arguments.judged)
    numbers: list[Figure] = []
    judged: list[dict[str, str]] = []
    said: list[list[str | float]] = []
    for path in arguments.data:
        report, figures_of_set, rows = run(path, arguments, verdicts)
        numbers += figures_of_set
        judged += rows
        said += [
            [report.name, finding.severity, finding.code, finding.count, finding.sentence]
            for finding in report.findings
        ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    numbers.append(Figure(name="peak memory of the process, MB", value=peak))
    with arguments.judged.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(judged)
    columns = ["data set", "severity", "code", "count", "sentence"]
    result = result_of(
        arguments, numbers, Table(title="What the check says", columns=columns, rows=said)
    )
    write_result(result, arguments.out, packages=PACKAGES)
    for figure in numbers:
        verdict = {None: "", True: "met", False: "BROKEN"}[figure.met]
        print(f"{figure.name:<60}{figure.value:>10g}  {verdict}")
    sys.exit(not result.met)


if __name__ == "__main__":
    main()
