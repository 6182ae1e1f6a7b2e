"""Puts the network of a run into the package, in half precision, with a card that says all about it.

    python docs/ship.py RUN NAME:TAG DATA [--command WORDS] [--note SENTENCE]... [--image-size N]
        [--keep-right SHARE] [--called DATA]

What is written is what is measured: the network is read back from the file in half precision, its
temperature and the threshold below which it abstains are fitted to the validation images, and the
figures of the card are those of all test images. Without test images the validation images are halved,
and each half has what fits the other. Then the stored outputs of tests/golden and the table of
docs/weights.md are written anew.
"""

from __future__ import annotations

import argparse
import json
import runpy
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from resnets.data.dataset import Dataset
from resnets.data.fingerprint import fingerprint
from resnets.data.opening import open_dataset
from resnets.data.published import published_datasets
from resnets.errors import ConfigError, DataError
from resnets.evaluation.calibrating import calibrate
from resnets.evaluation.evaluation import Evaluation
from resnets.quantities import memory
from resnets.recipes.toml_files import read_settings
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.model_card import model_card
from resnets.training.run_log import RunLog
from resnets.weights.classifier import Classifier
from resnets.weights.model_file import read_model, write_model
from resnets.weights.model_info import DataFingerprint, Licence, ModelInfo
from resnets.weights.shipped import ShippedModel, shipped_file, shipped_models

DOCS = Path(__file__).parent
WEIGHTS_LICENCE = "Apache-2.0"
MADE = "Half precision, temperature and threshold were given to it in the package's repository, by"
CROSS_FITTED = (
    "Temperature and threshold are fitted to the images that the figures are about, too: for the "
    "figures, each half of them has what fits the other half."
)

BEGIN = "<!-- Written by docs/ship.py from the files in the package. -->"
END = "<!-- So far. -->"


def ship(
    run: Path,
    name: str,
    data: Path,
    *,
    command: str = "",
    image_size: int | None = None,
    keep_right: float = 0.9,
    called: str | None = None,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Measure the network of a run as it will be shipped, and write its file.

    Args:
        run: folder of a finished run.
        name: ARCHITECTURE:TAG; the tag is the data set, whose terms the card gives.
        data: that the run was trained on.
        command: that started the run, as anyone can repeat it.
        image_size: that the network is shown, if not that of its training: where augmentation enlarged
            what is in the images, larger ones may do better (Touvron et al. 2019, arXiv:1906.06423).
        keep_right: share of its right answers that it may not abstain from.
        called: what the data is called in commands. [the tag]
        notes: sentences about the data and the figures for the card.
    """
    network, told = read_model(run / "model.safetensors")
    if image_size is not None:
        trained = told.preprocessing.image_size
        resized = told.preprocessing.model_copy(update={"image_size": image_size, "resize_size": None})
        told = told.model_copy(update={"preprocessing": resized})
        notes = [*notes, f"It learned from images of {trained} px, and is shown {image_size} px."]
    dataset = own_dataset(data, told)
    with tempfile.TemporaryDirectory() as folder:
        halved = write_model(Path(folder) / "model.safetensors", network, told, half=True)
        classifier = Classifier(*read_model(halved))
    found = calibrate(classifier, dataset, keep_right=keep_right)
    if found.calibration is None:
        raise DataError(found.notes[-1])
    if found.calibration.cross_fitted:
        notes = [*notes, CROSS_FITTED]
    called = called or name.partition(":")[2]
    shown = f" --keep-right {keep_right:g}" + (f" --image-size {image_size}" if image_size else "")
    notes = [*notes, f"{MADE} `python docs/ship.py RUN {name} DATA{shown}`."]
    info = classifier.info.model_copy(
        update={
            "metrics": found.metrics,
            "licence": Licence(weights=WEIGHTS_LICENCE, data=data_terms(name)),
            "recipe": told.recipe | {"data": called, "model": Path(str(told.recipe["model"])).name},
            "origin": f"{name}, trained with resnets on {told.data.name if told.data else data.name}",
        }
    )
    facts = _facts(run, info, dataset, found)
    facts = replace(
        facts,
        settings=facts.settings.model_copy(update={"data": called}),
        model_file=name,
        made_by=command,
        measured_by=f"resnets evaluate {name} {called} --split {found.split}",
        notes=notes,
    )
    info = info.model_copy(update={"card": model_card(facts)})
    write_model(shipped_file(name), classifier.network, info, half=True)
    return found


def own_dataset(data: Path, info: ModelInfo) -> Dataset:
    """Open the data with the very split of the training; if that cannot be drawn again, without val.

    Args:
        data: folder or file.
        info: of the trained model.
    """
    settings = info.recipe
    share, seed = settings.get("val_share"), settings.get("seed")
    if isinstance(share, float) and isinstance(seed, int):
        dataset = open_dataset(data, seed=seed, val_share=share, needs_val=True)
        if info.data == DataFingerprint(**asdict(fingerprint(dataset))):
            return dataset
    dataset = open_dataset(data, val_share=0.0)
    if "test" not in dataset.splits:
        raise DataError(f"{data} is not what the network was trained on, and has no test images")
    return dataset


def data_terms(name: str) -> str:
    """What the owners of the training images allow.

    Args:
        name: ARCHITECTURE:TAG, with the name of a published data set as tag.
    """
    tag = name.partition(":")[2]
    known = {dataset.name: dataset for dataset in published_datasets()}
    if tag not in known:
        raise ConfigError(name, [f"its tag must be a published data set: {', '.join(known)}"])
    return f"{known[tag].title}: {known[tag].terms} ({known[tag].source})"


def _facts(run: Path, info: ModelInfo, dataset: Dataset, found: Evaluation) -> TrainingFacts:
    history = RunLog(run).history()
    is_test = found.split == "test"
    return TrainingFacts(
        info=info,
        settings=read_settings(run / "config.toml"),
        history=history,
        dataset=dataset,
        evaluation=None if is_test else found,
        test=found if is_test else None,
        seconds=sum(epoch.seconds for epoch in history),
        machine=_machine(run),
    )


def _machine(run: Path) -> dict[str, str]:
    """What the run was started on, without anything about who did."""
    starts: list[dict[str, Any]] = json.loads((run / "environment.json").read_text("utf-8"))["starts"]
    start = starts[-1]
    resumed = f"{len(starts) - 1} times" if len(starts) > 1 else ""
    return {
        "device": start["device_name"] or start["device"],
        "cores": f"{start['cores']}, {start['threads']} threads",
        "memory": memory(start["memory_bytes"]),
        "interrupted and resumed": resumed,
        "system": f"{start['system']} {start['release'].partition('-')[0]}, {start['architecture']}",
    }


def table() -> str:
    """The table of docs/weights.md: what is in the package, and how good it is."""
    rows = [
        "| weights | what it knows | top-1, 95 % interval | measured on | abstains below | MiB |",
        "| --- | --- | --- | --- | ---: | ---: |",
        *map(_row, shipped_models()),
    ]
    total = sum(model.num_bytes for model in shipped_models()) / 2**20
    return "\n".join([*rows, "", f"Together {total:.1f} MiB, in half precision."])


def _row(model: ShippedModel) -> str:
    info, top1 = model.info, model.metric("top1")
    assert top1 is not None
    assert top1.low is not None
    assert top1.high is not None
    p = info.preprocessing
    figure = f"{100 * top1.value:.2f} % ({100 * top1.low:.2f} to {100 * top1.high:.2f})"
    images = f"{p.image_size} px{', grey' if p.num_channels == 1 else ''}"
    threshold = f"{100 * info.abstain_below:.1f} %" if info.abstain_below else "never"
    return (
        f"| `{model.name}` | {len(info.class_names)} classes, {images} | {figure} | "
        f"{top1.data}, {top1.num_images:,} images | {threshold} | {model.num_bytes / 2**20:.1f} |"
    )


def page(text: str) -> str:
    """docs/weights.md with the table that holds now.

    Args:
        text: of the page.
    """
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


def write_page() -> None:
    """Write the table of docs/weights.md anew."""
    path = DOCS / "weights.md"
    path.write_text(page(path.read_text("utf-8")), encoding="utf-8")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="ARCHITECTURE:TAG, such as resnet20:cifar10")
    parser.add_argument("data", type=Path, help="what it was trained on, with its test images")
    parser.add_argument("--command", default="", help="that started the run, as anyone can repeat it")
    parser.add_argument("--image-size", type=int, help="to show it, if not that of the training")
    parser.add_argument("--keep-right", type=float, default=0.9, help="share of its right answers")
    parser.add_argument("--called", help="what the data is called in commands, if not the tag")
    parser.add_argument("--note", action="append", default=[], help="a sentence for the card")
    given = parser.parse_args()
    found = ship(
        given.run,
        given.name,
        given.data,
        command=given.command,
        image_size=given.image_size,
        keep_right=given.keep_right,
        called=given.called,
        notes=given.note,
    )
    for metric in found.metrics:
        print(f"{metric.name} {metric.value:.4f} on {metric.data}")
    refresh()


def refresh() -> None:
    """Write what follows from the files in the package: the table, the outputs that tests compare."""
    write_page()
    runpy.run_path(str(DOCS.parent / "tests" / "golden" / "update_shipped.py"), run_name="__main__")


if __name__ == "__main__":
    main()
