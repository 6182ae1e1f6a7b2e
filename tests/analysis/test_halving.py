from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from tests.analysis.recommended import known_speed, write_shades

import resnets
from resnets import cli
from resnets.analysis.halving import Halving
from resnets.analysis.recommendation import Recommendation
from resnets.errors import ConfigError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shades(tmp_path_factory.mktemp("data") / "shades.npz")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    known_speed(monkeypatch)


def tried(data: Path, minutes: float, output: Path | None = None) -> Recommendation:
    return resnets.recommend(
        data, weights="none", minutes=1, device="cpu", halving=Halving(minutes=minutes, output=output)
    )


def test_every_rung_has_the_same_time(data: Path, tmp_path: Path) -> None:
    # 35 s: 17.5 in each of two rungs, of which steps may take 90 %; see the costs in recommended.py.
    found = tried(data, 35 / 60, tmp_path / "trials")
    first, second = ([t for t in found.trials if t.rung == rung] for rung in (1, 2))
    assert {trial.model: trial.epochs for trial in first} == {
        "resnet8": 4, "resnet14": 2, "resnet20": 1,
    }  # fmt: skip
    assert [sum(t.planned_seconds for t in rung) for rung in (first, second)] == [17.5, 17.5]
    assert len(second) == 2
    better = sorted(first, key=lambda trial: -trial.top1)[:2]
    assert {trial.model for trial in second} == {trial.model for trial in better}
    assert all(0 <= t.low <= t.top1 <= t.high <= 1 and t.num_images == 30 for t in found.trials)
    winner = max(second, key=lambda trial: trial.top1)
    assert found.ranked[0].trial is not None
    assert found.ranked[0].trial.top1 == winner.top1
    assert found.ranked[2].trial in first
    assert found.ranked[0].expected.low == found.ranked[0].trial.low
    assert found.interrupted is None
    assert sorted(path.name for path in (tmp_path / "trials").iterdir()) == [
        "rung-1-trial-1", "rung-1-trial-2", "rung-1-trial-3", "rung-2-trial-1", "rung-2-trial-2",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_trial_is_repeated_by_its_command(data: Path, tmp_path: Path) -> None:
    found = tried(data, 35 / 60, tmp_path / "trials")
    first = tmp_path / "trials" / "rung-1-trial-1"
    again = tmp_path / "again"
    words = [str(again) if word == str(first) else word for word in found.trials[0].command]
    assert cli.main([*words[1:], "--workers", "0", "--quiet"]) == 0
    kept, repeated = (
        [row.split(",")[:8] for row in (folder / "results.csv").read_text().splitlines()]
        for folder in (first, again)
    )
    assert kept[0][-1] == "learning_rate"
    assert repeated == kept


@pytest.mark.slow
def test_what_has_no_time_for_an_epoch_is_not_tried(data: Path) -> None:
    # 12 s: two seconds for each of three; an epoch of resnet20 takes 5.0 s.
    found = tried(data, 12 / 60)
    assert {trial.model for trial in found.trials} == {"resnet8", "resnet14"}
    assert found.notes[-1] == (
        "resnet20 was not tried: one epoch takes 5.6 s, and a trial of the first rung has 2.0 s"
    )
    assert found.ranked[-1].model == "resnet20"
    assert found.ranked[-1].trial is None


def test_too_little_time_for_two(data: Path) -> None:
    found = tried(data, 1 / 60)
    assert found.trials == ()
    assert found.notes[-1] == (
        "fewer than two candidates can be tried in this time: give the trials more minutes"
    )


def test_one_candidate_needs_no_trial(tmp_path: Path) -> None:
    found = tried(write_shades(tmp_path / "few.npz", smallest=3), 1)
    assert (len(found.ranked), found.trials) == (1, ())
    assert found.notes[-1] == "only one candidate is left: nothing to try"


def test_an_interruption_leaves_what_is_known(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(words: str, done: int, _total: int) -> None:
        if words.startswith("rung 1 of 2, trial 2 of 3") and done:
            signal.raise_signal(signal.SIGINT)

    found = resnets.recommend(
        data,
        weights="none",
        minutes=1,
        device="cpu",
        halving=Halving(minutes=35 / 60),
        on_progress=interrupt,
    )
    assert found.interrupted == signal.SIGINT
    assert len(found.trials) == 1
    assert [each.trial is not None for each in found.ranked] == [True, False, False]
    assert found.notes[-1] == "ended by Ctrl-C (SIGINT): ranked by the trials that were done"
    assert found.to_dict()["interrupted"] is True


def test_time_that_makes_no_sense(data: Path) -> None:
    message = "1 problem in the arguments of recommend: the minutes of trials must be more than 0, got 0"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        tried(data, 0)
