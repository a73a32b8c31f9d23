"""An ensemble handed over: each member's config, and how their predictions are mixed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from assay.spaces import UsageError

from ..conftest import Recorder, probabilities


def recorded(recorder: Callable[..., Recorder], skill: float, **export: Any) -> Any:
    wanted = [{"metric": "log_loss", "goal": "minimize"}]
    made = recorder(objectives=wanted, export={"select": "ensemble", **export})
    targets = np.arange(90) % 3
    for seed in range(4):
        values = probabilities(np.random.default_rng(seed), targets, 3, skill)
        made.predict(made.search([0.9]), "validation", values, targets)
    return made.results()


def test_members_shares_and_temperature(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = recorded(recorder, 0.9)
    report = results.ensemble()
    bundle = results.export(tmp_path / "out")
    shares = json.loads((tmp_path / "out" / "ensemble.json").read_text())
    assert shares["accepted"] is True
    assert {one["trial"]: one["share"] for one in shares["members"]} == report.weights
    assert shares["temperature"] == report.temperature
    for one in shares["members"]:
        config = yaml.safe_load((tmp_path / "out" / one["folder"] / "config.yaml").read_text())
        trial = next(t for t in results.trials if t.number == one["trial"])
        assert config == trial.config.nested()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["sha256"]) | {"manifest.json"} == {str(f.relative_to(bundle.folder)) for f in bundle.files}
    assert len(bundle.check()) == 2 * len(shares["members"])


def test_a_second_export_replaces_the_first(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = recorded(recorder, 0.9)
    results.export(tmp_path / "out")
    results.export(tmp_path / "out", trial=0)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == [
        "config.json",
        "config.yaml",
        "manifest.json",
    ]


def test_a_refused_ensemble_is_not_exported(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    results = recorded(recorder, 0.0)
    with pytest.raises(UsageError, match=r"not distinguishable from .*: write export: \{select: best\}, or give"):
        results.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert results.export(tmp_path / "one", trial=1).trial == 1
    at_the_end = results.export(tmp_path / "best", or_best=True)
    assert at_the_end.trial == results.best_trial.number
    assert at_the_end.notes[0].startswith("the ensemble is not distinguishable from the best single model")
    assert at_the_end.notes[0] in (tmp_path / "best" / "config.yaml").read_text()


def test_without_predictions(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    made = recorder(export={"select": "ensemble"})
    made.search([0.5])
    with pytest.raises(UsageError, match=r"keeps no predictions .*write export: \{select: best\}"):
        made.results().export(tmp_path / "out")
