"""The model file: safetensors with a description, read alike by every command.

    header    {"__metadata__": {"format": "pt", "resnets": DESCRIPTION, "sha256": DIGEST}, tensors ...}
    tensors   by their public names, such as `stages.0.units.0.residual.conv1.weight`; kernels and
              matrices may be in half precision, and are read as float32

DESCRIPTION is `ModelInfo` as JSON, with the version of this format. DIGEST covers the description and
every tensor's name, type, shape and bytes, so that no changed byte of them goes unnoticed. Nothing in a
file is ever run, and a file makes its reader take hardly more memory than the file has bytes.
"""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from resnets import __version__
from resnets.architectures.creation import create_model, resolve
from resnets.config import Settings, validate
from resnets.errors import ResNetsError, UnsupportedError, WeightsError
from resnets.files import write_bytes
from resnets.weights.exported_network import ExportedNetwork
from resnets.weights.info_format import format_info, parse_info
from resnets.weights.model_header import read_model_header
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import quote, show
from resnets.weights.safetensors_file import Header, read_tensors

_FLOATS = ("F64", "F32", "F16", "BF16")
_MAX_NUMBER = 1_000_000
# No width, kernel or group count of a real network comes near it.


def describe_network(network: nn.Module, **fields: object) -> ModelInfo:
    """Describe a network for a model file.

    Args:
        network: made by `create_model`.
        **fields: of `ModelInfo`; `preprocessing` and, with a classifier, `class_names` at least.

    Raises:
        UnsupportedError: if the network was not made by `create_model`.
        ConfigError: with every field that is wrong.
    """
    spec = getattr(network, "spec", None)
    if spec is None:
        raise UnsupportedError(
            f"this {type(network).__name__} does not know its architecture; make it with "
            "resnets.create_model and load the weights into that"
        )
    versions = {"resnets": __version__, "torch": torch.__version__, "python": platform.python_version()}
    values = {
        "architecture": spec.name,
        "options": spec.options.model_dump(mode="json"),
        "versions": versions,
        **fields,
    }
    return validate(ModelInfo, values, source="the description of the model")


def write_model(path: str | Path, network: nn.Module, info: ModelInfo, *, half: bool = False) -> Path:
    """Write a model file, in one step.

    Args:
        path: of the file; its folder must exist.
        network: made by `create_model`.
        info: its description.
        half: keep kernels and matrices in float16, which halves the file. Vectors stay in float32: of
            all tensors they are the hundredth part, and running variances may be too large for float16
            or too small. So does a kernel with a value that float16 cannot hold.

    Raises:
        UnsupportedError: if the network was read from an exported file.
        OutputError: if the file cannot be written.
    """
    if isinstance(network, ExportedNetwork):
        raise UnsupportedError(
            f"the network of {quote(network.file)} cannot be written as a model file: take the one that "
            "it was made of"
        )
    tensors = {
        name: tensor.detach().to("cpu").contiguous() for name, tensor in network.state_dict().items()
    }
    if half:
        tensors = {name: _halve(tensor) for name, tensor in tensors.items()}
    words = format_info(info)
    metadata = {"format": "pt", "resnets": words, "sha256": digest(words, tensors)}
    return write_bytes(path, safetensors.torch.save(tensors, metadata))


def _halve(tensor: Tensor) -> Tensor:
    """The same values in float16, to 11 bits; as it is, if that will not do."""
    if tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    halved = tensor.half()
    return halved if torch.isfinite(halved).all() else tensor


def read_model(path: str | Path) -> tuple[nn.Module, ModelInfo]:
    """Read a model file.

    Args:
        path: of the file.

    Returns:
        The network in evaluation mode, in float32, and its description.

    Raises:
        WeightsError: if the file is missing, damaged, not a model file, or does not fit its description.
    """
    header = read_model_header(path)
    info = parse_info(path, header.metadata["resnets"])
    network = _build(path, info, header)
    tensors = read_tensors(path, header)
    if digest(header.metadata["resnets"], tensors) != header.metadata.get("sha256"):
        raise WeightsError(f"{quote(path)} is damaged: its SHA-256 is not the one that was written")
    own = {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
    for name, tensor in own.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{quote(path)} has NaN or infinity in {show(name)}")
        if name.endswith("running_var") and tensor.min() < 0:
            raise WeightsError(f"{quote(path)} has a negative variance in {show(name)}")
    network.load_state_dict(own, assign=True)
    return network.eval(), info


def digest(words: str, tensors: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of a description and of tensors, in the order of their names.

    Args:
        words: the description.
        tensors: contiguous and on the CPU.
    """
    total = hashlib.sha256(words.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _build(path: str | Path, info: ModelInfo, header: Header) -> nn.Module:
    """Build the network without memory, and refuse tensors that do not fit it."""
    try:
        _, options = resolve(info.architecture, info.options)
        _check_plausible(options, len(header.tensors))
        with torch.device("meta"), _at_most(len(header.tensors)):
            network = create_model(info.architecture, **info.options)
    except ResNetsError as error:
        raise WeightsError(f"{quote(path)} describes a network that cannot be built: {error}") from error
    expected = {
        name: (*tensor.shape, "float" if tensor.is_floating_point() else "I64")
        for name, tensor in network.state_dict().items()
    }
    got = {
        name: (*entry.shape, "float" if entry.dtype in _FLOATS else entry.dtype)
        for name, entry in header.tensors.items()
    }
    wrong = [name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)]
    if wrong:
        name = min(wrong)
        raise WeightsError(
            f"{quote(path)} does not fit its architecture {info.architecture}: {len(wrong)} tensors "
            f"differ, such as {show(name)} with {got.get(name, 'nothing')} instead of "
            f"{expected.get(name, 'nothing')}"
        )
    return network


def _check_plausible(options: Settings, num_tensors: int) -> None:
    """Refuse sizes that would keep the builder busy for nothing."""
    values = [value for _, value in options]
    numbers = [n for v in values for n in (v if isinstance(v, tuple) else (v,)) if isinstance(n, int)]
    units = sum(getattr(options, "depths", ()))
    if max(numbers, default=0) > _MAX_NUMBER or units > num_tensors:
        raise WeightsError(f"{units} units of sizes up to {max(numbers)} in {num_tensors} tensors")


@contextmanager
def _at_most(num_parameters: int) -> Iterator[None]:
    """Stop a builder that makes more parameters than there are tensors for."""
    thread, made = threading.get_ident(), 0

    def count(_module: nn.Module, _name: str, _parameter: nn.Parameter) -> None:
        nonlocal made
        if threading.get_ident() == thread:
            made += 1
            if made > num_parameters:
                raise WeightsError(f"it needs more than the {num_parameters} tensors in the file")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
