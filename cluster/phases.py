"""A sweep from start to report: search, replicate the finalists, test the winner and the tied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from ..analysis import Results, select_finalists
from ..search import Decision, Phase, State, SweepRecord, Trial, proposal_seed, scheduler_seed, trial_seed
from ..search.ledger import Ledger
from ..spaces import NoResultError, SweepInterrupted
from .controller import Controller
from .executor import Executor
from .plan import FixedPlan, Plan, Request, SearchPlan
from .progress import Observer


class PhaseRunner:
    """Runs what is left of a sweep. Every phase reads from the ledger what is done already.

    Args:
        ledger, record: where the sweep is recorded; the caller holds its lock.
        executor: open.
        clock, stop_requested, observer: see :class:`Controller`.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        executor: Executor,
        *,
        clock: Callable[[], float],
        stop_requested: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._sweep = record.sweep
        self._observer = observer
        self._stop_requested = stop_requested
        self._controller = Controller(
            ledger, record, executor, clock=clock, stop_requested=stop_requested, observer=observer
        )

    def run(self) -> Results:
        """Run all phases.

        Raises:
            NoResultError: when no trial of the search has a score.
            SweepInterrupted: when a stop was requested; the sweep can be resumed.
        """
        self._search()
        self._work_off(Phase.REPLICATE, self._replicates())
        self._work_off(Phase.TEST, self._tests())
        return self._results()

    def _search(self) -> None:
        sweep, known = self._sweep, self._ledger.trials(self._record, Phase.SEARCH)
        plan = SearchPlan(
            sweep,
            sweep.searcher.build(sweep.parameters, sweep.objective, proposal_seed(sweep.seed)),
            sweep.scheduler.build(sweep.objective, sweep.granted, scheduler_seed(sweep.seed)),
            known,
        )
        self._settle(plan, known)
        self._run(plan, self._ledger.trials(self._record, Phase.SEARCH))
        if not self._results().scored:
            raise NoResultError(self._why_nothing(plan))
        if plan.total is not None and sweep.budget.trials is not None and plan.total < sweep.budget.trials:
            self._observer.message(f"no config that is new was found any more: the search ends after {plan.total}")

    def _why_nothing(self, plan: SearchPlan) -> str:
        failed = [t for t in self._results().phase(Phase.SEARCH) if t.state is State.FAILED]
        if not failed:
            return "no trial gave a score: the budget was used up before the first report"
        reason, _ = Counter(trial.reason for trial in failed).most_common(1)[0]
        traced = next((trial.number for trial in failed if trial.detail), None)
        more = f" (`assay show {self._record.name} {traced}` has the traceback)" if traced is not None else ""
        early = "; the search was ended early" if plan.gave_up else ""
        return f"no trial gave a score, {len(failed)} failed: {reason}{early}{more}"

    def _replicates(self) -> Iterator[Request]:
        """Finalists on fresh seeds and splits, replicate by replicate, so that complete pairs come first."""
        results, board = self._results(), self._sweep.leaderboard
        default = self._sweep.parameters.default()
        finalists = select_finalists(results.trials, self._sweep.objective, board.top, default)
        for replicate in range(1, board.seeds + 1):
            for finalist in finalists:
                seed = trial_seed(self._sweep.seed, replicate)
                yield Request(Phase.REPLICATE, finalist.config, seed, replicate, finalist.number)

    def _tests(self) -> Iterator[Request]:
        """The models of the winner, of those tied with it and of the ensemble, on the sealed test part."""
        results = self._results()
        board, ensemble = results.leaderboard(), results.ensemble()
        models = [t for t in results.phase(Phase.REPLICATE) if t.parent in board.tied]
        if ensemble is not None:
            models += [t for t in results.phase(Phase.SEARCH) if t.number in ensemble.weights]
        for model in models:
            if model.testable and model.state is State.COMPLETE:
                yield Request(Phase.TEST, model.config, model.seed, model.split, model.number)

    def _work_off(self, phase: Phase, requests: Iterator[Request]) -> None:
        known = self._ledger.trials(self._record, phase)
        recorded = {(trial.parent, trial.split) for trial in known}
        new = [request for request in requests if (request.parent, request.split) not in recorded]
        self._run(FixedPlan(phase, new, recorded=len(known)), known)

    def _run(self, plan: Plan, known: list[Trial]) -> None:
        self._controller.run(plan, known, [trial for trial in known if not trial.state.over])
        if self._stop_requested():
            raise SweepInterrupted(f"sweep {self._record.name!r} was stopped; nothing reported is lost")

    def _settle(self, plan: SearchPlan, known: list[Trial]) -> None:
        """End open trials whose last recorded report was already answered with a stop."""
        for trial in known:
            full = self._sweep.granted is not None and trial.last_step >= self._sweep.granted.max
            if not trial.state.over and plan.last_decision.get(trial.number) is Decision.STOP and not full:
                self._controller.settle(plan, trial)

    def _results(self) -> Results:
        return Results(self._ledger, self._ledger.sweep(self._record.name))
