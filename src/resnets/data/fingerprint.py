"""Which images a network was trained on, in one number that anybody with the same files can compute."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resnets.data.dataset import Dataset, Split
from resnets.data.sources.problems import listed, refuse
from resnets.data.splitting import relative_names
from resnets.data.stored_images import ImageFile, sha256_of

_AT_ONCE = 500  # files that a thread takes


@dataclass(frozen=True)
class Fingerprint:
    """The training images of a data set.

    Attributes:
        name: of the set.
        num_images: in its training split.
        sha256: over the sorted list of files, their classes and contents.
    """

    name: str
    num_images: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def fingerprint(dataset: Dataset) -> Fingerprint:
    """Compute the fingerprint of the training images.

    It is the SHA-256 of one line for each image, sorted: its path in the data set, the name of its
    class and the SHA-256 of its file, with NUL between them and a line feed at the end. For arrays, the
    path is the index in nine digits, and the pixels are hashed.

    Args:
        dataset: from files or arrays.

    Raises:
        DataError: if files cannot be read.
    """
    names, labels, digests = named_digests(dataset.splits["train"], dataset.root)
    classes = [*dataset.class_names, ""]  # -1 is no class
    return make_fingerprint(dataset.name, names, [classes[label] for label in labels], digests)


def make_fingerprint(
    name: str, images: Sequence[str], classes: Sequence[str], digests: Sequence[str]
) -> Fingerprint:
    """Compute the fingerprint of images that were read before.

    Args:
        name: of the data set.
        images: their names, as in `fingerprint`.
        classes: of each; '' where it is not known.
        digests: SHA-256 of each, in hexadecimal.
    """
    lines = [
        f"{image}\0{label}\0{digest}\n".encode("utf-8", "surrogateescape")
        for image, label, digest in zip(images, classes, digests, strict=True)
    ]
    total = hashlib.sha256(b"".join(sorted(lines)))
    return Fingerprint(name, len(images), total.hexdigest())


def named_digests(split: Split, root: Path) -> tuple[list[str], list[int], list[str]]:
    """Names of a split's images, their labels, and the SHA-256 of each.

    Args:
        split: of files or arrays.
        root: that names are relative to.
    """
    labels = split.labels.tolist()
    if isinstance(split.images, np.ndarray):
        names = [f"{index:09}" for index in range(len(split))]
        return names, labels, [hashlib.sha256(image.tobytes()).hexdigest() for image in split.images]
    paths = split.images
    parts = [paths[i : i + _AT_ONCE] for i in range(0, len(paths), _AT_ONCE)]
    failures: list[str] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        digests = [d for part in threads.map(lambda part: _digests(part, failures), parts) for d in part]
    if failures:
        refuse(root, [f"{len(failures)} images cannot be read: {listed(sorted(failures))}"])
    return relative_names(paths, root), labels, digests


def _digests(paths: Sequence[ImageFile], failures: list[str]) -> list[str]:
    digests = []
    for path in paths:
        try:
            digests.append(sha256_of(path))
        except OSError as error:
            failures.append(f"{path} ({error.strerror or error})")
            digests.append("")
    return digests
