"""Checkpoints as they come, and files made to do harm: each is read, or refused with its sentence."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import resource
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import resnets
from resnets.errors import WeightsError
from resnets.weights import pickle_child, pickle_reader
from resnets.weights.checkpoint import read_checkpoint

WEIGHTS = {
    "conv1.weight": torch.arange(54.0).reshape(2, 3, 3, 3),
    "bn1.running_mean": torch.tensor([1.0, 2.0]),
    "bn1.num_batches_tracked": torch.tensor(7),
    "fc.weight": torch.ones(4, 2),
}


def same(left: object, right: dict[str, Tensor]) -> bool:
    assert isinstance(left, dict)
    assert left.keys() == right.keys()
    return all(torch.equal(left[name], tensor) for name, tensor in right.items())


@pytest.mark.parametrize("modern", [True, False])
def test_torch_files(modern: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"  # the name is wrong, and does not matter
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=modern)
    read = read_checkpoint(path)
    assert same(read.tensors, WEIGHTS)
    assert read.container == ("zip" if modern else "torch pickle")
    assert (read.wrapper, read.prefix, dict(read.ignored), list(read.notes)) == ("", "", {}, [])


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    save_file(WEIGHTS, path, metadata={"format": "pt"})
    read = read_checkpoint(path)
    assert same(read.tensors, WEIGHTS)
    assert (read.container, read.metadata) == ("safetensors", {"format": "pt"})


def test_a_training_checkpoint(tmp_path: Path) -> None:
    network = resnets.create_model("resnet20")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.zeros(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    weights = network.state_dict()
    averaged = {name: tensor * 2 for name, tensor in weights.items()}
    saved = {
        "epoch": 3,
        "state_dict": {f"module._orig_mod.{name}": tensor for name, tensor in weights.items()},
        "state_dict_ema": averaged,
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, out=PurePosixPath("x")),
    }
    torch.save(saved, tmp_path / "last.pth.tar")
    read = read_checkpoint(tmp_path / "last.pth.tar")
    assert same(read.tensors, weights)
    assert (read.wrapper, read.prefix) == ("state_dict", "module._orig_mod.")
    assert dict(read.ignored) == {
        "epoch": "int, not a tensor",
        "args": "another object, not a tensor",
        "state_dict_ema": "not in the state dict that was taken",
        "optimizer": "not in the state dict that was taken",
    }
    assert read.notes == [
        "the file has several state dicts; took 'state_dict', others are 'state_dict_ema'"
    ]
    assert same(read_checkpoint(tmp_path / "last.pth.tar", wrapper="state_dict_ema").tensors, averaged)
    message = re.escape("has no state dict 'swa'; it has 'state_dict', 'state_dict_ema'")
    with pytest.raises(WeightsError, match=f"{message}$"):
        read_checkpoint(tmp_path / "last.pth.tar", wrapper="swa")


@pytest.mark.parametrize(
    ("saved", "wrapper", "prefix"),
    [
        ({"model": WEIGHTS}, "model", ""),
        ({"checkpoint": {"net": WEIGHTS, "acc": 1}}, "checkpoint.net", ""),
        ({"ema": WEIGHTS}, "ema", ""),
        ({"state_dict": {f"model.net.{n}": t for n, t in WEIGHTS.items()}}, "state_dict", "model.net."),
        ({f"module.backbone.{n}": t for n, t in WEIGHTS.items()}, "", "module.backbone."),
        ({f"encoder.{n}": t for n, t in WEIGHTS.items()}, "", "encoder."),
    ],
)
def test_wrappers_and_prefixes(
    saved: dict[str, object], wrapper: str, prefix: str, tmp_path: Path
) -> None:
    torch.save(saved, tmp_path / "x")
    read = read_checkpoint(tmp_path / "x")
    assert same(read.tensors, WEIGHTS)
    assert (read.wrapper, read.prefix) == (wrapper, prefix)


def test_what_lies_beside_the_network(tmp_path: Path) -> None:
    inside = {f"model.{name}": tensor for name, tensor in WEIGHTS.items()}
    torch.save(inside | {"loss.weight": torch.ones(3)}, tmp_path / "x")
    read = read_checkpoint(tmp_path / "x")
    assert same(read.tensors, WEIGHTS)
    assert dict(read.ignored) == {"loss.weight": "outside of 'model.'"}


def test_a_classifier_beside_the_backbone_is_kept(tmp_path: Path) -> None:
    saved = {f"backbone.{n}": t for n, t in WEIGHTS.items() if not n.startswith("fc")}
    torch.save(saved | {"head.weight": WEIGHTS["fc.weight"]}, tmp_path / "x")
    assert list(read_checkpoint(tmp_path / "x").tensors)[-1] == "head.weight"


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    halves = {n: t.half() if t.is_floating_point() else t for n, t in WEIGHTS.items()}
    torch.save(halves, tmp_path / "x")
    read = read_checkpoint(tmp_path / "x")
    assert same(read.tensors, WEIGHTS)
    assert read.notes == ["converted from float16 to float32"]


# Harm, damage, and what is no checkpoint at all.


class Runs:
    """Pickled, it runs a command when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.canary}",)


def archive(path: Path, data: bytes, *others: str, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as stored:
        stored.writestr("x/data.pkl", data)
        for name in ("version", *others):
            stored.writestr(f"x/{name}", "3")


def cut(path: Path, share: float, *, modern: bool = True) -> None:
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=modern)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def flip(path: Path) -> None:
    torch.save({"weight": torch.zeros(8, 4)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(bytes(64))] = 1
    path.write_bytes(content)


def recursive(path: Path) -> None:
    inner: dict[str, object] = {"weight": torch.ones(2, 2)}
    inner["again"] = inner
    torch.save(inner, path)


def shorter_storage(path: Path) -> None:
    torch.save({"weight": torch.ones(8, 4)}, path)
    with zipfile.ZipFile(path) as whole:
        records = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as stored:
        for name, content in records.items():
            stored.writestr(name, content[:8] if name.endswith("data/0") else content)


def many_tensors(path: Path) -> None:
    torch.save([torch.ones(1)], path)
    with zipfile.ZipFile(path) as whole:
        records = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as stored:
        for name, content in records.items():
            stored.writestr(name, content + b"R" * 1_000_000 if name.endswith("pkl") else content)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def quantized(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantization moved out of torch
        torch.save({"weight": torch.quantize_per_tensor(torch.ones(2, 2), 1.0, 0, torch.qint8)}, path)


def bytes_of(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def saved(content: object, *, modern: bool = True) -> Callable[[Path], object]:
    return lambda path: torch.save(content, path, _use_new_zipfile_serialization=modern)


CODE = "is a pickle with code (global: posix.system). It was not loaded. Ask for safetensors"
DAMAGED = "is damaged, cut short, or not a file that torch.save wrote"
NO_ARCHIVE = "is a damaged zip archive, or not one that torch.save wrote"
ASK = "Where it came from, save network.state_dict() as safetensors"

CORPUS: dict[str, tuple[Callable[[Path], object], str]] = {
    "code": (lambda path: torch.save({"a": Runs(path.with_name("canary"))}, path), CODE),
    "code, old format": (
        lambda path: torch.save(
            Runs(path.with_name("canary")), path, _use_new_zipfile_serialization=False
        ),
        CODE,
    ),
    "code, plain pickle": (
        lambda path: path.write_bytes(pickle.dumps(Runs(path.with_name("canary")))),
        CODE,
    ),
    "item set on no dict": (
        # Sets an item of a list as if it were a dict: CVE-2026-24747.
        lambda path: archive(path, b"\x80\x02]X\x01\x00\x00\x00kX\x01\x00\x00\x00vs."),
        "is a pickle with code. It was not loaded. Ask for safetensors",
    ),
    "memory": (
        # A bytearray of a terabyte.
        lambda path: archive(
            path, b"\x80\x02c__builtin__\nbytearray\n\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85R."
        ),
        "needs far more memory than its size allows",
    ),
    "name of another type": (
        saved({(1, 2): torch.ones(2, 2)}),
        "has a name that is a tuple, not a text",
    ),
    "whole network": (
        saved(nn.Linear(2, 2)),
        "holds a whole network (global: torch.nn.modules.linear.Linear), which needs that code to be run. "
        f"It was not loaded. {ASK}",
    ),
    "TorchScript": (
        lambda path: archive(path, b"", "constants.pkl", "code/__torch__.py"),
        "is a TorchScript archive, which holds code. It was not loaded. "
        "Where it came from, save its state_dict() as safetensors",
    ),
    "exported program": (
        lambda path: archive(path, b"", "archive_format"),
        "is an exported program (.pt2), which holds code. It was not loaded. "
        "Where it came from, save its state_dict as safetensors",
    ),
    "bomb": (
        lambda path: archive(path, bytes(1 << 24), compression=zipfile.ZIP_DEFLATED),
        "is compressed, which torch.save never does",
    ),
    "other archive": (
        lambda path: zipfile.ZipFile(path, "w").writestr("a/b.txt", "c"),
        "is a zip archive of other files, not a checkpoint",
    ),
    "cut to 30 %": (lambda path: cut(path, 0.3), NO_ARCHIVE),
    "cut to 90 %": (lambda path: cut(path, 0.9), NO_ARCHIVE),
    "old format, cut to 30 %": (lambda path: cut(path, 0.3, modern=False), DAMAGED),
    "old format, cut to 90 %": (lambda path: cut(path, 0.9, modern=False), DAMAGED),
    "flipped byte": (flip, "is damaged: the checksum of its record 'weights/data/0' is wrong"),
    "storage too short": (
        shorter_storage,
        "is damaged: the storage of 'weight' has not the size that it declares",
    ),
    "recursive": (recursive, "holds dictionaries in themselves, or too many levels of them"),
    "million tensors": (many_tensors, "has more than 100000 tensors"),
    "repeated values": (
        saved({"weight": torch.ones(1).expand(10**6, 10**6)}),
        "declares tensors of 4000000000000 bytes, it has SIZE",
    ),
    "sparse": (
        saved({"weight": torch.eye(3).to_sparse()}),
        "holds a sparse tensor, 'weight'; only dense ones are read",
    ),
    "quantized": (
        quantized,
        "holds a tensor of the type qint8, 'weight'; quantized weights are not read",
    ),
    "no values": (
        saved({"weight": torch.ones(2, 2, device="meta")}),
        "holds a tensor without values, 'weight'",
    ),
    "not a number": (
        saved({"a.weight": torch.ones(2, 2), "b.weight": torch.full((2, 2), torch.nan)}),
        "has 1 of 2 tensors with values that are not finite numbers, first 'b.weight'; "
        "training had diverged, or the file is damaged",
    ),
    "long name": (saved({"x" * 1_000_000: torch.ones(2, 2)}), "has a name of more than 1000 characters"),
    "no weights": (
        saved({"epoch": 3, "mean": torch.ones(3)}),
        "holds no weights: no tensor in it is a layer's weight",
    ),
    "header bomb": (
        bytes_of(b"\xff" * 7 + b"\x7f{}"),
        "is not a valid safetensors file: its header should have 9223372036854775807 bytes, the file has 10",
    ),
    "empty": (bytes_of(b""), "is empty"),
    "web page": (
        bytes_of(b"\n<!DOCTYPE html><html>"),
        "is a web page, not a checkpoint: the download was answered by a page",
    ),
    "Git LFS": (
        bytes_of(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "is a Git LFS pointer, not the file that it points to: git lfs pull",
    ),
    "image": (bytes_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "is an image, not a checkpoint"),
    "text": (
        bytes_of(b"cposix\nsystem\n(S'touch canary'\ntR."),
        "is not a checkpoint: neither safetensors, nor a file of torch.save, nor HDF5",
    ),
    "tar": (
        bytes_of(b"storages".ljust(257, b"\0") + b"ustar" + b"\0" * 250),
        "is a tar archive. PyTorch before 0.1.10 wrote such; it is not read",
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_refused(name: str, tmp_path: Path) -> None:
    write, sentence = CORPUS[name]
    path = tmp_path / "weights.pt"
    write(path)
    sentence = sentence.replace("SIZE", str(path.stat().st_size))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(WeightsError, match=f"^{re.escape(f'{str(path)!r} {sentence}')}$"):
        read_checkpoint(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5.0
    assert [file.name for file in tmp_path.iterdir()] == ["weights.pt"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _path: None, "No such file or directory"),
        (Path.mkdir, "it is not a file"),
        (fifo, "it is not a file"),
    ],
)
def test_no_file(make: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    make(path)
    with pytest.raises(WeightsError, match=f"^{re.escape(f'cannot read {str(path)!r}: {reason}')}$"):
        read_checkpoint(path)


def test_an_hdf5_file_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(WeightsError, match=r"is an HDF5 file; weights\.hdf5 reads those of Keras$"):
        read_checkpoint(tmp_path / "x")


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (
            "raise SystemExit(3)",
            "stopped the process that unpacked it (exit status 3); it is damaged, or needs far more memory "
            "than its size allows",
        ),
        ("import time; time.sleep(60)", "takes more than 1 s to unpack"),
    ],
)
def test_a_process_that_fails(
    program: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "child.py").write_text(program)
    monkeypatch.setattr(pickle_child, "__file__", str(tmp_path / "child.py"))
    monkeypatch.setattr(pickle_reader, "SECONDS", 1)
    path = tmp_path / "x"
    torch.save(WEIGHTS, path)
    with pytest.raises(WeightsError, match=f"^{re.escape(f'{str(path)!r} {sentence}')}$"):
        read_checkpoint(path)


def test_a_pickle_that_takes_too_long(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "x", _use_new_zipfile_serialization=False)
    program = f"""
import itertools, sys, torch
sys.path.insert(0, {str(Path(pickle_child.__file__).parent)!r})
import pickle_child
pickle_child.SECONDS = 1
torch.load = lambda *_, **__: all(True for _ in itertools.count())
sys.argv = ["", {str(tmp_path / "x")!r}, {str(tmp_path)!r}]
pickle_child.main()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "failure.json").read_text() == '"takes more than 1 s of a processor to unpack"'


def many_records(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as stored:
        for i in range(200_000):
            stored.writestr(f"x/{i}", "")


@pytest.mark.slow
def test_memory(tmp_path: Path) -> None:
    for name in ("bomb", "million tensors", "repeated values", "memory", "long name", "header bomb"):
        CORPUS[name][0](tmp_path / f"{name}.pt")
    many_records(tmp_path / "many records.pt")
    program = """
import contextlib, pathlib, resource, sys
from resnets.errors import WeightsError
from resnets.weights.checkpoint import read_checkpoint
for path in pathlib.Path(sys.argv[1]).glob("*.pt"):
    with contextlib.suppress(WeightsError):
        read_checkpoint(path)
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    kilobytes = [int(line) for line in done.stdout.split()]
    assert max(kilobytes) < 1_000_000
