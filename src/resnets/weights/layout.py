"""A layout: how one publisher names tensors, and what its code does that no tensor says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resnets.data.preprocessing_policy import Preprocessing
from resnets.weights.renaming import Rules, rename, rename_back

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Convention:
    """What a publisher's code does where tensors of the same shapes allow several things.

    Attributes:
        option: of our architecture.
        value: it takes.
        why: a few words, with the source.
        also: values that others of its networks have, under the same names.
        applies: says, given what the shapes tell, whether this is about such a network; None for always.
    """

    option: str
    value: object
    why: str
    applies: Callable[[Mapping[str, Any]], bool] | None = None
    also: tuple[object, ...] = ()

    def concerns(self, found: Mapping[str, Any]) -> bool:
        """Whether it is about a network with these options."""
        return self.applies is None or self.applies(found)


@dataclass(frozen=True)
class Table:
    """The names of one form of network in one layout.

    Attributes:
        layout: 'torchvision', 'timm', 'pytorchcv' or 'cifar'.
        form: of networks that are named so, such as 'ResNet'.
        source: of the names.
        rules: from their names to ours.
        counted: makes the rules from the names of all tensors, theirs or ours, where layers are numbered
            through.
        stems: that such networks have.
        num_stages: that such networks have; () for any.
        families: of ours that are named so.
        conventions: of this code.
        preprocessing: of this code.
        to_ours: changes tensors that have our names already; None if nothing is to change.
        to_theirs: the inverse.
        family: of ours, where the shapes leave a choice.
    """

    layout: str
    form: str
    source: str
    rules: Rules = ()
    counted: Callable[[Tensors], Rules] | None = None
    stems: tuple[str, ...] = ("imagenet",)
    num_stages: tuple[int, ...] = ()
    families: tuple[str, ...] = ("resnet", "resnext", "wide_resnet_imagenet")
    conventions: tuple[Convention, ...] = ()
    preprocessing: Preprocessing = field(default_factory=lambda: Preprocessing(resize_size=256))
    to_ours: Callable[[Tensors], dict[str, Tensor]] | None = None
    to_theirs: Callable[[Tensors], dict[str, Tensor]] | None = None
    family: str | None = None

    def rules_for(self, tensors: Tensors) -> Rules:
        """The rules for tensors with their names, or with ours."""
        return self.counted(tensors) if self.counted else self.rules

    def rename(self, tensors: Tensors, rules: Rules) -> dict[str, Tensor]:
        """Give their tensors our names, shapes and order of channels."""
        renamed = rename(tensors, rules)
        return self.to_ours(renamed) if self.to_ours else renamed

    def rename_back(self, tensors: Tensors) -> dict[str, Tensor]:
        """Give our tensors their names, shapes and order of channels."""
        theirs = self.to_theirs(tensors) if self.to_theirs else tensors
        return rename_back(theirs, self.rules_for(tensors))
