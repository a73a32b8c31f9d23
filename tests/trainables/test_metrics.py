"""The door for metrics."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import numpy as np
import pytest
import torch

from assay.trainables import MetricError, clean_metrics


@pytest.mark.parametrize(
    "value",
    [0.5, np.float16(0.5), np.float64(0.5), torch.tensor(0.5), torch.tensor([[0.5]]), np.array([0.5])],
    ids=repr,
)
def test_one_number_in_any_wrapping(value: Any) -> None:
    clean = clean_metrics({"loss": value}, "loss")
    assert clean == {"loss": 0.5}
    assert type(clean["loss"]) is float


@pytest.mark.parametrize("value", [1, True, np.int8(1), np.bool_(True), torch.tensor(1)], ids=repr)
def test_the_objective_is_a_float(value: Any) -> None:
    assert type(clean_metrics({"loss": value}, "loss")["loss"]) is float


def test_any_mapping_and_any_names() -> None:
    assert clean_metrics(UserDict({"loss": 1, 5: 2}), "loss") == {"loss": 1.0, "5": 2}


@pytest.mark.parametrize("value", [float("nan"), -np.inf, torch.tensor(float("nan"))], ids=repr)
def test_other_metrics_may_be_missing_but_the_objective_may_not(value: Any) -> None:
    assert clean_metrics({"loss": 1.0, "other": value}, "loss")["other"] is None
    with pytest.raises(MetricError, match=r"metric 'loss' is .*(nan|inf).*, not a finite number"):
        clean_metrics({"loss": value}, "loss")


def test_a_renamed_metric_is_suggested() -> None:
    with pytest.raises(
        MetricError, match=r"'accuracy' was not reported \(did you mean 'acuracy'\?\); the report has: acuracy, loss"
    ):
        clean_metrics({"acuracy": 1, "loss": 2}, "accuracy")


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (None, "reported NoneType 'None', expected metrics such as {'loss': 0.9}"),
        ([("loss", 1.0)], "reported list"),
        ({"loss": 1, "x": np.zeros(0)}, "metric 'x' is ndarray"),
        ({"loss": 1, "x": torch.zeros(0)}, "metric 'x' has several values"),
        ({"loss": 1, "x": torch.zeros(2)}, "metric 'x' has several values: report one number, e.g. its mean"),
        ({"loss": 1, "x": {"y": 1}}, "metric 'x' is dict: report a number"),
        ({"loss": 1j}, "metric 'loss' is complex"),
        ({"loss": 10**400}, "too large for a float"),
    ],
    ids=str,
)
def test_what_is_refused(metrics: Any, message: str) -> None:
    with pytest.raises(MetricError) as caught:
        clean_metrics(metrics, "loss")
    assert message in str(caught.value)
