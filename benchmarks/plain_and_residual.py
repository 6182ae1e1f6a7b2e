"""What shortcuts cost: plain34 against resnet34 with option A, equal in parameters and multiply-adds.

He et al. 2015, arXiv:1512.03385, sec. 3.3, say that the additions are negligible.
"""

from __future__ import annotations

import sys

from alternation import alternate, read_rounds
from eager import FORWARD, TIMING, TRAINING

NETWORKS = {
    "plain34": "import resnets; network = resnets.create_model('plain34')",
    "resnet34, shortcut A": "import resnets; network = resnets.create_model('resnet34', shortcut='A')",
    "resnet34, shortcut B": "import resnets; network = resnets.create_model('resnet34')",
}


def main() -> None:
    """Print one table per kind of work."""
    rounds = read_rounds(__doc__ or "", 5)
    for title, work in (("Forward, batch 8", FORWARD), ("Forward and backward, batch 8", TRAINING)):
        code = work.format(batch=8) + TIMING.format(repeats=4)
        alternate(
            title,
            {name: [sys.executable, "-c", f"{make}\n{code}"] for name, make in NETWORKS.items()},
            rounds=rounds,
            reports=True,
        )


if __name__ == "__main__":
    main()
