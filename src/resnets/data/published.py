"""Published data sets by name: found on this machine, or downloaded, verified and extracted."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from resnets.config import Settings, validate
from resnets.data.archives import extract
from resnets.downloads.cache_folder import cache_folder, lock_path
from resnets.downloads.download import download
from resnets.downloads.remote_file import RemoteFile
from resnets.downloads.transfer import Progress, forget
from resnets.errors import OutputError, UnknownNameError


class PublishedDataset(Settings):
    """A data set that others publish.

    Attributes:
        name: what it is known by here, such as 'cifar10'.
        title: as its authors write it.
        files: archives, or the files themselves.
        hash_source: who publishes their hashes.
        inside: folder in the archive that holds the data; empty if `files` are the data.
        holds: what must be in a folder that has all of it.
        found_at: where systems keep it.
        terms: what its owners allow.
        source: page of its authors.
    """

    name: str
    title: str
    files: tuple[RemoteFile, ...]
    hash_source: str
    inside: str = ""
    holds: tuple[str, ...]
    found_at: tuple[str, ...] = ()
    terms: str
    source: str

    @property
    def size_mib(self) -> float:
        """What is downloaded, in units of 2^20 bytes."""
        return sum(file.size_mib or 0 for file in self.files)


def published_datasets() -> tuple[PublishedDataset, ...]:
    """All data sets that can be had by name.

    Example:
        >>> [dataset.name for dataset in published_datasets()]
        ['cifar10', 'cifar100', 'fashion_mnist', 'mnist', 'tiny_imagenet']
    """
    return tuple(_datasets().values())


def published_names() -> tuple[str, ...]:
    """Their names."""
    return tuple(_datasets())


def normal_name(name: str) -> str | None:
    """What a data set is called here, however it is written; None if it is not known."""
    dataset = _find(name)
    return None if dataset is None else dataset.name


def find_published(name: str, folder: str | Path | None = None) -> Path | None:
    """Find a published data set on this machine.

    Args:
        name: of it; case, '-' and '_' do not matter.
        folder: where data sets are kept. [the cache]

    Returns:
        The folder of the data; None if it is not here, or not known.
    """
    dataset = _find(name)
    if dataset is None:
        return None
    places = [Path(place) for place in dataset.found_at]
    places.append(_home(folder) / dataset.name)
    return next((place for place in places if _is_whole(place, dataset)), None)


def find_or_download(
    name: str,
    folder: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Give the folder of a published data set, after downloading it if it is not on this machine.

    Args:
        name: of it; case, '-' and '_' do not matter.
        folder: where data sets are kept. [the cache]
        progress: called often while a file arrives.

    Returns:
        A folder that `open_dataset` opens.

    Raises:
        UnknownNameError: with the closest names.
        OutputError: if the folder cannot be written.
    """
    dataset = _find(name)
    if dataset is None:
        raise UnknownNameError(
            "published data set", name, known=_datasets(), hint=", ".join(_datasets())
        )
    target = _home(folder) / dataset.name
    lock = lock_path(target)
    if found := find_published(name, folder):
        return found
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    with FileLock(lock):
        # Another process may have stored it while this one waited.
        return find_published(name, folder) or _get(dataset, target, progress)


def _get(dataset: PublishedDataset, target: Path, progress: Callable[[Progress], None] | None) -> Path:
    if not dataset.inside:
        for file in dataset.files:
            download(file, folder=target, on_progress=progress)
        return target
    for file in dataset.files:
        archive = download(file, folder=target.parent, on_progress=progress)
        extract(archive, target)
        forget(archive)
    return target


def _is_whole(place: Path, dataset: PublishedDataset) -> bool:
    return any(
        all((root / name).exists() for name in dataset.holds) for root in (place / dataset.inside, place)
    )


def _home(folder: str | Path | None) -> Path:
    return cache_folder() / "datasets" if folder is None else Path(folder)


def _find(name: str) -> PublishedDataset | None:
    return next((row for row in _datasets().values() if _key(row.name) == _key(name)), None)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


@cache
def _datasets() -> dict[str, PublishedDataset]:
    text = (files("resnets.data") / "published.toml").read_text("utf-8")
    rows = [
        validate(PublishedDataset, row, source="published.toml")
        for row in tomllib.loads(text)["datasets"]
    ]
    return {row.name: row for row in rows}
