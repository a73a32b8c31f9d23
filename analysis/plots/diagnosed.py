"""What figures of stored predictions have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...spaces import NoResultError, NotFoundError

if TYPE_CHECKING:
    from ..diagnostics import Diagnosis
    from ..results import Results


def diagnosed(results: Results, trial: int | None, part: str) -> Diagnosis | str:
    """The diagnosis; or why the sweep has none, when no trial was asked for."""
    try:
        return results.diagnose(trial, part)
    except (NotFoundError, NoResultError) as error:
        if trial is not None:
            raise
        return str(error)


def whose(found: Diagnosis) -> str:
    """Whose predictions they are."""
    runs = f", {len(found.runs)} models" if len(found.runs) > 1 else ""
    return f"trial {found.trial} on {found.part} ({found.examples} examples{runs})"
