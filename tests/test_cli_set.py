"""`--set PATH=VALUE`: what it changes of a sweep file, where mistakes are said to be, and that it is recorded."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.analysis.yaml_writer import dump_yaml
from assay.cli.changes import Changes
from assay.search import Ledger, Sweep, read_sweep
from assay.search.yaml_reader import read_yaml
from assay.spaces import SweepError

TRAIN = """
def train(config, trial):
    for step in trial.steps():
        yield {"loss": (config["x"] - 0.3) ** 2 + 1 / (step + 1) + trial.seed % 100 / 1e4}
"""
SWEEP = """\
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters:
  x: uniform(0, 1)
  optim.lr: {min: 1.0e-4, max: 1.0e-1, log: true}
  depth: [1, 2]
searcher: random
scheduler: asha
fidelity: {unit: epoch, max: 4}
budget: {trials: 4}
leaderboard: {top: 1, seeds: 2}
tracking: {tensorboard: true}
"""


def changed(*words: str, text: str = SWEEP, **more: Any) -> dict[str, Any]:
    """The content of the file with changes, unchecked."""
    value: dict[str, Any] = Changes.of(words, **more)(read_yaml(text)).value
    return value


@pytest.mark.parametrize(
    ("words", "path", "value"),
    [
        (["parameters.x=loguniform(1e-4, 1e-2)"], ["parameters", "x"], "loguniform(1e-4, 1e-2)"),
        (["parameters.optim.lr=0.1"], ["parameters", "optim.lr"], 0.1),
        (["parameters.optim.lr.max=0.5"], ["parameters", "optim.lr", "max"], 0.5),
        (["parameters.optim.momentum=[0.0, 0.9]"], ["parameters", "optim.momentum"], [0.0, 0.9]),
        (["parameters.optim.lr.when.optim.name=sgd"], ["parameters", "optim.lr", "when"], {"optim.name": "sgd"}),
        (["parameters.depth.1=3"], ["parameters", "depth"], [1, 3]),
        (["searcher=tpe"], ["searcher"], "tpe"),
        (["scheduler.eta=4"], ["scheduler"], {"type": "asha", "eta": 4}),
        (["scheduler=hyperband", "scheduler.eta=4"], ["scheduler"], {"type": "hyperband", "eta": 4}),
        (["searcher=null", "searcher.startup=8"], ["searcher"], {"type": "tpe", "startup": 8}),
        (["objectives.0.goal=maximize"], ["objectives", 0], {"metric": "loss", "goal": "maximize"}),
        (["resources.cpu=2"], ["resources"], {"cpu": 2}),
        (["cluster.retry.lost=1"], ["cluster"], {"retry": {"lost": 1}}),
        (["resources.custom.a.b=1"], ["resources", "custom"], {"a.b": 1}),
        (["description='# 1'"], ["description"], "# 1"),
        (["constraints=[{require: depth == 1}]"], ["constraints"], [{"require": "depth == 1"}]),
    ],
)
def test_a_value_gets_to_its_place(words: list[str], path: list[str | int], value: Any) -> None:
    found: Any = changed(*words)
    for key in path:
        found = found[key]
    assert found == value
    others = changed()
    assert {key: one for key, one in changed(*words).items() if key != path[0]} == {
        key: one for key, one in others.items() if key != path[0]
    }


def test_null_removes_and_the_shortcuts_are_changes_too() -> None:
    assert "tracking" not in changed("tracking=null")
    assert changed("architecture=null") == changed(), "a section that is not there is as wished"
    assert list(changed("parameters.optim.lr=null")["parameters"]) == ["x", "depth"]
    assert changed("objectives=[]", name="other", trials=9)["name"] == "other"
    assert changed("budget=null", trials=9)["budget"] == {"trials": 9}


@given(
    key=st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4}){0,2}", fullmatch=True),
    value=st.one_of(
        st.integers(-9, 9), st.booleans(), st.floats(-9, 9), st.text("ab :#'{[é\n", min_size=1), st.lists(st.integers())
    ),
)
@settings(max_examples=60, deadline=None)
def test_whatever_yaml_can_say_can_be_set(key: str, value: Any) -> None:
    text = dump_yaml({"v": value}).removeprefix("v:")
    assert changed(f"parameters.{key}={text}", text="parameters: {}")["parameters"] == {key: value}


SET_MISTAKES = [
    ("optim.lr=0.1", "optim.lr is a parameter: write --set parameters.optim.lr=..."),
    (
        "parameters.optim.lrr=0.1",
        "there is no parameter 'optim.lrr' (did you mean 'optim.lr'?); a new one is added in the file",
    ),
    ("scheduler.eta=1", "scheduler.eta: must be 1.1 or more, got 1"),
    ("schedular=asha", "schedular: unknown key 'schedular' (did you mean 'scheduler'?)"),
    ("budget=null", "budget: missing: How long the search goes on"),
    ("fidelity.max=zero", "fidelity.max: expected a whole number, got 'zero'"),
    ("parameters.y=uniform(1, 0)", "parameters.y: min 1 must be below max 0"),
    ("resources.gpu=1.5", "resources.gpu: a trial has whole GPUs or a part of one, got 1.5"),
    ("scheduler", "expected --set PATH=VALUE, such as --set scheduler.eta=4"),
    ("a..b=1", "expected --set PATH=VALUE, such as --set scheduler.eta=4"),
    ("seed=", "there is no value: write seed=null to remove it, seed='\"\"' for empty text"),
    ("seed=#1", "there is no value: write seed=null to remove it, seed='\"\"' for empty text"),
    ("seed=[", "the value is not YAML: expected the node content, but found '<stream end>'"),
    ("budget={trials: 1, trials: 2}", "trials: 'trials' is given twice (first in line 1): keep one"),
    (
        "parameters.x.when=depth == 1",
        "parameters.x is 'uniform(0, 1)', in which there is no 'when': set parameters.x as a whole",
    ),
    ("budget.trials.x=1", "budget.trials is 4, in which there is no 'x': set budget.trials as a whole"),
    (
        "objectives.1.goal=minimize",
        "objectives has 1 entry, counted from 0: to add one, set the whole list, such as --set 'objectives=[...]'",
    ),
    ("objectives.goal=x", "objectives is a list of 1 entry: name one by its number, such as objectives.0"),
    ("objectives.0=null", "an entry of a list cannot be removed: set objectives as a whole"),
    (
        "architecture.stages.0.depth=1",
        "there is no list architecture.stages: set it as a whole, such as --set 'architecture.stages=[...]'",
    ),
    ("trackin=null", "there is no trackin to remove (did you mean 'tracking'?)"),
    ("budget.time=null", "there is no budget.time to remove"),
    (
        "parameters.optim.lrr.max=1",
        "there is no parameter 'optim.lrr' (did you mean 'optim.lr'?); a new one is added in the file",
    ),
]


@pytest.mark.parametrize(("word", "message"), SET_MISTAKES, ids=[word for word, _ in SET_MISTAKES])
def test_a_mistake_is_located_on_the_command_line(cli: Any, word: str, message: str) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    assert cli.mistakes(2, "check", "sweep.yaml", "--set", word) == [f"--set {word}: {message}"]


def test_mistakes_of_the_file_keep_their_lines(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP.replace("seeds: 2", "seeds: 1"), train_py=TRAIN)
    words = ["--set", "seed=-1", "--set", "tracking.wandb=vision", "--set", "parameters.depth=[]"]
    assert cli.mistakes(2, "run", "sweep.yaml", "--inline", *words) == [
        "--set seed=-1: seed: must be 0 or more, got -1",
        "--set parameters.depth=[]: parameters.depth: values must be a list with at least one entry, got []",
        "sweep.yaml:12:23: leaderboard.seeds: must be 2 or more, got 1",
    ]
    cli.write(sweep_yaml=SWEEP)
    told = cli.mistakes(
        2, "run", "sweep.yaml", "--inline", "--set", "cluster.storage=nowhere://x", "--set", "tracking=null"
    )
    assert [line.partition(": cluster.storage: ")[0] for line in told] == ["--set cluster.storage=nowhere://x"]


def test_all_that_cannot_be_made_is_told_at_once_and_nothing_is_undone() -> None:
    with pytest.raises(SweepError) as caught:
        changed("a.b.c=1", "budget.trials.x=1", "objectives.7.goal=x")
    assert len(str(caught.value).splitlines()) == 2
    for words, more in [
        (["scheduler.eta=4", "scheduler=asha"], {}),
        (["seed=1", "seed=2"], {}),
        (["name=a"], {"name": "b"}),
        (["budget={trials: 3}", "budget.trials=2"], {"trials": 1}),
    ]:
        with pytest.raises(SweepError, match="this would undo `--set "):
            changed(*words, **more)


def test_what_is_given_twice_in_the_file_may_be_settled(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP + "seed: 1\nseed: 2\n")
    assert read_sweep(file, Changes.of(["seed=3"])).seed == 3
    with pytest.raises(SweepError, match=r"sweep\.yaml:15:1: seed: 'seed' is given twice"):
        read_sweep(file, Changes.of(["version=1"]))
    file.write_text("- a\n")
    with pytest.raises(SweepError, match="expected a mapping with name"):
        read_sweep(file, Changes.of(["seed=3"]))


def recorded() -> Sweep:
    with closing(Ledger(Path("assay-results"))) as ledger:
        return ledger.sweep("bowl").sweep


def test_the_changed_sweep_is_recorded_and_extended(cli: Any) -> None:
    text = SWEEP.replace("tracking: {tensorboard: true}\n", "").replace("scheduler: asha", "scheduler: promotion_asha")
    cli.write(sweep_yaml=text, train_py=TRAIN)
    ran = cli("run", "sweep.yaml", "--inline", "--set", "scheduler.eta=2", "--set", "parameters.optim.lr=0.1")
    assert ran.code == 0, ran.err
    before = recorded()
    assert before.scheduler.model_dump()["eta"] == 2
    assert before.parameters["optim.lr"].cardinality == 1
    same = ["--set", "scheduler.eta=2", "--set", "parameters.optim.lr=0.1"]
    again = cli("run", "sweep.yaml", "--inline", "--resume", *same)
    assert (again.code, "goes on as recorded" in again.err) == (0, False)
    longer = cli("run", "sweep.yaml", "--inline", "--extend", *same, "--set", "budget.trials=6")
    assert longer.code == 0, longer.err
    assert recorded().budget.trials == 6
    assert recorded().scheduler == before.scheduler
    trials = cli("show", "bowl", "--json").json["trials"]
    assert sum(trial["phase"] == "search" for trial in trials) == 6


def test_submit_hands_changes_on(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.cluster.jobs import Job

    handed: list[str] = []

    def submit(sweep: Sweep, file: Path, address: str, *, store: str, options: list[str], **more: Any) -> Job:
        handed.extend([str(sweep.budget.trials), *options])
        return Job("job-1", address, sweep.name, store)

    monkeypatch.setattr("assay.cluster.jobs.submit", submit)
    cli.write(sweep_yaml=SWEEP.replace("tracking: {tensorboard: true}\n", ""), train_py=TRAIN)
    words = ["--set", "budget.trials=7", "--set", "parameters.x=uniform(0, 2)"]
    done = cli("submit", "sweep.yaml", "--address", "http://head:8265", *words)
    assert done.code == 0, done.err
    assert handed == ["7", *words]
