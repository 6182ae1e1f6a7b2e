"""Networks with weights: published ones by name, or those of a model file; and bare ones as ever."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnets.architectures import creation
from resnets.architectures.notation import format_options
from resnets.downloads.download import download
from resnets.downloads.transfer import Progress
from resnets.errors import WeightsMismatchError
from resnets.weights.catalog import PublishedWeights, find_weights
from resnets.weights.shipped import find_shipped

if TYPE_CHECKING:
    from torch import nn

    from resnets.weights.model_info import ModelInfo

log = logging.getLogger(__name__)


def create_model(name: str | Path, **options: Any) -> nn.Module:
    """Make a network: a plain `torch.nn.Module`, in training mode.

    Args:
        name: of an architecture ('resnet50', random weights), of weights in the package
            ('resnet20:cifar10'), of published ones ('resnet50:torchvision_v2', downloaded once), or path
            of a model file.
        **options: of the architecture. With weights, `num_classes` gives a new classifier, `in_channels`
            adapts the first convolution, `image_size` or `stem` shrinks it; a warning says what was
            changed and why. `form` converts a ResNeXt.

    Returns:
        The network; `network.spec` holds name and options.

    Raises:
        UnknownNameError: if there is no such architecture, or no such weights.
        ConfigError: with every option that the family cannot take.
        DownloadError: if published weights cannot be had.
        WeightsMismatchError: if the options need other weights.

    Example:
        >>> create_model("resnet18", num_classes=7).classifier.out_features
        7
    """
    text = str(name)
    if (Path(text).exists() and (Path(text).is_file() or "/" in text)) or find_shipped(text):
        from resnets.weights.loading import model_path
        from resnets.weights.model_file import read_model

        network, info = read_model(model_path(name))
        return _with_options(network, info.architecture, info.options, options, origin=text).train()
    if ":" not in text:
        return creation.create_model(text, **options)
    row = find_weights(text)
    creation.resolve(row.architecture, {**row.options, **options})  # before anything is downloaded
    headless = options.get("include_top") is False or options.get("features_only", False)
    network = read_published(row, include_top=not headless)
    spec: Any = network.spec
    return _with_options(network, row.architecture, dict(spec.options), options, origin=row.name).train()


def read_published(
    row: PublishedWeights,
    *,
    include_top: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> nn.Module:
    """Make the network of a row of the catalogue, with its weights.

    Args:
        row: of the catalogue.
        include_top: get the file with the classifier, if there is a choice.
        on_progress: called often while the file arrives.

    Raises:
        DownloadError: if the file cannot be had.
        WeightsMismatchError: if it does not hold what the catalogue says.
    """
    from resnets.weights.foreign import read_foreign

    file = row.file if include_top or row.file_without_top is None else row.file_without_top
    path = download(file, on_progress=on_progress)
    told = {
        key: value for key, value in row.options.items() if key not in ("num_classes", "include_top")
    }
    foreign = read_foreign(path, layout=row.layout, options=told)
    if foreign.found.architecture != row.architecture:
        raise WeightsMismatchError(
            f"{file.name} should hold {row.architecture}, it holds {foreign.found.model}"
        )
    return foreign.network


def describe_published(row: PublishedWeights, network: nn.Module) -> ModelInfo:
    """Write down what the catalogue says about a network, as a model file would.

    Args:
        row: of the catalogue.
        network: with its weights.
    """
    from resnets.data.labels import label_set
    from resnets.weights.model_file import describe_network

    has_names = row.classes is not None and row.num_classes is not None
    labels = label_set(row.classes) if row.classes else None
    names = labels.names if labels and has_names else [f"class {i}" for i in range(row.num_classes or 0)]
    metrics = [
        {
            "name": name,
            "value": value / 100,
            "data": f"ImageNet validation, {figures.image_size} px, as reported by {row.reported_by}",
        }
        for figures in row.reported[:1]
        for name, value in (("top1", figures.top1), ("top5", figures.top5))
    ]
    return describe_network(
        network,
        class_names=names,
        class_ids=(labels.ids or ()) if labels and has_names else (),
        preprocessing=row.preprocessing,
        metrics=metrics,
        licence={"weights": row.licence, "data": row.data_terms},
        origin=f"{row.name}: {row.published_as} of {row.publisher}, {row.file.url}",
    )


def _with_options(
    network: nn.Module,
    architecture: str,
    own: dict[str, Any],
    options: dict[str, Any],
    *,
    origin: str,
) -> nn.Module:
    """Carry weights over into a network with other options; the same network if none differ."""
    changed = {key: value for key, value in options.items() if own.get(key) != value}
    if not changed:
        return network
    if changed.keys() == {"form"}:
        from resnets.architectures.resnext import convert_form

        return convert_form(network, changed["form"])
    from resnets.weights.surgery import fit_tensors

    form = changed.pop("form", None)
    target = creation.create_model(architecture, **{**own, **changed})
    tensors, notes = fit_tensors(network.state_dict(), target)
    for note in notes:
        log.warning("%s with %s: %s", origin, format_options(changed), note)
    target.load_state_dict(tensors)
    return (
        target
        if form is None
        else _with_options(target, architecture, own | changed, {"form": form}, origin=origin)
    )
