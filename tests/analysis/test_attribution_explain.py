"""`explain`: maps over the original image, the class that is meant, files that are written."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image

import resnets
from resnets import Classifier, Preprocessing
from resnets.analysis.attribution import METHODS, Method
from resnets.analysis.class_choice import UnknownClassError, find_class
from resnets.analysis.explaining import Explainable, explain, explain_each
from resnets.analysis.explanation import Explanation
from resnets.analysis.faithfulness import Deletion, measure_deletion
from resnets.analysis.seen_window import seen_window
from resnets.data.preprocessing import prepare
from resnets.errors import ImageError, OutputError, UnsupportedError

Fit = Literal["crop", "pad", "stretch"]
GREY, RED = (128, 128, 128), (255, 0, 0)


def red_detector(fit: Fit = "crop", **preprocessing: Any) -> Classifier:
    """A ResNet-20 that is as sure of 'red' as there is red in the image; its units pass maps on."""
    network: Any = resnets.create_model("resnet20", num_classes=3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(1.0 if name == "stem.norm.weight" else 0.0)
        network.stem.conv.weight[0] = torch.tensor([1.0, -0.5, -0.5])[:, None, None] / 9
        network.classifier.weight[0] = 10.0
    return Classifier.from_network(
        network,
        class_names=["red", "green", "blue"],
        class_ids=["n1", "n2", "n3"],
        preprocessing=Preprocessing(
            image_size=32, fit=fit, mean=(0.5,) * 3, std=(0.5,) * 3, **preprocessing
        ),
    )


def picture(size: tuple[int, int], mark: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGB", size, GREY)
    image.paste(RED, mark)
    return image


def middle(heat: Any) -> tuple[float, float]:
    """Of what a map shows, in pixels of the image."""
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]] + 0.5
    return float((heat * columns).sum() / heat.sum()), float((heat * rows).sum() / heat.sum())


MARKS: list[tuple[Fit, tuple[int, int], tuple[int, int, int, int]]] = [
    ("crop", (160, 96), (84, 20, 108, 44)),
    ("pad", (96, 160), (8, 92, 40, 124)),
    ("stretch", (160, 96), (24, 50, 56, 70)),
]


@pytest.mark.parametrize(
    ("fit", "size", "mark", "method"),
    [*[(*mark, "gradcam") for mark in MARKS], *[(*MARKS[1], method) for method in METHODS[2:]]],
)
def test_a_mark_is_found_where_it_is(
    fit: Fit, size: tuple[int, int], mark: tuple[int, int, int, int], method: Method
) -> None:
    model = red_detector(fit, **({"resize_size": 36} if fit == "crop" else {}))
    finest = "stages.0" if method in ("gradcam", "layercam") else None
    (found,) = explain(picture(size, mark), model=model, method=method, layers=finest)
    heat = found.maps[0].heat
    assert heat.shape == size[::-1]
    assert heat.dtype == np.float32
    assert float(heat.min()) == pytest.approx(0.0, abs=1e-5)
    assert float(heat.max()) == pytest.approx(1.0, abs=0.1)
    across, down = middle(heat)
    assert across == pytest.approx((mark[0] + mark[2]) / 2, abs=3)
    assert down == pytest.approx((mark[1] + mark[3]) / 2, abs=3)
    assert found.explained.label == "red"


def test_a_photo_taken_sideways_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is stored at the left comes to the top
    file = io.BytesIO()
    picture((160, 96), (8, 30, 40, 62)).save(file, "PNG", exif=exif)
    (found,) = explain(file.getvalue(), model=red_detector("pad"), layers="stages.0")
    assert found.preview.size == (96, 160)
    across, down = middle(found.maps[0].heat)
    assert across == pytest.approx(96 - 46, abs=3)
    assert down == pytest.approx(24, abs=3)


def test_what_the_network_did_not_see_is_veiled() -> None:
    image = picture((200, 100), (0, 0, 30, 100))  # the middle square begins at 50
    (found,) = explain(image, model=red_detector(), target="red")
    assert found.notes == ("nothing in stages.2 speaks for 'red'",)
    assert not found.maps[0].heat.any()
    assert found.seen.inside() == (50, 0, 150, 100)
    shown = np.asarray(found.overlay().convert("RGB"))
    panel = shown[12 : 12 + 224, 12 + 448 + 12 :][:, :448].astype(int)
    unseen, between = panel[:, 75:110], panel[:, 113:335]
    assert np.ptp(unseen.reshape(-1, 3), axis=0).max() == 0
    assert unseen[0, 0].tolist() == [186] * 3  # three quarters of 205, one of 128
    assert between.mean(axis=(0, 1)).argmax() == 2  # a breath of viridis' violet
    (alone,) = found.pictures()
    assert alone.size == (200, 100)
    assert alone.getpixel((40, 50)) == (186, 186, 186)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(90, 50), (50, 91), (64, 64)])
def test_the_window_is_what_preprocessing_shows(fit: Fit, size: tuple[int, int]) -> None:
    """Each pixel of the view has the colour of the place in the image that the window gives it."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = np.stack([columns * 2, rows * 2, 0 * rows], -1).astype(np.uint8)
    resize = {"resize_size": 20} if fit == "crop" else {}
    policy = Preprocessing(image_size=16, fit=fit, mean=(0, 0, 0), std=(1, 1, 1), **resize)
    view = prepare(image, policy) * 255 / 2
    seen = seen_window(size, policy)
    across = seen.left + (np.arange(16) + 0.5) / 16 * (seen.right - seen.left) - 0.5
    down = seen.top + (np.arange(16) + 0.5) / 16 * (seen.bottom - seen.top) - 0.5
    within = (slice(None), slice(4, 12), slice(5, 11))  # resampling bends the ends
    expected = np.stack(np.broadcast_arrays(across[None], down[:, None]))
    assert np.abs(view[:2] - expected)[within].max() < 1.0


def test_stages_side_by_side() -> None:
    model = red_detector()
    image = picture((64, 64), (8, 8, 24, 24))
    (found,) = explain(image, model=model, method="layercam", layers="stages")
    assert [layer.layer for layer in found.maps] == ["stages.0", "stages.1", "stages.2"]
    assert [layer.raw.shape for layer in found.maps] == [(32, 32), (16, 16), (8, 8)]
    for layer in found.maps:
        assert np.abs(np.subtract(middle(layer.heat), 16)).max() < 3
    (alone,) = explain(image, model=model, method="layercam")
    assert found.overlay().width - alone.overlay().width == 2 * (448 + 12)


def test_images_of_every_kind_in_order(tmp_path: Path) -> None:
    model = red_detector()
    image = picture((64, 64), (8, 8, 24, 24))
    image.save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    image.save(tmp_path / "c.bmp")
    path = model.save(tmp_path / "model.safetensors")
    given: list[Explainable] = [
        tmp_path,
        image,
        np.asarray(image),
        (tmp_path / "a.png").read_bytes(),
        *[image] * 8,
    ]
    answers = list(explain_each(given, model=path, target=1))
    assert [answer.source for answer in answers if isinstance(answer, ImageError)] == [
        f"{tmp_path}/b.jpg"
    ]
    good = [answer for answer in answers if isinstance(answer, Explanation)]
    assert [Path(answer.image).name for answer in good] == ["a.png", "c.bmp", *[""] * 11]
    for answer in good:
        assert (answer.explained.label, answer.explained.id, answer.explained.index) == (
            "green",
            "n2",
            1,
        )
        assert answer.predicted.label == "red"
        assert np.array_equal(answer.maps[0].raw, good[0].maps[0].raw)
    with pytest.raises(ImageError, match="HTML page"):
        explain(given, model=model)
    assert resnets.explain is explain


def test_a_class_is_found_by_name_id_and_number() -> None:
    names = ["tabby", "Siberian husky", "7", "Eskimo dog"]
    ids = ["n02123045", "n02110185", "n1", "n2"]
    for wanted in ("Siberian husky", "siberian HUSKY", "n02110185", "N02110185", "1", 1):
        assert find_class(wanted, names, ids) == 1
    assert find_class("7", names, ids) == 2


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("husky", "Class 'husky' is not in this model. Nearest: 'husky dog', 'Siberian husky'"),
        ("tabbi", "Class 'tabbi' is not in this model. Nearest: 'tabby'"),
        ("qqq", "Class 'qqq' is not in this model. It has 4, such as 'tabby', 'Siberian husky', 'eel'"),
        ("", "Class '' is not in this model. It has 4, such as 'tabby', 'Siberian husky', 'eel'"),
        (4, "Class 4 is not in this model. It has 4, from 0 to 3"),
        (-1, "Class -1 is not in this model. It has 4, from 0 to 3"),
    ],
)
def test_unknown_classes(wanted: str | int, message: str) -> None:
    with pytest.raises(UnknownClassError) as caught:
        find_class(wanted, ["tabby", "Siberian husky", "eel", "husky dog"])
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_values_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    model = red_detector()
    with torch.no_grad():
        model.network.get_parameter("classifier.weight")[0] = torch.nan
    picture((64, 64), (8, 8, 24, 24)).save(tmp_path / "a.png")
    (answer,) = explain_each(tmp_path / "a.png", model=model)
    assert isinstance(answer, ImageError)
    assert str(answer) == (
        f"{tmp_path}/a.png: gives no finite map: the network's weights do not fit such values"
    )


def test_a_network_without_classifier() -> None:
    network = resnets.create_model("resnet20", include_top=False)
    model = Classifier.from_network(network, preprocessing=Preprocessing(image_size=32))
    with pytest.raises(UnsupportedError) as caught:
        explain_each([], model=model)
    assert str(caught.value) == "this resnet20 has no classifier to explain"


def test_files_are_never_replaced(tmp_path: Path) -> None:
    (found,) = explain(picture((64, 40), (8, 8, 24, 24)), model=red_detector(), method="layercam")
    named = dataclasses.replace(found, image="photos/cat.tar.jpg")
    first, second = named.save(tmp_path / "new"), named.save(tmp_path / "new")
    assert [path.name for path in first] == ["cat.tar.layercam.png", "cat.tar.layercam.npy"]
    assert [path.name for path in second] == ["cat.tar.layercam-2.png", "cat.tar.layercam-2.npy"]
    assert np.array_equal(np.load(first[1]), found.maps[0].raw)
    with Image.open(second[0]) as shown:
        assert shown.format == "PNG"
        assert shown.size == found.overlay().size
    (stages,) = explain(found.preview, model=red_detector(), layers="stages")
    assert [path.name for path in stages.save(tmp_path)] == [
        "image.gradcam.png",
        *[f"image.gradcam.stages.{i}.npy" for i in range(3)],
    ]
    long = dataclasses.replace(found, image="€" * 83 + ".png").save(tmp_path)
    assert len(long[0].name.encode()) < 200
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        found.save(tmp_path / "file")
    assert str(caught.value) == f"cannot write into '{tmp_path}/file': File exists"
    (tmp_path / "taken" / "image.layercam.npy").mkdir(parents=True)
    with pytest.raises(OutputError):
        found.save(tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["image.layercam.npy"]


def test_deleting_what_matters_is_sooner_than_chance() -> None:
    image = picture((64, 64), (8, 8, 24, 24))
    (found,) = explain(image, model=red_detector(), target="red", check=True)
    (unchecked,) = explain(image, model=red_detector())
    assert unchecked.deletion is None
    assert found.deletion is not None
    assert found.deletion.beats_random
    assert len(found.deletion.curve) == 11
    assert found.deletion.curve[0] == pytest.approx(found.explained.probability)
    assert found.to_dict()["deletion"] == {
        "area": round(found.deletion.area, 6),
        "random_area": round(found.deletion.random_area, 6),
        "beats_random": True,
    }


def test_chance_is_drawn_anew_for_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def noting(*given: Any, seed: int, **options: Any) -> Deletion:
        seeds.append(seed)
        return measure_deletion(*given, seed=seed, **options)

    monkeypatch.setattr("resnets.analysis.explaining.measure_deletion", noting)
    first, second = (picture((64, 64), (x, 8, x + 20, 24)) for x in (8, 30))
    found = explain([first, second, first], model=red_detector(), target="red", check=True)
    assert seeds[0] == seeds[2] != seeds[1]
    assert found[0].deletion == found[2].deletion


def test_the_order_of_deletion() -> None:
    """The curve of an image whose probability is what is left of its bright pixels."""
    view = torch.zeros(1, 8, 8)
    view[0, 2:4] = 1.0
    raw = view[0].numpy()

    def bright(images: torch.Tensor) -> torch.Tensor:
        return (images == 1).float().sum(dim=(1, 2, 3))[:, None] / 16

    best = measure_deletion(bright, view, 0, raw, steps=4, num_random=3)
    worst = measure_deletion(bright, view, 0, -raw, steps=4, num_random=3)
    assert best.curve == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert worst.curve == (1.0, 1.0, 1.0, 1.0, 0.0)
    assert (best.area, worst.area) == (0.125, 0.875)
    assert best.random_area == worst.random_area
    assert best.area < best.random_area < worst.area
    assert not worst.beats_random
    coarse = measure_deletion(bright, view, 0, raw, resolution=(1, 1), steps=4, num_random=1)
    assert coarse.random_curves == ((1.0, 1.0, 0.0, 0.0, 0.0),)  # row by row, where all is alike


def test_plain_values() -> None:
    (found,) = explain(picture((100, 64), (40, 8, 60, 24)), model=red_detector(), target="blue")
    document = found.to_dict()
    assert document["image"] == ""
    assert document["explained"] == {
        "label": "blue",
        "id": "n3",
        "index": 2,
        "probability": round(found.explained.probability, 6),
    }
    assert document["maps"] == [{"layer": "stages.2", "height": 8, "width": 8}]
    assert document["seen"] == {"left": 18, "top": 0, "right": 82, "bottom": 64}
    assert document["deletion"] is None
