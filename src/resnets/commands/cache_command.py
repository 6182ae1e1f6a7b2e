"""`resnets cache list|verify|clean`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json, add_command
from resnets.errors import WeightsError, printable
from resnets.quantities import memory

cache_app = typer.Typer(
    help="List, verify and delete downloaded files.", rich_markup_mode=None, no_args_is_help=True
)

Columns = list[tuple[str, Literal["left", "right"]]]


def list_cache(json: Json = False) -> None:
    r"""List what was downloaded, and where it is kept.

    \b
    resnets cache list
    RESNETS_CACHE=/big/disk resnets cache list
    """
    from dataclasses import asdict

    from resnets.data.shards.shard_cache import LIMIT, kept_shards
    from resnets.downloads.cache_folder import cache_folder
    from resnets.weights.cache import cache_list

    files, shards = cache_list(), kept_shards()
    folder = str(cache_folder())
    if json:
        listed = [file.to_dict() for file in files]
        console.print_json({"folder": folder, "files": listed, "shards": asdict(shards)})
        return
    if shards.count:
        console.print_line(
            f"{shards.count:,} shards of data sets, {memory(shards.num_bytes)} of at most "
            f"{memory(shards.limit_bytes)} ({LIMIT}), in {printable(folder)}"
        )
    if not files and not shards.count:
        console.print_line(f"nothing is kept in {printable(folder)}")
    if not files:
        return
    columns: Columns = [("file", "left"), ("size", "right"), ("kind", "left"), ("weights", "left")]
    rows = [[printable(f.name), memory(f.num_bytes), f.kind, ", ".join(f.weights) or "-"] for f in files]
    total = memory(sum(file.num_bytes for file in files))
    console.print_blocks([console.table(columns, rows)])
    console.print_line(f"\n{len(files)} files, {total}, in {printable(folder)}")


def verify_cache(json: Json = False) -> None:
    r"""Hash every file anew; damaged ones end with exit code 4.

    \b
    resnets cache verify
    """
    from resnets.weights.cache import cache_verify

    files = cache_verify()
    if json:
        console.print_json({"files": [file.to_dict() for file in files]})
    else:
        for file in files:
            problem = f"  {file.problem}" if file.problem else ""
            console.print_line(f"{file.state:<8}  {printable(file.name)}{printable(problem)}")
    damaged = [file.name for file in files if file.state == "damaged"]
    if damaged:
        raise WeightsError(
            f"{len(damaged)} of {len(files)} files are damaged, first {damaged[0]!r}; delete them with "
            "resnets cache clean and they are downloaded again when needed"
        )


def clean_cache(
    pattern: Annotated[
        str, typer.Argument(help="Of file names: 'resnet50*'.", show_default=False)
    ] = "*",
    partial: Annotated[
        bool, typer.Option("--partial", help="Only downloads that were stopped.")
    ] = False,
    json: Json = False,
) -> None:
    r"""Delete downloaded files, without a pattern also shards; they are downloaded again when needed.

    \b
    resnets cache clean
    resnets cache clean 'resnet50*' --partial
    """
    from resnets.weights.cache import cache_clean

    done = cache_clean(pattern, partial_only=partial)
    if json:
        console.print_json(done.to_dict())
        return
    for file in done.removed:
        console.print_line(f"deleted   {printable(file.name)}  {memory(file.num_bytes)}")
    for name in done.in_use:
        console.print_line(f"in use    {printable(name)}")
    if done.shards and done.shards.count:
        shards = done.shards
        console.print_line(f"deleted   {shards.count:,} shards  {memory(shards.num_bytes)}")
    console.print_line(f"{len(done.removed)} files, {memory(done.num_bytes)}")


add_command(cache_app, "list", list_cache, epilog="Next: resnets cache verify")
add_command(cache_app, "verify", verify_cache, epilog="Next: resnets cache clean")
add_command(cache_app, "clean", clean_cache, epilog="Next: resnets cache list")
