"""Commands that change a sweep on its way, go on with one, check one, or take one over from another tool."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.search import Ledger, Phase, State, Trial
from assay.search.sweep_lock import SweepLock

STORE = Path("assay-results")
TRAIN = """
import json
import subprocess
import sys
from pathlib import Path
from assay.search import Ledger

def train(config, trial):
    for step in trial.steps():
        meanwhile(trial.number, step + 1)
        yield {"loss": (config["x"] - 0.3) ** 2 + 1 / (step + 1) + trial.seed % 100 / 1e4}

def meanwhile(number, step):
    '''What other processes do while this one trains.'''
    file = Path("meanwhile.json")
    if file.exists() and (number, step) == tuple((plan := json.loads(file.read_text()))["at"]):
        file.unlink()
        done = [
            subprocess.run([sys.executable, "-m", "assay", *words], capture_output=True, text=True, timeout=60)
            for words in plan["commands"]
        ]
        Path("done.json").write_text(json.dumps([[one.returncode, one.stdout, one.stderr] for one in done]))
        for wish in plan["wishes"]:
            Ledger("assay-results").wish("bowl", wish)
"""
SWEEP = """
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters: {x: "uniform(0, 1)"}
searcher: random
fidelity: {unit: epoch, max: 4}
scheduler: none
budget: {trials: 4}
leaderboard: {top: 1, seeds: 2}
"""
ASHA = SWEEP.replace("scheduler: none", "scheduler: {type: asha, eta: 2}").replace("trials: 4", "trials: 8")


@pytest.fixture
def fresh(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line in a folder with a sweep that nobody ran; a wish is looked for in every round."""
    monkeypatch.setattr("assay.cluster.wish._POLL_SECONDS", 0.0)
    cli.write(train_py=TRAIN, sweep_yaml=SWEEP)
    return cli


@pytest.fixture
def ran(fresh: Any) -> Any:
    """The same after the sweep ran."""
    assert fresh("run", "sweep.yaml", "--inline").code == 0
    return fresh


def meanwhile(number: int, step: int, *commands: str, wishes: Sequence[str] = ()) -> None:
    """Before a report of a trial, run commands in processes of their own, or leave the wishes that they would."""
    plan = {"at": [number, step], "commands": [command.split() for command in commands], "wishes": wishes}
    Path("meanwhile.json").write_text(json.dumps(plan))


def done_meanwhile() -> list[tuple[int, str, str]]:
    return [tuple(one) for one in json.loads(Path("done.json").read_text())]


def trials(phase: Phase | None = None, name: str = "bowl") -> list[Trial]:
    with closing(Ledger(STORE)) as ledger:
        return ledger.trials(ledger.sweep(name), phase)


def state(cli: Any, name: str = "bowl") -> str:
    """As `list` shows it."""
    return next(sweep["state"] for sweep in cli("list", "--json").json["sweeps"] if sweep["name"] == name)


def states(phase: Phase = Phase.SEARCH) -> list[State]:
    return [trial.state for trial in trials(phase)]


def assert_kept(before: list[Trial], after: list[Trial]) -> None:
    assert len(before) <= len(after)
    for old, new in zip(before, after, strict=False):
        assert (new.number, new.config, new.seed, new.split) == (old.number, old.config, old.seed, old.split)
        assert new.reports[: len(old.reports)] == old.reports


def assert_whole(cli: Any, count: int = 4, length: int = 4) -> None:
    """The sweep is finished with all its trials in full, each report made once."""
    assert state(cli) == "finished"
    assert len(trials(Phase.SEARCH)) == count
    for trial in trials():
        assert trial.state is State.COMPLETE
        assert [report.step for report in trial.reports] == list(range(1, length + 1))
    assert len(trials(Phase.REPLICATE)) in (2, 4), "of the best and, if it is another one, the default config"


# Stop, pause, cancel


@pytest.mark.parametrize(
    ("word", "told", "shown", "workers"),
    [
        ("pause", "its trials end at their next report", "stopped", 1),
        ("cancel", "its trials are ended now", "cancelled", 2),
    ],
)
def test_a_pause_and_a_cancel_end_it_and_it_can_be_resumed(
    fresh: Any, word: str, told: str, shown: str, workers: int
) -> None:
    meanwhile(1, 2, "list --json", f"{word} bowl")
    ended = fresh("run", "sweep.yaml", "--inline", "--workers", workers)
    assert (ended.code, ended.out) == (130, "")
    past = {"pause": "paused", "cancel": "cancelled"}[word]
    assert ended.errors == [f"sweep 'bowl' was {past}; nothing reported is lost: `assay resume bowl` goes on"]
    listed, wished = done_meanwhile()
    assert json.loads(listed[1])["sweeps"][0]["state"] == "running"
    assert wished == (0, "", f"sweep 'bowl': {told}; watch it with `assay show bowl`\n")

    assert state(fresh) == shown
    assert fresh("show", "bowl").out.startswith(f"bowl: {shown}: sweep 'bowl' was {past}")
    assert trials(Phase.REPLICATE) == []
    before = trials()
    assert states() == [State.COMPLETE if workers == 1 else State.PENDING, State.PENDING]
    assert len(before[1].reports) == 2
    assert "decisions made again, all as recorded" in fresh("replay", "bowl").out

    with closing(Ledger(STORE)) as ledger:
        assert ledger.wished(ledger.sweep("bowl")) == word
    assert fresh("resume", "@last", "--inline").code == 0, "the old wish does not end it again"
    assert_kept(before, trials())
    assert_whole(fresh)
    assert fresh("replay", "bowl").code == 0


def test_a_stop_lets_trials_end_and_finishes_the_sweep(fresh: Any) -> None:
    meanwhile(1, 2, "stop @last")
    done = fresh("run", "sweep.yaml", "--inline", "--workers", "2")
    assert (done.code, done.errors) == (0, [])
    assert done.out.split()[:3] == ["rank", "trial", "loss"]
    [(code, out, told)] = done_meanwhile()
    assert (code, out) == (0, "")
    assert told == (
        "sweep 'bowl': running trials end, then the finalists are replicated; watch it with `assay show bowl`\n"
    )
    assert_whole(fresh, count=2)
    assert fresh("resume", "bowl", "--inline").out == done.out, "it is finished"
    assert_whole(fresh, count=2)
    before = trials()
    assert fresh("run", "sweep.yaml", "--inline", "--extend").code == 0, "what was left out is made up for"
    assert_kept(before, trials())
    assert len(trials(Phase.SEARCH)) == 4


@pytest.mark.parametrize("word", ["stop", "pause"])
def test_while_replicates_run(fresh: Any, word: str) -> None:
    """A stop is about the search; a pause ends the replicates, and a resume makes those that are left."""
    meanwhile(4, 2, wishes=[word])
    ended = fresh("run", "sweep.yaml", "--inline")
    assert ended.code == (0 if word == "stop" else 130)
    if word != "stop":
        assert [trial.state for trial in trials(Phase.REPLICATE)] == [State.PENDING]
        assert state(fresh) == "stopped"
        before = trials()
        assert fresh("resume", "bowl", "--inline").code == 0
        assert_kept(before, trials())
    assert_whole(fresh)


def test_the_last_wish_counts(fresh: Any) -> None:
    meanwhile(0, 2, wishes=["stop", "cancel"])
    assert fresh("run", "sweep.yaml", "--inline").code == 130
    assert state(fresh) == "cancelled"


@pytest.mark.parametrize("word", ["stop", "pause", "cancel"])
@pytest.mark.parametrize("shown", ["finished", "stopped", "cancelled", "failed", "interrupted"])
def test_a_sweep_that_does_not_run_takes_no_wish(fresh: Any, word: str, shown: str) -> None:
    from assay.search import read_sweep

    with closing(Ledger(STORE, create=True)) as ledger:
        record = ledger.create_sweep(read_sweep("sweep.yaml"), ".")
        ledger.set_state(record, "running" if shown == "interrupted" else shown)
        assert fresh.mistakes(2, word, "bowl") == [f"sweep 'bowl' is not running: it is {shown}"]
        assert ledger.wished(record) == ""
    [mistake] = fresh.mistakes(4, word, "bowls")
    assert mistake == f"no sweep 'bowls' in {fresh.folder / STORE} (did you mean 'bowl'?); there are: bowl"


@pytest.mark.parametrize("command", ["stop", "pause", "cancel", "replay"])
def test_nothing_to_change_or_check(fresh: Any, command: str) -> None:
    [mistake] = fresh.mistakes(4, command, "bowl")
    assert mistake.startswith(f"no sweeps in {fresh.folder / STORE}: ")
    assert not STORE.exists()
    [mistake] = fresh.mistakes(2, command)
    assert mistake.startswith("Missing argument")
    assert f"`assay {command} --help` tells more" in mistake


# Extend


def test_more_trials(ran: Any) -> None:
    before = trials(Phase.SEARCH)
    done = ran("run", "sweep.yaml", "--inline", "--extend", "--trials", "6")
    assert (done.code, done.errors) == (0, [])
    assert done.out.split()[:3] == ["rank", "trial", "loss"]
    assert trials(Phase.SEARCH)[:4] == before
    assert len(trials(Phase.SEARCH)) == 6
    assert ran("show", "bowl", "--json").json["sweep"]["budget"]["trials"] == 6
    assert state(ran) == "finished"
    assert "all as recorded" in ran("replay", "bowl").out
    again = ran("run", "sweep.yaml", "--inline", "--extend", "--trials", "6")
    assert (again.code, again.out) == (0, done.out), "there is nothing left to do"


def test_longer_runs(ran: Any) -> None:
    before = trials()
    ran.write(sweep_yaml=SWEEP.replace("max: 4", "max: 6"))
    done = ran("run", "sweep.yaml", "--inline", "--extend")
    assert done.code == 0, done.err
    assert "4 of 4 full runs go on to 6 epochs" in done.err
    assert_kept(before, trials())
    assert_whole(ran, length=6)
    assert ran("replay", "bowl").code == 0


def test_one_that_was_paused(fresh: Any) -> None:
    meanwhile(1, 2, wishes=["pause"])
    assert fresh("run", "sweep.yaml", "--inline").code == 130
    before = trials()
    fresh.write(sweep_yaml=SWEEP.replace("max: 4", "max: 5").replace("trials: 4", "trials: 5"))
    assert fresh("run", "sweep.yaml", "--inline", "--extend").code == 0
    assert_kept(before, trials())
    assert_whole(fresh, count=5, length=5)


def test_an_extension_can_be_interrupted(ran: Any) -> None:
    before = trials(Phase.SEARCH)
    first = len(trials())
    meanwhile(first, 2, wishes=["pause"])
    assert ran("run", "sweep.yaml", "--inline", "--extend", "--trials", "6").code == 130
    assert ran("resume", "bowl", "--inline").code == 0
    assert trials(Phase.SEARCH)[:4] == before
    assert len(trials(Phase.SEARCH)) == 6
    assert ran("replay", "bowl").code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: bowl", "name: bowl\nseed: 5", "sweep 'bowl' cannot be extended with another seed: results would"),
        ("goal: minimize", "goal: maximize", "sweep 'bowl' cannot be extended with another objective: results would"),
        ("metric: loss", "metric: score", "sweep 'bowl' cannot be extended with another objective: results would"),
        ("max: 4", "max: 3", "sweep 'bowl' has full runs of 4 epochs: fidelity.max can grow, not shrink to 3"),
        (
            "scheduler: none",
            "scheduler: {type: pbt, interval: 2}",
            "sweep 'bowl' cannot be extended with scheduler pbt, which would have led its trials otherwise",
        ),
        ("train.py:train", "train.py:trian", "trainable: {folder}/train.py does not define 'trian' (did you mean"),
        ("trials: 4", "trials: 0", "sweep.yaml:9:10: budget.trials: "),
    ],
)
def test_what_cannot_be_extended(ran: Any, old: str, new: str, message: str) -> None:
    before, shown = trials(), ran("show", "bowl", "--json").out
    ran.write(sweep_yaml=SWEEP.replace(old, new))
    [mistake] = ran.mistakes(2, "run", "sweep.yaml", "--inline", "--extend")
    assert mistake.startswith(message.format(folder=ran.folder))
    assert trials() == before
    assert ran("show", "bowl", "--json").out == shown
    assert state(ran) == "finished"


def test_nothing_to_extend(fresh: Any) -> None:
    [mistake] = fresh.mistakes(4, "run", "sweep.yaml", "--inline", "--extend")
    assert mistake.startswith("no sweeps in ")
    assert not STORE.exists()
    fresh("run", "sweep.yaml", "--inline", "--trials", "1")
    [mistake] = fresh.mistakes(4, "run", "sweep.yaml", "--inline", "--extend", "--name", "bow")
    assert mistake == f"no sweep 'bow' in {fresh.folder / STORE} (did you mean 'bowl'?); there are: bowl"


@pytest.mark.parametrize("others", [["--new"], ["--resume"], ["--new", "--resume"]])
def test_extend_goes_with_no_other_way(ran: Any, others: list[str]) -> None:
    before = trials()
    [mistake] = ran.mistakes(2, "run", "sweep.yaml", "--inline", "--trials", "9", "--extend", *others)
    assert mistake.endswith("give one of them")
    assert trials() == before


def test_what_somebody_else_runs_cannot_be_extended(ran: Any) -> None:
    before = trials()
    lock = SweepLock(STORE / "bowl")
    lock.acquire("bowl")
    try:
        [mistake] = ran.mistakes(2, "run", "sweep.yaml", "--inline", "--extend", "--trials", "9")
    finally:
        lock.release()
    assert mistake.startswith("sweep 'bowl' is being run by another process")
    assert trials() == before
    assert ran("show", "bowl", "--json").json["sweep"]["budget"]["trials"] == 4


# Replay


@pytest.fixture
def halved(fresh: Any) -> Any:
    """The command line with a finished sweep under ASHA."""
    fresh.write(sweep_yaml=ASHA)
    assert fresh("run", "sweep.yaml", "--inline", "--workers", "3").code == 0
    return fresh


def falsify(statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(STORE / "ledger.db")) as connection:
        assert connection.execute(statement, values).rowcount == 1
        connection.commit()


def test_a_replay_that_agrees(halved: Any) -> None:
    before = trials()
    done = halved("replay", "@last")
    assert (done.code, done.err) == (0, "")
    search = trials(Phase.SEARCH)
    count = sum(len(trial.reports) for trial in search) + 2 * len(search) - 1  # runs, and configs but the default
    assert done.out == f"{count} decisions made again, all as recorded\n"
    assert halved("replay", "bowl", "--json").json == {"schema_version": 1, "decisions": count, "difference": None}
    assert trials() == before


def test_a_replay_that_differs(halved: Any) -> None:
    found = [(trial, report) for trial in trials(Phase.SEARCH) for report in trial.reports]
    trial, report = min((pair for pair in found if pair[1].decision == "stop"), key=lambda pair: pair[1].order)
    statement = "update reports set decision = 'continue' where number = ? and step = ?"
    falsify(statement, trial.number, report.step)
    what = f"decision on trial {trial.number} at step {report.step}"
    done = halved("replay", "bowl")
    assert (done.code, done.err) == (6, "")
    first, *rest = done.out.splitlines()
    assert first.endswith(f" decisions made again; the last one differs, at event {report.order}")
    assert rest == [what, "  recorded: continue", "  made now: stop"]
    document = halved("replay", "bowl", "--json")
    assert (document.code, document.err) == (6, "")
    assert document.json["difference"] == {
        "order": report.order, "what": what, "recorded": "continue", "made": "stop",
    }  # fmt: skip
    assert first.startswith(f"{document.json['decisions']} decisions")


def test_a_replay_of_what_is_not_there(ran: Any) -> None:
    [mistake] = ran.mistakes(4, "replay", "bowls")
    assert mistake.startswith("no sweep 'bowls' in ")
    assert len(ran.mistakes(4, "replay", "bowls", "--json")) == 1


def test_a_replay_of_what_ray_tune_decided(fresh: Any) -> None:
    from assay.search import read_sweep

    fresh.write(sweep_yaml=SWEEP + "engine: tune\n")
    with closing(Ledger(STORE, create=True)) as ledger:
        ledger.create_sweep(read_sweep("sweep.yaml"), ".")
    [mistake] = fresh.mistakes(2, "replay", "bowl")
    assert mistake == "the search of 'bowl' was run by engine tune: nothing to compare"


# Import


def csv_file(folder: Path) -> list[str]:
    (folder / "old.csv").write_text("params_x,loss,state\n0.25,0.5,COMPLETE\n0.5,0.125,COMPLETE\n0.75,2.0,PRUNED\n")
    return ["csv", "old.csv", "--metric", "loss", "--goal", "minimize"]


def optuna_file(folder: Path) -> list[str]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    storage = JournalStorage(JournalFileBackend(str(folder / "old.log")))
    study = optuna.create_study(study_name="old", storage=storage, direction="minimize")
    space = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    for x, value, ended in ((0.25, 0.5, "COMPLETE"), (0.5, 0.125, "COMPLETE"), (0.75, 2.0, "PRUNED")):
        study.add_trial(
            optuna.trial.create_trial(
                params={"x": x},
                distributions=space,
                value=value if ended == "COMPLETE" else None,
                intermediate_values={1: value},
                state=TrialState[ended],
            )
        )
    return ["optuna", "old.log", "--metric", "loss"]


def ray_folder(folder: Path) -> list[str]:
    for number, (x, loss) in enumerate(((0.25, 0.5), (0.5, 0.125), (0.75, 2.0))):
        trial = folder / "old" / f"t_0000{number}"
        trial.mkdir(parents=True)
        (trial / "params.json").write_text(json.dumps({"x": x}))
        (trial / "result.json").write_text(json.dumps({"loss": loss, "training_iteration": 1}) + "\n")
    return ["ray", "old", "--metric", "loss", "--goal", "minimize"]


every_kind = pytest.mark.parametrize("make", [csv_file, optuna_file, ray_folder])


@every_kind
def test_an_import_is_a_finished_sweep(cli: Any, make: Callable[[Path], list[str]]) -> None:
    words = make(cli.folder)
    done = cli("import", *words)
    assert (done.code, done.errors) == (0, [])
    assert done.out.split()[:3] == ["rank", "trial", "loss"]
    assert done.err.startswith("sweep 'old', 3 trials: imported from ")
    assert done.err.splitlines()[-1] == "next:   assay export old   |   assay show old"
    assert (STORE / "old" / "report.html").is_file()
    assert state(cli, "old") == "finished"
    found = [(trial.number, dict(trial.config), trial.value("loss")) for trial in trials(name="old")]
    assert found == [(0, {"x": 0.25}, 0.5), (1, {"x": 0.5}, 0.125), (2, {"x": 0.75}, 2.0)]
    assert cli("leaderboard", "old").out == done.out
    exported = cli("export", "old", "--json")
    assert (exported.json["trial"], exported.json["config"]) == (1, {"x": 0.5})

    before = trials(name="old")
    [mistake] = cli.mistakes(2, "import", *words)
    assert mistake.startswith("sweep 'old' is already in ")
    assert mistake.endswith("import under another name, such as --name old-2")
    document = cli("import", *words, "--name", "old-2", "--json").json
    assert (document["schema_version"], document["sweep"], document["trials"]) == (1, "old-2", 3)
    assert document["note"].startswith("imported from ")
    assert trials(name="old") == before
    [mistake] = cli.mistakes(2, "replay", "old")
    assert mistake == "the results of 'old' were imported: nothing was decided here"


def test_an_import_that_fits_a_sweep_file_can_be_gone_on_with(fresh: Any) -> None:
    fresh.write(sweep_yaml=SWEEP.replace("fidelity: {unit: epoch, max: 4}", "").replace("trials: 4", "trials: 5"))
    fresh.write(train_py="def train(config, trial):\n    return {'loss': config['x'] ** 2 + trial.seed % 9 / 100}\n")
    words = csv_file(fresh.folder)[:2]
    assert fresh("import", *words, "--sweep", "sweep.yaml", "--name", "bowl").code == 0
    before = trials()
    done = fresh("run", "sweep.yaml", "--inline", "--extend")
    assert (done.code, done.errors) == (0, [])
    assert trials(Phase.SEARCH)[:3] == before
    assert len(trials(Phase.SEARCH)) == 5
    assert trials(Phase.REPLICATE)
    assert fresh("replay", "bowl").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("cvs old.csv", "there are no results of kind 'cvs' (did you mean 'csv'?): use 'ray', 'optuna' or 'csv'"),
        ("csv new.csv --metric loss --goal minimize", "new.csv: there is no such file"),
        ("csv old.csv --goal minimize", "old.csv does not say which metric was optimised: name it with --metric"),
        ("csv old.csv --metric los --goal minimize", "old.csv has no metric 'los' (did you mean 'loss'?): it has loss"),
        ("csv old.csv --metric loss", "old.csv does not say which direction of 'loss' is better: add --goal"),
        ("csv old.csv --metric loss --goal up", "goal 'up' is not 'maximize' or 'minimize'"),
        ("csv old.csv --metric loss --goal minimize --param params_y", "old.csv: has no column 'params_y'"),
        ("csv old.csv --metric loss --goal minimize --study s", "--study does not belong to csv: leave it out"),
        ("csv old.csv --metric loss --goal minimize --drop y", "--drop y: no trial has a parameter of this name"),
        ("csv old.csv --metric loss --goal minimize --name Bad!", "name: 'Bad!' is not a name"),
        ("csv old.csv --metric loss --goal minimize --sweep none.yaml", "none.yaml: there is no such file"),
        ("csv old.csv --metric loss --goal maximize --sweep sweep.yaml", "objectives: the sweep file is to minimize"),
        ("optuna nothing.db", "{folder}/nothing.db: there is no such file"),
        ("optuna old.csv", "{folder}/old.csv: is neither a SQLite database nor a journal of Optuna"),
        ("ray nothing --metric loss --goal minimize", "nothing: there is no such folder"),
        ("ray . --metric loss --goal minimize", ".: holds no trials of Ray Tune"),
        ("csv", "Missing argument"),
    ],
)
def test_what_cannot_be_imported(fresh: Any, words: str, message: str) -> None:
    csv_file(fresh.folder)
    [mistake] = fresh.mistakes(2, "import", *words.split())
    assert mistake.startswith(message.format(folder=fresh.folder))
    assert not STORE.exists(), "nothing is left behind"
