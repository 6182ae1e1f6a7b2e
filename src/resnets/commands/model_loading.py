"""From the MODEL of a command line to a classifier, with what a user should see on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets import console
from resnets.errors import printable

if TYPE_CHECKING:
    from resnets.weights.classifier import Classifier

IMAGENET_MODEL = "resnet50:torchvision_v2"
"""What is recommended to whoever needs more than the default model knows."""


def load_model(model: str | None) -> Classifier:
    """Load a model; show the download, and under which terms published weights stand.

    Args:
        model: a model file, a run folder, weights in the package or published ones; None for the
            default, of which one line says what it is.
    """
    from resnets.weights.loading import load

    if model is None:
        classifier = load()
        console.say(printable(_default_words()))
        return classifier
    classifier = load(model, on_progress=console.DownloadBar())
    if ":" in model and (licence := classifier.info.licence):
        console.say(printable(f"{classifier.info.origin}; {licence.weights}. Data: {licence.data}"))
    return classifier


def _default_words() -> str:
    """Which model it is, what it knows, and which one knows more."""
    from resnets.weights.catalog import find_weights
    from resnets.weights.shipped import DEFAULT_MODEL, find_shipped

    shipped, larger = find_shipped(DEFAULT_MODEL), find_weights(IMAGENET_MODEL)
    assert shipped is not None
    info, top1 = shipped.info, shipped.metric("top1")
    figure = f", top-1 {top1.value:.1%} on {top1.data}" if top1 else ""
    return (
        f"resnets: {shipped.name} of the package answers: {len(info.class_names)} everyday things at "
        f"{info.preprocessing.image_size} px{figure}. ImageNet's {larger.num_classes:,} classes at "
        f"{larger.preprocessing.image_size} px: resnets predict PHOTO --model {larger.name} "
        f"({larger.file.size_mib:.0f} MiB, downloaded once)"
    )
