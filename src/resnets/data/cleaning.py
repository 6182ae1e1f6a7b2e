"""A cleaned copy of a data set, as class folders; the data set itself is only read.

Left out are files that cannot be used, images with more than one label, all but one of exact copies, and
images of val and test that an earlier split has, exactly or nearly. Files are copied byte for byte, with
the suffix that their content has. Only what other programs would see differently is decoded and written
as PNG, without further loss: modes other than RGB and grey (16-bit values that they clip, transparency
whose hidden colour they show, CMYK), animations (their first frame) and, if asked for, images that an
EXIF tag turns.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from resnets.data.copy_checks import exact_leaks, near_leaks
from resnets.data.dataset import Dataset
from resnets.data.decoding import ImageSource, decode
from resnets.data.duplicates import duplicate_groups
from resnets.data.file_checks import SUFFIXES
from resnets.data.findings import DataReport
from resnets.data.inspection import Facts
from resnets.data.output_places import check_folder
from resnets.data.sources.problems import refuse
from resnets.data.stored_images import ImageFile, StoredImage
from resnets.errors import DataError, OutputError, printable
from resnets.files import write_bytes

LIST = "left_out.csv"


@dataclass(frozen=True)
class Cleaned:
    """What became of a data set.

    Attributes:
        path: of the copy.
        written: images in it.
        renamed: of them, with another suffix.
        converted: of them, decoded and written as PNG.
        left_out: images that are not in it, counted by reason.
    """

    path: str
    written: int
    renamed: int
    converted: int
    left_out: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def write_cleaned(
    dataset: Dataset, report: DataReport, out: str | Path, *, apply_exif: bool = False
) -> Cleaned:
    """Write a copy of a data set without what its check found wrong.

    The folder has train, val and test as far as the data set has them, with a folder for each class, and
    a list of what was left out, left_out.csv.

    Args:
        dataset: that was checked.
        report: of that check.
        out: folder that does not exist yet, or is empty, outside the data set.
        apply_exif: write images upright that an EXIF tag turns.

    Raises:
        DataError: if the report is about another data set, or its classes are not in order.
        OutputError: if the folder cannot be written, is not empty or lies in the data set.
    """
    if report.evidence.dataset is not dataset:
        raise DataError(
            f"the report is about {printable(report.name)} as it was opened for the check; "
            "pass that data set, or check this one"
        )
    if dataset.problems:
        refuse(dataset.root, ["no cleaned copy can be made of it as it is", *dataset.problems])
    target = Path(os.path.abspath(out))  # noqa: PTH100 - links stay links
    check_folder(target, dataset.root)
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        cleaned = _write(dataset, report, partial, target, apply_exif=apply_exif)
        if target.exists():
            target.rmdir()  # which only an empty folder allows
        partial.replace(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or error
        raise OutputError(f"cannot write the cleaned copy {str(target)!r}: {reason}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return cleaned


def choose_left_out(report: DataReport) -> dict[int, str]:
    """Say which images a cleaned copy does without: their index, and why.

    Args:
        report: of a check.
    """
    images, pairs = report.evidence.images, report.evidence.duplicates
    left_out = {i: facts.reason for i, facts in enumerate(images.facts) if facts.reason}
    groups = duplicate_groups((pair for pair in pairs if pair.kind == "exact"), len(images))
    for i, copy in exact_leaks(images, groups).items():
        left_out[i] = f"also in {images.split_names[images.splits[copy]]}"
    for group in groups:
        if len(set(images.labels[group].tolist()) - {-1}) > 1:
            left_out.update(dict.fromkeys(group, "more than one label"))
        seen: set[int] = set()
        for i in group:
            if i not in left_out and int(images.splits[i]) in seen:
                left_out[i] = "exact copy"
            seen.add(int(images.splits[i]))
    kept = [p for p in pairs if p.kind == "near" and not {p.a, p.b} & left_out.keys()]
    for i, pair in near_leaks(images, kept).items():
        earlier = pair.a if i == pair.b else pair.b
        left_out[i] = f"nearly the same in {images.split_names[images.splits[earlier]]}"
    return left_out


def _write(
    dataset: Dataset, report: DataReport, folder: Path, target: Path, *, apply_exif: bool
) -> Cleaned:
    left_out = choose_left_out(report)
    counts: Counter[str] = Counter()
    taken: set[tuple[str, str, str]] = set()
    folders = _class_folders(dataset)
    images, policy = report.evidence.images, report.evidence.policy
    for i, (split, label, source) in enumerate(_sources(dataset)):
        if i in left_out:
            continue
        facts = images.facts[i]
        convert = _is_unusual(facts) or (apply_exif and facts.orientation != 1)
        convert = convert or not isinstance(source, ImageFile)
        name = source.name if isinstance(source, ImageFile) else f"{i:06}.png"
        wanted = _with_suffix(name, "PNG" if convert else facts.format)
        inside = folders[label] if label >= 0 else ""
        wanted = _free_name(taken, split, inside, wanted)
        place = folder / split / inside
        place.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path) and not convert:
            shutil.copyfile(source, place / wanted)
        elif isinstance(source, StoredImage) and not convert:
            (place / wanted).write_bytes(source.read_bytes())
        else:
            decode(source, policy).image.convert("RGB").save(place / wanted, "PNG")
        counts.update(written=1, renamed=wanted != name, converted=convert)
    _write_list(folder / LIST, {images.names[i]: reason for i, reason in left_out.items()})
    return Cleaned(
        str(target),
        counts["written"],
        counts["renamed"],
        counts["converted"],
        dict(Counter(left_out.values()).most_common()),
    )


def _is_unusual(facts: Facts) -> bool:
    return facts.animated or facts.mode not in ("RGB", "L")


def _sources(dataset: Dataset) -> Iterator[tuple[str, int, ImageSource]]:
    for split in dataset.splits.values():
        for label, image in zip(split.labels.tolist(), split.images, strict=True):
            yield split.name, label, image


def _class_folders(dataset: Dataset) -> list[str]:
    """Names of folders that lead nowhere else, whatever a manifest calls its classes."""
    folders: list[str] = []
    for name in dataset.class_ids or dataset.class_names:
        safe = name.replace("/", "_").replace("\\", "_").replace("\0", "_")
        safe = f"_{safe}" if not safe or safe.startswith(".") else safe
        while safe in folders:
            safe += "_"
        folders.append(safe)
    return folders


def _with_suffix(name: str, kind: str) -> str:
    path = PurePath(name)
    usual = SUFFIXES.get(kind, (path.suffix,))
    if path.suffix.lower() in usual:
        return name
    known = any(path.suffix.lower() in suffixes for suffixes in SUFFIXES.values())
    return (path.stem if known else name) + usual[0]


def _free_name(taken: set[tuple[str, str, str]], split: str, inside: str, name: str) -> str:
    path = PurePath(name)
    wanted, number = name, 2
    # Some file systems do not tell capitals from small letters.
    while (split, inside, wanted.casefold()) in taken:
        wanted = f"{path.stem}-{number}{path.suffix}"
        number += 1
    taken.add((split, inside, wanted.casefold()))
    return wanted


def _write_list(path: Path, left_out: Mapping[str, str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows(left_out.items())
    write_bytes(path, os.fsencode(text.getvalue()))
