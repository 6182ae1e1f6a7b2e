"""`resnets data check|show|pack|download`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnets import console
from resnets.commands.options import Json, add_command
from resnets.errors import DataError, printable
from resnets.quantities import memory

if TYPE_CHECKING:
    from resnets.data.dataset import Dataset

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
    from resnets.data.check_report import text_lines, write_page
    from resnets.data.checked_opening import open_checked
    from resnets.data.cleaning import write_cleaned

    dataset, report = open_checked(data, near_duplicates=near, on_progress=_progress())
    if json:
        console.print_json(report.to_dict())
    else:
        for line in text_lines(report):
            console.print_line(line)
    if html is not None:
        console.say(f"wrote {printable(str(write_page(report, html)))}")
    if fix_to is not None:
        cleaned = write_cleaned(dataset, report, fix_to)
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
    dataset = _open(data)

    from resnets.data.sheets import augmentation_sheet, sample_sheet

    draw = augmentation_sheet if augmentations else sample_sheet
    console.say(f"wrote {printable(str(draw(dataset, out, split=split, seed=seed)))}")


def pack_data(
    data: Data,
    out: Annotated[Path | None, typer.Argument(help="File to write. [in the cache]")] = None,
    size: Annotated[int, typer.Option(min=8, help="Height and width for the network, in pixels.")] = 224,
    resize: Annotated[
        int | None, typer.Option(min=8, help="Shorter side before the cut of evaluation. [8/7 of size]")
    ] = None,
    train_size: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Shorter side of whole training images, for random crops. [up to 64 pixels none: they "
            "are kept as evaluation sees them]",
        ),
    ] = None,
    json: Json = False,
) -> None:
    r"""Decode every image once, into a file that training reads without decoding.

    Without OUT the file goes into the cache, where training finds it. A pack whose images have changed
    since is not used.

    \b
    resnets data pack photos/
    resnets data pack photos/ photos.pack --size 64
    """
    dataset = _open(data)

    from resnets.data.packed import PackPolicy
    from resnets.data.packing import pack, packed_path
    from resnets.data.preprocessing_policy import Preprocessing

    resize = resize or (size if size < 128 else round(size * 8 / 7))
    preprocessing = Preprocessing(image_size=size, resize_size=resize)
    if train_size is None and size > 64:
        train_size = resize
    policy = PackPolicy(preprocessing=preprocessing, train_size=train_size)
    start = time.monotonic()
    path = out or packed_path(dataset, policy)
    packed = pack(dataset, path, policy=policy)
    count = sum(len(split) for split in dataset.splits.values())
    failures = [failure for split in packed.splits.values() for failure in split.failures.values()]
    if json:
        console.print_json({
            "path": str(path), "num_images": count, "num_bytes": path.stat().st_size,
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


def _open(data: str) -> Dataset:
    from resnets.data.opening import open_dataset

    return open_dataset(data)


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
add_command(data_app, "pack", pack_data, epilog="Next: resnets data show DATA sheet.png")
add_command(data_app, "download", download_data, epilog="Next: resnets data check NAME")
