"""What an evaluation found: the scores of all images, and every figure that follows from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from resnets.errors import CheckFailedError, printable
from resnets.evaluation import metrics as figures
from resnets.evaluation.abstention import abstention_metrics
from resnets.evaluation.calibration import Calibration
from resnets.files import write_text
from resnets.weights.model_info import Metric

NUM_BINS = 15
"""Of the calibration error, as in Guo et al. 2017, arXiv:1706.04599, sec. 5."""

_COLUMNS = ("image", "label", "predicted", "correct", "rank", "probability", "label_probability", "loss")
_LISTED = 20  # images of each kind in `to_dict`


@dataclass(frozen=True)
class Conditions:
    """How a model was evaluated.

    Attributes:
        crops: views of each image: 1, 5, or 10, which are 5 and their mirror images.
        flip: a mirror image of each view was shown, too.
        restricted: only the classes of the data could be answered.
        matched_by: 'ids' or 'names': how the data's classes were found among the model's.
        temperature: that divided the answers; None if the model has none.
        abstain_below: probability of the best class below which the model abstained; None if it always
            answers. With `restricted` it does, as probabilities are others then.
    """

    crops: int
    flip: bool
    restricted: bool
    matched_by: Literal["ids", "names"]
    temperature: float | None = None
    abstain_below: float | None = None


@dataclass(frozen=True)
class ImageAnswer:
    """The answer for one image.

    Attributes:
        image: its path in the data set, or its place, such as 'val[17]'.
        label: the right class.
        predicted: the most probable class.
        probability: of that.
        label_probability: of the right class.
        rank: of the right class, from 1.
        loss: minus the logarithm of `label_probability`.
    """

    image: str
    label: str
    predicted: str
    probability: float
    label_probability: float
    rank: int
    loss: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model evaluated on labelled images.

    Attributes:
        model: its file, or the name of published weights.
        architecture: of the model.
        data: name of the data set.
        split: 'train', 'val', 'test' or 'all'.
        images: names of the images.
        class_names: of the scores.
        indices: (N,), int64, of the images in the split; of those in 'all', through all splits.
        labels: (N,), int64, the right classes.
        logits: (N, C), float32; the softmax of a row are the probabilities.
        conditions: how it was evaluated.
        calibration: what was fitted here; None if nothing was.
        notes: what should be known about these figures, in sentences.
        abstained: (N,), bool, images that the model would not answer; None if it always answers.
    """

    model: str
    architecture: str
    data: str
    split: str
    images: tuple[str, ...]
    class_names: tuple[str, ...]
    indices: NDArray[np.int64]
    labels: figures.Classes
    logits: NDArray[np.float32]
    conditions: Conditions
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()
    abstained: figures.Hits | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Of all classes, (N, C), float32."""
        made = np.empty_like(self.logits)
        for start in range(0, len(self), 4096):
            part = slice(start, start + 4096)
            made[part] = np.exp(figures.log_softmax(self.logits[part]))
        return made

    @cached_property
    def predictions(self) -> figures.Classes:
        """The most probable class of each image, (N,)."""
        return figures.predict_classes(self.logits)

    @cached_property
    def hits(self) -> figures.Hits:
        """Which images were recognised, (N,)."""
        hits: figures.Hits = self.predictions == self.labels
        return hits

    @cached_property
    def ranks(self) -> figures.Classes:
        """Number of classes that stand before the right one, (N,)."""
        return figures.ranks(self.logits, self.labels)

    @cached_property
    def losses(self) -> figures.Numbers:
        """Cross-entropy of each image, (N,), float64."""
        return figures.cross_entropy(self.logits, self.labels)

    @cached_property
    def confidences(self) -> figures.Numbers:
        """Highest probability of each image, (N,), float64."""
        highest: figures.Numbers = self.probabilities.max(1).astype(np.float64)
        return highest

    @cached_property
    def confusion(self) -> figures.Classes:
        """In row i and column j, the number of images of class i that were taken for class j."""
        return figures.confusion_matrix(self.labels, self.predictions, len(self.class_names))

    @cached_property
    def per_class(self) -> figures.PerClass:
        """Precision, recall, F1 and count of each class."""
        return figures.per_class(self.confusion)

    @cached_property
    def calibration_bins(self) -> list[figures.CalibrationBin]:
        """How sure and how right the model is, in 15 bins of equal width."""
        return figures.calibration_bins(self.confidences, self.hits, NUM_BINS)

    @property
    def top1(self) -> float:
        """Share of images whose class was recognised."""
        return float(self.hits.mean())

    @cached_property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.losses.mean())

    @cached_property
    def calibration_error(self) -> float:
        """Expected calibration error, over those 15 bins."""
        return figures.calibration_error(self.confidences, self.hits, NUM_BINS)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The figures as a model file keeps them: top1, top5, mean_recall, loss, calibration_error.

        Of a model that abstains also the share that it answered, the top-1 of that, the share of right
        answers that it gave and of wrong ones that it did not: answered, answered_top1, right_kept,
        wrong_refused. The others are of all images.
        """
        where: dict[str, Any] = {"data": f"{self.data} {self.split}", "num_images": len(self)}
        made = [self._share("top1", self.hits, where)]
        if len(self.class_names) > 5:
            made.append(self._share("top5", self.ranks < 5, where))
        rest = {
            "mean_recall": float(np.nanmean(self.per_class.recall)),
            "loss": self.loss,
            "calibration_error": self.calibration_error,
        }
        made += [Metric(name=name, value=value, **where) for name, value in rest.items()]
        if self.abstained is not None:
            made += abstention_metrics(self.hits, self.abstained, where["data"])
        return tuple(made)

    def metric(self, name: str) -> Metric:
        """One of the figures.

        Args:
            name: as in `metrics`.
        """
        return next(metric for metric in self.metrics if metric.name == name)

    def _share(self, name: str, hits: figures.Hits, where: dict[str, Any]) -> Metric:
        low, high = figures.wilson_interval(int(hits.sum()), len(hits))
        return Metric(name=name, value=float(hits.mean()), low=low, high=high, **where)

    def confused(self, count: int = 10) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: right class, answered class, number of images.

        Args:
            count: pairs at most.
        """
        pairs = figures.confused_pairs(self.confusion, count)
        return [(self.class_names[i], self.class_names[j], number) for i, j, number in pairs]

    def worst(self, count: int = 10) -> list[ImageAnswer]:
        """The images with the highest loss.

        Args:
            count: images at most.
        """
        return list(self._answers(np.argsort(-self.losses, kind="stable")[:count]))

    def least_certain(self, count: int = 10) -> list[ImageAnswer]:
        """The images whose most probable class is the least probable.

        Args:
            count: images at most.
        """
        return list(self._answers(np.argsort(self.confidences, kind="stable")[:count]))

    def require_top1(self, share: float) -> None:
        """Check that enough images were recognised.

        Args:
            share: 0 to 1.

        Raises:
            CheckFailedError: if fewer were.
        """
        if self.top1 < share:
            low, high = figures.wilson_interval(int(self.hits.sum()), len(self))
            raise CheckFailedError(
                f"top-1 of {printable(self.model)} on {printable(self.data)} {self.split} is "
                f"{100 * self.top1:.2f} % ({100 * low:.2f} to {100 * high:.2f} with 95 % confidence), "
                f"asked for was at least {100 * share:.2f} %"
            )

    def save_predictions(self, path: str | Path) -> Path:
        """Write the answer for every image as a CSV file, in one step.

        Args:
            path: of the file; its folder must exist.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for answer in self._answers(np.arange(len(self))):
            names = map(printable, (answer.image, answer.label, answer.predicted))
            numbers = (answer.probability, answer.label_probability, answer.loss)
            correct = int(answer.rank == 1)
            writer.writerow([*names, correct, answer.rank, *(f"{number:.6g}" for number in numbers)])
        return write_text(path, text.getvalue())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them: every figure, and no list of all images."""
        scores = {name: column.tolist() for name, column in vars(self.per_class).items()}
        return {
            "model": self.model,
            "architecture": self.architecture,
            "data": self.data,
            "split": self.split,
            "num_images": len(self),
            "num_classes": len(self.class_names),
            "conditions": vars(self.conditions),
            "metrics": {metric.name: _figure(metric) for metric in self.metrics},
            "calibration": vars(self.calibration) if self.calibration else None,
            "calibration_bins": [
                {name: _plain(value) for name, value in vars(part).items()}
                for part in self.calibration_bins
            ],
            "classes": [
                {"label": name, **{key: _plain(column[i]) for key, column in scores.items()}}
                for i, name in enumerate(self.class_names)
            ],
            "confusion": [
                {
                    "label": self.class_names[i],
                    "predicted": self.class_names[j],
                    "count": int(self.confusion[i, j]),
                }
                for i, j in np.argwhere(self.confusion).tolist()
            ],
            "worst": [answer.to_dict() for answer in self.worst(_LISTED)],
            "least_certain": [answer.to_dict() for answer in self.least_certain(_LISTED)],
            "notes": list(self.notes),
        }

    def _answers(self, indices: NDArray[np.intp]) -> Iterator[ImageAnswer]:
        for i in indices.tolist():
            yield ImageAnswer(
                image=self.images[i],
                label=self.class_names[self.labels[i]],
                predicted=self.class_names[self.predictions[i]],
                probability=float(self.confidences[i]),
                label_probability=float(np.exp(-self.losses[i])),
                rank=int(self.ranks[i]) + 1,
                loss=float(self.losses[i]),
            )


def _figure(metric: Metric) -> dict[str, float]:
    limits = {"low": metric.low, "high": metric.high}
    return {"value": metric.value, **{name: x for name, x in limits.items() if x is not None}}


def _plain(value: float) -> float | int | None:
    """A number for JSON, which has no NaN."""
    return None if isnan(value) else value if isinstance(value, int) else float(value)
