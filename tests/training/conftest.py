"""Data that several tests of training read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two class folders of photos of unequal size, and a cache of their own."""
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for number in range(20):
        pixels = generator.integers(0, 256, (40 + number, 48, 3), np.uint8)
        path = tmp_path / "photos" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"
