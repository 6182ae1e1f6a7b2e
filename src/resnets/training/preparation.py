"""From the data and the settings to a session: everything that happens before the first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from resnets.data.checked_opening import open_checked
from resnets.data.checking import Progress
from resnets.data.dataset import Dataset, Split
from resnets.data.findings import DataReport
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.opening import open_dataset
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.residence import as_shown, read_into_memory, size_in_memory
from resnets.data.sources.problems import listed, refuse
from resnets.data.splitting import Groups, ensure_validation, part_of
from resnets.recipes.settings import TrainingSettings
from resnets.training.events import Checking, Watcher
from resnets.training.interruption import Interruption
from resnets.training.learner import Learner
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.packs import as_packed, find_pack
from resnets.training.processes import Processes
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
    groups: Groups | None = None,
    interruption: Interruption,
    watch: Watcher,
) -> tuple[Dataset, DataReport | None]:
    """Open the data set of a run, and look for what is wrong with it.

    Args:
        settings: whose `data` it is.
        opened: the data set, if the user has opened it; without a validation split, one is made here.
        check: decode and compare all images.
        groups: of images that an earlier check kept together.
        interruption: is looked at in between.
        watch: is told how far the check is.

    Raises:
        DataError: if images of a validation split that was given cannot be used.
    """
    given = open_dataset(settings.data, val_share=0.0) if opened is None else opened
    share, seed = settings.val_share, settings.seed
    if not check:
        needs_val = share > 0
        return ensure_validation(given, share=share, seed=seed, needs_val=needs_val, groups=groups), None

    def go_on(what: str, done: int, total: int) -> None:
        interruption.check("nothing was begun")
        watch(Checking(what, done, total))

    dataset, report = open_checked(
        given,
        seed=seed,
        val_share=share,
        needs_val=share > 0,
        policy=settings.preprocessing.decoding if settings.preprocessing else None,
        on_progress=go_on,
    )
    _refuse_unusable_validation(report)
    return dataset, report


def _refuse_unusable_validation(report: DataReport) -> None:
    """Say before the first epoch what would stop the run after it."""
    images = report.evidence.images
    if "val" not in images.split_names:
        return
    in_val = (images.splits == images.split_names.index("val")) & (images.labels >= 0)
    unusable = [images.names[i] for i in np.flatnonzero(in_val & ~images.usable).tolist()]
    if unusable:
        problem = (
            f"{len(unusable)} of {in_val.sum():,} images of val cannot be used, and figures without "
            f"them would not be comparable: {listed(unusable)}. Take them out, or train on a copy "
            "without them, made by: resnets data check DATA --fix-to OUT"
        )
        refuse(Path(report.root), [problem])


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
    if settings.sync_batch_norm:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
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
    processes: Processes | None = None,
    on_progress: Progress | None = None,
) -> Loaders:
    """Decide how images are read: from a pack, from memory, or from their files by workers.

    Args:
        settings: complete.
        dataset: to read.
        machine: whose memory it is.
        processes: among which each step's images are shared out. [this one alone]
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
        # Statistics that all processes share must not count one that has no images.
        drop_last=settings.sync_batch_norm,
        skip_unusable=True,
        workers=settings.workers,
    )
    val_options = LoadingOptions(batch_size=settings.batch_size, workers=settings.workers)
    rank, count = (processes.rank, processes.count) if processes else (0, 1)
    load = partial(Loader, seed=settings.seed, rank=rank, num_ranks=count)
    dataset = with_known_classes(dataset)
    train, val = dataset.splits["train"], dataset.splits.get("val")
    notes: list[str] = []
    if not isinstance(train.images, np.ndarray):
        packed, note = find_pack(dataset, settings)
        notes += [note] if note else []
        if packed is not None:
            in_val = None if val is None else load(packed["val"], as_packed(shown), val_options)
            loader = load(packed["train"], as_packed(seen), options)
            return Loaders(loader, in_val, tuple(notes))
        if fits_in_memory(settings, len(train) + len(val or ()), machine):
            read = partial(read_into_memory, preprocessing=shown, workers=settings.workers)
            train, skipped = read(train, skip_unusable=True, on_progress=_named(on_progress, "train"))
            if val is not None:
                val, _ = read(val, skip_unusable=False, on_progress=_named(on_progress, "val"))
            if skipped:
                notes.append(f"{len(skipped)} training images cannot be used and are left out")
            shown = seen = as_shown(shown)
    loader = load(train, seen, options)
    return Loaders(loader, None if val is None else load(val, shown, val_options), tuple(notes))


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


def with_known_classes(dataset: Dataset) -> Dataset:
    """A data set as training reads it: of train and val, the images whose class is known."""
    read = {name: labelled(dataset.splits[name]) for name in ("train", "val") if name in dataset.splits}
    return replace(dataset, splits={**dataset.splits, **read})


def labelled(split: Split) -> Split:
    """The images of a split whose class is known."""
    known = split.labels >= 0
    return split if known.all() else part_of(split, split.name, known)


def build_session(
    settings: TrainingSettings,
    dataset: Dataset,
    loaders: Loaders,
    *,
    network: nn.Module,
    run: RunFolder,
    processes: Processes,
    watchers: list[Watcher],
) -> Session:
    """Put everything together.

    Args:
        settings: complete.
        dataset: that is learned.
        loaders: of its images.
        network: from `make_network`.
        run: where everything is written.
        processes: that train together.
        watchers: are told what happens.
    """
    assert settings.preprocessing is not None
    labels = dataset.splits["train"].labels
    counts = np.bincount(labels[labels >= 0], minlength=len(dataset.class_names)).tolist()
    return Session(
        settings=settings,
        preprocessing=settings.preprocessing,
        learner=Learner(network, settings, class_counts=counts, processes=processes),
        loader=loaders.train,
        validation=loaders.val,
        run=run,
        watchers=watchers,
        num_classes=len(dataset.class_names),
        processes=processes,
    )
