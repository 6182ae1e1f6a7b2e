"""`resnets train`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.commands.training_options import Config, Device, Model, Overrides, Recipe, chosen_settings
from resnets.errors import ConfigError, printable
from resnets.launch import launch
from resnets.quantities import count, memory

if TYPE_CHECKING:
    from resnets.training.planning import TrainingPlan
    from resnets.training.range_test import RangeTest
    from resnets.training.train import TrainingResult


def train_command(
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Folder of images, or another data set. [the config's]"),
    ] = None,
    model: Model = None,
    recipe: Recipe = None,
    config: Config = None,
    overrides: Overrides = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="[by the number of images]")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images of a step. [by the number of images]")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--lr", help="Highest learning rate. [by the batch size]")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything that is drawn. [0]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read. [one for each core, at most 8]")
    ] = None,
    device: Device = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run. [a new one in runs/train]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUTPUT.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look at all images first.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Only try learning rates, and draw learning_rate.svg, in OUTPUT or here.",
        ),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events for TensorBoard, too.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the result.")] = False,
    json: Json = False,
) -> None:
    r"""Train a network on your images: one folder for each class is enough.

    What you do not say is chosen from the data, and printed with the reason. Ctrl-C saves and ends;
    --resume goes on as if nothing had happened.

    \b
    resnets train photos/ --output runs/pets
    resnets train photos/ --model resnet50:torchvision_v2 --epochs 10
    resnets train --output runs/pets --resume
    """
    from resnets.allocator import keep_memory
    from resnets.commands.training_progress import TrainingProgress
    from resnets.data.output_places import refuse_in_data
    from resnets.training.planning import plan
    from resnets.training.range_test import find_learning_rate
    from resnets.training.train import train

    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer.learning_rate": learning_rate,
        "seed": seed,
        "workers": workers,
    }
    said = recipe or config or overrides or any(value is not None for value in given.values())
    _refuse_options(
        resumes=resume,
        says_settings=bool(said),
        only_looks=find_lr or dry_run,
        finds_rate=find_lr and (resume or dry_run or tensorboard),
    )
    settings = None
    if not resume:
        settings = chosen_settings(
            data=data,
            model=model,
            recipe=recipe,
            config=config,
            overrides=overrides,
            options=given,
        )
        model = None  # the settings have it, with what a recipe adds to it
    plot = (output or Path()) / "learning_rate.svg"
    if find_lr and settings is not None:
        refuse_in_data(plot, data or settings.data)
    keep_memory()
    with TrainingProgress(quiet=quiet or json or launch().rank > 0) as progress:
        if find_lr:
            tested = find_learning_rate(
                data,
                model=model,
                settings=settings,
                check=check,
                device=device,
                time_threads=True,
                watch=progress,
            )
        elif dry_run:
            planned = plan(
                data,
                model=model,
                settings=settings,
                check=check,
                device=device,
                time_threads=True,
                watch=progress,
            )
        else:
            result = train(
                data,
                model=model,
                output=output,
                resume=resume,
                settings=settings,
                check=check,
                device=device,
                tensorboard=tensorboard,
                time_threads=True,
                watch=progress,
            )
    if launch().rank > 0:  # the first has all there is to say
        return
    if find_lr:
        _print_range_test(tested, plot, json=json)
    elif json:
        console.print_json((planned if dry_run else result).to_dict())
    elif dry_run:
        _print_plan(planned)
    else:
        _print_result(result)


def _refuse_options(*, resumes: bool, says_settings: bool, only_looks: bool, finds_rate: bool) -> None:
    """Refuse options that exclude each other.

    Args:
        resumes: a run is to go on.
        says_settings: an option is a setting.
        only_looks: no run is to be kept.
        finds_rate: a learning rate is looked for, with an option that is about a run.
    """
    if resumes and says_settings:
        raise ConfigError(
            "the options", ["a resumed run keeps its settings: leave out all but --output"]
        )
    if finds_rate:
        raise ConfigError(
            "the options", ["--find-lr keeps no run: leave out --resume, --dry-run and --tensorboard"]
        )
    if only_looks and launch().count > 1:
        raise ConfigError(
            "the options", ["--find-lr and --dry-run are for one process: leave out torchrun"]
        )


def _print_result(result: TrainingResult) -> None:
    folder = printable(str(result.folder))
    evaluation = result.evaluation
    if evaluation is not None:
        top1 = evaluation.metric("top1")
        assert top1.low is not None
        assert top1.high is not None
        console.print_line(
            f"top-1   {top1.value:.2%} ({top1.low:.2%} to {top1.high:.2%}) of {len(evaluation):,} "
            f"images of {evaluation.split} that it has not learned from"
        )
    console.print_line(f"model   {printable(str(result.model))}")
    console.print_line(f"report  {printable(str(result.report))}")
    console.say(f"Next: resnets predict photo.jpg --model {folder}")


def _print_plan(planned: TrainingPlan) -> None:
    images = ", ".join(f"{count:,} {name}" for name, count in planned.num_images.items())
    console.print_line(f"images  {images}; {len(planned.class_names)} classes")
    console.print_line(
        f"model   {printable(planned.settings.model)}, {count(planned.num_parameters)} parameters"
    )
    console.print_line(f"memory  {memory(planned.memory.bytes_total)} for a step, by estimate")
    rows = [(choice.key, printable(choice.value), choice.reason) for choice in planned.choices]
    if rows:
        columns: tuple[tuple[str, Literal["left"]], ...] = (
            ("setting", "left"),
            ("chosen", "left"),
            ("because", "left"),
        )
        console.print_blocks(["", console.table(columns, rows)])
    for note in planned.notes:
        console.print_line(f"note: {printable(note)}")
    console.say("Nothing was written. Leave out --dry-run to train.")


def _print_range_test(tested: RangeTest, plot: Path, *, json: bool) -> None:
    from resnets.files import write_text

    with suppress(OSError):  # writing into it explains what is wrong
        plot.parent.mkdir(parents=True, exist_ok=True)
    write_text(plot, tested.plot())
    if json:
        console.print_json({**tested.to_dict(), "plot": str(plot)})
        return
    if tested.suggestion is None:
        console.print_line("suggestion  none: the loss fell by no more than chance explains")
    else:
        at, loss = tested.learning_rates[tested.best], tested.smoothed[tested.best]
        console.print_line(
            f"suggestion  {tested.suggestion:g}, a tenth of {at:.2g}, where the loss was lowest, "
            f"{loss:.3g}"
        )
    console.print_line(f"plot        {printable(str(plot))}")
    if tested.suggestion is not None:
        console.say(f"Next: the same command with --lr {tested.suggestion:g} in place of --find-lr")
