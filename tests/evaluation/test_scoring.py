from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from resnets import Preprocessing, create_model
from resnets.data.dataset import Split
from resnets.data.loading import Loader, LoadingOptions
from resnets.evaluation.scoring import Scores, score_split

PREPROCESSING = Preprocessing(image_size=16)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create_model("resnet8", num_classes=4).eval()


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (11, 16, 16, 3), np.uint8)


def score(network: nn.Module, pixels: NDArray[np.uint8], batch_size: int = 4, **options: Any) -> Scores:
    split = Split("val", pixels, np.arange(len(pixels)) % 5 - 1)
    with Loader(split, PREPROCESSING, LoadingOptions(batch_size=batch_size, workers=0)) as loader:
        return score_split(network, loader, PREPROCESSING, **options)


def by_hand(network: nn.Module, pixels: NDArray[np.uint8]) -> torch.Tensor:
    mean, std = (
        torch.tensor(values)[:, None, None] for values in (PREPROCESSING.mean, PREPROCESSING.std)
    )
    with torch.no_grad():
        logits: torch.Tensor = network((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std)
    return logits


def test_logits_are_those_of_the_network(network: nn.Module, pixels: NDArray[np.uint8]) -> None:
    scores = score(network, pixels)
    assert scores.logits.dtype == np.float32
    assert scores.logits == pytest.approx(by_hand(network, pixels).numpy(), abs=1e-5)
    assert scores.labels.tolist() == [-1, 0, 1, 2, 3] * 2 + [-1]
    assert scores.indices.tolist() == list(range(11))


@pytest.mark.parametrize("options", [{"batch_size": 11}, {"batch_size": 1}, {"channels_last": False}])
def test_batches_and_layout_make_no_difference(
    network: nn.Module, pixels: NDArray[np.uint8], options: dict[str, Any]
) -> None:
    assert score(network, pixels, **options).logits == pytest.approx(
        score(network, pixels).logits, abs=1e-5
    )


def test_mirror_images_average_the_probabilities(network: nn.Module, pixels: NDArray[np.uint8]) -> None:
    scores = score(network, pixels, flip=True)
    both = [by_hand(network, view).softmax(1) for view in (pixels, pixels[:, :, ::-1].copy())]
    mean = (both[0] + both[1]) / 2
    assert np.exp(scores.logits) == pytest.approx(mean.numpy(), abs=1e-6)


def test_temperature_divides_the_answer_for_each_view(
    network: nn.Module, pixels: NDArray[np.uint8]
) -> None:
    assert score(network, pixels, temperature=2.5).logits == pytest.approx(
        score(network, pixels).logits / 2.5, abs=1e-6
    )
    scores = score(network, pixels, flip=True, temperature=0.1)
    both = [(by_hand(network, v) / 0.1).softmax(1) for v in (pixels, pixels[:, :, ::-1].copy())]
    assert np.exp(scores.logits) == pytest.approx(((both[0] + both[1]) / 2).numpy(), abs=1e-5)


def test_autocast_computes_in_the_type_asked_for_and_answers_in_float32(
    network: nn.Module, pixels: NDArray[np.uint8]
) -> None:
    scores = score(network, pixels, autocast=torch.bfloat16)
    exact = score(network, pixels)
    assert scores.logits.dtype == np.float32
    apart = np.abs(scores.logits - exact.logits).max()
    assert 0 < apart < 0.1


def test_the_network_is_left_in_its_modes_even_after_an_error(pixels: NDArray[np.uint8]) -> None:
    network = create_model("resnet8", num_classes=4).train()
    network.get_submodule("stem").eval()  # frozen
    modes = [module.training for module in network.modules()]
    statistics = {name: value.clone() for name, value in network.state_dict().items()}
    score(network, pixels)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, statistics[name]) for name, value in network.state_dict().items())

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(network, pixels, on_batch=stop)
    assert [module.training for module in network.modules()] == modes


def test_progress_is_told_after_each_batch(network: nn.Module, pixels: NDArray[np.uint8]) -> None:
    told: list[tuple[int, int]] = []
    score(network, pixels, on_batch=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_no_images_have_no_scores(network: nn.Module, pixels: NDArray[np.uint8]) -> None:
    scores = score(network, pixels[:0])
    assert (len(scores.logits), len(scores.labels), len(scores.indices)) == (0, 0, 0)


def test_full_precision_is_asked_for_and_given_back(pixels: NDArray[np.uint8]) -> None:
    seen: list[str] = []

    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(torch.backends.cuda.matmul.fp32_precision)
            return images.mean((2, 3))

    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        score(Probe(), pixels)
        assert set(seen) == {"ieee"}
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.backends.cuda.matmul.fp32_precision = "none"
