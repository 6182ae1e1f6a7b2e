"""Make two networks with the same random weights, and compare what they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

import resnets
from resnets.architectures.creation import NetworkSpec
from resnets.weights.identify import find_matches
from resnets.weights.renaming import Rules, rename
from resnets.weights.to_layout import to_layout

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}
"""Largest difference, as a part of the largest value, where the order of additions differs."""


@dataclass(frozen=True)
class Case:
    """One network of theirs that is a network of ours.

    Attributes:
        theirs: its name there.
        ours: its name here.
        rules: from their names of parameters to ours, or what makes them from a state dict.
        options: ours, where they differ from the row's.
        their_options: theirs, likewise.
        exact: the arithmetic is the same, so that not one bit of the scores may differ.
        maps: our name for a module of theirs; not one bit of what these compute may differ.
    """

    theirs: str
    ours: str
    rules: Rules | Callable[[Mapping[str, Tensor]], Rules]
    options: Mapping[str, object] = field(default_factory=dict)
    their_options: Mapping[str, object] = field(default_factory=dict)
    exact: bool = True
    maps: Mapping[str, str] = field(default_factory=dict)

    def rules_for(self, theirs: nn.Module) -> Rules:
        return self.rules(theirs.state_dict()) if callable(self.rules) else self.rules

    def __str__(self) -> str:
        given = [f"{name}={value}" for name, value in self.options.items()]
        return "-".join([self.theirs, self.ours, *given])


def make_pair(
    make_theirs: Callable[[], nn.Module], case: Case, images: Tensor
) -> tuple[nn.Module, nn.Module]:
    """Make their network with random weights, and ours with the same.

    Args:
        make_theirs: makes the network, on the meta device.
        case: names our network.
        images: that both take.
    """
    with torch.device("meta"):
        theirs = make_theirs()
        ours = resnets.create_model(case.ours, **case.options)
    randomize(theirs.to_empty(device="cpu"), images)
    state = rename(theirs.state_dict(), case.rules_for(theirs))
    ours.load_state_dict({name: tensor.clone() for name, tensor in state.items()}, assign=True)
    return theirs, ours


def randomize(network: nn.Module, images: Tensor) -> None:
    """Fill every parameter and buffer with values that no initialization gives.

    Norms get roughly the statistics of the images: with arbitrary ones, the values in a net of a
    thousand layers would overflow.

    Args:
        network: whatever is in it.
        images: that the network takes.
    """
    generator = torch.Generator().manual_seed(0)
    norms: list[nn.BatchNorm2d] = []
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                norms.append(module)
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
                module.reset_running_stats()
            else:
                owned = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
                assert not owned, f"no values for {type(module).__name__}"
        if norms:
            _measure_statistics(network, norms, images)
        for norm in norms:
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None
            assert variance is not None
            mean += 0.2 * variance.sqrt() * torch.randn(mean.shape, generator=generator)
            variance *= 0.5 + torch.rand(variance.shape, generator=generator)


def _measure_statistics(network: nn.Module, norms: list[nn.BatchNorm2d], images: Tensor) -> None:
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    network.train()(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def assert_same(ours: Tensor, theirs: Tensor, *, exact: bool, what: str = "output") -> None:
    """Compare two tensors.

    Args:
        ours: which may not differ.
        theirs: to be met.
        exact: not one bit may differ; else `TOLERANCE` applies.
        what: the tensor is.
    """
    assert ours.shape == theirs.shape, f"{what}: {tuple(ours.shape)} != {tuple(theirs.shape)}"
    difference = (ours - theirs).abs().max().item()
    scale = theirs.abs().max().item()
    allowed = 0.0 if exact else TOLERANCE[ours.dtype] * scale
    assert difference <= allowed, f"{what}: up to {scale:.1e}, difference {difference:.1e}"


def assert_same_outputs(theirs: nn.Module, ours: nn.Module, images: Tensor, case: Case) -> None:
    """Compare the scores of two networks and the maps inside, in evaluation mode."""
    with _recording(theirs, case.maps.keys()) as their_maps:
        their_scores = _evaluate(theirs, images)
    with _recording(ours, case.maps.values()) as our_maps:
        our_scores = _evaluate(ours, images)
    for their_name, our_name in case.maps.items():
        assert_same(our_maps[our_name], their_maps[their_name], exact=True, what=our_name)
    assert_same(our_scores, their_scores, exact=case.exact)


def _evaluate(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        scores: Tensor = network.eval()(images)
    return scores


@contextmanager
def _recording(network: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    maps: dict[str, Tensor] = {}

    def record(name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        maps[name] = output

    hooks = [network.get_submodule(name).register_forward_hook(partial(record, name)) for name in names]
    yield maps
    for hook in hooks:
        hook.remove()


def assert_same_training(theirs: nn.Module, ours: nn.Module, images: Tensor, case: Case) -> None:
    """Compare one step of training: scores, gradients of all parameters, statistics of all norms.

    Where the bits may differ, in double precision: gradients are sums whose terms cancel.
    """
    if not case.exact:
        theirs, ours, images = theirs.double(), ours.double(), images.double()
    assert_same(_train_step(ours, images), _train_step(theirs, images), exact=case.exact)
    gradients = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    expected = rename(gradients, case.rules_for(theirs))
    parameters = dict(ours.named_parameters())
    assert parameters.keys() == expected.keys()
    for name, parameter in parameters.items():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert_same(parameter.grad, expected[name], exact=case.exact, what=f"gradient of {name}")
    statistics = rename(dict(theirs.named_buffers()), case.rules_for(theirs))
    for name, buffer in ours.named_buffers():
        assert_same(buffer, statistics[name], exact=True, what=name)


def _train_step(network: nn.Module, images: Tensor) -> Tensor:
    torch.manual_seed(0)
    scores: Tensor = network.train()(images)
    torch.autograd.backward(scores.square().mean())
    return scores.detach()


# What no tensor tells, and what makes no difference to one that is evaluated.
_INVISIBLE = {"dropout", "memory_saving"}


def assert_identified(
    make_theirs: Callable[[], nn.Module],
    case: Case,
    layout: str,
    *,
    known: Mapping[str, object] | None = None,
) -> None:
    """Find our network out from the names and shapes of theirs.

    Args:
        make_theirs: makes the network, on the meta device.
        case: names our network.
        layout: of theirs.
        known: options that tensors cannot tell and that their library has both ways.
    """
    with torch.device("meta"):
        weights = make_theirs().state_dict()
        match = find_matches(weights, layout=layout, options=known)[0]
        found = resnets.create_model(match.architecture, **match.options)
        expected = resnets.create_model(case.ours, **case.options)
    assert match.architecture == _spec(expected).name
    assert _visible(found) == _visible(expected)
    assert sorted(match.sources.values()) == sorted(weights)
    assert sorted(match.sources) == sorted(expected.state_dict())


def _spec(network: nn.Module) -> NetworkSpec:
    assert isinstance(network.spec, NetworkSpec)
    return network.spec


def _visible(network: nn.Module) -> dict[str, object]:
    options = _spec(network).options.model_dump()
    return {name: value for name, value in options.items() if name not in _INVISIBLE}


def assert_same_weights(theirs: nn.Module, ours: nn.Module, layout: str) -> None:
    """Compare our weights, in the layout of their library, with theirs: names, shapes and every bit."""
    written = to_layout(ours, layout)
    expected = theirs.state_dict()
    assert written.keys() == expected.keys()
    for name, tensor in expected.items():
        assert written[name].shape == tensor.shape, name
        assert torch.equal(written[name], tensor), name
