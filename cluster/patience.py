"""How much a sweep puts up with: which failures are tried again, and how long trials are waited for."""

from __future__ import annotations

from ..search import Sweep
from ..trainables import Cause
from .open_trial import OpenTrial


class Patience:
    """The retries and timeouts of a sweep's ``cluster`` section."""

    def __init__(self, sweep: Sweep) -> None:
        self._retry = sweep.cluster.retry
        self._limits = sweep.cluster.timeouts

    def again(self, trial: OpenTrial, cause: Cause) -> bool:
        """Note a failure; whether the trial is to be tried again. NaN and the like would only come again."""
        if cause is Cause.DISPLACED:
            return True
        if cause is Cause.WORKER_LOST:
            trial.lost += 1
            return trial.lost <= self._retry.lost
        if cause is Cause.MEMORY:
            first, trial.out_of_memory = not trial.out_of_memory, True
            return first
        if cause is Cause.EXCEPTION:
            trial.raised += 1
            return trial.raised <= self._retry.trials
        return False

    def overdue(self, trial: OpenTrial, now: float) -> str | None:
        """Why a running trial is not waited for any longer, if so."""
        limits, silent = self._limits, now - trial.heard
        if trial.stop_sent:
            late = limits.stop is not None and silent > limits.stop
            return (
                f"did not end within {limits.stop:g} s after it was told to (cluster.timeouts.stop)" if late else None
            )
        if trial.ending is not None or trial.pausing:
            return None  # it reported just now, and is to make room
        if limits.trial is not None and now - trial.began > limits.trial:
            return f"trained for more than {limits.trial:g} s (cluster.timeouts.trial)"
        if limits.report is not None and silent > limits.report:
            return f"did not report for more than {limits.report:g} s (cluster.timeouts.report)"
        return None
