"""Which data a run was made with, image by image: what a resumed run is checked against.

A compressed text with one JSON document a line: the data set, then every image in the order of its
split, or one line for a split of arrays. Paths are those in the data set, so that it may lie somewhere
else later. A file that has kept its size and time is taken to have kept its contents; all others are
read again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from resnets.data.dataset import Dataset, Split
from resnets.data.fingerprint import Fingerprint, fingerprint, make_fingerprint, named_digests
from resnets.data.sources.problems import listed, refuse
from resnets.data.splitting import Groups, relative_names
from resnets.data.stored_images import ImageFile, stamp_of
from resnets.errors import WeightsError, printable
from resnets.files import replacing, write_text

GROUPS = "data_groups.json"

Document: TypeAlias = dict[str, Any]
Known: TypeAlias = Mapping[tuple[str, str, int, int], str]
"""SHA-256 of files by split, name, size and time."""

_LONGEST_LINE = 1_048_576
_encode = json.JSONEncoder(separators=(",", ":")).encode


def write_manifest(path: Path, dataset: Dataset, *, digests: Sequence[bytes] = ()) -> str:
    """Write the manifest of a data set.

    Args:
        path: of the file, *.jsonl.gz.
        dataset: from files or arrays.
        digests: SHA-256 of each file, split after split, where a check has just computed them
            (`Inspection.file_digests`); else they are computed here.

    Returns:
        SHA-256 of the data: the same wherever it lies, as long as nothing in it changes.
    """
    total = hashlib.sha256()
    with replacing(path) as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        for document in _documents(dataset, _known_from(dataset, digests)):
            total.update(_line(_essence(document)))
            packed.write(_line(document))
    return total.hexdigest()


def recorded_fingerprint(path: Path, dataset: Dataset) -> Fingerprint:
    """Compute the fingerprint of the training images from what was read when the manifest was written.

    Args:
        path: of the manifest.
        dataset: that it is about; arrays are hashed here.

    Raises:
        WeightsError: if the manifest cannot be read.
    """
    if isinstance(dataset.splits["train"].images, np.ndarray):
        return fingerprint(dataset)
    images = [image for image in _read(path)[1:] if image["split"] == "train"]
    names = [str(image["file"]) for image in images]
    classes = [str(image["class"] or "") for image in images]
    return make_fingerprint(dataset.name, names, classes, [str(image["sha256"]) for image in images])


def write_groups(folder: Path, groups: Groups) -> None:
    """Keep which images were kept together when the validation split was made, if any were.

    Args:
        folder: of the run.
        groups: of the data set.
    """
    if groups:
        write_text(folder / GROUPS, _encode({"schema_version": 1, "groups": dict(groups)}) + "\n")


def read_groups(folder: Path) -> Groups:
    """Read what `write_groups` kept; empty if it kept nothing.

    Args:
        folder: of the run.

    Raises:
        WeightsError: if it cannot be read.
    """
    path = folder / GROUPS
    try:
        groups = json.loads(path.read_text("utf-8"))["groups"]
        return {str(name): int(number) for name, number in groups.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path, error) from error


def data_changes(path: Path, dataset: Dataset) -> list[str]:
    """Tell how a data set differs from a manifest.

    Args:
        path: of the manifest.
        dataset: as it is now.

    Returns:
        Sentences without a full stop; none if it is the same data in the same order.

    Raises:
        WeightsError: if the manifest cannot be read.
    """
    before = _read(path)
    try:
        known = {
            (image["split"], image["file"], image["size"], image["mtime_ns"]): image["sha256"]
            for image in before[1:]
            if "file" in image
        }
        old = {_label(image): image for image in map(_essence, before[1:])}
        old_head = before[0]
    except (LookupError, TypeError) as error:
        raise _unreadable(path, error) from error
    new_head, *images = map(_essence, _documents(dataset, known))
    return list(_differences(old_head, new_head, old, {_label(image): image for image in images}))


def _read(path: Path) -> list[Document]:
    try:
        with gzip.open(path, "rb") as file:
            documents = [json.loads(line) for line in iter(lambda: file.readline(_LONGEST_LINE), b"")]
        if not documents:
            raise ValueError("it is empty")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _unreadable(path, error) from error
    return documents


def _unreadable(path: Path, error: Exception) -> WeightsError:
    reason = getattr(error, "strerror", None) or error
    return WeightsError(f"'{printable(str(path))}' cannot be read: {reason}")


def _documents(dataset: Dataset, known: Known) -> Iterator[Document]:
    yield {
        "schema_version": 1,
        "name": dataset.name,
        "kind": dataset.kind,
        "class_names": list(dataset.class_names),
        "splits": {name: len(split) for name, split in dataset.splits.items()},
        "split_origin": dataset.split_origin,
    }
    for split in dataset.splits.values():
        yield from _images(split, dataset, known)


def _images(split: Split, dataset: Dataset, known: Known) -> Iterator[Document]:
    if isinstance(split.images, np.ndarray):
        yield {
            "split": split.name,
            "shape": list(split.images.shape),
            "sha256": hashlib.sha256(np.ascontiguousarray(split.images).data).hexdigest(),
            "labels_sha256": hashlib.sha256(split.labels.astype("<i8").tobytes()).hexdigest(),
        }
        return
    keys = _keys(split, split.images, dataset.root)
    unknown = [i for i, key in enumerate(keys) if key not in known]
    unread = Split(split.name, [split.images[i] for i in unknown], split.labels[unknown])
    _, _, found = named_digests(unread, dataset.root)
    read = dict(zip(unknown, found, strict=True))
    for i, (key, label) in enumerate(zip(keys, split.labels.tolist(), strict=True)):
        _, name, size, mtime = key
        yield {
            "split": split.name,
            "file": name,
            "size": size,
            "sha256": read[i] if i in read else known[key],
            "class": None if label < 0 else dataset.class_names[label],
            "mtime_ns": mtime,
        }


def _keys(split: Split, paths: Sequence[ImageFile], root: Path) -> list[tuple[str, str, int, int]]:
    keys, failures = [], []
    for path, name in zip(paths, relative_names(paths, root), strict=True):
        try:
            size, mtime_ns = stamp_of(path)
        except OSError as error:
            failures.append(f"{path} ({error.strerror or error})")
        else:
            keys.append((split.name, name, size, mtime_ns))
    if failures:
        refuse(root, [f"{len(failures)} images cannot be read: {listed(failures)}"])
    return keys


def _known_from(dataset: Dataset, digests: Sequence[bytes]) -> Known:
    """What a check knows already; an empty digest is of a file that it could not read."""
    if not digests:
        return {}
    keys: list[tuple[str, str, int, int] | None] = []
    for split in dataset.splits.values():
        if isinstance(split.images, np.ndarray):
            keys += [None] * len(split)
        else:
            keys += _keys(split, split.images, dataset.root)
    return {key: digest.hex() for key, digest in zip(keys, digests, strict=True) if key and digest}


def _line(document: Document) -> bytes:
    return _encode(document).encode() + b"\n"


def _essence(document: Document) -> Document:
    """What makes the data what it is: neither the folder's name nor the times of its files."""
    return {key: value for key, value in document.items() if key not in {"mtime_ns", "name"}}


def _label(image: Document) -> str:
    return f"{image['file']} in {image['split']}" if "file" in image else image["split"]


def _differences(
    old_head: Document, new_head: Document, old: Mapping[str, Document], new: Mapping[str, Document]
) -> Iterator[str]:
    for key in ("class_names", "split_origin"):
        if old_head[key] != new_head[key]:
            yield f"{key.replace('_', ' ')}: {_short(old_head[key])} before, {_short(new_head[key])} now"
    changed = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    for names, word in (
        (old.keys() - new.keys(), "gone"),
        (new.keys() - old.keys(), "new"),
        (changed, "changed"),
    ):
        if names:
            yield f"{len(names)} {word}: {listed(sorted(names))}"
    if old == new and list(old) != list(new):
        yield "the images come in another order"


def _short(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
