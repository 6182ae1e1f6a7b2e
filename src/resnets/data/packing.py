"""Packing a data set: every image decoded once, into a file that training reads without decoding.

Images are decoded by several processes and written in order as they come, so that memory does not grow
with the data set; the file gets its name when it is complete. Nothing is written beside the data.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from resnets.data.dataset import Dataset, Split
from resnets.data.decoding import DecodedImage, Pixels, decode
from resnets.data.order import Indices
from resnets.data.packed import FOOTER, MAGIC, PackedDataset, PackPolicy, checksums, open_packed
from resnets.data.preprocessing import RESAMPLING, fit
from resnets.data.reading import attempt, check_failures
from resnets.data.reading_processes import Readers, usual_workers
from resnets.data.stored_images import ImageFile, stamp_of
from resnets.downloads.cache_folder import cache_folder
from resnets.errors import DataError, ImageError, OutputError
from resnets.files import replacing

_CHUNK = 32  # images of one task
_LONGEST = 3
# Times the shorter side; the middle is kept of what is longer, a banner or a panorama.


def pack(
    dataset: Dataset, out: str | Path, *, policy: PackPolicy | None = None, workers: int | None = None
) -> PackedDataset:
    """Write a data set of files as one packed file.

    Files that cannot be used are noted; more than 1 % of them in training, or any in evaluation, are an
    error, as they are without packing.

    Args:
        dataset: of image files.
        out: path of the file to write; its folder is made.
        policy: what to keep of each image.
        workers: processes that decode. [one for each core, at most 8]

    Raises:
        DataError: if there is nothing to decode, or too much that cannot be.
        OutputError: if the file cannot be written.
    """
    policy = policy or PackPolicy()
    out = Path(out)
    for split in dataset.splits.values():
        if isinstance(split.images, np.ndarray):
            raise DataError(f"the images of {dataset.name!r} are in memory already: nothing to pack")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {str(out)!r}: {error.strerror or error}") from error
    with replacing(out) as file:
        _write(dataset, file, policy, usual_workers() if workers is None else workers)
    return open_packed(out)


@dataclass(eq=False)
class _Columns:
    """What the index says of a split's images, growing as they are written."""

    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    checksums: list[int] = field(default_factory=list)
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Images decoded by a worker: all pixels in a row, (height, width) or the error of each."""

    pixels: Tensor
    found: list[tuple[int, int] | ImageError]


def _write(dataset: Dataset, file: IO[bytes], policy: PackPolicy, workers: int) -> None:
    arrays: dict[str, np.ndarray] = {}
    failures: dict[str, dict[int, tuple[str, str]]] = {}
    for split in dataset.splits.values():
        sources = [_source(path) for path in split.images]
        columns = _write_pixels(split, file, policy, workers)
        failures[split.name] = columns.failures
        files = "".join(f"{_relative(path, dataset.root)}\0" for path in split.images)
        arrays |= {
            f"{split.name}.labels": split.labels,
            f"{split.name}.files": np.frombuffer(files.encode("utf-8", "surrogateescape"), np.uint8),
            f"{split.name}.num_bytes": np.array([s[0] for s in sources], np.int64),
            f"{split.name}.mtimes_ns": np.array([s[1] for s in sources], np.int64),
            f"{split.name}.offsets": np.array(columns.offsets, np.int64),
            f"{split.name}.heights": np.array(columns.heights, np.int64),
            f"{split.name}.widths": np.array(columns.widths, np.int64),
            f"{split.name}.checksums": np.array(columns.checksums, np.uint64),
        }
        if split.shards is not None:
            arrays[f"{split.name}.shards"] = split.shards
    notes = {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "policy": policy.model_dump(mode="json"),
        "failures": failures,
    }
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    index = io.BytesIO()
    np.savez(index, allow_pickle=False, **arrays)
    raw, start = index.getvalue(), file.tell()
    file.write(raw + FOOTER.pack(MAGIC, start, len(raw), hashlib.sha256(raw).digest()))


def _write_pixels(split: Split, file: IO[bytes], policy: PackPolicy, workers: int) -> _Columns:
    columns = _Columns()
    errors: list[ImageError] = []
    images = split.images
    assert not isinstance(images, np.ndarray)  # `pack` has looked
    order = np.arange(len(split))
    tasks = [order[start : start + _CHUNK] for start in range(0, len(order), _CHUNK)]
    readers = Readers(partial(_decode_chunk, images, _size_kept(split, policy), policy), workers=workers)
    for chunk in readers.run(tasks):
        pixels, place = chunk.pixels.numpy(), 0
        for found in chunk.found:
            height, width = (0, 0) if isinstance(found, ImageError) else found
            if isinstance(found, ImageError):
                errors.append(found)
                check_failures(errors, len(split), training=split.name == "train")
                columns.failures[len(columns.offsets)] = found.reason, found.detail
            image = pixels[place : place + height * width * 3]
            place += len(image)
            columns.offsets.append(file.tell())
            columns.heights.append(height)
            columns.widths.append(width)
            columns.checksums.append(int(checksums(image[None])[0]))
            file.write(image.data)
    return columns


def _size_kept(split: Split, policy: PackPolicy) -> int | None:
    return policy.train_size if policy.keeps_whole(split.name) else None


def _decode_chunk(
    images: Sequence[ImageFile], shorter_side: int | None, policy: PackPolicy, indices: Indices
) -> _Chunk:
    decoded: list[Pixels] = []
    found: list[tuple[int, int] | ImageError] = []
    for index in indices.tolist():
        try:
            image = attempt(partial(_kept, images[index], policy, shorter_side))
        except ImageError as error:
            found.append(error)
        else:
            decoded.append(image.reshape(-1))
            found.append((image.shape[0], image.shape[1]))
    pixels = np.concatenate(decoded) if decoded else np.empty(0, np.uint8)
    return _Chunk(torch.from_numpy(pixels), found)


def _kept(source: ImageFile, policy: PackPolicy, shorter_side: int | None) -> Pixels:
    """Decode a file and make it as small as it is kept, (H, W, 3)."""
    preprocessing = policy.preprocessing
    wanted = preprocessing.shorter_side if shorter_side is None else shorter_side
    decoded = decode(source, preprocessing.decoding, for_size=wanted)
    if shorter_side is None:
        return fit(decoded, preprocessing)
    return _shrunk(decoded, shorter_side, RESAMPLING[preprocessing.interpolation])


def _shrunk(decoded: DecodedImage, shorter_side: int, resampling: Image.Resampling) -> Pixels:
    """Make an image smaller, never larger: that would add bytes and nothing to see."""
    image = decoded.image
    across, down = (min(side, _LONGEST * min(image.size)) for side in image.size)
    left, top = (image.width - across) // 2, (image.height - down) // 2
    if min(image.size) <= shorter_side:
        return decoded.pixels[top : top + down, left : left + across]
    share = shorter_side / min(across, down)
    size = max(1, round(across * share)), max(1, round(down * share))
    box = (left, top, left + across, top + down)
    return np.asarray(image.resize(size, resampling, box=box))[..., :3]


@dataclass(frozen=True)
class Changes:
    """How a data set differs from its packed file; false if it does not.

    Attributes:
        added: files that are not in their split of it.
        removed: files that are gone, or in another split.
        changed: files of another size, time or label.
        classes: the class names differ.
    """

    added: tuple[ImageFile, ...] = ()
    removed: tuple[Path, ...] = ()
    changed: tuple[ImageFile, ...] = ()
    classes: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.classes)


def find_changes(packed: PackedDataset, dataset: Dataset) -> Changes:
    """Compare a packed file with the data set as it is now; no image is read.

    Args:
        packed: the file.
        dataset: opened again.
    """
    before = {
        (name, file): (label, num_bytes, mtime)
        for name, split in packed.splits.items()
        for file, label, num_bytes, mtime in zip(
            split.files,
            split.labels.tolist(),
            split.num_bytes.tolist(),
            split.mtimes_ns.tolist(),
            strict=True,
        )
    }
    added, changed = [], []
    for name, split in dataset.splits.items():
        for path, label in zip(split.images, split.labels.tolist(), strict=True):
            known = before.pop((name, _relative(path, dataset.root)), None)
            if known is None:
                added.append(path)
            elif known != (label, *_source(path)):
                changed.append(path)
    return Changes(
        added=tuple(added),
        removed=tuple(dataset.root / file for _, file in before),
        changed=tuple(changed),
        classes=packed.class_names != dataset.class_names,
    )


def packed_path(dataset: Dataset, policy: PackPolicy) -> Path:
    """Where the cache keeps the packed file of a data set, whether it is there or not.

    Args:
        dataset: of image files.
        policy: what is kept of each image; another one is another file.
    """
    name = f"{dataset.root.name or 'data'}-{_key_of(dataset)}-{_digest(policy.model_dump_json())}.pack"
    return packs_folder() / name


def packs_of(dataset: Dataset) -> list[Path]:
    """Every packed file of a data set in the cache, whatever it keeps of each image."""
    return sorted(packs_folder().glob(f"*-{_key_of(dataset)}-*.pack"))


def packs_folder() -> Path:
    """The folder `packs` of the cache."""
    return cache_folder() / "packs"


def _key_of(dataset: Dataset) -> str:
    return _digest(f"{dataset.root.absolute()}\0{dataset.kind}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _source(image: ImageFile) -> tuple[int, int]:
    """Size and time of a file; -1 if there is none, which decoding it reports."""
    with suppress(OSError):
        return stamp_of(image)
    return -1, -1


def _relative(image: ImageFile, root: Path) -> str:
    if isinstance(image, Path) and image.is_relative_to(root):
        return str(image.relative_to(root))
    return str(image)
