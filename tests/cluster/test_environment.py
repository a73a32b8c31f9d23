"""What trials find around them: variables, secrets that are never written, packages, and their folder."""

from __future__ import annotations

import importlib
import json
import os
import string
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assay
from assay.cluster import RayExecutor, Where, resume
from assay.cluster.environment import HANDED, Environment, Site, Surroundings
from assay.cluster.jobs import submit
from assay.cluster.ray_connection import RayConnection
from assay.cluster.worker import PackedTrainable, Worker
from assay.cluster.worker_group import why_not_set_up
from assay.search import Ledger, State, Sweep
from assay.search.section_cluster import ClusterSection
from assay.spaces import ClusterError, SweepError, TrainableError
from assay.trainables import Cause, Failed, Reported, TrainableRef, TrialSpec

from ..conftest import CommandLine

SECRET = "s3cr3t-$HOME-0123456789"
LEAKY = """
import os
from pathlib import Path

AT_IMPORT = os.environ.get("TOKEN"), os.environ.get("OMP_NUM_THREADS"), os.getcwd()

def train(config, trial):
    print("the token is", os.environ["TOKEN"])
    token, threads, folder = AT_IMPORT
    yield {
        "score": config["x"],
        "right": os.environ["TOKEN"] == token == "s3cr3t-$" + "HOME-0123456789" and "ASSAY_SECRETS" not in os.environ,
        "token": token,
        "threads": threads,
        "at_import": folder,
        "folder": os.getcwd(),
        "data": Path("data.txt").read_text(),
    }
    if trial.number == 1:
        raise ValueError("rejected: " + token)
"""
SWEEP = """
name: small
trainable: train.py:train
objectives: [{metric: score, goal: maximize}]
parameters: {x: "uniform(0, 1)"}
fidelity: {max: 2}
budget: {trials: 2}
leaderboard: {top: 1, seeds: 2}
"""


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (HANDED, "OMP_NUM_THREADS", "RAY_JOB_ID", "RAY_JOB_CONFIG_JSON_ENV_VAR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOKEN", SECRET)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with its data, and a folder for sweeps in it."""
    sweeps = tmp_path / "project" / "sweeps"
    sweeps.mkdir(parents=True)
    (sweeps / "train.py").write_text(LEAKY)
    (tmp_path / "project" / "data.txt").write_text("numbers")
    more = 'cluster: {env: {OMP_NUM_THREADS: "3"}, secrets: [TOKEN], working_dir: .., storage: kept}'
    (sweeps / "sweep.yaml").write_text(SWEEP + more)
    return tmp_path / "project"


def section(**content: Any) -> ClusterSection:
    return ClusterSection.model_validate(content)


def mistakes(site: Site, directory: Path, **content: Any) -> list[str]:
    with pytest.raises(SweepError) as caught:
        Environment.of(section(**content), directory, site)
    return [str(problem) for problem in caught.value.problems]


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def assert_told_and_kept_secret(store: Path, folder: Path, elsewhere: Path) -> None:
    """Trials had all they need, whatever they did with it."""
    ledger = Ledger(store)
    record = ledger.sweep("small")
    trials = ledger.trials(record)
    ledger.close()
    assert {trial.state for trial in trials if trial.number != 1} == {State.COMPLETE}
    assert trials[1].state is State.FAILED
    assert "rejected: ***" in trials[1].reason
    for trial in trials:
        facts = trial.reports[0].metrics
        assert (facts["right"], facts["token"], facts["threads"], facts["data"]) == (True, "***", "3", "numbers")
        assert facts["folder"] == facts["at_import"] == str(folder)
    assert (elsewhere / "kept").is_dir()  # checkpoints are where they were asked for, seen from the driver
    assert not (folder / "kept").exists()
    content = written(store) + written(elsewhere)
    assert b"rejected: ***" in content
    assert SECRET.encode() not in content
    assert "TOKEN" not in os.environ or os.environ["TOKEN"] == SECRET


# A sweep, from its start to its report


def keeps(train: str) -> str:
    """With checkpoints, so that their place can be looked at."""
    return train.replace(
        "    yield {", '    trial.save_checkpoint(lambda folder: (folder / "x").write_text("1"))\n    yield {'
    )


def test_inline(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("sklearn")  # sets variables where it is imported first
    (project / "sweeps" / "train.py").write_text(keeps(LEAKY))
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    before = dict(os.environ)
    assay.run(project / "sweeps" / "sweep.yaml", store="store", inline=True, progress=False)
    assert dict(os.environ) == before
    assert Path.cwd() == here
    assert_told_and_kept_secret(here / "store", project, here)


@pytest.mark.ray
def test_on_a_private_cluster(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "sweeps" / "train.py").write_text(keeps(LEAKY))
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    assay.run(project / "sweeps" / "sweep.yaml", store="store", workers=1, progress=False)
    assert_told_and_kept_secret(here / "store", project, here)
    assert b"the token is ***" in written(here / "store")


def test_without_a_folder_trials_start_in_that_of_the_sweep(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (project / "sweeps" / "sweep.yaml").write_text(SWEEP)
    (project / "sweeps" / "train.py").write_text(
        "import os\ndef train(config, trial):\n    return {'score': config['x'], 'folder': os.getcwd()}\n"
    )
    results = assay.run(project / "sweeps" / "sweep.yaml", store="store", inline=True, progress=False)
    assert {trial.reports[0].metrics["folder"] for trial in results.trials} == {str(project / "sweeps")}


def test_going_on_needs_the_secret_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep_of: Callable[..., Sweep]
) -> None:
    (tmp_path / "train.py").write_text("def train(config, trial):\n    return {'score': 1.0}\n")
    ledger = Ledger(tmp_path, create=True)
    ledger.create_sweep(sweep_of(cluster={"secrets": ["TOKEN"]}), str(tmp_path))
    monkeypatch.delenv("TOKEN")
    with pytest.raises(SweepError, match=r"^cluster.secrets.0: the environment variable TOKEN is not set here: export"):
        resume("small", Where(tmp_path, inline=True))
    assert ledger.trials(ledger.sweep("small")) == []


def test_what_is_missing_is_named_with_its_lines_before_anything_starts(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "")
    lines = ["cluster:", "  secrets: [TOKEN, OWN]", "  working_dir: nowhere", "  pip: needs.txt"]
    cli.write(sweep_yaml="\n".join([SWEEP.strip(), *lines]), train_py=LEAKY)
    where = "the path is relative to the sweep file's folder"
    cure = "name a requirements file, seen from the sweep file's folder, or write a list: [needs.txt]"
    expected = [
        "sweep.yaml:9:13: cluster.secrets.0: the environment variable TOKEN is empty here: export it, and start again",
        "sweep.yaml:9:20: cluster.secrets.1: the environment variable OWN is not set here: export it, and start again",
        f"sweep.yaml:10:3: cluster.working_dir: there is no folder {cli.folder}/nowhere: {where}",
        f"sweep.yaml:11:3: cluster.pip: there is no file {cli.folder}/needs.txt: {cure}",
    ]
    for command in (["run", "sweep.yaml"], ["run", "sweep.yaml", "--inline"], ["check", "sweep.yaml"]):
        assert cli.mistakes(2, *command) == expected
    assert cli.mistakes(2, "submit", "sweep.yaml", "--address", "http://127.0.0.1:1") == expected
    assert not (cli.folder / "assay-results").exists()


def test_a_smoke_test_has_the_environment(cli: CommandLine, project: Path) -> None:
    done = cli("check", project / "sweeps" / "sweep.yaml", "--smoke", "--json")
    assert done.code == 0, done.err
    assert done.json["smoke"]["metrics"]["right"] is True
    assert done.json["smoke"]["metrics"]["folder"] == str(project)


# This process as one of trials


@settings(deadline=None)  # the first example imports Ray
@given(st.dictionaries(st.sampled_from(["A_1", "B", "C"]), st.text("ab$A1_{}BHOME/:", max_size=12)))
def test_variables_are_filled_in_as_ray_does_it(variables: dict[str, str]) -> None:
    from ray._private.utils import update_envs

    before = dict(os.environ)
    with Environment(variables).entered():
        ours = dict(os.environ)
    assert dict(os.environ) == before
    try:
        for name, value in variables.items():  # each seen from the process as it was
            update_envs({name: value})
            assert ours[name] == os.environ[name]
            os.environ.pop(name)
            os.environ |= {name: before[name]} if name in before else {}
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    before, folder = dict(os.environ), Path.cwd()
    environment = Environment({"NEW": "1"}, {"TOKEN": "other"}, tmp_path)
    with pytest.raises(ZeroDivisionError), environment.entered():
        assert (os.environ["NEW"], os.environ["TOKEN"], Path.cwd()) == ("1", "other", tmp_path)
        raise ZeroDivisionError
    assert (dict(os.environ), Path.cwd()) == (before, folder)
    with pytest.raises(OSError, match="gone"), Environment({"NEW": "1"}, {}, tmp_path / "gone").entered():
        pass
    assert (dict(os.environ), Path.cwd()) == (before, folder)


# Secrets


WORDS = st.text(string.ascii_letters + string.digits + "\n.+\\[", max_size=12)


@given(st.lists(st.text(string.ascii_letters, min_size=4), min_size=1, max_size=3), st.data())
def test_no_secret_is_left_in_a_text(values: list[str], data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(WORDS | st.sampled_from(values))))
    masked = Surroundings(secrets={f"S{number}": value for number, value in enumerate(values)}).mask(text)
    assert not [value for value in values if value in masked]
    assert any(value in text for value in values) or masked == text


def test_each_line_of_a_key_is_a_secret_and_what_is_too_short_is_none() -> None:
    surroundings = Surroundings(secrets={"KEY": "BEGIN\nabcdefgh\nEND", "PIN": "1"})
    assert surroundings.mask("1: abcdefgh, END") == "1: ***, END"
    assert "abcdefgh" not in repr(surroundings) + repr(Environment({}, surroundings.secrets))


def test_events_are_recorded_without_secrets() -> None:
    surroundings = Surroundings(secrets={"TOKEN": SECRET})
    reported = Reported(1, 2, {"score": 1.0, "note": f"<{SECRET}>"}, 0.5)
    assert surroundings.masked(reported) == Reported(1, 2, {"score": 1.0, "note": "<***>"}, 0.5)
    failed = Failed(1, Cause.EXCEPTION, f"no {SECRET}", f"Traceback {SECRET}")
    assert surroundings.masked(failed) == Failed(1, Cause.EXCEPTION, "no ***", "Traceback ***")


def test_a_job_gets_the_secrets_of_who_submits_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, sweep_of: Callable[..., Sweep]
) -> None:
    import ray.job_submission

    calls: list[dict[str, Any]] = []

    class Client:
        def __init__(self, address: str) -> None:
            pass

        def submit_job(self, **options: Any) -> str:
            calls.append(options)
            return "job"

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", Client)
    monkeypatch.setattr("assay.cluster.jobs.check_reachable", lambda *_, **__: None)
    file = project / "sweeps" / "sweep.yaml"
    sweep = Sweep.from_yaml(file)
    submit(sweep, file, "http://head:8265", store="results", options=[])
    (call,) = calls
    assert call["entrypoint"].startswith("python -m assay run sweeps/sweep.yaml --address auto")
    assert call["runtime_env"]["working_dir"] == str(project)
    assert SECRET not in json.dumps(call)

    monkeypatch.delenv("TOKEN")  # there
    monkeypatch.setenv("RAY_JOB_ID", "01000000")
    monkeypatch.setenv(HANDED, call["runtime_env"]["env_vars"][HANDED])
    there = Environment.of(sweep.cluster, project / "sweeps", Site.of("auto"))
    assert there.secrets == {"TOKEN": SECRET}
    assert there.surroundings(private=False).folder is None
    submit(sweep_of(), project / "sweeps" / "sweep.yaml", "http://head:8265", store="results", options=[])
    assert calls[-1]["runtime_env"]["env_vars"] == {}


# Folders


def test_what_is_sent_has_to_hold_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    expected = f"cluster.working_dir: {tmp_path}/src does not hold the sweep file's folder, which has to be sent too"
    for site in (Site.RUNNING, Site.SUBMITTED):
        (mistake,) = mistakes(site, tmp_path, working_dir="src")
        assert mistake.startswith(expected)
        assert Environment.of(section(working_dir=".."), tmp_path, site).folder == tmp_path.parent
    for site in (Site.PRIVATE, Site.INLINE):  # nothing is sent
        assert Environment.of(section(working_dir="src"), tmp_path, site).folder == tmp_path / "src"
    assert Environment.of(section(working_dir="/home/me/project"), tmp_path, Site.JOB).folder is None


def test_requirements_of_a_job_have_to_be_sent(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("timm\n")
    (tmp_path / "sweeps").mkdir()
    (mistake,) = mistakes(Site.SUBMITTED, tmp_path / "sweeps", pip="../needs.txt")
    assert mistake.startswith(f"cluster.pip: {tmp_path}/needs.txt is not in the folder that is sent, {tmp_path}/sweeps")
    sent = Environment.of(section(pip="../needs.txt", working_dir=".."), tmp_path / "sweeps", Site.SUBMITTED)
    assert sent.packages == ("timm",)


def test_workers_without_their_folder(tmp_path: Path) -> None:
    worker = Worker(TrainableRef("train.py:train", str(tmp_path)))
    reason = worker.load(surroundings=Surroundings(str(tmp_path / "gone")))
    assert f"cannot run trials in {tmp_path}/gone: No such file or directory" in str(reason)


# What Ray is told


@dataclass
class Told:
    """Stands for ``ray.init``."""

    runtime_env: dict[str, Any] | None = None
    override: str | None = None

    def __call__(self, *args: Any, runtime_env: dict[str, Any] | None, **options: Any) -> None:
        self.runtime_env, self.override = runtime_env, os.environ.get("RAY_OVERRIDE_JOB_RUNTIME_ENV")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    import ray

    stub = Told()
    monkeypatch.setenv("RAY_OVERRIDE_JOB_RUNTIME_ENV", "")  # so that it is put back
    monkeypatch.delenv("RAY_OVERRIDE_JOB_RUNTIME_ENV")
    monkeypatch.setattr(ray, "init", stub)
    monkeypatch.setattr("assay.cluster.ray_connection.check_reachable", lambda *_, **__: None)
    return stub


def opened(address: str | None, directory: Path, environment: Environment) -> RayConnection:
    connection = RayConnection(address, 1, str(directory), directory / "results", environment)
    connection.open()
    connection.close()
    return connection


def test_what_ray_is_told(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweeps").mkdir()
    content = section(env={"A": "1"}, secrets=["TOKEN"], pip=["no-such-package==1"], working_dir="..")
    own = {"env_vars": {"A": "1"}, "pip": ["no-such-package==1"]}
    assert opened(None, tmp_path / "sweeps", Environment.of(content, tmp_path / "sweeps", Site.PRIVATE))
    assert told.runtime_env == own
    environment = Environment.of(content, tmp_path / "sweeps", Site.RUNNING)
    connection = opened("head:6379", tmp_path / "sweeps", environment)
    assert connection.directory == "sweeps"
    assert told.runtime_env is not None
    assert told.runtime_env["working_dir"] == str(tmp_path)
    assert "/sweeps/results" in told.runtime_env["excludes"]
    assert told.runtime_env.items() >= own.items()
    assert told.override is None
    monkeypatch.setenv("RAY_JOB_ID", "01000000")
    monkeypatch.chdir(tmp_path)
    connection = opened("auto", tmp_path / "sweeps", Environment.of(content, tmp_path / "sweeps", Site.JOB))
    assert (connection.directory, told.runtime_env, told.override) == ("sweeps", own, "1")
    opened(None, tmp_path, Environment())
    assert told.runtime_env is None


def test_packages_take_their_time(tmp_path: Path) -> None:
    ref = TrainableRef("train.py:train", str(tmp_path))
    slow = RayExecutor(ref, environment=Environment(packages=("timm",)))
    assert slow._placement_seconds == RayExecutor(ref)._placement_seconds + 600


def test_packages_that_cannot_be_had_are_not_tried_again(tmp_path: Path) -> None:
    import ray

    log = "Failed to install pip requirements\nERROR: No matching distribution found for timmm\n[end of stdout]"
    error = ray.exceptions.RuntimeEnvSetupError(log)
    executor = RayExecutor(TrainableRef("train.py:train", str(tmp_path)))
    with pytest.raises(ClusterError, match="cannot give trials their environment: ERROR: No matching distribution"):
        executor._start_again(error)
    assert why_not_set_up(ray.exceptions.RuntimeEnvSetupError()) == "Failed to set up runtime environment."


# Functions on their way


def test_a_function_is_unpacked_after_its_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "needs_token.py").write_text("import os\nTOKEN = os.environ['LATE']\ndef train(config, trial): ...\n")
    monkeypatch.setenv("LATE", "1")
    import needs_token  # type: ignore[import-not-found]

    packed = PackedTrainable(TrainableRef("train", ".", needs_token.train))
    monkeypatch.delitem(__import__("sys").modules, "needs_token")
    monkeypatch.delenv("LATE")
    worker = Worker(packed)
    assert worker.load() == "trainable: train cannot be used by workers: KeyError: 'LATE' (needs_token.py:2)"
    assert worker.load(surroundings=Surroundings(secrets={"LATE": "then"})) is None


def test_a_function_that_cannot_be_sent() -> None:
    lock = threading.Lock()

    def train(config: dict[str, Any], trial: Any) -> None:
        lock.acquire()

    text = r"^trainable: train cannot be sent to workers: TypeError: cannot pickle '_thread.lock' object: name it in"
    with pytest.raises(TrainableError, match=text):
        PackedTrainable(TrainableRef("train", ".", train))


def test_what_a_trial_prints_is_kept_without_secrets(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        print("it is", os.environ["TOKEN"])
        return {"score": 1.0}

    worker = Worker(TrainableRef("train", ".", train))
    assert worker.load(surroundings=Surroundings(secrets={"TOKEN": SECRET})) is None
    worker.start(TrialSpec(0, {}, "score", folder=str(tmp_path)), None)
    assert (tmp_path / "output.log").read_text() == "it is ***\n"
