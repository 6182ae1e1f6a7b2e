"""One residual unit: x_{l+1} = f(merge(h(x_l), F(x_l))).  He et al. 2016, arXiv:1603.05027, eq. 1-2."""

from __future__ import annotations

from torch import Tensor, nn


class ResidualUnit(nn.Module):
    """The unit that every network here is a stack of; a family is a way to fill its slots.

    Args:
        residual: F, the branch that learns; its stride and channels decide the output's.
        shortcut: h, the path around it; identity if None.
        merge: called with (shortcut, residual), makes one tensor of the two. With an attribute
            `passes_shortcut` that is true, it says that without a residual the shortcut is the result.
        activation: f, after the merge; identity if None (pre-activation units).
        preactivation: norm and activation before the branch; identity if None (original units).
        share_preactivation: give the pre-activated input to the shortcut as well, as pre-activation
            units do where the shape changes (arXiv:1603.05027, appendix).

    Attributes:
        gate: what F is multiplied by; at 0 it does not run. See `resnets.networks.set_gates`.

    Shape:
        (N, C, H, W) -> (N, C', H', W') as the slots decide.

    Example:
        >>> import torch
        >>> from resnets.units import Add, ResidualUnit
        >>> unit = ResidualUnit(torch.nn.Conv2d(8, 8, 3, padding=1), merge=Add())
        >>> unit(torch.zeros(1, 8, 4, 4)).shape
        torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        residual: nn.Module,
        *,
        merge: nn.Module,
        shortcut: nn.Module | None = None,
        activation: nn.Module | None = None,
        preactivation: nn.Module | None = None,
        share_preactivation: bool = False,
    ) -> None:
        super().__init__()
        self.preactivation = nn.Identity() if preactivation is None else preactivation
        self.residual = residual
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.merge = merge
        self.activation = nn.Identity() if activation is None else activation
        self.share_preactivation = share_preactivation
        self.gate = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit; with a gate of 0, without its residual: f(h(x))."""
        if self.gate == 0.0:
            shortcut = self.shortcut(self.preactivation(x) if self.share_preactivation else x)
            # An identity hands the input itself on, which f must not write into.
            skipped: Tensor = self.activation(shortcut.clone() if shortcut is x else shortcut)
            return skipped
        a = self.preactivation(x)
        residual = self.residual(a)
        if self.gate != 1.0:
            residual = self.gate * residual
        shortcut = self.shortcut(a if self.share_preactivation else x)
        output: Tensor = self.activation(self.merge(shortcut, residual))
        return output

    @property
    def is_gateable(self) -> bool:
        """Whether something is left of the unit without F; a plain or dense unit needs it."""
        return bool(getattr(self.merge, "passes_shortcut", False))

    def extra_repr(self) -> str:
        """Show what is not a slot."""
        share = "share_preactivation=True" if self.share_preactivation else ""
        gate = f"gate={self.gate:g}" if self.gate != 1.0 else ""
        return ", ".join(filter(None, (share, gate)))
