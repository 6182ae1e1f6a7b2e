"""`resnets data pack`: the images of a training, decoded once as it will read them."""

from __future__ import annotations

from pathlib import Path

from resnets.data.packed import PackedDataset
from resnets.data.packing import pack, packed_path
from resnets.recipes.settings import TrainingSettings
from resnets.training.events import Watcher
from resnets.training.interruption import Interruption
from resnets.training.packs import pack_policy
from resnets.training.planning import complete, prepare
from resnets.training.preparation import with_known_classes


def pack_for_training(
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    model: str | Path | None = None,
    settings: TrainingSettings | None = None,
    check: bool = True,
    device: str | None = None,
    watch: Watcher | None = None,
) -> PackedDataset:
    """Write the packed file that `train` reads when it gets the same arguments.

    Sizes and splits are chosen as `train` chooses them, by the same rules.

    Args:
        data: path or name of a data set of image files; `settings.data` if it is left out.
        out: path of the file to write. [in the cache, where `train` looks]
        model: as for `train`.
        settings: likewise.
        check: likewise; what it finds can move near-duplicates to another split.
        device: likewise; on a processor smaller images are chosen.
        watch: is told how far the check is.

    Raises:
        ConfigError: as `train`.
        DataError: likewise, and if the images are not files.
        OutputError: if the file cannot be written.
    """
    with Interruption() as interruption:
        prepared = prepare(
            complete(settings or TrainingSettings(), data=data, model=model),
            check=check,
            device=device,
            interruption=interruption,
            watch=watch or (lambda _: None),
        )
    dataset, policy = with_known_classes(prepared.dataset), pack_policy(prepared.settings)
    return pack(dataset, out or packed_path(dataset, policy), policy=policy)
