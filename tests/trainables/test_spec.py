"""What travels between the controller and a worker."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest

from assay.trainables import Cause, Failed, Finished, Predictions, Reported, TrialSpec

PREDICTIONS = Predictions(np.zeros(2, dtype=np.float32), np.zeros(2))
RECORDS = [
    TrialSpec(1, {"lr": 0.1}, "loss", restore=((2, "/checkpoints/step-000002-0-1"),), rank=1, world_size=2),
    TrialSpec(2, {}, "loss", architecture={"space": "darts"}, measure=("params",), latency={"batch": 1}, inherit="/w"),
    Reported(1, 2, {"loss": 0.5}, 0.1, "/checkpoints/step-000002-0-1"),
    Failed(1, Cause.STUCK, "did not return"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_travel_and_stay_as_they_are(record: Any) -> None:
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.number = 2
    json.dumps(dataclasses.asdict(record))


def test_predictions_travel() -> None:
    travelled = pickle.loads(pickle.dumps(Finished(1, 0.5, {"validation": PREDICTIONS}, True)))
    np.testing.assert_array_equal(travelled.predictions["validation"].values, PREDICTIONS.values)


def test_a_search_trial_is_the_default() -> None:
    spec = TrialSpec(1, {}, "loss")
    assert not spec.open_test
    assert (spec.split_id, spec.restore, spec.must_restore) == (0, (), False)
    assert (spec.checkpoints, spec.save_every, spec.folder) == (None, 1, None)
    assert (spec.segment, spec.attempt) == (0, 1)
    assert (spec.rank, spec.world_size) == (0, 1)


def test_causes_are_plain_words() -> None:
    assert json.dumps([*Cause][:3]) == '["exception", "metric", "stuck"]'
    assert json.dumps([*Cause][3:]) == '["out of memory", "timeout", "worker lost", "displaced"]'
