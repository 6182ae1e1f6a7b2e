"""Models on the Hugging Face Hub, which is played by functions of our own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import resnets
from resnets.errors import DownloadError
from resnets.weights.hub import hub_card

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def model() -> resnets.Classifier:
    return resnets.Classifier.from_network(
        resnets.create_model("resnet20", num_classes=2),
        class_names=["cat", "dog"],
        preprocessing=resnets.Preprocessing(image_size=32),
        licence={"weights": "CC0-1.0"},
    )


def test_there_and_back(
    model: resnets.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, bool]] = []

    def create_repo(repository: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        made.append((repository, private))

    def upload_folder(*, repo_id: str, folder_path: str, commit_message: str) -> Any:
        assert commit_message == "Upload with resnets"
        for file in Path(folder_path).iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        return SimpleNamespace(commit_url=f"https://hub.invalid/{repo_id}/commit/1")

    def download(repository: str, name: str, *, revision: str | None) -> str:
        assert (repository, revision) == ("user/pets", "1")
        return str(tmp_path / name)

    monkeypatch.setattr(hub, "create_repo", create_repo)
    monkeypatch.setattr(hub, "upload_folder", upload_folder)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert model.push_to_hub("user/pets", private=True) == "https://hub.invalid/user/pets/commit/1"
    assert made == [("user/pets", True)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["README.md", "model.safetensors"]
    again = resnets.Classifier.from_pretrained("user/pets", revision="1")
    image = np.zeros((32, 32, 3), np.uint8)
    assert again.predict(image) == model.predict(image)


def test_the_card_has_the_hubs_front_matter(model: resnets.Classifier) -> None:
    card = hub_card(model.info, "user/pets")
    assert card.startswith(
        "---\nlibrary_name: resnets\npipeline_tag: image-classification\nlicense: cc0-1.0\n"
        "tags: [resnets, resnet20]\n---\n# pets\n"
    )
    assert 'resnets.Classifier.from_pretrained("user/pets")' in card
    assert "classes    2: cat, dog" in card


def test_a_trainings_own_card_goes_along(model: resnets.Classifier) -> None:
    own = '---\nlicense: cc0-1.0\n---\n```python\nmodel = resnets.load("model.safetensors")\n```\n'
    card = hub_card(model.info.model_copy(update={"card": own}), "user/pets")
    assert card == own.replace(
        'resnets.load("model.safetensors")', 'resnets.Classifier.from_pretrained("user/pets")'
    )


def test_failures_are_told(model: resnets.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("401 Client Error\nand much more")

    monkeypatch.setattr(hub, "hf_hub_download", refuse)
    monkeypatch.setattr(hub, "create_repo", refuse)
    with pytest.raises(DownloadError) as got:
        resnets.Classifier.from_pretrained("user/pets")
    assert str(got.value) == (
        "cannot get model.safetensors of 'user/pets' from the Hugging Face Hub: 401 Client Error"
    )
    with pytest.raises(DownloadError) as sent:
        model.push_to_hub("user/pets")
    assert str(sent.value) == "cannot upload to 'user/pets' on the Hugging Face Hub: 401 Client Error"
