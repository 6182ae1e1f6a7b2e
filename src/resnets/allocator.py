"""Memory that is used again and again, instead of being handed back and asked for anew."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
_LARGEST = 2**30


def keep_memory() -> None:
    """Tell glibc to keep the memory that it has; does nothing where the C library is another.

    A training step frees and asks for the same tensors again and again, a process that reads photos for
    the same pixels; by default each of them comes from the system page by page. For a process of our own
    only: whoever imports this package decides about theirs.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _LARGEST)
