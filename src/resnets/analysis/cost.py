"""What a network costs: parameters, multiply-adds, and the memory that training keeps.

Multiply-adds are those of convolutions and linear layers for one image; papers call them FLOPs,
`torch.utils.flop_counter` counts two FLOPs for each. Biases, norms, activations, pooling and additions
are not counted. Activation memory is what autograd keeps for the backward pass; parameters, gradients,
optimizer state and the allocator's slack come on top.

The network runs on the meta device: shapes flow, numbers do not, so any depth and batch size will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from resnets.errors import InputShapeError
from resnets.networks.dense_stage import RecomputingDenseStage
from resnets.networks.residual_network import Stage
from resnets.units.residual_unit import ResidualUnit


@dataclass(frozen=True)
class PartCost:
    """What one part of a network costs.

    Attributes:
        name: of the module, such as 'stages.0.units.2'.
        kind: class of the module, such as 'ResidualUnit'.
        output: (C, H, W), or (C,) after pooling.
        parameters: trainable ones.
        multiply_adds: for one image.
        activation_bytes: kept for the backward pass, for the whole batch.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int

    @property
    def stage(self) -> str:
        """The stage that the part belongs to, or its own name."""
        return self.name.partition(".units.")[0].removesuffix(".transition")


@dataclass(frozen=True)
class NetworkCost:
    """What a network costs, part by part.

    Attributes:
        parts: in the order in which they run.
        outputs: of every module, by name: (C, H, W) or (C,).
    """

    parts: tuple[PartCost, ...]
    outputs: dict[str, tuple[int, ...]]


@dataclass
class _Meter:
    """Counts while the network runs; hooks say which part is running."""

    flops: FlopCounterMode
    seen: dict[int, torch.UntypedStorage] = field(default_factory=dict)
    bytes: int = 0
    part_flops: dict[str, int] = field(default_factory=dict)
    part_bytes: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.seen:
            self.seen[storage._cdata] = storage  # held, so that no address is used twice
            self.bytes += storage.nbytes()
        return tensor

    def see(self, name: str, output: object) -> None:
        if isinstance(output, Tensor):
            self.outputs[name] = tuple(output.shape[1:])

    def start(self, name: str) -> None:
        self.part_flops[name] = self.part_flops.get(name, 0) - self.flops.get_total_flops()
        self.part_bytes[name] = self.part_bytes.get(name, 0) - self.bytes

    def stop_recomputing(self, output: Tensor) -> None:
        """Count what a recomputing stage holds by itself: its input and what each unit adds."""
        self.bytes += output.numel() * output.element_size()

    def stop(self, name: str) -> None:
        self.part_flops[name] += self.flops.get_total_flops()
        self.part_bytes[name] += self.bytes


def measure_cost(
    network: nn.Module, *, image_size: int, in_channels: int = 3, batch_size: int = 1
) -> NetworkCost:
    """Measure a network without running it for real; its values and mode stay as they are.

    Args:
        network: on any device.
        image_size: height and width of the images, in pixels.
        in_channels: of the images.
        batch_size: images per training step, for the activation memory.

    Raises:
        InputShapeError: if images of this size cannot pass.
    """
    batch = max(2, batch_size)  # batch norm refuses a single value per channel
    state = {
        name: torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]
    }
    meter = _Meter(FlopCounterMode(display=False))
    meter.seen = {t.untyped_storage()._cdata: t.untyped_storage() for t in state.values()}
    images = torch.empty(batch, in_channels, image_size, image_size, device="meta")
    parts = dict(network_parts(network))
    modes = {module: module.training for module in network.modules()}
    with ExitStack() as stack:
        for hook in _watch(network, parts, meter):
            stack.callback(hook.remove)
        stack.enter_context(saved_tensors_hooks(meter.keep, lambda kept: kept))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(meter.flops)
        network.train()
        try:
            torch.func.functional_call(network, state, (images,))
        except (RuntimeError, ValueError) as error:
            if isinstance(error, InputShapeError):
                raise
            raise InputShapeError(
                f"images of {image_size}x{image_size} pixels do not fit this network: {error}"
            ) from error
        finally:
            for module, training in modes.items():
                module.training = training
    return NetworkCost(
        parts=tuple(
            PartCost(
                name=name,
                kind=type(module).__name__,
                output=meter.outputs[name],
                parameters=sum(p.numel() for p in module.parameters() if p.requires_grad),
                multiply_adds=meter.part_flops[name] // 2 // batch,
                activation_bytes=meter.part_bytes[name] * batch_size // batch,
            )
            for name, module in parts.items()
            if name in meter.outputs
        ),
        outputs=meter.outputs,
    )


def network_parts(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Name the parts of a network: units, and what stands before, between and behind them.

    Args:
        network: the whole, or a module in it that contains units.
        prefix: of the names.
    """
    for name, module in network.named_children():
        path = f"{prefix}{name}"
        if isinstance(module, nn.Identity):
            continue
        is_whole = isinstance(module, ResidualUnit | RecomputingDenseStage)
        if not is_whole and any(isinstance(inner, ResidualUnit | Stage) for inner in module.modules()):
            yield from network_parts(module, f"{path}.")
        else:
            yield path, module


def _watch(
    network: nn.Module, parts: dict[str, nn.Module], meter: _Meter
) -> Iterator[torch.utils.hooks.RemovableHandle]:
    for name, module in network.named_modules():
        yield module.register_forward_hook(
            lambda _module, _input, output, name=name: meter.see(name, output)
        )
    for name, module in parts.items():
        yield module.register_forward_pre_hook(lambda *_, name=name: meter.start(name))
        if isinstance(module, RecomputingDenseStage):
            yield module.register_forward_hook(lambda _m, _i, out: meter.stop_recomputing(out))
        yield module.register_forward_hook(lambda *_, name=name: meter.stop(name))
