"""Where images come from, wherever they are kept: files, a packed file, or arrays in memory.

A source reads the images that it is asked for into one array. What it cannot read it names, and leaves
out; whether that ends the run is not its decision.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.cropping import DRAWS, draw_box, resize_box, scale_box
from resnets.data.dataset import too_many_unusable
from resnets.data.decoding import Pixels, decode
from resnets.data.order import Indices, Seeds, uniforms
from resnets.data.packed import PackedSplit
from resnets.data.pixel_conversion import orientation_of
from resnets.data.preprocessing import decode_for, fit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.stored_images import ImageFile, openable
from resnets.errors import DataError, ImageError

T = TypeVar("T")

_ATTEMPTS = 3
_SHOWN = 3  # files named in an error
_PAUSE_S = 0.1
# Before a file is asked for again that could not be read: a network disk may need a moment.


_LUMA = np.array([19595, 38470, 7471], np.uint32)
# 0.299, 0.587 and 0.114 times 65536, as in Pillow's Convert.c.


@dataclass(frozen=True, eq=False)
class ReadImages:
    """What was read of a task.

    Attributes:
        images: (n, image_size, image_size, C), uint8, of those that could be read, in order.
        failures: by position in the task, why the others could not.
    """

    images: Tensor
    failures: dict[int, ImageError]


@dataclass(frozen=True, eq=False)
class View:
    """What a network sees of an image before anything else is done to it.

    Attributes:
        preprocessing: of the network.
        crop: how boxes are drawn; None shows what evaluation shows.
    """

    preprocessing: Preprocessing
    crop: RandomResizedCrop | None = None

    def __call__(self, source: ImageFile | Pixels, draws: Sequence[float]) -> Pixels:
        """Decode an image and cut out what is seen, (image_size, image_size, 3).

        Args:
            source: path or pixels.
            draws: `DRAWS` numbers in [0, 1), for the box.
        """
        size = self.preprocessing.image_size
        if self.crop is None:
            decoded = decode_for(source, self.preprocessing)
            is_ready = decoded.image.size == (size, size) == self.preprocessing.resized(size, size)
            return decoded.pixels if is_ready else fit(decoded, self.preprocessing)
        pixels, whole = self._decode_for_box(source, self.crop, draws)
        box = scale_box(draw_box(whole, self.crop, draws), whole, pixels.shape[1::-1])
        return resize_box(pixels, box, size, interpolation=self.preprocessing.interpolation)

    def _decode_for_box(
        self, source: ImageFile | Pixels, crop: RandomResizedCrop, draws: Sequence[float]
    ) -> tuple[Pixels, tuple[int, int]]:
        """Decode an image no larger than its box needs; give its whole width and height too."""
        policy = self.preprocessing.decoding
        if isinstance(source, np.ndarray) and source.ndim == 3:
            return source, source.shape[1::-1]
        whole = _size_in_header(source, turn=policy.exif == "apply") if policy.scaled else None
        if whole is None:
            decoded = decode(source, policy)
            return decoded.buffer, decoded.image.size
        _, _, width, height = draw_box(whole, crop, draws)
        # Shorter side of the whole image when its box is as large as what the network sees.
        needed = self.preprocessing.image_size * min(whole) // min(width, height)
        return decode(source, policy, for_size=needed).buffer, whole


def _size_in_header(source: ImageFile | Pixels, *, turn: bool) -> tuple[int, int] | None:
    """Width and height of a JPEG, upright if it is to be turned; None for what decodes at one size."""
    if isinstance(source, np.ndarray):
        return None
    try:
        with Image.open(openable(source), formats=["JPEG"]) as image:
            return image.size[::-1] if turn and orientation_of(image) >= 5 else image.size
    except Exception:  # decoding it says what is wrong
        return None


class ImageReader(ABC):
    """Reads images into arrays."""

    @abstractmethod
    def read(self, indices: Indices, seeds: Callable[[], Seeds]) -> ReadImages:
        """Read images, with a box drawn from each seed where boxes are drawn.

        Args:
            indices: of images in the split.
            seeds: gives those of their random streams.
        """

    @property
    @abstractmethod
    def helpers(self) -> Literal["processes", "threads", "none"]:
        """What reading is worth: other processes, threads of this one, or neither."""


class OneByOne(ImageReader):
    """Reads images that are to be decoded, resized or cropped: files, and some arrays.

    Args:
        images: paths of files, or pixels.
        view: what to show of each.
    """

    def __init__(self, images: Sequence[ImageFile] | Pixels | PackedSplit, view: View) -> None:
        self._images = images
        self._view = view

    @property
    def helpers(self) -> Literal["processes", "threads"]:
        """Decoding holds Python back; what is decoded already would only be copied by processes."""
        return "threads" if isinstance(self._images, PackedSplit) else "processes"

    def read(self, indices: Indices, seeds: Callable[[], Seeds]) -> ReadImages:
        """Read images one after the other."""
        size = self._view.preprocessing.image_size
        pixels = np.empty((len(indices), size, size, 3), np.uint8)
        failures: dict[int, ImageError] = {}
        draws = uniforms(seeds(), DRAWS).tolist()
        for position, index in enumerate(indices.tolist()):
            try:
                seen = attempt(partial(self._see, index, draws[position]))
            except ImageError as error:
                failures[position] = error
            else:
                _copy(seen, pixels[position - len(failures)])
        read = pixels[: len(indices) - len(failures)]
        if self._view.preprocessing.channels == "L":
            read = to_luma(read)
        return ReadImages(torch.from_numpy(read), failures)

    def _see(self, index: int, draws: Sequence[float]) -> Pixels:
        return self._view(self._images[index], draws)


def _copy(pixels: Pixels, to: Pixels) -> None:
    if pixels.flags.c_contiguous:
        to[:] = pixels
        return
    for channel in range(3):  # three bytes of four: four times as fast as all at once
        to[..., channel] = pixels[..., channel]


class AllAtOnce(ImageReader):
    """Gathers images that already are as the network sees them.

    Args:
        images: pixels (N, image_size, image_size) or (N, image_size, image_size, 3), or a packed split
            of them.
        luma: the network takes one channel; grey pixels then stay as they are.
    """

    def __init__(self, images: Pixels | PackedSplit, *, luma: bool) -> None:
        self._images = images
        self._luma = luma

    @property
    def helpers(self) -> Literal["none"]:
        """To hand the pixels over would take longer than to gather them."""
        return "none"

    def read(self, indices: Indices, seeds: Callable[[], Seeds]) -> ReadImages:
        """Gather images; nothing is drawn."""
        failures: dict[int, ImageError] = {}
        if isinstance(self._images, PackedSplit):
            failures = {p: e for p, i in enumerate(indices) if (e := self._images.failure(int(i)))}
            indices = np.delete(indices, list(failures))
            gathered = self._images.gather(indices)
        else:
            gathered = self._images[indices]
        if gathered.ndim == 3:
            gathered = gathered[..., None]
        if self._luma and gathered.shape[3] == 3:
            gathered = to_luma(gathered)
        elif not self._luma and gathered.shape[3] == 1:
            gathered = np.repeat(gathered, 3, axis=3)
        return ReadImages(torch.from_numpy(gathered), failures)


def make_reader(images: Sequence[ImageFile] | Pixels | PackedSplit, view: View) -> ImageReader:
    """Choose how to read: everything at once where the pixels need nothing more.

    Args:
        images: of a split.
        view: what to show of each.
    """
    luma = view.preprocessing.channels == "L"
    if view.crop is None and isinstance(images, PackedSplit):
        if images.is_ready_for(view.preprocessing):
            return AllAtOnce(images, luma=luma)
    elif view.crop is None and isinstance(images, np.ndarray):
        size = view.preprocessing.image_size
        if images.shape[1:3] == (size, size) == view.preprocessing.resized(size, size):
            return AllAtOnce(images, luma=luma)
    return OneByOne(images, view)


def to_luma(pixels: Pixels) -> Pixels:
    """Weigh red, green and blue as Pillow does (ITU-R 601-2).

    Args:
        pixels: RGB.

    Shape:
        (N, H, W, 3) -> (N, H, W, 1)
    """
    weighed = pixels.astype(np.uint32) @ _LUMA
    luma: Pixels = ((weighed + 0x8000) >> 16).astype(np.uint8)[..., None]
    return luma


def attempt(read: Callable[[], T]) -> T:
    """Try to read an image up to three times.

    Args:
        read: does it.

    Raises:
        ImageError: of the last time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except ImageError as error:
            if error.reason == "not readable":
                time.sleep(_PAUSE_S)
    return read()


def check_failures(errors: Sequence[ImageError], num_images: int, *, training: bool) -> None:
    """Decide whether a run goes on without some images.

    Args:
        errors: of all images so far that cannot be used.
        num_images: that are to be read.
        training: up to 1 % of the images may be missing; in evaluation none.

    Raises:
        ImageError: the first, in evaluation.
        DataError: if too many are missing in training.
    """
    if not training and errors:
        raise errors[0]
    if too_many_unusable(len(errors), num_images):
        first = "; ".join(str(error) for error in errors[:_SHOWN])
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise DataError(
            f"more than 1 % of {num_images:,} training images cannot be used: {first}{more}. "
            "See them all: resnets data check DATA"
        )
