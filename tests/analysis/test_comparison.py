"""Networks compared on images whose answers are known, and on paper."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import resnets
from resnets import Classifier, Preprocessing, compare, create_model
from resnets.analysis import comparing
from resnets.analysis.comparison import ComparedPair, holm
from resnets.analysis.comparison_table import comparison_table
from resnets.analysis.latency import Timing
from resnets.data.dataset import Dataset, Split
from resnets.errors import ConfigError, DataError, OutputError, UnknownNameError, WeightsError
from resnets.evaluation.pairing import PairedComparison
from resnets.weights.to_layout import to_layout

from ..page_reader import read_page
from ..weights.publishing import published


class Answers(torch.nn.Module):
    """Answers with what the table says for an image whose first pixel is its place in the table."""

    def __init__(self, answers: list[int], num_classes: int = 2) -> None:
        super().__init__()
        self.scores = torch.nn.Parameter(
            2 * torch.nn.functional.one_hot(torch.tensor(answers), num_classes).float()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.scores[(images[:, 0, 0, 0] * 255).round().long()]
        return scores


SIGHT = {"image_size": 8, "mean": [0, 0, 0], "std": [1, 1, 1]}


def answering(answers: list[int], names: tuple[str, ...] = ("cat", "dog"), **fields: Any) -> Classifier:
    described = Classifier.from_network(
        create_model("resnet8", num_classes=len(names)),
        class_names=list(names),
        preprocessing=Preprocessing(**SIGHT),
        **fields,
    )
    return Classifier(Answers(answers, len(names)), described.info)


def dataset(labels: list[int]) -> Dataset:
    images = np.zeros((len(labels), 8, 8, 3), np.uint8)
    images[:] = np.arange(len(labels))[:, None, None, None]
    return Dataset(
        name="pets",
        kind="arrays",
        root=Path(),
        class_names=("cat", "dog"),
        splits={"test": Split("test", images, np.array(labels))},
    )


def test_figures_of_a_case_done_by_hand() -> None:
    labels = [0] * 40
    half = [0] * 20 + [1] * 20
    most = [0] * 33 + [1] * 7
    found = compare(
        [answering(labels), answering(half), answering(most)],
        data=dataset(labels),
        speed=False,
        workers=0,
    )
    assert [model.name for model in found.models] == ["resnet8", "resnet8 (2)", "resnet8 (3)"]
    assert [model.top1 for model in found.models] == [1.0, 0.5, 0.825]
    assert (found.data, found.split, found.num_images) == ("pets", "test", 40)
    apart = [(p.result.only_first, p.result.only_second, p.agreement) for p in found.pairs]
    assert apart == [(20, 0, 0.5), (7, 0, 0.825), (0, 13, 0.675)]
    # Exact two-sided p-values are 2 / 2^20, 2 / 2^7 and 2 / 2^13; Holm multiplies them by 3, 1 and 2.
    assert [p.p_value for p in found.pairs] == pytest.approx([3 * 2**-19, 2**-6, 2 * 2**-12])
    assert [p.level for p in found.pairs] == pytest.approx([0.05 / 3, 0.05, 0.05 / 2])
    assert all(p.is_real for p in found.pairs)
    assert len(found.differing) == 20
    assert {image.image for image in found.differing} == {f"test[{i}]" for i in range(20, 40)}
    first = found.differing[0]
    assert (first.label, [answer for answer, _ in first.answers]) == ("cat", ["cat", "dog", "cat"])
    assert [model.on_front for model in found.models] == [True, False, False]  # all cost the same
    columns, rows = comparison_table(found)
    assert [title for title, _ in columns][:4] == [
        "model",
        "top-1",
        "95 % interval",
        "calibration error",
    ]
    assert rows[1][:3] == ["resnet8 (2)", "50.00 %", "35.20 to 64.80 %"]  # R: binom.wilson(20, 40)


@pytest.mark.parametrize(
    ("result", "p_value", "words"),
    [
        (
            PairedComparison(1000, 20, 60, 1e-5),
            2e-5,
            "b recognises 4.00 points more than a (2.25 to 5.74): this difference is real (p < 0.001)",
        ),
        (
            PairedComparison(1000, 30, 24, 0.497),
            0.994,
            "a recognises 0.60 points more than b (-0.85 to 2.05): this may be chance (p = 0.994)",
        ),
        (
            PairedComparison(1000, 9, 9, 1.0),
            1.0,
            "a and b recognise equally many of the 1,000 images: no difference is seen",
        ),
    ],
)
def test_pairs_in_words(result: PairedComparison, p_value: float, words: str) -> None:
    pair = ComparedPair("a", "b", result, p_value=p_value, level=0.05, agreement=0.9)
    assert pair.words == words


def test_correction_for_many_pairs() -> None:
    # As R's p.adjust with method holm gives them.
    assert [p for p, _ in holm([0.01, 0.02, 0.03, 0.005])] == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.9, 0.8])[0] == (1.0, 0.05)
    assert holm([]) == []


def test_same_answer_by_other_names_of_the_classes() -> None:
    labels = [0, 0, 1, 1]
    found = compare(
        [answering([0, 1, 1, 1]), answering([1, 2, 0, 1], ("dog", "cat", "eel"))],
        data=dataset(labels),
        speed=False,
        workers=0,
    )
    # Right and right on the first and third; dog and eel; dog and cat.
    assert found.pairs[0].agreement == 0.5
    assert [image.image for image in found.differing] == ["test[3]", "test[1]"]
    assert found.notes == (
        "resnet8 (2): 1 of the model's 3 classes have no images here, and can be answered all the same; "
        "--restrict leaves them out",
    )


def test_classes_that_do_not_fit_are_refused_before_anything_is_evaluated() -> None:
    told: list[str] = []
    with pytest.raises(DataError) as caught:
        compare(
            [answering([0, 1]), answering([0, 1], ("eel", "fox"))],
            data=dataset([0, 1]),
            speed=False,
            workers=0,
            on_progress=lambda words, _done, _total: told.append(words),
        )
    assert str(caught.value).startswith(
        "resnet8 (2): the model has 2 classes, the data 2, 0 names in common. "
    )
    assert told == []


def test_another_division_of_the_data_is_said(tmp_path: Path) -> None:
    seen = {"name": "photos", "num_images": 10, "sha256": "0" * 64}
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(10):
            resnets_image(tmp_path / "photos" / name / f"{i}.png", i)
    models = [
        answering([0] * 256, data=seen, recipe={"val_share": 0.2, "seed": seed}) for seed in (0, 0, 1)
    ]
    found = compare(models, data=tmp_path / "photos", speed=False, workers=0)
    assert found.split == "val"
    assert found.notes[-1] == (
        "resnet8 (3) was trained on another division of its data than resnet8: it may have seen some of "
        "these images"
    )
    assert sum("another division" in note for note in found.notes) == 1


def resnets_image(path: Path, value: int) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8), (value, 0, 0)).save(path)


def test_on_paper() -> None:
    found = compare(["resnet18", "resnet50:torchvision_v1", "resnet50:torchvision_v2", "wrn-16-2"])
    assert [model.parameters for model in found.models[:3]] == [11_689_512, 25_557_032, 25_557_032]
    assert found.models[2].multiply_adds == 4_089_184_256
    assert [model.top1 for model in found.models[1:]] == pytest.approx([0.7613, 0.80858, None])
    assert [model.on_front for model in found.models] == [None, False, True, None]
    assert not found.pairs
    assert not found.machine
    assert len(found.models[0].reported) > 5
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert (rows[1]["name"], rows[1]["top1"], rows[1]["source"]) == (
        "resnet50:torchvision_v1",
        "0.7613",
        "resnet50:torchvision_v1: torchvision 0.28.0",
    )
    assert {"AlexNet", "NASNet-A-Large", "ConvNeXt-T"} <= {row["name"] for row in rows}
    fields = ("year", "recipe", "weights", "protocol")
    protocol = "one centre crop of image_size, bilinear; trained on ImageNet-1k only"
    expected = [
        ["2015", "then", "resnet50:torchvision_v1", protocol],
        ["2015", "now", "resnet50:torchvision_v2", protocol],
    ]
    assert [[row[field] for field in fields] for row in rows[1:3]] == expected
    assert [[row[f] for f in fields] for row in rows if row["name"] == "ResNet-50"] == expected
    assert [rows[3][field] for field in fields] == ["", "", "", ""]


def test_a_model_file_tells_its_own_accuracy(tmp_path: Path) -> None:
    metrics = [{"name": "top1", "value": 0.9, "data": "pets val", "num_images": 10}]
    model = Classifier.from_network(
        create_model("resnet8", num_classes=2),
        class_names=["cat", "dog"],
        preprocessing=Preprocessing(image_size=16),
        metrics=metrics,
    )
    model.save(tmp_path / "model.safetensors")
    for given in (model, tmp_path, str(tmp_path / "model.safetensors")):
        row = compare([given]).models[0]
        assert (row.architecture, row.image_size, row.top1) == ("resnet8", 16, 0.9)
        assert row.reported[0].data == "pets val"


def test_files(tmp_path: Path) -> None:
    labels = [0, 1, 0, 1]
    found = compare(
        [answering(labels), answering([0, 1, 1, 1])], data=dataset(labels), speed=False, workers=0
    )
    folder = found.save(tmp_path / "made" / "here")
    assert sorted({path.name for path in folder.iterdir()} - {"chart.png"}) == [  # by an extra
        "chart.svg",
        "comparison.csv",
        "comparison.html",
        "comparison.json",
        "differences.csv",
    ]
    assert json.loads((folder / "comparison.json").read_text("utf-8")) == found.to_dict()
    page = read_page((folder / "comparison.html").read_text("utf-8"))
    assert "0 of 1 difference in accuracy are real; the others may be chance." in page.text
    assert "resnet8 recognises 25.00 points more than resnet8 (2)" in page.text
    assert page.tags.count("img") == 1
    assert "top-1 accuracy, %" in page.text
    rows = list(csv.reader((folder / "differences.csv").open()))
    assert rows[0][:3] == ["image", "label", "resnet8: answer"]
    assert [row[:2] for row in rows[1:]] == [["test[2]", "cat"]]
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        found.save(tmp_path / "file")
    assert str(caught.value) == f"cannot make the folder {str(tmp_path / 'file')!r}: File exists"


ERRORS: tuple[tuple[type[Exception], dict[str, Any], str], ...] = (
    (
        ConfigError,
        {"models": [], "data": "pets"},
        "1 problem in the arguments of compare: data is for models: name at least one",
    ),
    (
        WeightsError,
        {"models": ["resnet18"], "data": "pets"},
        "resnet18 is an architecture, whose weights would be random; on data, give a model file or published "
        "weights (resnets list 'resnet18' --weights)",
    ),
    (
        ConfigError,
        {"models": ["resnet18"], "speed": Timing(batch_size=0, rounds=5)},
        "2 problems in the arguments of compare: timed batches must have at least 1 image, got 0; rounds must "
        "be at least 30, or medians mean little; got 5",
    ),
    (
        WeightsError,
        {"models": ["net.onnx"], "data": "pets"},
        "cannot read 'net.onnx': No such file or directory",
    ),
    (WeightsError, {"models": ["no/such"]}, "cannot read 'no/such': No such file or directory"),
    (
        UnknownNameError,
        {"models": ["resnet5O"]},
        "no architecture named 'resnet5O'. Did you mean 'resnet50', 'seresnet50', 'resnet56'? All names: "
        "resnets list",
    ),
)


@pytest.mark.parametrize(("kind", "arguments", "message"), ERRORS)
def test_errors(kind: type[Exception], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(kind) as caught:
        compare(**arguments)
    assert str(caught.value) == message


def test_speed_in_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnets.analysis.latency.memory_of_fresh_process", lambda *_, **__: 2**20)
    monkeypatch.setattr(comparing, "busy_note", lambda: "busy")
    found = compare(["resnet8,image_size=16", "resnet14,image_size=16"], speed=True)
    assert found.notes == ("busy",)
    assert found.machine["device"] == "cpu"
    assert [title for title, _ in comparison_table(found)[0]][3:6] == ["time", "middle half", "memory"]
    assert comparison_table(found)[1][0][5] == "1.00 MiB"


def test_public_name() -> None:
    assert resnets.compare is compare


def test_downloads_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, file = "resnet18:torchvision_v1", tmp_path / "resnet18.pth"
    torch.save(to_layout(create_model("resnet18"), "torchvision"), file)
    told: list[tuple[str, int, int]] = []
    with published(name, file, tmp_path / "cache", monkeypatch):
        monkeypatch.setattr(comparing, "_timed", lambda found, *rest: found)
        compare([name], speed=True, on_progress=lambda *step: told.append(step))
    words, done, total = [step for step in told if step[0].startswith("downloading")][-1]
    assert words.startswith("downloading resnet18-")
    assert done == total == file.stat().st_size
