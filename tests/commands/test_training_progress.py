"""What `resnets train` shows: one changing line on a terminal, plain lines elsewhere, and never a failure."""

from __future__ import annotations

import io
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from resnets.commands.training_progress import TrainingProgress
from resnets.training.events import Checking, Event, RunStarted
from tests.training.events import epoch_record, step_progress, validation_progress

STEP = step_progress(2, 41)
LINE = (
    "epoch 3/30  41/100  loss 1.204  top1 63.1 %  lr 0.05  1,842 img/s  data-wait 4 %  9.10 GiB  "
    "ETA 00:41 (run 06:12)"
)
CLEAR = "\r\x1b[K"


class Screen(io.StringIO):
    """A terminal of a given width; None is a file."""

    def __init__(self, columns: int | None = None) -> None:
        super().__init__()
        self.columns = columns

    def isatty(self) -> bool:
        return self.columns is not None

    def fileno(self) -> int:
        return 99


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown(screen: Screen, *events: Event, monkeypatch: pytest.MonkeyPatch, quiet: bool = False) -> str:
    """What is written when events come a minute apart."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((screen.columns or 0, 24)))
    clock = Clock()
    progress = TrainingProgress(screen, quiet=quiet, clock=clock)
    for event in events:
        clock.now += 60
        progress(event)
    return screen.getvalue()


def test_a_terminal_has_a_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    later = replace(STEP, top1=None, remaining_seconds=3725.4, images_per_second=1.26)
    assert shown(Screen(120), STEP, later, epoch_record(3), monkeypatch=monkeypatch) == (
        f"{CLEAR}{LINE}"
        f"{CLEAR}epoch 3/30  41/100  loss 1.204  lr 0.05  1.3 img/s  data-wait 4 %  9.10 GiB  "
        "ETA 1:02:05 (run 06:12)"
        f"{CLEAR}epoch 3/30  loss 0.222  val-loss 0.100  val-top1 95.2 %  val-top5 90.0 %  286 img/s  00:04  "
        "1 image skipped\n"
    )


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (len(LINE) + 1, LINE),
        (
            len(LINE),
            "epoch 3/30  41/100  loss 1.204  top1 63.1 %  lr 0.05  1,842 img/s  data-wait 4 %  "
            "ETA 00:41 (run 06:12)",
        ),
        (80, "epoch 3/30  41/100  loss 1.204  top1 63.1 %  1,842 img/s  ETA 00:41 (run 06:12)"),
        (60, "epoch 3/30  41/100  loss 1.204  ETA 00:41 (run 06:12)"),
        (30, "epoch 3/30  41/100"),
        (13, "epoch 3/30  "),
        (1, ""),
    ],
)
def test_a_narrow_terminal_gets_what_matters(
    monkeypatch: pytest.MonkeyPatch, columns: int, line: str
) -> None:
    assert shown(Screen(columns), STEP, monkeypatch=monkeypatch) == CLEAR + line


def test_a_terminal_of_unknown_width(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> os.terminal_size:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", unknown)
    screen = Screen(500)
    TrainingProgress(screen, clock=Clock())(STEP)
    assert 60 < len(screen.getvalue().removeprefix(CLEAR)) < 80


def test_the_line_changes_five_times_a_second_at_most() -> None:
    screen, clock = Screen(120), Clock()
    progress = TrainingProgress(screen, clock=clock)
    for step in range(1, 101):
        clock.now += 1 / 64
        progress(step_progress(2, step))
    assert 5 <= screen.getvalue().count(CLEAR) <= 1 + 5 * 100 / 64


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "dumb terminal"])
def test_elsewhere_there_is_a_plain_line_every_30_seconds(
    monkeypatch: pytest.MonkeyPatch, is_file: bool
) -> None:
    if not is_file:
        monkeypatch.setenv("TERM", "dumb")
    screen, clock = Screen(None if is_file else 40), Clock()
    with TrainingProgress(screen, clock=clock) as progress:
        for second in range(100):
            clock.now += 1
            progress(replace(STEP, step=second + 1))
        progress(epoch_record(3))
    lines = screen.getvalue().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["30/100", "60/100", "90/100", "loss 0.222"]
    assert lines[0] == LINE.replace("41/100", "30/100")
    assert screen.getvalue().isascii()
    assert "\x1b" not in screen.getvalue()
    assert "\r" not in screen.getvalue()


def test_the_check_and_validation_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    events = (Checking("decoding", 2048, 60_000), validation_progress(2, 4096))
    assert shown(Screen(), *events, monkeypatch=monkeypatch) == (
        "decoding 2,048/60,000 images\nepoch 3/30  validation 4,096/10,000  ETA 00:41 (run 06:12)\n"
    )


def test_a_run_is_introduced(monkeypatch: pytest.MonkeyPatch) -> None:
    started = RunStarted(
        folder=Path("runs/train/my\x1bphotos"),
        model="resnet18,stem=small",
        device="cpu",
        num_parameters=11_173_962,
        num_images={"train": 50_000, "val": 10_000},
        num_classes=10,
        choices=(("epochs", "30", "50,000 images"), ("batch_size", "128", "a usual one")),
        notes=("12 images are in both splits",),
        resumed_epoch=3,
        resumed_step=120,
    )
    text = shown(Screen(120), started, monkeypatch=monkeypatch)
    assert text.replace(CLEAR, "").splitlines() == [
        "resnet18,stem=small, 11.2 M parameters, on cpu",
        "10 classes, images: train 50,000, val 10,000",
        "  epochs = 30       50,000 images",
        "  batch_size = 128  a usual one",
        "note: 12 images are in both splits",
        "going on in epoch 4, after step 120",
        "run folder: runs/train/my\\x1bphotos",
    ]


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for screen in (Screen(), Screen(120)):
        assert shown(screen, STEP, epoch_record(3), monkeypatch=monkeypatch, quiet=True) == ""


def test_no_colour_is_ever_used(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Screen(120), STEP, epoch_record(3), monkeypatch=monkeypatch)
    assert "\x1b" not in text.replace(CLEAR, "")


def test_warnings_are_shown_between_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((120, 24)))
    screen = Screen(120)
    log = logging.getLogger("resnets.training.anything")
    with TrainingProgress(screen, clock=Clock()) as progress:
        progress(STEP)
        log.info("nothing to see")
        log.warning("a checkpoint is damaged: \x1b[2J")
        log.exception("said elsewhere")
    log.warning("outside")
    assert screen.getvalue() == (
        f"{CLEAR}{LINE}{CLEAR}warning: a checkpoint is damaged: \\x1b[2J\n{CLEAR}"
    )
    assert logging.getLogger("resnets").handlers == []


def test_a_reader_that_goes_away_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    assert shown(Gone(), STEP, epoch_record(3), monkeypatch=monkeypatch) == ""
    closed = Screen()
    progress = TrainingProgress(closed, clock=Clock())
    closed.close()
    progress(epoch_record(3))
    progress(epoch_record(4))


def test_a_time_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    step = replace(STEP, remaining_seconds=float("inf"), elapsed_seconds=float("nan"))
    assert shown(Screen(), step, monkeypatch=monkeypatch).endswith("ETA --:-- (run --:--)\n")
