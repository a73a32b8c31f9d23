"""The leaderboard of very many trials is the same whether all of them are read or only its contenders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results
from assay.analysis.contenders import find_contenders
from assay.search import Phase, State

from .networks import STAGED

MANY = 6


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if so many full runs were very many."""
    for module in ("contenders", "verdicts"):
        monkeypatch.setattr(f"assay.analysis.{module}.MOST_CONFIGS", MANY)


def search(made: Any, rng: np.random.Generator, count: int) -> list[Any]:
    """Full runs of 1 to 14 reports, the last of which may be lucky; some stopped, failed or open."""
    trials = []
    for number in range(count):
        state = State.COMPLETE if number % 3 else State(rng.choice([State.STOPPED, State.FAILED, State.PAUSED]))
        curve = np.round(rng.random(int(rng.integers(1, 15))), 2).tolist()
        trials.append(made.search(curve, {"lr": 0.1 if number == 7 else 0.01 + number / 1000}, state=state))
    return trials


def both(results: Results) -> tuple[Results, Results]:
    """One that has read all trials, and one that has not."""
    everything = results.refresh()
    assert len(everything.trials) == sum(results.counts.values())
    return everything, results.refresh()


@pytest.mark.parametrize("seed", range(6))
def test_same_finalists_rows_and_verdicts(recorder: Callable[..., Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    goal = "minimize" if seed % 2 else "maximize"
    made = recorder(objectives=[{"metric": "accuracy", "goal": goal}], leaderboard={"top": 2, "seeds": 3})
    search(made, rng, 40)
    all_read, sparing = both(made.results())
    contenders = find_contenders(made.ledger, made.record)
    assert contenders is not None
    assert contenders.full_runs == all_read.counts[Phase.SEARCH, State.COMPLETE] > MANY
    assert len(contenders.trials) < 30
    assert sparing.leaderboard() == all_read.leaderboard()
    assert sparing.best_trial == all_read.best_trial
    finalists = all_read.replication().finalists
    assert sparing.replication().finalists == finalists
    assert 7 in [finalist.number for finalist in finalists]  # the default config
    for finalist in finalists:
        made.replicate(finalist, rng.random(3).tolist())
    all_read, sparing = both(made.results())
    board = all_read.leaderboard()
    assert board.replicated
    assert sparing.leaderboard() == board
    assert sparing.best_trial == all_read.best_trial
    assert "trials" not in vars(sparing)


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (8, {}),
        (40, {"constraints": [{"metric": "size", "max": 1}]}),
        (40, {"objectives": [{"metric": "accuracy", "goal": "maximize"}, {"metric": "size", "goal": "minimize"}]}),
    ],
)
def test_all_trials_are_read_where_all_count(recorder: Callable[..., Any], count: int, changes: dict[str, Any]) -> None:
    made = recorder(**changes)
    search(made, np.random.default_rng(0), count)
    assert find_contenders(made.ledger, made.record) is None


def test_children_are_counted_over_all_trials(recorder: Callable[..., Any]) -> None:
    evolution = {"type": "regularized_evolution", "inherit": True}
    for searcher, told in (("random", False), (evolution, True)):
        made = recorder(architecture=STAGED, searcher=searcher)
        search(made, np.random.default_rng(0), 40)
        assert (find_contenders(made.ledger, made.record) is None) == told
