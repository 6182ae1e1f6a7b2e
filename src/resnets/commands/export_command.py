"""`resnets export`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnets import console
from resnets.commands.options import Json

if TYPE_CHECKING:
    from resnets.deployment.exporting import Export


def export_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Model file, run folder, or weights such as resnet50:torchvision_v2."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.onnx", help="File to write. [beside the model file]"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Compare both networks, and their accuracy, on these images. [64 made ones]"),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or all. [val, or test; all where the data has no splits]"),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time, of the data.")] = 64,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read. [one for each core, at most 8]")
    ] = None,
    json: Json = False,
) -> None:
    r"""Write a model as an ONNX file, once it has given the same answers as in PyTorch.

    The file holds class names and preprocessing: predict, evaluate, compare and describe take it like a
    model file. Needs resnets[export].

    \b
    resnets export runs/train/pets
    resnets export resnet50:torchvision_v2 resnet50.onnx
    resnets export pets.safetensors --data photos/
    """
    from resnets.commands.task_progress import TaskProgress
    from resnets.deployment.exporting import export

    shown = TaskProgress()
    done = export(
        model,
        out,
        data=data,
        split=split,
        batch_size=batch_size,
        workers=workers,
        on_batch=lambda batches, total: shown("comparing", batches, total),
    )
    if json:
        console.print_json(done.to_dict())
    else:
        console.print_blocks(_lines(done))


def _lines(done: Export) -> Iterator[str]:
    from resnets.deployment.exporting import OPSET
    from resnets.errors import printable

    shape = ", ".join(map(str, done.input_shape))
    yield (
        f"{printable(str(done.file))}: {done.num_bytes / 1e6:,.1f} MB, ONNX with opset {OPSET}, images "
        f"(batch, {shape}) to scores (batch, {done.num_classes:,})"
    )
    yield printable(done.proof.words)
