"""Ensembles of recorded sweeps, with their cost and the sealed test; and the command that shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.analysis import Results, get_scorer
from assay.analysis.ensembles.mixture import tempered
from assay.search import State, Trial
from assay.spaces import UsageError

from ..conftest import Recorder, probabilities

VALIDATION, TEST = np.arange(120) % 3, np.arange(200) % 3


def predicted(seed: int, targets: Any, skill: float = 0.9) -> Any:
    return probabilities(np.random.default_rng(seed), targets, 3, skill)


def searched(recorder: Callable[..., Recorder], skill: float = 0.9, **fields: Any) -> tuple[Recorder, list[Trial]]:
    made = recorder(objectives=[{"metric": "log_loss", "goal": "minimize"}], leaderboard={"top": 1, "seeds": 3})
    models = [made.search([0.9 + number / 100], seconds=2.0, **fields) for number in range(5)]
    for model in models:
        made.predict(model, "validation", predicted(model.number, VALIDATION, skill), VALIDATION)
    return made, models


def with_test(recorder: Callable[..., Recorder], skill: float = 0.9) -> Results:
    made, models = searched(recorder, skill)
    for model in models:
        made.test(model, predicted(50 + model.number, TEST, skill), TEST)
    return made.results()


def test_the_gain_on_the_sealed_test(recorder: Callable[..., Recorder]) -> None:
    results = with_test(recorder)
    report = results.ensemble()
    assert report is not None and report.mixture is not None and report.test_gain is not None
    library = {number: predicted(50 + number, TEST).astype(np.float16) for number in range(5)}
    scorer = get_scorer("log_loss")
    assert report.test_score == pytest.approx(
        scorer.compute(report.mixture.predict(library, "classes"), TEST), abs=1e-4
    )
    single = tempered(library[report.single].astype(float), report.single_temperature, "classes")
    assert report.single_test_score == pytest.approx(scorer.compute(single, TEST), abs=1e-4)
    gain = report.single_test_score - report.test_score
    assert report.test_gain.mean == pytest.approx(gain, abs=1e-6)
    assert report.test_gain.interval[0] < gain < report.test_gain.interval[1]


def test_without_the_best_single_there_is_a_test_score_and_no_gain(recorder: Callable[..., Recorder]) -> None:
    made, models = searched(recorder)
    single = made.results().ensemble("greedy")
    assert single is not None
    members = set(single.weights) - {single.single}
    for model in models:
        if model.number in members:
            made.test(model, predicted(50 + model.number, TEST), TEST)
    report = made.results().ensemble("greedy")
    assert report is not None
    assert (report.test_score is not None) == (single.single not in single.weights)
    assert report.test_gain is None


def test_both_are_compared_at_their_temperature_on_the_sealed_test(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "log_loss", "goal": "minimize"}])

    def sure(seed: int, targets: Any) -> Any:
        powers = predicted(seed, targets, 1.2) ** 4
        return powers / powers.sum(axis=1, keepdims=True)

    for number in range(4):
        model = made.search([0.9])
        made.predict(model, "validation", sure(number, VALIDATION), VALIDATION)
        made.test(model, sure(50 + number, TEST), TEST)
    report = made.results().ensemble()
    assert report is not None and report.test_gain is not None and report.single_test_score is not None
    assert report.single_temperature > 1.5
    alone = tempered(sure(50 + report.single, TEST), report.single_temperature, "classes")
    assert report.single_test_score == pytest.approx(get_scorer("log_loss").compute(alone, TEST), abs=1e-3)
    assert report.test_gain.mean == pytest.approx(report.single_test_score - report.test_score, abs=1e-6)


def test_a_trial_that_was_stopped_early_is_no_candidate(recorder: Callable[..., Recorder]) -> None:
    made, models = searched(recorder)
    stopped = made.search([0.99], state=State.STOPPED, reason="the scheduler stopped it")
    made.predict(stopped, "validation", np.eye(3)[VALIDATION], VALIDATION)  # it would be the best by far
    report = made.results().ensemble()
    assert report is not None
    assert report.candidates == len(models)
    assert report.single != stopped.number and stopped.number not in report.weights


def test_cost(recorder: Callable[..., Recorder]) -> None:
    report = with_test(recorder).ensemble()
    assert report is not None
    assert report.training_seconds == 2.0 * len(report.weights)
    assert report.latency_ms is None, "no trial reported one"


def test_it_is_worked_out_once(recorder: Callable[..., Recorder]) -> None:
    results = with_test(recorder)
    assert results.ensemble() is results.ensemble("auto")
    assert results.ensemble("uniform") is results.ensemble("uniform")
    with pytest.raises(UsageError, match="got 'best'"):
        results.ensemble("best")


def bagged(recorder: Callable[..., Recorder], skills: list[float]) -> Results:
    made, models = searched(recorder)
    for model in models[:1]:
        for run, skill in zip(made.replicate(model, [0.9, 0.8, 0.7]), skills, strict=True):
            made.test(run, predicted(run.number, TEST, skill), TEST)
    return made.results()


def test_bagging_of_the_winner(recorder: Callable[..., Recorder]) -> None:
    report, why_not = bagged(recorder, [0.9, 0.9, 0.9]).ensemble_or_why("bagging")
    assert why_not == "" and report is not None
    assert report.scored_on == "test" and report.accepted
    assert list(report.weights.values()) == pytest.approx([1 / 3] * 3)
    scores = [get_scorer("log_loss").compute(predicted(n, TEST).astype(np.float16), TEST) for n in report.weights]
    assert report.single_score == pytest.approx(np.mean(scores), abs=1e-4)
    assert report.gain == pytest.approx(report.single_score - report.score, abs=1e-6)
    assert report.verdict == "better than one of its members"


def test_why_there_is_no_bagging(recorder: Callable[..., Recorder]) -> None:
    made, models = searched(recorder)
    assert "no winner yet" in made.results().ensemble_or_why("bagging")[1]
    made.replicate(models[0], [0.9, 0.8, 0.7])
    assert "needs two replicates of the winner" in made.results().ensemble_or_why("bagging")[1]


def test_the_command(recorder: Callable[..., Recorder], cli: Any) -> None:
    results = with_test(recorder)
    words = ("ensemble", results.record.name, "--store", str(results.ledger.store))
    shown = cli(*words)
    assert shown.code == 0
    for text in ("greedy", "hard_voting", "single", "cross-fitted", "better than trial", "sealed test, log_loss"):
        assert text in shown.out
    document = json.loads(cli(*words, "--json").out)
    report = results.ensemble()
    assert report is not None
    assert document["ensemble"] == json.loads(json.dumps(report.to_dict()))
    assert (document["sweep"], document["ensemble_note"]) == (results.record.name, "")
    assert cli.mistakes(2, *words, "--method", "greddy")[0].startswith("ensemble: method must be 'auto'")
    assert "--output goes with --method soup" in cli.mistakes(2, *words, "--output", "x")[0]


def test_the_command_says_why_there_is_none(recorder: Callable[..., Recorder], cli: Any) -> None:
    made = recorder()
    made.search([0.5])
    made.results()
    words = ("ensemble", "demo", "--store", str(made.ledger.store))
    assert cli(*words).out.startswith("no ensemble: the training function keeps no predictions")
    assert json.loads(cli(*words, "--json").out)["ensemble"] is None
