"""The hashes of published data sets are those that torchvision and Keras check."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from resnets.data.published import published_datasets

pytestmark = pytest.mark.parity
ROWS = {row.name: row for row in published_datasets()}


def test_torchvisions(torchvision: ModuleType) -> None:
    theirs = importlib.import_module("torchvision.datasets")
    for name, digits in (("mnist", theirs.MNIST), ("fashion_mnist", theirs.FashionMNIST)):
        assert {(file.name, file.hash_value) for file in ROWS[name].files} == set(digits.resources)
    for name, archive in (("cifar10", theirs.CIFAR10), ("cifar100", theirs.CIFAR100)):
        assert ROWS[name].files[0].url == archive.url
        assert archive.tgz_md5 in ROWS[name].hash_source
        assert ROWS[name].inside == archive.base_folder


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_keras(name: str) -> None:
    spec = importlib.util.find_spec("keras")  # not imported: that takes a backend
    if spec is None or spec.origin is None:
        pytest.skip("Keras is not installed")
    text = (Path(spec.origin).parent / "src" / "datasets" / f"{name}.py").read_text("utf-8")
    text = re.sub(r'"\s+"', "", text)
    assert ROWS[name].files[0].hash_value in text
    assert ROWS[name].files[0].url in text
