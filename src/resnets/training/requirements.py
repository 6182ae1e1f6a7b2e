"""What a training cannot work with, found before anything long starts, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from resnets.data.dataset import Dataset
from resnets.data.sources.problems import listed, quoted
from resnets.errors import ConfigError, DataError, ResNetsError, printable
from resnets.launch import launch
from resnets.networks.gates import network_units
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_facts import DataFacts
from resnets.training.depth import every_kth_unit, last_layer, survival_probabilities
from resnets.training.freezing import freeze
from resnets.training.machine import Machine, this_machine
from resnets.training.model_facts import ModelFacts, model_facts
from resnets.training.schedules import schedule_problems


def check_requirements(
    settings: TrainingSettings, dataset: Dataset, facts: DataFacts, machine: Machine | None = None
) -> None:
    """Refuse data and settings that no training can come of.

    Args:
        settings: complete, as `choose` gives them.
        dataset: to train on.
        facts: of the data set.
        machine: what the training runs on. [this one]

    Raises:
        DataError: with all problems, if there are some in the data.
        ConfigError: with all problems, if only the settings have some.
    """
    in_data = list(_data_problems(facts))
    in_settings = list(_settings_problems(settings, facts, machine or this_machine()))
    if in_data:
        problems = [*in_data, *in_settings]
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"{count} in {printable(str(dataset.root))}: " + "; ".join(problems))
    if in_settings:
        raise ConfigError("the settings of the training", in_settings)


def _data_problems(facts: DataFacts) -> Iterator[str]:
    if facts.num_train == 0:
        yield "there are no training images with a class"
        return
    if facts.num_sampled == 0:
        yield (
            f"none of {facts.num_train:,} training images can be read; see why with "
            f"resnets data check {printable(facts.name)}"
        )
    if facts.num_classes == 1:
        yield f"there is only one class, {quoted(facts.class_names[0])}; a classifier needs two"
    elif empty := [
        name for name, count in zip(facts.class_names, facts.class_counts, strict=True) if not count
    ]:
        yield f"there are classes without training images: {listed(empty)}; add some, or remove them"


def _settings_problems(settings: TrainingSettings, facts: DataFacts, machine: Machine) -> Iterator[str]:
    assert settings.epochs is not None
    model = model_facts(settings.model)
    yield from _model_problems(settings, model, facts)
    yield from _batch_problems(settings)
    yield from schedule_problems(settings.schedule, epochs=_epochs_of_schedule(settings))
    yield from _length_problems(settings, model)
    yield from _process_problems(settings, machine)
    if settings.precision == "fp16" and machine.device == "cpu":
        yield "precision 'fp16' needs a GPU: a processor takes 'bf16' or 'float32'"
    if not facts.has_val:
        for key, asked in (
            ("select = 'best'", settings.select == "best"),
            ("early_stopping", settings.early_stopping is not None),
        ):
            if asked:
                yield (
                    f"{key} needs images of validation, and there are none: give val_share a share of "
                    "the training images, or leave it out"
                )


def _process_problems(settings: TrainingSettings, machine: Machine) -> Iterator[str]:
    assert settings.batch_size is not None
    count = launch().count
    needed = 2 * count * settings.accumulation
    if count > 1 and settings.batch_size < needed:
        parts = f", in {settings.accumulation} parts (accumulation)" if settings.accumulation > 1 else ""
        yield (
            f"batch_size is {settings.batch_size} for {count} processes together{parts}, and each needs "
            f"two images at once: give at least {needed}, or start fewer"
        )
    if settings.sync_batch_norm and settings.accumulation > 1:
        yield (
            "sync_batch_norm and accumulation do not go together: processes would wait for parts of a "
            "step that others do not have; leave one out"
        )
    if settings.sync_batch_norm and (count == 1 or machine.device != "cuda"):
        yield (
            f"sync_batch_norm is for several processes on GPUs; here {count} on {machine.device}: leave "
            "it out"
        )


def _model_problems(settings: TrainingSettings, model: ModelFacts, facts: DataFacts) -> Iterator[str]:
    shown = settings.preprocessing
    assert shown is not None
    for option, right, what in (
        ("num_classes", facts.num_classes, f"the data has {facts.num_classes} classes"),
        (
            "in_channels",
            shown.num_channels,
            f"images are given to it as {shown.channels} (preprocessing.channels)",
        ),
    ):
        said = model.said.get(option, right)
        if said != right:
            yield f"the model says {option}={said}, and {what}: leave {option} out"
    if model.option("features_only") or model.said.get("include_top") is False:
        yield "the model has no classifier, which is what a training needs: leave the option out"
        return
    if settings.fine_tuning is not None and not model.has_weights:
        yield (
            f"fine_tuning needs given weights, and {settings.model} has none: leave it out, or choose "
            f"a model file or published weights (resnets list '{model.architecture}' --weights)"
        )
    try:
        network = model.blank_network(shown, max(2, facts.num_classes))
        yield from _network_problems(settings, network)
    except ConfigError as error:
        yield from error.problems
    except ResNetsError as error:
        yield str(error)


def _network_problems(settings: TrainingSettings, network: nn.Module) -> Iterator[str]:
    """What this network cannot do; it is blank, and may be changed."""
    assert settings.preprocessing is not None
    size = settings.train_image_size or settings.preprocessing.image_size
    info = getattr(network, "feature_info", ())
    if info and size < info[-1].stride:
        key = "train_image_size" if settings.train_image_size else "preprocessing.image_size"
        yield f"{key} must be at least {info[-1].stride}, the stride of the network; got {size}"
    if settings.stochastic_depth:
        survival_probabilities(network, last=settings.stochastic_depth.last)
        for name, unit in network_units(network).items():
            last_layer(name, unit)  # which its gate becomes part of at the end of the run
    if settings.progressive_depth:
        every_kth_unit(network, settings.progressive_depth[0].every)
    if settings.freeze:
        freeze(network, settings.freeze)


def _batch_problems(settings: TrainingSettings) -> Iterator[str]:
    assert settings.batch_size is not None
    part = -(-settings.batch_size // settings.accumulation)
    if part < 2:
        yield (
            f"batch_size {settings.batch_size} in {settings.accumulation} parts (accumulation) leaves "
            "one image at once, and batch norms need two: choose a larger batch_size or fewer parts"
        )
    crop = settings.augmentation.pad_crop if settings.augmentation else None
    size = settings.preprocessing.image_size if settings.preprocessing else 0
    if crop and crop.padding == "reflect" and crop.pad >= size:
        yield f"augmentation.pad_crop.pad must be less than image_size {size} to reflect; got {crop.pad}"


def _length_problems(settings: TrainingSettings, model: ModelFacts) -> Iterator[str]:
    epochs = settings.epochs
    assert epochs is not None
    tuning = settings.fine_tuning
    if tuning and model.has_weights and tuning.head_epochs > epochs:
        yield f"fine_tuning.head_epochs must be at most epochs, {epochs}; got {tuning.head_epochs}"
    late = [str(growth.epoch) for growth in settings.progressive_depth if growth.epoch >= epochs]
    if late:
        yield f"progressive_depth must start its depths before epoch {epochs}; got {', '.join(late)}"


def _epochs_of_schedule(settings: TrainingSettings) -> int:
    """The schedule begins when the classifier of given weights has had its epochs alone."""
    assert settings.epochs is not None
    head = settings.fine_tuning.head_epochs if settings.fine_tuning else 0
    return max(1, settings.epochs - head)
