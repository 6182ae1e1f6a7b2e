"""What a run writes down survives its end at any byte, and a resumed run's files are as if it had not ended."""

from __future__ import annotations

import csv
import json
import logging
import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tests.training.events import STEPS, epoch_record, step_progress, validation_progress

from resnets.errors import OutputError
from resnets.training.events import EpochRecord
from resnets.training.run_log import RunLog


def run_epochs(log: RunLog, first: int, last: int, *, from_step: int = 1, seconds: float = 3.5) -> None:
    """Tell a log what a training tells; epochs from 1."""
    for epoch in range(first, last + 1):
        for step in range(from_step if epoch == first else 1, STEPS + 1):
            log.add_step(step_progress(epoch - 1, step, seconds=seconds))
        log.add_epoch(epoch_record(epoch, seconds=seconds))


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def exact_part(folder: Path) -> list[object]:
    """What two runs of the same settings have in common."""
    return [{key: value for key, value in event.items() if key != "timing"} for event in events(folder)]


def test_numbers_come_back_exactly(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    records = [
        epoch_record(1),
        replace(epoch_record(2), val_loss=None, val_top1=None, val_top5=None, train_top1=1 / 3),
        replace(epoch_record(3), val_loss=math.inf, train_loss=5e-324),
    ]
    for record in records:
        log.add_epoch(record)
    assert log.history() == records
    assert RunLog(tmp_path).history() == records
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [field.name for field in fields(EpochRecord)]
    assert (rows[1]["epoch"], rows[1]["val_top1"], rows[1]["learning_rate"]) == ("2", "", "0.05")


def test_events_keep_what_the_clock_decides_apart(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    run_epochs(log, 1, 1)
    log.add_step(validation_progress(0, 50))
    assert [(event["event"], event["epoch"], event["step"]) for event in events(tmp_path)] == [
        ("step", 1, 50),
        ("step", 1, 100),
        ("epoch", 1, 100),
    ]
    step, _, epoch = events(tmp_path)
    timing = step.pop("timing")
    assert step == {
        "event": "step",
        "epoch": 1,
        "step": 50,
        "loss": 1.2044,
        "top1": 0.631,
        "learning_rate": 0.05,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", timing.pop("time"))
    assert timing == {
        "images_per_second": 1842.4,
        "data_wait": 0.041,
        "elapsed_seconds": 372.0,
        "memory_bytes": 9_771_050_598,
    }
    assert set(epoch["timing"]) == {"images_per_second", "data_wait", "seconds", "memory_bytes", "time"}
    assert not set(epoch["timing"]) & set(epoch)


def test_steps_of_short_epochs_are_counted_over_the_run(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for epoch in range(15):
        for step in range(1, 8):
            log.add_step(replace(step_progress(epoch, step), num_steps=7))
    assert [(event["epoch"], event["step"]) for event in events(tmp_path)] == [(8, 50), (15, 100)]


def test_infinite_losses_stay_json(tmp_path: Path) -> None:
    RunLog(tmp_path).add_epoch(replace(epoch_record(1), val_loss=math.inf))
    (event,) = [
        json.loads(line, parse_constant=pytest.fail)
        for line in (tmp_path / "events.jsonl").read_text().splitlines()
    ]
    assert event["val_loss"] == "inf"


@pytest.mark.parametrize("step", [0, 250, 300])
def test_a_resumed_run_leaves_the_files_of_one_that_never_stopped(tmp_path: Path, step: int) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    whole.mkdir()
    resumed.mkdir()
    run_epochs(RunLog(whole), 1, 4)
    run_epochs(RunLog(resumed), 1, 3)  # ends here, with a checkpoint after `step`
    again = RunLog(resumed)
    again.truncate(step)
    assert [record.epoch for record in again.history()] == list(range(1, step // STEPS + 1))
    run_epochs(again, step // STEPS + 1, 4, from_step=step % STEPS + 1, seconds=9.0)
    assert exact_part(resumed) == exact_part(whole)
    strip = [replace(record, seconds=0.0, images_per_second=0.0) for record in again.history()]
    assert strip == [
        replace(record, seconds=0.0, images_per_second=0.0) for record in RunLog(whole).history()
    ]


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    run_epochs(log, 1, 2)
    contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path, content in contents.items():
        kept = content.rindex(b"\n", 0, -1) + 1
        for end in (kept, kept + 1, (kept + len(content)) // 2, len(content) - 1):
            path.write_bytes(content[:end])
            log.truncate(STEPS * 2)
            assert path.read_bytes() == content[:kept], (path.name, end)
        path.write_bytes(content)
    (tmp_path / "results.csv").write_bytes(b"epoch,st")
    log.truncate(0)
    assert log.history() == []
    log.add_epoch(epoch_record(1))
    assert log.history() == [epoch_record(1)]


@pytest.mark.parametrize(
    "damage",
    [b"\0" * 40 + b"\n", b"1,2\n", b"3,300,x,,,,,1.0,1.0,1.0,0,1.0,1\n", b"\xff\n", b"{}\n", b"[1]\n"],
    ids=["zeros", "short", "word", "not text", "no step", "list"],
)
def test_what_follows_a_damaged_line_is_not_believed(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    log = RunLog(tmp_path)
    log.add_epoch(epoch_record(1))
    contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path in contents:
        with path.open("ab") as file:
            file.write(damage)
    log.add_epoch(epoch_record(3))
    with caplog.at_level(logging.WARNING):
        assert log.history() == [epoch_record(1)]
    assert caplog.messages == ["results.csv: line 3 is damaged: it and what follows are not read"]
    log.truncate(300)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == contents


def test_results_of_another_version_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("epoch,loss\n1,2\n")
    text = (
        f"'{path}' does not have the columns that this version of resnets writes; move it away, and the "
        "run goes on without its history"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        RunLog(tmp_path).truncate(0)
    assert path.read_text() == "epoch,loss\n1,2\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.csv").mkdir()
    text = f"cannot write '{tmp_path / 'results.csv'}': Is a directory"
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        RunLog(tmp_path).add_epoch(epoch_record(1))
    text = f"cannot read '{tmp_path / 'results.csv'}': Is a directory"
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        RunLog(tmp_path).history()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    text = f"cannot write '{tmp_path / 'events.jsonl'}': No space left on device"
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        RunLog(tmp_path).add_step(step_progress(0, 50))
