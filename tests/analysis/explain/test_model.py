"""Explanations of models whose workings are known."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from assay.analysis.explain.model import explain_model
from assay.analysis.scorers import get_scorer
from assay.spaces import UsageError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
X[:, 3] = X[:, 0] + 0.05 * RNG.normal(size=300)
SLOPES = np.array([2.0, 0.5, 0.0, 0.0])
Y = X @ SLOPES


def linear(inputs: Any) -> npt.NDArray[Any]:
    return np.asarray(inputs, dtype=np.float64) @ SLOPES


def test_shuffling_costs_what_a_feature_contributes() -> None:
    made = explain_model(linear, X, Y, get_scorer("mse"))
    found = {one.name: one for one in made.features}
    assert [one.name for one in made.features[:2]] == ["x0", "x1"]
    for name, slope, column in (("x0", 2.0, 0), ("x1", 0.5, 1)):  # E (s (x - x'))^2 = 2 s^2 Var x
        expected = 2 * slope**2 * float(X[:, column].var())
        assert found[name].importance == pytest.approx(expected, rel=0.15)
        assert found[name].low < expected < found[name].high
    assert found["x2"].importance == found["x2"].high == 0
    assert (made.metric, made.score, made.rows) == ("mse", pytest.approx(0), 300)


def test_features_that_go_together_are_warned_of_and_can_be_grouped() -> None:
    alone = explain_model(linear, X, Y, get_scorer("mse"))
    assert "1 pairs of features go together" in alone.warnings[0]
    grouped = explain_model(linear, X, Y, get_scorer("mse"), correlated=0.9)
    assert not grouped.warnings
    assert {one.features for one in grouped.features} == {("x0", "x3"), ("x1",), ("x2",)}
    assert grouped.features[0].name == "x0 + x3"


def test_a_data_frame_keeps_its_kinds_and_names() -> None:
    frame = pd.DataFrame({"size": X[:, 0], "city": np.where(X[:, 1] > 0, "a", "b"), "idle": X[:, 2]})
    labels = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(np.int64)

    def predict(inputs: pd.DataFrame) -> npt.NDArray[Any]:
        assert inputs["city"].dtype == frame["city"].dtype
        second = ((inputs["size"] > 0) ^ (inputs["city"] == "a")).to_numpy(dtype=float)
        return np.stack([1 - second, second], axis=1)

    made = explain_model(predict, frame, labels, get_scorer("accuracy"), rows=200)
    found = {one.name: one.importance for one in made.features}
    assert made.rows == 200
    assert made.score == 1.0
    assert found["idle"] == 0
    assert found["size"] == pytest.approx(0.5, abs=0.1)
    assert found["city"] == pytest.approx(0.5, abs=0.1)


def test_shapley_values_of_a_linear_model_are_its_terms() -> None:
    made = explain_model(linear, X, Y, get_scorer("mse"), method="shap", background=X[:20], rows=30)
    found = {one.name: one.importance for one in made.features}
    chosen = np.sort(np.random.default_rng(0).permutation(300)[:30])
    for column, slope in enumerate(SLOPES):
        terms = slope * (X[chosen, column].astype(np.float64) - X[:20, column].mean())
        assert found[f"x{column}"] == pytest.approx(np.abs(terms).mean(), abs=1e-5)
    json.dumps(made.to_dict(), allow_nan=False)


@pytest.mark.parametrize("method", ["captum", "captum_ablation"])
@pytest.mark.parametrize("classes", [1, 3])
def test_attributions_to_a_linear_network_are_its_terms(method: str, classes: int) -> None:
    network = torch.nn.Linear(4, classes)
    with torch.no_grad():
        network.weight.zero_()
        network.weight[-1] = torch.as_tensor(SLOPES)
        network.bias.copy_(torch.arange(classes) * 100.0)  # the last class is always predicted
    network.train()
    made = explain_model(linear, X, Y, get_scorer("mse"), method=method, background=X[:50], network=network)
    found = {one.name: one.importance for one in made.features}
    for column, slope in enumerate(SLOPES):
        terms = slope * (X[:, column] - X[:50, column].mean())
        assert found[f"x{column}"] == pytest.approx(np.abs(terms).mean(), abs=1e-3)
    assert not made.warnings
    assert network.training


def test_attributions_that_do_not_add_up_are_warned_of() -> None:
    class Step(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return (inputs[:, :1] > 0.1) * 5.0 + 0 * inputs.sum(dim=1, keepdim=True)

    made = explain_model(linear, X, Y, get_scorer("mse"), method="captum", background=X, network=Step())
    assert "do not add up" in made.warnings[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "lime"}, "'permutation', 'shap', 'captum' or 'captum_ablation', got 'lime'"),
        ({"rows": 1}, "rows must be 2 or more"),
        ({"correlated": 1.5}, "correlated must be between 0 and 1"),
        ({"correlated": 0.5, "method": "shap"}, "correlated groups are for method permutation"),
        ({"method": "captum"}, "needs the network: call trial.save_weights"),
        ({"method": "captum", "network": torch.nn.Linear(7, 1)}, "does not take the inputs of trial.split as they are"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_the_cure(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        explain_model(linear, X, Y, get_scorer("mse"), **options)
    with pytest.raises(UsageError, match="no function to trial"):
        explain_model(None, X, Y, get_scorer("mse"))


@pytest.mark.parametrize(("method", "package"), [("shap", "shap"), ("captum", "captum.attr")])
def test_a_missing_package_is_one_line_with_the_cure(
    method: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r'is not installed: pip install "assay\[explain\]"'):
        explain_model(linear, X, Y, get_scorer("mse"), method=method, network=torch.nn.Linear(4, 1))
