"""Sheets to look at: samples of each class, and what each augmentation does; drawn with Pillow alone."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from resnets.data.dataset import Dataset, Split
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import ImageSource, Pixels, decode
from resnets.data.order import Indices, epoch_order
from resnets.data.preprocessing import fit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import DataError, ImageError, OutputError, printable
from resnets.files import write_bytes

if TYPE_CHECKING:
    from resnets.data.augmentation.settings import Augmentation

_CELL, _GAP, _MARGIN = 96, 4, 16
_TITLE_HEIGHT, _HEADER_HEIGHT = 60, 16
_LABEL_WIDTHS = 120, 260
_PAPER, _INK, _FAINT, _WRONG = (255, 255, 255), (20, 20, 24), (110, 110, 118), (176, 32, 32)
_SHOWN_SIDES = 32, 224  # of augmented images, in pixels

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Row:
    """A line of a sheet: what it is, a number or a setting, and pictures or why there are none."""

    name: str
    detail: str
    cells: Sequence[Image.Image | str]


def sample_sheet(
    dataset: Dataset,
    out: str | os.PathLike[str],
    *,
    split: str = "train",
    per_class: int = 8,
    max_classes: int = 20,
    seed: int = 0,
) -> Path:
    """Draw samples of each class, a row for each; what cannot be read says why.

    Args:
        dataset: whose images.
        out: PNG file to write.
        split: to draw from.
        per_class: samples of each class, fewer where a class has fewer.
        max_classes: rows; of more classes, as many evenly spaced ones are shown.
        seed: which samples.

    Returns:
        The file.
    """
    chosen, names = _split_of(dataset, split), dataset.class_names
    shown = np.unique(np.linspace(0, len(names) - 1, min(len(names), max_classes)).round().astype(int))
    labels = shown.tolist() if (chosen.labels >= 0).any() else [-1]
    rows = []
    for label in labels:
        members = np.flatnonzero(chosen.labels == label)
        picked = members[epoch_order(len(members), seed=seed, epoch=label + 1)[:per_class]]
        cells = [_thumbnail_or_reason(chosen.images[index]) for index in picked.tolist()]
        name = names[label] if label >= 0 else "no label"
        rows.append(_Row(name, _count(len(members), "image"), cells or ["no images"]))
    of_all = f"{len(shown)} of {len(names)} classes" if len(shown) < len(names) else ""
    subtitle = [split, _count(len(chosen), "image"), of_all or _count(len(names), "class", "classes")]
    return _draw(out, dataset.name, ", ".join(subtitle), rows, [""] * per_class)


def augmentation_sheet(
    dataset: Dataset,
    out: str | os.PathLike[str],
    *,
    settings: Augmentation | None = None,
    split: str = "train",
    draws: int = 4,
    seed: int = 0,
) -> Path:
    """Draw what augmentations do to images of two classes, a row for each, some epochs side by side.

    Args:
        dataset: whose images.
        out: PNG file to write.
        settings: their parts are shown each for itself and then together. [all augmentations]
        split: to draw from.
        draws: epochs, of each of the two images.
        seed: which images and draws.

    Returns:
        The file.
    """
    import torch

    from resnets.data.augmentation.examples import examples
    from resnets.data.augmentation.pipeline import augment

    chosen = _split_of(dataset, split)
    indices, pixels = _two_images(chosen, seed=seed)
    images, labels = torch.from_numpy(np.stack(pixels)), torch.arange(len(pixels))
    originals = [_enlarged(Image.fromarray(image)) for image in pixels]
    rows = []
    for name, detail, each in examples(settings, side=images.shape[1]):
        changed = [
            augment(
                images, labels, each, seed=seed, epoch=epoch, indices=indices, num_classes=len(labels)
            )[0]
            for epoch in range(draws)
        ]
        cells: list[Image.Image | str] = []
        for image, original in enumerate(originals):
            cells.append(original)
            for batch in changed:
                levels = batch[image].round().clamp(0, 255).to(torch.uint8).numpy()
                cells.append(_enlarged(Image.fromarray(levels)))
        rows.append(_Row(name, detail, cells))
    headers = (["image"] + [f"epoch {epoch}" for epoch in range(draws)]) * len(originals)
    number = _count(len(pixels), "image")
    subtitle = f"augmentations of {number} of {split}, {images.shape[1]} pixels"
    return _draw(out, dataset.name, subtitle, rows, headers)


def _split_of(dataset: Dataset, name: str) -> Split:
    if name not in dataset.splits:
        known = ", ".join(dataset.splits)
        raise DataError(
            f"the data set {printable(dataset.name)!r} has no split {name!r}; it has {known}"
        )
    return dataset.splits[name]


def _two_images(split: Split, *, seed: int) -> tuple[Indices, list[Pixels]]:
    """Images of two classes, as a network of their size would see them, and their indices."""
    indices: list[int] = []
    decoded = []
    for index in epoch_order(len(split), seed=seed, epoch=0).tolist():
        # The second is of another class; a split of one class shows one image.
        if len(indices) == 1 and split.labels[index] == split.labels[indices[0]]:
            continue
        try:
            decoded.append(decode(split.images[index], DecodePolicy()))
        except ImageError:
            continue
        indices.append(index)
        if len(indices) == 2:
            break
    if not decoded:
        raise DataError(f"the split {split.name!r} has no image that can be read")
    least, greatest = _SHOWN_SIDES
    side = min(max(least, *(min(each.image.size) for each in decoded)), greatest)
    pixels = [fit(each, Preprocessing(image_size=side)) for each in decoded]
    return np.array(indices, np.int64), pixels


def _thumbnail_or_reason(source: ImageSource) -> Image.Image | str:
    try:
        return _enlarged(decode(source, DecodePolicy()).image.convert("RGB"))
    except ImageError as error:
        return error.reason


def _enlarged(image: Image.Image) -> Image.Image:
    """Fit an image into a cell; the pixels of a small one stay squares."""
    times = _CELL // max(image.size)
    if times >= 2:
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    scale = _CELL / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC)


def _draw(
    out: str | os.PathLike[str], title: str, subtitle: str, rows: Sequence[_Row], headers: Sequence[str]
) -> Path:
    if Path(out).suffix.lower() != ".png":
        raise OutputError(f"a sheet is a PNG file: {os.fspath(out)!r} should end in .png")
    fonts = {size: ImageFont.load_default(size) for size in (12, 14, 18)}
    measured = [fonts[14].getlength(printable(row.name)) for row in rows]
    least, greatest = _LABEL_WIDTHS
    label_width = int(min(max(least, *measured, 0), greatest)) + _MARGIN
    pitch, top = _CELL + _GAP, _TITLE_HEIGHT + (_HEADER_HEIGHT if any(headers) else 0)
    size = 2 * _MARGIN + label_width + pitch * len(headers), top + pitch * len(rows) + _MARGIN
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, 10), _cut(printable(title), fonts[18], size[0] // 2), _INK, fonts[18])
    pen.text((_MARGIN, 33), subtitle, _FAINT, fonts[12])
    left = _MARGIN + label_width
    for column, header in enumerate(headers):
        pen.text((left + pitch * column, top - 17), header, _FAINT, fonts[12])
    for number, row in enumerate(rows):
        y = top + pitch * number
        pen.text(
            (_MARGIN, y + 30), _cut(printable(row.name), fonts[14], label_width - 8), _INK, fonts[14]
        )
        for line, text in enumerate(_lines(row.detail, fonts[12], label_width - 8)):
            pen.text((_MARGIN, y + 49 + 15 * line), text, _FAINT, fonts[12])
        for column, cell in enumerate(row.cells):
            x = left + pitch * column
            if isinstance(cell, str):
                pen.rectangle((x, y, x + _CELL - 1, y + _CELL - 1), outline=_WRONG)
                for line, text in enumerate(_lines(cell, fonts[12], _CELL - 12)):
                    pen.text((x + 6, y + 8 + 15 * line), text, _WRONG, fonts[12])
            else:
                sheet.paste(cell, (x + (_CELL - cell.width) // 2, y + (_CELL - cell.height) // 2))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return write_bytes(Path(out), content.getvalue())


def _cut(text: str, font: _Font, width: int) -> str:
    """Shorten a text that is too wide, in the middle: names often differ at their ends."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        shorter = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(shorter) <= width:
            return shorter
    return "…"


def _lines(text: str, font: _Font, width: int) -> Iterator[str]:
    """Break a text at its spaces."""
    line = ""
    for word in printable(text).split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield _cut(line, font, width)
            longer = word
        line = longer
    yield _cut(line, font, width)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
