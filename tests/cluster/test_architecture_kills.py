"""A search of networks whose process is killed goes on as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

import assay
from assay.analysis import Results
from assay.cluster.replay import replay
from assay.search import Phase, State, Trial

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
    weight = model.stem.conv.weight
    began = float(weight.detach().sum())
    for step in range(2):
        with torch.no_grad():
            weight += 1
            yield {"score": float(model(torch.ones(1, 1, 8, 8)).abs().mean()), "began": began}
"""
SWEEP = """
name: killed
trainable: task.py:train
objectives: [{{metric: score, goal: maximize}}]
architecture:
  input: [1, 8, 8]
  output: 3
  stages: [{{ops: [conv1x1, conv3x3, maxpool3x3], depth: "int(1, 3)", width: [2, 4, 6]}}]
searcher: {{{searcher}, population: 4, sample: 2}}
fidelity: {{unit: epoch, max: 2}}
budget: {{trials: 12}}
leaderboard: {{top: 1, seeds: 2}}
"""


def killed(folder: Path, task: str, sweep: str) -> tuple[list[Trial], Results]:
    """The trials of a sweep up to the kill of its driver, and what it comes to when this process goes on."""
    (folder / "task.py").write_text(task)
    (folder / "sweep.yaml").write_text(sweep)
    command = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--inline", "--store", "results"]
    died = subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=False)
    assert died.returncode == -signal.SIGKILL
    before = assay.load("killed", folder / "results").trials
    return before, assay.run(folder / "sweep.yaml", store=folder / "results", inline=True, resume=True, progress=False)


@pytest.fixture
def resumed(tmp_path: Path) -> Callable[[str], Results]:
    """Runs a search up to the kill of its driver, in trial 7, and goes on in this process."""

    def run(searcher: str) -> Results:
        before, results = killed(tmp_path, TRAIN, SWEEP.format(searcher=searcher))
        search = results.phase(Phase.SEARCH)
        assert [trial.state for trial in search] == [State.COMPLETE] * 12
        assert all(search[number].reports == before[number].reports for number in range(7))
        assert search[7].attempts == 2
        made_again = replay(results.ledger, results.record)
        assert made_again.difference is None
        return results

    return run


def test_nnis_evolution(resumed: Callable[[str], Results]) -> None:
    pytest.importorskip("nni")
    resumed("type: nni, strategy: regularized_evolution")


def test_children_go_on_from_the_weights_of_their_parents(resumed: Callable[[str], Results], tmp_path: Path) -> None:
    """Those of parents that were trained before the kill, of which nothing but the file is left, among them."""
    search = resumed("type: regularized_evolution, inherit: true").phase(Phase.SEARCH)
    width = "architecture.stage1.width"
    after = [(child, search[child.parent]) for child in search[7:] if child.parent is not None]
    alike = [(child, parent) for child, parent in after if child.config[width] == parent.config[width]]
    assert any(parent.number < 7 for _, parent in alike)
    for child, parent in alike:
        kept = load_file(tmp_path / "results" / "killed" / "weights" / f"trial-{parent.number:05d}.safetensors")
        assert child.metrics["began"] == pytest.approx(float(kept["stem.conv.weight"].sum()), rel=1e-5)
        assert child.metrics["began"] > parent.metrics["began"] + 1  # fresh weights are the same in all trials


SUPERNET = """
import os
import signal
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)

def data(config, trial):
    draws = torch.Generator().manual_seed(0)
    parts = TensorDataset(torch.randn(12, 1, 8, 8, generator=draws), torch.arange(12) % 3)
    died, saved = Path(__file__).with_name("died"), trial.checkpoint is not None
    with Path(__file__).with_name("began").open("a") as began:
        print(trial.checkpoint is not None, file=began)
    save = trial.save_checkpoint

    def noted(write):
        nonlocal saved
        save(write)
        saved = True

    def score(outputs, targets):
        if saved and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float((outputs.argmax(1) == targets).float().mean())

    trial.save_checkpoint = noted
    return {"train": DataLoader(parts, 6), "validation": DataLoader(parts, 6), "score": score}

def train(config, trial):
    yield {"score": float(sum(p.numel() for p in trial.build_model().parameters()))}
"""
ONE_SHOT = """
name: killed
trainable: task.py:train
objectives: [{metric: score, goal: maximize}]
architecture:
  input: [1, 8, 8]
  output: 3
  stages: [{ops: [conv1x1, conv3x3], depth: 1, width: 2}]
searcher: {type: one_shot, strategy: random, epochs: 3, top: 1, samples: 0, candidates: 2}
checkpoints: {every: 1}
budget: {trials: 2}
leaderboard: {top: 1, seeds: 2}
"""


def test_a_supernet_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Its driver is killed in the second epoch."""
    pytest.importorskip("nni")
    (before,), results = killed(tmp_path, SUPERNET, ONE_SHOT)
    assert (before.phase, before.state, len(before.reports)) == (Phase.SUPERNET, State.RUNNING, 1)
    (supernet,) = results.phase(Phase.SUPERNET)
    assert (supernet.state, supernet.attempts) == (State.COMPLETE, 2)
    assert supernet.reports[:1] == before.reports
    assert [report.step for report in supernet.reports] == [1, 2, 3]
    assert (tmp_path / "began").read_text().split() == ["False", "True"]
    assert [trial.state for trial in results.phase(Phase.SEARCH)] == [State.COMPLETE] * 2
    assert replay(results.ledger, results.record).difference is None
