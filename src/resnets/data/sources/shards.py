"""Shards of WebDataset: tar archives in a folder, or named by a pattern of paths or addresses.

Splits are told by folders called train, val and test, or by such a word in a shard's name, as in
`imagenet-train-000001.tar`; without any, all shards are training images. The names of the classes are in
`classes.txt` beside the shards, a name a line, or in `index.json` under "class_names"; without them the
classes are what the samples have, numbers in their order or names in theirs.
"""

from __future__ import annotations

import glob
import json
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from resnets.data.dataset import Dataset, PassedOver
from resnets.data.order import SHARDS_AT_ONCE
from resnets.data.shards.indexing import IndexedShard, index_shards, is_address
from resnets.data.shards.patterns import expand
from resnets.data.shards.shard import RemoteShard, ShardImages
from resnets.data.shards.shard_cache import (
    AHEAD,
    DOWNLOADS,
    LIMIT,
    SMALL_BYTES,
    cache_limit,
    read_small,
    shown_url,
)
from resnets.data.sources import imagenet
from resnets.data.sources.binding import Found, bind
from resnets.data.sources.class_folders import SPLIT_NAMES
from resnets.data.sources.problems import listed, quoted, refuse
from resnets.data.sources.scanning import Listing, is_folder, visible
from resnets.errors import DataError

SUFFIX = ".tar"
CLASS_FILES = ("classes.txt", "index.json")
"""Beside the shards: what may have the names of the classes."""

_FOLDERS = 4
# In which these files are looked for.


def is_pattern(text: str) -> bool:
    """Whether a text names shards without being the path of something: an address or a pattern.

    Args:
        text: that no file or folder is called.
    """
    return is_address(text) or (
        text.lower().endswith(SUFFIX) and re.search(r"[{*?\[]", text) is not None
    )


def holds_shards(listing: Listing) -> bool:
    """Whether a folder holds nothing but shards, itself or in folders for splits.

    Args:
        listing: of the folder.
    """
    if not listing.folders:
        return any(_is_shard(entry.name) for entry in listing.files)
    inside = [visible(entry.path) for entry in listing.folders]
    return all(entry.name.lower() in SPLIT_NAMES for entry in listing.folders) and all(
        not each.folders and any(_is_shard(entry.name) for entry in each.files) for each in inside
    )


def read_shards(data: str | Path) -> Dataset:
    """Read what is in shards; of those at addresses, an index is made at the first time.

    Args:
        data: a folder, a shard, or a pattern.

    Raises:
        DataError: with all problems.
        DownloadError: if a shard cannot be had.
        ConfigError: if the limit of the cache makes no sense.
    """
    root, addresses = _find(os.fspath(data))
    by_split = _divided(root, addresses)
    found, problems = index_shards(addresses)
    _check_room(root, found)
    given = _given_names(root, addresses)
    classes, unknown = _class_names(sorted({t for each in found for t in each.class_texts}), given)
    by_name = {each.shard.name: each for each in found}
    indexed = {
        split: [by_name[name] for name in names if name in by_name] for split, names in by_split.items()
    }
    dataset = bind(
        root,
        "shards",
        {split: _found(shards, classes) for split, shards in indexed.items()},
        problems=[*problems, *unknown],
        passed_over=_passed_over(found),
        class_order=given or _in_order(indexed.get("train", [])),
    )
    return replace(imagenet.give_names(dataset), kind="shards")


def _is_shard(name: str) -> bool:
    return name.lower().endswith(SUFFIX) and not name.startswith(".")


def _find(data: str) -> tuple[Path, dict[str, str]]:
    """What the set is called by, and path or address of each shard by its name in it."""
    if is_address(data):
        urls = _written_out(re.sub(r"^(https?):/+", r"\1://", data))
        plain = [url.partition("?")[0] for url in urls]
        common = posixpath.commonpath([posixpath.dirname(url) for url in plain])
        names = [posixpath.relpath(url, common) for url in plain]
        if len(set(names)) < len(names):
            raise DataError(
                f"{quoted(shown_url(data))} names shards that differ only behind the '?', which may be "
                "a key: give each a path of its own"
            )
        return Path(data.partition("?")[0]), dict(zip(names, urls, strict=True))
    root = Path(data)
    if is_folder(root):
        folders = [Path(root), *(Path(entry.path) for entry in visible(root).folders)]
        files = [
            Path(entry.path)
            for folder in folders
            for entry in visible(folder).files
            if _is_shard(entry.name)
        ]
    elif os.path.exists(root):  # noqa: PTH110 - never raises
        files = [root]
    else:
        files = [Path(name) for each in _written_out(data) for name in _matching(each)]
        if len({file.is_absolute() for file in files}) > 1:
            files = [file.absolute() for file in files]
        root = Path(os.path.commonpath([file.parent for file in files]))
    folder = root if is_folder(root) else root.parent
    return root, {file.relative_to(folder).as_posix(): str(file) for file in files}


def _written_out(pattern: str) -> list[str]:
    if names := expand(pattern):
        return names
    raise DataError(f"{quoted(pattern)} stands for no shard")


def _matching(name: str) -> Sequence[str]:
    if not glob.has_magic(name):
        return [name]  # reading it says if it is missing
    if found := sorted(glob.glob(name)):  # noqa: PTH207 - absolute ones too
        return found
    raise DataError(f"no shard is called {quoted(name)}")


def _divided(root: Path, names: Mapping[str, str]) -> dict[str, list[str]]:
    """The shards of each split."""
    splits = {name: _split_of(name) for name in names}
    told = {split for split in splits.values() if split}
    if not told:
        return {"train": list(names)}
    if untold := [name for name, split in splits.items() if split is None]:
        problem = (
            f"names of shards do not tell their split ({listed(untold)}), and others do: put all into "
            "folders called train, val and test, or name some by a pattern"
        )
        refuse(root, [problem])
    return {
        split: [name for name in names if splits[name] == split]
        for split in ("train", "val", "test")
        if split in told
    }


def _split_of(name: str) -> str | None:
    """The split that a shard's folder or a word of its name tells."""
    words = re.split(r"[/._\- ]+", name.lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def _check_room(root: Path, shards: Sequence[IndexedShard]) -> None:
    """Refuse what would be fetched over and over, as the cache cannot hold what is read at one time."""
    sizes = [each.shard.num_bytes for each in shards if isinstance(each.shard, RemoteShard)]
    count = SHARDS_AT_ONCE + AHEAD + DOWNLOADS + 1
    needed = min(sum(sizes) + DOWNLOADS * max(sizes, default=0), count * max(sizes, default=0))
    if needed > (limit := cache_limit()):
        problem = (
            f"shards may take {limit / 1e9:.3g} GB in the cache, and up to {count} of them are needed "
            f"at a time, the largest of {max(sizes) / 1e9:.3g} GB: set {LIMIT} to at least "
            f"{needed / 1e9:.3g}, or make smaller shards"
        )
        refuse(root, [problem])


def _given_names(root: Path, addresses: Mapping[str, str]) -> tuple[str, ...]:
    """Names of classes that lie beside the shards; none if there are no such files."""
    folders = dict.fromkeys(posixpath.dirname(address) or "." for address in addresses.values())
    remote = is_address(next(iter(addresses.values()), ""))
    if any("?" in address for address in addresses.values()):
        return ()  # a key for one file opens no other
    if not remote:
        folders = {str(root if is_folder(root) else root.parent): None} | folders
    for folder in islice(folders, _FOLDERS):
        for name in CLASS_FILES:
            place = f"{folder}/{name}"
            content = read_small(place) if remote else _content(Path(place))
            if content is not None and (names := _names_in(place, content)):
                return names
    return ()


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(SMALL_BYTES)
    except OSError:
        return None


def _names_in(place: str, content: bytes) -> tuple[str, ...]:
    try:
        text = content.decode("utf-8-sig")
        if place.endswith(".json"):
            listing = json.loads(text)
            names = listing.get("class_names", []) if isinstance(listing, dict) else []
        else:
            names = [line.strip() for line in text.splitlines() if line.strip()]
        if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
            raise ValueError("names must be a list of texts")
        if len(set(names)) < len(names):
            raise ValueError("a name is there twice")
    except (ValueError, RecursionError) as error:
        raise DataError(f"{quoted(shown_url(place))} has no names of classes: {error}") from error
    return tuple(names)


def _class_names(texts: Sequence[str], given: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The class that each text of a sample means, and what is wrong with others."""
    if not given:
        return {text: text for text in texts}, []
    names = {text: text for text in texts if text in set(given)}
    # What reads as a name is one; other numbers are places in the list.
    numbers = [text for text in texts if text not in names and text.isdecimal()]
    names |= {text: given[int(text)] for text in numbers if int(text) < len(given)}
    if unknown := [text for text in texts if text not in names]:
        return names, [f"samples have classes that the {len(given)} given names lack: {listed(unknown)}"]
    return names, []


def _in_order(shards: Sequence[IndexedShard]) -> list[str] | None:
    """Numbers in their order; names as they are sorted anyway."""
    texts = {text for each in shards for text in each.class_texts}
    return sorted(texts, key=int) if all(text.isdecimal() for text in texts) else None


def _found(shards: Sequence[IndexedShard], classes: Mapping[str, str]) -> Found:
    """All images of a split, with their classes."""
    rows, labels, start = [], list[str | None](), 0
    for number, each in enumerate(shards):
        numbers = np.full((len(each.rows), 1), number)
        rows.append(np.concatenate([numbers, each.rows + np.array([0, 0, start, start])], axis=1))
        start += len(each.names)
        names = [classes.get(text) for text in each.class_texts] + [None]
        labels += [names[i] for i in each.classes.tolist()]
    images = ShardImages(
        tuple(each.shard for each in shards),
        np.concatenate(rows) if rows else np.empty((0, 5), np.int64),
        b"".join(each.names for each in shards),
        np.concatenate([each.digests for each in shards]) if shards else np.empty((0, 32), np.uint8),
    )
    return Found(images, labels)


def _passed_over(shards: Sequence[IndexedShard]) -> list[PassedOver]:
    reason = "a shard with samples that have no image"
    return [PassedOver(Path(each.shard.name), reason) for each in shards if each.num_without_image]
