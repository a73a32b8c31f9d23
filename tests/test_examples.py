"""The examples that are started as scripts run as they stand, only shorter."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.search import State

EXAMPLES = Path(assay.__file__).parent / "examples"


@pytest.mark.parametrize(
    ("name", "options"), [("train_typed", {"trials": 3}), ("train_presets", {"trials": 2, "epochs": 2})]
)
def test_an_example(name: str, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(**options, inline=True, store=tmp_path, progress=False)
    headline, best = capsys.readouterr().out.splitlines()
    assert headline
    assert ("eta=" in best) if name == "train_typed" else ("batch_size" in best)
    trials = assay.load(name.removeprefix("train_"), store=tmp_path).trials
    assert trials
    assert State.FAILED not in {trial.state for trial in trials}
