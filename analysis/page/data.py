"""Everything that the page shows, as one JSON document."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ...search import Phase
from ...search.store import as_words
from .. import text
from ..supernet import supernet_lines
from ..yaml_writer import dump_yaml
from .audit import rungs_of, stopping_audit
from .effort import costs, failures
from .findings import findings
from .network import network_data
from .rounding import rounded
from .trials import curves_data, trials_data

if TYPE_CHECKING:
    from ..board import Leaderboard
    from ..results import Results

SCHEMA_VERSION = 1


def page_data(results: Results) -> dict[str, Any]:
    """The page of a sweep as it is recorded now; the same record gives the same document.

    Returns:
        ``sweep`` (facts, counts of trials, state), ``board`` (:meth:`Leaderboard.to_dict`), ``replicates``, ``trials``
        (a list per fact; parameters as columns), ``curves`` (thinned), ``rungs``, ``ensemble`` with ``ensemble_lines``
        and ``ensemble_note``, ``network`` (see :func:`.network.network_data`), ``supernet`` (lines), ``tests``,
        ``importance``, ``diagnostics``, ``front``, ``audit``, ``costs``, ``failures``, ``spec`` (the sweep as YAML),
        ``export`` (a command), ``schema_version``. No NaN and no infinity.
    """
    sweep, board = results.sweep, results.leaderboard()
    search = results.phase(Phase.SEARCH)
    rungs, running = rungs_of(search), is_running(results)
    return {
        "schema_version": SCHEMA_VERSION,
        "assay": metadata.version("assay"),
        "sweep": _facts(results, running),
        "board": board.to_dict(),
        "replicates": _replicates(results),
        "trials": trials_data(search, sweep, sweep.parameters.default()),
        "curves": curves_data(search, sweep.objective.metric, rungs),
        "rungs": rungs,
        **_ensemble(results, board, running),
        "network": network_data(results, running),
        "supernet": supernet_lines(results),
        **findings(results, running),
        "audit": stopping_audit(search, sweep.objective, sweep.fidelity.max if sweep.fidelity else None),
        "costs": costs(results.trials, sweep),
        "failures": failures(results.trials),
        "spec": dump_yaml(sweep.model_dump(mode="json")),
        "export": f"assay export {as_words(results.record.name, results.ledger.place)}",
    }


def is_running(results: Results) -> bool:
    """Whether a process drives the sweep at this moment."""
    return results.record.state == "running" and results.ledger.lock(results.record.name).held


def _facts(results: Results, running: bool) -> dict[str, Any]:
    record, sweep = results.record, results.sweep
    interrupted = record.state == "running" and not running
    return {
        "name": record.name,
        "description": sweep.description,
        "state": "interrupted" if interrupted else record.state,
        "running": running,
        "note": record.note,
        "created": record.created,
        "metric": sweep.objective.metric,
        "goal": sweep.objective.goal,
        "objectives": [one.model_dump(mode="json") for one in sweep.objectives],
        "limits": [str(one) for one in sweep.objective.limits],
        "unit": sweep.fidelity.unit if sweep.fidelity else "step",
        "full": sweep.fidelity.max if sweep.fidelity else None,
        "trials": sweep.budget.trials,
        "seeds": sweep.leaderboard.seeds,
        "counts": _counts(results),
    }


def _counts(results: Results) -> dict[str, dict[str, int]]:
    """Trials by phase and state."""
    counted = {phase: Counter(trial.state.value for trial in results.phase(phase)) for phase in Phase}
    return {phase.value: dict(sorted(states.items())) for phase, states in counted.items() if states}


def _replicates(results: Results) -> list[dict[str, Any]]:
    """One entry per replicate: of which trial, on which split, its state and its value."""
    metric = results.sweep.objective.metric
    return [
        {
            "of": trial.parent,
            "trial": trial.number,
            "split": trial.split,
            "state": trial.state.value,
            "value": rounded(trial.value(metric), 9) if trial.state.over else None,
        }
        for trial in results.phase(Phase.REPLICATE)
    ]


def _ensemble(results: Results, board: Leaderboard, running: bool) -> dict[str, Any]:
    """While the search goes on none is chosen: it would be chosen anew with every trial."""
    searching = running and not results.phase(Phase.REPLICATE)
    report = None if searching else results.ensemble()
    note = "no ensemble yet: it is chosen when the search is over" if searching else results.ensemble_note
    return {
        "ensemble": report.to_dict() if report else None,
        "ensemble_lines": text.ensemble_lines(report) if report else [],
        "ensemble_note": note,
        "tests": text.test_lines(board, report),
    }
