"""The command ``assay diagnose``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import assay

ROWS = np.arange(200)
COLUMN = np.array(["old", "young"])[ROWS // 100]


def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
    trial.split(ROWS, ROWS % 3, sensitive=COLUMN)
    trial.save_predictions(lambda rows: np.eye(3)[(rows + (rows % 7 == 0)) % 3] * 0.7 + 0.1)
    return {"loss": config["x"] + trial.seed % 100 / 1e4}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished sweep. Only read it."""
    made = assay.Sweep(
        name="rows",
        objectives=[{"metric": "loss", "goal": "minimize"}],
        parameters={"x": assay.Float(0.0, 1.0, default=0.5)},
        budget={"trials": 2},
        leaderboard={"top": 1, "seeds": 2, "folds": 2},
    )
    return assay.run(made, train, store=tmp_path_factory.mktemp("store"), inline=True, progress=False)


@pytest.fixture
def diagnose(sweep: Any, cli: Any) -> Any:
    """``diagnose(*words)``: the command on the sweep."""
    return lambda *words: cli("diagnose", "rows", *words, "--store", sweep.ledger.store)


def test_text_and_json_tell_the_same(sweep: Any, diagnose: Any) -> None:
    done = diagnose()
    assert done.code == 0
    winner = sweep.best_trial.number
    assert done.out.startswith(f"trial {winner} of rows: validation, 160 examples, 2 replicates\n")
    assert "expected error" in done.out and "gap of accuracy" in done.out
    document = json.loads(diagnose("--json").out)
    assert document["schema_version"] == 1
    assert (document["trial"], document["kind"], document["examples"]) == (winner, "classes", 160)
    assert f"accuracy {document['scores']['accuracy']:.4g}" in done.out
    assert np.sum(document["confusion"]) == 160
    assert {row["name"] for row in document["groups"]["rows"]} == {"old", "young"}


def test_one_trial_and_the_sealed_part(sweep: Any, diagnose: Any) -> None:
    number = str(sweep.replicates[0].number)
    assert f"trial {number} of rows: validation, 80 examples\n" in diagnose(number).out
    document = json.loads(diagnose("--part", "test", "--json").out)
    assert (document["part"], document["examples"], document["predictions"]) == ("test", 40, 80)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["99"], 4, "sweep 'rows' has no trial 99"),
        (["--part", "tset"], 2, "part must be 'validation' or 'test', got 'tset' (did you mean 'test'?)"),
        (["x"], 2, "Invalid value for 'trial'"),
    ],
)
def test_mistakes(diagnose: Any, words: list[str], code: int, message: str) -> None:
    done = diagnose(*words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
