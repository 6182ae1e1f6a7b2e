"""Settings come back from their file as they were, and everything wrong in a file is said at once."""

from __future__ import annotations

import os
import re
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from resnets.data.augmentation.settings import Augmentation, Mixing, RandAugment
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError
from resnets.recipes.settings import (
    Averaging,
    Checkpoints,
    EarlyStopping,
    FineTuning,
    Growth,
    Loss,
    Optimizer,
    Schedule,
    StochasticDepth,
    TrainingSettings,
)
from resnets.recipes.toml_files import merge, parse_overrides, read_settings, write_settings

FULL = TrainingSettings(
    complete=True,
    data='C:\\photos\\"new"\n\t\x7f ü 𝄞',
    model="resnet18,stem=small",
    epochs=300,
    seed=2**62,
    batch_size=96,
    accumulation=4,
    val_share=0.1,
    preprocessing=Preprocessing(channels="L", mean=(1 / 3,), std=(1e-3,), resize_size=256),
    train_image_size=160,
    crop=RandomResizedCrop(scale=(0.05, 0.9)),
    augmentation=Augmentation(rand_augment=RandAugment(magnitude=7), mixing=Mixing(mixup_alpha=0.2)),
    repeats=3,
    balanced=True,
    optimizer=Optimizer(name="lamb", learning_rate=5e-324, betas=(0.1, 1 - 2**-53), epsilon=1e-300),
    schedule=Schedule(shape="step", milestones=(0.5, 1e22), gamma=0.1, warmup_epochs=5),
    loss=Loss(name="binary_cross_entropy", label_smoothing=0.1),
    averaging=Averaging(),
    fine_tuning=FineTuning(head_epochs=0, head_learning_rate=0.3),
    freeze=("stem", "stages.0"),
    clip_norm=1.7976931348623157e308,
    progressive_depth=(Growth(epoch=0, every=4), Growth(epoch=3, every=1)),
    early_stopping=EarlyStopping(patience=3),
    select="last",
    precision="bf16",
    channels_last=True,
    compile=False,
    sync_batch_norm=True,
    workers=0,
    threads=2,
    checkpoints=Checkpoints(every_steps=7),
)


@pytest.mark.parametrize(
    "settings",
    [FULL, TrainingSettings(), TrainingSettings(stochastic_depth=StochasticDepth(last=0.8))],
    ids=["full", "default", "stochastic depth"],
)
def test_settings_come_back(tmp_path: Path, settings: TrainingSettings) -> None:
    path = write_settings(tmp_path / "config.toml", settings)
    assert read_settings(path) == settings
    again = write_settings(tmp_path / "again.toml", read_settings(path))
    assert again.read_bytes() == path.read_bytes()


def optional_fields(settings: type[BaseModel]) -> dict[str, Any]:
    """Defaults of the fields that may be None, in all settings below."""
    found = {}
    for name, field in settings.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        if get_origin(field.annotation) in {Union, types.UnionType} and type(None) in kinds:
            found[f"{settings.__name__}.{name}"] = field.default
        for kind in [*kinds, *(inner for outer in kinds for inner in get_args(outer))]:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= optional_fields(kind)
    return found


def test_what_may_be_none_is_none_by_default() -> None:
    """Else leaving it out of the file would change it."""
    defaults = optional_fields(TrainingSettings)
    assert {"TrainingSettings.epochs", "Preprocessing.resize_size", "Optimizer.learning_rate"} <= set(
        defaults
    )
    assert not any(value is not None for value in defaults.values()), defaults


def test_the_full_example_is_full() -> None:
    assert FULL.model_fields_set | {"stochastic_depth"} == set(TrainingSettings.model_fields)


def message(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    return str(caught.value).replace(str(path), "my.toml")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            'epochs = "ten"\n[optimizer]\nlearnign_rate = 1\n[schedule]\nshape = "step"',
            "3 problems in my.toml: epochs must be integer, got 'ten'; optimizer.learnign_rate is unknown, "
            "did you mean optimizer.learning_rate?; schedule milestones belong to shape 'step', which needs some",
        ),
        (
            "epochs = 3\nmodel = resnet18",
            "1 problem in my.toml: the file is not TOML: invalid value (at line 2, column 9)",
        ),
        (
            b"model = '\xff'",
            "1 problem in my.toml: the file is not UTF-8 text: byte 9 is 0xff",
        ),
        (
            "x = " + "[" * 16_000,
            "1 problem in my.toml: the file is not TOML: its lists or tables are nested too deeply",
        ),
        (
            "#" * 16_385,
            "1 problem in my.toml: the file cannot be read: it is larger than 16384 bytes",
        ),
    ],
    ids=["three", "syntax", "latin", "deep", "large"],
)
def test_errors_in_a_file(tmp_path: Path, content: bytes | str, text: str) -> None:
    assert message(tmp_path / "my.toml", content) == text


def test_no_terminal_obeys_a_name_from_a_file(tmp_path: Path) -> None:
    assert message(tmp_path / "my.toml", '"\\u001b[2J" = 1').startswith(
        "1 problem in my.toml: \\x1b[2J is unknown, known are "
    )


def test_a_mark_of_byte_order_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xef\xbb\xbfepochs = 3\r\n")
    assert read_settings(path).epochs == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for name, reason in (
        ("pipe.toml", "it is not a regular file"),
        ("", "it is not a regular file"),
        ("none.toml", "No such file or directory"),
    ):
        text = f"1 problem in {tmp_path / name}: the file cannot be read: {reason}"
        with pytest.raises(ConfigError, match=f"^{re.escape(text)}$"):
            read_settings(tmp_path / name)


def test_overrides_are_toml_or_bare_words() -> None:
    words = [
        "epochs=30",
        "val_share = 0.1",
        "optimizer.nesterov=false",
        "model=resnet18,stem=small",
        'data="1234"',
        "select=last",
        "freeze=['stem', 'stages.0']",
        "averaging=",
        "precision=2020-01-01",
        "loss.name=a\nb = 2",
        "seed=1 # no comment",
    ]
    assert parse_overrides(words) == {
        "epochs": 30,
        "val_share": 0.1,
        "optimizer.nesterov": False,
        "model": "resnet18,stem=small",
        "data": "1234",
        "select": "last",
        "freeze": ["stem", "stages.0"],
        "averaging": None,
        "precision": "2020-01-01",
        "loss.name": "a\nb = 2",
        "seed": 1,
    }


def test_words_that_are_no_overrides() -> None:
    text = (
        "2 problems in --set: 'epochs' must be KEY=VALUE, such as optimizer.learning_rate=0.05; "
        "'=3' must be KEY=VALUE, such as optimizer.learning_rate=0.05"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(text)}$"):
        parse_overrides(["epochs", "seed=1", "=3"])


def test_merge_changes_what_it_is_told_to() -> None:
    overrides = {
        "optimizer.learning_rate": 1,
        "augmentation.rand_augment.magnitude": 9,
        "stochastic_depth.last": 0.5,
        "progressive_depth": [],
        "averaging": None,
    }
    merged = merge(FULL, overrides)
    assert FULL.augmentation is not None
    assert merged == FULL.model_copy(
        update={
            "optimizer": FULL.optimizer.model_copy(update={"learning_rate": 1.0}),
            "augmentation": FULL.augmentation.model_copy(update={"rand_augment": RandAugment()}),
            "stochastic_depth": StochasticDepth(),
            "progressive_depth": (),
            "averaging": None,
        }
    )
    assert merge(FULL, {}) == FULL


def test_what_was_left_to_be_chosen_stays_so() -> None:
    """A rule may fill in what nobody said, so saying nothing must not become saying the default."""
    given = TrainingSettings(optimizer=Optimizer(momentum=0.8), averaging=None)
    merged = merge(given, {"optimizer.nesterov": True, "averaging.every": 2, "augmentation": None})
    assert merged.model_fields_set == {"optimizer", "averaging", "augmentation"}
    assert merged.optimizer.model_fields_set == {"momentum", "nesterov"}
    assert merged.averaging == Averaging(every=2)
    assert merge(given, {}).model_fields_set == {"optimizer", "averaging"}


def test_merge_reports_everything_at_once() -> None:
    overrides = {"optimizer.name.x": 1, "optimize.momentum": 0.5, "epochs": "x", "\x1b": 1, "a..b": 2}
    with pytest.raises(ConfigError) as caught:
        merge(FULL, overrides)
    first, second, third, *rest = caught.value.problems
    assert first == "optimizer.name.x is unknown: optimizer.name has no parts"
    assert second == "epochs must be integer, got 'x'"
    assert third == "optimize is unknown, did you mean optimizer?"
    assert [problem.split(" is ")[0] for problem in rest] == ["\\x1b", "a"]
