"""`convert`: any checkpoint in, our model file or another library's layout out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resnets.architectures.creation import NetworkSpec, create_model, resolve
from resnets.architectures.notation import format_options
from resnets.config import validate
from resnets.data.decode_policy import DecodePolicy
from resnets.data.labels import label_set, label_sets
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, UnknownNameError, WeightsError
from resnets.files import write_bytes
from resnets.weights.container import find_container
from resnets.weights.foreign import read_foreign
from resnets.weights.from_keras import ours_to_keras
from resnets.weights.identify import LAYOUTS
from resnets.weights.keras_writer import write_keras_h5
from resnets.weights.loading import model_path
from resnets.weights.matching import Assumption
from resnets.weights.model_file import describe_network, read_model, write_model
from resnets.weights.model_header import SUFFIX
from resnets.weights.model_info import ModelInfo
from resnets.weights.safetensors_file import read_header
from resnets.weights.to_layout import to_layout

TARGETS = ("resnets", *LAYOUTS, "keras")
"""What can be written: our model file, or the layout of another library."""

_CIFAR_CLASSES = {10: "cifar10", 100: "cifar100"}


@dataclass(frozen=True)
class Conversion:
    """What a file of weights is, and what was made of it.

    Attributes:
        source: the file.
        container: its format.
        layout: of origin.
        unwrapped: how the weights lay in the file; '' if they were the file.
        architecture: ours.
        options: all of the architecture's.
        num_classes: of the classifier; None if there is none.
        assumed: what tensors cannot tell.
        ignored: what was left out of the file, with the reason.
        notes: what else was decided.
        info: the description that our model file holds.
        target: what was written, 'resnets' or a layout.
        written: the file; None if none was asked for.
    """

    source: str
    container: str
    layout: str
    unwrapped: str
    architecture: str
    options: Mapping[str, Any]
    num_classes: int | None
    assumed: tuple[Assumption, ...]
    ignored: Mapping[str, str]
    notes: tuple[str, ...]
    info: ModelInfo
    target: str
    written: Path | None

    @property
    def model(self) -> str:
        """Architecture and the options that are not its own, as every command takes it."""
        usual = resolve(self.architecture)[1].model_dump()
        told = format_options({k: v for k, v in self.options.items() if v != usual.get(k)})
        return f"{self.architecture},{told}" if told else self.architecture

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "source": self.source,
            "container": self.container,
            "layout": self.layout,
            "unwrapped": self.unwrapped,
            "model": self.model,
            "num_classes": self.num_classes,
            "assumed": [asdict(item) for item in self.assumed],
            "ignored": dict(self.ignored),
            "notes": list(self.notes),
            "info": self.info.model_dump(mode="json"),
            "target": self.target,
            "written": str(self.written) if self.written else None,
        }


def convert(
    file: str | Path,
    out: str | Path | None = None,
    *,
    to: str = "resnets",
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    classes: str | Path | Sequence[str] | None = None,
    wrapper: str | None = None,
) -> Conversion:
    """Find out what weights a file holds, and write them in another form.

    Args:
        file: a checkpoint of PyTorch, safetensors or Keras, our model file, a run folder, or weights in
            the package.
        out: the file to write; None to say only what `file` is.
        to: 'resnets' for our model file, or 'torchvision', 'timm', 'pytorchcv', 'cifar', 'keras'.
        layout: of origin, if it is known; otherwise all are tried.
        options: of our architecture, that tensors cannot tell, such as {'stride_on': 'first'}.
        preprocessing: fields of `Preprocessing` that differ from the origin's convention; those of
            `DecodePolicy` too.
        classes: name of a label set, a text file with one name per line, or the names.
        wrapper: which state dict to take if there are several, such as 'ema'.

    Raises:
        WeightsError: if the file is damaged or not safe.
        WeightsMismatchError: if no network here has such weights, or the target has no such network.
        UnknownNameError: if there is no such target, layout or label set.
        ConfigError: with every option or field that is wrong.
        OutputError: if `out` cannot be written.
    """
    if to not in TARGETS:
        raise UnknownNameError("layout", to, known=TARGETS, hint=", ".join(TARGETS))
    file = model_path(file)
    is_ours = find_container(file) == "safetensors" and "resnets" in read_header(file).metadata
    made = (
        _from_ours(file, options, preprocessing, classes)
        if is_ours
        else _from_foreign(file, layout, options, preprocessing, classes, wrapper)
    )
    network, facts = made
    written = None if out is None else _write(Path(out), network, facts["info"], to)
    return Conversion(source=str(file), target=to, written=written, **facts)


def _from_ours(
    file: str | Path,
    options: Mapping[str, Any] | None,
    preprocessing: Mapping[str, Any] | None,
    classes: str | Path | Sequence[str] | None,
) -> tuple[nn.Module, dict[str, Any]]:
    network, info = read_model(file)
    if options:
        with torch.device("meta"):
            changed = create_model(info.architecture, **{**info.options, **options})
        try:
            changed.load_state_dict(network.state_dict(), assign=True)
        except RuntimeError as error:
            raise WeightsError(f"the weights do not fit these options: {error}") from error
        network = changed.eval()
    fields = info.model_dump(exclude={"architecture", "options", "versions", "card"})
    fields["preprocessing"] = _changed(info.preprocessing, preprocessing)
    if classes is not None:
        fields["class_names"], fields["class_ids"] = _class_names(classes)
    return network, {
        "container": "safetensors",
        "layout": "resnets",
        "unwrapped": "",
        **_told(network),
        "assumed": (),
        "ignored": {},
        "notes": (),
        "info": describe_network(network, **fields),
    }


def _from_foreign(
    file: str | Path,
    layout: str | None,
    options: Mapping[str, Any] | None,
    preprocessing: Mapping[str, Any] | None,
    classes: str | Path | Sequence[str] | None,
    wrapper: str | None,
) -> tuple[nn.Module, dict[str, Any]]:
    foreign = read_foreign(file, layout=layout, options=options, wrapper=wrapper)
    found = foreign.found
    told = preprocessing or {}
    assumed = [
        item
        for item in found.assumed
        if item.what != "class names" and not any(f"{key}=" in item.override for key in told)
    ]
    if classes is None:
        assumed_classes = _assume_classes(found.num_classes, found.layout)
        assumed += assumed_classes[1]
        names, ids = assumed_classes[0]
    else:
        names, ids = _class_names(classes)
    info = describe_network(
        foreign.network,
        class_names=names,
        class_ids=ids,
        preprocessing=_changed(_for_channels(found.preprocessing, foreign.network), preprocessing),
        origin=f"converted from the {found.layout} layout of {Path(file).name}",
    )
    return foreign.network, {
        "container": foreign.container,
        "layout": found.layout,
        "unwrapped": foreign.unwrapped,
        **_told(foreign.network),
        "assumed": tuple(assumed),
        "ignored": foreign.ignored,
        "notes": (*foreign.notes, *(f"{name} was filled in" for name in found.filled)),
        "info": info,
    }


def _told(network: nn.Module) -> dict[str, Any]:
    spec = network.spec
    assert isinstance(spec, NetworkSpec)
    options = spec.options.model_dump()
    has_head = options["include_top"] and not options["features_only"]
    return {
        "architecture": spec.name,
        "options": options,
        "num_classes": options["num_classes"] if has_head else None,
    }


def _changed(usual: Preprocessing, changes: Mapping[str, Any] | None) -> Preprocessing:
    """Apply changes; fields of the decode policy may stand beside the others."""
    values = usual.model_dump()
    for key, value in (changes or {}).items():
        (values["decoding"] if key in DecodePolicy.model_fields else values)[key] = value
    return validate(Preprocessing, values, source="the preprocessing")


def _for_channels(usual: Preprocessing, network: nn.Module) -> Preprocessing:
    """For networks of grey images, the mean of what colour images get."""
    if network.in_channels != 1 or usual.num_channels == 1:
        return usual
    mean, std = sum(usual.mean) / 3, sum(usual.std) / 3
    return usual.model_copy(update={"channels": "L", "mean": (mean,), "std": (std,)})


Names = tuple[Sequence[str], Sequence[str]]


def _class_names(classes: str | Path | Sequence[str]) -> Names:
    """The names, and the ids where a label set has them."""
    if not isinstance(classes, str | Path):
        return tuple(classes), ()
    if str(classes) in label_sets():
        labels = label_set(str(classes))
        return labels.names, labels.ids or ()
    if not Path(classes).is_file():
        raise UnknownNameError(
            "label set",
            str(classes),
            known=label_sets(),
            hint=f"{', '.join(label_sets())}, or a text file with one name per line",
        )
    try:
        lines = Path(classes).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the class names", [f"{str(classes)!r} cannot be read: {error}"]) from error
    return tuple(line.strip() for line in lines if line.strip()), ()


def _assume_classes(num_classes: int | None, layout: str) -> tuple[Names, list[Assumption]]:
    if num_classes is None:
        return ((), ()), []
    name = "imagenet" if num_classes == 1000 else None
    if layout in ("cifar", "pytorchcv"):
        name = name or _CIFAR_CLASSES.get(num_classes)
    if name is None:
        numbered = tuple(f"class {i}" for i in range(num_classes))
        why = "no tensor holds them"
        return (numbered, ()), [Assumption("class names", "class 0, class 1, ...", why, "classes=")]
    labels = label_set(name)
    why = f"{num_classes} classes in the layout of {layout}"
    return (labels.names, labels.ids or ()), [Assumption("class names", name, why, "classes=")]


def _write(out: Path, network: nn.Module, info: ModelInfo, to: str) -> Path:
    if to == "resnets":
        return write_model(out, network, info)
    if to == "keras":
        return write_keras_h5(out, ours_to_keras(network))
    tensors = {name: tensor.contiguous() for name, tensor in to_layout(network, to).items()}
    if out.suffix == SUFFIX:
        import safetensors.torch

        return write_bytes(out, safetensors.torch.save(tensors, {"format": "pt"}))
    content = io.BytesIO()
    torch.save(tensors, content)
    return write_bytes(out, content.getvalue())
