"""Damaged and hostile images: a short form of reliability/fuzz_decoding.py, which makes 100,000."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnets.data import decoding
from resnets.errors import ImageError

from .hostile_images import ANY, HOSTILE_IMAGES
from .image_corpus import SEEDS, encode, mutant, rgb, seed_files

WORKER = Path(__file__).parents[2] / "reliability" / "decoding_worker.py"
NUM_MUTANTS = 2000
REASONS = {
    "empty",
    "not an image",
    "unsupported format",
    "truncated",
    "damaged",
    "too large",
    "too small",
    "needs a range",
}


def see(data: bytes) -> str | np.ndarray:
    """The pixels, or the reason why there are none; anything else is a failure."""
    try:
        return decoding.decode(data).pixels
    except ImageError as error:
        return error.reason


def test_mutants_are_the_same_for_the_same_seed() -> None:
    assert mutant(3, 17) == mutant(3, 17)
    assert mutant(3, 17) != mutant(4, 17)
    assert len(SEEDS) == 16
    for name, data in seed_files().items():
        assert isinstance(see(data), np.ndarray), name


def test_both_decoders_see_damaged_images_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = vars(decoding)["simplejpeg"]
    deadline = time.monotonic() + 60
    fates: Counter[str] = Counter()
    for index in range(NUM_MUTANTS):
        name, data = mutant(1, index)
        start = time.process_time()
        seen = see(data)
        monkeypatch.setattr(decoding, "simplejpeg", None)
        seen_by_pillow = see(data)
        monkeypatch.setattr(decoding, "simplejpeg", installed)
        assert time.process_time() - start < 4, (name, index)
        assert not isinstance(seen, str) or seen in REASONS
        np.testing.assert_array_equal(seen, seen_by_pillow, err_msg=f"{name}, mutant {index} of seed 1")
        fates[seen if isinstance(seen, str) else "accepted"] += 1
        if time.monotonic() > deadline:
            break
    # Otherwise the mutators do too little, or too much.
    assert fates["accepted"] > 50
    assert fates["damaged"] > 50
    assert fates["truncated"] > 50


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What a child process with bounded memory makes of the hostile list."""
    orders = "".join(json.dumps(["hostile", name]) + "\n" for name in HOSTILE_IMAGES)
    done = subprocess.run(
        [sys.executable, WORKER],
        input=orders,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"died of the image after {found[-1:]}: {done.stderr[-2000:]}"
    return {answer["case"]: answer["verdicts"] for answer in found}


@pytest.mark.parametrize("name", HOSTILE_IMAGES)
def test_hostile_images(name: str, answers: dict[str, Any]) -> None:
    expected = HOSTILE_IMAGES[name]
    verdicts = answers[name].values()
    assert len({(verdict["outcome"], verdict.get("pixels")) for verdict in verdicts}) == 1
    for verdict in verdicts:
        allowed = {"accepted", *REASONS} if ANY in expected.outcomes else set(expected.outcomes)
        assert verdict["outcome"] in allowed
        assert verdict["seconds"] < 5
        assert verdict["peak_mb"] < 1000
        assert verdict["warnings"] == []
        if expected.colour is not None and verdict["outcome"] == "accepted":
            np.testing.assert_allclose(verdict["colour"], expected.colour, atol=3)


NAMES = ("line\nbreak.jpg", "--flag", "\u202egpj.exe", "a" * 255, "not utf-8 \udcff", "; rm -rf .jpg")


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_a_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encode(rgb(), "PNG"))
    assert decoding.decode(path).pixels.shape == (67, 93, 3)


@pytest.mark.parametrize("name", ["nul\0byte.jpg", "a" * 256, "", "no/such/folder.jpg"])
def test_an_impossible_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        decoding.decode(f"{tmp_path}/{name}")


def test_what_is_not_a_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would wait for ever
    for path in (tmp_path, tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(ImageError) as caught:
            decoding.decode(path)
        assert caught.value.reason == "not a file"
