"""Checks of single images: unusable, misnamed, rotated, of odd modes or sizes, animated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TypeVar

import numpy as np

from resnets.data.dataset import PassedOver, too_many_unusable
from resnets.data.findings import Example, Finding, Severity
from resnets.data.inspection import Facts, Inspection

Case = TypeVar("Case")

SHOWN = 12
# Examples of one finding: three rows of four on the page.

SUFFIXES = {
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""How files of each format are called, the usual name first."""

_TINY, _HUGE = 32, 10_000_000
# Pixels, of the shorter side and of the whole.

_REASONS = {
    "empty": "{} of 0 bytes",
    "truncated": "{} cut short (truncated)",
    "damaged": "{} with damaged content",
    "not an image": "{} without an image inside, whatever the name says",
    "unsupported format": "{} in a format that is not read",
    "too large": "{} with more pixels than are decoded",
    "too small": "{} of less than 8 pixels on a side",
    "needs a range": "{} with 32-bit values, of which black and white are not known",
    "missing": "{} missing",
    "not a file": "{} of another kind: folders, pipes, devices",
    "not readable": "{} without permission to read, or on a failing disk",
}
_ADVICE = {
    "truncated": "Copy or download them again, or leave them out with --fix-to.",
    "not an image": "Delete them or download them again; --fix-to leaves them out.",
    "unsupported format": "Convert them to JPEG or PNG.",
    "too large": "Shrink them, or allow more: with --max-pixels 100000000 here, with "
    "--set preprocessing.decoding.max_pixels=100000000 in training.",
    "needs a range": "Say which values are black and white: with --float-range 0,1 here, with "
    '--set "preprocessing.decoding.float_range=[0,1]" in training.',
    "not readable": "Look at their permissions.",
}


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> plural(1, "file"), plural(1200, "class", "classes")
        ('1 file', '1,200 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def spread(cases: Sequence[Case]) -> list[Case]:
    """Choose a few cases from all over a list: one class alone rarely tells the whole story.

    Example:
        >>> spread(range(100))
        [0, 8, 16, 25, 33, 41, 50, 58, 66, 75, 83, 91]
    """
    count = min(len(cases), SHOWN)
    return [cases[i * len(cases) // count] for i in range(count)]


def check_files(images: Inspection) -> Iterator[Finding]:
    """Say what is odd about single images.

    Args:
        images: of a data set.
    """
    yield from _unusable(images)
    yield from _of_facts(
        images,
        _wrong_suffix,
        code="misnamed",
        severity="warning",
        sentence="{} whose content is of another format than the name says",
        advice="They are read by their content here, but other programs may refuse them; "
        "--fix-to gives them the right suffix.",
    )
    yield from _of_facts(
        images,
        lambda _, facts: f"orientation {facts.orientation}" if facts.orientation != 1 else "",
        code="rotated",
        severity="note",
        sentence="{} with an EXIF tag for rotation",
        advice="They are turned upright when they are read here; programs that ignore the tag see "
        "them lying on their side.",
    )
    yield from _of_facts(
        images,
        lambda _, facts: facts.mode if facts.mode not in ("RGB", "L", "") else "",
        code="odd-mode",
        severity="note",
        sentence="{} neither RGB nor grey",
        advice="All are converted to 8-bit RGB, transparent ones on white. Look at a few if colours "
        "matter.",
    )
    yield from _of_facts(
        images,
        lambda _, facts: facts.format if facts.animated else "",
        code="animated",
        severity="warning",
        sentence="{} with more than one frame or page",
        advice="Only the first frame is used; if others matter, save them as images of their own.",
    )
    yield from _sizes(images)


def check_passed_over(passed_over: Iterable[PassedOver], root: PurePath) -> Iterator[Finding]:
    """Say what lies in the folder and is no part of the data set.

    Args:
        passed_over: by the source.
        root: of the data set.
    """
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for item in passed_over:
        inside = item.path.is_relative_to(root)
        by_reason[item.reason].append(str(item.path.relative_to(root) if inside else item.path))
    count = sum(map(len, by_reason.values()))
    if count:
        kinds = ", ".join(f"{len(names):,} {reason}" for reason, names in sorted(by_reason.items()))
        cases = [
            Example(note=f"{name}: {reason}")
            for reason, names in sorted(by_reason.items())
            for name in names[:3]
        ]
        yield Finding(
            "passed-over",
            "note",
            f"{plural(count, 'thing')} in the folder that {'is' if count == 1 else 'are'} "
            f"no part of the data set: {kinds}",
            count,
            "Nothing, unless one of them should be an image of a class.",
            tuple(cases[:SHOWN]),
        )


def check_problems(problems: Sequence[str]) -> Iterator[Finding]:
    """Say what keeps a data set from being opened for training.

    Args:
        problems: found by the source, a sentence each.
    """
    for problem in problems:
        yield Finding(
            "structure",
            "error",
            problem,
            1,
            "Training refuses the data until this is put right.",
        )


def _unusable(images: Inspection) -> Iterator[Finding]:
    by_reason: defaultdict[str, list[int]] = defaultdict(list)
    for index, facts in enumerate(images.facts):
        if facts.reason:
            by_reason[facts.reason].append(index)
    for reason, found in sorted(by_reason.items()):
        sentence = _REASONS.get(reason, "{} that cannot be used").format(plural(len(found), "file"))
        yield Finding(
            reason.replace(" ", "-"),
            "error",
            sentence,
            len(found),
            _ADVICE.get(reason, "Replace them, or leave them out with --fix-to."),
            tuple(Example((images.names[i],), images.facts[i].detail) for i in spread(found)),
        )
    train = images.splits == images.split_names.index("train")
    count, most = int((train & ~images.usable).sum()), int(train.sum())
    if too_many_unusable(count, most):
        yield Finding(
            "many-unusable",
            "error",
            f"{100 * count / most:.1f} % of the training images cannot be used: "
            "training stops above 1 %",
            count,
            "Was a download or a copy cut short? If they are just bad, leave them out with --fix-to.",
        )


def _of_facts(
    images: Inspection,
    oddity: Callable[[str, Facts], str],
    *,
    code: str,
    severity: Severity,
    sentence: str,
    advice: str,
) -> Iterator[Finding]:
    """Gather images by what is odd about them; '' is nothing."""
    found = [(name, oddity(name, facts)) for name, facts in zip(images.names, images.facts, strict=True)]
    found = [(name, what) for name, what in found if what]
    if found:
        kinds = Counter(what for _, what in found).most_common()
        listed = ", ".join(f"{number:,} {what}" for what, number in kinds[:4])
        more = ", ..." if len(kinds) > 4 else ""
        text = f"{sentence.format(plural(len(found), 'image'))}: {listed}{more}"
        cases = tuple(Example((name,), what) for name, what in spread(found))
        yield Finding(code, severity, text, len(found), advice, cases)


def _wrong_suffix(name: str, facts: Facts) -> str:
    suffix = PurePath(name).suffix.lower()
    if facts.reason or not facts.format or suffix in SUFFIXES.get(facts.format, (suffix,)):
        return ""
    return f"{facts.format} called {suffix or 'without suffix'}"


def _sizes(images: Inspection) -> Iterator[Finding]:
    sides = [min(facts.size) for facts in images.facts if not facts.reason]
    # A set of tiny images is meant to be so.
    if sides and np.median(sides) >= 2 * _TINY:
        yield from _of_facts(
            images,
            lambda _, facts: "{}x{}".format(*facts.size) if 0 < min(facts.size) < _TINY else "",
            code="tiny",
            severity="warning",
            sentence=f"{{}} of less than {_TINY} pixels on a side, in a set of larger ones",
            advice="They may be icons or thumbnails; enlarged, they show blur instead of their class.",
        )
    yield from _of_facts(
        images,
        lambda _, facts: "{}x{}".format(*facts.size) if facts.size[0] * facts.size[1] > _HUGE else "",
        code="huge",
        severity="note",
        sentence="{} of more than 10 million pixels",
        advice="They are slow to decode at every epoch: resnets data pack shrinks all images once.",
    )
