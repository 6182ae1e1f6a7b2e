"""scikit-learn's own checks of estimators, on tables that are laid out as images."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

import resnets
from resnets.data.augmentation.settings import Augmentation


class OnTables(resnets.ResNetClassifier):
    """The checks hand over tables of numbers: each column becomes a stripe of a grey image."""

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        table, y = validate_data(self, X, y)
        self.low_, self.high_ = table.min(0), table.max(0)
        return super().fit(self.stripes(table), y)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self)
        return super().predict_proba(self.stripes(validate_data(self, X, reset=False)))

    def stripes(self, table: Any) -> NDArray[np.float64]:
        values = (table - self.low_) / np.maximum(self.high_ - self.low_, 1e-9)
        side = max(8, table.shape[1])
        columns = np.arange(side) * table.shape[1] // side
        rows: NDArray[np.float64] = np.clip(values, 0, 1)[:, columns]
        return np.repeat(rows[:, None, :], side, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = True, False
        return tags


@pytest.mark.slow
def test_checks_of_scikit_learn() -> None:
    classifier = OnTables(
        "resnet8",
        epochs=8,
        batch_size=16,
        settings=resnets.TrainingSettings(augmentation=Augmentation()),
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(classifier, on_skip=None, on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert failed == {}
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    # They need pandas and an environment variable of SciPy.
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array"}
    assert len([r for r in results if r["status"] == "passed"]) > 45
