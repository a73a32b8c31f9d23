"""Every strategy searches multilayer perceptrons, convolutional networks and Transformers on two Ray workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import TPESampler

from assay.cluster import PhaseRunner, RayExecutor, Silent
from assay.search import Ledger, Phase, State, Sweep
from assay.search.gaussian_process import Posterior
from assay.search.gp import GaussianProcessSearch
from assay.search.hyperopt_search import HyperoptSearch
from assay.search.local_search import LocalSearch
from assay.search.store import trial_folder
from assay.trainables import TrainableRef
from assay.trainables.spec import OUTPUT

pytest.importorskip("nni")
pytestmark = pytest.mark.ray

MODELS = 4  # of which the last is asked for when others have ended
TRAIN = """
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
inputs, targets = torch.as_tensor(digits.data[:256], dtype=torch.float32) / 8 - 1, torch.as_tensor(digits.target[:256])


def shaped(config):
    return inputs.reshape(-1, *map(int, config["shape"].split("x")))


def data(config, trial):
    parts = TensorDataset(shaped(config)[:192], targets[:192]), TensorDataset(shaped(config)[192:], targets[192:])
    return DataLoader(parts[0], batch_size=32, shuffle=True), DataLoader(parts[1], batch_size=64)


def train(config, trial):
    torch.set_num_threads(1)
    model, images = trial.build_model(), shaped(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for rows in torch.randperm(192).split(32):
        optimizer.zero_grad()
        cross_entropy(model(images[rows]), targets[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return {"accuracy": float((model.eval()(images[192:]).argmax(1) == targets[192:]).float().mean())}
"""
SPACES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "perceptron": ("64", [{"ops": ["linear", "residual_mlp", "glu", "identity"], "depth": "int(1, 2)", "width": 16}]),
    "convolutional": ("1x8x8", [{"ops": ["conv3x3", "mbconv3_e3", "identity"], "depth": 2, "width": 8, "stride": 2}]),
    "transformer": ("8x8", [{"ops": ["attention_h2", "attention_h4", "identity"], "depth": 2, "width": 16}]),
}
MULTI_TRIAL: dict[str, dict[str, Any]] = {
    "random": {"type": "random"},
    "tpe": {"type": "tpe", "startup": 1},
    "hyperopt": {"type": "hyperopt", "startup": 1},
    "gp": {"type": "gp", "startup": 1},
    "local search": {"type": "local_search", "startup": 1},
    "evolution": {"type": "regularized_evolution", "population": 2, "sample": 2},
    "NNI random": {"type": "nni", "strategy": "random"},
    "NNI grid": {"type": "nni", "strategy": "grid"},
    "NNI evolution": {"type": "nni", "strategy": "regularized_evolution", "population": 2, "sample": 2},
    "NNI policy": {"type": "nni", "strategy": "policy_rl", "samples_per_update": 2},
}
MODELLED = {
    "tpe": (TPESampler, "_sample"),
    "hyperopt": (HyperoptSearch, "_propose"),
    "gp": (GaussianProcessSearch, "_best"),
    "local search": (LocalSearch, "_near"),
}
"""What answers from scores once a trial has ended; nothing, or None, where it has none or knows of no better config."""
ONE_SHOT = ["darts", "gumbel_darts", "enas", "random", "proxyless"]


@pytest.fixture(scope="module")
def executor(
    ray_executors: Callable[..., RayExecutor], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RayExecutor]:
    """Two workers for the whole table: they import PyTorch and NNI once."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "task.py").write_text(TRAIN)
    made = ray_executors(TrainableRef("task.py:train", str(folder)), workers=2)
    made.open()
    yield made
    made.close()


def searched(
    executor: RayExecutor, kind: str, searcher: dict[str, Any], folder: Path, models: int = MODELS
) -> tuple[Ledger, Any]:
    """A sweep over one kind of networks, as far as its search goes."""
    shape, stages = SPACES[kind]
    sweep = Sweep(
        name="table",
        trainable="task.py:train",
        objectives=[{"metric": "accuracy", "goal": "maximize"}],
        architecture={"input": [int(n) for n in shape.split("x")], "output": 10, "stages": stages},
        parameters={"shape": shape},
        searcher=searcher,
        budget={"trials": models},
        checkpoints={"every": 0},
    )
    ledger = Ledger(folder, create=True)
    record = ledger.create_sweep(sweep, str(executor._ref.directory))
    runner = PhaseRunner(ledger, record, executor, clock=time.monotonic, observer=Silent())
    runner.supernet()
    runner.search()
    return ledger, record


@pytest.fixture
def answers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the model of a strategy answered; gp takes even so few scores for more than noise."""
    monkeypatch.setattr(Posterior, "agreement", 1.0)
    made: list[Any] = []
    kind, name = MODELLED.get(request.node.callspec.params["strategy"], (None, ""))
    if kind is not None:
        method = getattr(kind, name)

        def noted(*given: Any, **named: Any) -> Any:
            made.append(method(*given, **named))
            return made[-1]

        monkeypatch.setattr(kind, name, noted)
    return made


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("strategy", MULTI_TRIAL)
def test_a_multi_trial_strategy(
    executor: RayExecutor, strategy: str, kind: str, answers: list[Any], tmp_path: Path
) -> None:
    ledger, record = searched(executor, kind, MULTI_TRIAL[strategy], tmp_path)
    trials = ledger.trials(record)
    assert [trial.state for trial in trials] == [State.COMPLETE] * MODELS, [trial.reason for trial in trials]
    assert len({trial.config for trial in trials}) == MODELS
    assert all(trial.metrics["params_m"] > 0 < trial.metrics["flops_m"] for trial in trials)
    if strategy in MODELLED:
        assert any(answers)


@pytest.mark.parametrize("kind", SPACES)
def test_children_start_from_the_weights_of_their_parents(executor: RayExecutor, kind: str, tmp_path: Path) -> None:
    searcher = {"type": "regularized_evolution", "population": 2, "sample": 2, "inherit": True}
    ledger, record = searched(executor, kind, searcher, tmp_path, models=6)
    trials = ledger.trials(record)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 6, [trial.reason for trial in trials]
    bred = [trial.number for trial in trials if trial.parent is not None]
    assert bred
    for number in bred:
        printed = (trial_folder(ledger.store, record.name, number) / OUTPUT).read_text()
        assert "weights of the parent: " in printed


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("strategy", ONE_SHOT)
def test_a_one_shot_strategy(executor: RayExecutor, strategy: str, kind: str, tmp_path: Path) -> None:
    searcher = {"type": "one_shot", "strategy": strategy, "epochs": 1, "top": 1, "samples": 1, "candidates": 4}
    ledger, record = searched(executor, kind, searcher, tmp_path, models=3)
    (supernet,) = ledger.trials(record, Phase.SUPERNET)
    assert supernet.state is State.COMPLETE, supernet.reason
    trials = ledger.trials(record, Phase.SEARCH)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 3, [trial.reason for trial in trials]
