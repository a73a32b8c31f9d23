"""What a trial is told: how long it trains, where it goes on from, and where it leaves things."""

from __future__ import annotations

from ..search import Ledger, Phase, State, SweepRecord, Trial
from ..search.store import trial_folder
from ..trainables import TrialSpec
from .files import TrialFiles
from .open_trial import OpenTrial
from .retention import Retention


class Briefing:
    """Makes the orders of workers from the record.

    Args:
        files: what parents left.
        retention: knows where checkpoints go.
    """

    def __init__(self, ledger: Ledger, record: SweepRecord, files: TrialFiles, retention: Retention) -> None:
        self._ledger = ledger
        self._record = record
        self._files = files
        self._retention = retention
        self._fidelity = record.sweep.granted

    def complete(self, trial: OpenTrial) -> None:
        """Put in what follows from the trials before it."""
        if self._fidelity is not None and trial.phase is not Phase.SUPERNET:
            trial.length = self._fidelity.max
        if trial.parent is None or trial.phase is Phase.SEARCH:
            return
        parent = self._ledger.trial(self._record, trial.parent)
        if trial.phase is Phase.TEST and not trial.restore:
            trial.restore = tuple(reversed(parent.checkpoints))
        if trial.length is None:
            trial.length = self._length_of_origin(parent)

    def spec(self, trial: OpenTrial, data_id: str) -> TrialSpec:
        """What its present attempt runs.

        Args:
            data_id: of the sweep's data, when it is known.
        """
        model: Trial | OpenTrial = trial
        if trial.phase is Phase.TEST and trial.parent is not None:  # which may have to train its model again
            model = self._ledger.trial(self._record, trial.parent)
        return trial.spec(
            self._record.sweep,
            directory=self._record.directory,
            data_id=data_id,
            checkpoints=self._retention.root(trial.number),
            folder=str(trial_folder(self._ledger.store, self._record.name, trial.number)),
            inherit=self._files.inherit(model),
        )

    def _length_of_origin(self, origin: Trial) -> int | None:
        """A repetition of a run that had to be ended goes as far as that one did; others end by themselves."""
        while origin.phase is not Phase.SEARCH and origin.parent is not None:
            origin = self._ledger.trial(self._record, origin.parent)
        return origin.last_step if origin.state is State.STOPPED else None
