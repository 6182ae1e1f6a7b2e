"""What `explain` gives: maps of an image, with what they are about."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from resnets.analysis.attribution import WHOLE
from resnets.analysis.enlarging import Map
from resnets.analysis.faithfulness import Deletion
from resnets.analysis.overlays import Panel, draw_over_grey, draw_overlay
from resnets.analysis.seen_window import SeenWindow
from resnets.errors import OutputError, printable
from resnets.files import write_bytes
from resnets.weights.prediction import ClassProbability

_LONGEST_STEM = 150  # bytes of an image's name that its files keep; file systems take 255


@dataclass(frozen=True, eq=False)
class LayerMap:
    """The map of one layer.

    Attributes:
        layer: name of the part of the network; 'image' for methods that look at pixels.
        raw: (h, w), as the method gives it: above 0 for the class, below 0 against it.
        values: (h, w), what is shown: 0 where nothing speaks for the class, 1 where most does.
        seen: where the square that the network saw lies in the image.
    """

    layer: str
    raw: Map
    values: Map
    seen: SeenWindow

    @property
    def heat(self) -> Map:
        """`values` over the whole upright image, (height, width); 0 where the network saw nothing."""
        return self.seen.lay_back(self.values)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where in an image a network sees a class.

    Attributes:
        image: path of the image; '' if it came without one.
        explained: the class, with its probability.
        predicted: the most probable class.
        method: that made the maps.
        maps: one per layer, from early to late.
        seen: what the network saw of the image.
        preview: the upright image, at most 1024 pixels wide and high.
        notes: what was special.
        deletion: how fast the class disappears with what the map calls important, if that was asked for.
    """

    image: str
    explained: ClassProbability
    predicted: ClassProbability
    method: str
    maps: tuple[LayerMap, ...]
    seen: SeenWindow
    preview: Image.Image
    notes: tuple[str, ...] = ()
    deletion: Deletion | None = None

    def overlay(self) -> Image.Image:
        """Draw the image, and each map over it in grey, side by side."""
        caption = f"{printable(self.explained.label)}  {self.explained.probability:.1%}"
        panels = [
            Panel(self.method if layer.layer == WHOLE else f"{self.method}  {layer.layer}", layer.values)
            for layer in self.maps
        ]
        return draw_overlay(self.preview, panels, self.seen, caption)

    def pictures(self) -> list[Image.Image]:
        """Draw each map over the image in grey, as in `overlay`, but alone and without words."""
        image = self.preview.convert("RGB")
        return [draw_over_grey(image, layer.values, layer.seen) for layer in self.maps]

    def save(self, folder: str | Path = "explanations") -> tuple[Path, ...]:
        """Write the overlay as PNG and each raw map as .npy; files that are there already stay.

        Args:
            folder: to write into; made if there is none.

        Returns:
            Paths of the overlay, `NAME.METHOD.png`, and of the raw maps; with a number where the name is
            taken.

        Raises:
            OutputError: if they cannot be written.
        """
        picture = io.BytesIO()
        self.overlay().save(picture, "PNG")
        path = _reserve(Path(folder), f"{_stem(self.image)}.{self.method}")
        files = {path: picture.getvalue()}
        for layer in self.maps:
            numbers = io.BytesIO()
            np.save(numbers, layer.raw)
            name = f"{path.stem}.{layer.layer}" if len(self.maps) > 1 else path.stem
            files[path.with_name(f"{name}.npy")] = numbers.getvalue()
        try:
            return tuple(write_bytes(file, content) for file, content in files.items())
        except BaseException:
            path.unlink(missing_ok=True)  # the name was taken before there was anything to write
            raise

    def to_dict(self) -> dict[str, object]:
        """Plain values, as `--json` prints them."""
        return {
            "image": self.image,
            "explained": _class(self.explained),
            "predicted": _class(self.predicted),
            "method": self.method,
            "maps": [
                {"layer": layer.layer, "height": layer.raw.shape[0], "width": layer.raw.shape[1]}
                for layer in self.maps
            ],
            "seen": dict(zip(("left", "top", "right", "bottom"), self.seen.inside(), strict=True)),
            "notes": list(self.notes),
            "deletion": None if self.deletion is None else self.deletion.to_dict(),
        }


def _class(found: ClassProbability) -> dict[str, object]:
    return {
        "label": found.label,
        "id": found.id,
        "index": found.index,
        "probability": round(found.probability, 6),
    }


def _stem(name: str) -> str:
    stem = os.fsencode(Path(name).stem)[:_LONGEST_STEM]
    return os.fsdecode(stem) or "image"


def _reserve(folder: Path, name: str) -> Path:
    """Make an empty file with a name that is not taken, so that nobody else takes it either."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in _candidates(folder, name):
            try:
                path.open("x").close()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise OutputError(f"cannot write into {str(folder)!r}: {error.strerror or error}") from error
    raise AssertionError  # candidates never end


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    yield folder / f"{name}.png"
    yield from (folder / f"{name}-{number}.png" for number in itertools.count(2))
