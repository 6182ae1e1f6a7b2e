"""Damaged images through both decoders: no crash, no uncaught exception, nothing slow or large.

The mutants and the hostile list are made by tests/data; decoding_pool.py has them decoded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from decoding_pool import run_hostile, run_mutants
from promises import RESULTS, Figure, Result, Table, write_result
from tests.data.hostile_images import ANY, HOSTILE_IMAGES
from tests.data.image_corpus import SEEDS

SECONDS, HOSTILE_SECONDS, MEGABYTES = 2.0, 5.0, 1000
MOST_FAILURES = 50
PROMISE = (
    "No image file, however damaged, crashes resnets, raises anything but `ImageError`, or takes more "
    "than 2 s or 1 GB; files made to harm keep to 5 s and 1 GB. With and without simplejpeg, what is "
    "seen is the same."
)
REMARKS = (
    (
        "Seconds are the processor's; a worker silent for 30 s of wall time is killed and counts as "
        "too slow."
    ),
    (
        "The hostile list is tests/data/hostile_images.py: bombs, loops, foreign formats and the "
        "largest files that are accepted; each may take 5 s."
    ),
    "Pillow writes the files that are then damaged: another version of it makes other mutants.",
)
PACKAGES = ("resnets", "pillow", "simplejpeg", "numpy")


@dataclass
class Tally:
    """What became of the images of one format."""

    outcomes: Counter[str] = field(default_factory=Counter)
    images: int = 0
    both_accept: int = 0
    same_pixels: int = 0
    disagree: int = 0
    warned: int = 0
    seconds: float = 0.0
    peak_mb: int = 0
    slow: int = 0
    large: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, answer: dict[str, Any], *, seconds: float = SECONDS) -> None:
        """Count one image.

        Args:
            answer: of a worker.
            seconds: that decoding it may take.
        """
        self.images += 1
        verdicts = answer["verdicts"]
        for decoder, verdict in verdicts.items():
            self.outcomes[verdict["outcome"]] += 1
            self.seconds = max(self.seconds, verdict["seconds"])
            self.peak_mb = max(self.peak_mb, verdict["peak_mb"])
            self.slow += verdict["seconds"] > seconds
            self.large += verdict["peak_mb"] > MEGABYTES
            self.warned += bool(verdict["warnings"])
            broken = verdict["outcome"].startswith("uncaught")
            if (
                broken
                or verdict["warnings"]
                or verdict["seconds"] > seconds
                or verdict["peak_mb"] > MEGABYTES
            ):
                self.failures.append(f"{answer['case']}, {decoder}: {verdict}")
        first, *others = [verdict["outcome"] for verdict in verdicts.values()]
        pixels = {verdict.get("pixels") for verdict in verdicts.values()}
        if others and first == others[0] == "accepted":
            self.both_accept += 1
            self.same_pixels += len(pixels) == 1
        self.disagree += any(outcome != first for outcome in others)
        if others and (len(pixels) > 1 or others[0] != first):
            self.failures.append(f"{answer['case']}, decoders differ: {verdicts}")

    def count(self, start: str) -> int:
        """How many decodings had an outcome that begins so."""
        return sum(number for outcome, number in self.outcomes.items() if outcome.startswith(start))


def broken_expectations(answers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Say which hostile images did not end as they have to.

    Args:
        answers: of the workers, by name.
    """
    for name, answer in answers.items():
        image = HOSTILE_IMAGES[name]
        if "died" in answer:
            yield f"{name}: worker died: {answer['died']}"
            continue
        for decoder, verdict in answer["verdicts"].items():
            outcome = verdict["outcome"]
            if outcome.startswith("uncaught") or not {outcome, ANY} & set(image.outcomes):
                yield f"{name}, {decoder}: {outcome} instead of {' or '.join(image.outcomes)}"
            elif image.colour is not None and outcome == "accepted":
                differences = zip(verdict["colour"], image.colour, strict=True)
                if max(abs(got - wanted) for got, wanted in differences) > 3:
                    yield f"{name}, {decoder}: colour {verdict['colour']} instead of {image.colour}"


def figures(tallies: Iterable[Tally], deaths: Counter[str], hostile: Tally, wrong: int) -> list[Figure]:
    """Hold the counts against the promise.

    Args:
        tallies: of all formats.
        deaths: of workers, by cause.
        hostile: what became of the hostile list.
        wrong: how many of the hostile list ended in another way than they have to.
    """
    tallies = list(tallies)
    every = [*tallies, hostile]
    stalled = deaths["stalled"]

    def total(counts: Iterable[float]) -> float:
        return sum(counts)

    decodings = total(sum(tally.outcomes.values()) for tally in every)
    uncaught = total(tally.count("uncaught") for tally in every)
    warned = total(tally.warned for tally in every)
    slow = total(tally.slow for tally in tallies) + stalled
    large = total(tally.large for tally in every)
    longest = round(max(tally.seconds for tally in tallies), 2)
    longest_hostile = round(hostile.seconds, 2)
    peak = max(tally.peak_mb for tally in every)
    judged_apart = total(tally.disagree for tally in every)
    seen_apart = total(tally.both_accept - tally.same_pixels for tally in every)
    accepted = total(tally.outcomes["accepted"] for tally in tallies)
    return [
        Figure(name="decodings", value=decodings),
        Figure(name="decodings of mutants that were accepted", value=accepted),
        Figure(name="crashes", value=total(deaths.values()) - stalled, at_most=0),
        Figure(name="uncaught exceptions", value=uncaught, at_most=0),
        Figure(name="warnings that reached the caller", value=warned, at_most=0),
        Figure(name=f"mutants over {SECONDS:g} s", value=slow, at_most=0),
        Figure(name=f"hostile files over {HOSTILE_SECONDS:g} s", value=hostile.slow, at_most=0),
        Figure(name="decodings over 1 GB", value=large, at_most=0),
        Figure(name="longest mutant, s", value=longest, at_most=SECONDS),
        Figure(name="longest hostile file, s", value=longest_hostile, at_most=HOSTILE_SECONDS),
        Figure(name="largest peak of a process, MB", value=peak, at_most=MEGABYTES),
        Figure(name="accepted by one decoder, refused by the other", value=judged_apart, at_most=0),
        Figure(name="accepted by both with different pixels", value=seen_apart, at_most=0),
        Figure(name="hostile files", value=len(HOSTILE_IMAGES)),
        Figure(name="hostile files with another outcome than named", value=wrong, at_most=0),
    ]


def table(tallies: dict[str, Tally]) -> Table:
    """One row per format."""
    reasons = sorted({reason for tally in tallies.values() for reason in tally.outcomes} - {"accepted"})
    rows: list[list[str | float]] = []
    for name, tally in tallies.items():
        counts = [tally.outcomes[outcome] for outcome in ("accepted", *reasons)]
        rows.append([name, tally.images, *counts, round(tally.seconds, 2), tally.peak_mb])
    columns = ["format", "images", "accepted", *reasons, "longest, s", "peak, MB"]
    return Table(title="Decodings by outcome, two per image", columns=columns, rows=rows)


def report(
    tallies: dict[str, Tally], deaths: Counter[str], answers: dict[str, dict[str, Any]]
) -> tuple[list[Figure], Table, list[str]]:
    """Sum up a run: figures, details, and one line per failure.

    Args:
        tallies: of the mutants, by format.
        deaths: of workers, by cause.
        answers: to the hostile list, by name.
    """
    hostile = Tally()
    for answer in answers.values():
        if "died" in answer:
            deaths[str(answer["died"])] += 1
        else:
            hostile.add(answer, seconds=HOSTILE_SECONDS)
    wrong = list(broken_expectations(answers))
    failures = [line for tally in (*tallies.values(), hostile) for line in tally.failures]
    numbers = figures(tallies.values(), deaths, hostile, len(wrong))
    return numbers, table({**tallies, "hostile list": hostile}), failures + wrong


def main() -> None:
    """Run, print what failed, write the figures; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RESULTS / "decoding.json")
    arguments = parser.parse_args()
    tallies = {name: Tally() for name in SEEDS}
    deaths: Counter[str] = Counter()
    for kind, answer in run_mutants(arguments.seed, arguments.count, arguments.workers):
        if "died" in answer:
            deaths[str(answer["died"])] += 1
            print(f"mutant {answer['case']} ({kind}): worker died: {answer['died']}")
        else:
            tallies[kind].add(answer)
    numbers, details, failures = report(tallies, deaths, run_hostile())
    print("\n".join(failures[:MOST_FAILURES]))
    if len(failures) > MOST_FAILURES:
        print(f"... and {len(failures) - MOST_FAILURES} more")
    result = Result(
        title="Damaged and hostile images",
        promise=PROMISE,
        command=f"python reliability/fuzz_decoding.py --count {arguments.count} --seed {arguments.seed}",
        seed=arguments.seed,
        count=arguments.count,
        unit="mutants of 16 formats",
        figures=numbers,
        tables=[details],
        remarks=REMARKS,
    )
    write_result(result, arguments.out, packages=PACKAGES)
    for figure in numbers:
        verdict = {None: "", True: "met", False: "BROKEN"}[figure.met]
        print(f"{figure.name:<50}{figure.value:>10g}  {verdict}")
    sys.exit(not result.met)


if __name__ == "__main__":
    main()
