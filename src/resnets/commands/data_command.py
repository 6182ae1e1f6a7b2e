"""`resnets data check|show|pack|download`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from resnets import console
from resnets.commands.options import FloatRange, Json, MaxPixels, add_command, decoding_options
from resnets.commands.training_options import Config, Device, Model, Overrides, Recipe, chosen_settings
from resnets.errors import DataError, printable
from resnets.quantities import memory

data_app = typer.Typer(
    help="Check, show, pack and download data sets.", rich_markup_mode=None, no_args_is_help=True
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder of class folders, a CSV file, an archive, ..., or a name such as fashion_mnist.",
    ),
]


def check_data(
    data: Data,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page with thumbnails, too.")
    ] = None,
    fix_to: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write a cleaned copy into this new folder.")
    ] = None,
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Look for near-duplicates, too.")
    ] = True,
    max_pixels: MaxPixels = None,
    float_range: FloatRange = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with code 3 on any error found.")
    ] = False,
    json: Json = False,
) -> None:
    r"""Check a data set before it is trusted: every problem at once; nothing in it is changed.

    Damaged and misnamed files, rotated and odd images, empty and unbalanced classes, duplicates, images
    that are in several splits.

    \b
    resnets data check photos/
    resnets data check photos/ --html report.html
    resnets data check photos/ --fix-to clean/
    """
    from resnets.config import validate
    from resnets.data.check_anyway import check_anyway
    from resnets.data.check_report import text_lines, write_page
    from resnets.data.cleaning import write_cleaned
    from resnets.data.decode_policy import DecodePolicy
    from resnets.data.output_places import check_file, check_folder

    decoding = decoding_options(max_pixels, float_range)
    policy = validate(DecodePolicy, decoding, source="the decode policy")
    if html is not None:
        check_file(html, data)
    if fix_to is not None:
        check_folder(fix_to, data)
    report = check_anyway(data, near_duplicates=near, policy=policy, on_progress=_progress())
    if json:
        console.print_json(report.to_dict())
    else:
        for line in text_lines(report):
            console.print_line(line)
    if html is not None:
        console.say(f"wrote {printable(str(write_page(report, html)))}")
    if fix_to is not None:
        cleaned = write_cleaned(report.evidence.dataset, report, fix_to)
        left_out = ", ".join(f"{count} {why}" for why, count in cleaned.left_out.items()) or "nothing"
        folder = printable(cleaned.path)
        console.say(f"wrote {cleaned.written} images into {folder}; left out: {printable(left_out)}")
    if strict and not report.ok:
        raise typer.Exit(DataError.exit_code)


def show_data(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="File to write.")],
    augmentations: Annotated[
        bool, typer.Option("--augmentations", help="What each augmentation does to two images.")
    ] = False,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    seed: Annotated[int, typer.Option(help="Which images are drawn.")] = 0,
) -> None:
    r"""Draw a sheet of samples of each class, or of each augmentation.

    \b
    resnets data show photos/ sheet.png
    resnets data show photos/ augmentations.png --augmentations
    """
    from resnets.data.opening import open_dataset
    from resnets.data.output_places import check_file
    from resnets.data.sheets import augmentation_sheet, sample_sheet

    check_file(out, data)
    dataset = open_dataset(data)
    draw = augmentation_sheet if augmentations else sample_sheet
    console.say(f"wrote {printable(str(draw(dataset, out, split=split, seed=seed)))}")


def pack_data(
    data: Data,
    out: Annotated[
        Path | None, typer.Argument(help="File to write. [in the cache, where training looks]")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=8, help="Short for --set preprocessing.image_size=SIZE. [as training chooses]"),
    ] = None,
    model: Model = None,
    recipe: Recipe = None,
    config: Config = None,
    overrides: Overrides = None,
    device: Device = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Look at all images first, as training does.")
    ] = True,
    json: Json = False,
) -> None:
    r"""Decode every image once, into a file that training reads without decoding.

    Sizes and splits are those that `resnets train` chooses with the same options, and it reads the file
    then. Once images have changed, the file is no longer used, and training says so.

    \b
    resnets data pack photos/
    resnets data pack photos/ --model resnet50 --size 224
    """
    from resnets.data.output_places import refuse_in_data

    if out is not None:
        refuse_in_data(out, data)

    from resnets.commands.training_progress import TrainingProgress
    from resnets.training.packing import pack_for_training

    start = time.monotonic()
    settings = chosen_settings(
        data=data,
        model=model,
        recipe=recipe,
        config=config,
        overrides=overrides,
        options={"preprocessing.image_size": size},
    )
    with TrainingProgress(quiet=json) as progress:
        packed = pack_for_training(
            data, out, settings=settings, check=check, device=device, watch=progress
        )
    path = packed.path
    count = sum(len(split) for split in packed.splits.values())
    failures = [failure for split in packed.splits.values() for failure in split.failures.values()]
    if json:
        console.print_json({
            "path": str(path), "num_images": count, "num_bytes": path.stat().st_size,
            "policy": packed.policy.model_dump(mode="json"),
            "skipped": [{"reason": reason, "error": words} for reason, words in failures],
            "seconds": round(time.monotonic() - start, 3),
        })  # fmt: skip
        return
    for _, words in failures:
        console.say(f"resnets: skipped {printable(words)}")
    console.print_line(
        f"packed {count - len(failures):,} images into {printable(str(path))}, "
        f"{memory(path.stat().st_size)}, in {time.monotonic() - start:.0f} s"
    )
    shown, whole = packed.policy.preprocessing, packed.policy.train_size
    kept = f"; images to train with are whole, their shorter side at most {whole}" if whole else ""
    console.say(f"image_size {shown.image_size}, shorter side {shown.shorter_side}{kept}")
    if out is None:
        console.say("Next: resnets train with the same options")


def download_data(
    name: Annotated[
        str, typer.Argument(help="cifar10, cifar100, mnist, fashion_mnist or tiny_imagenet.")
    ],
    folder: Annotated[Path | None, typer.Argument(help="To keep it in. [the cache]")] = None,
    json: Json = False,
) -> None:
    r"""Download a published data set, verified; or find it on this machine.

    \b
    resnets data download cifar10
    resnets data check cifar10
    """
    from resnets.data.published import find_or_download, normal_name, published_datasets

    path = find_or_download(name, folder, console.DownloadBar())
    row = next(row for row in published_datasets() if row.name == normal_name(name))
    if json:
        console.print_json(
            {"name": row.name, "path": str(path), "terms": row.terms, "source": row.source}
        )
        return
    console.print_line(f"{row.title} is in {printable(str(path))}")
    console.say(f"terms: {row.terms}; from {row.source}")


def _progress() -> Callable[[str, int, int], None]:
    """Tell how far a check is: in place on a terminal, else every 30 s."""
    terminal = sys.stderr.isatty()
    last = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < (0.2 if terminal else 30.0):
            return
        last = time.monotonic()
        end = "\r" if terminal else "\n"
        print(f"{what} {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return show


add_command(data_app, "check", check_data, epilog="Next: resnets data show DATA sheet.png")
add_command(data_app, "show", show_data, epilog="Next: resnets data check DATA")
add_command(data_app, "pack", pack_data, epilog="Next: resnets train DATA")
add_command(data_app, "download", download_data, epilog="Next: resnets data check NAME")
