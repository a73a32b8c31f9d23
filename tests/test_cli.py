"""The commands: what they print where, with which exit code, and what they leave on disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay import __version__ as assay_version
from assay.search import Ledger

TRAIN = """
print("imported")

def train(config, trial):
    print("training")
    for step in trial.steps():
        aux = float("nan") if step else 1.0
        yield {"loss": (config["x"] - 0.3) ** 2 + 1 / (step + 1) + trial.seed % 100 / 1e4, "aux": aux, "step": "text"}
"""
SWEEP = """
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters: {x: "uniform(0, 1)", depth: [1, 2]}
fidelity: {unit: epoch, max: 3}
scheduler: asha
budget: {trials: 6}
leaderboard: {top: 2, seeds: 2}
"""


def assay(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "RAY_"))}
    return subprocess.run(
        [sys.executable, "-m", "assay", *words],
        cwd=folder,
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep. Only read it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "train.py").write_text(TRAIN)
    (folder / "sweep.yaml").write_text(SWEEP)
    done = assay(folder, "run", "sweep.yaml", "--inline")
    assert done.returncode == 0, done.stderr
    (folder / "printed.txt").write_text(done.stdout)
    (folder / "told.txt").write_text(done.stderr)
    return folder


@pytest.fixture
def done(cli: Any, finished: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line with the finished sweep as its store."""
    monkeypatch.setenv("ASSAY_STORE", str(finished / "assay-results"))
    return cli


@pytest.fixture
def fresh(cli: Any) -> Any:
    """The command line in a folder with a sweep that nobody ran."""
    cli.write(train_py=TRAIN, sweep_yaml=SWEEP)
    return cli


def files(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def names(store: Path) -> list[str]:
    return [record.name for record in Ledger(store).sweeps()]


def test_run_prints_the_leaderboard_and_nothing_else(finished: Path) -> None:
    out, err = (finished / "printed.txt").read_text(), (finished / "told.txt").read_text()
    assert out.split()[:3] == ["rank", "trial", "loss"]
    assert "default" in out
    assert not {"training", "imported"} & set(out.splitlines())
    assert "sweep 'bowl' in assay-results\n" in err
    assert "search: 6/6" in err
    assert "replicate finalists: 6/6" in err
    assert err.count("training\n") > 6, "prints of the training function"
    assert "\x1b" not in out + err
    last = err.splitlines()[-1]
    assert last == "next:   assay export bowl   |   assay show bowl"
    assert (finished / "assay-results" / "bowl" / "report.html").is_file()


def test_run_refuses_a_name_that_is_taken(fresh: Any) -> None:
    assert fresh("run", "sweep.yaml", "--inline", "--trials", "2").code == 0
    before = Ledger("assay-results").trials(Ledger("assay-results").sweep("bowl"))
    [mistake] = fresh.mistakes(2, "run", "sweep.yaml", "--inline")
    assert mistake.startswith("sweep 'bowl' is already in ")
    assert "`assay resume bowl`" in mistake
    assert "`--name bowl-2` or `--new`" in mistake
    assert Ledger("assay-results").trials(Ledger("assay-results").sweep("bowl")) == before
    assert fresh.mistakes(2, "run", "sweep.yaml", "--new", "--resume")[0].startswith("--new starts another sweep")

    renamed = fresh("run", "sweep.yaml", "--inline", "--trials", "2", "--name", "other")
    another = fresh("run", "sweep.yaml", "--inline", "--trials", "2", "--new")
    assert (renamed.code, another.code) == (0, 0)
    assert names(Path("assay-results")) == ["bowl", "other", "bowl-2"]
    assert len(fresh("show", "other", "--json").json["trials"]) == 2 + 4

    again = fresh("run", "sweep.yaml", "--inline", "--resume")
    assert (again.code, again.errors) == (0, [])
    assert "'bowl' goes on as recorded: what has changed in sweep.yaml" in again.err, "2 trials were recorded"
    same = fresh("run", "sweep.yaml", "--inline", "--resume", "--trials", "2")
    assert "goes on as recorded" not in same.err
    assert fresh("resume", "@last", "--inline").out == another.out


def test_new_never_makes_a_name_too_long(fresh: Any) -> None:
    fresh.write(sweep_yaml=SWEEP.replace("bowl", "b" * 63))
    for _ in range(2):
        assert fresh("run", "sweep.yaml", "--inline", "--new", "--trials", "1").code == 0
    assert names(Path("assay-results")) == ["b" * 63, "b" * 57 + "-2"]


def test_resume_goes_on_where_it_stopped(fresh: Any) -> None:
    text = TRAIN.replace('print("training")', "import os, signal\n    os.kill(os.getpid(), signal.SIGTERM)")
    fresh.write(train_py=text)
    stopped = fresh("run", "sweep.yaml", "--inline")
    assert stopped.code == 128 + signal.SIGTERM
    assert stopped.out == ""
    assert stopped.errors == ["sweep 'bowl' was paused; nothing reported is lost: `assay resume bowl` goes on"]
    assert fresh("list", "--json").json["sweeps"][0]["state"] == "stopped"
    [first] = fresh("show", "bowl", "--json").json["trials"]
    fresh.write(train_py=TRAIN)
    resumed = fresh("resume", "bowl", "--inline", "--workers", "2")
    assert resumed.code == 0, resumed.err
    trials = fresh("show", "bowl", "--json").json["trials"]
    assert len(trials) == 6 + 6
    assert trials[0]["reports"][: len(first["reports"])] == first["reports"]


def test_results_stand_elsewhere(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = fresh("run", "sweep.yaml", "--inline", "--trials", "1", "--store", "my results")
    assert done.err.splitlines()[-1] == (
        "next:   assay export bowl --store 'my results'   |   assay show bowl --store 'my results'"
    )
    assert not Path("assay-results").exists()
    monkeypatch.setenv("ASSAY_STORE", "my results")
    assert "bowl" in fresh("list").out


def test_check(fresh: Any) -> None:
    done = fresh("check", "sweep.yaml")
    assert (done.code, done.err) == (0, "imported\n")
    assert "float 0 .. 1" in done.out
    assert "rungs:       1 (6), 3 (about " in done.out
    assert "runs:        at most 6 of the search, 6 replicates (3 finalists, 2 seeds each)" in done.out
    document = fresh("check", "sweep.yaml", "--json", "--smoke").json
    assert document["schema_version"] == 1
    assert document["default"] == {"x": 0.5, "depth": 1}
    assert document["sweep"]["parameters"]["depth"] == {"values": [1, 2]}
    assert document["smoke"]["metrics"] == {"loss": 1.0496, "aux": 1.0, "step": "text"}
    smoke = fresh("check", "sweep.yaml", "--smoke")
    assert "smoke:       loss 1.0496  aux 1  step text after 0.0" in smoke.out
    assert "training\n" in smoke.err
    assert not Path("assay-results").exists()


def test_a_failing_smoke_test_shows_the_users_traceback(fresh: Any) -> None:
    fresh.write(train_py="def train(config, trial):\n    return 1 / 0\n")
    done = fresh("check", "sweep.yaml", "--smoke")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == (
        "error: trainable: the default config failed: ZeroDivisionError: division by zero (train.py:2)"
    )
    assert sum(line.startswith("error: ") for line in lines) == 1


def test_list(done: Any) -> None:
    table, [entry] = done("list"), done("list", "--json").json["sweeps"]
    assert (table.code, table.err) == (0, "")
    assert [word for word in table.out.split() if word in ("bowl", "finished")] == ["bowl", "finished"]
    assert {name: entry[name] for name in ("name", "state", "trials")} == {
        "name": "bowl",
        "state": "finished",
        "trials": 12,
    }
    assert isinstance(entry["best"], float)


def test_leaderboard(done: Any, finished: Path) -> None:
    table = done("leaderboard", "@last")
    assert (table.code, table.err) == (0, "")
    assert table.out == (finished / "printed.txt").read_text(), "the same as at the end of the run"
    document = done("leaderboard", "bowl", "--json").json
    assert document["schema_version"] == 1
    assert document["replicated"] is True
    assert len(document["rows"]) == 3
    assert document["ensemble"] is None
    assert document["ensemble_note"].startswith("no ensemble: ")


def test_show(done: Any) -> None:
    table = done("show", "bowl")
    assert (table.code, table.err) == (0, "")
    assert table.out.startswith("bowl: finished\n")
    document = done("show", "bowl", "--json").json
    assert document["schema_version"] == 1
    assert [trial["trial"] for trial in document["trials"]] == list(range(12))
    assert document["sweep"]["name"] == "bowl"

    one = done("show", "@last", "0")
    assert one.out.startswith("trial 0 of bowl: search, ")
    assert "x: 0.5" in one.out
    assert "step 1: loss 1.04" in one.out
    trial = done("show", "bowl", "0", "--json").json
    assert trial["schema_version"] == 1
    assert trial["config"] == {"x": 0.5, "depth": 1}
    assert trial["reports"][0]["step"] == 1
    assert trial["reports"][0]["metrics"]["step"] == "text", "a metric may be called step"


def test_report(done: Any, finished: Path) -> None:
    usual = done("report", "bowl")
    assert (usual.code, usual.out) == (0, f"{finished / 'assay-results' / 'bowl' / 'report.html'}\n")
    named = done("report", "bowl", "-o", "deep/bowl.html")
    assert (named.code, named.out) == (0, f"{done.folder / 'deep' / 'bowl.html'}\n")
    assert "<html" in Path("deep/bowl.html").read_text(encoding="utf-8")
    assert files("deep") == ["bowl.html"]


def test_report_open_without_a_browser(done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", lambda uri: opened.append(uri))
    shown = done("report", "bowl", "-o", "bowl.html", "--open")
    assert opened == [(done.folder / "bowl.html").as_uri()]
    assert shown.err == f"no browser here: open {opened[0]}\n"


def test_export(done: Any) -> None:
    winner = done("export", "bowl")
    assert (winner.code, winner.out.split()) == (0, ["best/config.yaml", "best/config.json", "best/manifest.json"])
    assert "next: start your training with best/config.yaml" in winner.err
    document = done("export", "bowl", "-o", "third", "--trial", "3", "--format", "json", "--json").json
    assert document["schema_version"] == 1
    assert document["trial"] == 3
    assert document["files"] == ["third/config.json", "third/manifest.json"]
    assert document["config"] == json.loads(Path("third/config.json").read_text())
    assert files("third") == ["config.json", "manifest.json"]
    assert yaml.safe_load(Path("best/config.yaml").read_text()) == json.loads(Path("best/config.json").read_text())


def test_export_says_what_was_not_replicated(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.cluster.phases.PhaseRunner._replicate", lambda self: None)
    assert fresh("run", "sweep.yaml", "--inline", "--trials", "2").code == 0
    assert "not replicated: the score of this config comes from the search" in fresh("export", "bowl").err


def test_submit_prints_the_job(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.cluster.jobs import Job

    given: dict[str, Any] = {}

    def submit(sweep: Any, file: Path, address: str, *, store: str, options: list[str]) -> Job:
        given.update(name=sweep.name, trials=sweep.budget.trials, file=file, options=options)
        return Job("job-1", address, sweep.name, store)

    monkeypatch.setattr("assay.cluster.jobs.submit", submit)
    options = ("submit", "sweep.yaml", "--address", "http://head:8265", "--name", "far", "--trials", "3", "--resume")
    done = fresh(*options)
    assert (done.code, done.out) == (0, "job-1\n")
    assert given == {
        "name": "far",
        "trials": 3,
        "file": Path("sweep.yaml"),
        "options": ["--name", "far", "--trials", "3", "--resume"],
    }
    assert "watch:   ray job logs --address http://head:8265 --follow job-1" in done.err
    assert "results: assay leaderboard far --store ~/assay-results" in done.err
    assert "which Ray deletes" not in done.err
    fresh.write(sweep_yaml=f"{SWEEP}export: {{to: best}}\n")
    assert "export:  'best' lies in the job's copy of this folder, which Ray deletes" in fresh(*options).err
    assert fresh(*options, "--json").json == {
        "schema_version": 1,
        "job": "job-1",
        "sweep": "far",
        "address": "http://head:8265",
        "store": "~/assay-results",
    }


@pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
def test_plain_output(done: Any, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    from rich.console import Console

    from assay.cluster.display import LiveDisplay, PlainDisplay, display_for

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert isinstance(display_for(Console(force_terminal=True)), LiveDisplay)
    monkeypatch.setenv(variable, "1")
    assert isinstance(display_for(Console(force_terminal=True)), PlainDisplay)
    assert "\x1b" not in done("leaderboard", "bowl").out


def test_a_broken_pipe_is_no_error(finished: Path) -> None:
    for words in ("show bowl", "show bowl --json"):
        command = f"{sys.executable} -m assay {words}; echo rc $? >&2"
        done = subprocess.run(
            ["bash", "-c", f"({command}) | true"], cwd=finished, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stderr == "rc 0\n"


def test_a_terminal_without_our_characters(finished: Path) -> None:
    done = assay(finished, "leaderboard", "bowl", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert " ? " in done.stdout


def test_the_sweep_outlives_a_killed_process(finished: Path, tmp_path: Path) -> None:
    """Exit codes of real processes, and a store that was left as running."""
    store = tmp_path / "assay-results"
    shutil.copytree(finished / "assay-results", store)
    ledger = Ledger(store)
    ledger.set_state(ledger.sweep("bowl"), "running")
    assert json.loads(assay(tmp_path, "list", "--json").stdout)["sweeps"][0]["state"] == "interrupted"
    assert assay(tmp_path, "show", "bowl", "77").returncode == 4
    assert assay(tmp_path, "list", "--format").returncode == 2


def test_inline_wins_over_an_address_of_the_environment(
    tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.cli.opening import where_of
    from assay.spaces import SweepError

    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    assert where_of(tmp_path, address="10.0.0.5:6379", inline=True).address is None
    with pytest.raises(SweepError, match="give one of the two"):
        where_of(tmp_path, address="10.0.0.6:6379", inline=True)


def test_version(cli: Any) -> None:
    done = cli("--version")
    assert (done.code, done.out, done.err) == (0, f"assay {assay_version}\n", "")


def test_a_sweep_that_exports_when_it_ends(fresh: Any) -> None:
    section = (
        "export: {to: best, formats: [argparse, yaml], rename: {x: optim.x}, retrain: {epochs: 9}, into: own.yml}\n"
    )
    fresh.write(sweep_yaml=SWEEP + section)
    [mistake] = fresh.mistakes(2, "run", "sweep.yaml", "--inline", "--trials", "1")
    assert mistake == (
        "sweep.yaml:10:91: export.into: there is no file own.yml: the path is seen from the sweep file's folder"
    )
    assert fresh.mistakes(2, "check", "sweep.yaml") == [mistake]
    assert not Path("assay-results").exists()
    fresh.write(own_yml="optim: {x: 1}  # mine\n")
    done = fresh("run", "sweep.yaml", "--inline", "--trials", "1")
    assert done.code == 0, done.err
    assert done.err.splitlines()[-5:] == [
        "export: best (config.yaml, best.args, own.yml, manifest.json)",
        "note: own.yml: added, as it had none: depth, epochs",
        "trial 0; next: start your training with best/own.yml",
        "trial 0; next: start your training with best/config.yaml",
        "trial 0; next: python train.py @best/best.args   "
        "(with fromfile_prefix_chars='@'; otherwise: python train.py $(cat best/best.args))",
    ]
    assert files("best") == ["best.args", "config.yaml", "manifest.json", "own.yml"]
    again = fresh("export", "bowl", "--check")
    assert again.out.split() == [f"best/{name}" for name in ("config.yaml", "best.args", "own.yml", "manifest.json")]
    assert "checked: best.args: 3 values, read as written by argparse\n" in again.err
    document = fresh("export", "bowl", "--check", "--json").json
    assert document["config"] == yaml.safe_load(Path("best/config.yaml").read_text())
    assert (len(document["checked"]), len(document["next"]), len(document["notes"])) == (3, 3, 1)
