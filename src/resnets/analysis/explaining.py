"""`explain`: where in an image a network sees what it says."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from resnets.analysis.attribution import WHOLE, WINDOWS_ACROSS, Method, attribute, check_method
from resnets.analysis.class_choice import find_class
from resnets.analysis.enlarging import Map
from resnets.analysis.explanation import Explanation, LayerMap
from resnets.analysis.faithfulness import Deletion, measure_deletion
from resnets.analysis.seen_window import SeenWindow, seen_window
from resnets.data.decoding import DecodedImage
from resnets.data.image_files import find_images
from resnets.data.preprocessing import decode_for, views
from resnets.errors import ImageError, UnsupportedError
from resnets.weights.classifier import FIRST_FRAME, Classifier
from resnets.weights.loading import load
from resnets.weights.prediction import ClassProbability
from resnets.weights.shipped import DEFAULT_MODEL

Explainable: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]"
"""A path of a file or folder, a pattern such as 'photos/*.jpg', the bytes of a file, a Pillow image, or
uint8 pixels (H, W, 3)."""

_AT_A_TIME = 8  # images whose maps and gradients are in memory at once
_PREVIEW = 1024  # pixels; longest side of the image that an explanation keeps
_FINE = 28  # values across a map, from which on single ones are too small to see
_BRIGHT = 0.98  # share of a fine map's values that stay below 1
_LARGEST_GAIN = 4  # by how much that may brighten a map


@dataclass(frozen=True, eq=False)
class _Prepared:
    name: str
    view: Tensor
    seen: SeenWindow
    preview: Image.Image
    notes: tuple[str, ...]


def explain(
    images: Explainable | Iterable[Explainable],
    *,
    model: str | Path | Classifier = DEFAULT_MODEL,
    target: str | int | None = None,
    method: Method = "gradcam",
    layers: str | Sequence[str] | None = None,
    check: bool = False,
) -> list[Explanation]:
    """Show where in images a network sees a class.

    Args:
        images: one or several: paths of files or folders, patterns, bytes, Pillow images, pixels.
        model: path of a model file or run folder, weights in the package or published ones, or what
            `resnets.load` gave. [one in the package that knows 200 everyday things]
        target: the class, by name, id or number; None for what the network finds most probable.
        method: 'gradcam', 'layercam', 'integrated-gradients' or 'occlusion'.
        layers: for the first two: None for the last map, 'stages' for one of each stage, or names of
            parts such as 'stages.2'.
        check: measure whether the class disappears with what the map shows (`Explanation.deletion`).

    Returns:
        One explanation per image, in order; each with `overlay()` and `save()`.

    Raises:
        ImageError: for the first image that cannot be used; `explain_each` goes on.
    """
    explanations = []
    for answer in explain_each(
        images, model=model, target=target, method=method, layers=layers, check=check
    ):
        if isinstance(answer, ImageError):
            raise answer
        explanations.append(answer)
    return explanations


def explain_each(
    images: Explainable | Iterable[Explainable],
    *,
    model: str | Path | Classifier = DEFAULT_MODEL,
    target: str | int | None = None,
    method: Method = "gradcam",
    layers: str | Sequence[str] | None = None,
    check: bool = False,
) -> Iterator[Explanation | ImageError]:
    """Explain any number of images, in constant memory; arguments as for `explain`.

    Returns:
        For each image an explanation, or the error if it cannot be used.

    Raises:
        UnsupportedError: if the network has no classifier, or the method needs another kind of network.
    """
    classifier = model if isinstance(model, Classifier) else load(model)
    if not classifier.class_names:
        raise UnsupportedError(f"this {classifier.info.architecture} has no classifier to explain")
    chosen = check_method(classifier.network, method, layers)
    index = None
    if target is not None:
        index = find_class(target, classifier.class_names, classifier.info.class_ids)
    explainer = _Explainer(classifier, index, method, None if chosen == (WHOLE,) else chosen, check)
    return explainer.explain(_one_by_one(images))


@dataclass(frozen=True)
class _Explainer:
    classifier: Classifier
    target: int | None
    method: Method
    layers: tuple[str, ...] | None
    check: bool

    def explain(self, images: Iterable[Explainable]) -> Iterator[Explanation | ImageError]:
        prepared = map(self._prepare, images)
        while batch := list(islice(prepared, _AT_A_TIME)):
            good = [item for item in batch if isinstance(item, _Prepared)]
            answers = iter(self._explain_batch(good) if good else [])
            for item in batch:
                yield item if isinstance(item, ImageError) else next(answers)

    def _prepare(self, image: Explainable) -> _Prepared | ImageError:
        preprocessing = self.classifier.preprocessing
        try:
            decoded = decode_for(image, preprocessing)
        except ImageError as error:
            return error
        return _Prepared(
            os.fsdecode(image) if isinstance(image, str | os.PathLike) else "",
            torch.from_numpy(views(decoded, preprocessing)[0]),
            seen_window(decoded.size, preprocessing),
            _small(decoded),
            (FIRST_FRAME,) if decoded.animated else (),
        )

    def _explain_batch(self, items: list[_Prepared]) -> list[Explanation | ImageError]:
        batch = torch.stack([item.view for item in items])
        table = self.classifier.probabilities(batch)
        predicted = table.argmax(dim=1)
        targets = predicted if self.target is None else torch.full_like(predicted, self.target)
        maps = attribute(self.classifier.network, batch, targets, method=self.method, layers=self.layers)
        answers: list[Explanation | ImageError] = []
        for number, item in enumerate(items):
            raw = {layer: evidence[number] for layer, evidence in maps.items()}
            if not all(torch.isfinite(values).all() for values in (table[number], *raw.values())):
                sentence = "gives no finite map: the network's weights do not fit such values"
                answers.append(ImageError("no answer", sentence, source=item.name or None))
                continue
            answers.append(self._explanation(item, raw, table[number], int(targets[number])))
        return answers

    def _explanation(
        self, item: _Prepared, raw: dict[str, Tensor], probabilities: Tensor, target: int
    ) -> Explanation:
        explained = self._class(target, probabilities)
        notes = item.notes
        silent = [layer for layer, values in raw.items() if values.max() <= 0]
        if silent:
            notes = (*notes, f"nothing in {', '.join(silent)} speaks for {explained.label!r}")
        maps = tuple(
            LayerMap(layer, values.numpy(), _shown(values), item.seen) for layer, values in raw.items()
        )
        return Explanation(
            image=item.name,
            explained=explained,
            predicted=self._class(int(probabilities.argmax()), probabilities),
            method=self.method,
            maps=maps,
            seen=item.seen,
            preview=item.preview,
            notes=notes,
            deletion=self._measure(item.view, target, maps[-1].raw) if self.check else None,
        )

    def _measure(self, view: Tensor, target: int, raw: Map) -> Deletion:
        # Pixels that the same window covers have much the same value: chance must be as coarse.
        coarse = (WINDOWS_ACROSS, WINDOWS_ACROSS) if self.method == "occlusion" else None
        # Other random maps for each image, or a few lucky ones would decide for all.
        seed = zlib.crc32(view.numpy().tobytes())
        return measure_deletion(
            self.classifier.probabilities, view, target, raw, resolution=coarse, seed=seed
        )

    def _class(self, index: int, probabilities: Tensor) -> ClassProbability:
        info = self.classifier.info
        class_id = info.class_ids[index] if info.class_ids else ""
        return ClassProbability(info.class_names[index], class_id, index, float(probabilities[index]))


def _shown(raw: Tensor) -> Map:
    """What speaks for the class, from 0 to 1.

    Of a fine map, neighbours are averaged and the brightest few are all shown as 1: single values stand
    out so far that nothing else would be seen.
    """
    positive = raw[None].relu()
    most = positive.max()
    if min(raw.shape) >= _FINE:
        grain = max(3, 2 * (min(raw.shape) // 64) + 1)
        positive = functional.avg_pool2d(
            positive, grain, stride=1, padding=grain // 2, count_include_pad=False
        )
        most = torch.maximum(positive.quantile(_BRIGHT), positive.max() / _LARGEST_GAIN)
    values: Map = (positive / most if most > 0 else positive)[0].clamp(max=1).numpy()
    return values


def _small(decoded: DecodedImage) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(decoded.pixels))
    image.thumbnail((_PREVIEW, _PREVIEW), Image.Resampling.LANCZOS)
    return image


def _one_by_one(images: Explainable | Iterable[Explainable]) -> Iterator[Explainable]:
    if isinstance(images, str | os.PathLike | bytes | Image.Image | np.ndarray):
        images = [images]
    for item in images:
        if isinstance(item, str | os.PathLike):
            yield from find_images([item])
        else:
            yield item
