"""A file that somebody publishes: where it is, what it is called here, and how it is recognised."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from resnets.config import Settings

HashKind = Literal["sha256", "sha256_prefix", "md5", "header"]

_HASH = re.compile(
    r"(?P<sha256>sha256:[0-9a-f]{64})"
    r"|(?P<sha256_prefix>sha256_prefix:[0-9a-f]{8,63})"
    r"|(?P<md5>md5:[0-9a-f]{32})"
    r"|(?P<header>header:[a-z-]+)"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OURS = (".json", ".lock", ".part")  # what we put beside a file


def _check_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(f"must be sha256:, sha256_prefix:, md5: or header: and its value, got {text!r}")
    return text


def _check_url(url: str) -> str:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ValueError(f"must be an https address, got {url!r}")
    return url


def _check_name(name: str) -> str:
    if name and (not _NAME.fullmatch(name) or name.endswith(_OURS)):
        raise ValueError(f"must be a plain file name, got {name!r}")
    return name


class RemoteFile(Settings):
    """One file, as its publisher offers it.

    Attributes:
        url: its address; https.
        name: in our cache; by default, the last part of the address.
        hash: as published: 'sha256:...', 'sha256_prefix:...' (its first digits), 'md5:...', or
            'header:NAME' where the server sends the SHA-256 in a header of its first answer.
        size_mib: in units of 2^20 bytes, rounded; None if not published.
    """

    url: Annotated[str, AfterValidator(_check_url)]
    name: Annotated[str, AfterValidator(_check_name)] = ""
    hash: Annotated[str, AfterValidator(_check_hash)]
    size_mib: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_from_url(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("name") and isinstance(values.get("url"), str):
            return {**values, "name": urlsplit(values["url"]).path.rpartition("/")[2]}
        return values

    @property
    def hash_kind(self) -> HashKind:
        """What kind of hash is published."""
        return self.hash.partition(":")[0]  # type: ignore[return-value]

    @property
    def hash_value(self) -> str:
        """Its digits; the name of the header where that is the kind."""
        return self.hash.partition(":")[2]

    @property
    def max_bytes(self) -> int:
        """More than this is not the file: its size with 1 % and 1 MiB to spare, or 4 GiB."""
        return 4 * 2**30 if self.size_mib is None else int((self.size_mib * 1.01 + 1) * 2**20)

    def fits(self, digests: dict[str, str]) -> bool | None:
        """Compare with what a file has.

        Args:
            digests: of the file, by the names 'sha256' and 'md5'.

        Returns:
            Whether they agree; None where the published hash is known only to the server.
        """
        match self.hash_kind:
            case "header":
                return None
            case "sha256_prefix":
                return digests["sha256"].startswith(self.hash_value)
            case kind:
                return digests[kind] == self.hash_value
