"""Studies of Optuna: what becomes of their trials and distributions; nothing is written, and nothing is made."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from assay.search import State
from assay.search.from_optuna import read_optuna
from assay.search.imported import to_sweep
from assay.spaces import SpaceError, UsageError

X = {"x": FloatDistribution(0.0, 1.0)}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a b?#{}.db"


def make(file: Path, name: str = "study", direction: str | None = "minimize", **options: Any) -> optuna.Study:
    """A study in a SQLite file, or in a journal file."""
    if file.suffix == ".log":
        storage: Any = JournalStorage(JournalFileBackend(str(file)))
    else:
        storage = optuna.storages.RDBStorage("sqlite://", {"creator": lambda: connect(file)})
    return optuna.create_study(study_name=name, storage=storage, direction=direction, **options)


def connect(file: Path) -> sqlite3.Connection:
    """Without waiting for the disk, and by a path that a URL could not hold as it is."""
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute("pragma synchronous = off")
    return connection


def tried(value: float | None = 0.5, x: float = 0.5, state: TrialState = TrialState.COMPLETE, **more: Any) -> Any:
    return create_trial(value=value, params={"x": x}, distributions=X, state=state, **more)


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("optim/lr", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["adam", "sgd", None])
    layers = trial.suggest_int("layers", 1, 5)
    trial.suggest_float("drop-out", 0.0, 0.5, step=0.05)
    if kind == "sgd":
        trial.suggest_float("momentum", 0.0, 0.99)
    for layer in range(1, layers):
        trial.suggest_int(f"units_{layer}", 8, 64, step=8)
    value = 0.0
    for step in range(9):
        value = 1 - abs(math.log10(rate) + 3) / 5 - 1 / (step + 2)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    if trial.number == 7:
        raise ValueError("an accident")
    return value


@pytest.mark.parametrize("suffix", [".db", ".log"])
def test_a_search_with_pruning(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"study{suffix}"
    sampler, pruner = optuna.samplers.TPESampler(seed=1), optuna.pruners.MedianPruner(n_startup_trials=3)
    study = make(file, "My Study", "maximize", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=30, catch=(ValueError,))
    study.enqueue_trial({"layers": 2})
    content = file.read_bytes()
    found = read_optuna(file)
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]
    assert (found.name, found.metric, found.goal) == ("my-study", "value", "maximize")
    assert found.notes == ("1 trial in state waiting was left out",)
    sweep, trials = to_sweep(found)
    assert sweep.parameters.to_dict() == {
        "optim.lr": {"type": "float", "min": 1e-5, "max": 1e-1, "log": True},
        "kind": {"values": ["adam", "sgd", None]},
        "layers": {"type": "int", "min": 1, "max": 5},
        "drop_out": {"type": "float", "min": 0.0, "max": 0.5, "step": 0.05},
        "momentum": {"type": "float", "min": 0.0, "max": 0.99, "when": {"kind": "sgd"}},
        **{
            f"units_{layer}": {"type": "int", "min": 8, "max": 64, "step": 8, "when": {"layers": where}}
            for layer, where in ((1, [2, 3, 4, 5]), (2, [3, 4, 5]), (3, [4, 5]), (4, 5))
        },
    }
    by_state = {TrialState.COMPLETE: State.COMPLETE, TrialState.PRUNED: State.STOPPED, TrialState.FAIL: State.FAILED}
    assert {trial.state for trial in trials} == set(by_state.values())
    for mine, theirs in zip(trials, study.trials, strict=False):
        assert (mine.number, mine.state) == (theirs.number, by_state[theirs.state])
        assert [report.metrics["value"] for report in mine.reports] == list(theirs.intermediate_values.values())
        assert [report.step for report in mine.reports] == [step + 1 for step in theirs.intermediate_values]
        assert theirs.duration is not None
        assert mine.seconds == theirs.duration.total_seconds()


def test_the_final_value_counts(file: Path) -> None:
    study = make(file)
    study.add_trial(tried(0.1, intermediate_values={0: 0.9, 1: 0.8}, user_attrs={"size": 3, "who": "me"}))
    study.add_trial(tried(0.2))
    _, [first, second] = to_sweep(read_optuna(file))
    assert [(report.step, report.metrics) for report in first.reports] == [
        (1, {"value": 0.9}), (2, {"value": 0.1, "last_reported": 0.8, "size": 3}),
    ]  # fmt: skip
    assert [(report.step, report.metrics) for report in second.reports] == [(2, {"value": 0.2})]


def test_values_that_are_not_finite(file: Path) -> None:
    study = make(file)
    study.add_trial(tried(math.inf))
    study.add_trial(tried(None, 0.1, TrialState.PRUNED, intermediate_values={1: 0.5, 2: math.nan}))
    study.add_trial(tried(0.3, 0.2, intermediate_values={1: math.nan, 2: 0.3}))
    _, trials = to_sweep(read_optuna(file))
    assert [(trial.state.value, trial.reason, len(trial.reports)) for trial in trials] == [
        ("failed", "value is inf at the last report", 0),
        ("failed", "value is nan at the last report", 1),
        ("complete", "", 1),
    ]


def test_pruned_before_the_first_report_and_failed_before_all_parameters(file: Path) -> None:
    study = make(file)
    study.add_trial(tried(None, 0.1, TrialState.PRUNED))
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trial(tried(None, 0.7, TrialState.FAIL))
    _, trials = to_sweep(read_optuna(file))
    assert [(trial.number, trial.state.value, trial.reason) for trial in trials] == [
        (0, "stopped", ""), (2, "failed", "failed; Optuna keeps no reason"),
    ]  # fmt: skip


def test_ranges_that_change_from_trial_to_trial(file: Path) -> None:
    study = make(file)
    given = {"a": 0.5, "b": 2, "c": 3, "d": 4.0, "e": 1e-3}
    kinds = [
        {"a": FloatDistribution(0, 1), "b": IntDistribution(0, 8, step=2), "c": IntDistribution(3, 3)},
        {"a": FloatDistribution(0, 2), "b": IntDistribution(0, 4, step=2), "c": IntDistribution(3, 3)},
    ]
    for kind in kinds:
        every = kind | {"d": FloatDistribution(0, 10, step=2), "e": FloatDistribution(1e-4, 1, log=True)}
        study.add_trial(create_trial(value=1.0, params=given, distributions=every))
    found = read_optuna(file)
    assert to_sweep(found)[0].parameters.to_dict() == {
        "a": {"type": "float", "min": 0.0, "max": 2.0},
        "b": {"type": "int", "min": 0, "max": 8, "step": 2},
        "c": {"value": 3},
        "d": {"type": "float", "min": 0.0, "max": 10.0, "step": 2.0},
        "e": {"type": "float", "min": 1e-4, "max": 1.0, "log": True},
    }


def test_a_value_beside_its_distribution_widens_it(file: Path) -> None:
    study = make(file)
    study.enqueue_trial({"x": 1.25, "n": 9})

    def reading(trial: optuna.Trial) -> float:
        with pytest.warns(UserWarning, match="out of range"):
            trial.suggest_float("x", 0.0, 1.0, step=0.5)
        with pytest.warns(UserWarning, match="out of range"):
            return trial.suggest_int("n", 1, 5, step=2)

    study.optimize(reading, n_trials=1)
    assert to_sweep(read_optuna(file))[0].parameters.to_dict() == {
        "x": {"type": "float", "min": 0.0, "max": 1.25},
        "n": {"type": "int", "min": 1, "max": 9, "step": 2},
    }


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_choices_that_are_no_values(file: Path) -> None:
    kinds: Any = {"sizes": CategoricalDistribution(((1, 2), (3,))), "one": CategoricalDistribution(("a",))}
    make(file).add_trial(create_trial(value=1.0, params={"sizes": (3,), "one": "a"}, distributions=kinds))
    found = read_optuna(file)
    with pytest.raises(SpaceError, match=r"^sizes: .* leave it out with --drop sizes$"):
        to_sweep(found)
    assert to_sweep(found, drop=["sizes"])[0].parameters.to_dict() == {"one": {"value": "a"}}


def test_names_of_the_metric(file: Path) -> None:
    study = make(file)
    study.add_trial(tried())
    assert read_optuna(file, metric="loss").metric == "loss"
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names(["val_loss"])
    assert read_optuna(file).metric == "val_loss"


def test_several_studies(file: Path) -> None:
    for name in ("b", "a"):
        make(file, name).add_trial(tried())
    with pytest.raises(UsageError, match=r"has 2 studies, choose one with --study: a, b$"):
        read_optuna(file)
    assert read_optuna(file, "a").name == "a"
    with pytest.raises(UsageError, match=r"has no study 'c': there are a, b$"):
        read_optuna(file, "c")


def test_several_objectives(file: Path) -> None:
    study = make(file, "two", None, directions=["minimize", "maximize"])
    with pytest.raises(UsageError, match=r"study 'two' has 2 objectives, and one is supported: write study.trials_d"):
        read_optuna(file)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names(["loss", "speed"])
    with pytest.raises(UsageError, match=r"study 'two' has 2 objectives \(loss, speed\)"):
        read_optuna(file)


def test_no_study_and_no_trial(file: Path, tmp_path: Path) -> None:
    make(file, "gone")
    with pytest.raises(UsageError, match=r"study 'gone' of .* has no trial that has ended: nothing to import$"):
        to_sweep(read_optuna(file))
    (tmp_path / "empty.log").touch()
    with pytest.raises(UsageError, match=r"empty.log: there is no study in it$"):
        read_optuna(tmp_path / "empty.log")


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_missing_file_is_not_made(tmp_path: Path, form: str) -> None:
    missing = tmp_path / "no.db"
    with pytest.raises(UsageError, match=r"no.db: there is no such file$"):
        read_optuna(form.format(missing))
    assert not list(tmp_path.iterdir())


def test_a_relative_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x.db").add_trial(tried())
    found = read_optuna("sqlite:///x.db")
    assert found.origin == f"study 'study' of {tmp_path / 'x.db'}"
    assert found.directory == str(tmp_path)


def test_storages_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_optuna(tmp_path)
    with pytest.raises(UsageError, match=r"names no file: write sqlite:///study.db"):
        read_optuna("sqlite://")
    with pytest.raises(UsageError, match=r"'://x' is not a database URL: write sqlite:///study.db"):
        read_optuna("://x")
    for text in ("number,value\n0,0.5\n", "[1]\n", '{"op_code": 99}\n', "\xff\xfe"):
        (tmp_path / "other").write_text(text, encoding="latin-1")
        with pytest.raises(UsageError, match="other: is neither a SQLite database nor a journal of Optuna"):
            read_optuna(tmp_path / "other")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("create table t (x)")
    other.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(UsageError, match=r"other.db: cannot be read as a storage of Optuna: no such table"):
        read_optuna(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_damaged_database(file: Path) -> None:
    make(file).add_trial(tried())
    content = file.read_bytes()
    for damaged in (content[:100], content[:8192] + bytes(len(content) - 8192)):
        file.write_bytes(damaged)
        with pytest.raises(UsageError, match="cannot be read as a storage of Optuna: "):
            read_optuna(file)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(UsageError) as error:
        read_optuna("nosuchdb://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(error.value)


def test_a_storage_of_another_version(file: Path) -> None:
    make(file).add_trial(tried())
    for version, cure in (("v0.9.0.a", "optuna storage upgrade --storage URL"), ("v99", "a newer version of optuna")):
        with sqlite3.connect(file) as connection:
            connection.execute("update alembic_version set version_num = ?", (version,))
        connection.close()
        with pytest.raises(UsageError, match=f"was written by another version of Optuna: use `{cure}` on a copy"):
            read_optuna(file)
