"""All trials of a sweep must split the same data, or the sealed part would move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.spaces import TrainableError
from assay.trainables import Failed, Finished, Session, TrainableRef, TrialHandle, TrialSpec

SPEC = TrialSpec(0, {}, "score")
X, Y = np.arange(100.0).reshape(100, 1), np.arange(100) % 2


def data_id_of(targets: object, **shares: float) -> str:
    handle = TrialHandle(SPEC)
    handle.split(X, targets, **shares)
    return handle.data_id


def test_the_same_data_have_the_same_id_whatever_the_split_or_seed() -> None:
    other = TrialHandle(replace(SPEC, seed=5, split_id=3))
    other.split(X, Y)
    assert other.data_id == data_id_of(Y) == data_id_of(list(Y))


@pytest.mark.parametrize(
    ("targets", "shares"),
    [(Y[::-1], {}), (1 - Y, {}), (Y.astype(float), {}), (Y, {"test": 0.3}), (Y, {"validation": 0.3})],
)
def test_other_data_or_shares_have_another_id(targets: object, shares: dict[str, float]) -> None:
    assert data_id_of(targets, **shares) != data_id_of(Y)


def test_other_data_than_in_earlier_trials_are_refused() -> None:
    handle = TrialHandle(replace(SPEC, data_id=data_id_of(Y)))
    handle.split(X, Y)
    with pytest.raises(TrainableError, match="sealed test part would be another one"):
        handle.split(X, Y[::-1])
    with pytest.raises(TrainableError, match="sealed test part would be another one"):
        TrialHandle(replace(SPEC, data_id=data_id_of(Y))).split(X, 1 - Y)


def test_a_session_tells_the_id_and_fails_a_trial_with_other_data() -> None:
    def train(config: dict[str, object], trial: TrialHandle) -> dict[str, float]:
        trial.split(X, Y if config["same"] else 1 - Y)
        return {"score": 1.0}

    ref = TrainableRef("train", ".", train)
    first = Session(ref.load(), replace(SPEC, config={"same": True}))
    first.advance()
    finished = first.advance()
    assert isinstance(finished, Finished)
    assert finished.data_id == data_id_of(Y)
    second = Session(ref.load(), replace(SPEC, config={"same": False}, data_id=finished.data_id)).advance()
    assert isinstance(second, Failed)
    assert "load the same data in the same order" in second.reason
