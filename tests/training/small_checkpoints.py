"""Checkpoints of three numbers, and what lies in a folder of them."""

from __future__ import annotations

from pathlib import Path

import torch

from resnets.training.checkpoints import find_checkpoints, save_checkpoint


def save(folder: Path, step: int, value: float = 1.0) -> Path:
    return save_checkpoint(
        folder, step, tensors={"weight": torch.full((3,), value)}, state={"step": step}
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def steps(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in find_checkpoints(folder)]
