"""Results: read from the ledger alone, and clear about what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from assay.analysis import Results, load
from assay.analysis.terminal import summary_lines
from assay.search import Phase, State
from assay.spaces import DamagedFileError, NoResultError, NotFoundError, UsageError

from .conftest import Recorder, probabilities

TARGETS = np.arange(40) % 2


def guesses(seed: int, targets: npt.NDArray[np.int64] = TARGETS) -> npt.NDArray[np.float32]:
    return probabilities(np.random.default_rng(seed), targets, 2, 1.0)


def with_predictions(made: Recorder, count: int = 3, targets: Any = TARGETS) -> list[Path]:
    return [made.predict(made.search([0.9]), "validation", guesses(seed, targets), targets) for seed in range(count)]


def test_best_config_is_the_winners(finished: Results) -> None:
    assert finished.best_trial.number == 1
    assert finished.best_config == {"lr": 0.05}
    assert repr(finished) == "<Results of 'demo': {'complete': 18}>"


def test_best_config_before_replication_is_the_searchs(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "loss", "goal": "minimize"}])
    made.search([0.5])
    made.search([0.1], {"lr": 0.25})
    assert made.results().best_config == {"lr": 0.25}


def test_no_result_names_the_most_common_reason(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    with pytest.raises(NoResultError, match=r"^sweep 'demo' has no trial with a score$"):
        _ = made.results().best_config
    for reason in ("boom", "out of memory", "boom"):
        made.search([], state=State.FAILED, reason=reason)
    with pytest.raises(NoResultError) as caught:
        _ = made.results().best_config
    assert str(caught.value) == "sweep 'demo' has no trial with a score: 3 failed, 2 of them with: boom"


def test_refresh_sees_what_was_recorded_since(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    results = made.results("running")
    assert len(results.trials) == 1
    made.search([0.9])
    made.ledger.set_state(made.record, "finished")
    assert len(results.trials) == 1
    newer = results.refresh()
    assert (len(newer.trials), newer.record.state) == (2, "finished")


def test_load(finished: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = finished.ledger.store
    assert load(store=store).record.name == load("demo", store).record.name == "demo"
    monkeypatch.setenv("ASSAY_STORE", str(store))
    assert load().folder == store / "demo"
    with pytest.raises(NotFoundError, match=r"no sweep 'dmo' in .* \(did you mean 'demo'\?\)"):
        load("dmo", store)
    with pytest.raises(NotFoundError, match="no sweeps in"):
        load(store=tmp_path / "nothing")


def test_phases(finished: Results) -> None:
    assert [len(finished.phase(phase)) for phase in Phase] == [0, 3, 9, 0, 6]


# Tables


def test_trials_table(finished: Results) -> None:
    frame = finished.to_frame()
    fixed = [
        "trial",
        "phase",
        "state",
        "accuracy",
        "steps",
        "seconds",
        "seed",
        "split",
        "parent",
        "config_id",
        "reason",
    ]
    assert list(frame) == [*fixed, "param.lr"]
    assert len(frame) == 18
    assert frame["parent"].dtype == "Int64"
    assert frame["accuracy"].dtype == frame["param.lr"].dtype == "float64"
    assert frame["trial"].dtype == frame["steps"].dtype == "int64"
    assert frame.loc[1, ["phase", "state", "accuracy", "steps"]].tolist() == ["search", "complete", 0.95, 2]
    test = frame[frame.phase == "test"]
    assert list(test.accuracy) == [finished.test_scores[parent] for parent in test.parent], "the sealed scores"


def test_reports_table(finished: Results) -> None:
    frame = finished.to_frame("reports")
    assert list(frame) == ["trial", "phase", "step", "elapsed", "accuracy"]
    assert len(frame) == 15
    assert frame.loc[0, ["trial", "step", "accuracy"]].tolist() == [0, 1, 0.5]


def test_leaderboard_table(finished: Results) -> None:
    frame = finished.to_frame("leaderboard")
    means = ["mean", "mean_low", "mean_high", "replicates", "p_value", "optimism", "search_score", "seconds"]
    tests = ["test", "test_low", "test_high", "param.lr"]
    assert list(frame) == ["rank", "trial", "tied", "default", *means, *tests]
    assert frame["rank"].dtype == "Int64"
    assert frame["rank"].tolist() == [1, 2, 3]
    assert frame["test"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("level", ["trials", "reports", "leaderboard"])
def test_empty_tables(recorder: Callable[..., Recorder], level: str) -> None:
    frame = recorder().results().to_frame(level)
    assert isinstance(frame, pd.DataFrame)
    assert frame.empty


@pytest.mark.parametrize("metric", ["seconds", "steps", "split"])
def test_a_metric_named_like_a_column_of_trials(recorder: Callable[..., Recorder], metric: str) -> None:
    made = recorder(objectives=[{"metric": metric, "goal": "minimize"}])
    made.search([0.25], seconds=7.0)
    (row,) = made.results().to_frame().to_dict("records")
    assert (row["seconds"], row["steps"], row["split"], row[f"metric.{metric}"]) == (7.0, 1, 0, 0.25)


@pytest.mark.parametrize("metric", ["step", "trial", "phase"])
def test_a_metric_named_like_a_column_of_reports(recorder: Callable[..., Recorder], metric: str) -> None:
    made = recorder(objectives=[{"metric": metric, "goal": "minimize"}])
    made.search([0.25])
    (row,) = made.results().to_frame("reports").to_dict("records")
    assert (row["trial"], row["phase"], row["step"], row[f"metric.{metric}"]) == (0, "search", 1, 0.25)


def test_inactive_parameters_are_missing(recorder: Callable[..., Recorder]) -> None:
    parameters = {
        "kind": {"values": ["sgd", "adam"], "default": "adam"},
        "momentum": {"type": "float", "min": 0.0, "max": 1.0, "default": 0.5, "when": {"kind": "sgd"}},
    }
    made = recorder(parameters=parameters)
    made.search([0.5], {"kind": "adam"})
    made.search([0.6], {"kind": "sgd", "momentum": 0.25})
    assert made.results().to_frame()["param.momentum"].isna().tolist() == [True, False]


def test_unknown_table(finished: Results) -> None:
    with pytest.raises(UsageError) as caught:
        finished.to_frame("trial")
    expected = "level must be 'trials', 'reports' or 'leaderboard', got 'trial' (did you mean 'trials'?)"
    assert str(caught.value) == f"to_frame: {expected}"


# Predictions


def test_ensemble_with_its_sealed_test(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    models = [made.search([0.9]) for _ in range(3)]
    for model in models:
        made.predict(model, "validation", guesses(model.number), TARGETS)
        made.test(model, guesses(model.number + 10), TARGETS)
    results = made.results()
    ensemble = results.ensemble()
    assert ensemble is not None
    assert results.ensemble_note == ""
    assert (ensemble.metric, ensemble.candidates, ensemble.examples) == ("accuracy", 3, 40)
    assert ensemble.test_score is not None
    assert 0 < ensemble.test_score <= 1


def test_no_ensemble_score_when_a_member_was_not_tested_on_the_same(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "log_loss", "goal": "minimize"}])
    models = [made.search([0.9]) for _ in range(4)]
    for size, model in zip((40, 39, 38, 37), models, strict=True):
        made.predict(model, "validation", guesses(model.number), TARGETS)
        made.test(model, guesses(0, TARGETS[:size]), TARGETS[:size])
    ensemble = made.results().ensemble()
    assert ensemble is not None
    assert len(ensemble.weights) > 1
    assert ensemble.test_score is None


def test_an_unknown_metric_falls_back_to_log_loss_or_rmse(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "reward", "goal": "maximize"}])
    with_predictions(made)
    assert made.results().ensemble().metric == "log_loss"  # type: ignore[union-attr]
    made = recorder()
    for seed in range(2):
        values = np.random.default_rng(seed).normal(size=30)
        made.predict(made.search([0.9]), "validation", values, np.linspace(0, 1, 30))
    assert made.results().ensemble().metric == "rmse"  # type: ignore[union-attr]


def test_why_there_is_no_ensemble(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.9])
    assert made.results().ensemble() is None
    assert made.results().ensemble_note.endswith("keeps no predictions (trial.save_predictions)")

    too_few = "no ensemble: it needs two fully trained models with predictions for the same examples"
    with_predictions(made, 1)
    assert made.results().ensemble_note == too_few
    stopped = made.search([0.9], state=State.STOPPED)
    made.predict(stopped, "validation", guesses(0), TARGETS)
    assert made.results().ensemble_note == too_few
    with_predictions(made, 1, TARGETS[::-1])
    assert made.results().ensemble_note == too_few

    needs = "no ensemble: choosing members honestly needs 20 validation examples and 5 of each class"
    for targets in (TARGETS[:19], np.array([1] * 4 + [0] * 36), np.zeros(40, dtype=int)):
        made = recorder()
        with_predictions(made, 2, targets)
        assert made.results().ensemble() is None
        assert made.results().ensemble_note == needs


def test_targets_that_are_not_numbers_give_no_ensemble(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "rmse", "goal": "minimize"}])
    for _ in range(2):
        made.predict(made.search([0.9]), "validation", np.zeros(30), np.full(30, np.nan))
    assert made.results().ensemble() is None


@pytest.mark.parametrize("damage", ["removed", "cut", "changed", "other"])
def test_a_damaged_file_of_predictions(recorder: Callable[..., Recorder], damage: str) -> None:
    made = recorder()
    path, other, _ = with_predictions(made)
    content = path.read_bytes()
    match damage:
        case "removed":
            path.unlink()
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "changed":
            path.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
        case "other":
            path.write_bytes(other.read_bytes())
    results = made.results()
    assert results.ensemble() is None
    assert results.ensemble_note == f"no ensemble: {path}{results.ensemble_note.partition(str(path))[2]}"
    with pytest.raises(DamagedFileError) as caught:
        results.ensemble("greedy")
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith("restore the file or the store")
    assert "\n" not in message


def test_a_damaged_test_file(finished: Results) -> None:
    folder = finished.folder / "predictions"
    sorted(folder.glob("*-test.npy"))[0].write_bytes(b"")
    board = finished.leaderboard()
    assert board.winner == 1, "all else is in the ledger"
    (lost,) = finished.damaged
    assert "another SHA-256" in lost
    assert any("another SHA-256" in line for line in summary_lines(finished))
