"""From the MODEL of a command line to a classifier, with what a user should see on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets import console
from resnets.errors import printable

if TYPE_CHECKING:
    from resnets.weights.classifier import Classifier


def load_model(model: str) -> Classifier:
    """Load a model; show the download, and under which terms published weights stand.

    Args:
        model: a model file, a run folder, or published weights.
    """
    from resnets.weights.loading import load

    classifier = load(model, on_progress=console.DownloadBar())
    if ":" in model and (licence := classifier.info.licence):
        console.say(printable(f"{classifier.info.origin}; {licence.weights}. Data: {licence.data}"))
    return classifier
