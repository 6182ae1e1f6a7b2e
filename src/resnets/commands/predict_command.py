"""`resnets predict`."""

from __future__ import annotations

import csv
import io
import json as json_format
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from resnets import console
from resnets.commands.model_loading import load_model
from resnets.commands.options import FloatRange, Json, MaxPixels, decoding_options
from resnets.commands.refused_images import RefusedImages
from resnets.errors import ConfigError, ImageError, printable

if TYPE_CHECKING:
    from resnets.weights.classifier import Classifier
    from resnets.weights.prediction import Prediction

_CSV_COLUMNS = ("image", "rank", "label", "id", "index", "probability", "abstains", "error")


def predict_command(
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
    top: Annotated[int, typer.Option(min=1, help="Classes per image.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 16,
    crops: Annotated[int, typer.Option(help="1, or 5: average over the middle and the corners.")] = 1,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirror image.")] = False,
    max_pixels: MaxPixels = None,
    float_range: FloatRange = None,
    json: Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON object per line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print one row per image and class.")] = False,
) -> None:
    r"""Recognise images: what is in them, and how sure the model is.

    Where a model that can abstain is too unsure, the answer is: none of my classes, most likely. Images
    that cannot be used are listed and the others done; the exit code is then 3.

    \b
    resnets predict photo.jpg
    resnets predict photo.jpg --model runs/train/pets
    resnets predict photos/ --model pets.safetensors --top 1 --csv > answers.csv
    curl -s "$URL" | resnets predict - --model pets.safetensors --json
    """
    if json + jsonl + csv > 1:
        raise ConfigError("the options", ["--json, --jsonl and --csv exclude each other"])
    decoding = decoding_options(max_pixels, float_range)

    from resnets.deployment.predicting import predict
    from resnets.weights.shipped import DEFAULT_MODEL

    classifier = load_model(model)
    most = 4 * (max_pixels or classifier.preprocessing.decoding.max_pixels) + 2**21
    answers = predict(
        [sys.stdin.buffer.read(most) if name == "-" else name for name in images],
        model=classifier,
        top=top,
        batch_size=batch_size,
        crops=crops,  # type: ignore[arg-type]  # predict checks it
        flip=flip,
        decoding=decoding,
    )
    printer = _print_json if json else _print_jsonl if jsonl else _print_csv if csv else _print_text
    refused = RefusedImages()
    printer(
        refused.pass_on(console.count_progress(answers, "images")), classifier, model or DEFAULT_MODEL
    )
    refused.summarize()


Answers = Iterator["Prediction | ImageError"]


def _print_text(answers: Answers, classifier: Classifier, _weights: str) -> None:
    none = f"none of my {len(classifier.class_names):,} classes, most likely"
    for answer in answers:
        if isinstance(answer, ImageError):
            continue
        name = printable(answer.image) or "-"
        notes = "".join(f"  ({note})" for note in answer.notes)
        rows = [
            f"{c.probability:6.1%}  {printable(c.label)}" + (f"  {printable(c.id)}" if c.id else "")
            for c in answer.classes
        ]
        doubt = [none] if answer.abstains else []
        if len(rows) == 1:
            console.print_line("  ".join([rows[0], name + notes, *(f"({words})" for words in doubt)]))
        else:
            console.print_line("\n".join([name + notes, *(f"  {row}" for row in doubt + rows)]))


def _document(answer: Prediction | ImageError) -> dict[str, object]:
    if isinstance(answer, ImageError):
        return {"image": answer.source or "", "error": answer.detail, "reason": answer.reason}
    return answer.to_dict()


def _print_jsonl(answers: Answers, _classifier: Classifier, _weights: str) -> None:
    for answer in answers:
        console.print_line(json_format.dumps(_document(answer)))


def _print_json(answers: Answers, classifier: Classifier, weights: str) -> None:
    """Print one document, bit by bit: a million images need no more memory than one."""
    info = classifier.info
    console.print_json_stream(
        {
            "model": {
                "weights": weights,
                "architecture": info.architecture,
                "num_classes": len(info.class_names),
                "abstain_below": info.abstain_below,
            }
        },
        "images",
        map(_document, answers),
    )


def _print_csv(answers: Answers, _classifier: Classifier, _weights: str) -> None:
    console.print_line(_csv_row(_CSV_COLUMNS))
    for answer in answers:
        if isinstance(answer, ImageError):
            console.print_line(_csv_row((answer.source or "", *[""] * 6, answer.detail)))
            continue
        for rank, c in enumerate(answer.classes, start=1):
            known = (c.label, c.id, c.index, f"{c.probability:.6f}", int(answer.abstains))
            row = (answer.image, rank, *known, "")
            console.print_line(_csv_row(row))


def _csv_row(values: tuple[object, ...]) -> str:
    text = io.StringIO()
    shown = [printable(value) if isinstance(value, str) else value for value in values]
    csv.writer(text, lineterminator="\n").writerow(shown)
    return text.getvalue().removesuffix("\n")
