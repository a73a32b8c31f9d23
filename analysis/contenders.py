"""Of a search with very many trials, those that the leaderboard can show; the others are not read in full."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..search import Ledger, Phase, State, SweepRecord, Trial
from ..search.standings import Standings
from .finalists import ENOUGH, LAST
from .verdicts import MOST_CONFIGS

_SHOWN = 10


@dataclass(frozen=True)
class Contenders:
    """The trials that a leaderboard is made of.

    Args:
        trials: all of later phases; of the search those that can be finalists or are shown, by number.
        full_runs: how many trials of the search trained in full, whether they are among them or not.
    """

    trials: list[Trial]
    full_runs: int


def find_contenders(ledger: Ledger, record: SweepRecord) -> Contenders | None:
    """The contenders of a sweep; None where all trials have to be looked at.

    That is the case with several objectives, whose fronts compare all with all; with limits, where it is told how many
    trials break them; with inherited weights, likewise; and where fewer than some thousands trained in full.
    """
    objective = record.sweep.objective
    if objective.others or objective.limits or record.sweep.searcher.inherits:
        return None
    if ledger.counts(record).get((Phase.SEARCH, State.COMPLETE), 0) <= MOST_CONFIGS:
        return None
    standings = ledger.standings(record, [objective.metric], [State.COMPLETE])
    full_runs = int(standings.scored.sum())
    if full_runs <= MOST_CONFIGS:
        return None
    others = [trial for phase in Phase if phase is not Phase.SEARCH for trial in ledger.trials(record, phase)]
    wanted = {trial.parent for trial in others if trial.parent is not None}
    wanted |= set(ledger.numbers_of(record, [config.config_id for config in record.sweep.given]))
    most = max(record.sweep.leaderboard.top, _SHOWN)
    for values in (standings.values, _robust_values(ledger, record, standings)):
        scores = np.where(standings.scored, objective.sign * values, -np.inf)
        best = np.lexsort((standings.numbers, -scores))[:most]
        wanted |= set(standings.numbers[best].tolist())
    found = {trial.number: trial for trial in (*others, *ledger.trials_numbered(record, wanted))}
    return Contenders([found[number] for number in sorted(found)], full_runs)


def _robust_values(ledger: Ledger, record: SweepRecord, standings: Standings) -> npt.NDArray[np.float64]:
    """As :func:`.finalists.robust_score` sees trials."""
    values = standings.values.copy()
    if not standings.long(ENOUGH):
        return values
    last = ledger.last_values(record, record.sweep.objective.metric, LAST, ENOUGH)
    for place, number in enumerate(standings.numbers.tolist()):
        if number in last:
            values[place] = statistics.median(last[number])
    return values
