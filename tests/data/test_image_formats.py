from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from resnets.data.image_formats import SUPPORTED, describe_foreign, sniff
from resnets.errors import ImageError

from .image_corpus import encode, rgb, seed_files


@pytest.mark.parametrize("kind", SUPPORTED)
def test_what_pillow_writes_is_known(kind: str) -> None:
    assert sniff(encode(rgb(), kind)[:32]) == kind


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ICO", "ICO"),
        ("PPM", "netpbm"),
        ("DDS", "DDS"),
        ("PDF", "PDF"),
        ("EPS", "PostScript"),
        ("JPEG2000", "JPEG 2000"),
        ("AVIF", "AVIF"),
        ("QOI", "QOI"),
    ],
)
def test_what_pillow_writes_and_we_refuse_is_known(kind: str, name: str) -> None:
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    assert sniff(encode(rgb(), kind)[:32]) == name
    assert kind not in SUPPORTED


@pytest.mark.parametrize("name", seed_files())
def test_every_seed_file_is_known(name: str) -> None:
    kind = sniff(seed_files()[name])
    assert kind == {"WEBP": "WEBP", "MPO": "JPEG"}.get(
        name.split(maxsplit=1)[0].upper(), name.split(maxsplit=1)[0]
    )


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"GIF87a", "GIF"),
        (b"\0\0\0\x20ftypheix", "HEIC"),
        (b"\0\0\0\x20ftypmif1", "HEIC"),
        (b"\0\0\0\x20ftypavis", "AVIF"),
        (b"\0\0\0\x20ftypmp42", "a video"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"SIMPLE  =", "FITS"),
        (b"%!PS-Adobe", "PostScript"),
        (b"RIFF\n\n\n\nWEBP", "WEBP"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"GIF88a", None),
        (b"\xff\xd8", None),
        (b"", None),
        (b" BM", None),
    ],
)
def test_the_first_bytes_tell(start: bytes, name: str | None) -> None:
    assert sniff(start) == name


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not the image itself: run git lfs pull",
        ),
        (b"\n <!DOCTYPE HTML>", "an HTML page; was it saved by a failed download?"),
        (b"<HTML>", "an HTML page; was it saved by a failed download?"),
        (b"<svg xmlns=''>", "an SVG drawing; export it as PNG first"),
        (b'<?xml version="1.0"?>\n<!-- by\nme -->\n<svg>', "an SVG drawing; export it as PNG first"),
        (b"PK\3\4", "a ZIP archive; unpack it first"),
        (b"\x1f\x8b\x08", "a gzip archive; unpack it first"),
        (b"<?xml version='1.0'?><kml>", None),
        (b"Dear Sir", None),
    ],
)
def test_what_is_no_image_is_described(start: bytes, words: str | None) -> None:
    from resnets.data.decoding import decode

    assert describe_foreign(start) == words
    with pytest.raises(ImageError) as caught:
        decode(start)
    expected = words or f"none of the formats that are read ({', '.join(SUPPORTED)})"
    assert (caught.value.reason, caught.value.detail) == ("not an image", f"is {expected}")


@pytest.mark.parametrize(
    "start",
    [
        b"\xef\xbb\xbf<html>",
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"><svg>',
    ],
)
def test_a_byte_order_mark_or_an_svgs_doctype_is_passed_over(start: bytes) -> None:
    assert describe_foreign(start) is not None


def test_a_long_comment_is_read_in_no_time() -> None:
    """The patterns look at 4 kB; a hostile text of that length must not keep them busy."""
    for text in (b"<!--" * 1024, b"<?xml" * 800, b" " * 4096, b"<!-- " + b"-" * 4091):
        assert describe_foreign(text * 3) is None
    noise = np.random.default_rng(0).integers(0, 256, (200, 64), dtype=np.uint8)
    assert all(sniff(row.tobytes()) in (*SUPPORTED, None) for row in noise)
