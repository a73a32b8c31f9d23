"""What is known of a sweep before it runs: its rungs, the number of runs, one report of the default config."""

from __future__ import annotations

from typing import Any

from ..search import Sweep
from ..spaces import TrainableError
from ..trainables import Failed, Reported, Session, Trainable, TrialSpec


def plan_facts(sweep: Sweep) -> dict[str, str]:
    """Searcher, scheduler, rungs and the number of runs, in words."""
    board, fidelity = sweep.leaderboard, sweep.granted
    trials = sweep.budget.trials
    facts: dict[str, str] = {"searcher": sweep.searcher.type, "scheduler": sweep.scheduler.type}
    if fidelity is not None:
        rungs = [*sweep.scheduler.rungs(fidelity), fidelity.max]
        facts["rungs"] = f"{', '.join(map(str, rungs))} {fidelity.unit}s"
    facts["search"] = f"{trials} trials" if trials is not None else f"{sweep.budget.time:.0f} s"
    facts["replicates"] = f"{board.top} finalists and the default config, {board.seeds} seeds each"
    return facts


def smoke(sweep: Sweep, trainable: Trainable) -> dict[str, Any]:
    """Train the default config in this process until its first report: ``metrics`` and ``seconds``.

    Raises:
        TrainableError: when it fails; the traceback of the training function is in its notes.
    """
    steps = sweep.fidelity.max if sweep.fidelity else None
    spec = TrialSpec(0, sweep.parameters.default().nested(), sweep.objective.metric, max_steps=steps)
    session = Session(trainable, spec)
    event = session.advance()
    if isinstance(event, Failed):
        error = TrainableError(f"trainable: the default config failed: {event.reason}")
        error.add_note(event.detail.rstrip())
        raise error
    session.abandon()
    return {"metrics": event.metrics if isinstance(event, Reported) else {}, "seconds": event.seconds}
