"""`resnets convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnets import console
from resnets.commands.options import Json

if TYPE_CHECKING:
    from resnets.weights.converting import Conversion


def convert_command(
    file: Annotated[
        Path, typer.Argument(help="Checkpoint of PyTorch, safetensors or Keras, or a model.")
    ],
    out: Annotated[
        Path | None, typer.Argument(help="File to write; without it, only say what FILE is.")
    ] = None,
    to: Annotated[
        str, typer.Option(help="resnets, torchvision, timm, pytorchcv, cifar or keras.")
    ] = "resnets",
    layout: Annotated[str | None, typer.Option(help="Of origin. [found out]")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE", help="Of the network, that tensors cannot tell: stride_on=first."
        ),
    ] = None,
    preprocess: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE", help="Of the preprocessing: image_size=160, mean=0.5:0.5:0.5."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="imagenet, cifar10, ..., or a file with a name per line."
        ),
    ] = None,
    wrapper: Annotated[
        str | None, typer.Option(help="State dict to take if FILE has several, such as ema.")
    ] = None,
    json: Json = False,
) -> None:
    r"""Say what weights a file holds, and write them as a model file or for another library.

    \b
    resnets convert resnet50-11ad3fa6.pth
    resnets convert checkpoint.pth.tar pets.safetensors --classes names.txt
    resnets convert pets.safetensors pets.pth --to timm
    """
    from resnets.architectures.notation import parse_options

    told = parse_options(option or [], source="--option")
    fields = {
        key: _numbers(value)
        for key, value in parse_options(preprocess or [], source="--preprocess").items()
    }

    from resnets.weights.converting import convert

    done = convert(
        file,
        out,
        to=to,
        layout=layout,
        options=told,
        preprocessing=fields,
        classes=classes,
        wrapper=wrapper,
    )
    if json:
        console.print_json(done.to_dict())
    else:
        console.print_blocks(_lines(done))


def _numbers(value: Any) -> Any:
    """Numbers joined by ':' are a list; a comma would need quotes in a shell's brace."""
    if isinstance(value, str) and ":" in value:
        try:
            return [float(number) for number in value.split(":")]
        except ValueError:
            return value
    return value


def _lines(done: Conversion) -> list[str]:
    from resnets.errors import printable

    classes = "no classifier" if done.num_classes is None else f"{done.num_classes} classes"
    lines = [
        f"{printable(done.source)}: {done.container}, {done.layout} layout"
        + (f", {done.unwrapped}" if done.unwrapped else ""),
        f"network    {done.model} ({classes})",
    ]
    lines += [
        f"assumed    {item.what} = {item.value} ({item.why}); to change: {item.override}"
        for item in done.assumed
    ]
    if done.ignored:
        shown = ", ".join(f"{name} ({why})" for name, why in list(done.ignored.items())[:5])
        lines.append(f"left out   {len(done.ignored)}: {printable(shown)}")
    lines += [f"note       {printable(note)}" for note in done.notes]
    if done.written:
        lines.append(f"wrote      {printable(str(done.written))} ({done.target})")
    else:
        lines.append("nothing was written: give a second file name to convert")
    return lines
