"""`resnets explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.model_loading import load_model
from resnets.commands.options import Json
from resnets.commands.refused_images import RefusedImages
from resnets.errors import ImageError, printable

if TYPE_CHECKING:
    from resnets.analysis.explanation import Explanation
    from resnets.weights.model_info import ModelInfo

Method = Literal["gradcam", "layercam", "integrated-gradients", "occlusion"]


def explain_command(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Files, folders, patterns such as 'photos/*.jpg', or - for an image on standard input.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model file, a run folder, or weights such as resnet20:cifar10 (in the package) or "
            "resnet50:torchvision_v2 (downloaded). [resnet18:tiny_imagenet, in the package]",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Name, id or number. [the most probable class]"),
    ] = None,
    method: Annotated[Method, typer.Option(help="How the map is made.")] = "gradcam",
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="Of gradcam and layercam: 'stages' for one map per stage, or names such as "
            "stages.1,stages.2. [the last map]",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Delete what each map shows: does the class go sooner than by chance?"
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the files go; none is ever replaced.")
    ] = Path("explanations"),
    json: Json = False,
) -> None:
    r"""Show where in images a model sees a class: an overlay as PNG, and the raw map as .npy.

    Images that cannot be used are listed and the others done; the exit code is then 3.

    \b
    resnets explain photo.jpg
    resnets explain photo.jpg --model runs/train/pets
    resnets explain photo.jpg --model pets.safetensors --class dog --method occlusion --check
    resnets explain photos/ --model pets.safetensors --method layercam --layers stages
    """
    from resnets.analysis.explaining import explain_each

    classifier = load_model(model)
    names = None if layers is None else layers.split(",")
    most = 4 * classifier.preprocessing.decoding.max_pixels + 2**21
    answers = explain_each(
        [sys.stdin.buffer.read(most) if name == "-" else name for name in images],
        model=classifier,
        target=target,
        method=method,
        layers="stages" if names == ["stages"] else names,
        check=check,
    )
    refused = RefusedImages()
    answers = refused.pass_on(console.count_progress(answers, "images"))
    if json:
        info = classifier.info
        console.print_json_stream(
            {"model": {"architecture": info.architecture, "num_classes": len(info.class_names)}},
            "images",
            (_document(answer, output) for answer in answers),
        )
    else:
        for answer in answers:
            if not isinstance(answer, ImageError):
                console.print_line(_line(answer, answer.save(output)[0], classifier.info))
    refused.summarize()


def _line(explanation: Explanation, written: Path, info: ModelInfo) -> str:
    """Image, class, probability, file, and what else is worth a word."""
    explained = explanation.explained
    parts = [
        printable(explanation.image) or "-",
        printable(explained.label),
        f"{explained.probability:.1%}",
        printable(str(written)),
    ]
    if (deletion := explanation.deletion) is not None:
        verdict = "sooner than" if deletion.beats_random else "not sooner than"
        areas = f"area {deletion.area:.2f}, by chance {deletion.random_area:.2f}"
        parts.append(f"deleted, the class goes {verdict} by chance ({areas})")
    if explanation.predicted.probability < (info.abstain_below or 0.0):
        parts.append(f"(none of my {len(info.class_names):,} classes, most likely)")
    return "  ".join([*parts, *(f"({printable(note)})" for note in explanation.notes)])


def _document(answer: Explanation | ImageError, folder: Path) -> dict[str, object]:
    if isinstance(answer, ImageError):
        return {"image": answer.source or "", "error": answer.detail, "reason": answer.reason}
    overlay, *maps = map(str, answer.save(folder))
    return {**answer.to_dict(), "overlay": overlay, "raw_maps": maps}
