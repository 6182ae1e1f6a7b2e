"""A network with everything that it takes to use it: preprocessing, class names, `predict`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from resnets.data.decoding import ImageSource
from resnets.data.preprocessing import Crops, decode_for, views
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, DataError, ImageError, InputShapeError, UnsupportedError
from resnets.weights.model_file import describe_network, read_model, write_model
from resnets.weights.model_info import ModelInfo
from resnets.weights.prediction import ClassProbability, Prediction

ImageInput: TypeAlias = "ImageSource | Tensor"
"""An image: a path, bytes, a Pillow image, uint8 pixels (H, W, 3) as an array or (3, H, W) as a tensor,
or floating-point values (C, H, W) that are preprocessed already."""

FIRST_FRAME = "only the first of several frames or pages was seen"
"""What is said of an animation or a document of several pages."""


@dataclass(frozen=True)
class _Prepared:
    name: str
    views: Tensor
    notes: tuple[str, ...] = ()


class Classifier:
    """A network that answers with names.

    Args:
        network: made by `create_model`, with a classifier; it is put into evaluation mode.
        info: what a model file says about it.

    Attributes:
        network: the plain `torch.nn.Module`.
        info: architecture, classes, preprocessing, recipe, metrics, licence.

    Example:
        >>> from resnets import create_model
        >>> network = create_model("resnet20", num_classes=2)
        >>> model = Classifier.from_network(
        ...     network, class_names=["cat", "dog"], preprocessing=Preprocessing(image_size=32)
        ... )
        >>> model.predict(np.zeros((40, 30, 3), np.uint8))[0].label in ("cat", "dog")
        True
    """

    def __init__(self, network: nn.Module, info: ModelInfo) -> None:
        self.network = network.eval()
        self.info = info

    @classmethod
    def from_network(
        cls, network: nn.Module, *, preprocessing: Preprocessing, **fields: object
    ) -> Classifier:
        """Describe a network made by `create_model`, and make a classifier of it.

        Args:
            network: with its weights.
            preprocessing: of the images.
            **fields: of `ModelInfo`: `class_names` for all classes, and what else is known.
        """
        return cls(network, describe_network(network, preprocessing=preprocessing, **fields))

    @classmethod
    def from_pretrained(cls, repository: str, *, revision: str | None = None) -> Classifier:
        """Load a model from the Hugging Face Hub; needs `resnets[weights]`.

        Args:
            repository: as in 'user/pets'.
            revision: branch, tag or commit.
        """
        from resnets.weights.hub import fetch_from_hub

        return cls(*read_model(fetch_from_hub(repository, revision=revision)))

    def push_to_hub(self, repository: str, *, private: bool = False) -> str:
        """Upload to the Hugging Face Hub, and give the address; needs `resnets[weights]`.

        Args:
            repository: as in 'user/pets'; made if there is none.
            private: make it so that only you see it.
        """
        from resnets.weights.hub import push_to_hub

        return push_to_hub(self, repository, private=private)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the scores."""
        return self.info.class_names

    @property
    def preprocessing(self) -> Preprocessing:
        """Of the images."""
        return self.info.preprocessing

    def save(self, path: str | Path) -> Path:
        """Write a model file, in one step.

        Args:
            path: of the file, by convention `NAME.safetensors`; its folder must exist.
        """
        return write_model(path, self.network, self.info)

    def predict(
        self,
        images: ImageInput | Iterable[ImageInput],
        *,
        top: int = 5,
        batch_size: int = 16,
        crops: Crops = 1,
        flip: bool = False,
    ) -> list[Prediction]:
        """Recognise images.

        Args:
            images: one, or several.
            top: classes per image.
            batch_size: images that the network sees at a time.
            crops: 5 averages over the middle and the four corners.
            flip: average over each view and its mirror image.

        Returns:
            One prediction per image, in order.

        Raises:
            ImageError: for the first image that cannot be used; `predict_each` goes on.
        """
        predictions = []
        for answer in self.predict_each(
            _one_by_one(images), top=top, batch_size=batch_size, crops=crops, flip=flip
        ):
            if isinstance(answer, ImageError):
                raise answer
            predictions.append(answer)
        return predictions

    def predict_each(
        self,
        images: Iterable[ImageInput],
        *,
        top: int = 5,
        batch_size: int = 16,
        crops: Crops = 1,
        flip: bool = False,
    ) -> Iterator[Prediction | ImageError]:
        """Recognise any number of images, in order and in constant memory.

        Threads decode the next images while the network computes.

        Args:
            images: taken one by one.
            top: classes per image.
            batch_size: images that the network sees at a time.
            crops: as for `predict`.
            flip: as for `predict`.

        Returns:
            For each image a prediction, or the error if it cannot be used.

        Raises:
            UnsupportedError: if the network has no classifier.
            ConfigError: if an argument makes no sense.
        """
        if not self.class_names:
            raise UnsupportedError(f"this {self.info.architecture} has no classifier to predict with")
        problems = [
            f"{name} must be at least 1, got {value}"
            for name, value in (("top", top), ("batch_size", batch_size))
            if value < 1
        ]
        if crops not in (1, 5):
            problems.append(f"crops must be 1 or 5, got {crops}")
        if crops > 1 and self.preprocessing.fit != "crop":
            problems.append(f"crops=5 needs a model that crops, this one has {self.preprocessing.fit!r}")
        if problems:
            raise ConfigError("the arguments of predict", problems)
        return self._answers(images, top, batch_size, crops, flip)

    def probabilities(self, batch: Tensor) -> Tensor:
        """Compute the probabilities of all classes.

        Args:
            batch: preprocessed images.

        Shape:
            (N, C, H, W), or (N, views, C, H, W) to average over views -> (N, num_classes)
        """
        first, temperature = next(self.network.parameters()), self.info.temperature or 1.0
        with torch.inference_mode():
            scores = self.network(batch.to(first.device, first.dtype).flatten(0, -4))
            probabilities: Tensor = (scores.float() / temperature).softmax(1).cpu()
        probabilities = probabilities.unflatten(0, batch.shape[:-3])
        return probabilities.mean(1) if batch.ndim == 5 else probabilities

    def _answers(
        self, images: Iterable[ImageInput], top: int, batch_size: int, crops: Crops, flip: bool
    ) -> Iterator[Prediction | ImageError]:
        batch: list[_Prepared | ImageError] = []
        for item in self._prepare_ahead(images, batch_size, crops, flip):
            shapes = {entry.views.shape for entry in batch if isinstance(entry, _Prepared)}
            if batch and isinstance(item, _Prepared) and shapes - {item.views.shape}:
                yield from self._answer(batch, top)
                batch = []
            batch.append(item)
            if len(batch) == batch_size:
                yield from self._answer(batch, top)
                batch = []
        yield from self._answer(batch, top)

    def _prepare_ahead(
        self, images: Iterable[ImageInput], batch_size: int, crops: Crops, flip: bool
    ) -> Iterator[_Prepared | ImageError]:
        """Prepare images in threads, two batches ahead at most."""
        remaining = iter(images)
        waiting: deque[Future[_Prepared | ImageError]] = deque()
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            try:
                while True:
                    for image in islice(remaining, 2 * batch_size - len(waiting)):
                        if isinstance(image, Image.Image):
                            _load(image)
                        waiting.append(pool.submit(self._prepare, image, crops, flip))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _prepare(self, image: ImageInput, crops: Crops, flip: bool) -> _Prepared | ImageError:
        if isinstance(image, Tensor):
            image = _as_array(image)
        if isinstance(image, np.ndarray) and np.issubdtype(image.dtype, np.floating):
            return self._check_prepared(image, crops, flip)
        try:
            decoded = decode_for(image, self.preprocessing)
        except ImageError as error:
            return error
        name = os.fsdecode(image) if isinstance(image, str | os.PathLike) else ""
        seen = views(decoded, self.preprocessing, crops=crops, flip=flip)
        notes = (FIRST_FRAME,) if decoded.animated else ()
        return _Prepared(name, torch.from_numpy(seen), notes)

    def _check_prepared(self, values: NDArray[Any], crops: Crops, flip: bool) -> _Prepared | ImageError:
        channels = self.preprocessing.num_channels
        if values.ndim != 3 or values.shape[0] != channels or crops > 1:
            return ImageError(
                "not an image",
                f"floating-point values are taken as preprocessed, ({channels}, H, W) and one crop; got "
                f"shape {values.shape} and {crops}. Hand pixels over as uint8",
            )
        view = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        return _Prepared("", torch.stack([view, view.flip(-1)] if flip else [view]))

    def _answer(
        self, batch: list[_Prepared | ImageError], top: int
    ) -> Iterator[Prediction | ImageError]:
        prepared = [item for item in batch if isinstance(item, _Prepared)]
        answers: Iterator[Prediction | ImageError] = iter(self._answer_prepared(prepared, top))
        for item in batch:
            yield item if isinstance(item, ImageError) else next(answers)

    def _answer_prepared(self, prepared: list[_Prepared], top: int) -> list[Prediction | ImageError]:
        if not prepared:
            return []
        try:
            table = self.probabilities(torch.stack([item.views for item in prepared]))
        except InputShapeError as error:
            return [ImageError("too small", str(error)) for _ in prepared]
        best = table.topk(min(top, table.shape[1]))
        answers: list[Prediction | ImageError] = []
        rows = zip(prepared, best.values.tolist(), best.indices.tolist(), strict=True)
        for item, values, indices in rows:
            if not np.isfinite(values).all():
                sentence = "gives no finite scores: the network's weights do not fit such values"
                answers.append(ImageError("no answer", sentence, source=item.name or None))
                continue
            classes = tuple(map(self._class, indices, values))
            abstains = values[0] < (self.info.abstain_below or 0.0)
            answers.append(Prediction(item.name, classes, item.notes, abstains))
        return answers

    def _class(self, index: int, probability: float) -> ClassProbability:
        ids = self.info.class_ids
        return ClassProbability(self.class_names[index], ids[index] if ids else "", index, probability)


def _load(image: Image.Image) -> None:
    """Read a lazy image's pixels here: two threads must not read one file at once."""
    with suppress(Exception):  # `decode` meets the same error, and explains it
        image.load()


def _as_array(image: Tensor) -> NDArray[Any]:
    image = image.detach().cpu()
    if image.is_floating_point():
        return image.float().numpy()
    return image.permute(1, 2, 0).numpy() if image.ndim == 3 else image.numpy()


def _one_by_one(images: ImageInput | Iterable[ImageInput]) -> Iterable[ImageInput]:
    """Give a single image, or a batch in one array, as a sequence of images."""
    if isinstance(images, Tensor | np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Image.Image):
        return [images]
    if not isinstance(images, Iterable):
        raise DataError(
            "predict takes one image or several (paths, bytes, Pillow images, arrays, tensors), got "
            f"{type(images).__name__}"
        )
    return images
