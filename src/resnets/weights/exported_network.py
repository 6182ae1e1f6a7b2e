"""The network of an exported file, computed by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resnets.errors import InputShapeError, MissingDependencyError, WeightsError
from resnets.weights.exported_file import INPUT, OUTPUT, open_exported
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import quote, show


class ExportedNetwork(nn.Module):
    """An exported network, on the processor.

    It has no layers to look into, nothing to train, and no other device or type: moving it leaves it as
    it is.

    Args:
        file: where it was read from, or will be written to.
        content: of the file; ONNX Runtime gets as many threads as PyTorch has now.

    Attributes:
        file: as given.

    Raises:
        WeightsError: if ONNX Runtime cannot use it.
        MissingDependencyError: if onnxruntime is not installed.

    Shape:
        (N, C, image_size, image_size) -> (N, num_classes), float32
    """

    def __init__(self, file: Path, content: bytes) -> None:
        super().__init__()
        self.file = file
        self._session = _session(file, content)
        self._shape = tuple(self._session.get_inputs()[0].shape[1:])
        # A network's parameters are asked where it is, and of what type.
        self._place = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Compute scores.

        Raises:
            InputShapeError: if the images do not have the size that was exported.
            WeightsError: if ONNX Runtime cannot compute them.
        """
        if tuple(images.shape[1:]) != self._shape:
            wanted = ", ".join(map(str, self._shape))
            raise InputShapeError(
                f"this exported network takes (N, {wanted}), got {tuple(images.shape)}"
            )
        values = images.detach().to("cpu", torch.float32).contiguous().numpy()
        try:
            return torch.from_numpy(self._session.run([OUTPUT], {INPUT: values})[0])
        except Exception as error:  # of several kinds
            raise WeightsError(_unusable(self.file, error)) from error

    def _apply(self, *_: Any, **__: Any) -> ExportedNetwork:
        return self


def read_exported(path: str | Path) -> tuple[ExportedNetwork, ModelInfo]:
    """Read an exported file.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is missing, damaged, not safe, or was not exported by resnets.
        MissingDependencyError: if onnx or onnxruntime is not installed.
    """
    exported = open_exported(path)
    return ExportedNetwork(Path(path), exported.content), exported.info


def _session(file: Path, content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError("exported files", "onnxruntime", extra="export") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait by computing would take the processor from whoever works beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong comes as an error
    try:
        # From memory, and not by its path: what was checked is what is used.
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of several kinds
        raise WeightsError(_unusable(file, error)) from error


def _unusable(file: Path, error: Exception) -> str:
    return f"{quote(file)} cannot be used: {show(error, length=300)}"
