"""Soups of a recorded sweep: from weights that were kept, scored honestly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import assay
from assay.analysis import Results
from assay.analysis.ensembles import Gain
from assay.cluster.soups import SoupReport, make_soup
from assay.search import Phase
from assay.spaces import AssayError, UsageError

from ..conftest import CommandLine

TRAIN = """
import torch
from torch import nn
from assay.trainables.digits import load_digits, train_epoch

X, Y = load_digits()


def build(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))


def train(config, trial):
    data = trial.split(X, Y)
    inputs, targets = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    network = build(0 if config["pretrained"] else 100 + int(config["seed"]))
    if config["pretrained"]:
        steps = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
        for _ in range(8):
            train_epoch(network, steps, inputs, targets, 64)
    trial.save_weights(network)

    def predict(pixels):
        network.eval()
        with torch.no_grad():
            return network(torch.from_numpy(pixels)).softmax(1).numpy()

    trial.save_predictions(predict)
    torch.manual_seed(1 + int(config["seed"]))
    steps = torch.optim.SGD(network.parameters(), 0.2, momentum=0.9)
    for _ in range(5):
        train_epoch(network, steps, inputs, targets, 50)
    predicted = torch.from_numpy(predict(data.x_val))
    return {"log_loss": float(nn.functional.nll_loss(predicted.clamp(1e-9).log(), torch.from_numpy(data.y_val)))}
"""
SWEEP: dict[str, Any] = {
    "name": "soup",
    "trainable": "task.py:train",
    "objectives": [{"metric": "log_loss", "goal": "minimize"}],
    "parameters": {"seed": {"values": [0, 1, 2, 3]}, "pretrained": True},
    "searcher": "random",
    "budget": {"trials": 4},
    "leaderboard": {"top": 1, "seeds": 2},
}


def ran(folder: Path, train: str = TRAIN, **changes: Any) -> Results:
    (folder / "task.py").write_text(train)
    spec = SWEEP | changes
    (folder / "sweep.json").write_text(json.dumps(spec))
    return assay.run(folder / "sweep.json", store=folder / "store", inline=True, progress=False)


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return ran(tmp_path_factory.mktemp("finetuned"))


def test_networks_that_went_on_from_the_same_weights(finetuned: Results, tmp_path: Path) -> None:
    report = make_soup(finetuned, output=tmp_path / "soup.safetensors")
    assert len(report.members) >= 2
    assert report.connected and report.accepted and report.left_out == {}
    assert report.score < report.single_score
    weights = {file.trial: file for file in finetuned.ledger.artifacts(finetuned.record, "weights")}
    states = [load_file(finetuned.ledger.store / weights[number].path) for number in report.members]
    written = load_file(tmp_path / "soup.safetensors")
    for name, value in written.items():
        assert torch.allclose(value, torch.stack([state[name] for state in states]).mean(dim=0), atol=1e-6)
    again = make_soup(finetuned)
    assert again == report
    assert json.dumps(report.to_dict(), allow_nan=False)


def test_the_single_network_is_the_one_that_was_recorded(finetuned: Results) -> None:
    report = make_soup(finetuned)
    scores = {trial.number: trial.metrics["log_loss"] for trial in finetuned.phase(Phase.SEARCH)}
    assert report.single == min(scores, key=lambda number: scores[number])
    np.testing.assert_allclose(min(scores.values()), report.single_score, rtol=0.1)


def test_independent_networks_are_not_averaged(tmp_path: Path) -> None:
    results = ran(tmp_path, parameters={"seed": {"values": [0, 1]}, "pretrained": False}, budget={"trials": 2})
    with pytest.raises(UsageError, match="no other trial has the architecture and the starting weights of trial"):
        make_soup(results)


@pytest.mark.parametrize(
    ("members", "low", "connected", "verdict"),
    [
        ((2, 0), 0.01, True, "better than trial 2, the best single model"),
        ((2, 0), -0.01, True, "not distinguishable from the best single model: use trial 2 alone"),
        ((2,), 0.0, False, "not linearly connected: halfway between two networks the loss is higher than at both"),
    ],
)
def test_what_is_said_of_a_soup(members: tuple[int, ...], low: float, connected: bool, verdict: str) -> None:
    gain = Gain(0.02, (low, 0.05), 0.03)
    report = SoupReport(members, 2, "log_loss", 0.4, 0.5, gain, 0.3, {0: 0.1}, connected, False, {5: "other"}, 90)
    assert report.verdict.startswith(verdict)
    assert report.accepted == (low > 0)
    assert "trial 0: barrier of the loss halfway to trial 2: +0.1000" in report.lines()
    assert report.to_dict()["left_out"] == {"5": "other"}


def test_the_command(finetuned: Results, tmp_path: Path, cli: CommandLine) -> None:
    words = ("ensemble", "soup", "--method", "soup", "--store", str(finetuned.ledger.store))
    shown = cli(*words)
    assert shown.code == 0
    assert "soup: better than trial" in shown.out
    document = json.loads(cli(*words, "--json", "--output", str(tmp_path / "s.safetensors")).out)
    assert document["ensemble"]["accepted"] is True
    assert (tmp_path / "s.safetensors").exists()


def test_a_damaged_file(finetuned: Results) -> None:
    file = finetuned.ledger.artifacts(finetuned.record, "weights")[0]
    path = finetuned.ledger.store / file.path
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(AssayError, match="another SHA-256"):
            make_soup(finetuned)
    finally:
        path.write_bytes(content)


def test_from_the_results(finetuned: Results) -> None:
    with pytest.raises(UsageError, match=r"assay ensemble NAME --method soup`, or assay.cluster.soups.make_soup"):
        finetuned.ensemble("soup")


def test_without_weights(tmp_path: Path) -> None:
    train = TRAIN.replace("    trial.save_weights(network)\n", "")
    results = ran(tmp_path, train, parameters={"seed": {"values": [0]}, "pretrained": False}, budget={"trials": 1})
    with pytest.raises(UsageError, match=r"keeps no weights: call trial.save_weights\(network\)"):
        make_soup(results)
