"""What a check of a data set found, in records that texts, pages and JSON are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from resnets.data.dataset import Dataset
from resnets.data.decode_policy import DecodePolicy
from resnets.data.duplicates import Duplicate
from resnets.data.inspection import Inspection

Severity: TypeAlias = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Example:
    """One case of a finding.

    Attributes:
        images: names of the images it is about, as `Inspection.names` has them; none for a class.
        note: what is special about it.
    """

    images: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """Something about a data set that its owner should know.

    Attributes:
        code: for programs, such as 'leaked-exact'.
        severity: 'error' makes results wrong or training impossible, a 'warning' may, a 'note' informs.
        sentence: what was found.
        count: of images, pairs or classes, whatever the sentence speaks of.
        advice: what to do.
        examples: the first few.
    """

    code: str
    severity: Severity
    sentence: str
    count: int
    advice: str
    examples: tuple[Example, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        examples = [{"images": list(case.images), "note": case.note} for case in self.examples]
        return {
            "code": self.code,
            "severity": self.severity,
            "sentence": self.sentence,
            "count": self.count,
            "advice": self.advice,
            "examples": examples,
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Finding:
        """Make it of what `to_dict` gave.

        Args:
            row: from JSON.
        """
        examples = tuple(Example(tuple(case["images"]), case["note"]) for case in row["examples"])
        return cls(**{**row, "examples": examples})


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that findings are drawn from; too much to show, but what cleaning needs.

    Attributes:
        dataset: that was checked.
        images: what each image is.
        duplicates: pairs of images, by their index in `images`.
        policy: how they were decoded.
    """

    dataset: Dataset
    images: Inspection
    duplicates: Sequence[Duplicate]
    policy: DecodePolicy


@dataclass(frozen=True, eq=False)
class DataReport:
    """What a check of a data set found.

    Attributes:
        name: of the data set.
        kind: of the data set.
        root: where it lies.
        class_names: in the order of their labels.
        class_counts: usable images of each class, for each split.
        findings: the gravest first.
        num_images: all, with those that cannot be used.
        seconds: that the check took.
        evidence: for `write_cleaned` and the page.
    """

    name: str
    kind: str
    root: str
    class_names: tuple[str, ...]
    class_counts: Mapping[str, tuple[int, ...]]
    findings: tuple[Finding, ...]
    num_images: int
    seconds: float
    evidence: Evidence = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def seconds_per_10000(self) -> float:
        """Time of the check, for sets of other sizes; comparing images grows faster than that."""
        return self.seconds * 10000 / max(self.num_images, 1)

    def count(self, severity: Severity) -> int:
        """How many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "root": self.root,
            "ok": self.ok,
            "num_images": self.num_images,
            "class_names": list(self.class_names),
            "class_counts": {split: list(counts) for split, counts in self.class_counts.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "seconds": round(self.seconds, 3),
            "seconds_per_10000": round(self.seconds_per_10000, 3),
        }
