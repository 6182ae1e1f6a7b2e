"""Which file it is, told by its first bytes; a file's name says nothing."""

from __future__ import annotations

import re

SUPPORTED = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""Formats that are decoded; Pillow's other parsers are never asked."""

_SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"BM", "BMP"),
    (rb"II[*+]\x00|MM\x00[*+]", "TIFF"),
    (rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", "HEIC"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"8BPS", "Photoshop"),
    (rb"\x00\x00[\x01\x02]\x00", "ICO"),
    (rb"SIMPLE  =", "FITS"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"%PDF", "PDF"),
    (rb"P[1-7]\s", "netpbm"),
    (rb"qoif", "QOI"),
    (rb"DDS ", "DDS"),
    (rb"....ftyp", "a video"),
)

_NOT_IMAGES = (
    (rb"version https://git-lfs", "a Git LFS pointer, not the image itself: run git lfs pull"),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)",
        "an HTML page; was it saved by a failed download?",
    ),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(svg|!doctype svg)",
        "an SVG drawing; export it as PNG first",
    ),
    (rb"PK\x03\x04", "a ZIP archive; unpack it first"),
    (rb"\x1f\x8b", "a gzip archive; unpack it first"),
)


def sniff(head: bytes) -> str | None:
    """Name the format of an image.

    Args:
        head: the first 32 bytes of the file, or more.

    Returns:
        One of `SUPPORTED`, the name of a format that is known but not decoded, or None.

    Example:
        >>> sniff(b"GIF89a..."), sniff(b"Dear Sir")
        ('GIF', None)
    """
    for signature, name in _SIGNATURES:
        if re.match(signature, head, re.DOTALL):
            return name
    return None


def describe_foreign(head: bytes) -> str | None:
    """Say what a file is that is no image at all; None if it is not known either.

    Args:
        head: the first 256 bytes of the file, or more.
    """
    for signature, words in _NOT_IMAGES:
        if re.match(signature, head[:4096], re.DOTALL):
            return words
    return None
