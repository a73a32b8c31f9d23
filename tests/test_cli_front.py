"""A search for accuracy and latency from the file to the knee that production gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import assay as package
from assay.analysis import Results
from assay.search import Phase, missing_engines
from assay.search.yaml_reader import read_yaml
from assay.spaces import UsageError

TRAIN = """
def train(config, trial):
    for step in trial.steps():
        luck = (trial.seed * 7919 % 1000 - 500) / 1e5
        yield {
            "accuracy": 1 - 0.5 / (1 + 4 * config["width"]) ** (step + 1) - 0.2 * (config["lr"] - 0.5) ** 2 + luck,
            "latency_ms": 1 + 20 * config["width"] ** 2 + 2 * config["deep"] + luck,
        }
"""
SWEEP = """
name: pair
trainable: train.py:train
objectives:
  - {metric: accuracy, goal: maximize, reference: 0.5}
  - {metric: latency_ms, goal: minimize}
parameters: {width: "uniform(0, 1)", lr: "uniform(0, 1)", deep: [false, true]}
fidelity: {unit: epoch, max: 3}
scheduler: {type: asha, metric: accuracy}
searcher: {type: tpe, startup: 5}
budget: {trials: 24}
leaderboard: {top: 5, seeds: 3, test: paired_t}
export: {select: knee}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Only read it."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "train.py").write_text(TRAIN)
    (folder / "sweep.yaml").write_text(SWEEP)
    return package.run(folder / "sweep.yaml", store=folder / "store", inline=True, progress=False)


@pytest.fixture
def done(cli: Any, finished: Results, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line with the finished sweep as its store."""
    monkeypatch.setenv("ASSAY_STORE", str(finished.ledger.store))
    return cli


def test_the_front_is_of_the_finalists_and_rests_on_their_replicates(finished: Results) -> None:
    front, board = finished.front(), finished.leaderboard()
    assert {point.trial for point in front.points} == {row.trial for row in board.rows if row.rank is not None}
    assert front.replicates == 3
    for row in board.rows:
        point = front.point(row.trial)
        assert point.on_front == row.on_front
        assert row.fresh is not None
        assert point.values["accuracy"].mean == pytest.approx(row.fresh.mean)
        assert point.values["latency_ms"].mean == pytest.approx(row.others["latency_ms"].mean)
    assert board.winner in front.trials
    assert len(front.trials) >= 3
    assert front.knee is not None


def test_models_of_the_front_are_scored_on_the_sealed_part(tmp_path: Path) -> None:
    targets = np.arange(60) % 2

    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        data = trial.split(targets[:, None], targets)
        sure = config["width"] / 2
        trial.save_predictions(lambda rows: np.abs(np.array([0.5, 0.5]) - rows * [sure, -sure]))
        return {"accuracy": config["width"] + len(data.x_train) * 1e-9, "latency_ms": 5 * config["width"]}

    sweep = yaml.safe_load(SWEEP) | {"scheduler": "none", "fidelity": None, "budget": {"trials": 4}}
    results = package.run(package.Sweep(**sweep), train, store=tmp_path, inline=True, progress=False)
    tested = {trial.parent for trial in results.phase(Phase.TEST)}
    assert len(results.front().trials) == 4 > len(results.leaderboard().tied)
    assert {run.number for run in results.replicates} <= tested


def test_the_command_shows_it(done: Any, finished: Results) -> None:
    front = finished.front()
    shown = done("front", "pair")
    assert shown.code == 0
    for part in (front.headline, "accuracy (95 %)", "latency_ms (95 %)", "knee", "from the data: latency_ms"):
        assert part in shown.out
    assert f"to trial {front.knee.trades[0].trial}: " in shown.out  # type: ignore[union-attr]
    document = done("front", "@last", "--json").json
    assert document == {"schema_version": 1} | json.loads(json.dumps(front.to_dict()))


def test_the_leaderboard_tells_who_is_on_the_front(done: Any, finished: Results) -> None:
    rows = done("leaderboard", "pair", "--json").json["rows"]
    assert {row["trial"] for row in rows if row["on_front"]} == set(finished.front().trials)


def test_production_gets_the_knee(done: Any, finished: Results, tmp_path: Path) -> None:
    knee = finished.front().knee
    assert knee is not None
    document = done("export", "pair", "--output", tmp_path / "best", "--json").json
    trial = next(one for one in finished.trials if one.number == knee.trial)
    assert document["trial"] == knee.trial
    text = (tmp_path / "best" / "config.yaml").read_text()
    assert yaml.safe_load(text) == trial.config.nested()
    assert f"trial {knee.trial} is the knee of the front of accuracy and latency_ms" in text
    assert document["notes"][0] in text


def test_a_check_says_what_is_to_come(done: Any) -> None:
    done.write(train_py=TRAIN, sweep_yaml=SWEEP)
    text = done("check", "sweep.yaml").out
    assert "finalists come front by front" in text
    assert "asha compares trials by accuracy alone (scheduler.metric)" in text


def test_one_objective_has_no_front(cli: Any) -> None:
    cli.write(train_py=TRAIN, sweep_yaml=SWEEP)
    sweep = yaml.safe_load(SWEEP)
    sweep["objectives"] = [{"metric": "accuracy", "goal": "maximize"}]
    del sweep["export"]
    sweep["budget"] = {"trials": 2}
    cli.write(sweep_yaml=yaml.safe_dump(sweep))
    assert cli("run", "sweep.yaml", "--inline").code == 0
    [text] = cli.mistakes(2, "front", "pair")
    assert text.startswith("sweep 'pair' has one objective, accuracy: a front needs two")
    with pytest.raises(UsageError, match="a front needs two"):
        package.load("pair", cli.folder / "assay-results").front()


def test_without_a_knee_production_gets_the_choice_of_the_leaderboard(cli: Any) -> None:
    sweep = yaml.safe_load(SWEEP) | {"budget": {"trials": 1}, "leaderboard": {"top": 1, "seeds": 2, "test": "paired_t"}}
    cli.write(train_py=TRAIN, sweep_yaml=yaml.safe_dump(sweep))
    assert cli("run", "sweep.yaml", "--inline").code == 0
    found = cli("export", "pair", "--json").json
    assert found["trial"] == 0
    assert found["notes"][0] == (
        "the front of accuracy and latency_ms has no knee; trial 0 is the choice of the leaderboard, which compares "
        "accuracy alone"
    )


DOCS = (Path(package.__file__).parent / "docs" / "objectives.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```$", DOCS, flags=re.DOTALL | re.MULTILINE))
def test_the_sweep_file_of_the_page_can_run(text: str) -> None:
    assert missing_engines(package.Sweep(**read_yaml(text).value)) == []


def test_the_python_of_the_page_runs(finished: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [text] = re.findall(r"^```python\n(.*?)^```$", DOCS, flags=re.DOTALL | re.MULTILINE)
    first = finished.front().trials[0]
    exec(compile(text.replace("point(15)", f"point({first})"), "docs/objectives.md", "exec"), {"results": finished})
    assert (tmp_path / "best" / "config.json").exists()
