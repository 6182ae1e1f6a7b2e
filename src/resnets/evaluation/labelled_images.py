"""The images that a model is evaluated on: which split of which data, and what to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from resnets.data.checked_opening import open_checked
from resnets.data.dataset import Dataset, Split
from resnets.data.fingerprint import fingerprint
from resnets.data.opening import open_dataset
from resnets.data.packed import PackedDataset, PackedSplit, open_packed
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.reading import ImageReader, View, make_reader
from resnets.data.reading_processes import Readers, usual_workers
from resnets.data.sources.class_folders import SPLIT_NAMES, has_splits
from resnets.data.sources.scanning import is_folder, visible
from resnets.data.splitting import relative_names
from resnets.errors import ConfigError, DataError, ImageError, printable
from resnets.weights.model_info import ModelInfo

SPLITS = ("train", "val", "test", "all")
_CHUNK = 64  # images that a process looks through at a time
_SHOWN = 10  # unusable images named in an error


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images to evaluate a model on.

    Attributes:
        data: name of the data set.
        split: 'train', 'val', 'test', or 'all' for every image that has a label.
        parts: the split; for 'all', all splits.
        root: folder or file of the data set.
        class_names: of the data set.
        class_ids: as the data set names them; empty if it does not.
        notes: what should be known about the split, in sentences.
    """

    data: str
    split: str
    parts: tuple[Split | PackedSplit, ...]
    root: Path
    class_names: tuple[str, ...]
    class_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def present(self) -> list[int]:
        """The classes that have images."""
        found = np.unique(np.concatenate([part.labels for part in self.parts]))
        present: list[int] = found[found >= 0].tolist()
        return present

    def image_names(self, part: Split | PackedSplit, indices: NDArray[np.int64]) -> list[str]:
        """Names of images: paths in the data set, or 'val[17]' where images are not files.

        Args:
            part: one of `parts`.
            indices: of images in it.
        """
        chosen = indices.tolist()
        if isinstance(part, PackedSplit):
            return [part.files[i] for i in chosen]
        if isinstance(part.images, np.ndarray):
            return [f"{part.name}[{i}]" for i in chosen]
        return relative_names([part.images[i] for i in chosen], self.root)


def open_data(data: str | Path | Dataset, info: ModelInfo) -> Dataset | PackedDataset:
    """Open the data that a model is to be evaluated on.

    Where the data has no splits, they are drawn as the model's recipe says, so that its val holds none
    of the images that the model was trained on. If these are other images then, the data is checked as
    it was before the training, and near-duplicates are kept together. A folder may also hold nothing but
    a split for validation or test, whose classes then are those of the data.

    Args:
        data: path or name of a data set, path of a packed one (`.pack`), or an opened one.
        info: of the model.
    """
    if isinstance(data, Dataset):
        return data
    if Path(data).suffix == ".pack" and Path(data).is_file():
        return open_packed(data)
    if lone := _lone_split(Path(data)):
        return _without_training(Path(data), *lone)
    share, seed = info.recipe.get("val_share"), info.recipe.get("seed")
    seed = seed if isinstance(seed, int) else 0
    share = share if isinstance(share, float) and share > 0 else 0.2
    dataset = open_dataset(data, seed=seed, val_share=share)
    if not _is_own(dataset, info) or _has_learned_from(dataset, info):
        return dataset
    dataset, _ = open_checked(data, seed=seed, val_share=share)
    if len(dataset.splits["train"]) != _num_images(info) or _has_learned_from(dataset, info):
        return dataset
    unlike = "the model was trained on other images, and may have seen some of these"
    return replace(dataset, split_origin=f"{dataset.split_origin}; {unlike}")


def _lone_split(root: Path) -> tuple[str, Path] | None:
    """The only folder of a data set and its split, where that is not the one to train on."""
    if not is_folder(root) or not has_splits(root):
        return None
    folders = [Path(entry.path) for entry in visible(root).folders]
    split = SPLIT_NAMES.get(folders[0].name.lower(), "train")
    return (split, folders[0]) if len(folders) == 1 and split != "train" else None


def _without_training(root: Path, split: str, folder: Path) -> Dataset:
    found = open_dataset(folder, val_share=0.0)
    none = Split("train", [], np.zeros(0, np.int64))
    splits = {"train": none, split: replace(found.splits["train"], name=split)}
    return replace(found, name=root.resolve().name, root=root, splits=splits)


def _is_own(data: Dataset, info: ModelInfo) -> bool:
    """Whether a split that was drawn here is about the data that a model was trained on."""
    if info.data is None or data.split_origin == "given":
        return False
    return info.data.name == data.name or info.data.num_images == len(data.splits["train"])


def _num_images(info: ModelInfo) -> int | None:
    return info.data.num_images if info.data else None


def _has_learned_from(data: Dataset, info: ModelInfo) -> bool:
    """Whether the training images are those that a model was trained on."""
    if info.data is None or len(data.splits["train"]) != info.data.num_images:
        return False
    return fingerprint(data).sha256 == info.data.sha256


def choose_images(data: Dataset | PackedDataset, info: ModelInfo, split: str | None) -> LabelledImages:
    """Choose the images that a model is to be evaluated on.

    Args:
        data: that was opened.
        info: of the model.
        split: 'train', 'val', 'test' or 'all'. [val if there is one, else test; all images where the
            data has no splits and the model was not trained on it]

    Raises:
        ConfigError: if `split` is no such word.
        DataError: if there is no such split, or no label in it.
    """
    if split is not None and split not in SPLITS:
        raise ConfigError("the options", [f"split must be one of {', '.join(SPLITS)}, got {split!r}"])
    given = {name: part for name, part in data.splits.items() if (part.labels >= 0).any()}
    word, notes = split, []
    if isinstance(data, PackedDataset) or data.split_origin == "given":
        word = word or next((word for word in ("val", "test") if word in given), "train")
    else:
        is_own, known = _is_own(data, info), _num_images(info)
        num_train = len(data.splits["train"])
        word = word or ("val" if is_own else "all")
        if word != "all":
            notes.append(f"{printable(data.name)} has no splits: {data.split_origin}")
            if is_own and known != num_train:
                notes.append(
                    f"the model was trained on {known:,} images, and this leaves {num_train:,} for "
                    f"training: it may have seen some of {word}"
                )
    return LabelledImages(
        data=data.name,
        split=word,
        parts=_parts(given, word, data.name),
        root=data.path if isinstance(data, PackedDataset) else data.root,
        class_names=data.class_names,
        class_ids=() if isinstance(data, PackedDataset) else data.class_ids,
        notes=tuple(notes),
    )


def _parts(
    given: Mapping[str, Split | PackedSplit], word: str, name: str
) -> tuple[Split | PackedSplit, ...]:
    if word == "all" and given:
        return tuple(given.values())
    if word not in given:
        there = ", ".join(given) or "none"
        raise DataError(f"{printable(name)} has no labelled images in {word!r}; it has them in {there}")
    return (given[word],)


def refuse_unusable(
    images: LabelledImages, preprocessing: Preprocessing, *, workers: int | None
) -> NoReturn:
    """Name the images that cannot be used, once one was found.

    Args:
        images: of which at least one cannot be used.
        preprocessing: of the network.
        workers: processes that read. [one for each core, at most 8]

    Raises:
        DataError: with all of them, up to ten.
    """
    errors: list[ImageError] = []
    for part in images.parts:
        source = part if isinstance(part, PackedSplit) else part.images
        read = partial(_unusable, make_reader(source, View(preprocessing)))
        readers = Readers(read, workers=usual_workers() if workers is None else workers)
        places = np.arange(len(part))
        for found in readers.run([places[i : i + _CHUNK] for i in range(0, len(part), _CHUNK)]):
            errors.extend(found)
        readers.close()
    total = sum(map(len, images.parts))
    shown = "; ".join(map(str, errors[:_SHOWN]))
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    raise DataError(
        f"{len(errors)} of {total:,} images cannot be used, and figures without them would not be "
        f"comparable: {shown}{more}. Take them out, or see: resnets data check DATA"
    )


def _unusable(reader: ImageReader, indices: NDArray[np.int64]) -> Sequence[ImageError]:
    return list(reader.read(indices, lambda: np.zeros(len(indices), np.uint64)).failures.values())
