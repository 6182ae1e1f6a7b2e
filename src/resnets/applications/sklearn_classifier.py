"""Training and recognising as a scikit-learn estimator: grid search, cross-validation, pipelines.

The training is that of `resnets.train`, with its rules for everything that is not said. scikit-learn's
own checks are run on it (tests/applications/test_sklearn_checks.py); they hand over tables, which that
test lays out as images.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from resnets.applications.sklearn_images import Images, as_images, as_labels
from resnets.data.dataset import Dataset, Split
from resnets.data.loading import Loader, LoadingOptions
from resnets.errors import MissingDependencyError
from resnets.evaluation.scoring import score_split
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import merge
from resnets.training.events import EpochRecord, Event
from resnets.training.machine import this_machine
from resnets.training.train import train
from resnets.weights.loading import load

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted
except ImportError as missing:
    raise MissingDependencyError("ResNetClassifier", "scikit-learn", extra="sklearn") from missing

RandomState: TypeAlias = int | np.random.RandomState | None

_AT_ONCE = 64  # images that the network sees at a time when it predicts
_SEEDS = 2**31 - 1


class ResNetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A residual network that recognises images, for those who are at home in scikit-learn.

    Images are an array (N, H, W), (N, H, W, 1) or (N, H, W, 3) of whole numbers 0 to 255 or of
    floating-point numbers 0 to 1, or a sequence of paths of image files. Sample weights are not
    supported. A table of features is not taken: `X.reshape(len(X), height, width)` makes images of it.

    Args:
        model: as for `resnets.train`: a name with options to train from scratch, or published weights
            or a model file to fine-tune. [by the images]
        epochs: of training. [by the number of images]
        batch_size: images of a step. [by the number of images]
        learning_rate: highest of the run. [by the batch size]
        validation_fraction: share of the training images that is kept aside, to keep the weights of the
            best epoch and to calibrate the probabilities. 0 trains on all of them.
        settings: everything else, such as augmentation; the arguments above replace what it says.
        device: 'cpu', 'cuda' or 'cuda:1'. [a GPU, if there is one]
        output: folder of the run, with its report; it must not exist or be empty. [none is kept]
        random_state: seed of everything that is drawn; None draws it from NumPy's global generator.
        verbose: 1 prints a line after each epoch.

    Attributes:
        classes_: labels, in the order of `predict_proba`.
        model_: the trained `resnets.Classifier`, to save or explain; its class names are texts.
        history_: an `EpochRecord` for each epoch.

    Example:
        >>> images = np.zeros((8, 8, 8), np.uint8)
        >>> images[4:] = 255
        >>> labels = ["dark"] * 4 + ["light"] * 4
        >>> classifier = ResNetClassifier("resnet8", epochs=2, random_state=0).fit(images, labels)
        >>> classifier.predict_proba(images).shape, classifier.classes_.tolist()
        ((8, 2), ['dark', 'light'])
    """

    classes_: NDArray[Any]

    def __init__(  # noqa: PLR0913 - scikit-learn's estimators have one argument for each parameter
        self,
        model: str | Path | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_fraction: float = 0.0,
        settings: TrainingSettings | None = None,
        device: str | None = None,
        output: str | Path | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.settings = settings
        self.device = device
        self.output = output
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Train.

        Args:
            X: images.
            y: the class of each, whole numbers or texts.

        Returns:
            The estimator itself.
        """
        images = as_images(X)
        self.classes_, labels = as_labels(y, num_images=len(images))
        names = tuple(str(label) for label in self.classes_.tolist())
        dataset = Dataset("images", "arrays", Path(), names, {"train": Split("train", images, labels)})
        settings = merge(self.settings or TrainingSettings(), self._said(), source="ResNetClassifier")
        with tempfile.TemporaryDirectory(prefix="resnets-") as folder:
            result = train(
                dataset,
                output=Path(folder) / "run" if self.output is None else self.output,
                settings=settings,
                check=False,
                device=self.device,
                watch=_print_epoch if self.verbose else None,
            )
            self.model_ = load(result.model)
        self.history_ = result.history
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Recognise images.

        Args:
            X: images.

        Shape:
            (N,)
        """
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Give the probabilities of all classes, in the order of `classes_`.

        Args:
            X: images.

        Shape:
            (N, num_classes)
        """
        check_is_fitted(self)
        images = as_images(X)
        split = Split("test", images, np.full(len(images), -1))
        network, shown = self.model_.network, self.model_.preprocessing
        try:
            network.to(self.device or this_machine().device)
            with closing(Loader(split, shown, _reading(images))) as loader:
                scores = score_split(
                    network, loader, shown, temperature=self.model_.info.temperature
                ).logits
        finally:
            network.cpu()  # so that the estimator can be pickled for a machine without a GPU
        return torch.from_numpy(scores).double().softmax(1).numpy()

    def __sklearn_tags__(self) -> Any:
        """Say what it takes: no tables."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _said(self) -> Mapping[str, Any]:
        """The parameters as settings; what is None stays as it was."""
        said = {
            "model": None if self.model is None else str(self.model),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer.learning_rate": self.learning_rate,
            "val_share": self.validation_fraction,
            "seed": self._seed(),
        }
        # Grids are often NumPy arrays, and their numbers of NumPy's types.
        return {
            key: value.item() if isinstance(value, np.generic) else value
            for key, value in said.items()
            if value is not None
        }

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(_SEEDS))


def _reading(images: Images) -> LoadingOptions:
    """Processes are worth their start for many files only."""
    is_small = isinstance(images, np.ndarray) or len(images) < 4 * _AT_ONCE
    return LoadingOptions(batch_size=_AT_ONCE, workers=0 if is_small else None)


def _print_epoch(event: Event) -> None:
    if isinstance(event, EpochRecord):
        parts = [f"epoch {event.epoch}", f"loss {event.train_loss:.3f}"]
        if event.val_top1 is not None:
            parts.append(f"val-top1 {100 * event.val_top1:.1f} %")
        print("  ".join(parts), flush=True)  # noqa: T201 - the user asked for it
