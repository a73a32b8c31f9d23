"""Two configs, all finalists, fitted models, methods over data sets; known answers from other libraries."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.analysis import Results
from assay.analysis.comparison import compare
from assay.analysis.method_comparison import compare_methods, compare_over_sweeps, read_scores
from assay.analysis.planning import plan_power
from assay.spaces import NotFoundError, UsageError

from .conftest import Recorder

Maker = Callable[..., Recorder]
FIRST, SECOND = [0.90, 0.93, 0.95, 0.91], [0.89, 0.90, 0.91, 0.90]
FOUR = {"leaderboard": {"top": 2, "seeds": 4, "test": "paired_t"}}
ROWS = {"train_rows": 300, "validation_rows": 100}


def two(recorder: Maker, *, rows: dict[str, Any] | None = None, **changes: Any) -> Results:
    made = recorder(**FOUR | changes)
    trials = [made.search([value]) for value in (0.9, 0.8)]
    for trial, values in zip(trials, (FIRST, SECOND), strict=True):
        made.replicate(trial, values, **(rows or {}))
    return made.results()


def test_replicates_on_the_same_seeds_are_paired(recorder: Maker) -> None:
    found = two(recorder).compare(0, 1, test="paired_t")
    expected = stats.ttest_rel(FIRST, SECOND)
    assert found.paired
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    low, high = expected.confidence_interval(0.95)
    np.testing.assert_allclose([found.difference.low, found.difference.high], [low, high])
    differences = np.subtract(FIRST, SECOND)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert found.better.trial == 0
    assert found.enough is not None


def test_first_minus_second_in_units_of_the_metric(recorder: Maker) -> None:
    results = two(recorder, objectives=[{"metric": "loss", "goal": "minimize"}])
    found = results.compare(0, 1, test="paired_t")
    assert found.difference.mean == pytest.approx(np.subtract(FIRST, SECOND).mean())
    assert found.difference.low < found.difference.mean < found.difference.high
    assert found.better.trial == 1, "the smaller loss"
    assert found.effect > 0, "first minus second, in units of the metric"
    rope = results.compare(0, 1, rope=0.001).rope
    assert rope is not None
    assert rope[0] > rope[2], "the first is worse"
    turned = results.compare(1, 0, test="paired_t")
    assert (turned.difference.low, turned.difference.high) == pytest.approx(
        (-found.difference.high, -found.difference.low)
    )
    assert turned.p_value == pytest.approx(found.p_value)


def test_replicates_that_split_one_data_set_are_corrected(recorder: Maker) -> None:
    found = two(recorder, rows=ROWS).compare(0, 1)
    plain = stats.ttest_rel(FIRST, SECOND)
    corrected = plain.statistic * math.sqrt((1 / 4) / (1 / 4 + 1 / 3))
    assert found.test == "nadeau_bengio"
    assert found.p_value == pytest.approx(2 * stats.t.sf(corrected, 3), rel=1e-8)
    with pytest.raises(UsageError, match="nadeau_bengio is for replicates that split one data set"):
        two(recorder).compare(0, 1, test="nadeau_bengio")


def test_two_sweeps_are_unpaired_unless_seed_and_data_are_the_same(recorder: Maker) -> None:
    one, other = two(recorder, rows={"data_id": "a"}), two(recorder, rows={"data_id": "a"}, name="other")
    assert compare(one, 0, other, 1).paired
    another = two(recorder, rows={"data_id": "b"}, name="another")
    found = compare(one, 0, another, 1)
    assert (found.paired, found.test) == (False, "welch")
    assert found.p_value == pytest.approx(stats.ttest_ind(FIRST, SECOND, equal_var=False).pvalue)
    assert any("share neither seeds nor splits" in note for note in found.notes)
    with pytest.raises(UsageError, match="paired_t needs runs that share seeds and splits"):
        compare(one, 0, another, 1, "paired_t")
    seeded = two(recorder, rows={"data_id": "a"}, name="seeded", seed=5)
    assert not compare(one, 0, seeded, 1).paired


def test_the_winner_was_chosen_by_looking(recorder: Maker) -> None:
    results = two(recorder)
    assert any("was chosen by these very replicates" in note for note in results.compare(None, 1).notes)
    assert not results.compare(0, 1).notes


def test_practically_equal(recorder: Maker) -> None:
    found = two(recorder).compare(0, 1, rope=0.2)
    assert found.equivalent
    assert found.rope is not None
    assert sum(found.rope) == pytest.approx(1)
    assert found.rope[1] > 0.99
    assert "practically equal" in found.headline or "is better than" in found.headline


def test_what_cannot_be_compared(recorder: Maker) -> None:
    results = two(recorder)
    loss = two(recorder, objectives=[{"metric": "loss", "goal": "minimize"}], name="loss")
    with pytest.raises(UsageError, match="only scores of one metric can be compared"):
        compare(results, 0, loss, 0)
    with pytest.raises(UsageError, match="would be compared with itself"):
        results.compare(0, 0)
    with pytest.raises(NotFoundError, match="trial 2 of 'demo' has no two complete replicates"):
        made = recorder(**FOUR, name="demo")
        for value in (0.5, 0.9, 0.7):
            made.search([value])
        made.results().compare(2, 1)
    with pytest.raises(NotFoundError, match="no trial 99"):
        results.compare(99, 0)
    with pytest.raises(UsageError, match=r"there is no test 'paired' \(did you mean 'paired_t'\?\)"):
        results.compare(0, 1, test="paired")
    with pytest.raises(UsageError, match="mrmc needs predictions"):
        results.compare(0, 1, test="mrmc")


def test_all_finalists(finished: Results) -> None:
    found = finished.compare_all()
    assert found.trials == (1, 2, 0)
    best, other, default = [[0.90, 0.93, 0.93], [0.91, 0.90, 0.94], [0.71, 0.69, 0.70]]
    raw = [stats.ttest_rel(*pair).pvalue for pair in ((best, other), (best, default), (other, default))]
    ordered = np.sort(raw)
    steps = np.maximum.accumulate(ordered * [3, 2, 1])
    assert sorted(found.p_values.values()) == pytest.approx(np.minimum(1, steps))
    assert found.anova.degrees == (2, 4)
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_all_finalists_need_replicates(recorder: Maker) -> None:
    made = recorder()
    made.search([0.5])
    with pytest.raises(UsageError, match="has 0 ranked finalists"):
        made.results().compare_all()


@pytest.fixture
def models(recorder: Maker) -> Results:
    made = recorder(**FOUR)
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 200)
    for sharpness in (0.5, 2.0):
        likely = 1 / (1 + np.exp(-(sharpness * (2 * targets - 1) + rng.normal(size=200))))
        made.predict(made.search([0.9]), "validation", np.stack([1 - likely, likely], axis=1), targets)
    return made.results()


def test_fitted_models(models: Results) -> None:
    found = models.compare_models(0, 1)
    first, second = (models.predictions.read([number], "validation").of(number) for number in (0, 1))
    targets = models.predictions.read([0], "validation").targets
    right = [one.argmax(axis=1) == targets for one in (first, second)]
    assert found.scores == pytest.approx([one.mean() for one in right])
    assert found.mcnemar is not None
    only = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    assert (found.mcnemar.only_first, found.mcnemar.only_second) == only
    assert found.mcnemar.p_value == pytest.approx(stats.binomtest(int(only[0]), int(sum(only))).pvalue)
    assert found.delong is not None
    assert found.delong.difference < 0
    assert found.difference.high < 0
    assert found.headline.startswith("the model of trial 1 is better than that of trial 0 on 200 validation examples")
    assert any("these two fitted models" in note for note in found.notes)
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_models_that_cannot_be_compared(models: Results) -> None:
    with pytest.raises(UsageError, match="compared with itself"):
        models.compare_models(1, 1)
    with pytest.raises(NotFoundError, match="no test predictions"):
        models.compare_models(0, 1, "test")


def test_methods_over_data_sets() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=12)
    scores = {
        name: (base + shift + 0.1 * rng.normal(size=12)).tolist() for name, shift in (("a", 0), ("b", 2), ("c", 1))
    }
    tasks = [f"data-{number}" for number in range(12)]
    found = compare_methods(scores, tasks)
    assert found.methods == ("b", "c", "a")
    expected = stats.friedmanchisquare(*scores.values())
    assert found.friedman_p == pytest.approx(expected.pvalue)
    assert found.groups == (("b", "c"), ("c", "a")) or found.critical_difference < 1
    assert found.headline.startswith("b ranks best")
    turned = compare_methods(scores, tasks, goal="minimize")
    assert turned.methods == ("a", "c", "b")
    assert json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a header"),
        ("data,a,a,b\nx,1,2,3\n", "1: method 'a' is there twice"),
        ("data,a,,b\nx,1,2,3\n", "1: a method has no name"),
        ("data,a,b,c\nx,1,2\n", "2: expected 4 cells, got 3"),
        ("data,a,b,c\nx,1,2,high\n", "2: expected a number, got 'high'"),
        ("data,a,b,c\nx,1,2,nan\n", "2: expected a finite number"),
    ],
)
def test_tables_that_are_none(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"t.csv:?.*{why}"):
        read_scores(text, "t.csv")


def test_few_methods_or_data_sets() -> None:
    scores, tasks = read_scores("data,a,b,c\nx,1,2,3\ny,3,2,1\n", "t.csv")
    assert (scores, tasks) == ({"a": [1, 3], "b": [2, 2], "c": [3, 1]}, ["x", "y"])
    with pytest.raises(UsageError, match="need 3 methods and 5 data sets or more, got 3 and 2"):
        compare_methods(scores, tasks)
    with pytest.raises(UsageError, match="goal must be maximize or minimize"):
        compare_methods(scores, tasks, goal="up")


def test_sweeps_as_data_sets(recorder: Maker) -> None:
    sweeps = []
    for name in "abcdef":
        made = recorder(name=name, leaderboard={"top": 3, "seeds": 2, "test": "paired_t"})
        level = 0.01 * ord(name)
        for trial in [made.search([value]) for value in (0.1, 0.2, 0.3)]:
            score = level + 0.1 * trial.number
            made.replicate(trial, [score, score + 0.01])
        sweeps.append(made.results())
    found = compare_over_sweeps(sweeps)
    assert found.tasks == tuple("abcdef")
    assert found.methods == ("trial 2", "trial 1", "trial 0")
    with pytest.raises(UsageError, match="0 configs were replicated in all 2 sweeps"):
        other = recorder(name="g", leaderboard={"top": 1, "seeds": 2})
        other.replicate(other.search([0.1], {"lr": 0.9}), [0.1, 0.2])
        compare_over_sweeps([sweeps[0], other.results()])


def test_power_from_a_sweep(recorder: Maker) -> None:
    results = two(recorder)
    plan = plan_power(results, gap=0.02)
    spread = np.subtract(FIRST, SECOND).std(ddof=1)
    assert plan.sd == pytest.approx(spread)
    assert (plan.rivals, plan.alpha, plan.overlap) == (1, 0.05, 0.0)
    assert plan.needed is not None
    from statsmodels.stats.power import TTestPower

    exact = TTestPower().solve_power(0.02 / spread, alpha=0.025, power=0.8, alternative="larger")
    assert plan.needed == math.ceil(exact)
    assert json.dumps(plan.to_dict(), allow_nan=False)


def test_power_that_no_number_of_replicates_gives(recorder: Maker) -> None:
    plan = plan_power(two(recorder, rows=ROWS), gap=0.001)
    assert plan.needed is None
    assert "more data help" in plan.headline


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "how much do runs differ"),
        ({"sd": 0.0}, "sd must be above 0, got 0"),
        ({"sd": 0.1, "gap": -1.0}, "gap must be above 0, got -1"),
        ({"sd": 0.1, "alpha": 0.7}, "alpha must be above 0 and below 0.5"),
        ({"sd": 0.1, "power": 1.0}, "power must be above 0.05 and below 1"),
        ({"sd": 0.1, "overlap": -0.1}, "overlap must be 0 or above"),
    ],
)
def test_power_of_what_makes_no_sense(options: dict[str, float], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        plan_power(**options)  # type: ignore[arg-type]
