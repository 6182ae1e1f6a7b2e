"""`resnets train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.errors import ConfigError, printable

if TYPE_CHECKING:
    from resnets.recipes.settings import TrainingSettings
    from resnets.training.train import TrainingResult


def train_command(
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Folder of images, or another data set. [the config's]"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="NAME[,OPTION=VALUE...] from scratch; published weights or a model file to fine-tune. "
            "[by the images]",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="Settings of a paper: resnets list --recipes")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings in a TOML file.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="One setting, such as optimizer.weight_decay=0."
        ),
    ] = None,
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
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1. [a GPU if there is one]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run. [a new one in runs/train]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUTPUT.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look at all images first.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the result.")] = False,
    json: Json = False,
) -> None:
    r"""Train a network on your images: one folder for each class is enough.

    What you do not say is chosen from the data, and printed with the reason. Ctrl-C saves and ends; --resume
    goes on as if nothing had happened.

    \b
    resnets train photos/ --output runs/pets
    resnets train photos/ --model resnet50:torchvision_v2 --epochs 10
    resnets train --output runs/pets --resume
    """
    from resnets.commands.training_progress import TrainingProgress
    from resnets.training.allocator import keep_memory
    from resnets.training.train import train

    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer.learning_rate": learning_rate,
        "seed": seed,
        "workers": workers,
    }
    settings = None if resume else _settings(recipe, config, overrides or [], given)
    if resume and (recipe or config or overrides or any(v is not None for v in given.values())):
        raise ConfigError(
            "the options", ["a resumed run keeps its settings: leave out all but --output"]
        )
    keep_memory()
    with TrainingProgress(quiet=quiet or json) as progress:
        result = train(
            data,
            model=model,
            output=output,
            resume=resume,
            settings=settings,
            check=check,
            dry_run=dry_run,
            device=device,
            watch=progress,
        )
    _print_json(result) if json else _print_text(result)


def _settings(
    recipe: str | None, config: Path | None, overrides: list[str], options: dict[str, Any]
) -> TrainingSettings:
    """Settings of a recipe or a file, and what the command line says besides."""
    from resnets.recipes.settings import TrainingSettings
    from resnets.recipes.toml_files import merge, parse_overrides, read_settings

    if recipe and config:
        raise ConfigError("the options", ["--recipe and --config exclude each other: choose one"])
    settings = TrainingSettings()
    if config is not None:
        settings = read_settings(config)
    if recipe is not None:
        from resnets.recipes.catalog import find_recipe

        settings = find_recipe(recipe).settings()
    settings = merge(settings, parse_overrides(overrides))
    given = {key: value for key, value in options.items() if value is not None}
    return merge(settings, given, source="the options")


def _print_text(result: TrainingResult) -> None:
    folder = printable(str(result.folder))
    evaluation = result.evaluation
    if evaluation is not None:
        top1 = evaluation.metric("top1")
        console.print_line(
            f"top-1 {top1.value:.2%} ({top1.low:.2%} to {top1.high:.2%}) of {len(evaluation):,} images of "
            f"{evaluation.split} that it has not learned from"
        )
    console.print_line(f"model   {printable(str(result.model))}")
    console.print_line(f"report  {printable(str(result.report))}")
    console.say(f"Next: resnets predict photo.jpg --model {folder}")


def _print_json(result: TrainingResult) -> None:
    console.print_json(result.to_dict())
