"""The process that opens a pickle, so that nothing in it can reach the one that asked.

Run as `python pickle_child.py FILE FOLDER`. It reads FILE with `torch.load(weights_only=True)`, which
executes no code of the file; memory, time and the size of what it writes are limited besides. It leaves
FOLDER/tensors.safetensors, whose metadata lists what else was in the file, or FOLDER/failure.json.
Nothing of resnets is imported here.
"""

from __future__ import annotations

import json
import pickletools
import re
import signal
import sys
import types
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MAX_TENSORS = 100_000
MAX_LEVELS = 8
MAX_NAME = 1_000
SECONDS = 20
SPARE_MEMORY = 256 << 20

_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


class Refusal(Exception):  # noqa: N818 - it is an answer, not a defect
    """The file is not read; the text completes the sentence that begins with its name."""


class Inert:
    """Stands for a harmless object that training scripts save beside the weights; does nothing.

    The class that the pickle names is never looked up, so that nothing of it can run.
    """

    def __init__(self, *_ignored: object) -> None: ...

    def __new__(cls, *_ignored: object) -> Inert:  # noqa: D102
        return super().__new__(cls)

    def __setstate__(self, _ignored: object) -> None: ...


INERT = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "datetime.datetime",
    "datetime.timedelta",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
)


def main() -> None:
    """Unpack the file; a failure is an answer too."""
    file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    size = file.stat().st_size
    _limit_time(size)
    try:
        _limit_memory(SPARE_MEMORY)
        records = inspect_archive(file, size) if _begins_as_archive(file) else None
        _limit_memory(None)  # until torch is there, which maps gigabytes
        leaves = list(_leaves(_load(file, size, mapped=records is not None)))
        tensors = [(path, leaf) for path, leaf in leaves if not isinstance(leaf, str)]
        _check(tensors, size, records)
        _write(folder / "tensors.safetensors", tensors, leaves)
    except Refusal as refusal:
        _fail(folder, str(refusal))
    except MemoryError:
        _fail(folder, "needs far more memory than its size allows")
    except TimeoutError:
        _fail(folder, f"takes more than {SECONDS} s of a processor to unpack")
    except OSError as error:
        _fail(folder, f"cannot be unpacked: {error.strerror or error}")


def _begins_as_archive(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"PK"


def _fail(folder: Path, reason: str) -> None:
    (folder / "failure.json").write_text(json.dumps(reason), "utf-8")


def inspect_archive(file: Path, size: int) -> set[int]:
    """Look at a zip archive before torch does; gives the sizes of its records.

    Raises:
        Refusal: if it is of another kind, damaged or compressed.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
            _check_kind(names, archive.namelist())
            infos = archive.infolist()
            if any(i.compress_type for i in infos) or sum(i.file_size for i in infos) > size:
                raise Refusal("is compressed, which torch.save never does")
            if len(set(names)) < len(names):
                raise Refusal("has two records of one name")
            pickle = next(i for i in infos if i.filename.endswith("/data.pkl"))
            if pickle.file_size > 32 << 20 or archive.read(pickle).count(b"R") > 3 * MAX_TENSORS:
                raise Refusal(f"has more than {MAX_TENSORS} tensors")
            if damaged := archive.testzip():
                raise Refusal(f"is damaged: the checksum of its record {damaged[-80:]!r} is wrong")
            return {info.file_size for info in infos}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, StopIteration) as error:
        raise Refusal("is a damaged zip archive, or not one that torch.save wrote") from error


def _check_kind(names: list[str], full_names: list[str]) -> None:
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise Refusal(
            "is a TorchScript archive, which holds code. It was not loaded. "
            "Where it came from, save its state_dict() as safetensors"
        )
    if "archive_format" in names or "serialized_exported_program.json" in full_names:
        raise Refusal(
            "is an exported program (.pt2), which holds code. It was not loaded. "
            "Where it came from, save its state_dict as safetensors"
        )
    if "data.pkl" not in names:
        what = "NumPy arrays" if full_names and full_names[0].endswith(".npy") else "other files"
        raise Refusal(f"is a zip archive of {what}, not a checkpoint")


def _load(file: Path, size: int, *, mapped: bool) -> Any:
    import torch

    torch.set_num_threads(1)
    _limit_memory(2 * size + SPARE_MEMORY)
    inert: list[Any] = [(Inert, name) for name in INERT]
    try:
        with torch.serialization.safe_globals(inert):
            return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped or None)
    except (MemoryError, TimeoutError):
        raise
    except Exception as error:
        raise Refusal(_explain(str(error), file)) from None


def _limit_time(size: int) -> None:
    def stop(_signal: int, _frame: types.FrameType | None) -> None:
        raise TimeoutError

    # Of the processor, not of the clock: that a machine is busy is no fault of the file.
    with suppress(AttributeError, ValueError):  # Windows has no timers; the parent waits not for ever
        signal.signal(signal.SIGPROF, stop)
        signal.setitimer(signal.ITIMER_PROF, SECONDS + size // 20_000_000)


def _limit_memory(extra: int | None) -> None:
    """Limit memory to what is in use and so many bytes more, where the system can; None lifts it."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = hard if extra is None else pages * resource.getpagesize() + extra
        bounds = [bound for bound in (most, hard) if bound != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds, default=hard), hard))


def _first_global(file: Path) -> str:
    """Name the first object that a plain pickle asks for; nothing is made of it."""
    texts: list[str] = []
    with file.open("rb") as stream, suppress(Exception):
        for opcode, argument, _ in pickletools.genops(stream.read(1 << 16)):
            if opcode.name == "GLOBAL":
                return f"GLOBAL {str(argument).replace(' ', '.')}"
            if opcode.name == "STACK_GLOBAL":
                return f"GLOBAL {'.'.join(texts[-2:])}"
            if isinstance(argument, str):
                texts.append(argument)
    return ""


def _explain(said: str, file: Path) -> str:
    """Turn what torch says into the rest of our sentence."""
    if "Unsupported operand" in said:
        said += _first_global(file)
    found = re.search(r"GLOBAL ([\w.]{1,200})", said)
    if found and re.search(r"\.(nn|models?|networks?|backbones?)\.|^__main__\.", found[1]):
        return (
            f"holds a whole network (global: {found[1]}), which needs that code to be run. It was not "
            "loaded. Where it came from, save network.state_dict() as safetensors"
        )
    if found or "unrecognized function" in said or "Can only" in said:
        which = f" (global: {found[1]})" if found else ""
        return f"is a pickle with code{which}. It was not loaded. Ask for safetensors"
    if "can't allocate memory" in said or "Cannot allocate" in said or "out of memory" in said:
        return "needs far more memory than its size allows"
    if "out of bounds" in said:
        return "is damaged: a tensor is larger than its storage"
    return "is damaged, cut short, or not a file that torch.save wrote"


def _leaves(tree: Any) -> Iterator[tuple[tuple[str, ...], Tensor | str]]:
    """Walk through dicts and lists; gives tensors, and for anything else the name of its type."""
    import torch

    # What is open above a node, so that a dict that holds itself ends somewhere.
    pending: list[tuple[tuple[str, ...], Any, frozenset[int]]] = [((), tree, frozenset())]
    count = 0
    while pending:
        path, node, above = pending.pop()
        if isinstance(node, torch.Tensor):
            count += 1
            if count > MAX_TENSORS:
                raise Refusal(f"has more than {MAX_TENSORS} tensors")
            yield path, node
        elif isinstance(node, Mapping | list | tuple):
            if id(node) in above or len(path) == MAX_LEVELS:
                raise Refusal("holds dictionaries in themselves, or too many levels of them")
            items = list(node.items() if isinstance(node, Mapping) else enumerate(node))
            for name, _ in items:
                # A tensor has no short text, and Python refuses to print a huge number.
                if not isinstance(name, str) and (type(name) is not int or name.bit_length() > 64):
                    raise Refusal(f"has a name that is a {type(name).__name__}, not a text")
                if isinstance(name, str) and len(name) > MAX_NAME:
                    raise Refusal(f"has a name of more than {MAX_NAME} characters")
            inside = above | {id(node)}
            pending += [((*path, str(name)), value, inside) for name, value in reversed(items)]
        else:
            yield path, "another object" if isinstance(node, Inert) else type(node).__name__


def _check(tensors: list[tuple[tuple[str, ...], Any]], size: int, records: set[int] | None) -> None:
    """Refuse tensors without plain values of their own."""
    total = 0
    for path, tensor in tensors:
        name = repr(".".join(path)[-80:])
        kind = str(tensor.dtype).removeprefix("torch.")
        if tensor.is_sparse or tensor.layout != _strided():
            raise Refusal(f"holds a sparse tensor, {name}; only dense ones are read")
        if tensor.is_quantized or kind not in _DTYPES:
            raise Refusal(f"holds a tensor of the type {kind}, {name}; quantized weights are not read")
        if tensor.device.type != "cpu" or tensor.is_nested:
            raise Refusal(f"holds a tensor without values, {name}")
        if records is not None and tensor.untyped_storage().nbytes() not in records:
            raise Refusal(f"is damaged: the storage of {name} has not the size that it declares")
        total += tensor.numel() * tensor.element_size()
    if total > 2 * size:
        raise Refusal(f"declares tensors of {total} bytes, it has {size}")


def _strided() -> Any:
    import torch

    return torch.strided


def _write(
    file: Path,
    tensors: list[tuple[tuple[str, ...], Any]],
    leaves: list[tuple[tuple[str, ...], Any]],
) -> None:
    """Write a safetensors file whose tensors are numbered, and whose metadata says what they are."""
    header: dict[str, Any] = {}
    place = 0
    for i, (_, tensor) in enumerate(tensors):
        end = place + tensor.numel() * tensor.element_size()
        kind = _DTYPES[str(tensor.dtype).removeprefix("torch.")]
        header[str(i)] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [place, end]}
        place = end
    others = [[*path, leaf] for path, leaf in leaves if isinstance(leaf, str)]
    header["__metadata__"] = {
        "paths": json.dumps([path for path, _ in tensors]),
        "others": json.dumps(others[:1000]),
    }
    text = json.dumps(header).encode("utf-8")
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in tensors:
            flat = tensor.detach().contiguous().reshape(-1)
            stream.write(memoryview(flat.view(_uint8()).numpy().data) if flat.numel() else b"")


def _uint8() -> Any:
    import torch

    return torch.uint8


if __name__ == "__main__":
    main()
