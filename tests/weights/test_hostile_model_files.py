"""Descriptions made to exhaust their reader: each refused within 5 s and 1 GB, in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .model_files import description, small_classifier, write_by_hand

CHILD = """
import resource, sys, time, torch
from resnets.errors import WeightsError
from resnets.weights.model_file import read_model

def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

torch.set_num_threads(1)
for path in sys.stdin.read().splitlines():
    resource.setrlimit(resource.RLIMIT_AS, (used() + 10**9, resource.RLIM_INFINITY))
    start = time.process_time()
    try:
        read_model(path)
        words = "loaded"
    except WeightsError as error:
        words = str(error)
    except BaseException as error:
        words = f"{type(error).__name__}: {error}"[:500]
    print(repr((words, time.process_time() - start)), flush=True)
"""


def nested(depth: int) -> str:
    words = description(small_classifier())
    assert '"recipe": {}' in words
    return words.replace('"recipe": {}', '"recipe": ' + '{"a": ' * depth + "1" + "}" * depth)


def large(**changes: Any) -> Callable[[], str]:
    return lambda: description(small_classifier(), **changes)


def options(**changes: Any) -> Callable[[], str]:
    classifier = small_classifier()
    return lambda: description(classifier, options={**classifier.info.options, **changes})


THOUSAND = [f"class {i}" for i in range(1000)]
HOSTILE: dict[str, Callable[[], str]] = {
    "depths of a million": options(depths=[10**6] * 3),
    "a million stages": options(depths=[1] * 10**6, widths=[16] * 10**6),
    "half a million stages": options(depths=[1] * 400_000, widths=[16] * 400_000),
    "widths of a million": options(widths=[10**6] * 3, shortcut="B"),
    "widths of 10^18": options(widths=[10**18] * 3, shortcut="B"),
    "expansion of a million": options(expansion=10**6, shortcut="B"),
    "kernels of 10^9": options(kernel_sizes=[10**9 + 1] * 2),
    "a billion classes": options(num_classes=10**9),
    "a billion channels": options(in_channels=10**9),
    "999,998 layers": large(architecture="resnet999998_cifar", options={}, class_names=THOUSAND),
    "a name of 4,000 digits": large(
        architecture="resnet" + "9" * 4000, options={}, class_names=THOUSAND
    ),
    "10^15 branches": large(architecture="resnext50_1000000x4d", options={}, class_names=THOUSAND),
    "a million branches": large(
        architecture="resnext50_32x4d", options={"cardinality": 10**6, "form": "b"}, class_names=THOUSAND
    ),
    "dense growth": large(
        architecture="densenet121", options={"growth_rate": 10**6}, class_names=THOUSAND
    ),
    "dense depth": large(
        architecture="densenet121", options={"depths": [10**5] * 4}, class_names=THOUSAND
    ),
    "wide resnet of 10^5 layers": large(
        architecture="wrn-100000-9999", options={}, class_names=THOUSAND
    ),
    "highway": large(
        architecture="highway-10-16",
        options={"depths": [10**6], "num_classes": 1000},
        class_names=THOUSAND,
    ),
    "VGG": large(architecture="vgg11", options={"hidden_features": 10**9}, class_names=THOUSAND),
    "a name of 20 MB": large(architecture="x" * 20_000_000),
    "a million classes": large(class_names=[f"{i}" for i in range(10**6)]),
    "three million lists": lambda: description(small_classifier(), recipe={"a": [[]] * 3_000_000}),
    "a version of 1 MB": large(format_version="\x1b[31m" + "x" * 10**6),
    "10,000 levels": lambda: nested(10_000),
    "900 levels": lambda: nested(900),
    "a number of 4,000 digits": lambda: nested(1).replace(": 1}", f": {'9' * 4000}}}"),
    "a number of 10,000 digits": lambda: nested(1).replace(": 1}", f": {'9' * 10_000}}}"),
    "images of 10^9 pixels a side": large(preprocessing={"image_size": 10**9}),
    "no object": lambda: "[]",
    "nothing": lambda: "",
    "NaN": lambda: description(small_classifier(), recipe={"a": float("nan")}),
    "not a version": large(format_version=[1]),
    "half a letter": lambda: json.dumps("\ud800"),
}
HARMLESS = {"a number of 4,000 digits"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    folder = tmp_path_factory.mktemp("hostile")
    tensors = small_classifier().network.state_dict()
    paths = [
        write_by_hand(folder / f"{number}.safetensors", make(), tensors)
        for number, make in enumerate(HOSTILE.values())
    ]
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(HOSTILE), done.stderr[-1000:]
    return {name: eval(line) for name, line in zip(HOSTILE, lines, strict=True)}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_description_is_refused_at_once(
    name: str, answers: dict[str, tuple[str, float]]
) -> None:
    words, seconds = answers[name]
    assert seconds < 5
    assert len(words) < 700
    assert "\x1b" not in words
    if name not in HARMLESS:
        assert ".safetensors' " in words
        assert any(
            part in words
            for part in (
                "that cannot be built: ",
                "that makes no sense: ",
                "does not fit its architecture",
                "more than",
                "has the format",
            )
        )


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    """`GLOBAL posix.system` in the clothes of a model file; the canary is what it would touch."""
    canary = tmp_path / "canary"
    evil = (
        b"\x80\x02cposix\nsystem\nX"
        + bytes([len(f"touch {canary}")])
        + b"\0\0\0"
        + f"touch {canary}".encode()
        + b"\x85R."
    )
    path = tmp_path / "m.safetensors"
    path.write_bytes(evil)
    code = f"import resnets\ntry:\n    resnets.load({str(path)!r})\nexcept resnets.ResNetsError as error:\n    print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "is a pickled checkpoint" in done.stdout
    assert not canary.exists()
