from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnets import cli
from resnets.commands import recommend_command
from tests.analysis.recommended import known_speed, write_shades


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shades(tmp_path / "shades.npz")
    monkeypatch.chdir(tmp_path)
    known_speed(monkeypatch)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["recommend", "shades.npz", "--weights", "none", "--device", "cpu", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--minutes", "0.5", "--max-mb", "1")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "shades.npz: 104 train, 30 val, 30 test images; 3 classes"
    assert lines[1].startswith("times of a training if nothing else runs, on ")
    heading = next(line for line in lines if "expected" in line)
    assert heading.split() == [
        "model", "weights", "pixels", "expected", "training", "epochs", "latency", "file",
    ]  # fmt: skip
    assert max(len(line) for line in lines[: lines.index(heading) + 3]) <= 100
    assert "   resnets train shades.npz --model resnet8 --epochs 23 --device cpu" in lines
    recipe = re.compile(r"   (SGD|AdamW) at [\d.e-]+, .+; batches of \d+; .+")
    assert sum(recipe.fullmatch(line) is not None for line in lines) == 2
    assert "left out: resnet20 at 8 pixels: its file would have 1.08 MB, more than 1" in lines
    assert any(line.startswith("Expected top-1: published results of ") for line in lines)
    assert err.splitlines()[-1].startswith("Next: resnets train shades.npz --model resnet")
    assert "images were not opened to look for damage and copies" in err


def test_the_table_is_never_wider_than_a_screen() -> None:
    each = SimpleNamespace(
        model="resnet18,stem=imagenet,widths=32-64-128-256", kind="shipped", image_size=224,
        epochs=100, latency_ms=0.12345, training_seconds=719, file_bytes=123456, expected=SimpleNamespace(low=0.1, high=1.0),
    )  # fmt: skip
    row = recommend_command._row(1, each)  # type: ignore[arg-type]
    assert row[1:4] == ["resnet18,st…-64-128-256", "in package", "224"]
    widths = [max(map(len, pair)) for pair in zip(row, recommend_command._HEADINGS, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= 100


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--minutes", "0.5", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema_version"] == 1
    assert {each["model"] for each in document["recommended"]} == {"resnet8", "resnet14", "resnet20"}
    assert document["trials"] == []


def test_no_network_keeps_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--latency-ms", "0.4")
    assert (code, out) == (6, "")
    assert err == (
        "resnets: error: none of 3 networks keeps the limits. The closest is resnet8 at 8 pixels: it "
        "takes 1 ms for an image here, more than 0.4\n"
    )


def test_options_of_trials_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--budget", "3")
    assert code == 2
    assert err == (
        "resnets: error: 1 problem in the options: --budget and --output belong to --try: add it\n"
    )


def test_trials_that_end_early(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting:
        def __call__(self, words: str, done: int, _total: int) -> None:
            if words.startswith("rung 1 of 2, trial 2 of 3") and done:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("resnets.commands.task_progress.TaskProgress", Interrupting)
    code, out, err = run(capsys, "--minutes", "1", "--try", "--budget", str(35 / 60))
    assert code == 130
    assert "rung  trial" in out
    assert "ended by Ctrl-C (SIGINT): ranked by the trials that were done" in err
    assert err.splitlines()[-1] == "resnets: error: the trials ended early, as asked"
