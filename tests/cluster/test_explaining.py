"""Models of recorded trials are opened from the ledger alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import assay
from assay.analysis import Results
from assay.cluster.explaining import default_model, explain_trial, opened
from assay.search import Phase, State
from assay.spaces import NotFoundError, SweepError, TrainableError, UsageError

from .tabular_task import TRAIN

SWEEP: dict[str, Any] = {
    "name": "opened",
    "trainable": "linear_task.py:train",
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    "parameters": {"lr": {"values": [0.5, 0.25, 10.0], "default": 0.5}},
    "searcher": "random",
    "fidelity": {"unit": "epoch", "min": 1, "max": 3},
    "budget": {"trials": 3},
    "leaderboard": {"top": 2, "seeds": 2, "test": "paired_t"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("opened")
    (folder / "linear_task.py").write_text(TRAIN)
    (folder / "sweep.json").write_text(assay.Sweep.make(SWEEP).model_dump_json(exclude_unset=True))
    return assay.run(folder / "sweep.json", store=folder / "store", inline=True, progress=False)


def number_of(results: Results, lr: float, phase: Phase = Phase.SEARCH) -> int:
    return next(trial.number for trial in results.phase(phase) if trial.config["lr"] == lr)


@pytest.mark.parametrize("phase", [Phase.SEARCH, Phase.REPLICATE])
@pytest.mark.parametrize("lr", [0.5, 0.25])
def test_the_model_predicts_as_it_did_when_it_was_recorded(results: Results, phase: Phase, lr: float) -> None:
    number = number_of(results, lr, phase)
    stored = {artifact.trial: artifact for artifact in results.ledger.artifacts(results.record, "weights")}
    weights = load_file(results.ledger.store / stored[number].path)
    with opened(results, number) as model:
        assert model.predict is not None and model.split is not None
        accuracy = np.mean(model.predict(model.split.x_val).argmax(1) == model.split.y_val)
        assert accuracy == results.trials[number].value("accuracy")
        assert all(torch.equal(weights[name], value) for name, value in model.network.state_dict().items())
        assert model.trained_again == (3 if lr == 0.25 else 0)


def test_a_trial_of_the_test_phase_stands_for_the_model_that_it_scored(results: Results) -> None:
    test = results.phase(Phase.TEST)[0]
    assert test.parent is not None
    with opened(results, test.number) as one, opened(results, test.parent) as other:
        assert torch.equal(one.network.weight, other.network.weight)
        assert one.sealed is None


def test_every_trial_that_ended_has_weights_and_test_trials_have_none(results: Results) -> None:
    kept = {artifact.trial for artifact in results.ledger.artifacts(results.record, "weights")}
    trained = [trial for trial in results.trials if trial.phase is not Phase.TEST and trial.state is State.COMPLETE]
    assert kept == {trial.number for trial in trained}


def test_the_environment_of_the_sweep_is_left_again(results: Results) -> None:
    before = Path.cwd()
    with opened(results, 0):
        assert Path.cwd() == Path(results.record.directory)
    assert Path.cwd() == before


def test_what_has_no_model_is_refused_with_the_reason(results: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model, it failed: ValueError: too fast"):
        opened(results, number_of(results, 10.0)).__enter__()
    with pytest.raises(NotFoundError, match="has no trial 99"):
        opened(results, 99).__enter__()
    with pytest.raises(TrainableError, match="there is no file"):
        opened(results, 0, directory=tmp_path).__enter__()


def test_a_function_from_python_has_to_be_given_again(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: assay.TrialHandle) -> dict[str, float]:
        trial.split(np.zeros((20, 1)), np.arange(20) % 2)
        trial.save_predictions(np.full((4, 2), 0.5))
        return {"accuracy": config["lr"]}

    spec = {key: value for key, value in SWEEP.items() if key not in ("trainable", "fidelity")}
    made = assay.run(spec, train, store=tmp_path, inline=True, progress=False)
    with pytest.raises(SweepError, match="started with a Python function"):
        opened(made, 0).__enter__()
    with opened(made, 0, function=train) as model:
        assert model.predict is None
        assert model.split is not None
    with pytest.raises(UsageError, match="gives no function to trial"):
        explain_trial(made, 0, function=train)


@pytest.mark.parametrize("method", ["permutation", "captum"])
def test_the_inputs_that_the_labels_came_from_are_found(results: Results, method: str) -> None:
    made = explain_trial(results, method=method)
    assert (made.sweep, made.trial) == ("opened", default_model(results))
    assert made.rows == 40
    names = [one.name for one in made.features]
    assert names[0] == "x0"
    if method == "permutation":
        assert made.metric == "accuracy"
        assert made.score == results.trials[default_model(results)].value("accuracy")


def test_the_winners_first_replicate_is_explained_when_nothing_is_said(results: Results) -> None:
    run = results.trials[default_model(results)]
    assert (run.phase, run.parent, run.split) == (Phase.REPLICATE, results.leaderboard().winner, 1)


def test_what_was_trained_again_is_told(results: Results) -> None:
    made = explain_trial(results, number_of(results, 0.25), rows=10)
    assert "3 reports were trained again" in made.notes[0]


def test_a_function_that_fails_on_changed_inputs_is_one_line(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: assay.TrialHandle) -> dict[str, float]:
        data = trial.split(np.arange(40.0).reshape(20, 2), np.arange(20) % 2)

        def predict(inputs: Any) -> Any:
            if not np.array_equal(inputs, data.x_val):
                raise KeyError("row is not known")
            return np.full((len(inputs), 2), 0.5)

        trial.save_predictions(predict)
        return {"accuracy": config["lr"]}

    spec = {key: value for key, value in SWEEP.items() if key not in ("trainable", "fidelity")}
    made = assay.run(spec, train, store=tmp_path, inline=True, progress=False)
    with pytest.raises(TrainableError, match="failed: KeyError: 'row is not known'"):
        explain_trial(made, 0, function=train)
