"""A search with NNI's evolution whose process is killed goes on as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import assay
from assay.cluster.replay import replay
from assay.search import Phase, State

pytest.importorskip("nni")
pytestmark = pytest.mark.faults

TRAIN = """
import os
import signal
from pathlib import Path

import torch

def train(config, trial):
    model = trial.build_model()
    died = Path(__file__).with_name("died")
    if trial.number == 7 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    for step in range(2):
        with torch.no_grad():
            yield {"score": float(model(torch.ones(1, 1, 8, 8)).abs().mean())}
"""
SWEEP = """
name: killed
trainable: task.py:train
objectives: [{metric: score, goal: maximize}]
architecture:
  input: [1, 8, 8]
  output: 3
  stages: [{ops: [conv1x1, conv3x3, maxpool3x3], depth: "int(1, 3)", width: [2, 4, 6]}]
searcher: {type: nni, strategy: regularized_evolution, population: 4, sample: 2}
fidelity: {unit: epoch, max: 2}
budget: {trials: 12}
leaderboard: {top: 1, seeds: 2}
"""


def test_a_killed_driver(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    command = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--inline", "--store", "results"]
    died = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=100, check=False)
    assert died.returncode == -signal.SIGKILL
    store = tmp_path / "results"
    before = {trial.number: trial for trial in assay.load("killed", store).trials}
    results = assay.run(tmp_path / "sweep.yaml", store=store, inline=True, resume=True, progress=False)
    search = results.phase(Phase.SEARCH)
    assert [trial.state for trial in search] == [State.COMPLETE] * 12
    assert all(search[number].reports == before[number].reports for number in range(7))
    assert search[7].attempts == 2
    made_again = replay(results.ledger, results.record)
    assert made_again.difference is None
