"""How a run begins: the first process looks at the data and decides, the others take it over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resnets.data.dataset import Dataset
from resnets.data.splitting import Groups, relative_names
from resnets.errors import ConfigError, DataError, Interrupted, printable
from resnets.launch import launch
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_manifest import read_groups
from resnets.training.events import Watcher
from resnets.training.machine import find_device, this_machine
from resnets.training.planning import Prepared, complete, prepare
from resnets.training.preparation import Loaders, open_data
from resnets.training.processes import Processes
from resnets.training.run_folder import CONFIG, RunFolder
from resnets.training.run_places import refuse_run_in_data
from resnets.training.situation import Choice


@dataclass(frozen=True, eq=False)
class Wish:
    """What the user of `train` asks for; see there.

    Attributes:
        data: set, or where it is.
        model: to train.
        output: folder of the run.
        resume: go on with the run in it.
        settings: of the training.
        check: look at all images first.
        device: to compute on.
    """

    data: str | Path | Dataset | None
    model: str | Path | None
    output: Path | None
    resume: bool
    settings: TrainingSettings | None
    check: bool
    device: str | None


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a process has when a run begins.

    Attributes:
        run: its folder, which only the first process holds.
        prepared: everything that is decided.
        resume: the run goes on.
    """

    run: RunFolder
    prepared: Prepared
    resume: bool


@dataclass(frozen=True, eq=False)
class _Terms:
    """What the first process tells the others."""

    folder: Path
    resume: bool
    settings: TrainingSettings
    choices: tuple[Choice, ...]
    groups: Groups


def begin(wish: Wish, processes: Processes, held: ExitStack, *, watch: Watcher) -> Beginning:
    """Look at the data, decide what is open, and take the folder of the run.

    Args:
        wish: of the user.
        processes: that train together.
        held: gets what is to be closed when the run ends.
        watch: is told how far it is.

    Raises:
        ConfigError: as `train`.
        DataError: likewise.
        WeightsError: likewise.
        OutputError: likewise.
    """
    begun: list[Beginning] = []

    def lead() -> _Terms:
        begun.append(_decide(wish, processes, held, watch))
        prepared = begun[0].prepared
        folder, groups = begun[0].run.path, prepared.dataset.groups
        return _Terms(folder, begun[0].resume, prepared.settings, prepared.choices, groups)

    terms = processes.from_first(lead)
    return processes.together(lambda: begun[0] if begun else _follow(terms, wish, processes, watch))


def _decide(wish: Wish, processes: Processes, held: ExitStack, watch: Watcher) -> Beginning:
    run, given = _run_and_settings(wish, processes)
    opened = wish.data if isinstance(wish.data, Dataset) else None
    if run is not None:
        held.enter_context(run)
    else:
        refuse_run_in_data(wish.output, opened.root if opened else given.data)
    prepared = prepare(
        given,
        opened=opened,
        check=wish.check and run is None,
        groups=read_groups(run.path) if run else None,
        device=wish.device,
        interruption=processes.interruption,
        watch=watch,
    )
    resume = run is not None
    if run is None:
        run = held.enter_context(
            RunFolder.create(wish.output, name=Path(prepared.settings.data).resolve().name)
        )
    held.enter_context(run.log_to_file())
    held.enter_context(_status_kept(run))
    return Beginning(run, prepared, resume)


def _run_and_settings(wish: Wish, processes: Processes) -> tuple[RunFolder | None, TrainingSettings]:
    """The run that goes on, if one does, and what is asked for."""
    asked = wish.settings or TrainingSettings()
    place, many = wish.output, processes.count > 1
    restarts = place is not None and (many or launch().restarts) and (place / CONFIG).is_file()
    problems = []
    if many and place is None:
        problems.append(
            "several processes need output: processes that are started again go on with the run in it"
        )
    if wish.resume and place is None:
        problems.append("resume needs output: the folder of the run")
    if wish.resume and (wish.settings is not None or wish.model is not None):
        problems.append("a resumed run keeps its settings and its model: start a new one to change them")
    if problems:
        raise ConfigError("the training", problems)
    if place is None or not (wish.resume or restarts):
        return None, complete(asked, data=wish.data, model=wish.model)
    run = RunFolder.open(place)
    kept = run.read_settings()
    if restarts and not wish.resume:
        _refuse_others(complete(asked, data=wish.data or kept.data, model=wish.model), kept, place)
    return run, complete(kept, data=wish.data, model=None)


def _refuse_others(asked: TrainingSettings, kept: TrainingSettings, place: Path) -> None:
    """Started again, the processes go on with their run; but only if it is theirs."""
    before = dict(_leaves(kept.model_dump(mode="json")))
    said = dict(_leaves(asked.model_dump(mode="json", exclude_unset=True)))
    differing = [
        f"{key} is {before.get(key)!r} there, and {value!r} is asked for"
        for key, value in said.items()
        if value != before.get(key) and key not in ("data", "complete")
    ]
    if differing:
        where = f"the run in {printable(str(place))}, which has begun (choose another output)"
        raise ConfigError(where, differing)


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _follow(terms: _Terms, wish: Wish, processes: Processes, watch: Watcher) -> Beginning:
    """Open the same data here, as the first process has divided it."""
    settings = complete(terms.settings, data=wish.data, model=None)
    dataset, _ = open_data(
        settings,
        opened=wish.data if isinstance(wish.data, Dataset) else None,
        check=False,
        groups=terms.groups,
        interruption=processes.interruption,
        watch=watch,
    )
    device = find_device(wish.device)
    prepared = Prepared(settings, terms.choices, dataset, None, this_machine(wish.device), device)
    return Beginning(RunFolder.seen(terms.folder), prepared, terms.resume)


def agree_on_data(processes: Processes, dataset: Dataset, loaders: Loaders) -> None:
    """Make sure that all processes will read the same images, whatever disk they read from.

    Args:
        processes: that train together.
        dataset: as this process has opened it.
        loaders: of it.

    Raises:
        DataError: if they will not.
    """
    if processes.count == 1:
        return
    digest = hashlib.sha256(repr(dataset.class_names).encode())
    for split in dataset.splits.values():
        digest.update(split.labels.tobytes())
        if isinstance(split.images, np.ndarray):
            digest.update(repr(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).data)
        else:
            names = relative_names(split.images, dataset.root)
            digest.update("\0".join(names).encode("utf-8", "surrogateescape"))
    for loader in filter(None, (loaders.train, loaders.val)):
        digest.update(loader.order(0).tobytes())
    digests = processes.gather(digest.hexdigest())
    others = [str(rank) for rank, other in enumerate(digests) if other != digests[0]]
    if others:
        raise DataError(
            f"process {', '.join(others)} of {processes.count} reads other images of "
            f"{printable(dataset.name)} than process 0: every machine needs the same files under the "
            "same names, and all must be readable"
        )


@contextmanager
def _status_kept(run: RunFolder) -> Iterator[None]:
    """Write down how a run ends."""
    run.write_status("running")
    try:
        yield
    except Interrupted as error:
        run.write_status("interrupted", str(error))
        raise
    except BaseException as error:
        run.write_status("failed", f"{type(error).__name__}: {error}")
        raise
    run.write_status("done")
