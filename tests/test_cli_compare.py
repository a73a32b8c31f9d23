"""`assay compare`, `power`, `replicate` and the options of `leaderboard`: what they print, what they refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRAIN = """
import random

def train(config, trial):
    noise = random.Random(trial.seed * 1000 + int(100 * config["x"])).gauss(0, 0.01)
    return {"loss": (config["x"] - 0.3) ** 2 + noise + trial.seed % 100 / 1e4}
"""
SWEEP = """
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters: {x: {min: 0.0, max: 1.0, default: 0.9}, kind: [a, b]}
budget: {trials: 8}
leaderboard: {top: 2, seeds: 3}
export: {rename: {x: optim.x}, retrain: {epochs: 40}}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep that ran; only to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "train.py").write_text(TRAIN)
    (folder / "sweep.yaml").write_text(SWEEP)
    words = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--inline"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def ran(cli: Any, finished: Path) -> Any:
    """The command line in a folder with a sweep that ran."""
    shutil.copytree(finished, cli.folder, dirs_exist_ok=True)
    return cli


def finalists(cli: Any) -> list[int]:
    return [row["trial"] for row in cli("leaderboard", "bowl", "--json").json["rows"]]


def test_compare_two_trials(ran: Any) -> None:
    first, *_, last = finalists(ran)
    done = ran("compare", "bowl", first, last)
    assert done.code == 0
    assert f"trial {first} of bowl is better than trial {last} of bowl" in done.out
    assert "x: " in done.out, "what they differ in"
    found = ran("compare", "bowl", first, last, "--json").json
    assert found["difference"]["mean"] < 0
    assert found["p_value"] < 0.05
    alone = ran("compare", "bowl", last, "--json").json
    assert alone["first"]["trial"] == first, "one trial is compared with the winner"


def test_compare_all_finalists(ran: Any) -> None:
    assert "pairs of finalists can be told apart" in ran("compare", "bowl").out
    assert len(ran("compare", "bowl", "--json").json["pairs"]) == 3


def test_compare_with_the_config_of_production(ran: Any) -> None:
    ran.write(old_yaml="optim: {x: 0.9}\nkind: a\nepochs: 40\n")
    found = ran("compare", "bowl", "--config", "old.yaml", "--json").json
    assert found["second"]["config"] == {"x": 0.9, "kind": "a"}
    ran.write(other_yaml="optim: {x: 0.5}\n")
    (mistake,) = ran.mistakes(4, "compare", "bowl", "--config", "other.yaml")
    assert "`assay replicate bowl --config FILE` trains it on their seeds" in mistake


def test_a_config_is_trained_on_the_seeds_of_the_finalists(ran: Any) -> None:
    ran.write(other_yaml="optim: {x: 0.5}\n")
    done = ran("replicate", "bowl", "--config", "other.yaml", "--seeds", 4, "--inline")
    assert done.code == 0, done.err
    board = ran("leaderboard", "bowl", "--json").json
    assert board["replicates"] == 4
    (rival,) = [row for row in board["rows"] if row["rival"]]
    assert rival["config"] == {"x": 0.5, "kind": "a"}
    assert "rival" in ran("leaderboard", "bowl").out
    again = ran("replicate", "bowl", "--config", "other.yaml", "--inline")
    assert "takes part already" in again.err
    assert ran("replay", "bowl").code == 0
    assert ran("compare", "bowl", "--config", "other.yaml").code == 0


def test_two_sweeps(ran: Any) -> None:
    assert ran("run", "sweep.yaml", "--inline", "--name", "other", "--set", "seed=1").code == 0
    found = ran("compare", "bowl", "other", "--json").json
    assert (found["paired"], found["test"]) == (False, "welch")


def test_a_table_of_methods(ran: Any) -> None:
    rows = "\n".join(f"d{number},{0.5 + number / 50},{0.6 + number / 50},{0.4 + number / 50}" for number in range(8))
    ran.write(scores_csv=f"data,a,b,c\n{rows}\n")
    found = ran("compare", "--table", "scores.csv", "--json").json
    assert found["methods"] == ["b", "a", "c"]
    assert "critical difference" in ran("compare", "--table", "scores.csv").out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["compare"], "name a sweep"),
        (["compare", "bowl", "1", "2", "3"], "two trials at a time, got 3"),
        (["compare", "bowl", "0", "bowl"], "trials of one sweep, or several sweeps"),
        (["compare", "bowl", "--models", "0"], "name a sweep and two trials"),
        (["compare", "bowl", "--models", "0", "1", "--part", "train"], "expected validation or test, got 'train'"),
        (["compare", "bowl", "--table", "x.csv"], "leave out bowl"),
        (["compare", "--table", "x.csv"], "x.csv cannot be read: No such file"),
        (["compare", "bowl", "--config", "train.py"], "train.py"),
        (["power"], "how much do runs differ?"),
        (["power", "--sd", "-1"], "sd must be above 0"),
        (["replicate", "bowl"], "nothing to do"),
        (["replicate", "bowl", "--budget", "9"], "top_k makes top x seeds replicates"),
        (["leaderboard", "bowl", "--test", "mrmc"], "mrmc needs the score of each example"),
        (["leaderboard", "bowl", "--rope", "0"], "rope must be a difference of the metric above 0"),
    ],
)
def test_mistakes(ran: Any, words: list[str], why: str) -> None:
    (mistake, *_) = ran.mistakes(2, *words)
    assert why in mistake


def test_models_without_predictions(ran: Any) -> None:
    (mistake,) = ran.mistakes(4, "compare", "bowl", "--models", "0", "1")
    assert "call trial.save_predictions in the training function" in mistake


def test_power(ran: Any) -> None:
    plan = ran("power", "bowl", "--gap", "0.05", "--json").json
    assert plan["needed"] >= 2
    assert plan["rivals"] == 2
    done = ran("power", "--sd", "0.01", "--gap", "0.01", "--rivals", "9")
    assert "15 replicates of each config find a difference of 0.01" in done.out


def test_another_test_than_the_sweeps(ran: Any, tmp_path: Path) -> None:
    board = ran("leaderboard", "bowl", "--test", "paired_t", "--rope", "0.5", "--json").json
    assert (board["test"], board["rope"]) == ("paired_t", 0.5)
    assert {row["in_rope"] for row in board["rows"]} == {True}
