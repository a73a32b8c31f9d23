"""Ray Tune's experiment folders: what a real one says, what damaged ones still say, and that no pickle is loaded."""

from __future__ import annotations

import csv
import json
import math
import pickle
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.search import State
from assay.search.from_ray_tune import read_ray_tune
from assay.search.imported import Foreign, Imported, to_sweep
from assay.spaces import SpaceError, UsageError

ERROR = """Failure # 1 (occurred at 2026-01-01_00-00-00)
\x1b[36mray::ImplicitFunc.train()\x1b[39m (pid=1, ip=192.0.2.2)
           ^^^^^^^^
  File "/site-packages/ray/tune/trainable/trainable.py", line 329, in train
    raise skipped from exception_cause(skipped)
  File "train.py", line 12, in train
    raise ValueError("the loss\\ndiverged")
ValueError: the loss
diverged
"""


@pytest.fixture(scope="module")
def experiment(ray_executors: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real search with ASHA, one trial after the other: the second raises, the third and fifth are stopped."""
    with warnings.catch_warnings(action="ignore"):
        return run_asha(tmp_path_factory.mktemp("ray"))


def run_asha(folder: Path) -> Path:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import BasicVariantGenerator

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 10):
            if config["layers"] == 3 and step == 2:
                raise ValueError("the loss\ndiverged")
            accuracy = 1 - abs(math.log10(config["optim"]["lr"]) + 3) / 5 - 1 / (step + 1)
            tune.report({"accuracy": accuracy, "more": {"loss": 1 - accuracy}, "text": "x", "undefined": math.nan})

    tried = ((1e-2, "adam", 1), (1e-3, "sgd", 3), (1e-5, "adam", 2), (1e-3, "adam", 1), (1e-4, "sgd", 1))
    points = [{"optim": {"lr": lr, "name": name}, "layers": layers} for lr, name, layers in tried]
    space = {
        "optim": {"lr": tune.loguniform(1e-5, 1e-1), "name": tune.choice(["adam", "sgd"])},
        "layers": tune.randint(1, 4),
        "sizes": [8, 16],
        "batch": 32,
    }
    tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=len(points),
            search_alg=BasicVariantGenerator(points_to_evaluate=points, max_concurrent=1),
            scheduler=ASHAScheduler(max_t=9, grace_period=1, reduction_factor=3),
        ),
        run_config=tune.RunConfig(name="Real ASHA", storage_path=str(folder), verbose=0),
    ).fit()
    return folder / "Real ASHA"


@pytest.fixture
def copied(experiment: Path, tmp_path: Path) -> Path:
    """The real experiment, to be damaged."""
    return Path(shutil.copytree(experiment, tmp_path / "copy"))


def only(foreign: Foreign) -> Imported:
    [trial] = foreign.trials
    return trial


def states(foreign: Foreign) -> dict[int, str]:
    return {trial.number: f"{trial.state.value} {len(trial.curve)}" for trial in foreign.trials}


@pytest.mark.ray
@pytest.mark.timeout(300)
class TestARealExperiment:
    expected = {0: "complete 9", 1: "failed 1", 2: "stopped 1", 3: "complete 9", 4: "stopped 1"}  # noqa: RUF012

    def test_trials_and_how_they_ended(self, experiment: Path) -> None:
        found = read_ray_tune(experiment, goal="maximize")
        assert (found.name, found.metric, found.goal) == ("real-asha", "accuracy", "maximize")
        assert states(found) == self.expected
        assert found.trials[0].parameters == {
            "batch": 32, "layers": 1, "optim": {"lr": 0.01, "name": "adam"}, "sizes": [8, 16],
        }  # fmt: skip
        failed = found.trials[1]
        assert failed.reason == "ValueError: the loss diverged"
        assert "Traceback" in failed.detail or "line" in failed.detail
        assert "\x1b" not in failed.detail

    def test_what_they_make(self, experiment: Path) -> None:
        found = read_ray_tune(experiment, goal="maximize")
        with pytest.raises(SpaceError, match=r"^sizes: \[8, 16\] is not text, .* leave it out with --drop sizes$"):
            to_sweep(found)
        sweep, trials = to_sweep(found, drop=["sizes"])
        assert sweep.parameters.to_dict() == {
            "batch": {"value": 32},
            "layers": {"type": "int", "min": 1, "max": 3},
            "optim.lr": {"type": "float", "min": 1e-5, "max": 1e-2, "log": True},
            "optim.name": {"values": ["adam", "sgd"]},
        }
        assert sweep.fidelity is not None
        assert (sweep.fidelity.unit, sweep.fidelity.max) == ("iteration", 9)
        assert trials[3].reports[-1].metrics.keys() == {"accuracy", "more/loss"}
        assert [trial.started for trial in trials] == sorted(trial.started for trial in trials)  # one after the other

    def test_a_nested_metric(self, experiment: Path) -> None:
        assert only_metric(read_ray_tune(experiment, "more/loss", "minimize")) == "more/loss"
        with pytest.raises(UsageError, match=r"no metric 'more.loss' \(did you mean 'more/loss'\?\): it has accuracy"):
            read_ray_tune(experiment, "more.loss", "minimize")

    def test_the_goal_is_in_a_pickle(self, experiment: Path) -> None:
        with pytest.raises(UsageError, match="does not say which direction of 'accuracy' is better: add --goal"):
            read_ray_tune(experiment)

    def test_with_progress_files_only(self, copied: Path) -> None:
        before = read_ray_tune(copied, goal="maximize")
        for path in [*copied.glob("*/result.json"), *copied.glob("*/params.json")]:
            path.unlink()
        after = read_ray_tune(copied, goal="maximize")
        assert states(after) == self.expected
        assert [trial.parameters for trial in after.trials] == [trial.parameters for trial in before.trials]
        assert after.trials[0].curve[3].metrics["more/loss"] == before.trials[0].curve[3].metrics["more/loss"]

    def test_without_an_experiment_state(self, copied: Path) -> None:
        for path in copied.glob("*.json"):
            path.unlink()
        found = read_ray_tune(copied, "accuracy", "maximize")
        assert states(found) == self.expected
        assert "there is no experiment state: trials without an error count as ended" in found.notes

    def test_with_the_experiment_state_only(self, copied: Path) -> None:
        for path in copied.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        found = read_ray_tune(copied, goal="maximize")
        assert states(found) == {number: f"{text.split()[0]} 1" for number, text in self.expected.items()}
        assert found.trials[0].curve[0].step == 9
        assert found.trials[1].reason == "failed; Ray Tune kept no reason"

    def test_one_folder_too_deep_and_one_too_high(self, experiment: Path) -> None:
        inner = next(path for path in experiment.iterdir() if path.is_dir())
        with pytest.raises(UsageError, match=r"it is the folder of one trial; give the experiment's, .*Real ASHA$"):
            read_ray_tune(inner)
        with pytest.raises(UsageError, match=r"holds no trials of Ray Tune; there are experiments in it: Real ASHA$"):
            read_ray_tune(experiment.parent)


def only_metric(foreign: Foreign) -> str:
    return foreign.metric


# Folders made by hand


def row(step: int, **more: Any) -> dict[str, Any]:
    return {"training_iteration": step, "timestamp": 1000 + step, "time_total_s": float(step), "done": False} | more


def write(root: Path, name: str, rows: Sequence[Any] = (), config: Any = None, error: str = "", torn: str = "") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(json.dumps({"x": 0.5} if config is None else config))
    (folder / "result.json").write_text("".join(f"{json.dumps(one)}\n" for one in rows) + torn)
    if error:
        (folder / "error.txt").write_text(error)
    return folder


def write_state(root: Path, *trials: dict[str, Any], metric: str | None = "loss", old: bool = False) -> None:
    """As this version of Ray writes it, or as Ray before 2.4."""
    entries: list[Any] = [json.dumps(trial) if old else [json.dumps(trial), "{}"] for trial in trials]
    content = {"checkpoints" if old else "trial_data": entries, "runner_data": {"_metric": metric}}
    (root / "experiment_state-2026-01-01_00-00-00.json").write_text(json.dumps(content))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (tmp_path / "sprung").touch, ()

    bomb = pickle.dumps(Trap())
    folder = write(tmp_path / "e", "t_1", [row(1, loss=1.0)], {"x": 1, "f": {"_type": "CLOUDPICKLE_FALLBACK"}})
    for path in (folder / "params.pkl", folder / "error.pkl", tmp_path / "e" / "tuner.pkl"):
        path.write_bytes(bomb)
    (tmp_path / "e" / "basic-variant-state-1.json").write_bytes(bomb)
    write_state(tmp_path / "e", {"trial_id": "1", "config": {"_type": "CLOUDPICKLE_FALLBACK", "value": bomb.hex()}})
    found = read_ray_tune(tmp_path / "e", goal="minimize")
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(SpaceError, match="f: <a Python object> is not text"):
        to_sweep(found)
    assert to_sweep(found, drop=["f"])[0].parameters.to_dict() == {"x": {"value": 1}}


def test_objects_in_params_are_named(tmp_path: Path) -> None:
    write(tmp_path, "t_1", [row(1, loss=1.0)], {"x": 1, "model": {"f": "<function f at 0x7f26>"}})
    with pytest.raises(SpaceError) as error:
        to_sweep(read_ray_tune(tmp_path, "loss", "minimize"))
    assert str(error.value) == (
        "model.f: <function f at 0x7f26> is not text, a number, true, false or null (1 of 1 trials): "
        "leave it out with --drop model.f"
    )


def test_nan_infinity_and_torn_lines(tmp_path: Path) -> None:
    rows = [row(1, loss=math.nan), row(2, loss=1.0, other=math.inf), row(3, loss=0.5)]
    write(tmp_path, "a_1", rows, torn='{"tr{"training_iteration": 4}\n{"training_iteration": 4, "loss": 0.')
    write(tmp_path, "b_2", [row(1, loss=1.0), row(2, loss=math.inf)], {"x": 0.1})
    found = read_ray_tune(tmp_path, "loss", "minimize")
    assert "2 results on a broken line were left out" in found.notes
    _, [first, second] = to_sweep(found)
    assert [(report.step, report.metrics) for report in first.reports] == [(2, {"loss": 1.0}), (3, {"loss": 0.5})]
    assert (second.state, second.reason) == (State.FAILED, "loss is inf at the last report")


def test_a_torn_progress_file(tmp_path: Path) -> None:
    folder = write(tmp_path, "a_1")
    (folder / "result.json").unlink()
    with (folder / "progress.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerows([["loss", "training_iteration", "done", "vec"], [1.0, 1, False, "[1, 2]"], ["nan", 2, False]])
        file.write("0.5,3,Fal")
    found = read_ray_tune(tmp_path, "loss", "minimize")
    assert [point.step for point in only(found).curve] == [1]
    assert "2 results on a broken line were left out" in found.notes


def test_an_error_without_and_with_a_status(tmp_path: Path) -> None:
    write(tmp_path, "t_1", [row(1, loss=1.0)], error=ERROR)
    found = only(read_ray_tune(tmp_path, "loss", "minimize"))
    assert (found.state, found.reason) == (State.FAILED, "ValueError: the loss diverged")
    write_state(tmp_path, {"trial_id": "1", "status": "TERMINATED"})  # it was tried again
    found = only(read_ray_tune(tmp_path, "loss", "minimize"))
    assert (found.state, found.reason, found.detail) == (State.COMPLETE, "", "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Failure # 1 (x)\nThe actor died unexpectedly\n\tbefore this", "The actor died unexpectedly before this"),
        (f"{ERROR}\nFailure # 2 (occurred)\nOSError: disk full\n", "OSError: disk full"),
        ("  \n", "failed; Ray Tune kept no reason"),
    ],
)
def test_reasons(tmp_path: Path, error: str, reason: str) -> None:
    write(tmp_path, "t_1", error=error)
    assert only(read_ray_tune(tmp_path, "loss", "minimize")).reason == reason


def test_trials_that_have_not_ended(tmp_path: Path) -> None:
    write(tmp_path, "t_0", [row(1, loss=1.0)])
    write(tmp_path, "t_1", [row(1, loss=1.0)])
    write(tmp_path, "t_2", [row(1, loss=1.0), row(2, loss=1.0, done=True)])
    write_state(
        tmp_path,
        {"trial_id": "0", "status": "RUNNING"},
        {"trial_id": "1", "status": "PAUSED"},
        {"trial_id": "2", "status": "RUNNING"},  # the driver was killed before it wrote that it had ended
        {"trial_id": "3", "status": "PENDING", "config": {"x": 1}},
        {"trial_id": "4", "status": "TERMINATED", "start_time": None, "config": {"x": 1}},  # never begun
    )
    found = read_ray_tune(tmp_path, goal="minimize")
    assert only(found).state is State.COMPLETE
    assert "4 trials that had not ended were left out" in found.notes


def test_who_ended_a_trial(tmp_path: Path) -> None:
    criterion = {"training_iteration": 5, "accuracy": 0.9}
    write(tmp_path, "t_0", [row(step, accuracy=0.1 * step, done=step == 5) for step in range(1, 6)])
    write(tmp_path, "t_1", [row(1, accuracy=0.95, done=True)])
    write(tmp_path, "t_2", [row(1, accuracy=0.1, done=True)])
    write(tmp_path, "t_3", [row(1, accuracy=0.1), row(2, accuracy=0.2)])
    write(tmp_path, "t_4", [row(1, accuracy=0.1), row(2, accuracy=0.2)])
    last = {3: {"done": True}, 4: {"done": False}}
    trials = [
        {"trial_id": str(n), "status": "TERMINATED", "stopping_criterion": criterion, "last_result": last.get(n)}
        for n in range(5)
    ]
    write_state(tmp_path, *trials, metric="accuracy")
    found = read_ray_tune(tmp_path, goal="maximize")
    assert [trial.state.value for trial in found.trials] == [
        "complete", "complete", "stopped", "complete", "stopped",  # in full, good enough, weak, by itself, out of time
    ]  # fmt: skip


def test_a_restored_trial_counts_each_step_once(tmp_path: Path) -> None:
    write(tmp_path, "t_1", [row(1, loss=3.0), row(2, loss=2.0), row(3, loss=9.0), row(2, loss=1.0), row(3, loss=0.5)])
    _, [trial] = to_sweep(read_ray_tune(tmp_path, "loss", "minimize"))
    assert [(report.step, report.metrics["loss"]) for report in trial.reports] == [(1, 3.0), (2, 1.0), (3, 0.5)]


def test_parameters_that_changed_on_the_way(tmp_path: Path) -> None:
    rows = [row(step, loss=1.0, config={"x": 0.1 * step, "y": 2}) for step in (1, 2)]
    write(tmp_path, "t_1", rows, {"x": 0.2, "y": 2})
    found = read_ray_tune(tmp_path, "loss", "minimize")
    with pytest.raises(SpaceError, match=r"^x: changed while trials 0 trained, .*: leave it out with --drop x$"):
        to_sweep(found)
    assert list(to_sweep(found, drop=["x"])[0].parameters) == ["y"]


def test_the_state_of_an_old_version(tmp_path: Path) -> None:
    write(tmp_path, "t_ab12c_00007", [row(1, loss=1.0)])
    write_state(tmp_path, {"trial_id": "ab12c_00007", "status": "ERROR"}, old=True)
    found = only(read_ray_tune(tmp_path, goal="minimize"))
    assert (found.number, found.state) == (7, State.FAILED)


def test_numbers_by_time_where_names_have_none(tmp_path: Path) -> None:
    write(tmp_path, "a", [row(1, loss=1.0, timestamp=2000)])
    write(tmp_path, "b", [row(1, loss=1.0, timestamp=1000)], {"x": 0.6})
    found = read_ray_tune(tmp_path, "loss", "minimize")
    assert {trial.parameters["x"]: trial.number for trial in found.trials} == {0.5: 1, 0.6: 0}


def test_no_results_at_all(tmp_path: Path) -> None:
    write(tmp_path, "t_1", error=ERROR)
    with pytest.raises(UsageError, match="does not say which metric was optimised: name it with --metric"):
        read_ray_tune(tmp_path)
    sweep, [trial] = to_sweep(read_ray_tune(tmp_path, "loss", "minimize"))
    assert (trial.state, trial.reports, sweep.fidelity) == (State.FAILED, (), None)
    write_state(tmp_path, {"trial_id": "1", "status": "TERMINATED", "start_time": 5.0})
    _, [trial] = to_sweep(read_ray_tune(tmp_path, goal="minimize"))
    assert (trial.state, trial.reason) == (State.FAILED, "it ended without loss")
    write_state(tmp_path, {"trial_id": "1", "status": "PENDING"})
    with pytest.raises(UsageError, match=r"nothing to import; 1 trial that had not ended was left out$"):
        to_sweep(read_ray_tune(tmp_path, goal="minimize"))


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no: there is no such folder; expected the folder of a Ray Tune experiment"):
        read_ray_tune(tmp_path / "no")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: is a file; expected the folder of a Ray Tune experiment"):
        read_ray_tune(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty: holds no trials of Ray Tune$"):
        read_ray_tune(tmp_path / "empty")


def test_nobody_knows_what_was_tried(tmp_path: Path) -> None:
    folder = write(tmp_path, "t_1", [row(1, loss=1.0)])
    (folder / "params.json").write_text("{")
    with pytest.raises(UsageError, match=r"what 1 of 1 trials tried is not recorded as JSON .*, e.g. t_1: move"):
        read_ray_tune(tmp_path, "loss", "minimize")


def test_a_goal_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, "t_1", [row(1, loss=1.0)])
    with pytest.raises(SpaceError, match=r"goal 'min' is not 'maximize' or 'minimize' \(did you mean 'minimize'\?\)"):
        read_ray_tune(tmp_path, "loss", "min")


def test_a_broken_experiment_state_gives_way_to_an_older_one(tmp_path: Path) -> None:
    write(tmp_path, "t_1", [row(1, loss=1.0)])
    write_state(tmp_path, {"trial_id": "1", "status": "TERMINATED"})
    (tmp_path / "experiment_state-2026-01-02_00-00-00.json").write_text('{"trial_')
    assert read_ray_tune(tmp_path, goal="minimize").metric == "loss"
