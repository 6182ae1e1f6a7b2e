"""Start-up: the commands' help, importing, and creating resnet50, beside timm and torchvision."""

from __future__ import annotations

import sys

from alternation import PEERS, alternate, read_rounds

CREATE = """
import json, time
{imports}
start = time.perf_counter()
network = {create}
print(json.dumps(time.perf_counter() - start))
"""


def main() -> None:
    """Print three tables."""
    rounds = read_rounds(__doc__ or "", 9)
    python = sys.executable
    resnets = [python, "-m", "resnets"]
    alternate(
        "Whole command",
        {
            "python -c pass": [python, "-c", "pass"],
            "resnets --version": [*resnets, "--version"],
            "resnets --help": [*resnets, "--help"],
            "resnets list": [*resnets, "list"],
        },
        rounds=rounds,
        reports=False,
    )
    alternate(
        "Import",
        {
            "import torch": [python, "-c", "import torch"],
            "import resnets": [python, "-c", "import resnets"],
            "import torchvision": [python, "-c", PEERS + "import torchvision"],
            "import timm": [python, "-c", PEERS + "import timm"],
        },
        rounds=max(3, rounds // 3),
        reports=False,
    )
    create = {
        "resnets create_model('resnet50')": CREATE.format(
            imports="import torch, resnets; resnets.create_model('resnet20')",
            create="resnets.create_model('resnet50')",
        ),
        "torchvision resnet50()": PEERS
        + CREATE.format(
            imports="import torchvision; torchvision.models.resnet18()",
            create="torchvision.models.resnet50()",
        ),
        "timm create_model('resnet50')": PEERS
        + CREATE.format(
            imports="import timm; timm.create_model('resnet18')",
            create="timm.create_model('resnet50')",
        ),
    }
    alternate(
        "Creating resnet50, after imports and a smaller network",
        {name: [python, "-c", code] for name, code in create.items()},
        rounds=rounds,
        reports=True,
    )


if __name__ == "__main__":
    main()
