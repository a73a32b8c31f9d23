"""A sweep from start to report: train a supernet, search, replicate the finalists, test the winner and the tied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..analysis import Results
from ..search import (
    Decision,
    Event,
    EventKind,
    Ledger,
    Phase,
    Scheduler,
    Searcher,
    State,
    Sweep,
    SweepRecord,
    Trial,
    proposal_seed,
    scheduler_seed,
    trial_seed,
)
from ..search.nas.screening import Screen
from ..spaces import Config, NoResultError, SweepInterrupted
from .controller import Controller
from .executor import Executor
from .plan import FixedPlan, Plan, Request, schedule_of
from .progress import Observer
from .proposals import PromptProposals, ThreadedProposals
from .search_plan import SearchPlan
from .supernets import found_architectures, one_shot, require_supernet, supernet_config
from .wish import Wish


def search_plan(
    sweep: Sweep,
    *,
    threaded: bool = False,
    ahead: int = 0,
    scheduler: Scheduler | None = None,
    architectures: Iterable[Config] = (),
    directory: str | None = None,
) -> SearchPlan:
    """A fresh plan of a sweep's search.

    Args:
        threaded: ask the searcher in a thread of its own.
        ahead: see :class:`SearchPlan`.
        scheduler: instead of the sweep's.
        architectures: what the supernet found, for one-shot search.
        directory: the sweep file's folder, from which the file of a model space is seen.
    """
    fidelity = sweep.granted
    rungs = [*sweep.scheduler.rungs(fidelity), fidelity.max] if fidelity else []
    screen = Screen.of(sweep, directory)
    searcher: Searcher
    if (options := one_shot(sweep)) is not None:
        searcher = options.proposing(sweep.parameters, proposal_seed(sweep.seed), architectures)
    else:
        searcher = _searcher(sweep, rungs, screen)
    proposals = ThreadedProposals(searcher, screen) if threaded else PromptProposals(searcher, screen)
    if scheduler is None:
        seed = scheduler_seed(sweep.seed)
        scheduler = sweep.scheduler.build(sweep.parameters, sweep.compared, fidelity, seed)
    return SearchPlan(sweep, proposals, scheduler, ahead=ahead)


def _searcher(sweep: Sweep, rungs: Sequence[int], screen: Screen | None) -> Searcher:
    """The sweep's, which sees the scores without training where it can make use of them."""
    given = sweep.parameters, sweep.objective, proposal_seed(sweep.seed), rungs
    if screen is not None and sweep.architecture is not None and sweep.architecture.zero_cost:
        return sweep.searcher.guided(*given, screen.features)
    return sweep.searcher.build(*given)


class PhaseRunner:
    """Runs what is left of a sweep. Every phase reads from the ledger what is done already.

    Args:
        ledger, record: where the sweep is recorded; the caller holds its lock.
        executor: open.
        clock, wish, observer, lazy, checkpoints: see :class:`Controller`.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        executor: Executor,
        *,
        clock: Callable[[], float],
        wish: Callable[[], Wish] = lambda: Wish.NONE,
        observer: Observer,
        lazy: bool = False,
        checkpoints: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._sweep = record.sweep
        self._observer = observer
        self._wish = wish
        self._simulated = lazy
        self._controller = Controller(
            ledger, record, executor, clock=clock, wish=wish, observer=observer, lazy=lazy, checkpoints=checkpoints
        )

    def run(self, searched: SearchPlan | None = None) -> Results:
        """Run all phases.

        Args:
            searched: the plan of a search that was run elsewhere.

        Raises:
            NoResultError: when no trial of the search has a score.
            SweepInterrupted: when a stop was requested; the sweep can be resumed.
        """
        if searched is None:
            self.supernet()
            self.search()
        else:
            self._conclude(searched)
        self._replicate()
        if self._sweep.leaderboard.data == "test":
            self._work_off(Phase.TEST, self._test_requests(self._results().replicates))
        self._confirm()
        self._work_off(Phase.TEST, self._tests())
        return self._results()

    def supernet(self) -> None:
        """Train the supernet of one-shot search, on the seed and the split of the search; nothing without one.

        Raises:
            NoResultError: when it fails.
            SweepInterrupted: see :meth:`run`.
        """
        if one_shot(self._sweep) is None:
            return
        config, seed = supernet_config(self._sweep), trial_seed(self._sweep.seed, 0)
        self._work_off(Phase.SUPERNET, iter([Request(Phase.SUPERNET, config, seed, split=0)]))
        if self._wish() is Wish.NONE:
            require_supernet(self._ledger, self._record)

    def search(self) -> None:
        """Run the search.

        Raises:
            NoResultError, SweepInterrupted: see :meth:`run`.
        """
        known, events = self._ledger.trials(self._record, Phase.SEARCH), self._ledger.events(self._record)
        found = found_architectures(self._ledger, self._record)
        plan = search_plan(
            self._sweep, threaded=not self._simulated, architectures=found, directory=self._record.directory
        )
        try:
            for _ in plan.repeat(known, events):
                pass
            self._settle(plan, known, events)
            known = self._ledger.trials(self._record, Phase.SEARCH)
            self._run(plan, known)
        finally:
            plan.close()
        self._conclude(plan)

    def _conclude(self, plan: SearchPlan) -> None:
        """Say how the search ended, if that is news.

        Raises:
            NoResultError: when no trial has a score.
        """
        if plan.budget.reason:
            self._observer.message(f"the search ends: {plan.budget.reason}")
        if not self._results().scored:
            raise NoResultError(self._why_nothing(plan))
        if plan.total is not None and self._sweep.budget.trials is not None and plan.total < self._sweep.budget.trials:
            refused = f" ({plan.refused})" if plan.refused else ""
            text = f"no config that is new was found any more: the search ends after {plan.total}{refused}"
            self._observer.message(text)

    def _why_nothing(self, plan: SearchPlan) -> str:
        infeasible = self._results().why_infeasible()
        if infeasible:
            return f"sweep {self._record.name!r} {infeasible}"
        failed = [t for t in self._results().phase(Phase.SEARCH) if t.state is State.FAILED]
        if not failed:
            return "no trial gave a score: the budget was used up before the first report"
        reason, _ = Counter(trial.reason for trial in failed).most_common(1)[0]
        traced = next((trial.number for trial in failed if trial.detail), None)
        more = f" (`assay show {self._record.name} {traced}` has the traceback)" if traced is not None else ""
        early = "; the search was ended early" if plan.budget.gave_up else ""
        return f"no trial gave a score, {len(failed)} failed: {reason}{early}{more}"

    def _replicate(self) -> None:
        """Run replicates until none is wanted any more: all at once, or round by round in a race."""
        while wanted := self._results().replication().wanted:
            self._work_off(Phase.REPLICATE, self._requests(Phase.REPLICATE, wanted))
        self._results().require_a_score()

    def _confirm(self) -> None:
        """More replicates of the winner alone, on seeds and splits that had no say in choosing it."""
        results = self._results()
        winner, count = results.leaderboard().winner, self._sweep.leaderboard.confirm
        if winner is None or not count:
            return
        used = max(trial.split for trial in results.phase(Phase.REPLICATE))
        wanted = [(winner, used + number) for number in range(1, count + 1)]
        self._work_off(Phase.CONFIRM, self._requests(Phase.CONFIRM, wanted))

    def _requests(self, phase: Phase, wanted: Iterable[tuple[int, int]]) -> Iterator[Request]:
        trials = {trial.number: trial for trial in self._results().trials}
        for number, split in wanted:
            (_, config), *changes = schedule_of(trials[number], trials)
            seed = trial_seed(self._sweep.seed, split)
            yield Request(phase, config, seed, split, number, changes=tuple(changes))

    def _tests(self) -> Iterator[Request]:
        """The models of the winner, the tied, the front and the ensemble, on the sealed test part."""
        results = self._results()
        board, ensemble = results.leaderboard(), results.ensemble()
        wanted = {row.trial for row in board.rows if row.tied or row.on_front}
        models = [t for t in results.replicates if t.parent in wanted]
        models += [t for t in results.phase(Phase.CONFIRM) if t.parent == board.winner]
        if ensemble is not None:
            models += [t for t in results.phase(Phase.SEARCH) if t.number in {*ensemble.weights, ensemble.single}]
        yield from self._test_requests(models)

    def _test_requests(self, models: Iterable[Trial]) -> Iterator[Request]:
        for model in models:
            if model.testable and model.state is State.COMPLETE:
                yield Request(Phase.TEST, model.config, model.seed, model.split, model.number)

    def _work_off(self, phase: Phase, requests: Iterator[Request]) -> None:
        known = self._ledger.trials(self._record, phase)
        wanted = {(request.parent, request.split): request for request in requests}
        recorded = {(trial.parent, trial.split) for trial in known}
        new = [request for key, request in wanted.items() if key not in recorded]
        plan = FixedPlan(phase, new, recorded=len(known))
        for trial in known:
            if not trial.state.over:
                request = wanted.get((trial.parent, trial.split))
                done = max(0, len(trial.segments) - 1)
                plan.go_on(trial, request.changes[done:] if request else ())
        self._run(plan, known)

    def _run(self, plan: Plan, known: list[Trial]) -> None:
        self._controller.run(plan, known, [trial for trial in known if not trial.state.over])
        wish = self._wish()
        if wish in (Wish.PAUSE, Wish.CANCEL):
            what = "paused" if wish is Wish.PAUSE else "cancelled"
            raise SweepInterrupted(f"sweep {self._record.name!r} was {what}; nothing reported is lost")

    def _settle(self, plan: SearchPlan, known: list[Trial], events: list[Event]) -> None:
        """Bring trials that were interrupted to where the plan can go on with them."""
        running = running_at_the_end(known, events)
        for trial in known:
            full = self._sweep.granted is not None and trial.last_step >= self._sweep.granted.max
            if trial.state.over:
                continue
            if trial.reports and trial.reports[-1].decision == Decision.STOP and not full:
                self._controller.settle(plan, trial)  # it was answered with a stop already
            elif trial.number in running and trial.state is not State.PAUSED:
                self._controller.requeue(plan, trial)

    def _results(self) -> Results:
        return Results(self._ledger, self._ledger.sweep(self._record.name))


def running_at_the_end(trials: Iterable[Trial], events: Iterable[Event]) -> set[int]:
    """Trials that had a place when the record broke off."""
    last: dict[int, tuple[int, bool]] = {}
    for event in events:
        if event.kind in (EventKind.RUN, EventKind.LOST):
            last[event.number] = event.order, event.kind is EventKind.RUN
    for trial in trials:
        for report in trial.reports:
            if report.decision == Decision.PAUSE and report.order > last.get(trial.number, (-1, False))[0]:
                last[trial.number] = report.order, False
    return {number for number, (_, running) in last.items() if running}
