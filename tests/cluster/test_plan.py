"""A search plan rebuilt from the ledger goes on as the one that was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from assay.cluster import FixedPlan, Request, SearchPlan
from assay.search import Decision, Phase, Report, State, Sweep, Trial, proposal_seed, scheduler_seed


def fresh(sweep: Sweep, trials: list[Trial]) -> SearchPlan:
    searcher = sweep.searcher.build(sweep.parameters, sweep.objective, proposal_seed(sweep.seed))
    scheduler = sweep.scheduler.build(sweep.objective, sweep.granted, scheduler_seed(sweep.seed))
    return SearchPlan(sweep, searcher, scheduler, trials)


class Search:
    """Runs trials of a plan one after the other, without an executor."""

    def __init__(self, plan: SearchPlan, trials: list[Trial]) -> None:
        self.plan, self.trials = plan, trials
        self.order = 100 * len(trials)
        self.decisions: list[Decision] = []

    def tick(self) -> int:
        self.order += 1
        return self.order

    def trial(self) -> bool:
        request = self.plan.next(len(self.trials), 0.0)
        if request is None:
            return False
        number = len(self.trials)
        trial = Trial(number, request.phase, State.RUNNING, request.config, request.seed, 0, started=self.tick())
        self.plan.on_start(trial)
        state = State.COMPLETE
        for step in range(1, 9):
            report = Report(step, {"score": float(trial.config["x"]) * step}, 0.0, self.tick())
            trial = replace(trial, reports=(*trial.reports, report))
            self.decisions.append(self.plan.on_report(trial, report))
            if self.decisions[-1] is Decision.STOP and step < 8:
                state = State.STOPPED
                break
        self.trials.append(replace(trial, state=state, ended=self.tick()))
        self.plan.on_end(self.trials[-1])
        return True


@pytest.mark.parametrize("searcher", ["random", {"type": "tpe", "startup": 4}])
@pytest.mark.parametrize("scheduler", ["none", {"type": "asha", "eta": 2}])
@pytest.mark.parametrize("cut", [1, 5, 9])
def test_a_rebuilt_plan_goes_on_as_before(
    sweep_of: Callable[..., Sweep], searcher: object, scheduler: object, cut: int
) -> None:
    sweep = sweep_of(searcher=searcher, scheduler=scheduler, budget={"trials": 12}, fidelity={"max": 8})
    whole = Search(fresh(sweep, []), [])
    while whole.trial():
        pass
    first = Search(fresh(sweep, []), [])
    for _ in range(cut):
        first.trial()
    second = Search(fresh(sweep, first.trials), first.trials)
    while second.trial():
        pass
    assert len(second.trials) == 12
    assert [trial.config for trial in second.trials] == [trial.config for trial in whole.trials]
    assert first.decisions + second.decisions == whole.decisions


def test_an_unanswered_report_is_decided_on_again(sweep_of: Callable[..., Sweep]) -> None:
    sweep = sweep_of(scheduler={"type": "asha", "eta": 2}, fidelity={"max": 8})
    search = Search(fresh(sweep, []), [])
    while search.trial():
        pass
    stopped = next(trial for trial in search.trials if trial.state is State.STOPPED)
    open_again = [replace(t, state=State.RUNNING, ended=None) if t is stopped else t for t in search.trials]
    assert fresh(sweep, open_again).last_decision[stopped.number] is Decision.STOP


def test_it_gives_up_with_the_last_reason(sweep_of: Callable[..., Sweep]) -> None:
    plan = fresh(sweep_of(budget={"trials": 50}), [])
    for number in range(5):
        assert not plan.gave_up
        request = plan.next(number, 0.0)
        assert request is not None
        trial = Trial(number, Phase.SEARCH, State.FAILED, request.config, 0, 0, reason=f"reason {number}", ended=1)
        plan.on_start(trial)
        plan.on_end(trial)
    assert plan.next(5, 0.0) is None
    assert plan.gave_up


def test_all_trials_of_the_search_share_a_seed_and_a_split(sweep_of: Callable[..., Sweep]) -> None:
    plan = fresh(sweep_of(), [])
    requests = [plan.next(number, 0.0) for number in range(3)]
    assert len({request.seed for request in requests if request}) == 1
    assert [request.split for request in requests if request] == [0, 0, 0]


def test_a_fixed_plan_hands_out_its_requests_once(sweep_of: Callable[..., Sweep]) -> None:
    config = sweep_of().parameters.default()
    requests = [Request(Phase.REPLICATE, config, seed, seed, 3) for seed in (1, 2)]
    plan = FixedPlan(Phase.REPLICATE, iter(requests), recorded=5)
    assert plan.total == 7
    assert [plan.next(number, 0.0) for number in range(3)] == [*requests, None]
