"""How a network's depth, as papers count it, becomes units per stage."""

from __future__ import annotations

from resnets.errors import DepthError

IMAGENET_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Two 3x3 per unit.  He et al. 2015, arXiv:1512.03385, table 1."""

IMAGENET_BOTTLENECK = {
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""1x1, 3x3, 1x1 per unit.  He et al. 2015, table 1; 200: He et al. 2016, arXiv:1603.05027, table 5."""


def cifar_depths(family: str, depth: int, *, convolutions: int) -> tuple[int, int, int]:
    """Split a CIFAR network's depth over its three stages.

    He et al. 2015, arXiv:1512.03385, sec. 4.2: 6n+2 for units of two convolutions; hence 9n+2 for
    three. The 2 are the stem and the classifier; projections are not counted.

    Args:
        family: named by the error.
        depth: weight layers.
        convolutions: in each unit.

    Raises:
        DepthError: if no n fits.
    """
    step = 3 * convolutions
    n, rest = divmod(depth - 2, step)
    if rest or n < 1:
        raise DepthError(f"CIFAR {family}", step=step, offset=2, got=depth)
    return (n, n, n)


def name_cifar(prefix: str, depth: int, taken: tuple[int, ...], suffix: str = "") -> str:
    """Name a CIFAR network by its depth, marked as CIFAR where ImageNet has a network of that depth."""
    return f"{prefix}{depth}{suffix}" + ("_cifar" if depth in taken else "")
