"""A diagnosis agrees with scikit-learn, pools replicates, and says what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from assay.analysis import Results
from assay.analysis.diagnostics import Diagnosis
from assay.search import State
from assay.spaces import NoResultError, NotFoundError, UsageError

from ..conftest import Recorder, probabilities

MakeRecorder = Callable[..., Recorder]
COUNT = 60


def guesses(seed: int, targets: Any, classes: int = 3) -> Any:
    return probabilities(np.random.default_rng(seed), targets, classes, 1.0)


def replicated(made: Recorder, classes: int = 3, **more: Any) -> tuple[Results, list[Any]]:
    """A finalist whose three replicates predicted the rows 0-59, 20-79 and 40-99 of a data set."""
    truth = np.random.default_rng(9).integers(0, classes, 100)
    trial = made.search([0.9])
    predicted = []
    for place, run in enumerate(made.replicate(trial, [0.8, 0.9, 0.85])):
        rows = np.arange(COUNT) + 20 * place
        values = guesses(run.number, truth[rows], classes)
        columns = {name: column[rows] for name, column in more.items()}
        made.predict(run, "validation", values, truth[rows], rows=rows, names=tuple("abc"[:classes]), **columns)
        predicted.append((values, truth[rows]))
    return made.results(), predicted


def test_replicates_of_a_finalist_are_pooled(recorder: MakeRecorder) -> None:
    results, predicted = replicated(recorder(leaderboard={"top": 1, "seeds": 3}))
    found = results.diagnose(0)
    assert (found.sweep, found.trial, found.part, found.kind) == ("demo", 0, "validation", "classes")
    assert (found.runs, found.examples, found.predictions, found.names) == ((1, 2, 3), 100, 180, ("a", "b", "c"))
    targets = np.concatenate([one[1] for one in predicted])
    said = np.concatenate([one[0].argmax(axis=1) for one in predicted])
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(targets, said))
    wanted = metrics.precision_recall_fscore_support(targets, said)
    for place, row in enumerate(found.classes):
        values = (row.precision.value, row.recall.value, row.f1.value, row.support)
        assert values == pytest.approx(tuple(one[place] for one in wanted))
        assert row.predicted == (said == place).sum()
    accuracy = np.mean([(values.argmax(axis=1) == truth).mean() for values, truth in predicted])
    assert found.scores["accuracy"] == pytest.approx(accuracy)
    assert set(found.scores) == {
        "accuracy", "balanced_accuracy", "error", "f1_macro", "f1_micro", "log_loss", "roc_auc",
    }  # fmt: skip
    assert found.notes == [
        "3 replicates pooled: 180 predictions for 100 different examples; intervals are over examples, each counted "
        "once, and leave out how runs differ"
    ]
    assert found.groups is None and found.residuals is None


def test_an_example_counts_once_in_intervals(recorder: MakeRecorder) -> None:
    """Ten models that say the same of the same examples are as sure as one."""
    targets = np.arange(COUNT) % 3
    values = guesses(0, targets)
    widths = []
    for count in (1, 10):
        made = recorder(leaderboard={"top": 1, "seeds": 10})
        for run in made.replicate(made.search([0.9]), [0.9] * count):
            made.predict(run, "validation", values, targets)
        found = made.results().diagnose(0)
        assert (found.examples, found.predictions) == (COUNT, COUNT * count)
        assert found.calibration is not None
        row, point = found.classes[0], found.calibration.bins[-1].observed
        widths.append([one.high - one.low for one in (row.precision, row.recall, row.f1, point)])
    assert widths[0] == pytest.approx(widths[1])


def test_the_winner_by_default_and_one_replicate_by_its_number(recorder: MakeRecorder) -> None:
    results, predicted = replicated(recorder(leaderboard={"top": 1, "seeds": 3}))
    assert results.diagnose() == results.diagnose(0)
    alone = results.diagnose(2)
    assert (alone.trial, alone.runs, alone.examples, alone.notes) == (2, (2,), COUNT, [])
    values, targets = predicted[1]
    assert alone.scores["log_loss"] == pytest.approx(metrics.log_loss(targets, values), abs=2e-5)


def test_a_trial_of_the_search_is_flattered(recorder: MakeRecorder) -> None:
    made = recorder()
    trial = made.search([0.9])
    made.predict(trial, "validation", guesses(0, np.arange(COUNT) % 3), np.arange(COUNT) % 3)
    failed = made.replicate(trial, [0.9])[0]
    made.ledger.update_trial(made.record, failed.__class__(**vars(failed) | {"state": State.FAILED, "reason": "boom"}))
    made.predict(failed.__class__(**vars(failed) | {"state": State.FAILED}), "validation", np.eye(3), np.arange(3))
    found = made.results().diagnose(0)
    assert found.runs == (0,)
    assert found.notes == [
        "trial 0 has no replicates with predictions: it was chosen by its score on these very examples, which flatters "
        "it"
    ]


def test_the_sealed_test_part(recorder: MakeRecorder) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    targets = np.arange(COUNT) % 3
    trial = made.search([0.9])
    runs = made.replicate(trial, [0.9, 0.8])
    for run in runs:
        made.test(run, guesses(run.number, targets), targets, rows=np.arange(COUNT))
    found = made.results().diagnose(0, "test")
    assert (found.part, found.runs, found.examples, found.predictions) == ("test", (1, 2), COUNT, 2 * COUNT)
    tests = [one.number for one in made.results().trials if one.phase == "test"]
    assert made.results().diagnose(tests[1], "test").runs == (2,), "a test trial stands for the model it tested"
    with pytest.raises(NotFoundError, match="keeps no validation predictions"):
        made.results().diagnose(0)


def test_what_cannot_be_diagnosed(recorder: MakeRecorder) -> None:
    made = recorder()
    with pytest.raises(NoResultError, match="has no trial with a score"):
        made.results().diagnose()
    trial = made.search([0.9])
    with pytest.raises(NotFoundError, match="sweep 'demo' has no trial 7"):
        made.results().diagnose(7)
    with pytest.raises(NotFoundError, match="trial 0 keeps no test predictions"):
        made.results().diagnose(0, "test")
    with pytest.raises(UsageError, match=r"part must be 'validation' or 'test', got 'tets' \(did you mean 'test'\?\)"):
        made.results().diagnose(0, "tets")
    first, second = made.replicate(trial, [0.9, 0.9])
    made.predict(first, "validation", np.full((4, 2), 0.5), np.array([0, 1, 0, 1]))
    made.predict(second, "validation", np.zeros(4), np.zeros(4))
    with pytest.raises(UsageError, match="trials 1 and 2 predict different classes or labels"):
        made.results().diagnose(0)


def plain(found: Diagnosis) -> Any:
    return json.loads(json.dumps(found.to_dict(), allow_nan=False))


@pytest.mark.parametrize("kind", ["two classes", "three classes", "labels", "outputs"])
def test_everything_is_in_the_document_and_in_the_text(recorder: MakeRecorder, kind: str) -> None:
    made = recorder()
    trial = made.search([0.9])
    rng = np.random.default_rng(0)
    classes = {"two classes": 2, "three classes": 3}.get(kind)
    targets: Any = np.arange(COUNT) % (classes or 2)
    values: Any = guesses(0, targets, classes or 2)
    if kind == "labels":
        targets = (rng.random((COUNT, 3)) < 0.4).astype(np.int8)
        values = np.clip(0.5 * targets + 0.5 * rng.random((COUNT, 3)), 0, 1)
    elif kind == "outputs":
        targets, values = rng.normal(size=COUNT), rng.normal(size=COUNT)
    column = np.array(["old"] * 35 + ["young"] * 20 + ["missing"] * 5)
    made.predict(trial, "validation", values, targets, sensitive=column)
    found = made.results().diagnose(0)
    document = plain(found)
    assert set(document) == {
        "sweep", "trial", "part", "kind", "runs", "examples", "predictions", "scores", "names", "confusion", "classes",
        "calibration", "residuals", "groups", "notes", "confidence",
    }  # fmt: skip
    assert (document["confusion"] is not None) == kind.endswith("classes")
    assert (document["residuals"] is None) == (document["calibration"] is not None) == (kind != "outputs")
    assert [row["name"] for row in document["groups"]["rows"]] == ["missing", "old", "young"]
    text = "\n".join(found.lines())
    for name in found.scores:
        assert name in text
    for row in found.classes:
        assert f"{row.f1.value:.4g}" in text
    assert "young (small)" in text
    assert ("furthest off:" in text) == (kind == "outputs")
    assert ("calibration of" in text) == (kind != "outputs")
    assert "nan" not in text


def test_a_class_that_never_occurs(recorder: MakeRecorder) -> None:
    made = recorder()
    made.predict(made.search([0.9]), "validation", np.eye(4)[[0, 1, 0, 1]] * 0.9 + 0.025, np.array([0, 1, 1, 0]))
    found = made.results().diagnose(0)
    assert plain(found)["classes"][3]["f1"] == {"value": None, "low": None, "high": None}
    assert plain(found)["scores"]["roc_auc"] is None
    assert any(line.startswith("3") and line.split()[1:4] == ["-", "-", "-"] for line in found.lines())
