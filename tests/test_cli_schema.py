"""The sweep file on the command line: its JSON Schema, and what it may say but this version cannot do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.spaces import SweepError

SWEEP = """\
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters: {x: "uniform(0, 1)"}
budget: {trials: 3}
tracking: {wandb: vision, mlflow: vision}
"""
MISSING = [
    "sweep.yaml:6:12: tracking.wandb: telling project 'vision' of Weights & Biases is not in this version: remove it",
    "sweep.yaml:6:27: tracking.mlflow: telling experiment 'vision' of MLflow is not in this version: remove it",
]


def test_the_schema_is_printed_and_written(cli: Any) -> None:
    printed = cli("schema")
    assert (printed.code, printed.err) == (0, "")
    assert {"name", "parameters", "export"} <= printed.json["properties"].keys()
    written = cli("schema", "-o", "sweep.schema.json")
    assert (written.code, written.out) == (0, "sweep.schema.json\n")
    assert "# yaml-language-server: $schema=sweep.schema.json" in written.err
    assert json.loads((cli.folder / "sweep.schema.json").read_text()) == printed.json
    assert cli.mistakes(2, "schema", "-o", "no/such/file")[0].startswith("--output: no/such/file cannot be written: ")


@pytest.mark.parametrize(
    "command",
    [
        ["run", "sweep.yaml", "--inline"],
        ["run", "sweep.yaml", "--resume"],
        ["check", "sweep.yaml"],
        ["submit", "sweep.yaml", "--address", "http://127.0.0.1:1"],
        ["import", "csv", "results.csv", "--sweep", "sweep.yaml"],
    ],
    ids=lambda command: command[0],
)
def test_what_has_no_engine_is_refused_before_anything_starts(cli: Any, command: list[str]) -> None:
    cli.write(sweep_yaml=SWEEP, train_py="def train(config, trial):\n    return {'loss': config['x']}\n")
    assert cli.mistakes(2, *command) == MISSING
    assert not Path("assay-results").exists()


def test_a_command_is_refused_as_such_and_not_as_a_missing_function(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP.replace("trainable: train.py:train", "command: python train.py"))
    refusal = "sweep.yaml:2:1: command: starting a program for each trial is not in this version: write trainable: "
    for command in (["run", "--inline"], ["check"], ["submit", "--address", "http://127.0.0.1:1"]):
        assert cli.mistakes(2, *command, "sweep.yaml")[0] == f"{refusal}file.py:function"


def test_python_is_told_the_lines_too(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP)
    with pytest.raises(SweepError) as caught:
        assay.run("sweep.yaml", lambda config, trial: {"loss": 0.0}, inline=True, progress=False)
    assert str(caught.value).splitlines() == MISSING


def test_all_reasons_come_together(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP + "engine: tune\nresources: {slots: 2}\ncluster: {storage: 'nowhere://x'}\n")
    lines = cli.mistakes(2, "check", "sweep.yaml")
    assert lines[:2] == MISSING
    assert (
        lines[2]
        == "sweep.yaml:8:13: resources.slots: Ray Tune runs one trial in a process: write 1, or write engine: assay"
    )
    assert lines[3].startswith("sweep.yaml:9:11: cluster.storage: ")
