"""What a search hands over at each time: the best score so far, or the best of a few finalists after replicates."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from config_tables import ConfigTable, Floats

TOP = 5
"""Finalists."""
RULES = ("score", "replicates")


class Ended(NamedTuple):
    """A trial of the search that is over: simulated second, row of the table, score."""

    second: float
    row: int
    score: float


def regret(table: ConfigTable, run: int, over: Sequence[Ended], times: Floats, workers: int, rule: str) -> Floats:
    """Regret of what is handed over at each of ``times``, which is where the budget ends.

    By ``score`` it is the config with the best score so far. By ``replicates`` the search ends early enough that its
    five best train once more on each of their fresh seeds within the same time, and the best mean of these is handed
    over: a search that goes on as long as the finalists of the moment still fit in. Where there is no time for them,
    and with no trial over, it is the best score and a median config.

    Args:
        over: trials in the order in which they ended.
    """
    choices = [_by_score(over)]
    if rule == "replicates":
        choices.insert(0, _by_replicates(table, run, over, workers))
    found = []
    for until in times:
        worth = table.best - table.scale
        for ends, rows in choices:
            done = int(np.argmax(np.append(ends, np.inf) > until))  # the first that does not fit: all before do
            if done:
                worth = table.worth(rows[done - 1], run)
                break
        found.append((table.best - worth) / table.scale)
    return np.array(found)


def _by_score(over: Sequence[Ended]) -> tuple[Floats, list[int]]:
    """When each trial is over, and the best by then."""
    best = list(accumulate(over, lambda best, one: one if one.score > best.score else best))
    return np.array([one.second for one in over]), [one.row for one in best]


def _by_replicates(table: ConfigTable, run: int, over: Sequence[Ended], workers: int) -> tuple[Floats, list[int]]:
    """After each trial, if the search ended there: when the replicates of its best are over, and the best of them."""
    ends, rows = [], []
    for count in range(1, len(over) + 1):
        top = [one.row for one in sorted(over[:count], key=lambda one: -one.score)[:TOP]]
        seconds = [table.seconds[row] for row in top for _ in table.fresh(row, run)]
        ends.append(over[count - 1].second + _together(seconds, workers))
        rows.append(max(top, key=lambda row: float(table.fresh(row, run).mean())))
    return np.array(ends), rows


def _together(seconds: Sequence[float], workers: int) -> float:
    """How long trainings take that start one after the other where a place is free."""
    free = [0.0] * workers
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free)
