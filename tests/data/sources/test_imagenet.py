"""The layouts of ImageNet and Tiny-ImageNet, with readable names."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnets.data.labels import label_set
from resnets.data.opening import open_dataset
from resnets.data.sources.class_folders import read_class_folders
from tests.data.trees import assert_refused, counts, passed_over, write_tree

TENCH, GOLDFISH = "n01440764", "n01443537"
TRAIN: dict[str, int | str | bytes] = {f"train/{TENCH}": 2, f"train/{GOLDFISH}": 2}
VAL: dict[str, int | str | bytes] = {f"val/ILSVRC2012_val_0000000{i}.JPEG": "" for i in (1, 2, 3)}
# What the labels of VAL are in each of the files.
LABELS = {
    "LOC_val_solution.csv": (
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000002,{TENCH} 1 2 3 4 \n"
        f"ILSVRC2012_val_00000001,{GOLDFISH} 1 2 3 4 {TENCH} 5 6 7 8 \n"
        f"ILSVRC2012_val_00000003,{GOLDFISH} 1 2 3 4 \n"
    ),
    "imagenet_2012_validation_synset_labels.txt": f"{GOLDFISH}\n{TENCH}\n{GOLDFISH}\n",
    "val.txt": "".join(
        f"ILSVRC2012_val_0000000{i}.JPEG {label}\n" for i, label in ((1, 1), (2, 0), (3, 1))
    ),
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("folder", ["", "val/"])
def test_validation_images_in_one_folder(tmp_path: Path, name: str, folder: str) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {**TRAIN, **VAL, folder + name: LABELS[name]}))
    assert dataset.kind == "imagenet"
    assert dataset.class_ids == (TENCH, GOLDFISH)
    assert dataset.class_names == ("tench", "goldfish")
    assert dataset.splits["val"].labels.tolist() == [1, 0, 1]
    assert passed_over(dataset, tmp_path) == ({} if folder else {name: "labels"})


def test_validation_images_in_class_folders(tmp_path: Path) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {**TRAIN, f"val/{GOLDFISH}": 1}))
    assert dataset.kind == "imagenet"
    assert counts(dataset)["val"] == {"goldfish": 1}


def test_kaggles_folders(tmp_path: Path) -> None:
    inner = "ILSVRC/Data/CLS-LOC/"
    tree = {inner + name: value for name, value in {**TRAIN, **VAL, "test/x.JPEG": ""}.items()}
    write_tree(tmp_path, {**tree, "LOC_val_solution.csv": LABELS["LOC_val_solution.csv"]})
    dataset = open_dataset(tmp_path)
    assert counts(dataset) == {
        "train": {"tench": 2, "goldfish": 2},
        "val": {"tench": 1, "goldfish": 2},
        "test": {"?": 1},
    }


def test_images_that_the_labels_lack_are_named(tmp_path: Path) -> None:
    write_tree(tmp_path, {**TRAIN, **VAL, "val/extra.JPEG": "", "val.txt": LABELS["val.txt"]})
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"1 problem in {tmp_path}: the file of labels of val lacks 'extra.JPEG'",
    )


def test_tiny_imagenet(tmp_path: Path) -> None:
    labels = label_set("tiny_imagenet")
    assert labels.ids is not None
    tree: dict[str, int | str] = {f"train/{name}/images": 1 for name in labels.ids}
    tree[f"train/{labels.ids[0]}/{labels.ids[0]}_boxes.txt"] = "x_0.JPEG\t0\t0\t62\t43\n"
    tree |= {"val/images/val_0.JPEG": "", "val/images/val_1.JPEG": "", "test/images": 2}
    tree["val/val_annotations.txt"] = (
        f"val_0.JPEG\t{labels.ids[7]}\t0\t32\t44\t62\nval_1.JPEG\t{labels.ids[0]}\t52\t55\t57\t59\n"
    )
    tree |= {"wnids.txt": "", "words.txt": ""}
    dataset = open_dataset(write_tree(tmp_path / "tiny-imagenet-200", tree).parent)
    assert (dataset.kind, dataset.name) == ("tiny_imagenet", "tiny-imagenet-200")
    assert dataset.class_names == labels.names
    assert dataset.class_ids == labels.ids
    assert dataset.splits["val"].labels.tolist() == [7, 0]
    assert [len(split) for split in dataset.splits.values()] == [200, 2, 2]
    assert dataset.splits["test"].labels.tolist() == [-1, -1]


def test_ids_that_are_not_known_stay(tmp_path: Path) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {"n00000001": 1, TENCH: 1}))
    assert dataset.class_names == ("n00000001", TENCH)
    assert dataset.class_ids == ()
