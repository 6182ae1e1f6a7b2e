"""What may be read from an HDF5 file that somebody else made.

Refused: links to other places or files, data kept outside the file, two names for one object, elements
that are no numbers, filters other than gzip and shuffle, and more data than the file can hold. Packed
chunks are unpacked here, as the library would unpack a small chunk to whatever size it has.

Sources: CVE-2026-1669 (external storage read other files), CVE-2026-0897 (shapes that fill the memory);
HDF5 file format specification 3.0.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5z

from resnets.errors import WeightsError
from resnets.weights.opening import show

MAX_OBJECTS = 20_000
MAX_DEPTH = 32
MAX_CHUNKS = 100_000
MAX_NAMES = 100_000
MAX_NAME_BYTES = 4096


@dataclass
class Objects:
    """Everything in a file, by path; a group's path ends in '/', the root's is empty."""

    groups: dict[str, h5py.Group] = field(default_factory=dict)
    datasets: dict[str, h5py.Dataset] = field(default_factory=dict)


class Budget:
    """How much may still be read from a file.

    Args:
        file_size: in bytes; plain arrays cannot take more.
        limit: in bytes, of all arrays together.
        ratio: of a compressed array's size to its size in the file.
    """

    def __init__(self, file_size: int, limit: int, ratio: int) -> None:
        self.plain = file_size
        self.total = limit
        self.ratio = ratio
        self.chunks = MAX_CHUNKS

    def spend(self, dataset: h5py.Dataset, *, packed: bool) -> None:
        """Account for an array before it is read.

        Args:
            dataset: to be read.
            packed: it is compressed.

        Raises:
            WeightsError: if it is larger than it can be.
        """
        needed = math.prod(dataset.shape) * dataset.dtype.itemsize
        stored = int(dataset.id.get_storage_size())
        if needed > stored * (self.ratio if packed else 1):
            raise WeightsError(
                f"{_label(dataset)} says it has {needed:,} bytes, in {stored:,} bytes of the file"
            )
        self.total -= needed
        self.plain -= stored
        if self.plain < 0 or self.total < 0:
            raise WeightsError(f"its arrays up to {_label(dataset)} are larger than the file can hold")


def find_objects(root: h5py.Group) -> Objects:
    """List everything in a file without following a link.

    Args:
        root: of the file.

    Raises:
        WeightsError: if there are links, too many objects, or groups inside themselves.
    """
    objects, seen = Objects(), set[int]()
    waiting: list[tuple[str, h5py.Group]] = [("", root)]
    while waiting:
        path, group = waiting.pop()
        objects.groups[path] = group
        if path.count("/") > MAX_DEPTH:
            raise WeightsError(f"its groups lie more than {MAX_DEPTH} deep")
        if len(group) + len(seen) > MAX_OBJECTS:
            raise WeightsError(f"it has more than {MAX_OBJECTS:,} objects")
        for raw in group.id:
            name = f"{path}{raw.decode('utf-8', 'backslashreplace')}"
            if group.id.links.get_info(raw).type != h5l.TYPE_HARD:
                raise WeightsError(f"{show(name)} is a link to another place or file")
            found = h5o.open(group.id, raw)
            address = h5o.get_info(found).addr
            if address in seen:
                raise WeightsError(f"{show(name)} is a second name of another object")
            seen.add(address)
            if isinstance(found, h5g.GroupID):
                waiting.append((f"{name}/", h5py.Group(found)))
            elif isinstance(found, h5d.DatasetID):
                objects.datasets[name] = _own_data(h5py.Dataset(found), name)
    return objects


def _own_data(dataset: h5py.Dataset, name: str) -> h5py.Dataset:
    settings = dataset.id.get_create_plist()
    if settings.get_layout() == h5d.VIRTUAL or (
        settings.get_layout() == h5d.CONTIGUOUS and settings.get_external_count()
    ):
        raise WeightsError(f"{show(name)} keeps its data in another file")
    return dataset


def attribute_texts(group: h5py.Group, name: str) -> list[str] | None:
    """Read the text or texts of an attribute, which Keras parts where it is long (`name0`, `name1`).

    Args:
        group: that has the attribute.
        name: of the attribute.

    Returns:
        The texts; None if there is no such attribute.
    """
    if name in group.attrs:
        return _texts(group, name)
    texts: list[str] | None = None
    part = 0
    while f"{name}{part}" in group.attrs:
        texts = (texts or []) + _texts(group, f"{name}{part}")
        part += 1
    return texts


def _texts(group: h5py.Group, name: str) -> list[str]:
    attribute = group.attrs.get_id(name)
    too_long = attribute.dtype.kind == "S" and attribute.dtype.itemsize > MAX_NAME_BYTES
    if math.prod(attribute.shape) > MAX_NAMES or too_long:
        raise WeightsError(f"the attribute {name!r} has more than {MAX_NAMES:,} names, or too long ones")
    values = np.atleast_1d(np.asarray(group.attrs[name])).tolist()
    texts = [v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else v for v in values]
    if not all(isinstance(text, str) for text in texts):
        raise WeightsError(f"the attribute {name!r} holds something other than names")
    return texts


def read_dataset(dataset: h5py.Dataset, budget: Budget) -> np.ndarray[Any, Any]:
    """Read an array of numbers.

    Args:
        dataset: found by `find_objects`.
        budget: of the file.

    Raises:
        WeightsError: if it holds no numbers, or more than it can.
    """
    if dataset.shape is None or dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8:
        raise WeightsError(f"{_label(dataset)} holds something other than numbers")
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
    if not set(filters) <= {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE}:
        raise WeightsError(f"{_label(dataset)} is packed otherwise than by gzip")
    packed = h5z.FILTER_DEFLATE in filters
    budget.spend(dataset, packed=packed)
    array = _read_chunks(dataset, filters, budget) if filters else np.asarray(dataset[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_chunks(dataset: h5py.Dataset, filters: list[int], budget: Budget) -> np.ndarray[Any, Any]:
    """Unpack chunk by chunk, none further than to its size."""
    dtype, chunk_shape = dataset.dtype, dataset.chunks
    assert chunk_shape is not None
    size = math.prod(chunk_shape) * dtype.itemsize
    count = dataset.id.get_num_chunks()
    budget.chunks -= count
    grid = [-(-side // step) for side, step in zip(dataset.shape, chunk_shape, strict=True)]
    if count != math.prod(grid) or budget.chunks < 0 or size > 4 * dataset.nbytes + (1 << 20):
        raise WeightsError(f"{_label(dataset)} is cut into too many, too few or too large chunks")
    array = np.empty(dataset.shape, dtype)
    for i in range(count):
        offset = dataset.id.get_chunk_info(i).chunk_offset
        skipped, data = dataset.id.read_direct_chunk(offset)
        for place in reversed(range(len(filters))):
            if skipped & (1 << place):
                continue
            if filters[place] == h5z.FILTER_DEFLATE:
                data = zlib.decompressobj().decompress(data, size + 1)
            else:
                data = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
        if len(data) != size:
            raise WeightsError(f"a chunk of {_label(dataset)} has not the size that it should")
        chunk = np.frombuffer(data, dtype).reshape(chunk_shape)
        place_in_array = tuple(slice(o, o + step) for o, step in zip(offset, chunk_shape, strict=True))
        target = array[place_in_array]
        target[...] = chunk[tuple(slice(side) for side in target.shape)]
    return array


def _label(dataset: h5py.Dataset) -> str:
    return show(str(dataset.name).removeprefix("/"))
