"""Decodes the images that fuzz_decoding.py names, in a process that may die of them.

Reads one JSON list per line from standard input, ["mutant", seed, start, stop] or ["hostile", name];
answers with one JSON object per image, so that the parent knows which one was the last.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.data.hostile_images import HOSTILE_IMAGES
from tests.data.image_corpus import mutant, seed_files

from resnets.data import decoding
from resnets.errors import ImageError

ADDRESS_SPACE = 4 * 2**30
"""Bytes; far above the bound of the promise, so that what breaks it is seen, not prevented."""


def read_process_status(field: str) -> int:
    """Read a number of kB from what the kernel says about this process."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise KeyError(field)


def forget_peak() -> None:
    """Let the kernel count the peak of memory from here on."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def judge(data: bytes) -> dict[str, Any]:
    """Decode one file with the decoder that is switched on.

    Args:
        data: of the file.

    Returns:
        `outcome` is 'accepted', the reason of the refusal or 'uncaught ...'; `seconds` are of the
        processor, `peak_mb` of the whole process, `warnings` those that a user would see; if it was
        accepted, `pixels` is a checksum and `colour` the pixel at row 5, column 5.
    """
    forget_peak()
    found: dict[str, Any] = {}
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        try:
            pixels = decoding.decode(data).pixels
            found["outcome"] = "accepted"
        except ImageError as error:
            found["outcome"] = error.reason
        except Exception as error:  # what the promise forbids
            found["outcome"] = f"uncaught {type(error).__name__}"
    found["seconds"] = round(time.process_time() - start, 4)
    found["peak_mb"] = round(read_process_status("VmHWM") / 1000)
    found["warnings"] = sorted({warning.category.__name__ for warning in caught})
    if found["outcome"] == "accepted":
        assert pixels.dtype == "uint8"
        assert pixels.shape[2:] == (3,)
        found["pixels"] = f"{pixels.shape} {zlib.crc32(pixels.tobytes())}"
        found["colour"] = pixels[5, 5].tolist()
    return found


def judge_with_both(data: bytes) -> dict[str, dict[str, Any]]:
    """Decode one file with simplejpeg, where it is installed, and with Pillow alone."""
    installed = vars(decoding)["simplejpeg"]
    verdicts = {} if installed is None else {"simplejpeg": judge(data)}
    vars(decoding)["simplejpeg"] = None
    try:
        verdicts["Pillow"] = judge(data)
    finally:
        vars(decoding)["simplejpeg"] = installed
    return verdicts


def cases(order: list[Any]) -> Iterator[tuple[int | str, str, bytes]]:
    """Name, format and bytes of the images that an order asks for."""
    kind, *rest = order
    if kind == "hostile":
        yield rest[0], "hostile", HOSTILE_IMAGES[rest[0]].build()
        return
    seed, start, stop = rest
    for index in range(start, stop):
        yield index, *mutant(seed, index)


def main() -> None:
    """Answer orders until there are no more."""
    seed_files()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        for name, kind, data in cases(json.loads(line)):
            answer = {"case": name, "format": kind, "verdicts": judge_with_both(data)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
