"""All phases of a sweep, inline, with a model that trains in no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results
from assay.cluster import InlineExecutor, PhaseRunner
from assay.cluster.wish import Wish
from assay.search import Ledger, Phase, State, Sweep, Trial
from assay.spaces import NoResultError, SweepInterrupted
from assay.trainables import TrainableRef, TrialHandle

from .worlds import Notes

rng = np.random.default_rng(5)
INPUTS = rng.normal(size=300)
TARGETS = (INPUTS + rng.normal(scale=0.7, size=300) > 0).astype(int)


def logistic(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    """One weight: near 3 is best; its accuracy does not depend on it as long as it is positive."""
    data = trial.split(INPUTS, TARGETS)
    noise = np.random.default_rng(trial.seed).normal(scale=0.05)

    def predict(inputs: Any) -> Any:
        return 1 / (1 + np.exp(-(config["x"] + noise) * inputs))

    trial.save_predictions(predict)
    for _ in trial.steps():
        trial.save_checkpoint(lambda folder: (folder / "nothing").touch())
        likely = np.clip(predict(data.x_val), 1e-6, 1 - 1e-6)
        yield {"log_loss": float(-np.mean(np.where(data.y_val == 1, np.log(likely), np.log(1 - likely))))}


def without_predictions(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    for _ in trial.steps():
        yield {"log_loss": config["x"] + trial.split_id / 100}


class Driver:
    """Runs one sweep in one store as often as it is told to."""

    def __init__(self, store: Path, sweep: Sweep, train: Any, notes: Any) -> None:
        self.ledger = Ledger(store, create=True)
        self.record = self.ledger.create_sweep(sweep, str(store))
        self.train, self.notes = train, notes
        self.pause_in: Phase | None = None

    def run(self) -> Results:
        executor = InlineExecutor(TrainableRef("train", ".", self.train), 2)
        executor.open()
        try:
            return PhaseRunner(
                self.ledger,
                self.record,
                executor,
                clock=lambda: 0.0,
                wish=self.wish,
                observer=self.notes,
            ).run()
        finally:
            executor.close()

    def wish(self) -> Wish:
        """To pause as soon as there is a trial of the phase to pause in."""
        return Wish.PAUSE if self.pause_in is not None and self.phase(self.pause_in) else Wish.NONE

    @property
    def trials(self) -> list[Trial]:
        return self.ledger.trials(self.record)

    def phase(self, phase: Phase) -> list[Trial]:
        return [trial for trial in self.trials if trial.phase is phase]


@pytest.fixture
def driver_of(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> Callable[..., Driver]:
    def make(train: Any = logistic, **changes: Any) -> Driver:
        sweep = sweep_of(
            **{
                "objectives": [{"metric": "log_loss", "goal": "minimize"}],
                "parameters": {"x": "uniform(-6, 6)"},
                "fidelity": {"max": 2},
                "budget": {"trials": 6},
                "leaderboard": {"top": 2, "seeds": 3},
            }
            | changes
        )
        return Driver(tmp_path, sweep, train, Notes())

    return make


def test_search_replicates_and_test(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of()
    results = driver.run()
    assert all(trial.state is State.COMPLETE for trial in driver.trials)
    assert len(driver.phase(Phase.SEARCH)) == 6
    board = results.leaderboard()
    assert board.replicated
    assert board.winner in board.tied
    ensemble = results.ensemble()
    assert ensemble is not None
    assert ensemble.test_score is not None
    models = {t.number for t in driver.phase(Phase.REPLICATE) if t.parent in board.tied}
    models |= {*ensemble.weights, ensemble.single}
    assert {trial.parent for trial in driver.phase(Phase.TEST)} == models
    assert len(driver.phase(Phase.TEST)) == len(models)


def test_replicates_are_paired_and_fresh(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(parameters={"x": "uniform(-4, 3)"}, budget={"trials": 12})
    driver.run()
    searched = {(trial.seed, trial.split) for trial in driver.phase(Phase.SEARCH)}
    replicates = driver.phase(Phase.REPLICATE)
    by_finalist: dict[int | None, list[tuple[int, int]]] = {}
    for trial in replicates:
        by_finalist.setdefault(trial.parent, []).append((trial.seed, trial.split))
    assert len(by_finalist) == 3  # two finalists and the default config
    first, *others = [sorted(pairs) for pairs in by_finalist.values()]
    assert all(pairs == first for pairs in others)
    assert len({seed for seed, _ in first}) == len({split for _, split in first}) == 3
    assert not {seed for seed, _ in first} & {seed for seed, _ in searched}
    assert not {split for _, split in first} & {split for _, split in searched}
    assert {trial.config for trial in replicates} <= {trial.config for trial in driver.phase(Phase.SEARCH)}


def test_a_test_run_scores_the_trained_model_and_trains_no_further(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of()
    driver.run()
    trained = {trial.number: trial for trial in driver.trials}
    for trial in driver.phase(Phase.TEST):
        model = trained[trial.parent or 0]
        assert (trial.config, trial.seed, trial.split) == (model.config, model.seed, model.split)
        assert trial.reports == ()
    tested = {artifact.trial for artifact in driver.ledger.artifacts(driver.record, "test")}
    assert tested == {trial.number for trial in driver.phase(Phase.TEST)}


def test_running_it_again_adds_nothing(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of()
    driver.run()
    before = driver.trials
    driver.run()
    assert driver.trials == before
    assert [update.done for update in driver.notes.updates[-1:]] == [driver.notes.updates[-1].total]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.SUPERNET])
def test_a_pause_in_any_phase_is_gone_on_from(driver_of: Callable[..., Driver], phase: Phase) -> None:
    board = {"leaderboard": {"top": 2, "seeds": 3, "confirm": 2}}
    whole = driver_of(name="whole", seed=3, **board)
    whole.run()
    driver = driver_of(name="cut", seed=3, **board)
    driver.pause_in = phase
    with pytest.raises(SweepInterrupted, match="nothing reported is lost"):
        driver.run()
    before = driver.trials
    cut = driver.phase(phase)
    assert cut == before[-2:]  # one for each worker
    assert {trial.state for trial in cut} == {
        State.COMPLETE if phase is Phase.TEST else State.PENDING
    }  # without reports
    driver.pause_in = None
    driver.run()
    after = driver.trials
    assert after[: len(before) - 2] == before[:-2]
    for old in cut:
        assert after[old.number].reports[: len(old.reports)] == old.reports
    assert all(trial.state is State.COMPLETE for trial in after)
    facts = [Counter((t.phase, t.config, t.seed, t.split) for t in trials) for trials in (after, whole.trials)]
    assert facts[0] == facts[1]


def test_when_everything_fails_it_says_why(driver_of: Callable[..., Driver]) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        raise OSError("no such data")
        yield {}

    driver = driver_of(train, budget={"trials": 50})
    with pytest.raises(NoResultError) as caught:
        driver.run()
    text = str(caught.value)
    assert text.startswith("no trial gave a score, 6 failed: OSError: no such data (test_phases.py:")
    assert text.endswith("; the search was ended early (`assay show small 0` has the traceback)")
    assert len(driver.trials) == 6  # the fifth failure finds another one running


def test_a_wrong_metric_says_what_was_reported(driver_of: Callable[..., Driver]) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"logloss": 0.5}

    with pytest.raises(NoResultError, match="'log_loss' was not reported"):
        driver_of(train).run()


def test_without_predictions_there_is_no_test_and_a_note(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(without_predictions)
    results = driver.run()
    assert driver.phase(Phase.TEST) == []
    assert len(driver.phase(Phase.REPLICATE)) == 9
    assert results.ensemble() is None
    assert "keeps no predictions" in results.ensemble_note


def test_a_failed_replicate_does_not_end_the_sweep(driver_of: Callable[..., Driver]) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        if trial.split_id == 2:
            raise ValueError("this split is empty")
        yield {"log_loss": config["x"]}

    driver = driver_of(train)
    driver.run()
    states = Counter(trial.state for trial in driver.phase(Phase.REPLICATE))
    assert states == {State.COMPLETE: 6, State.FAILED: 3}


def test_a_small_space_is_told(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(parameters={"x": [1.0, 2.0, 3.0]})
    driver.run()
    assert driver.notes.messages == ["no config that is new was found any more: the search ends after 3"]


def test_a_trial_that_was_told_to_stop_is_settled_and_counted(
    driver_of: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = driver_of(scheduler={"type": "asha", "eta": 2}, fidelity={"max": 4}, budget={"trials": 8})

    def dies(self: InlineExecutor, number: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(InlineExecutor, "stop", dies)
        with pytest.raises(KeyboardInterrupt):
            driver.run()
    (told,) = [t for t in driver.trials if t.state is State.RUNNING and len(t.reports) < 4][-1:]
    driver.run()
    settled = driver.trials[told.number]
    assert (settled.state, settled.reports) == (State.STOPPED, told.reports)
    last = [update for update in driver.notes.updates if update.phase is Phase.SEARCH][-1]
    assert last.done == last.total == 8
