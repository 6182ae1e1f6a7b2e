"""Where a run is."""

from __future__ import annotations

import json

from resnets.training.learner import StepOutcome
from resnets.training.position import Position


def test_a_position_survives_json() -> None:
    position = Position(epoch=3, step=17, seconds=1.5, warmup_end=400)
    position.take(StepOutcome(0.1 + 0.2, 5, 1.0), 8)
    assert Position.from_dict(json.loads(json.dumps(position.to_dict()))) == position


def test_means_are_over_images_and_start_anew_with_the_epoch() -> None:
    position = Position()
    position.take(StepOutcome(1.0, 1, 1.0), 10)
    position.take(StepOutcome(4.0, 4, 1.0), 5)
    assert position.loss_sum / position.num_images == 2.0
    assert position.top1 == 1 / 3
    position.next_epoch()
    assert (position.epoch, position.step, position.num_images, position.top1) == (1, 0, 0, 0.0)


def test_mixed_labels_have_no_accuracy() -> None:
    position = Position()
    position.take(StepOutcome(1.0, None, 1.0), 10)
    assert position.top1 is None


def test_the_recent_error_waits_for_a_hundred_steps() -> None:
    position = Position()
    for _ in range(99):
        position.take(StepOutcome(1.0, 4, 1.0), 10)
    assert position.recent_error == 1.0
    for _ in range(51):
        position.take(StepOutcome(1.0, 4, 1.0), 10)
    assert position.recent_error == 0.6
    for _ in range(50):
        position.take(StepOutcome(1.0, 8, 1.0), 10)
    assert round(position.recent_error, 9) == 0.4
