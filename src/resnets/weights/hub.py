"""Models on the Hugging Face Hub: our model file, and a card that says how to use it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from resnets.errors import DownloadError, MissingDependencyError
from resnets.weights.info_text import info_lines
from resnets.weights.model_header import SUFFIX
from resnets.weights.model_info import ModelInfo

if TYPE_CHECKING:
    from resnets.weights.classifier import Classifier

_FILE = f"model{SUFFIX}"


def fetch_from_hub(repository: str, *, revision: str | None = None) -> Path:
    """Download the model file of a repository into the Hub's own cache.

    Args:
        repository: as in 'user/pets'.
        revision: branch, tag or commit; the newest by default. A commit cannot change later.

    Raises:
        DownloadError: if it cannot be had.
    """
    hub = _import_hub()
    try:
        return Path(hub.hf_hub_download(repository, _FILE, revision=revision))
    except Exception as error:  # the library raises errors of several others
        raise DownloadError(
            f"cannot get {_FILE} of {repository!r} from the Hugging Face Hub: {_first_line(error)}"
        ) from error


def push_to_hub(model: Classifier, repository: str, *, private: bool = False) -> str:
    """Upload a model file and its card.

    Args:
        model: to upload.
        repository: as in 'user/pets'; made if there is none.
        private: make it so that only you see it.

    Returns:
        The address of the commit.

    Raises:
        DownloadError: if the Hub refuses, as it does without a token (`hf auth login`).
    """
    hub = _import_hub()
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / _FILE)
        (Path(folder) / "README.md").write_text(hub_card(model.info, repository), encoding="utf-8")
        try:
            hub.create_repo(repository, private=private, exist_ok=True)
            commit = hub.upload_folder(
                repo_id=repository, folder_path=folder, commit_message="Upload with resnets"
            )
        except Exception as error:  # likewise
            raise DownloadError(
                f"cannot upload to {repository!r} on the Hugging Face Hub: {_first_line(error)}"
            ) from error
    return str(getattr(commit, "commit_url", commit))


def hub_card(info: ModelInfo, repository: str) -> str:
    """Write the card of a model, with the front matter that the Hub reads.

    Args:
        info: the model's description.
        repository: where it will be.
    """
    if info.card:
        return info.card.replace(
            'resnets.load("model.safetensors")', f'resnets.Classifier.from_pretrained("{repository}")'
        )
    licence = info.licence.weights.lower() if info.licence else "unknown"
    facts = "\n".join(f"    {line}" for line in info_lines(info))
    return f"""---
library_name: resnets
pipeline_tag: image-classification
license: {licence}
tags: [resnets, {info.architecture}]
---
# {repository.rpartition("/")[2]}

A {info.architecture} of [resnets](https://pypi.org/project/resnets/).

{facts}

```python
import resnets

model = resnets.Classifier.from_pretrained("{repository}")
print(model.predict("photo.jpg")[0].label)
```
"""


def _import_hub() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingDependencyError(
            "the Hugging Face Hub", "huggingface-hub", extra="weights"
        ) from None
    return huggingface_hub


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
