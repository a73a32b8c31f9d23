"""The journal that optuna-dashboard reads says of each trial what the ledger says, live or made later."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from assay.analysis import Results
from assay.analysis.mirrors import Mirrored, fill
from assay.analysis.mirrors.optuna_mirror import OptunaMirror
from assay.search import Phase, Report, State, Sweep, SweepRecord, Trial
from assay.spaces import Config, UsageError

SPEC: dict[str, Any] = {
    "name": "demo",
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "parameters": {
        "lr": {"type": "float", "min": 1e-5, "max": 0.1, "log": True},
        "opt": ["adam", "sgd"],
        "odd": [True, 1, None],
        "mom": {"type": "float", "min": 0.0, "max": 0.9, "step": 0.1, "when": {"opt": "sgd"}},
        "n": {"type": "int", "min": 1, "max": 64, "log": True},
        "shift": {"type": "float", "mean": 0.0, "std": 1.0},
        "fixed": {"value": 3},
    },
    "constraints": [{"metric": "size", "min": 2, "max": 50}],
    "budget": {"trials": 10},
}
CONFIG = {"lr": 0.01, "opt": "adam", "odd": 1, "n": 8, "shift": 0.5, "fixed": 3}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study_of(path: Path) -> optuna.Study:
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(path))))


def mirrored(folder: Path, *revisions: dict[str, Any]) -> Mirrored:
    sweeps = [Sweep.make(SPEC | changes) for changes in revisions or ({},)]
    return Mirrored(SweepRecord(1, sweeps[-1], str(folder), "running", "", 1_700_000_000.0), tuple(sweeps), folder)


def search_trial(number: int, state: State, *values: float, config: dict[str, Any] = CONFIG, **fields: Any) -> Trial:
    reports = tuple(
        Report(step, {"loss": value, "size": 10 * step, "text": "x"}, 10.0 * step, step, seconds=float(step))
        for step, value in enumerate(values, 1)
    )
    return Trial(number, Phase.SEARCH, state, Config(config), seed=7, split=0, reports=reports, **fields)


def told(folder: Path, *trials: Trial) -> list[FrozenTrial]:
    mirror = OptunaMirror(mirrored(folder))
    fill(mirror, trials)
    mirror.close()
    return study_of(mirror.path).trials


def test_states_values_curves_limits_and_what_else_is_known(tmp_path: Path) -> None:
    complete, stopped, failed, running = told(
        tmp_path,
        search_trial(0, State.COMPLETE, 0.5, 0.25, seconds=3.0, attempts=2),
        search_trial(1, State.STOPPED, 0.75),
        search_trial(5, State.FAILED, reason="ValueError: no"),
        search_trial(6, State.PAUSED, 0.5),
    )
    assert complete.state is TrialState.COMPLETE
    assert complete.values == [0.25]
    assert complete.intermediate_values == {1: 0.5, 2: 0.25}
    assert complete.params == {"lr": 0.01, "opt": "adam", "odd": "1", "n": 8, "shift": 0.5}  # mom is not active
    known = {"number": 0, "config_id": Config(CONFIG).config_id, "seed": 7, "size": 20, "text": "x", "seconds": 3.0}
    assert complete.user_attrs == known | {"last_step": 2, "attempts": 2}
    assert complete.system_attrs == {"constraints": [-18.0, -30.0]}
    assert complete.datetime_start is not None
    assert complete.datetime_complete is not None
    assert complete.datetime_start.timestamp() == 1_700_000_009.0
    assert complete.datetime_complete.timestamp() == 1_700_000_020.0
    assert (stopped.state, stopped.values, stopped.user_attrs["last_step"]) == (TrialState.PRUNED, [0.75], 1)
    assert (failed.state, failed.values, failed.user_attrs["number"]) == (TrialState.FAIL, None, 5)
    assert failed.user_attrs["reason"] == "ValueError: no"
    assert failed.system_attrs == {}
    assert (running.state, running.intermediate_values) == (TrialState.RUNNING, {1: 0.5})


def test_the_study_is_called_as_the_sweep_and_knows_its_metric(tmp_path: Path) -> None:
    told(tmp_path)
    study = study_of(tmp_path / "optuna.log")
    assert study.study_name == "demo"
    assert study.metric_names == ["loss"]
    assert study.direction is optuna.study.StudyDirection.MINIMIZE


def test_parameters_are_shown_as_people_write_them(tmp_path: Path) -> None:
    sgd = CONFIG | {"opt": "sgd", "mom": 0.3, "odd": None}
    (trial,) = told(tmp_path, search_trial(0, State.COMPLETE, 0.5, config=sgd))
    assert trial.params["mom"] == 0.3
    assert trial.params["odd"] == "null"
    kinds = trial.distributions
    assert kinds["opt"] == optuna.distributions.CategoricalDistribution(["adam", "sgd"])
    assert kinds["odd"] == optuna.distributions.CategoricalDistribution(["true", "1", "null"])  # 1 == True
    assert kinds["lr"] == optuna.distributions.FloatDistribution(1e-5, 0.1, log=True)
    assert kinds["n"] == optuna.distributions.IntDistribution(1, 64, log=True)
    assert isinstance(kinds["shift"], optuna.distributions.FloatDistribution)
    assert -10 < kinds["shift"].low < -5  # a normal has no bounds


def test_all_trials_of_an_extended_space_have_the_same_ranges(tmp_path: Path) -> None:
    first = SPEC["parameters"]
    wider = first | {"lr": {"type": "float", "min": 1e-4, "max": 1.0, "log": True}, "opt": ["sgd", "lion"]}
    wider |= {"mom": first["mom"], "depth": [1, 2], "n": [8, 16], "fixed": [3, 4]}
    mirror = OptunaMirror(mirrored(tmp_path, {}, {"parameters": wider}))
    fill(
        mirror,
        [
            search_trial(0, State.COMPLETE, 0.5),
            search_trial(1, State.COMPLETE, 0.5, config=CONFIG | {"lr": 1.0, "opt": "lion", "depth": 2, "fixed": 4}),
            search_trial(2, State.COMPLETE, 0.5, config=CONFIG | {"n": 7}),
        ],
    )
    mirror.close()
    old, new, lost = study_of(mirror.path).trials
    shared = [name for name in old.distributions if name in new.distributions]
    assert [old.distributions[name] for name in shared] == [new.distributions[name] for name in shared]
    assert old.params | {"opt": "lion", "lr": 1.0, "depth": 2, "fixed": 4} == new.params
    assert new.distributions["opt"] == optuna.distributions.CategoricalDistribution(["adam", "sgd", "lion"])
    assert new.distributions["lr"] == optuna.distributions.FloatDistribution(1e-5, 1.0, log=True)
    assert "n" not in lost.params  # no choice any more, and no range
    assert lost.user_attrs["n"] == 7


values = st.floats(-1e6, 1e6)
ends = st.sampled_from([State.COMPLETE, State.STOPPED, State.FAILED, State.RUNNING, State.PAUSED])


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.lists(values, max_size=4), ends), max_size=5), st.randoms(use_true_random=False))
def test_what_is_told_as_it_happens_is_what_is_made_later(sweep: list[tuple[list[float], State]], order: Any) -> None:
    ended = [
        search_trial(number, State.FAILED if state is State.COMPLETE and not curve else state, *curve)
        for number, (curve, state) in enumerate(sweep)
    ]
    news: list[list[Any]] = []
    for trial in ended:
        last = [trial] if trial.state.over else []
        started = replace(trial, state=State.RUNNING, reports=())
        news.append([started, *((trial.number, report) for report in trial.reports), *last])
    with tempfile.TemporaryDirectory() as folder:
        live = OptunaMirror(mirrored(Path(folder, "live")))
        with closing(live):
            fill(live, [])
            while any(news):  # in any order between trials
                item = order.choice([own for own in news if own]).pop(0)
                live.on_trial(item) if isinstance(item, Trial) else live.on_report(*item)
                live.flush()
        known = {trial.user_attrs["number"]: trial for trial in study_of(live.path).trials}
        later = {trial.user_attrs["number"]: trial for trial in told(Path(folder, "later"), *ended)}
    assert known.keys() == later.keys()
    for number, trial in later.items():
        for name in ("state", "values", "params", "distributions", "intermediate_values", "user_attrs", "system_attrs"):
            assert getattr(known[number], name) == getattr(trial, name), name


def test_a_config_that_is_changed_on_the_way(tmp_path: Path) -> None:
    mirror = OptunaMirror(mirrored(tmp_path))
    changed = search_trial(0, State.COMPLETE, 0.5, config=CONFIG | {"lr": 0.02})
    fill(mirror, [search_trial(0, State.RUNNING)])
    fill(mirror, [changed])
    mirror.close()
    (trial,) = study_of(mirror.path).trials
    assert trial.params["lr"] == 0.02
    assert trial.user_attrs["config_id"] == changed.config.config_id


def test_a_new_mirror_replaces_the_old_one_in_one_go(tmp_path: Path) -> None:
    told(tmp_path, search_trial(0, State.COMPLETE, 0.5))
    unfinished = OptunaMirror(mirrored(tmp_path))
    assert len(study_of(unfinished.path).trials) == 1
    fill(unfinished, [])
    assert len(study_of(unfinished.path).trials) == 0
    other = OptunaMirror(mirrored(tmp_path))
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == ["optuna.log"]
    unfinished.path.unlink()
    with pytest.raises(FileNotFoundError, match="deleted or replaced"):
        unfinished.flush()
    unfinished.close()


def test_made_from_the_ledger_again_and_again(recorder: Callable[..., Any]) -> None:
    made = recorder()
    best = made.search([0.5, 0.9])
    made.replicate(best, [0.8, 0.9])
    results: Results = made.results()
    first = results.mirror()
    content = first.read_bytes()
    assert results.mirror("optuna") == first == results.folder / "optuna.log"
    assert first.read_bytes() == content
    (trial,) = study_of(first).trials
    assert trial.values == [0.9]
    with pytest.raises(UsageError, match="expected 'optuna', 'tensorboard' or 'csv', got 'optun'"):
        results.mirror("optun")


def test_two_do_not_write_the_same_mirror(recorder: Callable[..., Any]) -> None:
    made = recorder(tracking={"optuna": True})
    made.search([0.5])
    results = made.results("running")
    lock = made.ledger.lock("demo")
    lock.acquire("demo")
    try:
        with pytest.raises(UsageError, match="runs and writes its optuna mirror itself"):
            results.mirror("optuna")
        assert (results.mirror("csv") / "trials.csv").is_file()
    finally:
        lock.release()
    assert results.mirror("optuna").is_file()


def test_a_folder_that_cannot_be_written(recorder: Callable[..., Any]) -> None:
    made = recorder()
    made.search([0.5])
    results = made.results()
    results.folder.parent.mkdir(exist_ok=True)
    results.folder.write_text("in the way")
    with pytest.raises(UsageError, match="the optuna mirror of sweep 'demo' cannot be written"):
        results.mirror()


def test_tables(recorder: Callable[..., Any]) -> None:
    made = recorder()
    made.search([0.5, 0.9])
    folder = made.results().mirror("csv")
    trials = (folder / "trials.csv").read_text().splitlines()
    reports = (folder / "reports.csv").read_text().splitlines()
    assert (len(trials), len(reports)) == (2, 3)
    assert "param.lr" in trials[0]
