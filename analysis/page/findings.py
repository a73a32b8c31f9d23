"""What the page says beyond the record: importance of parameters, and what the winner gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...search.store import as_words
from ...spaces import AssayError
from ..explain.evidence import Evidence, gather
from ..finalists import scored_search

if TYPE_CHECKING:
    from ..results import Results

FEWEST = 30
"""Trials with a score below which importance is not worth the seconds that it takes: its intervals hold everything."""

MOST = 2_000
"""Of :func:`_size`, above which importance is left to its own command.

A run ends with the report, and is not to wait three seconds of CPU time for it. So much takes about two.
"""


def findings(results: Results, running: bool) -> dict[str, Any]:
    """``importance``, ``diagnostics`` and ``front``, each None with the reason in ``importance_note`` and so on.

    Args:
        running: the sweep still runs: both would be worked out anew with every report.
    """
    importance, why = _importance(results, running)
    diagnostics, why_not = _diagnostics(results, running)
    front, why_none = _front(results)
    return {
        "importance": importance,
        "importance_note": why,
        "diagnostics": diagnostics,
        "diagnostics_note": why_not,
        "front": front,
        "front_note": why_none,
    }


def _importance(results: Results, running: bool) -> tuple[dict[str, Any] | None, str]:
    count = len(scored_search(results.trials))
    if running:
        return None, "the importance of parameters follows when the sweep is over"
    if count < FEWEST:
        return (
            None,
            f"no importance of parameters: {count} trials have a score, {FEWEST} are the fewest here",
        )
    try:
        evidence = gather(results.sweep, results.trials)
        if _size(evidence) > MOST:
            command = f"assay importance {as_words(results.record.name, results.ledger.place)}"
            why = f"{len(evidence)} trials and {len(evidence.names)} parameters take too long for a page"
            return None, f"no importance of parameters here, {why}: {command}"
        return results.importance().to_dict(), ""
    except AssayError as error:
        return None, str(error)


def _size(evidence: Evidence) -> int:
    """What the seconds of importance grow with: growing the trees costs as much as about four parameters do."""
    return len(evidence) * (len(evidence.names) + 4)


def _diagnostics(results: Results, running: bool) -> tuple[dict[str, Any] | None, str]:
    if running or not results.leaderboard().replicated:
        return None, "diagnostics of the winner follow when there is one"
    try:
        return results.diagnose().to_dict(), ""
    except AssayError as error:
        return None, str(error)


def _front(results: Results) -> tuple[dict[str, Any] | None, str]:
    if len(results.sweep.objectives) < 2:
        return None, "one objective has no front"
    try:
        return results.front().to_dict(), ""
    except AssayError as error:
        return None, str(error)
