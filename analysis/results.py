"""Everything that is known of a sweep, read from the ledger alone."""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..search import Ledger, Phase, State, SweepRecord, Trial
from ..spaces import DamagedFileError, NoResultError, UsageError, did_you_mean, one_of
from .contenders import find_contenders
from .ensembles import AUTO, EnsembleReport
from .ensembles.recorded import recorded_ensemble
from .example_scores import ExampleScores
from .finalists import rank_search, scored_search
from .leaderboard import Leaderboard, build_leaderboard
from .network_rows import with_network_columns
from .predictions import Part, PredictionStore
from .replication import Replication, plan_replication
from .scorers import Array, Floats, fits, get_scorer, kind_of

if TYPE_CHECKING:
    import pandas as pd

    from .comparison import Comparison
    from .diagnostics import Diagnosis
    from .explain.ablation_report import AblationReport
    from .explain.importance import ImportanceReport
    from .explain.partial_dependence import PartialDependence
    from .export import ExportBundle
    from .front import Front
    from .model_comparison import ModelComparison
    from .page.report import ShownReport
    from .pairwise import Pairwise
    from .plots import Plotter


class Results:
    """A sweep at one instant: its trials are read once; :meth:`refresh` reads them again."""

    def __init__(self, ledger: Ledger, record: SweepRecord) -> None:
        self.ledger = ledger
        self.record = record
        self.sweep = record.sweep
        self.damaged: list[str] = []
        """Files with predictions for the sealed test that cannot be used."""

    def __repr__(self) -> str:
        counts = Counter(trial.state.value for trial in self.trials)
        return f"<Results of {self.record.name!r}: {dict(counts)}>"

    def _repr_html_(self) -> str:
        return self.leaderboard()._repr_html_()

    def refresh(self) -> Results:
        """The same sweep as it is recorded now."""
        return Results(self.ledger, self.ledger.sweep(self.record.name))

    @property
    def folder(self) -> Path:
        """Where the sweep's files are."""
        return self.ledger.store / self.record.name

    @cached_property
    def trials(self) -> list[Trial]:
        """All trials of all phases, by number."""
        return self.ledger.trials(self.record)

    @cached_property
    def counts(self) -> dict[tuple[Phase, State], int]:
        """How many trials there are of each phase and state; none of them is read for it."""
        return self.ledger.counts(self.record)

    def phase(self, phase: Phase) -> list[Trial]:
        """The trials of one phase."""
        return [trial for trial in self.trials if trial.phase is phase]

    def leaderboard(self, test: str | None = None, rope: float | None = None) -> Leaderboard:
        """Replicated finalists with intervals, adjusted p-values and the set tied for best.

        Args:
            test: a key of :data:`assay.analysis.inference.TESTS` or ``"auto"``, instead of the sweep's.
            rope: region of practical equivalence, instead of the sweep's.

        Raises:
            UsageError: when there is no such test, or it cannot decide on these replicates.
        """
        return self._leaderboard if test is None and rope is None else self._board(test, rope)

    def front(self) -> Front:
        """The front of several objectives, with its knee and its hypervolume; see :func:`.build_front.front_of`."""
        return self._front

    def compare(
        self, first: int | None, second: int | None, *, test: str = "auto", rope: float | None = None
    ) -> Comparison:
        """Two configs by their replicates, named by the trials that proposed them; None is the winner.

        See :func:`assay.analysis.comparison.compare`, also for configs of two sweeps.
        """
        from .comparison import compare

        return compare(self, first, self, second, test, rope)

    def compare_models(self, first: int, second: int, part: Part = "validation") -> ModelComparison:
        """Two fitted models on the same examples; see :func:`assay.analysis.model_comparison.compare_models`."""
        from .model_comparison import compare_models

        return compare_models(self, first, second, part)

    def compare_all(self) -> Pairwise:
        """Every two finalists; see :func:`assay.analysis.pairwise.compare_all`."""
        from .pairwise import compare_all

        return compare_all(self)

    def replication(self) -> Replication:
        """The finalists with their replicates, and what is to be run next."""
        return self._replication

    @property
    def replicates(self) -> list[Trial]:
        """The replicates of the finalists."""
        return [run for runs in self._replication.runs.values() for run in runs]

    @property
    def best_config(self) -> dict[str, Any]:
        """The winner's config, nested; before replication the best of the search.

        Raises:
            NoResultError: when no trial has a score.
        """
        return self.best_trial.config.nested()

    @property
    def best_trial(self) -> Trial:
        """The search trial of the winner, or the best of the search before replication.

        Raises:
            NoResultError: when no trial has a score.
        """
        self.require_a_score()
        winner = self._leaderboard.winner
        ranked = rank_search(self._contenders[0], self.sweep.objective)
        return next((trial for trial in ranked if trial.number == winner), ranked[0])

    @property
    def scored(self) -> bool:
        """Whether some trial of the search has a score and is within the limits."""
        return bool(rank_search(self._contenders[0], self.sweep.objective))

    def require_a_score(self) -> None:
        """Nothing, when some trial has a score and is within the limits.

        Raises:
            NoResultError: otherwise, with the most common reason.
        """
        if not self.scored:
            why = self.why_infeasible() or f"has no trial with a score{_most_common_reason(self.trials)}"
            raise NoResultError(f"sweep {self.record.name!r} {why}")
        if self._leaderboard.broken and not self._leaderboard.replicated:
            broken = "; ".join(f"trial {number} breaks {why}" for number, why in self._leaderboard.broken.items())
            raise NoResultError(f"sweep {self.record.name!r} has no winner: on fresh seeds {broken}")

    def why_infeasible(self) -> str:
        """Which limits all trials with a score break; empty when there is none with a score."""
        scored, objective = scored_search(self.trials), self.sweep.objective
        if not scored:
            return ""
        nearest = min(scored, key=lambda trial: objective.excess(trial.metrics))
        known = [one.metric for one in objective.limits if one.metric in nearest.metrics]
        values = ", ".join(f"{metric} {nearest.metrics[metric]}" for metric in known)
        limits = " and ".join(map(str, objective.limits))
        return f"has no trial within the limits {limits}; the nearest is trial {nearest.number} with {values}"

    def ensemble(self, method: str = AUTO) -> EnsembleReport | None:
        """Ensemble of the search's models; None when :attr:`ensemble_note` tells why not.

        See :func:`assay.analysis.ensembles.recorded.recorded_ensemble`.
        """
        return self.ensemble_or_why(method)[0]

    @property
    def ensemble_note(self) -> str:
        """Why there is no ensemble; empty when there is one."""
        return self.ensemble_or_why()[1]

    def ensemble_or_why(self, method: str = AUTO) -> tuple[EnsembleReport | None, str]:
        """Ensemble by one of the methods, or why there is none; worked out once."""
        if method not in self._ensembles:
            try:
                self._ensembles[method] = recorded_ensemble(self, method)
            except DamagedFileError as error:
                if method != AUTO:
                    raise
                self._ensembles[method] = None, f"no ensemble: {error}"
        return self._ensembles[method]

    def diagnose(self, trial: int | None = None, part: str = "validation") -> Diagnosis:
        """What a trial's model (default: the winner's) gets wrong, on the ``"validation"`` or sealed ``"test"`` part.

        See :func:`assay.analysis.diagnostics.diagnose.diagnose`.
        """
        from .diagnostics import diagnose

        return diagnose(self, trial, part)

    def to_frame(self, level: str = "trials") -> pd.DataFrame:
        """Tables for pandas.

        Args:
            level: ``"trials"`` (one row per trial, parameters as ``param.*``), ``"reports"`` or ``"leaderboard"``.
        """
        from .tables import leaderboard_frame, reports_frame, trials_frame

        frames = {
            "trials": lambda: trials_frame(self.trials, self.sweep, self.test_scores),
            "reports": lambda: reports_frame(self.trials),
            "leaderboard": lambda: leaderboard_frame(self.leaderboard()),
        }
        if level not in frames:
            raise UsageError(f"to_frame: level must be {one_of(frames)}, got {level!r}{did_you_mean(level, frames)}")
        return frames[level]()

    @property
    def plot(self) -> Plotter:
        """Figures, as in ``results.plot.forest(ax=ax)``; ``dir(results.plot)`` lists them."""
        from .plots import Plotter

        return Plotter(self)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report, one file that needs nothing else; by default into the sweep's folder."""
        from .page.report import write_report

        return write_report(self, Path(path) if path else self.folder / "report.html")

    def show(self, height: int = 800) -> ShownReport:
        """The report inside a notebook, in a frame of so many pixels; nothing is written."""
        from .page.report import ShownReport, render_report

        return ShownReport(render_report(self), height)

    def importance(self, method: str = "fanova", *, metric: str | None = None, seed: int = 0) -> ImportanceReport:
        """Which parameters matter; see :func:`assay.analysis.explain.importance.importance`."""
        from .explain.importance import importance

        return importance(self, method, metric=metric, seed=seed)

    def partial_dependence(self, *parameters: str, metric: str | None = None, seed: int = 0) -> PartialDependence:
        """How the score depends on one parameter or two; see :mod:`assay.analysis.explain.partial_dependence`."""
        from .explain.partial_dependence import partial_dependence

        return partial_dependence(self, *parameters, metric=metric, seed=seed)

    def ablation(self, verified: Results | None = None, *, seed: int = 0) -> AblationReport:
        """What each change from the default config to the best brings; see :mod:`assay.analysis.explain.ablation`."""
        from .explain.ablation import ablation

        return ablation(self, verified, seed=seed)

    def export(
        self,
        path: str | Path | None = None,
        formats: tuple[str, ...] | None = None,
        trial: int | None = None,
        *,
        or_best: bool = False,
    ) -> ExportBundle:
        """Write the winner's config (or a trial's) for production, by default as the sweep's ``export`` section says.

        See :func:`assay.analysis.export.export_config`.
        """
        from .export import export_config

        return export_config(self, None if path is None else Path(path), formats, trial, or_best=or_best)

    def mirror(self, kind: str = "optuna") -> Path:
        """Write the search's trials for another tool: ``"optuna"``, ``"tensorboard"`` or ``"csv"``.

        See :func:`assay.analysis.mirrors.making.make_mirror`.
        """
        from .mirrors.making import make_mirror

        return make_mirror(self, kind)

    @cached_property
    def _replication(self) -> Replication:
        return plan_replication(self.sweep, self._contenders[0])

    @cached_property
    def _contenders(self) -> tuple[list[Trial], int | None]:
        """What the leaderboard is made of: all trials, or where there are very many, those that it can show."""
        found = None if "trials" in vars(self) else find_contenders(self.ledger, self.record)
        return (self.trials, None) if found is None else (found.trials, found.full_runs)

    @cached_property
    def _front(self) -> Front:
        from .build_front import front_of

        return front_of(self)

    @cached_property
    def _leaderboard(self) -> Leaderboard:
        return self._board()

    def _board(self, test: str | None = None, rope: float | None = None) -> Leaderboard:
        if rope is not None and not 0 < rope < math.inf:
            raise UsageError(f"rope must be a difference of the metric above 0, got {rope!r}")
        changes = {} if rope is None else {"rope": rope}
        options = self.sweep.leaderboard.model_copy(update=changes)
        trials, full_runs = self._contenders
        board = build_leaderboard(
            self.sweep.model_copy(update={"leaderboard": options}),
            trials,
            self.test_scores,
            ExampleScores(self.sweep, self.predictions, trials),
            replication=self._replication,
            test=test,
            full_runs=full_runs,
        )
        return with_network_columns(self, board)

    @cached_property
    def test_scores(self) -> dict[int, float]:
        """Score on the sealed test part by the trial whose model it is."""
        name = self.sweep.objective.known_scorer
        scores = {}
        for model, (values, targets) in self._test_predictions.items():
            if name is not None and fits(name, values, kind_of(targets)):
                scores[model] = get_scorer(name).compute(values, targets)
        return scores

    @cached_property
    def predictions(self) -> PredictionStore:
        """What the trials predicted for validation and sealed test examples."""
        return PredictionStore(self.ledger, self.record)

    @cached_property
    def _test_predictions(self) -> dict[int, tuple[Floats, Array]]:
        found = {}
        for model in self.predictions.numbers("test"):
            try:
                predicted = self.predictions.read([model], "test")
                found[model] = predicted.of(model), predicted.targets
            except DamagedFileError as error:  # all else is in the ledger, and can be shown
                self.damaged.append(str(error))
        return found

    @cached_property
    def _ensembles(self) -> dict[str, tuple[EnsembleReport | None, str]]:
        return {}


def load(name: str = "@last", store: str | Path | None = None) -> Results:
    """A sweep of a store (default: ASSAY_STORE, or ``assay-results`` in this folder); ``@last`` is the newest.

    Raises:
        NotFoundError: when there is no such store or sweep.
    """
    from ..search.store import default_store

    ledger = Ledger(store if store is not None else default_store())
    return Results(ledger, ledger.sweep(name))


def _most_common_reason(trials: list[Trial]) -> str:
    reasons = Counter(trial.reason for trial in trials if trial.state is State.FAILED)
    if not reasons:
        return ""
    (reason, count), *_ = reasons.most_common(1)
    return f": {sum(reasons.values())} failed, {count} of them with: {reason}"
