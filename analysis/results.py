"""Everything that is known of a sweep, read from the ledger alone."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search import Artifact, Ledger, Phase, State, SweepRecord, Trial
from ..spaces import AssayError, NoResultError, UsageError, did_you_mean, one_of
from .ensemble import EnsembleReport, blend, select_ensemble
from .finalists import rank_search, scored_search
from .leaderboard import Leaderboard, build_leaderboard
from .scorers import Array, Floats, Scorer, default_scorer, fits, get_scorer

if TYPE_CHECKING:
    import pandas as pd

    from .export import ExportBundle

_FEWEST_EXAMPLES = 20
_FEWEST_OF_A_CLASS = 5


class Results:
    """A sweep at one instant: its trials are read once; :meth:`refresh` reads them again."""

    def __init__(self, ledger: Ledger, record: SweepRecord) -> None:
        self.ledger = ledger
        self.record = record
        self.sweep = record.sweep

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

    def phase(self, phase: Phase) -> list[Trial]:
        """The trials of one phase."""
        return [trial for trial in self.trials if trial.phase is phase]

    def leaderboard(self) -> Leaderboard:
        """Replicated finalists with intervals, adjusted p-values and the set tied for best."""
        return self._leaderboard

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
        ranked = rank_search(self.trials, self.sweep.objective)
        return next((trial for trial in ranked if trial.number == winner), ranked[0])

    @property
    def scored(self) -> bool:
        """Whether some trial of the search has a score and is within the limits."""
        return bool(rank_search(self.trials, self.sweep.objective))

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

    def ensemble(self) -> EnsembleReport | None:
        """Greedy ensemble of the search's models; None when :attr:`ensemble_note` tells why not."""
        return self._ensemble[0]

    @property
    def ensemble_note(self) -> str:
        """Why there is no ensemble; empty when there is one."""
        return self._ensemble[1]

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

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report, one file that needs nothing else; by default into the sweep's folder."""
        from .report import write_report

        return write_report(self, Path(path) if path else self.folder / "report.html")

    def export(
        self, path: str | Path | None = None, formats: tuple[str, ...] | None = None, trial: int | None = None
    ) -> ExportBundle:
        """Write the winner's config (or a trial's) for production, by default as the sweep's ``export`` section says.

        See :func:`assay.analysis.export.export_config`.
        """
        from .export import export_config

        return export_config(self, None if path is None else Path(path), formats, trial)

    @cached_property
    def _leaderboard(self) -> Leaderboard:
        return build_leaderboard(self.sweep, self.trials, self.test_scores)

    @cached_property
    def test_scores(self) -> dict[int, float]:
        """Score on the sealed test part by the trial whose model it is."""
        name = self.sweep.objective.known_scorer
        scores = {}
        for model, (values, targets) in self._test_predictions.items():
            if name is not None and fits(name, values):
                scores[model] = get_scorer(name).compute(values, targets)
        return scores

    @cached_property
    def _test_predictions(self) -> dict[int, tuple[Floats, Array]]:
        parents = {trial.number: trial.parent for trial in self.phase(Phase.TEST)}
        found = {}
        for artifact in self.ledger.artifacts(self.record, "test"):
            parent = parents.get(artifact.trial)
            if parent is not None:
                found[parent] = self._read(artifact)
        return found

    @cached_property
    def _ensemble(self) -> tuple[EnsembleReport | None, str]:
        models, targets, why_not = self._models()
        if why_not or targets is None:
            return None, why_not
        report = select_ensemble(models, targets, self._scorer(next(iter(models.values()))), self.sweep.seed)
        return replace(report, test_score=self._ensemble_test_score(report)), ""

    def _models(self) -> tuple[dict[int, Floats], Array | None, str]:
        """Validation predictions of fully trained search trials within the limits, all for the same examples."""
        ranked = rank_search(self.trials, self.sweep.objective)
        usable = {trial.number for trial in ranked if trial.state is State.COMPLETE}
        stored = [
            (*self._read(a), a.trial) for a in self.ledger.artifacts(self.record, "validation") if a.trial in usable
        ]
        if not stored:
            return {}, None, "no ensemble: the training function keeps no predictions (trial.save_predictions)"
        targets = stored[0][1]
        models = {n: v for v, t, n in stored if np.array_equal(t, targets) and v.shape == stored[0][0].shape}
        if len(models) < 2:
            return {}, None, "no ensemble: it needs two fully trained models with predictions for the same examples"
        first = next(iter(models.values()))
        rarest = np.bincount(targets, minlength=first.shape[1]).min() if first.ndim == 2 else _FEWEST_OF_A_CLASS
        if len(targets) < _FEWEST_EXAMPLES or rarest < _FEWEST_OF_A_CLASS:
            return (
                {},
                None,
                (
                    f"no ensemble: choosing members honestly needs {_FEWEST_EXAMPLES} validation examples and "
                    f"{_FEWEST_OF_A_CLASS} of each class"
                ),
            )
        return models, targets, ""

    def _scorer(self, values: Floats) -> Scorer:
        name = self.sweep.objective.known_scorer
        return get_scorer(name) if name is not None and fits(name, values) else default_scorer(values)

    def _ensemble_test_score(self, report: EnsembleReport) -> float | None:
        if not set(report.weights) <= set(self._test_predictions):
            return None
        members = {number: self._test_predictions[number] for number in report.weights}
        values, targets = next(iter(members.values()))
        if not all(v.shape == values.shape and np.array_equal(t, targets) for v, t in members.values()):
            return None
        blended = blend({number: v for number, (v, _) in members.items()}, report.weights)
        return get_scorer(report.metric).compute(blended, targets)

    def _read(self, artifact: Artifact) -> tuple[Floats, Array]:
        path = self.ledger.store / artifact.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise AssayError(f"{path} cannot be read: {error.strerror}; restore the file or the store") from error
        if hashlib.sha256(content).hexdigest() != artifact.sha256:
            raise AssayError(f"{path} is not as it was written (another SHA-256): restore the file or the store")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return file["values"], file["targets"]


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
