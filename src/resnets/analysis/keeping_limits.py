"""Candidates that break a limit, the user's or the machine's: left out, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resnets.analysis.recommendation import LeftOut, Limits
from resnets.analysis.weighing import Setting, Weighed
from resnets.errors import CheckFailedError, MemoryLimitError
from resnets.reporting.words import duration
from resnets.training.memory import check_memory
from resnets.training.model_facts import model_facts
from resnets.training.planning import expected_memory


def within(
    those: Sequence[Weighed], left_out: list[LeftOut], why_not: Callable[[Weighed], str]
) -> list[Weighed]:
    """Those that nothing is against; the others are noted.

    Args:
        those: candidates.
        left_out: is appended to.
        why_not: a sentence for each that is to be left out, '' for the others.
    """
    kept = []
    for each in those:
        if why := why_not(each):
            left_out.append(LeftOut(each.candidate.model, each.image_size, why))
        else:
            kept.append(each)
    return kept


def too_large(each: Weighed, limits: Limits) -> str:
    """Say so if a network's file is larger than it may be, else ''."""
    megabytes = each.file_bytes / 1e6
    if limits.max_mb is None or megabytes <= limits.max_mb:
        return ""
    return f"its file would have {megabytes:.3g} MB, more than {limits.max_mb:g}"


def too_slow(each: Weighed, limits: Limits) -> str:
    """Say so if a network takes longer for an image than it may, else ''."""
    if limits.latency_ms is None or each.latency_ms is None or each.latency_ms <= limits.latency_ms:
        return ""
    return f"it takes {each.latency_ms:.3g} ms for an image here, more than {limits.latency_ms:g}"


def too_long(each: Weighed, limits: Limits) -> str:
    """Say so if there is no time for a single epoch, else ''."""
    if each.epochs:
        return ""
    return (
        f"one epoch takes {duration(each.seconds(1))} here, more than the "
        f"{duration(60 * limits.minutes)} that the training may take"
    )


def too_much_memory(each: Weighed, where: Setting) -> str:
    """Say so if a training step needs more memory than there is, else ''."""
    shown = each.settings.preprocessing
    assert shown is not None
    network = model_facts(each.settings.model).blank_network(shown, max(2, where.facts.num_classes))
    try:
        check_memory(expected_memory(network, each.settings), each.settings, where.machine)
    except MemoryLimitError as error:
        return str(error)
    return ""


def refuse_none(kept: Sequence[Weighed], those: Sequence[Weighed], limits: Limits) -> None:
    """Say what comes closest where no candidate is left.

    Args:
        kept: those that are left.
        those: all of them.
        limits: see there.

    Raises:
        CheckFailedError: if none is.
    """
    if kept:
        return

    def excess(each: Weighed) -> float:
        over = [
            each.file_bytes / 1e6 / (limits.max_mb or float("inf")),
            (each.latency_ms or 0.0) / (limits.latency_ms or float("inf")),
            0.0 if each.epochs else each.seconds(1) / (60 * limits.minutes),
        ]
        return max(over)

    closest = min(those, key=excess)
    tests = (too_large, too_slow, too_long)
    why = [words for test in tests if (words := test(closest, limits))]
    why = why or ["a training step needs more memory than there is"]
    raise CheckFailedError(
        f"none of {len(those)} networks keeps the limits. The closest is "
        f"{closest.candidate.model} at {closest.image_size} pixels: {'; '.join(why)}"
    )
