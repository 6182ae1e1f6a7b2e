from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from resnets import Classifier, Preprocessing, create_model, evaluate, open_dataset
from resnets.data.dataset import Dataset, Split
from resnets.data.fingerprint import fingerprint
from resnets.data.packed import PackPolicy
from resnets.data.packing import pack
from resnets.errors import CheckFailedError, ConfigError, DataError, UnsupportedError, WeightsError
from resnets.evaluation.evaluation import Evaluation

from .models import COLOURS, colour_data, colour_images, colour_model

ANSWERS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
LABELS = [0, 0, 1, 1, 1, 1, 2, 2, 0, 0]
"""Red twice right and twice taken for blue; green once taken for red."""


def test_figures_of_a_case_done_by_hand() -> None:
    found = evaluate(colour_model(), colour_data(ANSWERS, LABELS), batch_size=3)
    assert found.top1 == 0.7
    assert found.predictions.tolist() == ANSWERS
    assert found.confusion.tolist() == [[2, 0, 2], [1, 3, 0], [0, 0, 2]]
    assert found.confused() == [("red", "blue", 2), ("green", "red", 1)]
    assert found.per_class.recall.tolist() == [0.5, 0.75, 1.0]
    assert found.per_class.precision == pytest.approx([2 / 3, 1, 0.5])
    level = 200 / 255
    sure = math.exp(level) / (math.exp(level) + 2)
    assert found.probabilities.max(1) == pytest.approx(np.full(10, sure), abs=1e-6)
    loss = -(0.7 * math.log(sure) + 0.3 * math.log((1 - sure) / 2))
    names = [metric.name for metric in found.metrics]
    assert names == ["top1", "mean_recall", "loss", "calibration_error"]  # no top-5 of three classes
    assert [metric.value for metric in found.metrics] == pytest.approx(
        [0.7, 0.75, loss, 0.7 - sure], abs=1e-6
    )
    assert (found.metrics[0].data, found.metrics[0].num_images) == ("colours test", 10)
    assert found.metric("top1").low == pytest.approx(0.3968, abs=1e-4)  # R: binom::binom.wilson(7, 10)
    assert found.metric("top1").high == pytest.approx(0.8922, abs=1e-4)


def test_images_are_seen_as_predict_sees_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Classifier.from_network(
        create_model("resnet8", num_classes=6),
        class_names=list("abcdef"),
        preprocessing=Preprocessing(image_size=16, resize_size=20, channels="BGR"),
    )
    generator = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "photos" / "val" / "abcdef"[i % 6]
        for split in (folder, tmp_path / "photos" / "train" / "abcdef"[i % 6]):
            split.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 256, (30 + i, 40, 3), np.uint8)
            Image.fromarray(pixels).save(split / f"{i}.png")
    for views in ({}, {"flip": True}, {"crops": 5}, {"crops": 5, "flip": True}):
        found = evaluate(model, tmp_path / "photos", workers=0, batch_size=5, **views)
        assert (found.split, len(found)) == ("val", 12)
        paths = [tmp_path / "photos" / name for name in found.images]
        told = model.predict(paths, top=6, **views)
        for answer, row, label in zip(told, found.probabilities, found.labels, strict=True):
            table = {c.index: c.probability for c in answer.classes}
            assert row == pytest.approx([table[i] for i in range(6)], abs=2e-6)
            assert Path(answer.image).parent.name == model.class_names[label]
    ten = evaluate(model, tmp_path / "photos", workers=0, crops=10)
    assert ten.logits == pytest.approx(found.logits, abs=1e-5)
    assert (ten.conditions.crops, ten.conditions.flip) == (10, True)


def test_classes_are_matched_by_name_whatever_their_order() -> None:
    data = colour_data([0, 1, 2, 2], [1, 2, 0, 1], class_names=("blue", "red", "green"))
    found = evaluate(colour_model(), data)
    assert found.class_names == COLOURS
    assert found.labels.tolist() == [0, 1, 2, 0]
    assert found.top1 == 0.75


def test_ids_find_a_subset_and_all_classes_may_be_answered_unless_restricted() -> None:
    model = colour_model(class_ids=["n1", "n2", "n3"])
    data = colour_data([0, 1, 2], [1, 0, 1], class_names=("Blau", "Rot"), class_ids=("n3", "n1"))
    full = evaluate(model, data)
    assert (full.class_names, full.labels.tolist(), full.top1) == (COLOURS, [0, 2, 0], 1 / 3)
    assert full.conditions.matched_by == "ids"
    assert full.notes == (
        "1 of the model's 3 classes have no images here, and can be answered all the same; --restrict leaves "
        "them out",
    )
    some = evaluate(model, data, restrict=True)
    assert (some.class_names, some.labels.tolist(), some.notes) == (("blue", "red"), [1, 0, 1], ())
    assert some.predictions.tolist() == [1, 0, 0]  # green is neither: the first
    assert some.probabilities.sum(1) == pytest.approx(np.ones(3))


def test_images_without_a_label_are_left_out() -> None:
    found = evaluate(colour_model(), colour_data([0, 1, 2], [-1, 1, -1]))
    assert (found.top1, found.images) == (1.0, ("test[1]",))
    assert found.indices.tolist() == [1]


def test_worst_and_least_certain_images() -> None:
    images = colour_images([0, 1, 2, 1])
    images[3] //= 4
    data = colour_data([], [], splits={"test": Split("test", images, np.array([0, 0, 2, 1]))})
    found = evaluate(colour_model(5), data)
    (worst,) = found.worst(1)
    assert (worst.image, worst.label, worst.predicted, worst.rank) == ("test[1]", "red", "green", 2)
    assert worst.loss == pytest.approx(-math.log(worst.label_probability))
    assert found.least_certain(1)[0].image == "test[3]"


def test_saved_predictions(tmp_path: Path) -> None:
    found = evaluate(colour_model(), colour_data(ANSWERS, LABELS))
    rows = list(csv.DictReader(found.save_predictions(tmp_path / "answers.csv").open()))
    assert len(rows) == 10
    assert [row["predicted"] for row in rows] == [COLOURS[i] for i in ANSWERS]
    assert np.mean([int(row["correct"]) for row in rows]) == 0.7
    assert rows[2] == {
        "image": "test[2]",
        "label": "green",
        "predicted": "red",
        "correct": "0",
        "rank": "2",
        "probability": f"{found.confidences[2]:.6g}",
        "label_probability": f"{found.probabilities[2, 1]:.6g}",
        "loss": f"{found.losses[2]:.6g}",
    }


def test_dictionary_is_json_without_nan() -> None:
    found = evaluate(colour_model(), colour_data([0, 0, 1], [0, 0, 1]))
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["classes"][2] == {
        "label": "blue",
        "count": 0,
        "precision": None,
        "recall": None,
        "recall_low": None,
        "recall_high": None,
        "f1": None,
    }
    assert document["confusion"] == [
        {"label": "red", "predicted": "red", "count": 2},
        {"label": "green", "predicted": "green", "count": 1},
    ]
    assert document["metrics"]["top1"].keys() == {"value", "low", "high"}
    assert len(document["calibration_bins"]) == 15
    assert sum(part["count"] for part in document["calibration_bins"]) == 3


def test_a_check_that_is_not_met() -> None:
    found = evaluate(colour_model(), colour_data(ANSWERS, LABELS))
    found.require_top1(0.7)
    with pytest.raises(CheckFailedError) as caught:
        found.require_top1(0.76)
    assert str(caught.value) == (
        "top-1 of resnet20 on colours test is 70.00 % (39.68 to 89.22 with 95 % confidence), asked for was "
        "at least 76.00 %"
    )


def with_splits(*names: str, **fields: Any) -> Dataset:
    splits = {name: Split(name, colour_images([0, 1, 2]), np.arange(3)) for name in names}
    return colour_data([], [], splits=splits, **fields)


@pytest.mark.parametrize(
    ("names", "split", "chosen", "count"),
    [
        (("train", "val", "test"), None, "val", 3),
        (("train", "test"), None, "test", 3),
        (("train", "val", "test"), "train", "train", 3),
        (("train", "val", "test"), "all", "all", 9),
    ],
)
def test_split(names: tuple[str, ...], split: str | None, chosen: str, count: int) -> None:
    found = evaluate(colour_model(), with_splits(*names), split=split)
    assert (found.split, len(found), found.notes) == (chosen, count, ())
    assert found.indices.tolist() == list(range(count))


DRAWN = "val is 20 % of each class, drawn here by seed 0"


@pytest.mark.parametrize(
    ("trained_on", "split", "notes"),
    [
        (None, "all", ()),
        (("others", 70), "all", ()),
        (("colours", 3), "val", (f"colours has no splits: {DRAWN}",)),
        (
            ("colours", 7),
            "val",
            (
                f"colours has no splits: {DRAWN}",
                "the model was trained on 7 images, and this leaves 3 for training: it may have seen some of val",
            ),
        ),
    ],
)
def test_data_without_splits(
    trained_on: tuple[str, int] | None, split: str, notes: tuple[str, ...]
) -> None:
    fields: dict[str, Any] = {}
    if trained_on:
        name, count = trained_on
        fields["data"] = {"name": name, "num_images": count, "sha256": "0" * 64}
    data = with_splits("train", "val", split_origin=DRAWN)
    found = evaluate(colour_model(**fields), data)
    assert (found.split, found.notes) == (split, notes)


def test_splits_are_drawn_as_the_recipe_says(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "colours.npz", x_train=colour_images([0, 1, 2] * 10), y_train=np.array([0, 1, 2] * 10)
    )
    names = ["0", "1", "2"]
    path = tmp_path / "colours.npz"

    def found_with(seed: int, **data: Any) -> Evaluation:
        known = {**fingerprint(open_dataset(path, seed=seed, val_share=0.5)).to_dict(), **data}
        recipe = {"seed": seed, "val_share": 0.5}
        return evaluate(colour_model(class_names=names, data=known, recipe=recipe), path)

    chosen = [found_with(0), found_with(1)]
    assert [len(found) for found in chosen] == [15, 15]
    assert chosen[0].notes == ("colours has no splits: val is 50 % of each class, drawn here by seed 0",)
    assert chosen[1].notes == ("colours has no splits: val is 50 % of each class, drawn here by seed 1",)
    unlike = "; the model was trained on other images, and may have seen some of these"
    assert found_with(0, sha256="0" * 64).notes == (chosen[0].notes[0] + unlike,)


def test_packed_data(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for index, name in enumerate(COLOURS):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i, pixels in enumerate(colour_images([index] * 2, seed=index)):
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{i}.png")
    model = colour_model()
    plain = evaluate(model, tmp_path / "photos", workers=0)
    packed = tmp_path / "photos.pack"
    pack(
        open_dataset(tmp_path / "photos"),
        packed,
        policy=PackPolicy(preprocessing=model.preprocessing),
        workers=0,
    )
    found = evaluate(model, packed)
    assert (found.data, found.split) == ("photos", "val")
    assert found.images == plain.images
    assert (found.logits == plain.logits).all()
    with pytest.raises(DataError) as caught:
        evaluate(model, packed, crops=5)
    assert str(caught.value) == (
        f"the packed data set {str(packed)!r} holds the middle of each image: evaluate five crops on the "
        "data that it was packed from"
    )


def test_unusable_images_are_all_named(tmp_path: Path) -> None:
    for split, count in (("train", 1), ("val", 12)):
        for name in COLOURS:
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (9, 9)).save(tmp_path / "photos" / split / name / f"{i:02}.png")
    for i in (1, 3):
        (tmp_path / "photos" / "val" / "green" / f"{i:02}.png").write_bytes(b"")
    start = tmp_path / "photos" / "val"
    for crops in (1, 5):
        with pytest.raises(DataError) as caught:
            evaluate(colour_model(), tmp_path / "photos", workers=0, crops=crops)
        assert str(caught.value) == (
            "2 of 36 images cannot be used, and figures without them would not be comparable: "
            f"{start}/green/01.png: the file is empty; {start}/green/03.png: the file is empty. Take them "
            "out, or see: resnets data check DATA"
        )
    for i in range(12):
        (start / "blue" / f"{i:02}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"^14 of 36 images .*; and 4 more\. Take them out"):
        evaluate(colour_model(), tmp_path / "photos", workers=0)


def test_answers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(WeightsError) as caught:
        evaluate(colour_model(math.nan), colour_data([0, 1], [0, 1]))
    assert str(caught.value) == (
        "resnet20 gives no finite scores for test[0]: its weights do not fit such values"
    )


def test_a_network_without_a_classifier_is_refused() -> None:
    model = Classifier.from_network(
        create_model("resnet8", include_top=False), preprocessing=Preprocessing(image_size=16)
    )
    with pytest.raises(UnsupportedError) as caught:
        evaluate(model, colour_data([0], [0]))
    assert str(caught.value) == "this resnet8 has no classifier to evaluate"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"split": "dev"},
            "1 problem in the options: split must be one of train, val, test, all, got 'dev'",
        ),
        (
            {"crops": 3, "batch_size": 0, "workers": -1},
            "3 problems in the arguments of evaluate: crops must be 1, 5 or 10, got 3; batch_size must be at "
            "least 1, got 0; workers must be at least 0, got -1",
        ),
    ],
)
def test_arguments_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        evaluate(colour_model(), colour_data([0], [0]), **options)
    assert str(caught.value) == message


def test_crops_need_a_model_that_crops() -> None:
    model = colour_model(preprocessing={"image_size": 8, "fit": "pad"})
    with pytest.raises(ConfigError) as caught:
        evaluate(model, colour_data([0], [0]), crops=10)
    assert str(caught.value) == (
        "1 problem in the arguments of evaluate: crops=10 needs a model that crops, this one has 'pad'"
    )


def test_a_split_without_labels_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        evaluate(colour_model(), colour_data([0, 1], [-1, -1]))
    assert str(caught.value) == "colours has no labelled images in 'train'; it has them in none"
    with pytest.raises(DataError) as caught:
        evaluate(colour_model(), with_splits("train", "test"), split="val")
    assert str(caught.value) == "colours has no labelled images in 'val'; it has them in train, test"
