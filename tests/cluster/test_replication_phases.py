"""Replication as it is run: rivals, races, confirmation, comparison on the test part; inline, in no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results
from assay.cluster.extend import extend_sweep
from assay.cluster.replay import replay
from assay.search import Ledger, Phase, State, Sweep
from assay.spaces import SweepInterrupted

from .test_phases import Driver, driver_of

__all__ = ["driver_of"]

Make = Callable[..., Driver]
RIVALS = {"leaderboard": {"top": 1, "seeds": 2, "rivals": [{"x": -5.0}, {"x": 3}]}, "budget": {"trials": 6}}


def configs(driver: Driver, phase: Phase = Phase.SEARCH) -> list[float]:
    return [float(trial.config["x"]) for trial in driver.phase(phase)]  # type: ignore[arg-type]


def revised(driver: Driver, **sections: Any) -> None:
    """The sweep says something else from now on."""
    document = driver.record.sweep.model_dump(mode="json")
    for name, changes in sections.items():
        document[name] |= changes
    driver.record, _ = extend_sweep(driver.ledger, driver.record, Sweep.make(document))


def test_rivals_come_after_the_default_and_are_finalists(driver_of: Make) -> None:
    driver = driver_of(**RIVALS)
    board = driver.run().leaderboard()
    assert configs(driver)[:3] == [0.0, -5.0, 3.0]
    assert len(configs(driver)) == 6, "of the budget, not beside it"
    assert {float(row.config["x"]) for row in board.rows} >= {0.0, -5.0, 3.0}
    assert [float(row.config["x"]) for row in board.rows if row.rival] in ([3.0, -5.0], [-5.0, 3.0])
    assert replay(driver.ledger, driver.record).difference is None


def test_a_rival_that_was_found_or_is_the_default_is_tried_once(driver_of: Make) -> None:
    driver = driver_of(leaderboard={"top": 1, "seeds": 2, "rivals": [{"x": 0}, {"x": -5.0}, {"x": -5}]})
    driver.run()
    assert Counter(configs(driver))[0.0] == 1
    assert Counter(configs(driver))[-5.0] == 1


def test_rivals_join_a_sweep_that_is_over(driver_of: Make) -> None:
    driver = driver_of(leaderboard={"top": 1, "seeds": 2})
    before = len(driver.run().trials)
    revised(driver, leaderboard={"rivals": [{"x": 2.5}], "seeds": 3})
    board = driver.run().leaderboard()
    assert configs(driver)[6:] == [2.5], "tried although the budget is used up"
    assert board.replicates == 3
    assert 2.5 in {row.config["x"] for row in board.rows}
    assert all(trial.state is State.COMPLETE for trial in driver.trials[:before])
    assert replay(driver.ledger, driver.record).difference is None


def test_the_winner_is_confirmed_on_seeds_that_chose_nothing(driver_of: Make) -> None:
    driver = driver_of(leaderboard={"top": 2, "seeds": 3, "confirm": 4})
    results = driver.run()
    board = results.leaderboard()
    confirmed = driver.phase(Phase.CONFIRM)
    assert {trial.parent for trial in confirmed} == {board.winner}
    assert sorted(trial.split for trial in confirmed) == [4, 5, 6, 7]
    assert not {t.seed for t in confirmed} & {t.seed for t in driver.trials if t.phase is not Phase.CONFIRM} - {
        t.seed for t in driver.phase(Phase.TEST)
    }
    values = [float(trial.value("log_loss") or 0) for trial in confirmed]
    assert board.reported is not None
    assert board.reported.mean == pytest.approx(np.mean(values)), "its score is that of the confirmation alone"
    assert board.reported.count == 4
    tested = {trial.parent for trial in driver.phase(Phase.TEST)}
    assert {trial.number for trial in confirmed} <= tested


def test_a_race_runs_in_rounds_and_goes_on_after_a_pause(driver_of: Make) -> None:
    race = {"top": 3, "replicate": "race", "budget": 20, "rivals": [{"x": -6.0}]}
    straight = driver_of(leaderboard=race)
    straight.run()
    counts = Counter(trial.parent for trial in straight.phase(Phase.REPLICATE))
    assert len(counts) == 4
    assert min(counts.values()) >= 3
    assert sum(counts.values()) <= 20
    again = driver_of(leaderboard=race, name="again")
    again.pause_in = Phase.REPLICATE
    with pytest.raises(SweepInterrupted):
        again.run()
    again.pause_in = None
    again.run()
    assert Counter(t.parent for t in again.phase(Phase.REPLICATE)) == counts


def test_top_two_spends_its_budget_where_it_matters(driver_of: Make) -> None:
    driver = driver_of(leaderboard={"top": 3, "replicate": "top_two", "budget": 24, "rivals": [{"x": -6.0}]})
    board = driver.run().leaderboard()
    counts = Counter(trial.parent for trial in driver.phase(Phase.REPLICATE))
    worst = board.rows[-1].trial
    assert counts[worst] == min(counts.values()) == 4
    assert sum(counts.values()) <= 24
    assert board.test == "top_two"
    assert board.winner in board.tied
    assert worst not in board.tied


def test_finalists_are_compared_on_the_test_part_when_the_sweep_says_so(driver_of: Make) -> None:
    driver = driver_of(
        objectives=[{"metric": "log_loss", "goal": "minimize"}],
        leaderboard={"top": 2, "seeds": 3, "data": "test", "rivals": [{"x": -6.0}]},
    )
    results = driver.run()
    board = results.leaderboard()
    replicates = {trial.number for trial in driver.phase(Phase.REPLICATE)}
    assert replicates <= {trial.parent for trial in driver.phase(Phase.TEST)}, "all finalists' models were opened"
    scores = results.test_scores
    for row in board.rows:
        runs = [t for t in driver.phase(Phase.REPLICATE) if t.parent == row.trial]
        assert row.fresh is not None
        assert row.fresh.mean == pytest.approx(np.mean([scores[run.number] for run in runs]))
    assert board.test == "mrmc", "all models were scored on the same examples"
    assert any("finalists were compared on the sealed test part" in note for note in board.notes)


def test_what_was_compared_on_the_test_part_is_not_known_before(driver_of: Make) -> None:
    driver = driver_of(leaderboard={"top": 1, "seeds": 2, "data": "test"})
    driver.pause_in = Phase.TEST
    with pytest.raises(SweepInterrupted):
        driver.run()
    with closing(Ledger(driver.ledger.store)) as ledger:
        board = Results(ledger, ledger.sweep(driver.record.name)).leaderboard()
    assert board.winner is None
    assert "not been predicted by all models yet" in board.notes[0]
