"""Exported files: an ONNX graph with the description that a model file has; read without PyTorch.

    images    (batch, C, image_size, image_size), float32, as the description's preprocessing makes them
    scores    (batch, num_classes), float32, before temperature and softmax
    metadata  "resnets": DESCRIPTION, "proof": PROOF, "sha256": DIGEST

DESCRIPTION is `ModelInfo` as JSON, as in a model file, and PROOF `ExportProof`. DIGEST covers both, all
operations and all weights, so that no changed byte of them goes unnoticed. A file is checked before ONNX
Runtime sees it: one graph of standard operations, all of it in this file, with no tensor larger than a
network's, as sizes are what a graph could exhaust the memory with.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import Field, ValidationError

from resnets.config import Count, Settings
from resnets.errors import MissingDependencyError, WeightsError
from resnets.weights.info_format import parse_info
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import open_weights, quote, show

SUFFIX = ".onnx"
INPUT, OUTPUT, BATCH = "images", "scores", "batch"
MAX_BYTES = 2**30
"""Of a file; VGG-19 with 144 million weights has 575 MB. Parsing takes a few times as much memory."""

_KEYS = {"resnets", "proof", "sha256"}
_MAX_NODES = 50_000
# The deepest network of the papers, of 1202 layers, makes 3,000.
_MAX_NUMBERS = 2**28
# Of one tensor, for one image; VGG-19 has 2**26 at 1,024 pixels.
_MAX_TOGETHER = 2**31
# Of all that operations make of one image; ResNet-152 has about 2**28 at 512 pixels.
_SMALL = 1024
# Bytes of a weight that may say how large another tensor is.


class ExportProof(Settings):
    """What was compared with PyTorch when a file was exported.

    Attributes:
        images: what both networks saw.
        num_images: of those.
        largest_difference: between two probabilities of a class.
        agreement: share of the images whose most probable class is the same.
        top1: of the network in PyTorch, where the images have labels.
        exported_top1: of the exported one.
        versions: of the software that was used.
    """

    images: str
    num_images: Count
    largest_difference: float
    agreement: float
    top1: float | None = None
    exported_top1: float | None = None
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        found = (
            f"compared with PyTorch on {self.num_images:,} {self.images}: probabilities differ by "
            f"{self.largest_difference:.1g} at most, {self.agreement:.2%} of the answers are the same"
        )
        if self.top1 is None or self.exported_top1 is None:
            return found
        return f"{found}, top-1 {self.top1:.2%} in PyTorch and {self.exported_top1:.2%} exported"


@dataclass(frozen=True)
class ExportedFile:
    """An exported file that has been checked.

    Attributes:
        info: description of the model.
        proof: that the network is still the same.
        content: all bytes of the file.
    """

    info: ModelInfo
    proof: ExportProof
    content: bytes


def open_exported(path: str | Path) -> ExportedFile:
    """Read an exported file and check it, without running anything of it.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is missing, damaged, not safe, or was not exported by resnets.
        MissingDependencyError: if onnx is not installed.
    """
    with open_weights(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise WeightsError(
                f"{quote(path)} has {size:,} bytes; exported files of up to 1 GiB are read"
            )
        content = file.read()
    return check_exported(path, content)


def check_exported(path: str | Path, content: bytes) -> ExportedFile:
    """Check the content of an exported file, and read what it says.

    Args:
        path: of the file, for errors.
        content: all of it.

    Raises:
        WeightsError: as for `open_exported`.
        MissingDependencyError: if onnx is not installed.
    """
    onnx = import_onnx("exported files")
    try:
        return _checked(onnx, path, content)
    except UnicodeDecodeError as error:  # of names, when they are first looked at
        raise WeightsError(f"{quote(path)} is damaged: names in it are no text") from error


def digest(graph: Any, words: str, proof: str) -> str:
    """Compute the SHA-256 of a graph with its description.

    Args:
        graph: `onnx.GraphProto`.
        words: the description.
        proof: what was compared.
    """
    total = hashlib.sha256(f"{words}\0{proof}".encode())
    for part in (*graph.input, *graph.output, *graph.node):
        total.update(part.SerializeToString(deterministic=True))
    for weight in sorted(graph.initializer, key=lambda weight: str(weight.name)):
        total.update(repr((weight.name, weight.data_type, list(weight.dims))).encode())
        total.update(weight.raw_data)
    return total.hexdigest()


def import_onnx(purpose: str) -> ModuleType:
    """Import onnx, which an extra brings.

    Args:
        purpose: what needs it.

    Raises:
        MissingDependencyError: if it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError(purpose, "onnx", extra="export") from None
    return onnx


def _checked(onnx: ModuleType, path: str | Path, content: bytes) -> ExportedFile:
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own kind
        raise WeightsError(f"{quote(path)} is damaged, or not an ONNX file") from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if metadata.keys() != _KEYS:
        raise WeightsError(
            f"{quote(path)} is an ONNX file without the description that resnets export writes: its "
            "classes, and what its images should look like, cannot be known"
        )
    if digest(model.graph, metadata["resnets"], metadata["proof"]) != metadata["sha256"]:
        raise WeightsError(f"{quote(path)} is damaged: its SHA-256 is not the one that was written")
    info = parse_info(path, metadata["resnets"])
    try:
        proof = ExportProof.model_validate_json(metadata["proof"])
    except ValidationError as error:
        raise WeightsError(f"{quote(path)} has a proof that makes no sense") from error
    if problem := next(_problems(onnx, model, info), None):
        raise WeightsError(f"{quote(path)} cannot be used: {problem}")
    return ExportedFile(info, proof, content)


def _problems(onnx: ModuleType, model: Any, info: ModelInfo) -> Iterator[str]:
    """Say what speaks against handing a graph to ONNX Runtime; the first counts, those after need it."""
    graph = model.graph
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if model.functions or model.training_info or graph.sparse_initializer:
        yield "it has parts besides one graph of operations and weights"
    if any(entry.domain not in ("", "ai.onnx") for entry in model.opset_import):
        yield "it has operations that are not ONNX's own"
    if len(graph.node) > _MAX_NODES:
        yield f"it has {len(graph.node):,} operations, more than the {_MAX_NODES:,} of any network here"
    if any(each.HasField("g") or each.graphs for each in attributes):
        yield "it has graphs within operations"
    inner = [tensor for each in attributes for tensor in (*each.tensors, each.t) if tensor.data_type]
    yield from _odd_weights(onnx, (*graph.initializer, *inner))
    yield from _odd_ends(graph, info)
    yield from _odd_sizes(onnx, model)


def _odd_weights(onnx: ModuleType, weights: Sequence[Any]) -> Iterator[str]:
    for weight in weights:
        if weight.data_location or weight.external_data:
            yield "its weights are in another file"
        if not _has_its_bytes(onnx, weight):
            yield f"the weight {show(weight.name)} has not as many bytes as its shape says"


def _has_its_bytes(onnx: ModuleType, weight: Any) -> bool:
    try:
        size = onnx.helper.tensor_dtype_to_np_dtype(weight.data_type).itemsize
    except (KeyError, ValueError):
        return False
    num_bytes: int = size * math.prod(weight.dims)
    return min(weight.dims, default=0) >= 0 and len(weight.raw_data) == num_bytes


def _odd_ends(graph: Any, info: ModelInfo) -> Iterator[str]:
    """Compare what goes in and comes out with the description."""
    sight = info.preprocessing
    expected = {
        INPUT: (sight.num_channels, sight.image_size, sight.image_size),
        OUTPUT: (len(info.class_names),),
    }
    for name, ends in ((INPUT, graph.input), (OUTPUT, graph.output)):
        axes = [end.type.tensor_type.shape.dim for end in ends]
        if [end.name for end in ends] != [name] or not axes[0] or axes[0][0].dim_param != BATCH:
            yield f"{name!r} with any number of images is not all that goes in or comes out"
        got = tuple(axis.dim_value for axis in axes[0][1:])
        if got != expected[name]:
            yield f"{name!r} has the shape {got} an image, its description says {expected[name]}"


def _odd_sizes(onnx: ModuleType, model: Any) -> Iterator[str]:
    """Follow the sizes of all tensors for one image, without computing any."""
    small = _without_weights(onnx, model)
    for end in (*small.graph.input, *small.graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = 1
    try:
        inferred = onnx.shape_inference.infer_shapes(
            small, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # of several kinds
        yield f"the sizes of its tensors make no sense: {show(error)}"
        return
    known = {
        entry.name: entry.type.tensor_type
        for entry in (*inferred.graph.value_info, *inferred.graph.output)
    }
    together = 0
    for name in (name for node in small.graph.node for name in node.output if name):
        if name not in known or not known[name].HasField("shape"):
            yield f"nothing is known of the size of {show(name)}"
        numbers = math.prod(axis.dim_value for axis in known[name].shape.dim)
        if not 0 < numbers <= _MAX_NUMBERS:
            yield f"{show(name)} has {numbers:,} numbers, of {_MAX_NUMBERS:,} at most"
        together += numbers
    if together > _MAX_TOGETHER:
        yield f"its tensors have {together:,} numbers, of {_MAX_TOGETHER:,} at most"


def _without_weights(onnx: ModuleType, model: Any) -> Any:
    """A copy that keeps only the numbers which may say how large something is."""
    graph = model.graph
    copy = onnx.ModelProto(
        ir_version=model.ir_version,
        opset_import=model.opset_import,
        graph=onnx.GraphProto(name=graph.name, node=graph.node, input=graph.input, output=graph.output),
    )
    for weight in graph.initializer:
        kept = copy.graph.initializer.add(name=weight.name, dims=weight.dims, data_type=weight.data_type)
        if len(weight.raw_data) <= _SMALL:
            kept.raw_data = weight.raw_data
    return copy
