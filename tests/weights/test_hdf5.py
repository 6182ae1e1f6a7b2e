"""Keras files are read as arrays, and files made to do harm are refused."""

from __future__ import annotations

import io
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resnets.errors import MissingDependencyError, WeightsError
from resnets.weights.hdf5 import read_hdf5

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def weights_file(path: Path, fill: Callable[[h5py.Group], None], **options: Any) -> Path:
    """A file of one layer 'a' with one weight 'a/w', which `fill` makes."""
    with h5py.File(path, "w", **options) as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"a/w"]
        fill(group)
    return path


def refusal(path: Path) -> str:
    started = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        read_hdf5(path)
    assert time.perf_counter() - started < 5
    prefix = f"cannot read {str(path)!r}: "
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def plain(group: h5py.Group) -> None:
    group["a/w"] = KERNEL


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"chunks": (1, 2, 3)},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "chunks": (2, 2, 3)},
        {"shuffle": True, "chunks": (1, 1, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", "i8"])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_arrays_come_back(tmp_path: Path, settings: dict[str, Any], dtype: str, libver: str) -> None:
    def fill(group: h5py.Group) -> None:
        group.create_dataset("a/w", data=KERNEL.astype(dtype), **settings)

    (layer,) = read_hdf5(weights_file(tmp_path / "a.h5", fill, libver=libver))
    assert layer.name == "a"
    assert list(layer.weights) == ["a/w"]
    array = layer.weights["a/w"]
    assert array.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(array, KERNEL)


def test_order_is_the_files(tmp_path: Path) -> None:
    """Names, long lists in parts, layers without weights, a network inside a network."""
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Lambda", "config": {"function": ["gASV..."]}}'
        root = file.create_group("model_weights")
        root.attrs["layer_names0"] = [b"z", b"relu"]
        root.attrs["layer_names1"] = [b"inner", b"b"]
        order = {"z": ["z/k", "z/b"], "relu": [], "inner": ["q/g", "p/k", "q/m"], "b": ["b/k"]}
        for i, (name, weights) in enumerate(order.items()):
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([w.encode() for w in weights], dtype="S9")
            for j, weight in enumerate(weights):
                group[weight] = np.array([10 * i + j], np.float32)
    layers = read_hdf5(tmp_path / "model.h5")
    got = [(layer.name, {n: float(a[0]) for n, a in layer.weights.items()}) for layer in layers]
    assert got == [
        ("z", {"z/k": 0.0, "z/b": 1.0}),
        ("q", {"q/g": 20.0, "q/m": 22.0}),
        ("p", {"p/k": 21.0}),
        ("b", {"b/k": 30.0}),
    ]


@pytest.mark.parametrize("archive", [False, True])
def test_numbered_layers_of_keras_3(tmp_path: Path, archive: bool) -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for number in (0, 1, 2, 10):
            name = f"conv2d_{number}" if number else "conv2d"
            for i in range(2):
                file[f"layers/{name}/vars/{i}"] = np.array([number, i], np.float32)
            file[f"layers/{name}/vars"].attrs["name"] = f"layer {number}"
        file["layers/dropout/seed_generator/vars/0"] = np.array([1, 2], np.uint32)
        file["optimizer/vars/0"] = np.array([1.0], np.float32)
    path = tmp_path / ("m.keras" if archive else "m.weights.h5")
    path.write_bytes(content.getvalue())
    if archive:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", '{"class_name": "Lambda"}')
            file.writestr("model.weights.h5", content.getvalue())
    layers = read_hdf5(path)
    assert [layer.name for layer in layers] == [f"layer {n}" for n in (0, 1, 2, 10)]
    assert [list(layer.weights) for layer in layers] == [["0", "1"]] * 4
    assert layers[3].weights["1"].tolist() == [10.0, 1.0]


def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary"
    path.write_bytes(b"secret" * 100)
    return path


def test_external_storage(tmp_path: Path) -> None:
    secret = canary(tmp_path)

    def fill(group: h5py.Group) -> None:
        group.create_dataset("a/w", (16,), "u1", external=[(str(secret), 0, 16)])

    path = weights_file(tmp_path / "a.h5", fill)
    with h5py.File(path) as file:
        assert file["a/a/w"][()].tobytes() == secret.read_bytes()[:16]  # what the library alone would do
    assert refusal(path) == "'a/a/w' keeps its data in another file"


@pytest.mark.parametrize("kind", ["soft", "external"])
def test_links(tmp_path: Path, kind: str) -> None:
    secret = weights_file(tmp_path / "other.h5", plain)
    link = h5py.SoftLink("/b") if kind == "soft" else h5py.ExternalLink(str(secret), "/a/a/w")

    def fill(group: h5py.Group) -> None:
        group["b"] = KERNEL
        group["a"] = link

    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path) == "'a/a' is a link to another place or file"


def test_virtual_dataset(tmp_path: Path) -> None:
    other = weights_file(tmp_path / "other.h5", plain)
    layout = h5py.VirtualLayout(KERNEL.shape, KERNEL.dtype)
    layout[:] = h5py.VirtualSource(str(other), "a/a/w", KERNEL.shape)
    path = weights_file(
        tmp_path / "a.h5", lambda group: group.create_virtual_dataset("a/w", layout), libver="latest"
    )
    assert refusal(path) == "'a/a/w' keeps its data in another file"


@pytest.mark.parametrize("shape", [(10**18,), (10**9, 10**9), (10**6, 10**6)])
@pytest.mark.parametrize("settings", [{}, {"chunks": True, "compression": "gzip"}], ids=str)
def test_shape_bomb(tmp_path: Path, shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    def fill(group: h5py.Group) -> None:
        chunks = {"chunks": (1000,) * len(shape)} if settings else {}
        group.create_dataset("a/w", shape, "f4", **settings | chunks)

    size = 4 * int(np.prod(np.array(shape, dtype=object)))
    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path) == f"'a/a/w' says it has {size:,} bytes, in 0 bytes of the file"


def test_gzip_bomb_that_says_so(tmp_path: Path) -> None:
    def fill(group: h5py.Group) -> None:
        group.create_dataset("a/w", data=np.zeros(50_000_000, "f4"), compression="gzip", chunks=(10**6,))

    path = weights_file(tmp_path / "a.h5", fill)
    assert "says it has 200,000,000 bytes, in " in refusal(path)


def test_gzip_bomb_that_lies(tmp_path: Path) -> None:
    """A chunk of 96 bytes that the library would unpack to 256 MiB."""
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    bomb = b"".join([*(packer.compress(zeros) for _ in range(256)), packer.flush()])

    def fill(group: h5py.Group) -> None:
        dataset = group.create_dataset("a/w", (24,), "f4", compression="gzip", chunks=(24,))
        dataset.id.write_direct_chunk((0,), bomb)

    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path) == "a chunk of 'a/a/w' has not the size that it should"


def test_one_array_under_many_names(tmp_path: Path) -> None:
    def fill(group: h5py.Group) -> None:
        group["a/w"] = KERNEL
        group["again"] = group["a/w"]

    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path).endswith("is a second name of another object")


def test_groups_inside_themselves(tmp_path: Path) -> None:
    def fill(group: h5py.Group) -> None:
        group["a/w"] = KERNEL
        group["a/self"] = group

    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path) == "'a/a/self' is a second name of another object"


def test_deep_groups(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "a.h5", lambda group: group.create_group("/".join("b" * 40)) and None)
    assert refusal(path) == "its groups lie more than 32 deep"


def test_too_many_objects(tmp_path: Path) -> None:
    def fill(group: h5py.Group) -> None:
        for i in range(20_001):
            group.create_group(str(i))

    path = weights_file(tmp_path / "a.h5", fill, libver="latest")
    assert refusal(path) == "it has more than 20,000 objects"


@pytest.mark.parametrize(
    "dtype",
    [
        h5py.string_dtype(),
        h5py.vlen_dtype(np.float32),
        h5py.ref_dtype,
        np.dtype([("a", "f4")]),
        "S8",
        "c8",
    ],
    ids=str,
)
def test_other_things_than_numbers(tmp_path: Path, dtype: Any) -> None:
    path = weights_file(tmp_path / "a.h5", lambda group: group.create_dataset("a/w", (2,), dtype))
    assert refusal(path) == "'a/a/w' holds something other than numbers"


@pytest.mark.parametrize("compression", ["lzf", 32001])
def test_other_filters(tmp_path: Path, compression: str | int) -> None:
    """A filter with a number is a library that HDF5 would load."""

    def fill(group: h5py.Group) -> None:
        if isinstance(compression, str):
            group.create_dataset("a/w", data=KERNEL, compression=compression)
            return
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((4,))
        settings.set_filter(compression, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(group.create_group("a").id, b"w", h5py.h5t.IEEE_F32LE, space, settings)

    path = weights_file(tmp_path / "a.h5", fill)
    assert refusal(path) == "'a/a/w' is packed otherwise than by gzip"


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([b"a", b"b"], "the layer 'b' is announced and missing"),
        ([b"../a"], "the layer '../a' is announced and missing"),
        ([b"/a"], "the layer '/a' is announced and missing"),
        (np.zeros(3), "the attribute 'layer_names' holds something other than names"),
        (
            np.zeros(2, dtype="S5000"),
            "the attribute 'layer_names' has more than 100,000 names, or too long ones",
        ),
        ([b"a", b"a"], "the weight 'a/w' of layer 'a' is missing"),
    ],
    ids=str,
)
def test_names_that_lead_nowhere(tmp_path: Path, names: Any, problem: str) -> None:
    path = weights_file(tmp_path / "a.h5", plain)
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = names
    assert refusal(path) == problem


def test_names_as_texts(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "a.h5", plain)
    with h5py.File(path, "r+") as file:
        file.attrs.create("layer_names", ["a"], dtype=h5py.string_dtype())
    assert [layer.name for layer in read_hdf5(path)] == ["a"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_files(tmp_path: Path, share: float) -> None:
    path = weights_file(tmp_path / "a.h5", plain)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert refusal(path).startswith(("it is damaged: ", "it is neither HDF5 nor"))


def test_flipped_bytes(tmp_path: Path) -> None:
    """Whatever is broken: our error or arrays, and nothing else."""
    content = weights_file(tmp_path / "a.h5", plain).read_bytes()
    path = tmp_path / "b.h5"
    random = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(content)
        broken[random.integers(len(broken))] ^= 1 << random.integers(8)
        path.write_bytes(broken)
        with suppress(WeightsError):
            read_hdf5(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(b"<html>" * 100)
    assert refusal(path) == "it is neither HDF5 nor a .keras archive"
    with h5py.File(path, "w") as file:
        file["x"] = KERNEL
    assert refusal(path) == "it has neither Keras' attribute 'layer_names' nor its group 'layers'"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert refusal(path) == "it is a zip archive without a 'model.weights.h5', or with several"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert refusal(path) == "it is damaged: File is not a zip file"


def test_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(50 << 20))
    assert refusal(path).startswith("its 'model.weights.h5' of ")
    assert refusal(path).endswith(" bytes would become 52,428,800")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_hdf5(tmp_path / "none.h5")


def test_missing_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights_file(tmp_path / "a.h5", plain)
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.delitem(sys.modules, "resnets.weights.hdf5_layers", raising=False)
    monkeypatch.delitem(sys.modules, "resnets.weights.hdf5_safety", raising=False)
    with pytest.raises(MissingDependencyError) as caught:
        read_hdf5(path)
    assert str(caught.value) == "reading .h5 files needs h5py: pip install 'resnets[weights]'"
