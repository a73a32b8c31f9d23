"""What a leaderboard says of networks: what they are called, and what a supernet has to do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .board import Leaderboard
from .network_text import NetworkWords
from .supernet import origins_of

if TYPE_CHECKING:
    from .results import Results


def with_networks(results: Results, board: Leaderboard) -> Leaderboard:
    """The board with the networks of its rows in words; as it is where none are searched."""
    if results.sweep.architecture is None:
        return board
    words, origins = NetworkWords(results.sweep), origins_of(results)
    rows = [
        replace(
            row,
            network=words.text(row.config),
            network_short=words.short(row.config),
            supernet=origins.get(row.trial),
        )
        for row in board.rows
    ]
    return replace(board, rows=rows)
