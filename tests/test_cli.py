"""The commands: results on stdout, errors in words on stderr, exit codes that say what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import resnets
from resnets import cli, console


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list"], ["describe", "--help"], []])
def test_torch_is_not_loaded(words: list[str]) -> None:
    code = (
        "import sys\nfrom resnets.cli import main\n"
        f"code = main({words!r})\n"
        "print(code, 'torch' in sys.modules, 'numpy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split("\n")[-2] == "0 False False"
    assert done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"resnets {resnets.__version__}\n", "")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "describe" in out
    assert "list" in out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "seresnext*")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.split("\n")]
    assert rows[1][:6] == ["seresnext50_32x4d", "se_resnet", "27.6", "M", "4.23", "G"]
    assert "arXiv:1709.01507" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("parameters", "resnet20"),
        ("cost", "resnet20"),
        ("name", "resnet1001_bottleneck"),
        ("family", "resnet18"),
    ],
)
def test_list_sorts(capsys: pytest.CaptureFixture[str], sort: str, first: str) -> None:
    _, out, _ = run(capsys, "list", "--family", "resnet", "--sort", sort)
    assert out.split("\n")[1].split()[0] == first


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list", "resnet50", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema_version"] == 1
    assert document["architectures"] == [
        {
            "name": "resnet50",
            "family": "resnet",
            "parameters": 25_557_032,
            "multiply_adds": 4_089_184_256,
            "image_size": 224,
            "paper": "He et al. 2015, arXiv:1512.03385",
            "source": "Table 1, stride on the 3x3",
        }
    ]
    assert "resnext<depth>_<C>x<d>d[_cifar]" in document["name_forms"]


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "describe", "resnet34,shortcut=A", "plain34")
    assert (code, err) == (0, "")
    assert out.count("parameters 21,623,848   multiply-adds 3.64 G (FLOPs 7.29 G: two each)") == 2
    assert "unit stages.0.units.0: f(F(x))" in out
    assert "shortcut=A" in out
    assert "\x1b" not in out
    stage = next(line for line in out.split("\n") if line.startswith("stages.2"))
    assert stage.split() == ["stages.2", "6", "256×14×14", *stage.split()[3:]]


def test_describe_per_unit(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "describe", "resnet20", "--units", "--batch-size", "8")
    assert sum(line.startswith("stages.") for line in out.split("\n")) == 9
    assert "activations, batch 8" in out


def test_describe_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "describe", "resnet20", "resnext29_2x64d,form=a", "--json")
    document = json.loads(out)
    assert code == 0
    first, second = document["networks"]
    assert first["parameters"] == 269_722
    assert first["flops"] == 2 * 40_551_040
    assert first["units"]["stages.0.units.0"]["formula"] == "f(x + F(x))"
    assert second["options"]["form"] == "a"
    assert len(first["parts"]) == 12


def test_draw(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    network, unit = tmp_path / "net.svg", tmp_path / "unit.svg"
    code, out, err = run(
        capsys, "describe", "resnet20", "--draw", str(network), "--draw-unit", str(unit), "--json"
    )
    assert code == 0
    assert json.loads(out)["networks"][0]["name"] == "resnet20"
    assert err == f"wrote {network}\nwrote {unit}\n"
    assert network.exists()
    assert unit.exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["describe", "resnet5O"],
            2,
            "no architecture named 'resnet5O'. Did you mean 'resnet50', 'seresnet50', 'resnet56'? "
            "All names: resnets list",
        ),
        (["describe", "xyz"], 2, "no architecture named 'xyz'. All names: resnets list"),
        (
            ["list", "nothing*"],
            2,
            "no architecture named 'nothing*'. All names: resnets list",
        ),
        (
            ["list", "--family", "resnet_v3"],
            2,
            "no family named 'resnet_v3'. Did you mean 'resnet_v2', 'resnet', 'resnext'? "
            "All names: resnets list",
        ),
        (
            ["describe", "plain20,shortcut=A,depth=3"],
            2,
            "2 problems in the options of plain20: shortcut is unknown, known are num_classes, "
            "in_channels, include_top, pooling, features_only, image_size, depths, widths, kernel_sizes, "
            "expansion, stride_on, stem, stem_pool, output_stride; depth is unknown, did you mean depths?",
        ),
        (
            ["describe", "resnet18,shortcut"],
            2,
            "1 problem in resnet18,shortcut: options are written OPTION=VALUE, got 'shortcut'",
        ),
        (
            ["describe", "resnet18,stem=deep,stem=cifar"],
            2,
            "1 problem in resnet18,stem=deep,stem=cifar: stem is given twice",
        ),
        (
            ["describe", "vgg11", "--image-size", "8"],
            2,
            "1 problem in the options of vgg11: image_size must be at least 32, the stride of the last map; "
            "got 8",
        ),
        (
            ["describe", "resnet20", "--draw", "/nowhere/at/all.svg"],
            5,
            "cannot write '/nowhere/at/all.svg': No such file or directory",
        ),
        (
            ["describe", "resnet20", "--draw", "net.jpeg"],
            2,
            "1 problem in the drawing: drawings are SVG files; name it *.svg, got 'net.jpeg'",
        ),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str) -> None:
    got, _, err = run(capsys, *words)
    assert (got, err) == (code, f"resnets: error: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["descrbe"], "No such command 'descrbe'. Did you mean 'describe'?\nHelp: resnets --help"),
        (["describe"], "Missing argument 'MODEL...'.\nHelp: resnets describe --help"),
        (["list", "--jsn"], "No such option: --jsn"),
        (["list", "--sort", "size"], "Invalid value for '--sort': 'size' is not one of"),
        (
            ["describe", "resnet20", "--batch-size", "0"],
            "Invalid value for '--batch-size': Input should be greater than or equal to 1",
        ),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2
    assert err.startswith(f"resnets: error: {message}")
    assert "Traceback" not in err


def test_debug_shows_the_traceback_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "describe", "xyz", "--debug")
    assert code == 2
    assert "Traceback" in err
    assert "UnknownNameError" in err


def test_a_bug_is_reported_and_its_traceback_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("boom\nsecond line")

    monkeypatch.setattr(console, "print_json", broken)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log = tmp_path / "resnets" / "error.log"
    code, _, err = run(capsys, "list", "--json")
    assert code == 1
    assert err == (
        "resnets: error: this is a bug in resnets: RuntimeError: boom\n"
        f"The traceback is in {log}; run again with --debug to see it. Please report it.\n"
    )
    assert "broken" in log.read_text("utf-8")
    code, _, err = run(capsys, "list", "--json", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_a_bug_is_reported_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    console.report_bug(RuntimeError("boom"), debug=False)
    assert "RuntimeError: boom" in capsys.readouterr().err


def test_interruption(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "print_json", interrupted)
    assert run(capsys, "list", "--json")[0] == 130


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"set -o pipefail; {sys.executable} -m resnets list | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("name")
    assert done.stderr == ""


def test_describe_weights(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "describe", "resnet20:fashion_mnist")
    assert code == 0
    assert out.startswith("resnet20:fashion_mnist\nclasses    10: T-shirt/top, Trouser, ")
    assert "one image of 28×28" in out
    code, out, _ = run(capsys, "describe", "seresnet18_cm:cm", "--json")  # nothing is downloaded
    assert (code, json.loads(out)["networks"][0]["name"]) == (0, "seresnet18_cm")
    for words, size in ((), 80), (("--image-size", "64"), 64):
        _, out, _ = run(capsys, "describe", "resnet18:tiny_imagenet", "--json", *words)
        assert json.loads(out)["networks"][0]["image_size"] == size
    _, out, _ = run(capsys, "describe", "resnet50:timm_a3_in1k", "--json")
    assert json.loads(out)["networks"][0]["image_size"] == 160
    code, _, err = run(capsys, "describe", "plain20:nothing_of_the_kind")
    assert (code, err) == (
        2,
        "resnets: error: no published weights named 'plain20:nothing_of_the_kind'. All names: "
        "plain20:cifar10\n",
    )
