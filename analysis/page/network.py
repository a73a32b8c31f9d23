"""The network of the winner: a drawing, and what it is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...search.store import as_words
from ...spaces import AssayError
from ..network_files import network_drawing

if TYPE_CHECKING:
    from ..results import Results

MOST = 400_000
"""Characters of a drawing above which the page is better off without it: some thousand boxes."""


def network_data(results: Results, running: bool) -> dict[str, Any] | None:
    """The network of the winner, before replication of the best of the search; None without one.

    Args:
        running: the sweep still runs: with every report another network may be the best.

    Returns:
        ``trial``, ``text``, ``command`` that draws it; ``svg``, or None and the reason in ``note``.
    """
    board = results.leaderboard()
    if results.sweep.architecture is None or not board.rows:
        return None
    row = board.rows[0] if board.winner is None else board.row(board.winner)
    words = as_words(results.record.name, results.ledger.place)
    facts = {"trial": row.trial, "text": row.network, "command": f"assay show {words} {row.trial} --graph"}
    if running:
        return facts | {"svg": None, "note": "the network is drawn when the sweep is over"}
    svg, note = _drawn(results, row.trial)
    if svg is not None and len(svg) > MOST:
        svg, note = None, "the network is too large to be drawn here"
    return facts | {"svg": svg, "note": note}


def _drawn(results: Results, number: int) -> tuple[str | None, str]:
    from ...spaces.networks.drawing import without_style

    try:
        return without_style(network_drawing(results, number)), ""
    except AssayError as error:  # NNI or the user's file is missing here: the numbers are shown anyway
        return None, f"no drawing of the network: {' '.join(str(error).split())}"
