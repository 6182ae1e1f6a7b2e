"""`predict`: images in, labels out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from resnets.config import validate
from resnets.data.decode_policy import DecodePolicy
from resnets.data.image_files import find_images
from resnets.data.preprocessing import Crops
from resnets.errors import ImageError
from resnets.weights.classifier import Classifier
from resnets.weights.loading import load
from resnets.weights.prediction import Prediction
from resnets.weights.shipped import DEFAULT_MODEL


def predict(
    images: str | os.PathLike[str] | bytes | Iterable[str | os.PathLike[str] | bytes],
    *,
    model: str | Path | Classifier = DEFAULT_MODEL,
    top: int = 5,
    batch_size: int = 16,
    crops: Crops = 1,
    flip: bool = False,
    decoding: dict[str, object] | None = None,
) -> Iterator[Prediction | ImageError]:
    """Recognise the images in files and folders, in constant memory.

    Args:
        images: paths of files or folders, patterns such as 'photos/*.jpg', or the bytes of a file.
        model: path of a model file or run folder, weights in the package or published ones, or what
            `resnets.load` gave. [one in the package that knows 200 everyday things]
        top: classes per image.
        batch_size: images that the network sees at a time.
        crops: 5 averages over the middle and the four corners of each image.
        flip: average over each view and its mirror image.
        decoding: fields of `DecodePolicy` to change, such as `max_pixels`.

    Returns:
        For each image a prediction, or the error if it cannot be used.

    Raises:
        WeightsError: if the model cannot be loaded.
        ConfigError: if an argument makes no sense.
    """
    classifier = model if isinstance(model, Classifier) else load(model)
    if decoding:
        usual = classifier.preprocessing.decoding.model_dump()
        policy = validate(DecodePolicy, {**usual, **decoding}, source="the decode policy")
        preprocessing = classifier.preprocessing.model_copy(update={"decoding": policy})
        info = classifier.info.model_copy(update={"preprocessing": preprocessing})
        classifier = Classifier(classifier.network, info)
    inputs = [images] if isinstance(images, str | os.PathLike | bytes) else images
    return classifier.predict_each(_each(inputs), top=top, batch_size=batch_size, crops=crops, flip=flip)


def _each(inputs: Iterable[str | os.PathLike[str] | bytes]) -> Iterator[Path | bytes]:
    for item in inputs:
        if isinstance(item, bytes):
            yield item
        else:
            yield from find_images([item])
