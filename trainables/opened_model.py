"""A trial's model in this process, to be asked for predictions: for explanations, weight averages and exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..spaces import TrainableError
from .checkpoints import CheckpointError
from .randomness import RandomState
from .reason import one_line
from .session import Session
from .spec import TrialSpec
from .splits import Split
from .trainable import Trainable


@dataclass(frozen=True)
class OpenedModel:
    """What a training function told of its model. Valid while :func:`open_model` is entered: files stay mapped.

    Args:
        predict: from inputs to predictions, as given to ``trial.save_predictions``; None when that got an array.
        split: training and validation parts; None when the function does not call ``trial.split``.
        sealed: inputs and targets of the test part; None unless the spec has ``open_test``.
        network: the torch module given to ``trial.save_weights``; None without one.
        restored_step: reports that came before the checkpoint it was restored from; 0 when it was trained again.
        steps: reports that its training took in all.
    """

    predict: Callable[[Any], Any] | None
    split: Split | None
    sealed: tuple[Any, Any] | None
    network: Any
    restored_step: int
    steps: int

    @property
    def trained_again(self) -> int:
        """Reports that had to be trained once more, because no checkpoint was kept of the last."""
        return self.steps - self.restored_step


@contextmanager
def open_model(trainable: Trainable, spec: TrialSpec, length: int, *, stopped: bool = False) -> Iterator[OpenedModel]:
    """The model of a trial, as it was after its last report.

    The training function is run with the trial's newest checkpoint, as the test phase does it; without one it trains
    again from the trial's seed. It keeps no checkpoints. The global random generators are left as they were.

    Args:
        spec: of the trial; ``restore`` names its checkpoints, the newest first.
        length: reports that the trial made.
        stopped: the scheduler ended it there, so that the function would go on by itself.

    Raises:
        TrainableError: when the training function fails, or trains past ``length``.
        CheckpointError: when the trial went on from another's checkpoint, and that is gone.
    """
    before = RandomState.now()
    session = Session(trainable, replace(spec, checkpoints=None))
    try:
        handle = _held(session, spec, length, stopped=stopped)
        split, sealed = handle.made_split, handle.sealed
        yield OpenedModel(handle.predict, split, sealed, handle.network, session.restored_step, length)
    finally:
        session.release()
        before.restore()


def _held(session: Session, spec: TrialSpec, length: int, *, stopped: bool) -> Any:
    try:
        return session.hold(length, stopped=stopped)
    except (TrainableError, CheckpointError):
        raise
    except Exception as error:  # a training function may raise anything
        raise TrainableError(f"the model of trial {spec.number} cannot be restored: {one_line(error)}") from error
