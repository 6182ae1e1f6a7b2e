"""From the bytes of an image to RGB pixels, by one policy for every part of the product.

No torch here: whoever predicts with an exported network decodes in the same way. JPEGs go through
simplejpeg where it is installed (libjpeg-turbo, without Pillow's copy), everything else and every
doubtful file through Pillow, whose word is final: with and without simplejpeg the same files are
accepted, with the same pixels.
"""

from __future__ import annotations

import os
import stat
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from resnets.data.decode_policy import DecodePolicy
from resnets.data.image_formats import SUPPORTED, describe_foreign, sniff
from resnets.data.pixel_conversion import orientation_of, to_rgb, turned_back, upright
from resnets.data.stored_images import StoredImage
from resnets.data.structure import CountedBytes, check_scans, check_structure, read_plain_header
from resnets.errors import ImageError, ResNetsError

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

# What Pillow warns of is answered here by an error or by the policy. Filters of the user come first.
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)

Pixels: TypeAlias = NDArray[np.uint8]
ImageSource: TypeAlias = (
    "str | os.PathLike[str] | StoredImage | bytes | bytearray | memoryview | Image.Image | NDArray[Any]"
)
"""What can be decoded: a path, an image in a shard, the bytes of a file, a Pillow image, or (H, W),
(H, W, 3) or (H, W, 4) pixels of type uint8."""

MIN_SIDE = 8
"""Pixels; a smaller image is an icon, a tracking pixel or a mistake."""

_WEBP_SHARE = 0.7
# Of max_pixels: a WebP decoder keeps two more copies of the image than the others do.

_USUAL_SCANS = 12
# With more, a decoder that gives up late and leaves the work to Pillow would take too long.

_LARGE = 1_000_000
# Pixels; smaller images gain little from scaled decoding, and lose more.
_FIRST_QUARTER_TURN = 5  # of the EXIF orientations; from there on width and height change places
_DCT_SCALES = (8, 4, 2)
_SCALED_MARGIN = 2
# Decoded at least twice as large as needed, so that the resize that follows still decides the pixels.


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image in memory.

    Attributes:
        image: RGB pixels as Pillow holds them; mode 'RGB', or 'RGBX' with bytes to skip.
        size: width and height of the whole image; larger than `image` if that was decoded scaled.
        format: of the file; '' for pixels that came without one.
        mode: of the file, in Pillow's words: 'L', 'RGBA', 'I;16', ...
        orientation: the EXIF tag, 1 to 8; 1 is upright.
        animated: there are more frames or pages than the first one, which this is.
    """

    image: Image.Image
    size: tuple[int, int]
    format: str
    mode: str
    orientation: int
    animated: bool
    _decoded: Pixels | None = field(default=None, repr=False)

    @property
    def buffer(self) -> Pixels:
        """The pixels (H, W, 3), or (H, W, 4) with a last byte to skip; without a copy if possible."""
        return np.asarray(self.image) if self._decoded is None else self._decoded

    @property
    def pixels(self) -> Pixels:
        """The pixels (H, W, 3), uint8, RGB."""
        return self.buffer[..., :3]


def decode(
    source: ImageSource, policy: DecodePolicy | None = None, *, for_size: int | None = None
) -> DecodedImage:
    """Decode an image.

    Args:
        source: path, bytes, Pillow image or pixels.
        policy: what to do with rotated, transparent, deep, large ... images.
        for_size: length of the shorter side that the image will be resized to, in pixels; with
            `policy.scaled`, large JPEGs are then decoded at a fraction of their size.

    Raises:
        ImageError: with the reason, for whatever is not an image that the policy accepts.
        ResNetsError: if the shard that an image is in cannot be read.
    """
    policy = policy or DecodePolicy()
    name = None
    kind = "an image"
    try:
        if isinstance(source, np.ndarray):
            return _decode_pillow(_from_array(source), policy)
        if isinstance(source, Image.Image):
            return _decode_pillow(source, policy)
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        elif isinstance(source, str | os.PathLike):
            name = os.fsdecode(source)
            data = _read(name, policy)
        elif isinstance(source, StoredImage):
            name = str(source)
            _check_bytes(source.stamp()[0], policy)
            data = source.read_bytes()
        else:
            kinds = "a path, bytes, a Pillow image or an array"
            raise ImageError("not an image", f"an image is {kinds}, got {type(source).__name__}")
        _check_bytes(len(data), policy)
        found = _known_format(data)
        kind = f"a {found} file"
        return _decode_file(data, found, policy, for_size=for_size)
    except ImageError as error:
        raise ImageError(error.reason, error.detail, source=name) from error.__cause__
    except ResNetsError:  # not the image is at fault but the shard that it is in
        raise
    except Exception as error:  # parsers of hostile bytes raise whatever they like
        refusal = _refusal(error, kind)
        raise ImageError(refusal.reason, refusal.detail, source=name) from error


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    shape = pixels.shape
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] in (3, 4))):
        raise ImageError(
            "not an image",
            "pixels must be uint8 of shape (H, W), (H, W, 3) or (H, W, 4); "
            f"got {pixels.dtype} of shape {shape}",
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def _read(name: str, policy: DecodePolicy) -> bytes:
    """Read a file, but never a pipe, a device, or more bytes than its pixels could need."""
    try:
        status = os.stat(name)  # noqa: PTH116 - to Path, an empty name is this folder
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not an ordinary file"
            raise ImageError("not a file", f"is {kind}")
        _check_bytes(status.st_size, policy)
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise ImageError("missing", "there is no such file") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ImageError("not readable", f"cannot be read: {reason}") from error


def _check_bytes(size: int, policy: DecodePolicy) -> None:
    if size > 4 * policy.max_pixels + 2**20:
        raise ImageError(
            "too large",
            f"has {size / 1e6:,.0f} MB, more than {policy.max_pixels / 1e6:g} million pixels need",
        )


def _decode_file(data: bytes, kind: str, policy: DecodePolicy, *, for_size: int | None) -> DecodedImage:
    scans = check_structure(data, kind)
    if kind == "JPEG" and (plain := _decode_plain(data, scans, policy, for_size)):
        return plain
    image = Image.open(CountedBytes(data), formats=[kind])
    _check_size(image.size, policy, share=_WEBP_SHARE if kind == "WEBP" else 1)
    if image.tile and image.tile[0][0] == "bmp_rle":
        raise ImageError(
            "unsupported format", "is BMP with run-length compression, which is not read; use PNG"
        )
    if kind != "JPEG":
        return _decode_pillow(image, policy)
    check_scans(scans, image.size, policy)
    size = image.size
    scale = _jpeg_scale(size, policy, for_size)
    fast = _decode_fast(data, image.mode, size, scale) if scans <= _USUAL_SCANS else None
    if fast is None and scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))  # which rounds up
    return _decode_pillow(image, policy, size=size, fast=fast)


def _known_format(data: bytes) -> str:
    if not data:
        raise ImageError("empty", "the file is empty")
    kind = sniff(data[:64])
    if kind in SUPPORTED:
        return kind
    if kind is not None:
        raise ImageError(
            "unsupported format",
            f"is {kind}, which is not read; convert it to JPEG or PNG",
        )
    foreign = describe_foreign(data[:4096])
    what = foreign or f"none of the formats that are read ({', '.join(SUPPORTED)})"
    raise ImageError("not an image", f"is {what}")


def _check_size(size: tuple[int, int], policy: DecodePolicy, *, share: float = 1.0) -> None:
    width, height = size
    most = int(share * policy.max_pixels)
    if width * height > most:
        raise ImageError(
            "too large",
            f"has {width}x{height} pixels; at most {most / 1e6:g} million are decoded, "
            "max_pixels allows more",
        )
    if min(size) < MIN_SIDE:
        raise ImageError("too small", f"has {width}x{height} pixels; the least is {MIN_SIDE}x{MIN_SIDE}")


def _jpeg_scale(size: tuple[int, int], policy: DecodePolicy, for_size: int | None) -> int:
    """By how much a JPEG is shrunk while it is decoded."""
    if not policy.scaled or for_size is None or size[0] * size[1] < _LARGE:
        return 1
    return next((s for s in _DCT_SCALES if min(size) >= s * _SCALED_MARGIN * for_size), 1)


def _scaled(size: tuple[int, int], scale: int) -> tuple[int, int]:
    return -(-size[0] // scale), -(-size[1] // scale)


def _decode_plain(
    data: bytes, scans: int, policy: DecodePolicy, for_size: int | None
) -> DecodedImage | None:
    """Decode a JPEG of which Pillow would have nothing to add; None for every other.

    Its parser takes twice as long as the pixels of a small image.
    """
    header = read_plain_header(data) if simplejpeg and scans <= _USUAL_SCANS else None
    if header is None:
        return None
    mode, size = header
    _check_size(size, policy)
    check_scans(scans, size, policy)
    pixels = _decode_fast(data, mode, size, _jpeg_scale(size, policy, for_size))
    if pixels is None:
        return None
    return DecodedImage(_shared(pixels), size, "JPEG", mode, 1, animated=False, _decoded=pixels)


def _decode_fast(data: bytes, mode: str, size: tuple[int, int], scale: int) -> Pixels | None:
    """Decode a JPEG with simplejpeg to (H, W, 4), the last byte to skip; None where Pillow decides."""
    if simplejpeg is None or mode not in ("RGB", "L"):
        return None
    width, height = _scaled(size, scale)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGBX", min_width=width, min_height=height)
    except ValueError:
        return None
    return pixels if pixels.shape == (height, width, 4) else None


def _shared(pixels: Pixels) -> Image.Image:
    """A Pillow image of pixels (H, W, 4), without a copy."""
    return Image.frombuffer("RGBX", pixels.shape[1::-1], pixels, "raw", "RGBX", 0, 1)


def _decode_pillow(
    image: Image.Image,
    policy: DecodePolicy,
    *,
    size: tuple[int, int] | None = None,
    fast: Pixels | None = None,
) -> DecodedImage:
    """Bring an open image into the form that the policy asks for.

    Args:
        image: with the file's mode and metadata.
        policy: what to do.
        size: of the whole image, if not the image's own.
        fast: its pixels, where they are decoded already.
    """
    mode, animated = image.mode, bool(getattr(image, "is_animated", False))
    turned = orientation_of(image) if image.format == "TIFF" else 1  # Pillow turns these by itself
    if fast is None:
        _check_size(image.size, policy)
        image.load()
        rgb = to_rgb(image, policy)
    else:
        rgb = _shared(fast)
    orientation = max(turned, orientation_of(image))  # Pillow knows a PNG's only after its pixels
    if policy.exif == "apply" and orientation != turned:
        rgb, fast = upright(rgb, orientation), None
    elif policy.exif == "ignore" and turned != 1:
        rgb = turned_back(rgb, turned)
    if size is None:
        size = rgb.size
    elif policy.exif == "apply" and orientation >= _FIRST_QUARTER_TURN:
        size = size[::-1]
    return DecodedImage(rgb, size, image.format or "", mode, orientation, animated, fast)


def _refusal(error: Exception, kind: str) -> ImageError:
    words = str(error) or type(error).__name__
    if isinstance(error, MemoryError | Image.DecompressionBombError):
        return ImageError("too large", f"is too large to decode: {words}")
    if isinstance(error, OSError) and "truncated" in words.lower():
        return ImageError("truncated", f"is {kind} that ends too early: {words}")
    if isinstance(error, UnidentifiedImageError):
        words = "its header makes no sense"
    return ImageError("damaged", f"is {kind} that is damaged: {words}")
