"""`resnets compare`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.errors import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from resnets.analysis.comparison import Comparison

_IMAGES = 5


def compare_command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Architectures, model files, run folders, or published weights such as "
            "resnet50:torchvision_v2.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Measure on these images: a folder, a CSV file, an archive, or a name."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or all. [val, or test; all where the data has no splits]"),
    ] = None,
    restrict: Annotated[
        bool, typer.Option("--restrict", help="Allow only the classes of the data as answers.")
    ] = False,
    speed: Annotated[
        bool | None,
        typer.Option("--speed/--no-speed", help="Measure time and memory here. [with --data]"),
    ] = None,
    timed_batch: Annotated[int, typer.Option(help="Images of a timed batch.")] = 1,
    rounds: Annotated[int, typer.Option(help="Timed batches of each network, at least 30.")] = 30,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write chart.svg, .png, comparison.html, .csv and .json."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the figures.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time when evaluating.")] = 64,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read. [one for each core, at most 8]")
    ] = None,
    json: Json = False,
) -> None:
    r"""Compare networks: cost, accuracy and speed, and which differences are only chance.

    Without --data, published accuracies count, and the chart shows the residual family and its rivals.
    With it, all models see the same images, and take turns to be timed on this machine.

    \b
    resnets compare resnet18 resnet50 resnet152
    resnets compare resnet50:torchvision_v1 resnet50:torchvision_v2 --output comparison
    resnets compare runs/train/pets runs/train/pets-2 --data photos/
    """
    from resnets.analysis.comparing import compare
    from resnets.analysis.latency import Timing
    from resnets.commands.task_progress import TaskProgress

    timing = Timing(batch_size=timed_batch, rounds=rounds)
    measured = speed if speed is not None else data is not None
    found = compare(
        models or [],
        data=data,
        split=split,
        restrict=restrict,
        speed=timing if measured else False,
        batch_size=batch_size,
        workers=workers,
        on_progress=TaskProgress(),
    )
    if json:
        console.print_json(found.to_dict())
    else:
        console.print_blocks(_blocks(found))
    for note in found.notes:
        console.say(f"resnets: note: {note}")
    if csv is not None:
        from resnets.files import write_text

        console.say(f"wrote {printable(str(write_text(csv, found.to_csv())))}")
    if output is not None:
        console.say(f"wrote {printable(str(found.save(output) / 'comparison.html'))}")
    elif not json:
        console.say("Next: the same with --output FOLDER, for the chart")


def _blocks(found: Comparison) -> Iterator[RenderableType]:
    from resnets.analysis.comparison_page import how_tested
    from resnets.analysis.comparison_table import comparison_table

    if found.data:
        yield f"{printable(found.data)} {found.split}: {found.num_images:,} images\n"
    if found.models:
        columns, rows = comparison_table(found)
        yield console.table(columns, rows)
    else:
        yield _reference()
    if found.machine:
        yield _how_timed(found)
    if found.pairs:
        yield ""
        for pair in found.pairs:
            yield printable(f"{pair.words}; same answer on {pair.agreement:.1%}")
        yield how_tested(found)
    if found.differing:
        yield ""
        yield _differing(found)
    if not found.data:
        from resnets.analysis.reference import CREDIT

        yield (
            f"\n{CREDIT}"
            if not found.models
            else (
                "\nPublished accuracies: one centre crop, as stated; of an architecture, those of all "
                "its published weights."
            )
        )


def _how_timed(found: Comparison) -> str:
    speed = next(model.speed for model in found.models if model.speed)
    machine = found.machine
    images = "1 image" if speed.batch_size == 1 else f"{speed.batch_size:,} images"
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    return (
        f"\nTimes of {speed.num_batches} batches of {images} in turn, the network alone, in float32, on "
        f"{printable(machine['device_name'] or machine['device'])}, {threads}."
    )


def _differing(found: Comparison) -> RenderableType:
    names = [(printable(model.name), "left") for model in found.models]
    title = f"differ on {len(found.differing):,} of {found.num_images:,}"
    return console.table(
        [(title, "left"), ("is", "left"), *((name, "left") for name, _ in names)],
        [
            (
                printable(image.image),
                printable(image.label),
                *(f"{printable(answer)} {sure:.0%}" for answer, sure in image.answers),
            )
            for image in found.differing[:_IMAGES]
        ],
    )


def _reference() -> RenderableType:
    from resnets.analysis.reference import reference_points
    from resnets.quantities import count

    return console.table(
        [
            ("network", "left"),
            ("year", "right"),
            ("top-1 %", "right"),
            ("top-5 %", "right"),
            ("multiply-adds", "right"),
            ("parameters", "right"),
            ("input", "right"),
            ("source", "left"),
        ],
        [
            (
                point.title,
                str(point.year),
                f"{point.top1:.2f}",
                f"{point.top5:.2f}",
                count(point.multiply_adds),
                count(point.parameters),
                str(point.image_size),
                point.weights or point.source.split(";")[0],
            )
            for point in sorted(reference_points(), key=lambda point: -point.top1)
        ],
    )
