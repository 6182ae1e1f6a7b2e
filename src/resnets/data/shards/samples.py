"""The samples of a shard: files whose names are the same up to the first dot (WebDataset's form).

`000123.jpg` and `000123.cls` are one sample: its image, and its class as a whole number or a name. The
class can also be in `000123.json`. What a shard says stays text: no name in it becomes a path.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from resnets.data.archive_members import ArchiveRefused
from resnets.data.shards.tar_members import Member, read_members
from resnets.errors import printable

IMAGE_SUFFIXES = ("bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp")
CLASS_KEYS = ("label", "class", "cls", "class_name", "label_name")
"""Where a sample's JSON may have its class."""

_CLASS, _JSON = "cls", "json"
_MAX_TEXT = {_CLASS: 1024, _JSON: 2**20}
# Bytes that are read for a class.
_CHUNK = 2**20
_LONGEST_CLASS, _LONGEST_NAME, _MOST_LETTERS = 256, 4096, 2**27


@dataclass(eq=False)
class Samples:
    """The images of a shard, in its order.

    Attributes:
        names: of their files in the shard.
        offsets: of their first bytes.
        sizes: in bytes.
        classes: as the shard has them; None where it does not tell.
        digests: SHA-256 of each, where they were asked for.
        num_without_image: samples of something else.
    """

    names: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    num_without_image: int = 0


def read_samples(file: BinaryIO, *, hashed: bool) -> Samples:
    """Find the samples of a shard.

    Args:
        file: the shard, not compressed.
        hashed: read all images, too, for their digests.

    Raises:
        ArchiveRefused: if it cannot be used; the text completes a sentence that begins with its name.
    """
    images: dict[str, Member] = {}
    texts: dict[str, dict[str, Member]] = {}
    keys: dict[str, None] = {}
    letters = 0
    for member in read_members(file):
        letters += len(member.name)
        if len(member.name) > _LONGEST_NAME:
            raise ArchiveRefused(f"has a name of {len(member.name):,} characters")
        if letters > _MOST_LETTERS:
            raise ArchiveRefused(f"has names of more than {_MOST_LETTERS:,} characters together")
        key, suffix = _divided(member.name)
        if key is None:
            continue
        keys[key] = None
        if suffix in IMAGE_SUFFIXES:
            if key in images:
                both = f"'{printable(images[key].name)}' and '{printable(member.name)}'"
                raise ArchiveRefused(f"has two images of one sample, {both}")
            images[key] = member
        elif suffix in _MAX_TEXT:
            texts.setdefault(key, {})[suffix] = member
    samples = Samples(num_without_image=len(keys) - len(images))
    known: dict[str, str] = {}  # one text for a class, however many images have it
    for key, member in images.items():
        name = _class_of(file, texts.get(key, {}))
        samples.names.append(member.name)
        samples.offsets.append(member.offset)
        samples.sizes.append(member.size)
        samples.classes.append(None if name is None else known.setdefault(name, name))
        if hashed:
            samples.digests.append(digest_of(file, member.offset, member.size))
    return samples


def digest_of(file: BinaryIO, offset: int, size: int) -> bytes:
    """SHA-256 of a part of a shard, however large it is.

    Args:
        file: the shard.
        offset: of the first byte.
        size: in bytes.
    """
    file.seek(offset)
    total, left = hashlib.sha256(), size
    while left and (chunk := file.read(min(_CHUNK, left))):
        total.update(chunk)
        left -= len(chunk)
    return total.digest()


def _divided(name: str) -> tuple[str | None, str]:
    """What a sample's files have in common, and what this one is; None for hidden files."""
    folders, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return (f"{folders}{slash}{stem}" if stem else None), suffix.lower()


def _class_of(file: BinaryIO, texts: dict[str, Member]) -> str | None:
    if _CLASS in texts:
        return _checked(_text(file, texts[_CLASS], _CLASS), texts[_CLASS])
    if _JSON not in texts:
        return None
    try:
        content = json.loads(_text(file, texts[_JSON], _JSON))
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused(f"has no JSON in '{printable(texts[_JSON].name)}'") from error
    given: Any = content if isinstance(content, dict) else {}
    for key in CLASS_KEYS:
        value = given.get(key)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return _checked(str(value), texts[_JSON])
    return None


def _text(file: BinaryIO, member: Member, suffix: str) -> str:
    if member.size > _MAX_TEXT[suffix]:
        raise ArchiveRefused(f"has {member.size:,} bytes of text in '{printable(member.name)}'")
    file.seek(member.offset)
    try:
        return file.read(member.size).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArchiveRefused(f"has a text that is not UTF-8, '{printable(member.name)}'") from error


def _checked(text: str, member: Member) -> str | None:
    name = text.strip()
    if name == "-1":
        return None
    if not name or len(name) > _LONGEST_CLASS or not name.isprintable():
        raise ArchiveRefused(
            f"has '{printable(name[:40])}' for a class in '{printable(member.name)}', and not a whole "
            f"number or a name of up to {_LONGEST_CLASS} characters"
        )
    return str(int(name)) if name.isascii() and name.isdigit() else name  # 007 is 7
