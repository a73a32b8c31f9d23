"""What a leaderboard says of networks: what they are called, and what a supernet has to do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..spaces import DamagedFileError
from .board import Leaderboard
from .network_text import NetworkWords
from .supernet import origins_of

if TYPE_CHECKING:
    from .results import Results

_SIZE = "params_m"


def with_network_columns(results: Results, board: Leaderboard) -> Leaderboard:
    """The board with the networks of its rows in words, and a note when none was built; as it is without networks."""
    if results.sweep.architecture is None:
        return board
    words = NetworkWords(results.sweep)
    try:
        origins = origins_of(results)
    except DamagedFileError:  # `supernet_lines` tells it
        origins = {}
    rows = [
        replace(row, network=words.text(row.config), network_short=short, supernet=origins.get(row.trial))
        for row, short in zip(board.rows, words.short([row.config for row in board.rows]), strict=True)
    ]
    return replace(board, rows=rows, notes=board.notes + _never_built(results))


def _never_built(results: Results) -> list[str]:
    """That no trial of the search built its network: the size of one that is built is in every report."""
    found = results.ledger.standings(results.record, [results.sweep.objective.metric, _SIZE])
    if not found.scored.any() or any(_SIZE in metrics for metrics in found.metrics):
        return []
    return [
        "no trial called trial.build_model(): the architecture had no effect, unless the training function reads "
        "config['architecture']"
    ]
