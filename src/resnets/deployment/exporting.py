"""`export`: a model as an ONNX file that any runtime can use, with the proof that it is the same."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from resnets import __version__
from resnets.data.batches import normalize_batch
from resnets.data.dataset import Dataset
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import (
    CheckFailedError,
    ConfigError,
    MissingDependencyError,
    OutputError,
    UnsupportedError,
    WeightsError,
    printable,
)
from resnets.evaluation.evaluating import Reading, score_images
from resnets.evaluation.evaluation import Conditions
from resnets.evaluation.labelled_images import choose_images, open_data
from resnets.evaluation.scoring import OnBatch
from resnets.files import write_bytes
from resnets.weights.classifier import Classifier
from resnets.weights.exported_file import (
    BATCH,
    INPUT,
    MAX_BYTES,
    OUTPUT,
    SUFFIX,
    ExportProof,
    check_exported,
    digest,
    import_onnx,
)
from resnets.weights.exported_network import ExportedNetwork
from resnets.weights.info_format import format_info
from resnets.weights.loading import load, model_path

OPSET = 18
"""Version of ONNX's operations that a file asks for; runtimes since 2023 know it."""

LARGEST_DIFFERENCE = 1e-4
"""Allowed between a probability in PyTorch and the same one of the exported network."""
LEAST_AGREEMENT = 0.999
"""Share of the images for which both must find the same class most probable."""

_BATCHES = (1, 7, 56)


@dataclass(frozen=True)
class Export:
    """An exported file.

    Attributes:
        model: what was exported.
        file: that was written.
        num_bytes: of it.
        input_shape: of an image, (C, H, W).
        num_classes: of the scores.
        proof: what was compared before the file was written.
    """

    model: str
    file: Path
    num_bytes: int
    input_shape: tuple[int, int, int]
    num_classes: int
    proof: ExportProof

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "model": self.model,
            "file": str(self.file),
            "format": "onnx",
            "opset": OPSET,
            "num_bytes": self.num_bytes,
            "input": {"name": INPUT, "shape": [BATCH, *self.input_shape], "type": "float32"},
            "output": {"name": OUTPUT, "shape": [BATCH, self.num_classes], "type": "float32"},
            "proof": self.proof.model_dump(mode="json"),
        }


def export(
    model: Classifier | str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | Dataset | None = None,
    split: str | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    on_batch: OnBatch | None = None,
) -> Export:
    """Write a model as an ONNX file, once both networks gave the same answers.

    The file holds the description of the model, so that every command takes it like a model file. It
    computes scores of preprocessed images in batches of any size; batch norms behind a convolution are
    part of it.

    Args:
        model: path of a model file or run folder, published weights, or what `resnets.load` gave.
        out: the file to write. [beside the model file; in the present folder for other weights]
        data: images to compare both networks on, and their accuracy. [64 made ones, without a label]
        split: of the data. [as `evaluate` chooses]
        batch_size: images that a network sees at a time, of the data.
        workers: processes that read those. [one for each core, at most 8]
        on_batch: called with the number of batches done and of all, of each network.

    Raises:
        WeightsError: if the model cannot be loaded.
        UnsupportedError: if it has no classifier, or was exported already.
        DataError: if the data cannot be used.
        CheckFailedError: if the answers differ too much; nothing is written then.
        MissingDependencyError: if onnx, onnxscript or onnxruntime is not installed.
        OutputError: if the file cannot be written.
    """
    target = _target(model, out)
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {str(target)!r}: there is no folder {str(target.parent)!r}")
    classifier = model if isinstance(model, Classifier) else load(model)
    name = classifier.info.architecture if isinstance(model, Classifier) else str(model)
    _check(classifier, name)
    images = (
        None if data is None else choose_images(open_data(data, classifier.info), classifier.info, split)
    )
    network = copy.deepcopy(classifier.network).to("cpu", torch.float32).eval()
    reference = Classifier(network, classifier.info)
    graph = to_onnx(network, classifier.preprocessing)
    exported = Classifier(ExportedNetwork(target, graph.SerializeToString()), classifier.info)
    if images is None:
        proof = _compare_made(reference, exported)
    else:
        reading = Reading(batch_size=batch_size, workers=workers, on_batch=on_batch)
        conditions = Conditions(crops=1, flip=False, restricted=False, matched_by="names")
        both = [
            score_images(each, images, conditions, reading, name=name) for each in (reference, exported)
        ]
        proof = _proof(
            f"{images.data} {images.split}",
            *(torch.from_numpy(each.probabilities) for each in both),
            top1=both[0].top1,
            exported_top1=both[1].top1,
        )
    if proof.largest_difference > LARGEST_DIFFERENCE or proof.agreement < LEAST_AGREEMENT:
        raise CheckFailedError(
            f"{printable(name)} was {proof.words}. Allowed are {LARGEST_DIFFERENCE:g} and "
            f"{LEAST_AGREEMENT:.1%}: nothing was written"
        )
    content = _described(graph, classifier, proof)
    check_exported(target, content)
    return Export(
        model=name,
        file=write_bytes(target, content),
        num_bytes=len(content),
        input_shape=_shape(classifier.preprocessing),
        num_classes=len(classifier.class_names),
        proof=proof,
    )


def to_onnx(network: nn.Module, preprocessing: Preprocessing) -> Any:
    """Turn a network into a graph without a description, `onnx.ModelProto`.

    Args:
        network: on the CPU, in evaluation mode.
        preprocessing: of its images; tells their size.

    Raises:
        MissingDependencyError: if onnx or onnxscript is not installed.
        UnsupportedError: if the graph would be too large for one file.
    """
    import_onnx("exporting")
    try:
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError:
        raise MissingDependencyError("exporting", "onnxscript", extra="export") from None
    # Not 1: a batch of one image is taken for a constant.
    example = torch.zeros(2, *_shape(preprocessing))
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
        )
    assert program is not None
    model = program.model_proto
    # Lines of source code and paths of this machine, and sizes that follow from the rest.
    del model.graph.value_info[:]
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
    if model.ByteSize() > MAX_BYTES:
        raise UnsupportedError(
            f"the exported file would have {model.ByteSize():,} bytes, more than 1 GiB"
        )
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's exporter says of itself, and of packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def made_images(preprocessing: Preprocessing, count: int) -> Tensor:
    """Make images with large and small patches of colour, and noise; the same ones in every call.

    Args:
        preprocessing: of the network.
        count: number of images.

    Shape:
        (count, C, image_size, image_size), float32, preprocessed
    """
    generator = torch.Generator().manual_seed(0)
    channels, size, _ = _shape(preprocessing)
    levels = torch.zeros(count, channels, size, size)
    for across in (2, 5, 13, size):
        patches = torch.rand(count, channels, across, across, generator=generator)
        levels += functional.interpolate(patches, size=size, mode="bilinear")
    lowest, highest = levels.amin((1, 2, 3), keepdim=True), levels.amax((1, 2, 3), keepdim=True)
    pixels = (255 * (levels - lowest) / (highest - lowest)).to(torch.uint8)
    return normalize_batch(pixels, preprocessing)


def _target(model: Classifier | str | Path, out: str | Path | None) -> Path:
    if out is not None:
        if Path(out).suffix != SUFFIX:
            raise ConfigError("the arguments of export", [f"out must end in {SUFFIX}, got {str(out)!r}"])
        return Path(out)
    if isinstance(model, Classifier):
        raise ConfigError(
            "the arguments of export", ["out is needed for a model that is loaded already"]
        )
    if Path(model).exists():
        return model_path(model).with_suffix(SUFFIX)
    return Path(str(model).replace(":", "-") + SUFFIX)


def _check(classifier: Classifier, name: str) -> None:
    if isinstance(classifier.network, ExportedNetwork):
        raise UnsupportedError(f"{printable(name)} is exported already")
    if not classifier.class_names:
        raise UnsupportedError(f"{printable(name)} has no classifier, whose scores could be exported")


def _shape(preprocessing: Preprocessing) -> tuple[int, int, int]:
    return preprocessing.num_channels, preprocessing.image_size, preprocessing.image_size


def _compare_made(reference: Classifier, exported: Classifier) -> ExportProof:
    batches = made_images(reference.preprocessing, sum(_BATCHES)).split(_BATCHES)
    both = [
        torch.cat([each.probabilities(batch) for batch in batches]) for each in (reference, exported)
    ]
    sizes = ", ".join(map(str, _BATCHES[:-1]))
    return _proof(f"made images, in batches of {sizes} and {_BATCHES[-1]}", *both)


def _proof(
    images: str,
    probabilities: Tensor,
    exported: Tensor,
    *,
    top1: float | None = None,
    exported_top1: float | None = None,
) -> ExportProof:
    if not (torch.isfinite(probabilities).all() and torch.isfinite(exported).all()):
        raise WeightsError("the network gives no finite scores: its weights do not fit such values")
    import onnx
    import onnxruntime

    return ExportProof(
        images=images,
        num_images=len(probabilities),
        largest_difference=float((probabilities - exported).abs().max()),
        agreement=float((probabilities.argmax(1) == exported.argmax(1)).double().mean()),
        top1=top1,
        exported_top1=exported_top1,
        versions={
            "resnets": __version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    )


def _described(graph: Any, classifier: Classifier, proof: ExportProof) -> bytes:
    """The bytes of a file: the graph with what is said of it."""
    words, proven = format_info(classifier.info), proof.model_dump_json()
    entries = {
        "resnets": words,
        "proof": proven,
        "sha256": digest(graph.graph, words, proven),
    }
    for key, value in entries.items():
        graph.metadata_props.add(key=key, value=value)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content
