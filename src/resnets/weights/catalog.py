"""The catalogue of weights that others publish: `catalog.toml`, read once and checked.

A set of weights is called ARCHITECTURE:TAG. The tag is the publisher (`torchvision`, `timm`, `keras`,
`cm` for classification_models) and, where a publisher has several sets for an architecture, its own name
for this one: `resnet50:torchvision_v2`, `resnet50:timm_a1_in1k`, `resnet50_keras:keras`.
"""

from __future__ import annotations

import fnmatch
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field, computed_field

from resnets.config import Count, Settings, validate
from resnets.data.preprocessing_policy import Preprocessing
from resnets.downloads.remote_file import RemoteFile
from resnets.errors import UnknownNameError, suggest
from resnets.registry import normalize
from resnets.weights.shipped import shipped_models, weights_key

Percent = Annotated[float, Field(ge=0, le=100)]


class ReportedAccuracy(Settings):
    """What the publisher measured on the 50,000 validation images of ImageNet, single centre crop.

    Attributes:
        image_size: of the crop, in pixels.
        resize_size: of the shorter side before it; None if not stated.
        top1: images whose first guess is right, in percent.
        top5: images whose first five guesses hold the right one, in percent.
    """

    image_size: Count
    resize_size: Count | None = None
    top1: Percent
    top5: Percent


class PublishedWeights(Settings):
    """One set of weights.

    Attributes:
        architecture: ours.
        tag: tells the sets of one architecture apart.
        publisher: who offers the file: 'torchvision', 'timm', 'keras' or 'classification_models'.
        published_as: the publisher's own name.
        layout: how the tensors are named in the file.
        options: of the architecture, where they are not its defaults.
        file: all of the network.
        file_without_top: the same without the classifier; None if `file` is the only one.
        preprocessing: what the network was trained to see.
        parameters: trainable ones as the publisher counts them; None if not stated.
        reported: accuracies, the first for `preprocessing`.
        reported_by: who measured them.
        licence: of the weights, as the publisher states it.
        data_terms: what the owners of the training images allow.
        source: page or code of the publisher.
        note: what a user should know besides.
    """

    architecture: str
    tag: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    publisher: Literal["torchvision", "timm", "keras", "classification_models"]
    published_as: str
    layout: Literal["torchvision", "timm", "keras", "classification_models"]
    options: dict[str, Any] = {}  # noqa: RUF012 - copied for each row
    file: RemoteFile
    file_without_top: RemoteFile | None = None
    preprocessing: Preprocessing
    parameters: Count | None = None
    reported: tuple[ReportedAccuracy, ...] = ()
    reported_by: str
    licence: str
    data_terms: str
    source: str
    note: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """What users write: 'resnet50:torchvision_v2'."""
        return f"{self.architecture}:{self.tag}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def num_classes(self) -> int | None:
        """Outputs of the classifier; None where the file has none that was trained."""
        return self.options.get("num_classes", 1000) if self.options.get("include_top", True) else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def classes(self) -> Literal["imagenet"] | None:
        """Whose names the outputs have; None where we do not have the names."""
        return "imagenet" if self.num_classes == 1000 else None


class LeftOut(Settings):
    """Published weights that are not in the catalogue.

    Attributes:
        publisher: who offers them.
        sets: the publisher's names; '*' for all.
        reason: why.
    """

    publisher: str
    sets: tuple[str, ...]
    reason: str


def published_weights(pattern: str = "*") -> list[PublishedWeights]:
    """Select sets of weights, in the order of publishers.

    Args:
        pattern: of their names, with shell wildcards; without a ':', of the architecture alone.

    Example:
        >>> [row.name for row in published_weights("resnet18:torchvision*")]
        ['resnet18:torchvision_v1']
    """
    pattern = pattern.lower() if ":" in pattern else f"{pattern.lower()}:*"
    return [row for row in _catalogue()[0].values() if fnmatch.fnmatchcase(row.name.lower(), pattern)]


def left_out_weights() -> list[LeftOut]:
    """Name what is published and not in the catalogue, with the reasons."""
    return list(_catalogue()[1])


def find_weights(name: str) -> PublishedWeights:
    """Look up one set of weights.

    Args:
        name: as in 'resnet50:torchvision_v2'; case, and '-' for '_', do not matter.

    Raises:
        UnknownNameError: with the closest names; also for 'resnet50' alone, which is an architecture.
    """
    architecture, _, tag = str(name).partition(":")
    rows = _catalogue()[0]
    if row := rows.get(weights_key(str(name))):
        return row
    known = [model.name for model in shipped_models()] + [row.name for row in rows.values()]
    hint = "resnets list --weights"
    same = [other for other in known if normalize(other.partition(":")[0]) == normalize(architecture)]
    known = same or known
    if same and not (tag and suggest(str(name), known)):
        more = f" and {len(same) - 3} more ({hint})" if len(same) > 3 else ""
        known, hint = [], ", ".join(same[:3]) + more
    raise UnknownNameError("published weights", name, known=known, hint=hint)


@cache
def _catalogue() -> tuple[dict[str, PublishedWeights], tuple[LeftOut, ...]]:
    text = (files("resnets.weights") / "catalog.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    rows: dict[str, PublishedWeights] = {}
    for values in tables["weights"]:
        row = _row(values, tables["publishers"][values["publisher"]], tables["data"])
        key = weights_key(row.name)
        assert key not in rows, f"{row.name} is in the catalogue twice"
        rows[key] = row
    left_out = [validate(LeftOut, values, source="catalog.toml") for values in tables["left_out"]]
    return rows, tuple(left_out)


def _row(values: dict[str, Any], publisher: dict[str, Any], data: dict[str, str]) -> PublishedWeights:
    """Fill a row with what its publisher's rows share; names of data sets become their terms."""
    row = {**publisher, **values}
    row["preprocessing"] = {**publisher["preprocessing"], **values.get("preprocessing", {})}
    row["data_terms"] = "; ".join(data[name] for name in row.pop("data"))
    return validate(PublishedWeights, row, source=f"catalog.toml, {row['architecture']}:{row['tag']}")
