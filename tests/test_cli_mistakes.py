"""Whatever can be given wrongly: one line per mistake, the thing named, the cure, an exit code, and nothing lost."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from assay.search import Ledger

TRAIN = """
def train(config, trial):
    return {"loss": (config["x"] - 0.3) ** 2 + trial.seed % 100 / 1e4}

def silent(config, trial):
    return {"accuracy": 0.9, "f1": 0.8}

def undefined(config, trial):
    return {"loss": float("nan")}

def raising(config, trial):
    raise ValueError("x is\\nbad")

def alone(config):
    return {}
"""
SWEEP = """
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
parameters: {x: "uniform(0, 1)"}
budget: {trials: 3}
leaderboard: {top: 1, seeds: 2}
"""
STORE = Path("assay-results")


@pytest.fixture
def given(cli: Any) -> Any:
    """The command line in a folder with a good sweep file."""
    cli.write(train_py=TRAIN, sweep_yaml=SWEEP)
    return cli


@pytest.fixture
def ran(given: Any) -> Any:
    """The same after the sweep ran."""
    assert given("run", "sweep.yaml", "--inline").code == 0
    return given


def functions(cli: Any, name: str) -> None:
    cli.write(sweep_yaml=SWEEP.replace("train.py:train", f"train.py:{name}"))


@pytest.mark.parametrize("command", [["run", "--inline"], ["check"], ["submit", "--address", "http://127.0.0.1:1"]])
def test_a_missing_sweep_file(given: Any, command: list[str]) -> None:
    assert given.mistakes(2, *command, "swep.yaml") == ["swep.yaml: there is no such file; there is: sweep.yaml"]
    assert given.mistakes(2, *command, ".")[0].startswith(".: is a folder, expected a sweep file")
    assert not STORE.exists()


@pytest.mark.parametrize("command", [["run", "--inline"], ["check"], ["submit", "--address", "http://127.0.0.1:1"]])
def test_mistakes_in_the_sweep_file_come_all_at_once(given: Any, command: list[str]) -> None:
    given.write(sweep_yaml=SWEEP.replace("uniform(0, 1)", "uniform(1, 0)").replace("goal", "gaol") + "budgte: 3\n")
    assert given.mistakes(2, *command, "sweep.yaml") == [
        "sweep.yaml:4:14: objectives.0.goal: missing: Which direction is better ('maximize' or 'minimize')",
        "sweep.yaml:4:29: objectives.0.gaol: unknown key 'gaol' (did you mean 'goal'?)",
        "sweep.yaml:5:14: parameters.x: min 1 must be below max 0",
        "sweep.yaml:8:1: budgte: unknown key 'budgte' (did you mean 'budget'?)",
    ]
    assert not STORE.exists()


def test_no_training_function_in_the_file(given: Any) -> None:
    given.write(sweep_yaml=SWEEP.replace("trainable: train.py:train\n", ""))
    for command in (["run", "--inline"], ["check"]):
        [mistake] = given.mistakes(2, *command, "sweep.yaml")
        assert mistake == "sweep.yaml: trainable is missing: write file.py:function, such as train.py:train"
    assert not STORE.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian.py:train", "trainable: there is no file {folder}/trian.py: the path is relative to the sweep file's"),
        ("train.py:trian", "trainable: {folder}/train.py does not define 'trian' (did you mean 'train'?); it defines"),
        ("train.py", "trainable: 'train.py' is not of the form file.py:function or package.module:function"),
        ("broken.py:train", "trainable: {folder}/broken.py: "),
    ],
)
def test_a_training_function_that_is_not_there(given: Any, name: str, message: str) -> None:
    given.write(broken_py="x = 1\ndef train(:\n", sweep_yaml=SWEEP.replace("train.py:train", name))
    [mistake] = given.mistakes(2, "run", "sweep.yaml", "--inline")
    assert mistake.startswith(message.format(folder=given.folder))
    assert "broken" not in name or "line 2" in mistake
    assert not STORE.exists()
    assert len(given.mistakes(2, "check", "sweep.yaml")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nowhere_at_all\ndef train(config, trial): ...",
            "importing train.py failed: ModuleNotFoundError: No mod",
        ),
        (
            "x = 1 / 0\ndef train(config, trial): ...",
            "importing train.py failed: ZeroDivisionError: division by zero (t",
        ),
        ("def train(config): ...", "train.py:train must take two arguments: def train(config, trial)"),
        ("train = 3", "train.py:train is int, not a function"),
    ],
)
def test_a_training_function_that_cannot_be_used(given: Any, text: str, message: str) -> None:
    given.write(train_py=text)
    for command in (["run", "--inline"], ["check"], ["check", "--smoke"]):
        [mistake] = given.mistakes(2, *command, "sweep.yaml")
        assert mistake.startswith(f"trainable: {message}")
    assert not STORE.exists(), "nothing is left behind"
    given.write(train_py=TRAIN)
    assert given("run", "sweep.yaml", "--inline").code == 0, "the name is free"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("silent", ["'loss'", "accuracy", "f1"]),
        ("undefined", ["metric 'loss' is nan, not a finite number"]),
        ("raising", ["ValueError: x is bad (train.py:12)", "`assay show bowl 0"]),
    ],
)
def test_no_trial_gives_a_score(given: Any, function: str, words: list[str]) -> None:
    functions(given, function)
    [mistake] = given.mistakes(3, "run", "sweep.yaml", "--inline")
    assert mistake.startswith("no trial gave a score, 3 failed: ")
    for word in words:
        assert word in mistake
    assert given("list", "--json").json["sweeps"][0]["state"] == "failed"
    for command in (["leaderboard", "bowl"], ["leaderboard", "bowl", "--json"], ["export", "bowl"]):
        [mistake] = given.mistakes(3, *command)
        assert mistake.startswith("sweep 'bowl' has no trial with a score: 3 failed, 3 of them with: ")
    assert not Path("best").exists()
    shown = given("show", "bowl", "0")
    assert (shown.code, shown.err) == (0, "")
    assert ("Traceback" in shown.out) == (function == "raising")
    assert "ValueError: x is\nbad" in shown.out or function != "raising"
    assert given("report", "bowl").code == 0
    [taken] = given.mistakes(2, "run", "sweep.yaml", "--inline")
    assert "`assay resume bowl` tries its failed trials again" in taken


def test_what_failed_is_tried_again_when_the_cause_is_mended(given: Any) -> None:
    functions(given, "raising")
    given.mistakes(3, "run", "sweep.yaml", "--inline")
    given.write(train_py="def raising(config, trial):\n    return {'loss': config['x'] + trial.seed % 7 / 100}")
    assert given("resume", "bowl", "--inline").code == 0
    trials = [trial for trial in given("show", "bowl", "--json").json["trials"] if trial["phase"] == "search"]
    assert [trial["trial"] for trial in trials] == [0, 1, 2]
    assert {(trial["state"], trial["reason"], trial["attempts"]) for trial in trials} == {("complete", "", 2)}


def test_a_cluster_that_does_not_answer(given: Any) -> None:
    [mistake] = given.mistakes(5, "run", "sweep.yaml", "--address", "127.0.0.1:1")
    assert mistake.startswith("no Ray cluster answers at 127.0.0.1:1 (")
    assert mistake.endswith("is the head running, and is this its address?")
    [mistake] = given.mistakes(2, "run", "sweep.yaml", "--address", "http://127.0.0.1:8265")
    assert "is the address of a dashboard: write host:port" in mistake
    assert "`assay submit`" in mistake
    assert not STORE.exists(), "nothing is left behind"
    [mistake] = given.mistakes(5, "submit", "sweep.yaml", "--address", "http://127.0.0.1:1")
    assert mistake.startswith("no Ray cluster answers at http://127.0.0.1:1")


@pytest.mark.parametrize("options", [[], ["--address", "127.0.0.1:8265"], ["--address", "auto"]])
def test_submit_wants_a_dashboard(given: Any, options: list[str]) -> None:
    [mistake] = given.mistakes(2, "submit", "sweep.yaml", *options)
    assert "is not the address of a dashboard: write http://HEAD:8265" in mistake


def test_unknown_names(ran: Any) -> None:
    for command in ("show", "leaderboard", "report", "export", "resume"):
        [mistake] = ran.mistakes(4, command, "bowls")
        assert mistake == f"no sweep 'bowls' in {ran.folder / STORE} (did you mean 'bowl'?); there are: bowl"
    for command in (["show", "bowl", "99"], ["export", "bowl", "--trial", "99", "-o", "x"]):
        assert ran.mistakes(4, *command) == ["sweep 'bowl' has no trial 99: it has 0 to 6"]
    assert not Path("x").exists()


def test_no_store(given: Any) -> None:
    for command in (["list"], ["show", "@last"], ["resume", "bowl"]):
        [mistake] = given.mistakes(4, *command, "--store", "nowhere")
        assert mistake.startswith(f"no sweeps in {given.folder / 'nowhere'}: ")
        assert "--store or ASSAY_STORE" in mistake
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run sweep.yaml --trials 0", "Invalid value for '--trials'"),
        ("run sweep.yaml --workers 0", "Invalid value for '--workers'"),
        ("run sweep.yaml --inline --workers -1", "Invalid value for '--workers'"),
        ("resume bowl --workers 0", "Invalid value for '--workers'"),
        ("run sweep.yaml --trials many", "Invalid value for '--trials'"),
        ("show bowl first", "Invalid value for 'trial'"),
        ("run", "Missing argument"),
        ("runn sweep.yaml", "No such command 'runn'. Did you mean 'run'?"),
        ("run sweep.yaml --trails 3", "No such option: --trails (Possible options: --trials)"),
        ("list bowl", "Got unexpected extra argument"),
    ],
)
def test_wrong_words(given: Any, words: str, message: str) -> None:
    [mistake] = given.mistakes(2, *words.split())
    assert mistake.startswith(message)
    assert mistake.endswith(" --help` tells more)")
    assert not STORE.exists()


def test_a_bad_name(given: Any) -> None:
    [mistake] = given.mistakes(2, "run", "sweep.yaml", "--inline", "--name", "Bad Name")
    assert mistake.startswith("--name Bad Name: name: 'Bad Name' is not a name: use up to 63 of a-z")
    assert "'bad-name'" in mistake
    assert not STORE.exists()


def test_without_words_the_help_is_on_stderr(cli: Any) -> None:
    done = cli()
    assert (done.code, done.out, done.errors) == (2, "", [])
    assert "Usage: assay" in done.err
    asked = cli("--help")
    assert (asked.code, asked.err) == (0, "")
    assert "Exit codes: 0 done" in asked.out


def test_files_that_cannot_be_written(ran: Any) -> None:
    Path("file").write_text("mine")
    Path("folder").mkdir()
    for command in (["export", "bowl", "-o", "file"], ["export", "bowl", "-o", "file/best"]):
        assert ran.mistakes(2, *command)[0].startswith(f"export: cannot write to {command[-1]}: ")
    assert ran.mistakes(2, "report", "bowl", "-o", "file/report.html")[0].startswith("report: cannot write ")
    for folder in ("folder", "."):
        assert ran.mistakes(2, "report", "bowl", "-o", folder)[0].startswith(f"report: {folder} is a folder")
    assert ran.mistakes(2, "export", "bowl", "--format", "xml", "-o", "best") == [
        "export: format must be 'yaml', 'json', 'argparse', 'hydra', 'lightning' or 'hf', got xml"
    ]
    assert Path("file").read_text() == "mine"
    assert sorted(path.name for path in Path().iterdir()) == [
        "assay-results", "file", "folder", "sweep.yaml", "train.py",
    ]  # fmt: skip
    assert list(Path("folder").iterdir()) == []


def test_a_store_that_is_a_file(given: Any) -> None:
    assert given.mistakes(4, "list", "--store", "train.py")[0].startswith("no sweeps in ")
    [mistake] = given.mistakes(2, "run", "sweep.yaml", "--inline", "--store", "train.py")
    assert mistake.startswith(f"{given.folder / 'train.py'}")
    assert Path("train.py").read_text() == TRAIN


def test_a_broken_ledger(given: Any) -> None:
    STORE.mkdir()
    file = STORE / "ledger.db"
    file.write_bytes(b"no database\n" * 1000)
    for command in (["list"], ["show", "@last"], ["run", "sweep.yaml", "--inline"], ["resume", "bowl", "--inline"]):
        [mistake] = given.mistakes(2, *command)
        assert mistake == f"{given.folder / file} cannot be opened as a ledger: file is not a database"
    assert file.read_bytes() == b"no database\n" * 1000


def test_somebody_elses_database(given: Any) -> None:
    STORE.mkdir()
    with sqlite3.connect(STORE / "ledger.db") as connection:
        connection.execute("create table mine (x int)")
    connection.close()
    [mistake] = given.mistakes(2, "run", "sweep.yaml", "--inline")
    assert mistake.endswith("is a database of something else: name another store")


def test_a_bug_is_one_line_and_a_variable_shows_more(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(name: str, store: object) -> None:
        raise RuntimeError("two\nlines" + "!" * 1000)

    monkeypatch.setattr("assay.analysis.load", buggy)
    [mistake] = given.mistakes(1, "show", "bowl")
    assert mistake.startswith("internal error: RuntimeError: two lines!!!")
    assert mistake.endswith("(ASSAY_DEBUG=1 shows the traceback)")
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["assay", "show", "bowl"])
    from assay.cli import main

    with pytest.raises(RuntimeError, match="two\nlines"):
        main()


def test_ctrl_c_outside_of_a_sweep(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, store: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.analysis.load", interrupted)
    assert given.mistakes(130, "show", "bowl") == ["stopped at once; `assay list` shows what can be resumed"]


def test_a_sweep_that_somebody_else_runs(ran: Any) -> None:
    from assay.search.sweep_lock import SweepLock

    ledger = Ledger(STORE)
    ledger.set_state(ledger.sweep("bowl"), "stopped")
    lock = SweepLock(STORE / "bowl")
    lock.acquire("bowl")
    try:
        [mistake] = ran.mistakes(2, "resume", "bowl", "--inline")
    finally:
        lock.release()
    assert mistake.startswith("sweep 'bowl' is being run by another process")
    assert "`assay show bowl`" in mistake
    assert ran("show", "bowl").out.startswith("bowl: stopped")
