"""Starting values of every parameter and buffer.

Convolutions: He et al. 2015, arXiv:1502.01852, eq. 14 (fan-out), as fb.resnet.torch, ResNeXt, DenseNet
and torchvision do; the codes of Wide ResNet and stochastic depth, and most for CIFAR, take eq. 10
(fan-in). Norms: weight 1, bias 0. Linear layers: uniform in +-1/sqrt(fan-in), torch's own rule.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnets.errors import UnsupportedError
from resnets.networks.network_options import Fan
from resnets.networks.stems import InputNorm
from resnets.units.highway import GatedMerge
from resnets.units.merges import Add
from resnets.units.residual_unit import ResidualUnit


def initialize(network: nn.Module, *, init: Fan = "fan_out") -> None:
    """Fill every parameter and buffer, whatever is in it; random numbers come from torch's generator.

    Args:
        network: built on the meta device and given memory, or any network to start afresh.
        init: the variance of a convolution's weights is 2 / (k^2 C), with C the channels that it makes
            ('fan_out') or those that it reads ('fan_in').
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=init, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.Linear):
            module.reset_parameters()
        elif isinstance(module, InputNorm):
            nn.init.zeros_(module.bias)
        else:
            # Memory that no rule fills would hold whatever was there before.
            owned = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            assert not owned, f"no starting values for {name}: {type(module).__name__}"


def set_norm_epsilon(network: nn.Module, epsilon: float) -> None:
    """Set what every norm adds to the variance.

    Args:
        network: with or without norms.
        epsilon: above 0; torch's own is 1e-5.
    """
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = epsilon


def set_gate_biases(network: nn.Module, bias: float) -> None:
    """Start the gates of highway units nearly closed.  arXiv:1507.06228, sec. 2.3.

    Args:
        network: with highway units.
        bias: of the gates' convolutions, below 0.
    """
    for merge in network.modules():
        if isinstance(merge, GatedMerge):
            convolutions = [m for m in merge.gate.modules() if isinstance(m, nn.Conv2d)]
            for convolution in convolutions:
                assert convolution.bias is not None
                nn.init.constant_(convolution.bias, bias)


def silence_residual(unit: ResidualUnit) -> None:
    """Set the last norm of F to zero, or its last convolution if none follows: the unit is its shortcut.

    Goyal et al. 2017, arXiv:1706.02677, sec. 5.1.

    Args:
        unit: that adds.

    Raises:
        UnsupportedError: if F does not end in a norm or a convolution, or the unit does not add.
    """
    layers = [m for m in unit.residual.children() if isinstance(m, _BatchNorm | nn.Conv2d)]
    if not layers or not isinstance(unit.merge, Add):
        raise UnsupportedError(
            "only a unit that adds, and whose residual ends in a norm or a convolution, can start as "
            "its shortcut"
        )
    nn.init.zeros_(layers[-1].weight)
    if layers[-1].bias is not None:
        nn.init.zeros_(layers[-1].bias)


def silence_residuals(network: nn.Module) -> None:
    """Start every unit as its shortcut.

    Args:
        network: of units that add.
    """
    for unit in network.modules():
        if isinstance(unit, ResidualUnit):
            silence_residual(unit)
