"""How much memory a training will need, before it starts; what to change when there is not enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from resnets.errors import InputShapeError, MemoryLimitError, printable
from resnets.networks.dense_stage import RecomputingDenseStage
from resnets.quantities import memory
from resnets.recipes.settings import TrainingSettings
from resnets.training.learner import AUTOCAST_TYPES
from resnets.training.machine import Machine

_STATES = {"sgd": 1, "adamw": 2, "lamb": 2}
# Tensors of the size of each parameter that an optimizer keeps: velocity; first and second moment.
_TIGHT = 0.8
# Share of the free memory above which a run is warned: other programs need some too.
_OVERHEAD = {"float32": 0.3, "bf16": 0.65, "fp16": 0.65}
# Of the activations, for copies that convolutions make and gaps between tensors: measured as the largest
# resident memory of ten trainings on processors, which the estimate meets within 0.85 to 1.2.
_MOST_OVERHEAD = 50
# Times the largest tensor: such copies come and go, so that they do not grow with depth for ever. With
# ResNet-56 to ResNet-1202 (benchmarks/cost_growth.py, bf16) they took 30 to 50 times as much.
_UNSURE = 1.3
# An estimate this many times what is free is taken for certain.
_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|cannot allocate memory|bad_alloc|out of memory"
    r"|could not create a memory|out_of_memory",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class MemoryEstimate:
    """What a training keeps in memory at its fullest, in bytes.

    Attributes:
        parameters: with the buffers.
        gradients: of the parameters.
        optimizer: what it keeps from step to step.
        average: of the weights.
        activations: what the backward pass needs of the forward pass, for one part of a batch.
        workspace: what layers need while they run, and batches on their way.
        overhead: copies inside of convolutions, and gaps between tensors.
    """

    parameters: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    workspace: int
    overhead: int

    @property
    def bytes_total(self) -> int:
        """All of it; the program itself and the processes that read images come on top."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """By name."""
        return dict(vars(self))


def estimate_memory(
    network: nn.Module,
    *,
    image_size: int,
    in_channels: int,
    batch_size: int,
    precision: Literal["float32", "bf16", "fp16"] = "float32",
    optimizer: Literal["sgd", "adamw", "lamb"] = "sgd",
    averaging: bool = False,
) -> MemoryEstimate:
    """Estimate the memory of a training step; shapes flow through the network, numbers do not.

    Args:
        network: on any device; it is not changed.
        image_size: height and width of the images, in pixels.
        in_channels: of the images.
        batch_size: images that pass through the network at once, one of `accumulation` parts.
        precision: of convolutions and matrix products.
        optimizer: its name.
        averaging: an average of the weights is kept.

    Raises:
        InputShapeError: if images of this size cannot pass.
    """
    parameters = sum(p.numel() * p.element_size() for p in network.parameters())
    learning = sum(p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    buffers = sum(b.numel() * b.element_size() for b in network.buffers())
    images = batch_size * in_channels * image_size**2 * 4
    batch = max(2, batch_size)  # batch norm refuses a single value per channel
    shape = (batch, in_channels, image_size, image_size)
    activations, largest = (
        number * batch_size // batch
        for number in _activations(network, shape, AUTOCAST_TYPES.get(precision))
    )
    return MemoryEstimate(
        parameters=parameters + buffers,
        gradients=learning,
        optimizer=learning * _STATES[optimizer],
        average=parameters + buffers if averaging else 0,
        activations=activations,
        # A layer's result, its gradient and the gradient before it; the batch as bytes and as numbers.
        workspace=3 * largest + 2 * images,
        overhead=int(min(_OVERHEAD[precision] * activations, _MOST_OVERHEAD * largest)),
    )


def check_memory(estimate: MemoryEstimate, settings: TrainingSettings, machine: Machine) -> str | None:
    """Compare what a training needs with what there is.

    Args:
        estimate: for one part of a batch.
        settings: complete.
        machine: what the training runs on.

    Returns:
        A warning if it will be tight, else None.

    Raises:
        MemoryLimitError: if it cannot be enough, with what to change.
    """
    needed, free = estimate.bytes_total, machine.available_bytes
    if needed <= _TIGHT * free:
        return None
    most = max(estimate.parts, key=lambda name: estimate.parts[name])
    said = (
        f"training needs about {memory(needed)}, most of it for {most} "
        f"({memory(estimate.parts[most])}), and {memory(free)} of {memory(machine.memory_bytes)} are "
        f"free. {_advice(estimate, settings, free)}"
    )
    if needed > min(_UNSURE * free, machine.memory_bytes):
        raise MemoryLimitError(said)
    return said


def parts_that_fit(estimate: MemoryEstimate, batch_size: int, limit: float) -> int | None:
    """Parts that a batch must be divided into, a power of two, so that each fits.

    Args:
        estimate: of the whole batch at once.
        batch_size: of it.
        limit: bytes that a training may take.

    Returns:
        The fewest such parts; None if not even two images at once fit.
    """
    per_batch = estimate.activations + estimate.workspace + estimate.overhead
    fixed = estimate.bytes_total - per_batch
    parts = 1
    while fixed + per_batch / parts > limit:
        parts *= 2
        if batch_size // parts < 2:
            return None
    return parts


def explain_out_of_memory(error: BaseException, settings: TrainingSettings) -> MemoryLimitError | None:
    """Say what to do about an error, if it is one for want of memory.

    Args:
        error: of a training step.
        settings: of the run.
    """
    is_known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if isinstance(error, MemoryLimitError):
        return error
    if not is_known and not (isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error))):
        return None
    batch, parts = settings.batch_size or 1, settings.accumulation
    size = settings.preprocessing.image_size if settings.preprocessing else "?"
    advice = [f"images smaller than {size} pixels (preprocessing.image_size)", "a smaller network"]
    if batch // parts >= 4:
        again = f"accumulation = {2 * parts} passes {batch // (2 * parts)} images at once"
        advice.insert(
            0, f"{again} instead of {batch // parts}, and steps stay those of batches of {batch}"
        )
    first = (str(error).splitlines() or ["out of memory"])[0]
    return MemoryLimitError(
        f"there is not enough memory for a training step. What helps: {'; '.join(advice)}. "
        f"What went wrong: {printable(first)}"
    )


def _advice(estimate: MemoryEstimate, settings: TrainingSettings, free: int) -> str:
    batch, parts = settings.batch_size or 1, settings.accumulation
    more = parts_that_fit(estimate, batch // parts, _TIGHT * free)
    if more is None or more == 1:
        return "Choose a smaller network, or a smaller preprocessing.image_size"
    return (
        f"Set accumulation = {more * parts}: {batch // (more * parts)} images pass at once, and steps "
        f"stay those of batches of {batch}"
    )


class _Meter:
    """Counts what autograd keeps, each piece of memory once."""

    def __init__(self, known: list[Tensor]) -> None:
        self.kept = 0
        self.largest = 0
        # Held, so that no address is used twice.
        self.seen = {t.untyped_storage()._cdata: t.untyped_storage() for t in known}

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.seen:
            self.seen[storage._cdata] = storage
            self.kept += storage.nbytes()
            self.largest = max(self.largest, storage.nbytes())
        return tensor

    def see(self, output: object, *, held: bool) -> None:
        if isinstance(output, Tensor):
            self.largest = max(self.largest, output.numel() * output.element_size())
            if held:  # a stage that recomputes keeps its input and what its units add, by itself
                self.kept += output.numel() * output.element_size()


def _activations(
    network: nn.Module, shape: tuple[int, ...], dtype: torch.dtype | None
) -> tuple[int, int]:
    """Bytes kept for the backward pass, and of the largest single tensor."""
    modes = {module: module.training for module in network.modules()}
    hooks = []
    with FakeTensorMode(), torch.enable_grad():
        state = {
            name: torch.empty(tensor.shape, dtype=tensor.dtype, requires_grad=tensor.requires_grad)
            for name, tensor in [*network.named_parameters(), *network.named_buffers()]
        }
        meter = _Meter([*state.values()])
        for module in network.modules():
            held = isinstance(module, RecomputingDenseStage)
            hooks.append(
                module.register_forward_hook(lambda _m, _i, out, held=held: meter.see(out, held=held))
            )
        network.train()
        try:
            with (
                saved_tensors_hooks(meter.keep, lambda kept: kept),
                torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None),
            ):
                torch.func.functional_call(network, state, (torch.empty(shape),))
        except (RuntimeError, ValueError) as error:
            if isinstance(error, InputShapeError):
                raise
            size = f"{shape[3]}x{shape[2]}"
            raise InputShapeError(f"images of {size} pixels do not fit this network: {error}") from error
        finally:
            for hook in hooks:
                hook.remove()
            for module, training in modes.items():
                module.training = training
    return meter.kept, meter.largest
