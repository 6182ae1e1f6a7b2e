"""What every test starts from: one thread and a fixed seed, and examples that are the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("random", derandomize=False)  # `make test-all` looks for new examples
settings.load_profile("repeatable")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    # Small maps: on a busy machine two threads wait for each other a hundred times longer than they work.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def restored_registry() -> Iterator[None]:
    """Forget what a test registers."""
    import resnets.architectures  # noqa: F401 - our own come first
    from resnets import registry

    before, rules = dict(registry._architectures), list(registry._rules)
    yield
    registry._architectures.clear()
    registry._architectures.update(before)
    registry._rules[:] = rules
