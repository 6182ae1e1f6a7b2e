"""The deepest networks: built in seconds, one training step within 20 GB."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

STEP = """
import json, resource, time, torch, resnets
start = time.perf_counter()
network = resnets.create_model({name!r})
built = time.perf_counter() - start
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
images, labels = torch.randn({batch}, 3, 32, 32), torch.zeros({batch}, dtype=torch.long)
loss = torch.nn.functional.cross_entropy(network(images), labels)
loss.backward()
optimizer.step()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([built, peak, loss.item()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet1202", "resnetv2_1001"])
def test_a_training_step_fits_into_20_gb(name: str) -> None:
    code = STEP.format(name=name, batch=64)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    built, peak, loss = json.loads(done.stdout)
    assert built < 60
    assert peak < 20e9
    assert math.isfinite(loss)
