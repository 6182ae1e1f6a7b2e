"""Writes small files in the forms of CIFAR and MNIST."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def python2_pickle(pixels: Bytes, labels: list[int], *, key: str = "labels") -> bytes:
    """A batch as Python 2.7's cPickle wrote it with protocol 2: texts are byte strings (U, T)."""
    rows = pixels.reshape(len(pixels), -1)
    shape = b"M" + struct.pack("<H", len(rows)) + b"M" + struct.pack("<H", rows.shape[1])
    dtype = b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    data = rows.tobytes()
    return b"".join(
        (
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03",
            b"U" + bytes([len(key)]) + key.encode() + b"q\x04]q\x05(",
            b"".join(b"K" + bytes([label]) for label in labels),
            b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09",
            b"(K\x01" + shape + b"\x86" + dtype + b"\x89T" + struct.pack("<I", len(data)) + data + b"tb",
            b"U\x09filenamesq\x0c]q\x0d(" + b"U\x05a.png" * len(labels) + b"eu.",
        )
    )


def by_channel(images: Bytes) -> Bytes:
    """(N, H, W, 3) -> (N, 3 * H * W), as CIFAR stores pixels."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def write_cifar10(folder: Path, images: Bytes, labels: list[int], *, binary: bool = False) -> Path:
    """Write the same images as each of the five training batches and the test batch."""
    folder.mkdir(parents=True)
    rows = by_channel(images)
    if binary:
        content = np.concatenate([np.array(labels, np.uint8)[:, None], rows], axis=1).tobytes()
    else:
        content = python2_pickle(rows, labels)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / f"{name}{'.bin' if binary else ''}").write_bytes(content)
    return folder


def idx_bytes(array: Bytes) -> bytes:
    """An idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
