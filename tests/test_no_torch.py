"""Listing and checking names is fast because it loads neither torch nor NumPy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "PIL", "torchvision", "timm")


@pytest.mark.parametrize(
    "statement",
    [
        "import resnets",
        "import resnets; resnets.list_models()",
        "import resnets.units, resnets.networks, resnets.architectures",
        "from resnets.networks import NetworkOptions, StackOptions, plan_units",
        "from resnets.architectures.creation import resolve; resolve('resnet50', {'num_classes': 3})",
        "from resnets.architectures.creation import resolve; resolve('resnext50_8x14d')",
        "from resnets.architectures.creation import resolve; resolve('ResNet-26')",
    ],
)
def test_no_torch_is_loaded(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert ran.stderr == ""


def test_a_failed_name_loads_no_torch() -> None:
    code = (
        "import sys\nimport resnets\n"
        "try:\n    resnets.create_model('resnet5O')\n"
        "except LookupError:\n    print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "call",
    [
        "resnets.create_model('resnet50', width=3)",
        "resnets.create_model('resnet19')",
        "resnets.list_models(family='resnets')",
        "parse_model('resnet50,shortcut')",
        "resolve(*parse_model('resnet50,depths=1-1'))",
    ],
)
def test_a_users_error_loads_no_torch(call: str) -> None:
    code = (
        "import sys, resnets\n"
        "from resnets.architectures.creation import resolve\n"
        "from resnets.architectures.notation import parse_model\n"
        f"try:\n    {call}\n"
        "except resnets.ResNetsError:\n"
        f"    print([name for name in {HEAVY} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
