"""What the page says beyond the record: importance of parameters, and what the winner gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...spaces import AssayError
from ..finalists import scored_search

if TYPE_CHECKING:
    from ..results import Results

FEWEST = 30
"""Trials with a score below which importance is not worth the seconds that it takes: its intervals hold everything."""


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
        return results.importance().to_dict(), ""
    except AssayError as error:
        return None, str(error)


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
