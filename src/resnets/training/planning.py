"""What a training will do, decided before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resnets.data.dataset import Dataset
from resnets.data.findings import DataReport, Finding
from resnets.data.splitting import Groups
from resnets.errors import ConfigError
from resnets.launch import launch
from resnets.recipes.settings import TrainingSettings
from resnets.training.choices import choose
from resnets.training.data_facts import data_facts
from resnets.training.events import Watcher
from resnets.training.interruption import Interruption
from resnets.training.machine import Machine, find_device, forked_rng, this_machine
from resnets.training.memory import MemoryEstimate, check_memory, estimate_memory
from resnets.training.model_facts import model_facts
from resnets.training.preparation import make_network, open_data
from resnets.training.requirements import check_requirements
from resnets.training.situation import Choice
from resnets.training.threads import threads_restored, use_threads


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is known before the first byte is written.

    Attributes:
        settings: complete.
        choices: what was decided by rule.
        dataset: to learn.
        data_report: what the check found; None without one.
        machine: to run on.
        device: to run on.
    """

    settings: TrainingSettings
    choices: tuple[Choice, ...]
    dataset: Dataset
    data_report: DataReport | None
    machine: Machine
    device: torch.device


def complete(
    settings: TrainingSettings, *, data: str | Path | Dataset | None, model: str | Path | None
) -> TrainingSettings:
    """Put what the arguments say into the settings.

    Raises:
        ConfigError: if nothing says where the images are.
    """
    told = {"data": data.name if isinstance(data, Dataset) else data, "model": model}
    settings = settings.model_copy(
        update={key: str(value) for key, value in told.items() if value is not None}
    )
    if not settings.data:
        raise ConfigError("the training", ["data is missing: say where the images are"])
    return settings


def prepare(
    settings: TrainingSettings,
    *,
    opened: Dataset | None = None,
    check: bool,
    groups: Groups | None = None,
    device: str | None,
    interruption: Interruption,
    watch: Watcher,
) -> Prepared:
    """Look at the data and the machine, and decide what the settings leave open.

    Args:
        settings: of the user.
        opened: the data set, if the user has opened it.
        check: decode and compare all images.
        groups: of images that an earlier check kept together.
        device: of the user.
        interruption: is looked at in between.
        watch: is told how far it is.
    """
    machine = this_machine(device)
    if settings.model:
        model_facts(settings.model)  # a wrong name should not wait until all images are checked
    dataset, report = open_data(
        settings, opened=opened, check=check, groups=groups, interruption=interruption, watch=watch
    )
    facts = data_facts(dataset)
    settings, choices = choose(settings, facts, machine, complete=settings.complete)
    settings = settings.model_copy(update={"complete": True})
    check_requirements(settings, dataset, facts, machine)
    return Prepared(settings, choices, dataset, report, machine, find_device(device))


def expected_memory(network: nn.Module, settings: TrainingSettings) -> MemoryEstimate:
    """Estimate what a step will need."""
    assert settings.preprocessing is not None
    assert settings.batch_size is not None
    return estimate_memory(
        network,
        image_size=settings.train_image_size or settings.preprocessing.image_size,
        in_channels=settings.preprocessing.num_channels,
        batch_size=-(-settings.batch_size // (settings.accumulation * launch().count)),
        precision=settings.precision or "float32",
        optimizer=settings.optimizer.name,
        averaging=settings.averaging is not None,
    )


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """What `train` would do.

    Attributes:
        settings: complete.
        choices: what was decided by rule.
        num_images: of each split.
        class_names: of the data.
        num_parameters: of the network.
        memory: that a step needs.
        notes: what the user should know, a sentence each.
    """

    settings: TrainingSettings
    choices: tuple[Choice, ...]
    num_images: dict[str, int]
    class_names: tuple[str, ...]
    num_parameters: int
    memory: MemoryEstimate
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "settings": self.settings.model_dump(mode="json", exclude_none=True),
            "choices": [vars(choice) for choice in self.choices],
            "num_images": self.num_images,
            "class_names": list(self.class_names),
            "num_parameters": self.num_parameters,
            "memory_bytes": self.memory.bytes_total,
            "notes": list(self.notes),
        }


def plan(
    data: str | Path | Dataset | None = None,
    *,
    model: str | Path | None = None,
    settings: TrainingSettings | None = None,
    check: bool = True,
    device: str | None = None,
    time_threads: bool = False,
    watch: Watcher | None = None,
) -> TrainingPlan:
    """Say what `train` would do, and write nothing.

    Args:
        data: as for `train`.
        model: likewise.
        settings: likewise.
        check: likewise.
        device: likewise.
        time_threads: likewise.
        watch: likewise.

    Raises:
        ConfigError: as `train`.
        DataError: likewise.
        MemoryLimitError: likewise.
    """
    with Interruption() as interruption, forked_rng(device), threads_restored():
        prepared = prepare(
            complete(settings or TrainingSettings(), data=data, model=model),
            opened=data if isinstance(data, Dataset) else None,
            check=check,
            device=device,
            interruption=interruption,
            watch=watch or (lambda _: None),
        )
        settings, dataset, report = prepared.settings, prepared.dataset, prepared.data_report
        network = make_network(settings, dataset, device=torch.device("cpu"))
        estimate = expected_memory(network, settings)
        warning = check_memory(estimate, settings, prepared.machine)
        timed = (
            use_threads(network, settings, timed=time_threads, on_step=interruption.check)
            if prepared.device.type == "cpu"
            else ()
        )
    return TrainingPlan(
        settings=settings,
        choices=(*prepared.choices, *timed),
        num_images={name: len(split) for name, split in dataset.splits.items()},
        class_names=dataset.class_names,
        num_parameters=sum(p.numel() for p in network.parameters()),
        memory=estimate,
        notes=(*((warning,) if warning else ()), *found(report.findings if report else ())),
    )


def found(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What the check of the data found that may spoil a training, a sentence each."""
    return tuple(finding.sentence for finding in findings if finding.severity != "note")
