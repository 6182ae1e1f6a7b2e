"""The command line: which verbs there are, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from resnets import __version__, console
from resnets.commands.cache_command import cache_app
from resnets.commands.compare_command import compare_command
from resnets.commands.convert_command import convert_command
from resnets.commands.data_command import data_app
from resnets.commands.describe_command import describe_command
from resnets.commands.evaluate_command import evaluate_command
from resnets.commands.explain_command import explain_command
from resnets.commands.export_command import export_command
from resnets.commands.list_command import list_command
from resnets.commands.options import add_command
from resnets.commands.predict_command import predict_command
from resnets.commands.recommend_command import recommend_command
from resnets.commands.train_command import train_command
from resnets.errors import ResNetsError

app = typer.Typer(
    name="resnets",
    help="Residual networks for image recognition.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: resnets list  |  resnets describe resnet50",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resnets {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
) -> None:
    pass


for _name, _command, _next in (
    ("list", list_command, "resnets describe NAME"),
    ("describe", describe_command, "resnets describe vgg19 plain34 resnet34 --draw nets.svg"),
    ("predict", predict_command, "resnets predict photos/ --model MODEL --csv"),
    ("explain", explain_command, "resnets explain photo.jpg --model MODEL --method occlusion --check"),
    ("recommend", recommend_command, "the command that is printed with what you choose"),
    ("train", train_command, "resnets evaluate RUN DATA"),
    ("evaluate", evaluate_command, "resnets evaluate MODEL DATA --calibrate"),
    ("compare", compare_command, "resnets evaluate MODEL DATA"),
    ("export", export_command, "resnets compare MODEL OUT.onnx --data DATA"),
    ("convert", convert_command, "resnets predict IMAGE... --model OUT"),
):
    add_command(app, _name, _command, epilog=f"Next: {_next}")
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; no traceback ever reaches the user by itself.

    Args:
        arguments: of the command line, without the program's name.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    try:
        code = app(
            args=[word for word in words if word != "--debug"],
            prog_name="resnets",
            standalone_mode=False,
        )
    except ResNetsError as error:
        if not error.is_told:
            console.report(error, debug=debug)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0  # the reader, such as `head`, has seen enough
    except Exception as error:
        if is_usage_error := hasattr(error, "format_message"):
            _report_usage(error)
        else:
            console.report_bug(error, debug=debug)
        return 2 if is_usage_error else 1
    return code if isinstance(code, int) else 0


def _report_usage(error: Exception) -> None:
    """Tell what the parser of the command line refused."""
    words = error.format_message().replace("Value error, ", "")  # type: ignore[attr-defined]
    console.say(f"resnets: error: {words}")
    if context := getattr(error, "ctx", None):
        console.say(f"Help: {context.command_path} --help")
