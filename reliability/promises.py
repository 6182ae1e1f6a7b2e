"""What a reliability run leaves behind: a JSON file that says what was promised and what was measured.

docs/reliability.py makes the page of all of them. A new promise needs only a script that calls
`write_result`.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number, and the bound that the promise sets it.

    Attributes:
        name: what was counted or measured, with its unit.
        value: of this run.
        at_most: upper bound; None if there is none.
        at_least: lower bound; None if there is none.
    """

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value keeps to its bounds; None where there are none."""
        if self.at_most is None and self.at_least is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    def to_json(self) -> dict[str, Any]:
        """The figure with its bounds as one object, and whether they are met."""
        bounds = {"at_most": self.at_most, "at_least": self.at_least}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"name": self.name, "value": self.value, "bound": given or None, "met": self.met}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Details that a reader may want: the same figures per format, per fault, ..."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of a reliability script.

    Attributes:
        title: a few words.
        promise: what users can rely on, one sentence.
        command: that repeats the run.
        seed: of everything random in it.
        count: how many trials it made.
        unit: what a trial is, in the plural.
        figures: what was measured.
        tables: details.
        remarks: what a reader has to know to judge the figures.
    """

    title: str
    promise: str
    command: str
    seed: int
    count: int
    unit: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    remarks: Sequence[str] = field(default=())

    @property
    def met(self) -> bool:
        """Whether every figure keeps to its bounds."""
        return all(figure.met is not False for figure in self.figures)


def write_result(result: Result, path: Path, *, packages: Sequence[str]) -> None:
    """Write a run with the date and the machine it was made on.

    Args:
        result: what was measured.
        path: of the JSON file.
        packages: that the figures depend on; their versions are written too.
    """
    content = {
        "title": result.title,
        "promise": result.promise,
        "command": result.command,
        "seed": result.seed,
        "count": result.count,
        "unit": result.unit,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": describe_machine(packages),
        "figures": [figure.to_json() for figure in result.figures],
        "tables": [asdict(table) for table in result.tables],
        "remarks": list(result.remarks),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def describe_machine(packages: Sequence[str]) -> dict[str, Any]:
    """Processor, memory, system and versions; nothing that names the machine or its owner.

    Args:
        packages: whose versions are wanted; those that are not installed are left out.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "system": _system(),
        "versions": {"python": platform.python_version(), **_versions(packages)},
    }


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    names = [line for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME=")]
    distribution = names[0].partition("=")[2].strip('"') if names else platform.system()
    return f"{distribution}, {platform.machine()}"


def _lines(path: str) -> Sequence[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return ()


def _versions(packages: Sequence[str]) -> Mapping[str, str]:
    installed = {}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
