"""What a model file says about its network: enough to use it without being told anything more."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from resnets.config import Count, Settings, as_list
from resnets.data.preprocessing_policy import Preprocessing

MAX_NAME = 500
"""Letters of the longest name of a class."""


def _short(name: str) -> str:
    if not name or len(name) > MAX_NAME:
        raise ValueError(f"must have 1 to {MAX_NAME} letters, has {len(name)}")
    return name


Names = Annotated[
    tuple[Annotated[str, Field(strict=True), AfterValidator(_short)], ...], BeforeValidator(as_list)
]


class Metric(Settings):
    """One measured figure.

    Attributes:
        name: of the figure, such as 'top1'.
        value: as a fraction or in the figure's own unit.
        low: of the 95 % interval.
        high: of the 95 % interval.
        data: what it was measured on.
        num_images: in that.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    data: str = ""
    num_images: Count | None = None


class DataFingerprint(Settings):
    """Which images a network was trained on.

    Attributes:
        name: of the set.
        num_images: in its training split.
        sha256: over the sorted list of files, their classes and contents.
    """

    name: str
    num_images: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Licence(Settings):
    """What may be done with a model.

    Attributes:
        weights: licence of the weights, as an SPDX identifier where there is one.
        data: terms of the images that they were trained on.
    """

    weights: str
    data: str = ""


class ModelInfo(Settings):
    """The description in a model file.

    Attributes:
        architecture: name, as `resnets list` gives it.
        options: all of the architecture's.
        class_names: in the order of the scores; empty for a network without a classifier.
        class_ids: the same, as the data set names them (WordNet ids); empty if it does not.
        preprocessing: of the images, complete.
        temperature: that divides the network's scores before the softmax, so that it is as sure as it is
            right (Guo et al. 2017, arXiv:1706.04599, sec. 4.2); None if nobody fitted one.
        abstain_below: probability of the best class, after the temperature, below which an image most
            likely shows none of the classes; None if nobody chose one. It is chosen so that a stated
            share of the right answers is kept (Hendrycks and Gimpel 2017, arXiv:1610.02136).
        recipe: the settings of the training.
        data: what it was trained on.
        metrics: what was measured.
        licence: of the weights and of the data.
        origin: where the weights come from, in a sentence.
        versions: of the software that wrote the file.
        card: the model card, in Markdown; '' for none.
    """

    architecture: Annotated[str, Field(max_length=100)]
    options: dict[str, JsonValue]
    class_names: Names = ()
    class_ids: Names = ()
    preprocessing: Preprocessing
    temperature: Annotated[float, Field(strict=True, gt=0.0)] | None = None
    abstain_below: Annotated[float, Field(strict=True, gt=0.0, le=1.0)] | None = None
    recipe: dict[str, JsonValue] = Field(default_factory=dict)
    data: DataFingerprint | None = None
    metrics: tuple[Metric, ...] = ()
    licence: Licence | None = None
    origin: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    card: str = ""

    @model_validator(mode="after")
    def _classes_agree(self) -> ModelInfo:
        has_classifier = bool(self.options.get("include_top", True)) and not self.options.get(
            "features_only", False
        )
        num_classes = self.options.get("num_classes", 1000) if has_classifier else 0
        if len(self.class_names) != num_classes:
            raise ValueError(
                f"class_names must name all {num_classes} classes, got {len(self.class_names)}"
            )
        if len(set(self.class_names)) != len(self.class_names):
            twice = Counter(self.class_names).most_common(1)[0][0]
            raise ValueError(f"class_names must differ, {twice!r} is there twice")
        if self.class_ids and len(self.class_ids) != len(self.class_names):
            raise ValueError(f"class_ids must be {len(self.class_names)} or none")
        return self

    @model_validator(mode="after")
    def _channels_agree(self) -> ModelInfo:
        channels: Any = self.options.get("in_channels", 3)
        if channels != self.preprocessing.num_channels:
            raise ValueError(
                f"the network takes {channels} channels, preprocessing gives "
                f"{self.preprocessing.num_channels} ({self.preprocessing.channels!r})"
            )
        return self
