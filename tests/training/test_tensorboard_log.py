"""TensorBoard gets epochs and steps under the step of the run, if it is installed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from tests.training.events import epoch_record, step_progress, validation_progress

from resnets.errors import MissingDependencyError
from resnets.training.tensorboard_log import TensorBoardLog


class Writer:
    """Stands in for TensorBoard's, which not everyone has."""

    made: ClassVar[list[Writer]] = []

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.is_closed = False
        self.made.append(self)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, value, step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def test_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with TensorBoardLog(tmp_path, first_step=100) as log:
        for step in (49, 50, 51):
            log(step_progress(1, step))
        log(validation_progress(1, 50))
        log(epoch_record(2))
    (writer,) = Writer.made
    record = epoch_record(2)
    assert (writer.folder, writer.purge_step, writer.is_closed) == (str(tmp_path), 101, True)
    assert writer.scalars == [
        ("steps/loss", 1.2044, 150),
        ("steps/learning_rate", 0.05, 150),
        ("loss/train", record.train_loss, 200),
        ("loss/val", record.val_loss, 200),
        ("top1/val", record.val_top1, 200),
        ("top5/val", record.val_top5, 200),
        ("speed/images_per_second", record.images_per_second, 200),
        ("speed/data_wait", record.data_wait, 200),
    ]


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    text = "writing TensorBoard's files needs tensorboard: pip install 'resnets[train]'"
    with pytest.raises(MissingDependencyError, match=f"^{re.escape(text)}$"):
        TensorBoardLog(tmp_path)
