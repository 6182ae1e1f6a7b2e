"""What `make demo` runs: from photos to a network of your own, with what the package brings along.

    python examples/demo.py [FOLDER]

Five commands, each printed before it runs: recognise four photos, show where the network looks, compare
the networks in the package, train a small one on 8,000 pictures of clothes, and evaluate it. Nothing is
downloaded. FOLDER, `demo` by default, then holds `index.html`, a page of all that came out.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from demo_page import Findings, write_page

import resnets
from resnets.cli import main
from resnets.errors import OutputError
from resnets.training.run_folder import RunFolder
from resnets.weights.shipped import shipped_models

EXAMPLES = Path(os.path.relpath(Path(__file__).parent))
PHOTOS = [str(EXAMPLES / f"{name}.jpg") for name in ("cat", "coffee", "eagle", "rocket")]
DATA = str(EXAMPLES / "data" / "fashion_mnist_10k.npz")
NETWORK, EPOCHS = "resnet8", 12  # about a minute on two cores
RIVAL = "resnet20:fashion_mnist"  # knows the same classes
MADE = ("explanations", "comparison", "training", "index.html")
MARKER = ".made-by-resnets-demo"


class StoppedError(Exception):
    """A command did not end well, and has said why.

    Args:
        code: that it ended with.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def prepare(folder: Path) -> None:
    """Make the folder, or clear what an earlier demo left in it.

    Args:
        folder: of the page.

    Raises:
        OutputError: if it holds anything else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / MARKER).exists():
            raise OutputError(
                f"'{folder}' is not empty, and no earlier demo made it: name a new folder, as in "
                "python examples/demo.py my-demo"
            )
        (folder / MARKER).touch()
        for name in MADE:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write into '{folder}': {error.strerror or error}") from error


class Steps:
    """Runs one command after the other, and takes the time.

    Attributes:
        seconds: of each step, by the name of its command.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def show(self, title: str, *words: str) -> None:
        """Run a command as a user would.

        Args:
            title: what it is for.
            *words: of the command line.

        Raises:
            StoppedError: if it does not end well.
        """
        print(f"\n{len(self.seconds) + 1} of 5: {title}\n$ resnets {' '.join(words)}", flush=True)
        start = time.monotonic()
        if code := main(words):
            raise StoppedError(code)
        self.seconds[words[0]] = time.monotonic() - start


def run(folder: Path) -> Path:
    """Show everything, and write the page.

    Args:
        folder: of the page, and of what the commands write.
    """
    prepare(folder)
    names = [model.name for model in shipped_models()]
    training, steps = folder / "training", Steps()
    steps.show("what is on four photos?", "predict", *PHOTOS)
    steps.show("where did it look?", "explain", *PHOTOS, "--output", str(folder / "explanations"))
    steps.show("the networks in the package", "compare", *names, "--output", str(folder / "comparison"))
    steps.show(
        "train a network of our own, on 8,000 pictures of clothes: about a minute",
        # --no-check: these pictures are known, and their near-duplicates take a minute to find.
        *("train", DATA, "--model", NETWORK, "--epochs", str(EPOCHS), "--no-check"),
        *("--output", str(training)),
    )
    steps.show(
        "how good is it on 2,000 pictures that it has never seen?",
        *("evaluate", str(training), DATA, "--split", "test"),
    )
    print("\nAll of it on one page ...", flush=True)
    return write_page(folder / "index.html", find(training, steps.seconds))


def find(training: Path, seconds: dict[str, float]) -> Findings:
    """Get from Python what the commands have shown.

    Args:
        training: folder of the run.
        seconds: that each step took.
    """
    model = resnets.load()
    trained = resnets.load(training).info
    assert trained.data is not None
    with RunFolder.open(training) as kept:
        history = kept.history()
    return Findings(
        predictions=model.predict(PHOTOS),
        explanations=resnets.explain(PHOTOS, model=model),
        shipped=shipped_models(),
        published=resnets.compare([each.name for each in shipped_models()]),
        judged=resnets.compare([training, RIVAL], data=DATA, split="test", speed=False),
        num_learned=trained.data.num_images,
        num_classes=len(trained.class_names),
        history=history,
        report=Path("training") / "report.html",
        seconds=seconds,
        commands=own_commands(),
    )


def own_commands() -> list[str]:
    """The three commands for a folder of one's own, such that they can be copied."""
    beside = Path(sys.executable).with_name("resnets")
    program = "resnets" if shutil.which("resnets") or not beside.exists() else os.path.relpath(beside)
    return [
        f"{program} train photos/ --output runs/mine",
        f"{program} predict new.jpg --model runs/mine",
        f"{program} evaluate runs/mine photos/",
    ]


def demo(folder: Path) -> int:
    """Run the demo; give its exit code.

    Args:
        folder: of the page.
    """
    start = time.monotonic()
    try:
        page = run(folder)
    except resnets.ResNetsError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return error.exit_code
    except (StoppedError, KeyboardInterrupt) as stopped:
        print("demo: stopped; the same command starts it again", file=sys.stderr)
        return stopped.code if isinstance(stopped, StoppedError) else 130
    print(f"\nDone in {time.monotonic() - start:.0f} s. Open {page} in a browser.")
    print("\nNow with your own pictures: photos/ has a folder for each kind of them.")
    print("\n".join(f"  {command}" for command in own_commands()))
    return 0


if __name__ == "__main__":
    sys.exit(demo(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))
