"""Which epoch's weights are kept, and when a run that no longer gets better may end."""

from __future__ import annotations

import math
from dataclasses import dataclass

from resnets.evaluation.metrics import Hits
from resnets.evaluation.pairing import PairedComparison, mcnemar
from resnets.recipes.settings import EarlyStopping


@dataclass
class Selection:
    """The best epoch so far.

    Attributes:
        step: of the run after the best epoch; None before the first validation.
        top1: of the best epoch, 0 to 1.
        loss: of the best epoch.
        reference: which images of validation were recognised after the last real improvement.
        epochs_since: it.
    """

    step: int | None = None
    top1: float = 0.0
    loss: float = math.inf
    reference: Hits | None = None
    epochs_since: int = 0

    def take(self, hits: Hits, *, loss: float, step: int, stopping: EarlyStopping | None) -> bool:
        """Take note of a validation.

        Args:
            hits: which of its images were recognised.
            loss: of them, in the mean; decides between epochs with the same top-1.
            step: of the run.
            stopping: what counts as a real improvement: more images recognised than after the last
                one, by more than chance explains. Both saw the same images, so only those count on
                which they differ.

        Returns:
            Whether this is the best so far.
        """
        top1 = float(hits.mean())
        if self.reference is None or _is_real(mcnemar(self.reference, hits), stopping):
            self.reference, self.epochs_since = hits, 0
        else:
            self.epochs_since += 1
        is_best = self.step is None or (top1, -loss) > (self.top1, -self.loss)
        if is_best:
            self.step, self.top1, self.loss = step, top1, loss
        return is_best

    def is_over(self, stopping: EarlyStopping | None) -> bool:
        """Tell whether the run may end: no real improvement for `patience` epochs.

        Args:
            stopping: when; None never.
        """
        return stopping is not None and self.epochs_since >= stopping.patience


def _is_real(change: PairedComparison, stopping: EarlyStopping | None) -> bool:
    errors = stopping.standard_errors if stopping else 0.0
    return change.difference > errors * change.standard_error
