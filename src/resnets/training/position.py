"""Where a run is: a few numbers, which with the weights and the optimizer are all that resuming needs.

The order of the data and everything that is drawn are functions of the seed, the epoch and the step, so
there is no state of random generators to keep.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from resnets.training.learner import StepOutcome

_RECENT = 100
# Steps over which the training error of a warm-up is taken.


@dataclass
class Position:
    """Where a run is; with the weights and the optimizer, all that resuming needs.

    Attributes:
        epoch: that is being trained, from 0.
        step: steps of it that are done.
        seconds: that the run has taken, over all its resumptions.
        loss_sum: over the images of the epoch so far.
        num_correct: of them; None once labels were mixed.
        num_images: of the epoch so far.
        num_skipped: of the epoch so far.
        warmup_end: step at which a warm-up that waits for an error ended.
        recent: images seen and recognised in each of the last steps, while such a warm-up lasts.
        learning_rate: of the last step.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    num_correct: int | None = 0
    num_images: int = 0
    num_skipped: int = 0
    warmup_end: int | None = None
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    learning_rate: float = 0.0

    def take(self, outcome: StepOutcome, num_images: int) -> None:
        """Count a step of so many images."""
        self.loss_sum += outcome.loss * num_images
        self.num_images += num_images
        if outcome.num_correct is None or self.num_correct is None:
            self.num_correct = None
        else:
            self.num_correct += outcome.num_correct
            self.recent.append((num_images, outcome.num_correct))

    def next_epoch(self) -> None:
        """Go to the start of the next epoch."""
        self.epoch, self.step = self.epoch + 1, 0
        self.loss_sum, self.num_correct, self.num_images, self.num_skipped = 0.0, 0, 0, 0

    @property
    def top1(self) -> float | None:
        """Share of the epoch's images so far that were recognised."""
        return None if self.num_correct is None else self.num_correct / max(1, self.num_images)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which `from_dict` takes back."""
        return {**asdict(self), "recent": [list(pair) for pair in self.recent]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Position:
        """Take back what `to_dict` gave."""
        recent = deque(((seen, right) for seen, right in values["recent"]), maxlen=_RECENT)
        return cls(**{**values, "recent": recent})

    @property
    def recent_error(self) -> float:
        """Share of the last 100 steps' images that were not recognised; 1 before as many are done."""
        if len(self.recent) < _RECENT:
            return 1.0
        seen, right = map(sum, zip(*self.recent, strict=True))
        return 1.0 - right / seen
