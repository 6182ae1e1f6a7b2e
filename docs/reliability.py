"""Writes docs/reliability.md from what the scripts in reliability/ measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "reliability" / "results"

HEAD = """# Reliability, measured

<!-- Written by docs/reliability.py from reliability/results; change them. -->

What resnets promises, what a run of the script measured, and the command that repeats it from a copy
of the repository. Every figure with a bound is part of the promise; the tests hold a short form of each.
"""


def reliability_page(results: Path = RESULTS) -> str:
    """Write the page of all promises.

    Args:
        results: folder of the JSON files, one per promise.
    """
    runs = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))]
    return "\n".join([HEAD.rstrip(), *(_section(run) for run in runs)]) + "\n"


def _section(run: dict[str, Any]) -> str:
    """One promise, with its figures, details and circumstances."""
    broken = [figure["name"] for figure in run["figures"] if not keeps(figure)]
    verdict = f"**Not kept in this run: {', '.join(broken)}.**" if broken else "Kept in this run."
    trials = f"{run['count']:,} {run['unit']}, seed {run['seed']}, {run['date']}"
    lines = [
        f"\n## {run['title']}\n",
        f"{run['promise']}\n",
        f"{verdict} {trials}; {_machine(run['machine'])}.\n",
        f"Again: `{run['command']}`\n",
        "| figure | measured | promised |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| {figure['name']} | {_number(figure['value'])} | {_bound(figure['bound'])} |"
        for figure in run["figures"]
    ]
    for table in run["tables"]:
        lines += ["", f"{table['title']}:", "", _row(table["columns"])]
        lines += [_row(["---", *["---:"] * (len(table["columns"]) - 1)])]
        lines += [_row(row) for row in table["rows"]]
    lines += ["", *(f"- {remark}" for remark in run["remarks"])] if run["remarks"] else []
    return "\n".join(lines)


def keeps(figure: dict[str, Any]) -> bool:
    """Whether a figure keeps to its bounds.

    Args:
        figure: of a JSON file.
    """
    bound, value = figure["bound"] or {}, figure["value"]
    return bool(bound.get("at_least", value) <= value <= bound.get("at_most", value))


def _bound(bound: dict[str, float] | None) -> str:
    words = {"at_most": "at most", "at_least": "at least"}
    return ", ".join(f"{words[name]} {_number(limit)}" for name, limit in (bound or {}).items())


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    size = f"{machine['cores']} cores, {machine['memory_gb']} GB"
    return f"{machine['processor']}, {size}, {machine['system']}; {versions}"


def _row(cells: list[Any]) -> str:
    return f"| {' | '.join(map(_number, cells))} |"


def _number(value: Any) -> str:
    """Thousands get a comma; words stay."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def write_all() -> None:
    """Write the page."""
    (DOCS / "reliability.md").write_text(reliability_page(), encoding="utf-8")


if __name__ == "__main__":
    write_all()
