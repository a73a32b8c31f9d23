"""Networks on the leaderboard, in pictures and in exports."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.analysis import Results
from assay.analysis.network_files import build_network, network_drawing
from assay.analysis.terminal import config_table, trials_table
from assay.cluster.files import write_weights
from assay.spaces import DamagedFileError, UsageError
from assay.spaces.architectures.staged import StagedArchitecture
from assay.trainables.weights import RegisteredNetwork

from .conftest import Recorder
from .test_terminal import shown

STAGE = {"ops": ["conv3x3", "conv5x5"], "depth": 1, "width": [4, 8], "stride": 2}
ARCHITECTURE = {"input": [1, 8, 8], "output": 3, "stages": [STAGE]}
SMALL = {"architecture.stage1.depth": 1, "architecture.stage1.width": 4, "architecture.stage1.op1": "conv3x3"}
LARGE = SMALL | {"architecture.stage1.width": 8, "architecture.stage1.op1": "conv5x5"}


@pytest.fixture
def made(recorder: Callable[..., Recorder]) -> Recorder:
    return recorder(architecture=ARCHITECTURE)


def keep_weights(made: Recorder, trial: Any, seed: int) -> torch.nn.Module:
    model, _ = build_network(made.results(), trial)
    torch.manual_seed(seed)
    with torch.no_grad():
        for one in model.parameters():
            one.normal_()
    weights = RegisteredNetwork(model).collect()
    file = write_weights(made.ledger.store, made.record.name, trial.number, weights)
    made.ledger.update_trial(made.record, trial, [file])
    return model.eval()


@pytest.fixture
def two(made: Recorder) -> tuple[Recorder, Any, Any]:
    one, other = made.search([0.7], SMALL | {"lr": 0.1}), made.search([0.9], LARGE | {"lr": 0.2})
    made.replicate(one, [0.70, 0.71, 0.72])
    runs = made.replicate(other, [0.90, 0.91, 0.92])
    return made, other, runs


def test_a_network_is_one_entry_of_its_config(two: tuple[Recorder, Any, Any]) -> None:
    results = two[0].results()
    table = shown(config_table(results.leaderboard()))
    assert "conv5x5-8/2 | pool-3" in table
    assert "stage1" not in table
    assert results.leaderboard().to_dict()["rows"][0]["network"] == "conv5x5-8/2 | pool-3"
    assert "conv3x3-4/2 | pool-3 lr=0.1" in shown(trials_table(results.trials, results.sweep))


def test_an_export_has_the_network_for_torch_alone(two: tuple[Recorder, Any, Any], tmp_path: Path) -> None:
    made, winner, runs = two
    model = keep_weights(made, runs[1], seed=5)
    bundle = made.results().export(tmp_path / "best")
    assert bundle.trial == winner.number
    assert {file.name for file in bundle.files} >= {"architecture.json", "model.py", "weights.safetensors"}
    about = json.loads((bundle.folder / "architecture.json").read_text())
    assert about["config"] == dict(winner.config)
    code = (bundle.folder / "model.py").read_text()
    assert "assay." not in code
    assert "import nni" not in code
    inputs = torch.randn(5, 1, 8, 8)
    space: dict[str, Any] = {"__file__": str(bundle.folder / "model.py"), "__name__": "exported"}
    sys.modules["exported"] = torch  # dataclasses and the like look their module up
    try:
        exec(compile(code, "model.py", "exec"), space)
    finally:
        del sys.modules["exported"]
    rebuilt = space["load"](bundle.folder / "weights.safetensors")
    assert torch.allclose(rebuilt(inputs), model(inputs), atol=1e-6)
    assert any(f"replicate trial {runs[1].number}" in note for note in bundle.notes)
    sums = json.loads((bundle.folder / "manifest.json").read_text())["sha256"]
    assert sums.keys() >= {"architecture.json", "model.py", "weights.safetensors"}
    assert "model.py: run by PyTorch" in "\n".join(bundle.check())


def test_an_export_without_weights_says_so(two: tuple[Recorder, Any, Any], tmp_path: Path) -> None:
    bundle = two[0].results().export(tmp_path / "best")
    assert "weights.safetensors" not in {file.name for file in bundle.files}
    assert any(note.startswith("no weights:") for note in bundle.notes)


def test_damaged_and_foreign_weights_are_not_handed_over(two: tuple[Recorder, Any, Any], tmp_path: Path) -> None:
    made, _, runs = two
    keep_weights(made, runs[0], seed=1)
    (file,) = made.ledger.artifacts(made.record, "weights")
    path = made.ledger.store / file.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match="not as it was written"):
        made.results().export(tmp_path / "best")


def test_weights_of_another_network_are_refused(two: tuple[Recorder, Any, Any], tmp_path: Path) -> None:
    made, _, runs = two
    weights = RegisteredNetwork(torch.nn.Linear(2, 2)).collect()
    file = write_weights(made.ledger.store, made.record.name, runs[0].number, weights)
    made.ledger.update_trial(made.record, runs[0], [file])
    bundle = made.results().export(tmp_path / "best")
    (note,) = (note for note in bundle.notes if note.startswith("the config alone"))
    assert "holds the weights of another network than trial" in note
    assert {file.name for file in bundle.files} == {"config.yaml", "config.json", "manifest.json"}


def test_a_drawing(two: tuple[Recorder, Any, Any]) -> None:
    drawing = network_drawing(two[0].results(), 1)
    assert drawing.startswith("<svg")
    assert "demo, trial 1" in drawing
    assert "Conv2d 5" in drawing


def test_to_look_at_a_network_leaves_the_draws_of_other_threads_alone(
    two: tuple[Recorder, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training beside it draws what it would have drawn, and nothing that it drew comes again."""
    torch.manual_seed(3)
    expected = torch.rand(3).tolist()
    drawn: list[float] = []
    build = StagedArchitecture.build

    def meanwhile(self: StagedArchitecture, config: Any) -> Any:
        model = build(self, config)
        other = threading.Thread(target=lambda: drawn.append(torch.rand(1).item()))
        other.start()
        other.join()
        return model

    monkeypatch.setattr(StagedArchitecture, "build", meanwhile)
    torch.manual_seed(3)
    network_drawing(two[0].results(), 1)
    build_network(two[0].results(), two[1])
    assert [*drawn, torch.rand(1).item()] == expected


def test_a_sweep_without_networks_has_none_to_draw(finished: Results) -> None:
    with pytest.raises(UsageError, match="has no architecture"):
        network_drawing(finished, 1)


def test_weights_that_began_with_anothers_are_the_last_choice(two: tuple[Recorder, Any, Any], tmp_path: Path) -> None:
    made, winner, _ = two
    child = made.search([0.95], LARGE | {"lr": 0.3}, parent=winner.number)
    keep_weights(made, child, seed=1)
    told = made.results().export(tmp_path / "own", trial=child.number).notes
    assert any(note.endswith(f"that began with the weights of trial {winner.number}") for note in told)
    [run, *_] = made.replicate(child, [0.9, 0.9, 0.9])
    keep_weights(made, run, seed=2)
    told = made.results().export(tmp_path / "fresh", trial=child.number).notes
    assert any(note.startswith(f"weights.safetensors is of replicate trial {run.number} ") for note in told)
    assert not any("began with" in note for note in told)
