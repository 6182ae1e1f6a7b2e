"""A training on two hosts, one of which is cut off in the middle."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.training.run_endings import write_arrays
from tests.training.two_hosts import (
    TIMEOUT_S,
    TwoHosts,
    can_make_hosts,
    command,
    epochs_of,
    wait_for_epochs,
    write_config,
)

from resnets.recipes.toml_files import read_settings
from resnets.training.train import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_hosts")]
EPOCHS = 30


@pytest.fixture(scope="module")
def _hosts() -> None:
    if not can_make_hosts():
        pytest.skip("needs root, for namespaces with a network")


def end_agents(agents: Sequence[subprocess.Popen[bytes]]) -> None:
    """End torchrun, which may wait for minutes for a host that is gone."""
    for agent in agents:
        agent.kill()
        agent.wait(timeout=60)


def wait_for_words(log: Path, words: str, *, seconds: float) -> None:
    first = time.monotonic()
    while words not in log.read_text():
        assert time.monotonic() - first < seconds, log.read_text()
        time.sleep(0.1)


def test_the_other_host_goes_on_alone(tmp_path: Path) -> None:
    data, config, run = write_arrays(tmp_path / "data"), tmp_path / "config.toml", tmp_path / "run"
    write_config(config, epochs=EPOCHS)
    logs = [tmp_path / f"{host}.log" for host in range(2)]
    with TwoHosts() as hosts:
        agents = [
            hosts.start(host, command(host, data=data, config=config, run=run), log=logs[host])
            for host in range(2)
        ]
        wait_for_epochs(run, 5)
        assert '"WORLD_SIZE": "2"' in (run / "environment.json").read_text()
        hosts.cut(1)
        done = len(epochs_of(run))
        code = agents[0].wait(timeout=300)
        end_agents(agents)
    assert code == 0, logs[0].read_text()
    assert done < EPOCHS
    assert all("lost the others" in log.read_text() for log in logs)
    assert '"WORLD_SIZE": "1"' in (run / "environment.json").read_text()
    rows = epochs_of(run)
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    alone = train(data, output=tmp_path / "alone", settings=read_settings(config), check=False)
    for row, record in zip(rows, alone.history, strict=True):
        assert float(row["train_loss"]) == pytest.approx(record.train_loss, rel=1e-4)


def test_both_go_on_when_the_first_host_was_cut_off(tmp_path: Path) -> None:
    """It has the meeting place, so neither can go on; started again, both do."""
    data, config, run = write_arrays(tmp_path / "data"), tmp_path / "config.toml", tmp_path / "run"
    write_config(config, epochs=EPOCHS)
    logs = [tmp_path / f"{host}.log" for host in range(2)]
    words = [command(host, data=data, config=config, run=run, hosts="2") for host in range(2)]
    with TwoHosts() as hosts:
        agents = [hosts.start(host, words[host], log=logs[host]) for host in range(2)]
        wait_for_epochs(run, 5)
        hosts.cut(0)
        for log in logs:
            wait_for_words(log, "lost the others", seconds=5 * TIMEOUT_S)
        end_agents(agents)
        assert len(epochs_of(run)) < EPOCHS
    with TwoHosts() as hosts:
        again = [hosts.start(host, words[host], log=logs[host]) for host in range(2)]
        codes = [agent.wait(timeout=300) for agent in again]
    assert codes == [0, 0], [log.read_text() for log in logs]
    assert [int(row["epoch"]) for row in epochs_of(run)] == list(range(1, EPOCHS + 1))
    assert "going on in epoch" in logs[0].read_text()
