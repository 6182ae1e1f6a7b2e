"""From the data and the settings to a session: everything that happens before the first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from resnets.data.checked_opening import open_checked
from resnets.data.checking import Progress
from resnets.data.checking import check as check_images
from resnets.data.dataset import Dataset, Split
from resnets.data.findings import DataReport
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.opening import open_dataset
from resnets.data.packed import PackedSplit, PackPolicy, open_packed
from resnets.data.packing import is_stale, packed_path
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.residence import as_shown, read_into_memory, size_in_memory
from resnets.data.splitting import with_validation
from resnets.recipes.settings import TrainingSettings
from resnets.training.events import Checking, Watcher
from resnets.training.interruption import Interruption
from resnets.training.learner import Learner
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.run_folder import RunFolder
from resnets.training.session import Session
from resnets.weights.pretrained import create_model

_SHARE_IN_MEMORY = 0.25
# Of the memory that a process may have, for decoded images.


def open_data(
    settings: TrainingSettings,
    *,
    opened: Dataset | None,
    check: bool,
    interruption: Interruption,
    watch: Watcher,
) -> tuple[Dataset, DataReport | None]:
    """Open the data set of a run, and look for what is wrong with it.

    Args:
        settings: whose `data` it is.
        opened: the data set, if the user has opened it; without a validation split, one is made here.
        check: decode and compare all images.
        interruption: is looked at in between.
        watch: is told how far the check is.
    """
    share = settings.val_share
    if opened is not None and share and "val" not in opened.splits:
        opened = with_validation(opened, share=share, seed=settings.seed)
    if not check:
        if opened is not None:
            return opened, None
        dataset = open_dataset(settings.data, seed=settings.seed, val_share=share, needs_val=share > 0)
        return dataset, None

    def go_on(what: str, done: int, total: int) -> None:
        interruption.check("nothing was begun")
        watch(Checking(what, done, total))

    if opened is not None:
        return opened, check_images(opened, on_progress=go_on)
    return open_checked(
        settings.data, seed=settings.seed, val_share=share, needs_val=share > 0, on_progress=go_on
    )


def make_network(settings: TrainingSettings, dataset: Dataset, *, device: torch.device) -> nn.Module:
    """Make the network of a run, with the weights that it starts from.

    Args:
        settings: complete.
        dataset: whose classes it learns.
        device: to put it on.
    """
    assert settings.preprocessing is not None
    facts = model_facts(settings.model)
    needed = facts.needed_options(settings.preprocessing, len(dataset.class_names))
    torch.manual_seed(settings.seed)
    network = create_model(facts.name, **needed).to(device)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


@dataclass(frozen=True, eq=False)
class Loaders:
    """What reads the images of a run.

    Attributes:
        train: of training.
        val: of validation; None without.
        notes: what the user should know, a sentence each.
    """

    train: Loader
    val: Loader | None
    notes: tuple[str, ...]

    def close(self) -> None:
        """End the processes that read."""
        for loader in filter(None, (self.train, self.val)):
            loader.close()


def make_loaders(
    settings: TrainingSettings,
    dataset: Dataset,
    machine: Machine,
    *,
    on_progress: Progress | None = None,
) -> Loaders:
    """Decide how images are read: from a pack, from memory, or from their files by workers.

    Args:
        settings: complete.
        dataset: to read.
        machine: whose memory it is.
        on_progress: is called now and then while images are decoded into memory.

    Raises:
        DataError: if too many images cannot be used.
    """
    assert settings.preprocessing is not None
    assert settings.batch_size is not None
    shown = settings.preprocessing
    size = settings.train_image_size
    seen = shown if size is None else resized(shown, size)
    options = LoadingOptions(
        batch_size=settings.batch_size,
        shuffle=True,
        balanced=settings.balanced,
        repeats=settings.repeats,
        crop=settings.crop,
        skip_unusable=True,
        workers=settings.workers,
    )
    val_options = LoadingOptions(batch_size=settings.batch_size, workers=settings.workers)
    train = labelled(dataset.splits["train"])
    val = labelled(dataset.splits["val"]) if "val" in dataset.splits else None
    notes: list[str] = []
    if not isinstance(train.images, np.ndarray):
        packed = find_pack(dataset, shown, whole=settings.crop is not None)
        if packed is not None:
            notes.append(f"images come from the packed file {packed[0].path}")
            in_val = None if packed[1] is None else Loader(packed[1], as_packed(shown), val_options)
            loader = Loader(packed[0], as_packed(seen), options, seed=settings.seed)
            return Loaders(loader, in_val, tuple(notes))
        if fits_in_memory(settings, len(train) + len(val or ()), machine):
            read = partial(read_into_memory, preprocessing=shown, workers=settings.workers)
            train, skipped = read(train, skip_unusable=True, on_progress=_named(on_progress, "train"))
            if val is not None:
                val, _ = read(val, skip_unusable=False, on_progress=_named(on_progress, "val"))
            if skipped:
                notes.append(f"{len(skipped)} training images cannot be used and are left out")
            shown = seen = as_shown(shown)
    loader = Loader(train, seen, options, seed=settings.seed)
    return Loaders(loader, None if val is None else Loader(val, shown, val_options), tuple(notes))


def _named(on_progress: Progress | None, split: str) -> Callable[[int, int], None] | None:
    return partial(on_progress, f"loading {split}") if on_progress else None


def fits_in_memory(settings: TrainingSettings, num_images: int, machine: Machine) -> bool:
    """Whether images are decoded once and kept, instead of in every epoch.

    Args:
        settings: complete.
        num_images: of training and validation.
        machine: whose memory it is.
    """
    assert settings.preprocessing is not None
    if settings.crop is not None or settings.train_image_size is not None:
        return False
    needed = size_in_memory(num_images, settings.preprocessing)
    return needed < _SHARE_IN_MEMORY * machine.memory_bytes


def resized(preprocessing: Preprocessing, size: int) -> Preprocessing:
    """The same preprocessing for images of another size."""
    shorter = preprocessing.resize_size
    if shorter is not None:
        shorter = max(size, round(shorter * size / preprocessing.image_size))
    return preprocessing.model_copy(update={"image_size": size, "resize_size": shorter})


def labelled(split: Split) -> Split:
    """The images of a split whose class is known."""
    known = np.flatnonzero(split.labels >= 0)
    if len(known) == len(split):
        return split
    images = split.images
    kept = images[known] if isinstance(images, np.ndarray) else [images[i] for i in known.tolist()]
    return Split(split.name, kept, split.labels[known])


def as_packed(preprocessing: Preprocessing) -> Preprocessing:
    """The same preprocessing as packs spell it: with the length of the shorter side."""
    if preprocessing.fit != "crop":
        return preprocessing
    return preprocessing.model_copy(update={"resize_size": preprocessing.shorter_side})


def find_pack(
    dataset: Dataset, preprocessing: Preprocessing, *, whole: bool
) -> tuple[PackedSplit, PackedSplit | None] | None:
    """Find what `resnets data pack` has written for a data set, if it still holds.

    Args:
        dataset: as it is now.
        preprocessing: of the network; its colours do not matter.
        whole: training images must be there whole, as random crops need them.
    """
    plain = Preprocessing()
    colours = {name: getattr(plain, name) for name in ("channels", "mean", "std")}
    shown = as_packed(preprocessing).model_copy(update=colours)
    policy = PackPolicy(preprocessing=shown)
    if whole:
        policy = policy.model_copy(update={"train_size": preprocessing.shorter_side})
    path = packed_path(dataset, policy)
    if not path.exists():
        return None
    packed = open_packed(path)
    if is_stale(packed, dataset):
        return None
    return packed.splits["train"], packed.splits.get("val")


def build_session(
    settings: TrainingSettings,
    dataset: Dataset,
    loaders: Loaders,
    *,
    network: nn.Module,
    run: RunFolder,
    interruption: Interruption,
    watchers: list[Watcher],
) -> Session:
    """Put everything together.

    Args:
        settings: complete.
        dataset: that is learned.
        loaders: of its images.
        network: from `make_network`.
        run: where everything is written.
        interruption: ends the run early.
        watchers: are told what happens.
    """
    assert settings.preprocessing is not None
    labels = dataset.splits["train"].labels
    counts = np.bincount(labels[labels >= 0], minlength=len(dataset.class_names)).tolist()
    return Session(
        settings=settings,
        preprocessing=settings.preprocessing,
        learner=Learner(network, settings, class_counts=counts),
        loader=loaders.train,
        validation=loaders.val,
        run=run,
        interruption=interruption,
        watchers=watchers,
        num_classes=len(dataset.class_names),
    )
