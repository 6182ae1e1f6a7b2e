"""Which learning rate to begin with: a short training in which the rate grows with every step.

Leslie Smith's range test (2015, arXiv:1506.01186, sec. 3.3), with a rate that grows exponentially and a
loss that is watched instead of the accuracy, as in Sylvain Gugger's "How do you find a good learning
rate" (2018), which also has the rule for what to take: a tenth of the rate at which the loss was lowest,
as there it is "already a bit too high".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from resnets.data.batches import Batch
from resnets.data.dataset import Dataset
from resnets.errors import NonFiniteError
from resnets.recipes.settings import TrainingSettings
from resnets.reporting.rate_chart import rate_chart
from resnets.training.events import Checking, StepProgress, Watcher
from resnets.training.interruption import Interruption
from resnets.training.loop import Speed, peak_memory
from resnets.training.machine import forked_rng
from resnets.training.memory import check_memory, explain_out_of_memory
from resnets.training.planning import Prepared, complete, expected_memory, prepare
from resnets.training.preparation import build_session, make_loaders, make_network
from resnets.training.processes import Processes
from resnets.training.run_folder import RunFolder
from resnets.training.session import Session
from resnets.training.threads import threads_restored, use_threads

_LOWEST, _HIGHEST = 1e-6, 10.0
_SMOOTHING = 0.9
# Share of the past in the smoothed loss: it looks about ten steps back, of 100.
_DIVERGED = 4.0
# Times the lowest loss (Gugger 2018): from there on it does not come back.
_BELOW = 10.0
# The suggestion is the rate at the lowest loss divided by this (the same).
_QUIET = 10
# First steps, whose rates change next to nothing: their losses show what chance does.


@dataclass(frozen=True)
class RangeTest:
    """What a range test found.

    Attributes:
        settings: complete, as the training would have them.
        learning_rates: of each step, ascending.
        losses: of each step, before the weights were changed.
        smoothed: exponential moving average of the same, without the weight of its start.
        diverged: it ended before the highest rate, as the loss had grown or was no number.
        suggestion: for `optimizer.learning_rate`; None if the loss fell by no more than chance.
    """

    settings: TrainingSettings
    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool
    suggestion: float | None

    @property
    def best(self) -> int:
        """The step with the lowest smoothed loss."""
        return min(range(len(self.smoothed)), key=self.smoothed.__getitem__)

    def plot(self) -> str:
        """Draw loss over learning rate, as an SVG file."""
        return rate_chart(self.learning_rates, self.losses, self.smoothed, suggestion=self.suggestion)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "suggestion": self.suggestion,
            "lowest_loss": self.smoothed[self.best] if self.smoothed else None,
            "lowest_loss_at": self.learning_rates[self.best] if self.smoothed else None,
            "diverged": self.diverged,
            "learning_rates": list(self.learning_rates),
            "losses": list(self.losses),
            "smoothed": list(self.smoothed),
            "settings": self.settings.model_dump(mode="json", exclude_none=True),
        }


def find_learning_rate(
    data: str | Path | Dataset | None = None,
    *,
    model: str | Path | None = None,
    settings: TrainingSettings | None = None,
    num_steps: int = 100,
    check: bool = True,
    device: str | None = None,
    time_threads: bool = False,
    watch: Watcher | None = None,
) -> RangeTest:
    """Try all learning rates from 1e-6 to 10 in one short training, whose network is thrown away.

    Args:
        data: as for `train`.
        model: likewise.
        settings: likewise; the schedule and the learning rate do not matter.
        num_steps: of the training.
        check: as for `train`.
        device: likewise.
        time_threads: likewise.
        watch: likewise.

    Raises:
        ConfigError: as `train`.
        DataError: likewise.
        Interrupted: likewise.
        MemoryLimitError: likewise.
    """
    told = watch or (lambda _: None)
    with Interruption() as interruption, forked_rng(device), threads_restored():
        prepared = prepare(
            complete(settings or TrainingSettings(), data=data, model=model),
            opened=data if isinstance(data, Dataset) else None,
            check=check,
            device=device,
            interruption=interruption,
            watch=told,
        )
        # A session needs the folder of a run; nothing of this one is kept.
        with (
            tempfile.TemporaryDirectory(prefix="resnets-") as folder,
            RunFolder.create(Path(folder), name="") as run,
        ):
            return _carry_out(
                prepared, run, interruption, told, num_steps=num_steps, time_threads=time_threads
            )


def _carry_out(
    prepared: Prepared,
    run: RunFolder,
    interruption: Interruption,
    watch: Watcher,
    *,
    num_steps: int,
    time_threads: bool,
) -> RangeTest:
    settings, dataset = prepared.settings, prepared.dataset
    network = make_network(settings, dataset, device=prepared.device)
    check_memory(expected_memory(network, settings), settings, prepared.machine)
    use_threads(network, settings, timed=time_threads, on_step=interruption.check)

    def read_on(what: str, done: int, total: int) -> None:
        interruption.check()
        watch(Checking(what, done, total))

    loaders = make_loaders(settings, dataset, prepared.machine, on_progress=read_on)
    with closing(loaders):
        session = build_session(
            settings,
            dataset,
            loaders,
            network=network,
            run=run,
            processes=Processes(interruption),
            watchers=[watch],
        )
        try:
            return sweep(session, num_steps=num_steps)
        except (RuntimeError, MemoryError) as error:
            if explained := explain_out_of_memory(error, settings):
                raise explained from error
            raise


def sweep(session: Session, *, num_steps: int) -> RangeTest:
    """Take steps with ever higher learning rates.

    Args:
        session: at its start; its network is changed.
        num_steps: from the lowest rate to the highest, unless the loss grows before.
    """
    tuning = session.settings.fine_tuning
    session.learner.begin_epoch(tuning.head_epochs if tuning else 0, at_start=False)
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    speed, average, diverged = Speed(), 0.0, False
    planned = geometric(_LOWEST, _HIGHEST, num_steps)
    for step, (rate, batch) in enumerate(zip(planned, _batches(session, speed), strict=False)):
        images, targets = session.prepare(batch)
        try:
            loss = session.learner.step(images, targets, learning_rate=rate, number=step).loss
        except NonFiniteError:
            diverged = True
            break
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(average / (1 - _SMOOTHING ** (step + 1)))
        session.position.learning_rate = rate
        session.tell(_progress(session, speed, (step + 1, num_steps), smoothed[-1]))
        session.processes.check()
        if smoothed[-1] > _DIVERGED * min(smoothed):
            diverged = True
            break
    suggestion = suggest_rate(rates, losses, smoothed)
    return RangeTest(
        session.settings, tuple(rates), tuple(losses), tuple(smoothed), diverged, suggestion
    )


def suggest_rate(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float]
) -> float | None:
    """A tenth of the rate at the lowest smoothed loss, to two digits.

    Args:
        rates: ascending.
        losses: of each.
        smoothed: likewise.

    Returns:
        None if the loss fell by no more than the first ten differ among themselves.
    """
    if len(losses) <= _QUIET:
        return None
    first = losses[:_QUIET]
    best = min(range(len(smoothed)), key=smoothed.__getitem__)
    if best < _QUIET or fmean(first) - smoothed[best] <= pstdev(first):
        return None
    return float(f"{rates[best] / _BELOW:.2g}")


def geometric(first: float, last: float, number: int) -> list[float]:
    """Numbers each of which is the same multiple of the one before it.

    Args:
        first: of them.
        last: of them.
        number: of them; at least two.

    Example:
        >>> geometric(0.25, 4.0, 5)
        [0.25, 0.5, 1.0, 2.0, 4.0]
    """
    return [first * (last / first) ** (i / (number - 1)) for i in range(number)]


def _batches(session: Session, speed: Speed) -> Iterator[Batch]:
    """Batches without end, epoch after epoch."""
    for epoch in count():
        session.position.epoch = epoch
        yield from filter(len, speed.batches(session))


def _progress(session: Session, speed: Speed, steps: tuple[int, int], loss: float) -> StepProgress:
    done, num_steps = steps
    elapsed = session.seconds()
    return StepProgress(
        epoch=0,
        num_epochs=1,
        step=done,
        num_steps=num_steps,
        loss=loss,
        top1=None,
        learning_rate=session.position.learning_rate,
        images_per_second=speed.num_images / speed.seconds,
        data_wait=speed.waited / speed.seconds,
        elapsed_seconds=elapsed,
        remaining_seconds=(num_steps - done) * elapsed / done,
        memory_bytes=peak_memory(session.learner.device),
    )
