"""Which packed file a training can read: what it must keep of each image, and whether it still holds."""

from __future__ import annotations

from collections.abc import Mapping

from resnets.data.dataset import Dataset
from resnets.data.file_checks import plural
from resnets.data.packed import PackedSplit, PackPolicy, open_packed
from resnets.data.packing import Changes, find_changes, packed_path, packs_of
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import TrainingSettings


def pack_policy(settings: TrainingSettings) -> PackPolicy:
    """Say what a packed file has to keep of each image for a training.

    Images of training are whole where they are cropped at random, or shown at another size than in
    evaluation. Colours are not changed before they are read, so that they do not matter.

    Args:
        settings: complete.
    """
    assert settings.preprocessing is not None
    shown, plain = settings.preprocessing, Preprocessing()
    colours = {name: getattr(plain, name) for name in ("channels", "mean", "std")}
    whole = settings.crop is not None or settings.train_image_size not in (None, shown.image_size)
    return PackPolicy(
        preprocessing=as_packed(shown).model_copy(update=colours),
        train_size=shown.shorter_side if whole else None,
    )


def as_packed(preprocessing: Preprocessing) -> Preprocessing:
    """The same preprocessing as packs spell it: with the length of the shorter side."""
    if preprocessing.fit != "crop":
        return preprocessing
    return preprocessing.model_copy(update={"resize_size": preprocessing.shorter_side})


def find_pack(
    dataset: Dataset, settings: TrainingSettings
) -> tuple[Mapping[str, PackedSplit] | None, str]:
    """Find what `resnets data pack` has written for a training, if it still holds.

    Args:
        dataset: as it is now, without images of no class.
        settings: complete.

    Returns:
        The splits, None where no packed file can be read; and what the user should know of it, a
        sentence, '' if there is no packed file of these images at all.
    """
    policy = pack_policy(settings)
    path = packed_path(dataset, policy)
    if path.exists():
        packed = open_packed(path)
        changes = find_changes(packed, dataset)
        if not changes:
            return packed.splits, f"images come from the packed file {path}"
        return None, f"the packed file {path} is not used, as {_since(changes)}: pack the data again"
    if others := packs_of(dataset):
        kept = policy.preprocessing
        whole = " and whole images to train with" if policy.train_size else ""
        return None, (
            f"the packed file {others[0]} is not used, as it was made for another training: this one "
            f"needs image_size {kept.image_size}, fit {kept.fit}, shorter side {kept.shorter_side}, "
            f"{kept.interpolation}{whole}; resnets data pack takes the same options as resnets train"
        )
    return None, ""


def _since(changes: Changes) -> str:
    count = len({*changes.added, *changes.removed, *changes.changed})
    if not count:
        return "its classes have other names now"
    return f"{plural(count, 'image')} came, went, changed or moved to another split since"
