"""Opening a data set, whatever its shape: folders, a table, shards, archives, idx files, arrays."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from resnets.data.dataset import Dataset
from resnets.data.published import find_published, normal_name, published_names
from resnets.data.sources.arrays import read_npz
from resnets.data.sources.cifar import ARCHIVES, is_cifar, is_cifar_tar, read_cifar
from resnets.data.sources.class_folders import SPLIT_NAMES, has_splits, read_class_folders
from resnets.data.sources.hugging_face import PREFIX, is_saved, read_from_hub, read_saved
from resnets.data.sources.idx import find_idx, read_idx
from resnets.data.sources.imagenet import find_training
from resnets.data.sources.manifest import SUFFIXES, columns_of, read_manifest
from resnets.data.sources.problems import listed, quoted
from resnets.data.sources.scanning import Listing, visible
from resnets.data.sources.shards import SUFFIX, holds_shards, is_pattern, read_shards
from resnets.data.splitting import Groups, ensure_validation
from resnets.errors import DataError

_DEEPEST = 5
# Folders that hold nothing but one folder, as archives leave them behind.


def open_dataset(
    path: str | os.PathLike[str],
    *,
    seed: int = 0,
    val_share: float = 0.2,
    needs_val: bool = False,
    groups: Groups | None = None,
    follow_links: bool = False,
    absolute_paths: bool = False,
) -> Dataset:
    """Open a data set.

    A folder of class folders, with or without folders for train, val and test; the folders of ImageNet
    and Tiny-ImageNet as published; a CSV or TSV file with columns for image, class and perhaps split;
    CIFAR-10 and CIFAR-100 as archives or extracted; idx files as those of MNIST; an .npz file; shards of
    WebDataset, as a folder of tar files or a pattern of paths or addresses such as
    'https://example.org/photos-{000..127}.tar'; data sets of Hugging Face, as 'hf:NAME',
    'hf:NAME:CONFIG' or a folder of its `save_to_disk` (needs `resnets[data]`); or the name of a
    published data set that is on this machine, such as 'fashion_mnist'.

    The classes of the training split bind all others. Where nothing but training images is given, a
    validation split is taken out of them, each class by the same share, the same for the same seed.

    Args:
        path: folder, file, pattern or name.
        seed: of the validation split, if it is made here.
        val_share: of each class that goes there, 0 to 1; 0 makes none.
        needs_val: make one also where there is a test split, but none for validation.
        groups: images that must not be divided between train and val, such as near-duplicates.
        follow_links: take also what symbolic links outside the folder lead to.
        absolute_paths: a manifest may name images outside its folder.

    Raises:
        DataError: with everything that is wrong.
        DownloadError: if shards at an address cannot be had.
    """
    root, text = Path(path), os.fspath(path)
    is_there = _exists(root)
    if not is_there and not text.startswith(PREFIX) and not is_pattern(text):
        root = _find_by_name(text)
    if not is_there and text.startswith(PREFIX):
        dataset = read_from_hub(text)
    elif not is_there and is_pattern(text):
        dataset = read_shards(text)
    elif root.is_dir():
        dataset = _open_folder(root, follow_links=follow_links, absolute_paths=absolute_paths)
    else:
        dataset = _open_file(root, absolute_paths=absolute_paths)
    return ensure_validation(dataset, share=val_share, seed=seed, needs_val=needs_val, groups=groups)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have, such as a long list of shards
        return False


def _find_by_name(name: str) -> Path:
    if folder := find_published(name):
        return folder
    if known := normal_name(name):
        raise DataError(
            f"the data set {known} is not on this machine; get it with: resnets data download {known}"
        )
    raise DataError(
        f"there is no file or folder {quoted(name)}, and no data set of that name "
        f"(known are {', '.join(published_names())})"
    )


def _open_file(file: Path, *, absolute_paths: bool) -> Dataset:
    name = file.name.lower()
    if name.endswith(SUFFIXES):
        return read_manifest(file, absolute_paths=absolute_paths)
    if name.endswith(".npz"):
        return read_npz(file)
    if name.endswith(SUFFIX) and not is_cifar_tar(file):
        return read_shards(file)
    if name.endswith(ARCHIVES):
        return read_cifar(file)
    raise DataError(
        f"{quoted(file)} is not a data set: expected a folder, a manifest (.csv, .tsv), "
        "shards (.tar), an archive of CIFAR (.tar.gz) or arrays (.npz)"
    )


def _open_folder(root: Path, *, follow_links: bool, absolute_paths: bool) -> Dataset:
    try:
        os.listdir(root)  # noqa: PTH208 - only to see whether it can be read
    except OSError as error:
        raise DataError(f"{quoted(root)} cannot be read: {error.strerror or error}") from error
    root, listing = _unwrap(root)
    files = [entry.name for entry in listing.files]
    if known := _open_by_names(root, files):
        return known
    if manifest := _manifest_of(root, listing):
        dataset = read_manifest(manifest, absolute_paths=absolute_paths)
        return replace(dataset, name=root.resolve().name)
    tars = [root / name for name in files if name.lower().endswith(SUFFIX)]
    if holds_shards(listing) and not (len(tars) == 1 and is_cifar_tar(tars[0])):
        return read_shards(root)
    if not listing.folders:
        return _open_only_file(root, files)
    return read_class_folders(root, follow_links=follow_links)


def _open_by_names(root: Path, files: list[str]) -> Dataset | None:
    """Open what the names of its files tell."""
    if "train" in find_idx(files):
        return read_idx(root, files)
    if is_cifar(files):
        return read_cifar(root)
    return read_saved(root) if is_saved(files) else None


def _unwrap(root: Path) -> tuple[Path, Listing]:
    """Go into folders that hold nothing of a data set but one folder."""
    listing = visible(root)
    for _ in range(_DEEPEST):
        if len(listing.folders) != 1 or has_splits(find_training(root)) or _is_data(listing):
            break
        inside = Path(listing.folders[0].path)
        within = visible(inside)
        if listing.folders[0].is_symlink() or not (within.folders or _is_data(within)):
            break
        root, listing = inside, within
    return root, listing


def _is_data(listing: Listing) -> bool:
    files = [entry.name for entry in listing.files]
    if find_idx(files) or is_cifar(files):
        return True
    return any(name.lower().endswith((*SUFFIXES, ".npz")) for name in files)


def _manifest_of(root: Path, listing: Listing) -> Path | None:
    """The table that describes a folder: called manifest, or the only one where there are no classes."""
    tables = [Path(entry.path) for entry in listing.files if entry.name.lower().endswith(SUFFIXES)]
    tables = [table for table in tables if columns_of(table)]
    if named := [table for table in tables if table.stem.lower() == "manifest"]:
        return named[0]
    if has_splits(root) or len(listing.folders) > 1 or not tables:
        return None
    if len(tables) > 1:
        names = listed(table.name for table in tables)
        raise DataError(f"{quoted(root)} has more than one manifest, {names}: name the one to open")
    return tables[0]


def _open_only_file(root: Path, files: list[str]) -> Dataset:
    """Open the one archive or .npz file of a folder that has no folders."""
    fitting = [name for name in files if name.lower().endswith((*ARCHIVES, ".npz"))]
    if len(fitting) == 1:
        return _open_file(root / fitting[0], absolute_paths=False)
    raise DataError(
        f"{quoted(root)} is not a data set: expected a folder for each class, "
        f"perhaps in {', '.join(name for name in SPLIT_NAMES if name in ('train', 'val', 'test'))}"
    )
