"""Tables of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from resnets.data.opening import open_dataset
from resnets.data.sources.manifest import read_manifest
from tests.data.trees import assert_refused, counts, write_tree


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "image,label,split\na/0.jpg,cat,train\na/1.jpg,dog,Training\nb/0.jpg,dog,valid\n"),
        ("m.csv", "\ufeffPath;Class;Subset\na/0.jpg;cat;train\na/1.jpg;dog;train\nb/0.jpg;dog;val\n"),
        ("m.tsv", "filename\tlabel\tsplit\na/0.jpg\tcat\ttrain\n./a/1.jpg\tdog\t\nb/0.jpg\tdog\tval\n"),
    ],
)
def test_columns_have_their_usual_names(tmp_path: Path, name: str, text: str) -> None:
    write_tree(tmp_path, {"a": 2, "b": 1, name: text})
    dataset = read_manifest(tmp_path / name)
    assert (dataset.kind, dataset.root) == ("manifest", tmp_path / name)
    assert counts(dataset) == {"train": {"cat": 1, "dog": 1}, "val": {"dog": 1}}
    assert dataset.splits["train"].images[1] == tmp_path / "a" / "1.jpg"


def test_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    rows = "".join(f"a/{i}.jpg,{label}\n" for i, label in enumerate((10, 9, 2)))
    write_tree(tmp_path, {"a": 3, "m.csv": f"image,label\n{rows}"})
    assert read_manifest(tmp_path / "m.csv").class_names == ("2", "9", "10")


def test_test_images_may_have_no_class(tmp_path: Path) -> None:
    text = "image,label,split\na/0.jpg,x,train\na/1.jpg,y,train\na/2.jpg,,test\n"
    dataset = read_manifest(write_tree(tmp_path, {"a": 3, "m.csv": text}) / "m.csv")
    assert counts(dataset)["test"] == {"?": 1}


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    secret = write_tree(tmp_path / "outside", {"s.jpg": "secret"}) / "s.jpg"
    root = write_tree(tmp_path / "data", {"a": 9})
    (root / "link.jpg").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    rows = [
        "a/0.jpg,x,train", "a/1.jpg,y,train", "../outside/s.jpg,x,train", "\0.jpg,x,train", f"{tmp_path}/t.jpg,x,train",
        "link.jpg,x,train", "folder/s.jpg,x,train", "gone.jpg,x,train", "a,y,train", "a/2.jpg,x,train",
        "a/2.jpg,y,train", "a/3.jpg,x,train", "a/./3.jpg,x,train", "a/4.jpg,x,holdout", "a/5.jpg,,train",
        ",x,train", "a/6.jpg,z,val",
    ]  # fmt: skip
    (root / "m.csv").write_text("image,label,split\n" + "\n".join(rows))
    assert_refused(
        lambda: read_manifest(root / "m.csv"),
        f"7 problems in {root}/m.csv: lines without an image or a class: '16', '17'; "
        f"images outside the folder of the manifest: '../outside/s.jpg', '{tmp_path}/t.jpg', 'link.jpg', "
        "'folder/s.jpg'; images that are not there: '\\x00.jpg', 'gone.jpg', 'a'; "
        "images with two classes or in two splits: 'a/2.jpg'; images listed twice: 'a/./3.jpg'; "
        "splits other than train, val and test: 'holdout'; "
        "val has classes that train lacks: 'z' (1 image)",
    )


@pytest.mark.parametrize("name", ["d.csv", "./d.csv", "."])
def test_a_manifest_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rows = "".join(f"{i}.jpg,{'xy'[i % 2]}\n./a/{i}.jpg,{'xy'[i % 2]}\n" for i in range(5))
    root = write_tree(tmp_path / "birds", {".": 5, "a": 5, "d.csv": f"image,label\n{rows}"})
    monkeypatch.chdir(root)
    dataset = open_dataset(name, val_share=0.0)
    assert counts(dataset) == {"train": {"x": 6, "y": 4}}
    assert dataset.splits["train"].images[:2] == [Path("0.jpg"), Path("a/0.jpg")]
    named = open_dataset(root / "d.csv", val_share=0.0)
    assert [root / str(image) for image in dataset.splits["train"].images] == named.splits[
        "train"
    ].images


@pytest.mark.parametrize("place", [".", "below"])
def test_nothing_leaves_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    secret = write_tree(tmp_path / "outside", {"s.jpg": "secret"}) / "s.jpg"
    root = write_tree(tmp_path / "data", {"a": 2, "below": 0})
    (root / "link.jpg").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    rows = ["a/0.jpg", "a/../a/1.jpg", f"{root}/a/0.jpg", "../outside/s.jpg", f"{tmp_path}/t.jpg"]
    rows += ["link.jpg", "folder/s.jpg", "..a/s.jpg"]
    (root / "m.csv").write_text("image,label\n" + "".join(f"{row},x\n" for row in rows))
    monkeypatch.chdir(root / place)
    file = "m.csv" if place == "." else "../m.csv"
    assert_refused(
        lambda: open_dataset(file),
        f"4 problems in {file}: images outside the folder of the manifest: '../outside/s.jpg', "
        f"'{tmp_path}/t.jpg', 'link.jpg', 'folder/s.jpg'; images that are not there: '..a/s.jpg'; images listed twice: "
        f"'{root}/a/0.jpg'; there is only one class, 'x'; a classifier needs two",
    )


def test_absolute_paths_are_taken_if_asked(tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "outside", {"a": 2})
    root = write_tree(
        tmp_path / "data", {"m.csv": f"image,label\n{outside}/a/0.jpg,x\n{outside}/a/1.jpg,y\n"}
    )
    dataset = read_manifest(root / "m.csv", absolute_paths=True)
    assert dataset.splits["train"].images == [outside / "a" / "0.jpg", outside / "a" / "1.jpg"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"photo,label\n", "it needs a column 'image' and a column 'class', as in image,class,split; it has 'photo', 'label'"),
        (b"", "it needs a column 'image' and a column 'class', as in image,class,split; it is empty"),
        (b"image,label\n\xff,x\n", "it is not a table in UTF-8: 'utf-8' codec can't decode byte 0xff in position 12: invalid start byte"),
    ],
)  # fmt: skip
def test_what_is_no_manifest(tmp_path: Path, content: bytes, problem: str) -> None:
    file = write_tree(tmp_path, {"m.csv": content}) / "m.csv"
    assert_refused(lambda: read_manifest(file), f"1 problem in {file}: {problem}")


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    text = "image,label\n" + "".join(f"pool/{i}.jpg,{'xy'[i % 2]}\n" for i in range(10))
    dataset = open_dataset(write_tree(tmp_path / "birds", {"pool": 10, "labels.csv": text}))
    assert (dataset.name, dataset.kind) == ("birds", "manifest")
    assert counts(dataset) == {"train": {"x": 4, "y": 4}, "val": {"x": 1, "y": 1}}


def test_a_table_beside_classes_is_not_the_manifest(tmp_path: Path) -> None:
    text = "image,label\na/0.jpg,other\n"
    write_tree(tmp_path, {"a": 5, "b": 5, "notes.csv": text})
    assert open_dataset(tmp_path).class_names == ("a", "b")
    (tmp_path / "manifest.csv").write_text("image,label\na/0.jpg,p\na/1.jpg,p\nb/0.jpg,q\nb/1.jpg,q\n")
    assert open_dataset(tmp_path).class_names == ("p", "q")


def test_two_manifests_are_one_too_many(tmp_path: Path) -> None:
    text = "image,label\npool/0.jpg,x\n"
    write_tree(tmp_path, {"pool": 1, "one.csv": text, "two.csv": text})
    assert_refused(
        lambda: open_dataset(tmp_path),
        f"'{tmp_path}' has more than one manifest, 'one.csv', 'two.csv': name the one to open",
    )
