"""What workers of an architecture search import, and what they say meanwhile; a whole search where NNI is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay.cluster import RayExecutor
from assay.cluster.tune_limits import refuse_what_tune_cannot
from assay.cluster.worker import Worker
from assay.spaces import SweepError
from assay.trainables import TrainableRef, TrialSpec

from ..analysis.conftest import Recorder
from .worlds import make_sweep

REF = TrainableRef("train.py:train", ".")
SPEC = TrialSpec(3, {}, "score")

LOADED = """
import sys
from assay.cluster.environment import Surroundings
from assay.cluster.worker import Worker
from assay.trainables import TrainableRef
heavy = {"scipy", "pandas", "pydantic", "sqlalchemy", "torch", "optuna", "assay.search", "assay.analysis"}
print(heavy & {*sys.modules})
networks = {"space": "models.py:Net", "input": [1, 4, 4], "directory": sys.argv[1]}
print(Worker(TrainableRef("models.py:train", sys.argv[1])).load(None, Surroundings(networks=networks)))
print("pytorch_lightning" in sys.modules, "gym" in sys.modules)
from nni.nas.evaluator import Lightning  # loaded when it is asked for
from nni.nas.nn import LayerChoice
"""
MODELS = """
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from torch import nn

class Net(ModelSpace):
    def __init__(self):
        super().__init__()
        self.layer = LayerChoice([nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 1)], label="layer")

    def forward(self, x):
        return self.layer(x)

def train(config, trial):
    yield {"score": 0.0}
"""


def python(*words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=110, check=False, env=os.environ | variables
    )


def test_a_worker_loads_networks_without_noise_and_without_what_it_does_not_need(tmp_path: Path) -> None:
    """A file that imports NNI at its top, in a process that has not."""
    pytest.importorskip("nni")
    (tmp_path / "models.py").write_text(MODELS)
    done = python("-W", "always", "-c", LOADED, str(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "found to be not a nn.Module" not in done.stderr
    assert done.stdout.splitlines() == ["set()", "None", "False False"]


POLICY = """
import sys
from assay.cluster.training import load
from assay.search.nas.strategy_options import NNIOptions
from assay.spaces import Objective, Space
from assay.spaces.architectures import architecture_of
from assay.trainables import TrainableRef
networks = {"space": "models.py:Net", "directory": sys.argv[1]}
load(TrainableRef("models.py:train", sys.argv[1]), networks)
space = Space(architecture_of(networks).parameters())
searcher = NNIOptions(strategy="policy_rl").build(space, Objective("score", "maximize"), 0)
print(sys.modules["models"].OWN, sys.modules["gym"].__file__)
print(dict(searcher.ask(0, ())))
"""


def test_a_module_named_gym_is_the_users_own_and_strategies_find_another(tmp_path: Path) -> None:
    """The file's import of NNI's strategies finds no gym that it could use; the search does."""
    pytest.importorskip("nni")
    pytest.importorskip("tianshou")
    (tmp_path / "gym.py").write_text("OWN = 7\n")
    (tmp_path / "models.py").write_text(f"import nni.nas.strategy\nfrom gym import OWN\n{MODELS}")
    done = python("-c", POLICY, str(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    own, proposal = done.stdout.splitlines()
    assert own == f"7 {tmp_path}/gym.py"
    assert proposal in ("{'architecture.layer': 0}", "{'architecture.layer': 1}")


def test_networks_that_are_not_there_are_told_before_a_trial(tmp_path: Path) -> None:
    pytest.importorskip("nni")
    from assay.cluster.environment import Surroundings

    (tmp_path / "train.py").write_text("def train(config, trial):\n    yield {'score': 0.0}\n")
    worker = Worker(TrainableRef("train.py:train", str(tmp_path)))
    networks = {"space": "gone.py:Net", "directory": str(tmp_path)}
    reason = worker.load(None, Surroundings(networks=networks))
    assert reason is not None
    assert f"there is no file {tmp_path}/gone.py" in reason


# Weights of parents


def test_weights_are_sent_to_workers_that_may_not_see_them(tmp_path: Path) -> None:
    """To a cluster that runs already they travel with the trial; on this machine their path does."""
    file = tmp_path / "trial-00001.safetensors"
    file.write_bytes(b"weights")
    spec = replace(SPEC, inherit=str(file))
    there, here = RayExecutor(REF, address="10.0.0.5:6379"), RayExecutor(REF)
    assert there._seen_from_there(spec).inherit == b"weights"
    assert here._seen_from_there(spec).inherit == str(file)
    assert there._seen_from_there(SPEC).inherit is None
    file.unlink()
    assert there._seen_from_there(spec).inherit == str(file)  # which the trial cannot read, and says so


def test_ray_tune_sends_no_weights_to_a_running_cluster() -> None:
    stages = [{"ops": ["conv3x3"], "depth": 1, "width": 4}]
    sweep = make_sweep(
        architecture={"input": [1, 4, 4], "output": 2, "stages": stages},
        searcher={"type": "regularized_evolution", "inherit": True},
        engine="tune",
    )
    with pytest.raises(SweepError, match=r"searcher\.inherit: Ray Tune sends no weights to the nodes of a running"):
        refuse_what_tune_cannot(sweep, inline=False, address="10.0.0.5:6379")
    refuse_what_tune_cannot(sweep, inline=False, address=None)


# Without NNI

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nni", "pytorch_lightning", "lightning", "tianshou"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""
TRAIN = """
import torch

def train(config, trial):
    for name in ("nni", "pytorch_lightning", "tianshou"):
        try:
            __import__(name)
        except ModuleNotFoundError:
            continue
        raise AssertionError(name)
    torch.set_num_threads(1)
    model = trial.build_model()
    with torch.no_grad():
        next(model.parameters()).add_(config["shift"])
    yield {"score": config["shift"]}
"""
SWEEP = """
name: bare
trainable: train.py:train
objectives: [{metric: score, goal: maximize}]
parameters: {shift: "uniform(0, 1)"}
architecture:
  input: [1, 8, 8]
  output: 3
  stages: [{ops: [conv3x3, identity], depth: "int(1, 2)", width: [4, 8]}]
searcher: {type: regularized_evolution, population: 2, sample: 2, inherit: true}
constraints: [{metric: params, max: 100000}]
budget: {trials: 4}
leaderboard: {top: 1, seeds: 2}
"""


COMMANDS = """
import json
import sys
from assay.cli import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["assay", *words]
    try:
        main()
    except SystemExit as end:
        print(f"{words}: {end.code or 0}", flush=True)
"""


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python where no process can import NNI, workers of Ray neither."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(BLOCKED)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    path = os.pathsep.join([str(tmp_path / "blocked"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return lambda *words: python(*words, folder=tmp_path, PYTHONPATH=path)


def test_a_search_of_networks_needs_no_nni(
    bare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Nor does any command that looks at one; of a model space that was recorded where there is NNI neither."""
    ran = bare("-m", "assay", "run", "sweep.yaml", "--workers", "2")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "rank" in ran.stdout
    _record_model_space(tmp_path / "there")
    there, recorded = ["--store", "there"], ["demo", "--store", "there"]
    commands = [
        ["check", "sweep.yaml"],
        ["leaderboard", "bare"],
        ["show", "bare"],
        ["show", "bare", "1", "--graph", "-o", "network.svg"],
        ["plot", "bare", "history", "-o", "history.svg"],
        ["report", "bare", "-o", "report.html"],
        ["export", "bare", "-o", "best"],
        ["list", *there],
        ["leaderboard", *recorded],
        ["show", *recorded],
        ["show", "demo", "1", *there],
        ["report", *recorded, "-o", "there.html"],
    ]
    done = bare("-c", COMMANDS, json.dumps(commands))
    ended = [line for line in done.stdout.splitlines() if line.startswith("['")]
    assert ended == [f"{words}: 0" for words in commands], done.stderr
    assert "1 changed: layer=narrow" in done.stdout
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("network.svg", "history.svg", "report.html"))
    assert r'"svg":"\u003csvg' in (tmp_path / "report.html").read_text(encoding="utf-8")  # the winner's network
    assert {"config.yaml", "architecture.json", "model.py", "weights.safetensors"} <= {
        file.name for file in (tmp_path / "best").iterdir()
    }
    built = python("-c", "import model; print(len(list(model.load('weights.safetensors').parameters())) > 2)",
                   folder=tmp_path / "best")  # fmt: skip
    assert built.stdout == "True\n", built.stderr


def _record_model_space(store: Path) -> None:
    """A finished sweep, as the machine left it on which it ran."""
    space = {"space": "models.py:Net", "parameters": {"architecture.layer": ["wide", "narrow"]}}
    made = Recorder(store, architecture=space, leaderboard={"top": 2, "seeds": 2})
    made.others = {"params_m": 0.5}
    for layer, scores in (("wide", [0.8, 0.7]), ("narrow", [0.6, 0.5])):
        trial = made.search([0.5], {"architecture.layer": layer, "lr": 0.1})
        made.replicate(trial, scores)
    made.results()
    made.ledger.close()
