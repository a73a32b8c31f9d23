"""Figures of what is learned from trials and predictions: from reports made by hand, and from stored predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assay.analysis import Results
from assay.analysis.explain.ablation_report import AblationReport, AblationStep, Gain
from assay.analysis.explain.importance import ImportanceReport, ParameterImportance
from assay.analysis.plots import emptiness
from assay.analysis.plots.ablation import plot_ablation
from assay.analysis.plots.importance import plot_importance
from assay.spaces import Config, NotFoundError, UsageError

from ..conftest import Recorder, probabilities
from .conftest import STATES
from .test_figures import labels, told


def importances(*rows: ParameterImportance) -> ImportanceReport:
    return ImportanceReport(
        "s", "fanova", "share of the variance", "loss", 40, None, "random", 0.8, [*rows], [], None, {}, [], ["few"]
    )


def test_importance_names_conditional_parameters() -> None:
    rows = (ParameterImportance("lr", 0.6, 0.4, 0.7, 1.0), ParameterImportance("momentum", 0.1, 0.0, 0.2, 0.5))
    ax = plot_importance(importances(*rows))
    assert labels(ax) == ["lr", "momentum (in 50 %)"]
    assert [bar.get_width() for bar in ax.patches] == [0.6, 0.1]  # type: ignore[attr-defined]
    assert [[*line.get_xdata()] for line in ax.get_lines()] == [[0.4, 0.7], [0.0, 0.2]]  # type: ignore[misc]
    assert emptiness(plot_importance(importances())) == "no parameter was searched"


def test_methods_of_importance(finished: Results) -> None:
    with pytest.raises(UsageError, match=r"method must be 'fanova', .* got 'fanowa' \(did you mean 'fanova'\?\)"):
        finished.plot.importance(method="fanowa")


def steps() -> AblationReport:
    step = AblationStep({"lr": 0.1}, {}, Config({"lr": 0.1}), Gain(0.2, 0.1, 0.3), Gain(0.1, -0.1, 0.3), 4)
    other = AblationStep({"layers": 2}, {}, Config({"lr": 0.1}), Gain(0.1, -math.inf, math.inf))
    whole = Gain(0.3, 0.1, 0.4)
    default = Config({"lr": 0.01})
    return AblationReport("s", "loss", "minimize", 3, default, [step, other], whole, None, 40, "all", 0.5, None, [], [])


def test_ablation_shows_predicted_and_measured() -> None:
    ax = plot_ablation(steps())
    assert labels(ax) == ["lr = 0.1", "layers = 2"]
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.1, 0.1]  # type: ignore[attr-defined]
    assert told(ax) == {"predicted by a forest", "measured, same seeds"}


def test_given_axes(finished: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "importance", lambda method: importances(), raising=False)
    monkeypatch.setattr(finished, "ablation", lambda: steps(), raising=False)
    for kind in ("importance", "ablation"):
        ax = Figure().add_subplot()
        assert getattr(finished.plot, kind)(ax=ax) is ax


def test_dependence_is_on_the_scale_of_the_parameter(finished: Results) -> None:
    ax = Figure().add_subplot()
    assert finished.plot.dependence(ax=ax, parameter="optimizer") is ax
    assert [text.get_text() for text in ax.get_xticklabels()] == ["adamw", "sgd"]
    assert ax.get_ylabel() == "predicted accuracy (maximize)"
    with pytest.raises(UsageError, match="parameter must be "):
        finished.plot.dependence(parameter="size")


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """Stored predictions of three classes with a sensitive column, and of numbers."""
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 3, 90)
    classes = Recorder(tmp_path_factory.mktemp("classes"))
    sides = np.where(np.arange(90) % 3 == 0, "left", "right")
    for skill in (1.0, 2.0, 1.5):
        trial = classes.search([skill / 3])
        classes.predict(trial, "validation", probabilities(rng, targets, 3, skill), targets, sensitive=sides)
    numbers = Recorder(tmp_path_factory.mktemp("numbers"), objectives=[{"metric": "rmse", "goal": "minimize"}])
    values = rng.normal(size=60)
    numbers.predict(numbers.search([0.5]), "validation", values + rng.normal(scale=0.3, size=60), values)
    return {"classes": classes.results(), "numbers": numbers.results()}


def draw_all(results: Results) -> dict[str, Axes]:
    kinds = ("confusion", "reliability", "residuals", "groups", "ensemble", "weights")
    return {kind: getattr(results.plot, kind)() for kind in kinds}


def test_figures_of_stored_predictions(predicted: dict[str, Results]) -> None:
    drawn = draw_all(predicted["classes"])
    assert {kind for kind, ax in drawn.items() if emptiness(ax) is None} == {*drawn} - {"residuals"}
    (image,) = drawn["confusion"].images
    assert np.asarray(image.get_array()).sum(axis=1) == pytest.approx([1, 1, 1])
    assert drawn["confusion"].get_ylabel() == "true class, trial 1 on validation (90 examples)"
    assert {"as good as its word", "observed, 95 % interval"} <= told(drawn["reliability"])
    assert labels(drawn["groups"]) == ["left (30)", "right (60)"]
    shares = sum(bar.get_width() for bar in drawn["weights"].patches)  # type: ignore[attr-defined]
    assert shares == pytest.approx(100)
    assert "best single (trial 1), cross-fitted" in told(drawn["ensemble"])
    assert drawn["ensemble"].get_ylabel() == "accuracy (maximize)"


def test_figures_of_outputs(predicted: dict[str, Results]) -> None:
    drawn = draw_all(predicted["numbers"])
    assert {kind for kind, ax in drawn.items() if emptiness(ax) is None} == {"residuals"}
    assert {"± sd", "mean of a tenth", "worst examples"} == told(drawn["residuals"])
    assert "bias" in drawn["residuals"].texts[0].get_text()


def test_options_of_diagnoses(predicted: dict[str, Results]) -> None:
    plot = predicted["classes"].plot
    assert plot.confusion(trial=0).get_ylabel().startswith("true class, trial 0")
    with pytest.raises(UsageError, match="part must be 'validation' or 'test', got 'tset'"):
        plot.confusion(part="tset")
    with pytest.raises(NotFoundError):
        plot.reliability(trial=99)
    assert emptiness(plot.reliability(part="test"))
    with pytest.raises(UsageError, match="groups: metric must be "):
        plot.groups(metric="size")


def test_without_predictions_it_is_said(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    made = recorder()
    made.search([0.5])
    assert all(emptiness(ax) for ax in draw_all(made.results()).values())
    assert "10 are the fewest" in str(emptiness(STATES["single"]().plot.importance()))
