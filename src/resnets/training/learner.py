"""What one step does: the network, its optimizer and its average, and how a batch changes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from resnets.data.order import step_seed
from resnets.errors import NonFiniteError
from resnets.networks.gates import set_gates
from resnets.recipes.settings import TrainingSettings
from resnets.training.averaging import WeightAverage
from resnets.training.depth import draw_gates, every_kth_unit, expand, survival_probabilities
from resnets.training.finite import clip_gradients, find_nonfinite, gradient_norm
from resnets.training.freezing import set_training_mode
from resnets.training.interruption import Interruption
from resnets.training.losses import make_loss
from resnets.training.optimizers import make_optimizer, set_learning_rate
from resnets.training.processes import Processes

AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""What convolutions and matrix products are computed in, where that is not float32."""


@dataclass(frozen=True)
class StepOutcome:
    """What a step tells, of all processes together.

    Attributes:
        loss: mean over the step's images.
        num_correct: images that were recognised; None with mixed labels.
        gradient_norm: over all parameters, before it is clipped.
    """

    loss: float
    num_correct: int | None
    gradient_norm: float


class Learner:
    """A network that is being trained.

    Args:
        network: to train, on its device.
        settings: complete.
        class_counts: of the training images.
        processes: that train it together. [this one]
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainingSettings,
        *,
        class_counts: Sequence[int],
        processes: Processes | None = None,
    ) -> None:
        assert settings.optimizer.learning_rate is not None
        self.network = network
        self.settings = settings
        self.processes = processes or Processes(Interruption())
        self.device = next(network.parameters()).device
        self.optimizer = make_optimizer(
            network, settings, learning_rate=settings.optimizer.learning_rate
        )
        self.loss = make_loss(settings.loss, num_classes=len(class_counts), class_counts=class_counts)
        self.average = WeightAverage(network, settings.averaging) if settings.averaging else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        depth = settings.stochastic_depth
        self._survival = survival_probabilities(network, last=depth.last) if depth else None
        self._parallel = network
        self._forward: nn.Module | None = None
        self._learning: list[bool] = []

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and kept: the average, if there is one."""
        return self.average.network if self.average else self.network

    @property
    def autocast(self) -> torch.dtype | None:
        """The type of convolutions and matrix products; None for float32 throughout."""
        return AUTOCAST_TYPES.get(self.settings.precision or "float32")

    def begin_epoch(self, epoch: int, *, at_start: bool) -> None:
        """Put the network into the mode that an epoch needs.

        Args:
            epoch: from 0.
            at_start: no step of it is done yet.
        """
        tuning = self.settings.fine_tuning
        head_only = tuning is not None and epoch < tuning.head_epochs
        set_training_mode(self.network, self.settings.freeze, head_only=head_only)
        growth = [g for g in self.settings.progressive_depth if g.epoch <= epoch]
        if not growth:
            return
        gates = every_kth_unit(self.network, growth[-1].every)
        for network in {self.network, self.evaluated}:
            if at_start and growth[-1].epoch == epoch > 0:
                expand(network, gates)
            set_gates(network, gates)

    def begin_evaluation(self) -> None:
        """Put the evaluated network into the mode that evaluation needs."""
        self.evaluated.eval()
        if self._survival:
            set_gates(self.evaluated, self._survival)

    def step(
        self,
        images: Tensor,
        targets: Tensor,
        *,
        learning_rate: float,
        number: int,
        num_images: int | None = None,
    ) -> StepOutcome:
        """Change the weights by one batch.

        Args:
            images: normalised, (N, C, H, W); of several processes, the share of this one, even none.
            targets: labels (N,) or shares (N, num_classes).
            learning_rate: of the step.
            number: of the step in the run, from 0; what is drawn depends on it.
            num_images: of the step, over all processes. [N]

        Raises:
            NonFiniteError: if the loss or a gradient is not finite; the weights are then as before.
        """
        total = len(images) if num_images is None else num_images
        share = len(images) / total
        forward = self._prepared()
        self._draw(number)
        set_learning_rate(self.optimizer, learning_rate)
        self.optimizer.zero_grad(set_to_none=True)
        if not share:  # the others wait for gradients of this process, too
            images, targets = (t.new_zeros((2, *t.shape[1:])) for t in (images, targets))
        loss, num_correct = 0.0, 0
        size = -(-len(images) // self.settings.accumulation)
        parts = list(zip(images.split(size), targets.split(size), strict=True))
        for number_of_part, (part, part_targets) in enumerate(parts, start=1):
            # Of one image, a norm that sees one pixel of its map could make nothing.
            twice = 2 if len(part) == 1 else 1
            with self._gradients_kept() if number_of_part < len(parts) else nullcontext():
                scores = self._scores(torch.cat([part] * twice), forward)
                # Gradients are averaged over the processes, and each has a share of the images.
                weight = len(part) / total * self.processes.count if share else 0.0
                part_loss = self.loss(scores, torch.cat([part_targets] * twice)) * weight
                self.scaler.scale(part_loss).backward()
            loss += part_loss.item()
            if targets.ndim == 1 and share:
                best = scores.detach()[: len(part)].argmax(1)
                num_correct += int((best == part_targets).sum())
        self.processes.average_statistics(self.network, share=share)
        loss, right = self.processes.sum(loss / self.processes.count, num_correct)
        norm = self._change_weights(loss, images, targets)
        return StepOutcome(loss, int(right) if targets.ndim == 1 else None, norm)

    def _draw(self, number: int) -> None:
        """Set what chance will do in a step: gates alike in all processes, the rest not."""
        seed = step_seed(self.settings.seed, number)
        self._seed(seed)
        if self._survival:
            set_gates(self.network, draw_gates(self._survival))
        if self.processes.rank:
            self._seed(step_seed(seed, self.processes.rank))

    def _seed(self, seed: int) -> None:
        """Seed what a step draws from; `torch.manual_seed` takes 0.3 ms for all other devices."""
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.device.type == "mps":
            torch.mps.manual_seed(seed)

    def _prepared(self) -> nn.Module:
        """What a step runs; made before the first, and again when other parameters learn."""
        if self._forward is not None and self.processes.count == 1:
            return self._forward
        learning = [parameter.requires_grad for parameter in self.network.parameters()]
        if self._forward is None or learning != self._learning:
            varies = bool(self._survival or self.settings.progressive_depth)
            self._parallel = forward = self.processes.parallel(self.network, varies=varies)
            if self.settings.compile:
                forward = torch.compile(forward)  # type: ignore[assignment]
            self._forward, self._learning = forward, learning
        return self._forward

    def _gradients_kept(self) -> AbstractContextManager[None]:
        """For all parts of a step but the last: their gradients wait for it."""
        parallel = self._parallel
        return parallel.no_sync() if isinstance(parallel, DistributedDataParallel) else nullcontext()

    def _scores(self, images: Tensor, forward: nn.Module) -> Tensor:
        dtype = self.autocast
        with torch.autocast(self.device.type, dtype) if dtype else nullcontext():
            scores: Tensor = forward(images)
        return scores.to(torch.promote_types(scores.dtype, torch.float32))

    def _change_weights(self, loss: float, images: Tensor, targets: Tensor) -> float:
        """Let the optimizer work, if everything is finite; give the norm of the gradients."""
        self.scaler.unscale_(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = gradient_norm(parameters)
        length = norm.item()
        # Half precision overflows now and then; the scaler then leaves the step out and scales less.
        may_overflow = self.scaler.is_enabled() and self.scaler.get_scale() > 1.0
        if not (math.isfinite(loss) and (math.isfinite(length) or may_overflow)):
            raise NonFiniteError(find_nonfinite(self.network, images, targets, self._loss_of))
        if self.settings.clip_norm is not None:
            clip_gradients(parameters, norm, self.settings.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update()
        return length

    def _loss_of(self, images: Tensor, targets: Tensor) -> Tensor:
        return self.loss(self._scores(images, self.network), targets)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a later run needs to go on, by name."""
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average:
            named |= {f"average.{name}": tensor for name, tensor in self.average.tensors().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            named |= {
                f"optimizer.{index}.{name}": value
                for name, value in values.items()
                if isinstance(value, Tensor)
            }
        return named

    def numbers(self) -> dict[str, Any]:
        """The same for what is no tensor."""
        return {"scaler": self.scaler.state_dict()}

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Args:
            tensors: of `tensors`.
            numbers: of `numbers`.
        """
        self.network.load_state_dict(part_of(tensors, "network"))
        if self.average:
            self.average.load(part_of(tensors, "average"))
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in part_of(tensors, "optimizer").items():
            index, _, name = key.partition(".")
            like = parameters[int(index)]
            # Fused optimizers walk through memory: a momentum must lie there as its parameter does.
            fits = tensor.shape == like.shape
            laid_out = torch.empty_like(like, dtype=tensor.dtype).copy_(tensor) if fits else tensor
            state.setdefault(int(index), {})[name] = laid_out
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.scaler.load_state_dict(dict(numbers["scaler"]))


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a part's, without it."""
    return {
        name.removeprefix(f"{part}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{part}.")
    }
