"""Looking at every image of a data set once: what it is, its digests and its signature.

Images are decoded in threads: the decoders, the resize and SHA-256 all let other threads run. No pixels
are kept; a file leaves 1.3 kB behind, whatever its size.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Dataset, Labels
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import ImageSource, decode
from resnets.data.image_signatures import SIGNATURE_BYTES, Signatures, signature
from resnets.data.stored_images import ImageFile, sha256_of
from resnets.errors import ImageError

_AT_ONCE = 64  # images that a thread takes


@dataclass(frozen=True)
class Facts:
    """What an image is, or why it cannot be used.

    Attributes:
        reason: why it is unusable, in a word or two; '' if it is not.
        detail: the whole sentence about it.
        format: of the file, by its content; '' for arrays.
        mode: of the file, in Pillow's words.
        size: width and height in pixels, upright.
        orientation: the EXIF tag, 1 to 8.
        animated: there are more frames than the first.
    """

    reason: str = ""
    detail: str = ""
    format: str = ""
    mode: str = ""
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    animated: bool = False


@dataclass(frozen=True, eq=False)
class Inspection:
    """All images of a data set, in the order of its splits.

    Attributes:
        split_names: of the data set.
        splits: (N,), which split each image is in.
        labels: (N,), the class of each; -1 where it is not known.
        names: of each image: its path below the data set's folder, or as in 'train[17]'.
        facts: about each.
        file_digests: SHA-256 of each file; empty for arrays and what cannot be read.
        pixel_digests: SHA-256 of each image's size and pixels; empty for what cannot be decoded.
        signatures: (N, 1152), for near-duplicates; zeros for what cannot be decoded.
    """

    split_names: tuple[str, ...]
    splits: NDArray[np.int64]
    labels: Labels
    names: Sequence[str]
    facts: Sequence[Facts]
    file_digests: Sequence[bytes]
    pixel_digests: Sequence[bytes]
    signatures: Signatures

    def __len__(self) -> int:
        return len(self.names)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(N,), which images can be decoded."""
        return np.array([not facts.reason for facts in self.facts], np.bool_)


def inspect_dataset(
    dataset: Dataset,
    *,
    workers: int | None = None,
    policy: DecodePolicy | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Decode all images of a data set.

    Args:
        dataset: from files or arrays.
        workers: threads; by default one for each processor.
        policy: how images are decoded.
        on_progress: is called with the images decoded and their number.
    """
    sources = [image for split in dataset.splits.values() for image in split.images]
    policy = policy or DecodePolicy()
    count = len(sources)
    small = np.zeros((count, SIGNATURE_BYTES), np.uint8)
    facts: list[Facts] = []
    digests: list[tuple[bytes, bytes]] = []
    known: dict[Facts, Facts] = {}  # most images are alike in this, and one record serves them all
    for found, file_digest, pixel_digest, shrunk in _inspect_all(sources, policy, workers):
        if shrunk is not None:
            small[len(facts)] = shrunk
        facts.append(known.setdefault(found, found))
        digests.append((file_digest, pixel_digest))
        if on_progress and (len(facts) % 256 == 0 or len(facts) == count):
            on_progress(len(facts), count)
    sizes = [len(split) for split in dataset.splits.values()]
    return Inspection(
        tuple(dataset.splits),
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate([split.labels for split in dataset.splits.values()]).astype(np.int64),
        list(_names(dataset)),
        facts,
        [file for file, _ in digests],
        [pixels for _, pixels in digests],
        small,
    )


_Seen = tuple[Facts, bytes, bytes, Signatures | None]


def _inspect_all(
    sources: Sequence[ImageSource], policy: DecodePolicy, workers: int | None
) -> Iterator[_Seen]:
    workers = workers or os.cpu_count() or 1
    parts = [sources[i : i + _AT_ONCE] for i in range(0, len(sources), _AT_ONCE)]
    if workers == 1:
        for part in parts:
            yield from _inspect_part(part, policy)
        return
    with ThreadPoolExecutor(workers) as pool:
        for seen in pool.map(_inspect_part, parts, [policy] * len(parts)):
            yield from seen


def _inspect_part(sources: Sequence[ImageSource], policy: DecodePolicy) -> list[_Seen]:
    return [_inspect(source, policy) for source in sources]


def _inspect(source: ImageSource, policy: DecodePolicy) -> _Seen:
    file_digest = b""
    try:
        image = decode(source, policy)
    except ImageError as error:
        if isinstance(source, ImageFile) and error.reason not in (
            "missing",
            "not a file",
            "not readable",
        ):
            file_digest = _digest_of(source)
        return Facts(reason=error.reason, detail=error.detail), file_digest, b"", None
    if isinstance(source, ImageFile):
        file_digest = _digest_of(source)
    width, height = image.image.size
    pixel_digest = hashlib.sha256(f"{width}x{height} ".encode())
    pixel_digest.update(
        image.image.tobytes("raw", "RGB")
    )  # packed by Pillow in a quarter of NumPy's time
    facts = Facts("", "", image.format, image.mode, (width, height), image.orientation, image.animated)
    return facts, file_digest, pixel_digest.digest(), signature(image.image)


def _digest_of(image: ImageFile) -> bytes:
    try:
        return bytes.fromhex(sha256_of(image))
    except OSError:
        return b""


def _names(dataset: Dataset) -> Iterator[str]:
    folder = os.path.join(dataset.root, "")  # noqa: PTH118 - ends in a slash
    for split in dataset.splits.values():
        for index, image in enumerate(split.images):
            if isinstance(image, ImageFile):
                yield str(image).removeprefix(folder)
            else:
                yield f"{split.name}[{index}]"
