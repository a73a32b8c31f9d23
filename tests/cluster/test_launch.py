"""``assay.run``: a new sweep, one that is there already, one that somebody runs, and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.cluster import InlineExecutor, RayExecutor, Where, resume
from assay.cluster.extend import next_order
from assay.cluster.launch import extend
from assay.cluster.stop_switch import StopSwitch
from assay.cluster.wish import Wish
from assay.search import Ledger, State, Sweep
from assay.spaces import ClusterError, NotFoundError, SweepError, SweepExistsError, SweepInterrupted, TrainableError
from assay.trainables import TrainableRef, TrialHandle

HOLD = """
import sys
from pathlib import Path
from assay.search.sweep_lock import SweepLock

lock = SweepLock(Path(sys.argv[1]))
lock.acquire("small")
print("held", flush=True)
sys.stdin.read()
"""


def generator(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    for step in trial.steps():
        yield {"score": config["x"] + step}


def plain(config: dict[str, Any], trial: TrialHandle) -> None:
    for step in trial.steps():
        trial.report(score=config["x"] + step)


def run(sweep: Any, train: Any, store: Path, **options: Any) -> Any:
    return assay.run(sweep, train, store=store, inline=True, progress=False, **options)


def state(store: Path) -> str:
    return Ledger(store).sweep("small").state


def test_a_sweep_from_python_exports_when_it_ends(
    tmp_path: Path, sweep_of: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(export={"to": "best", "rename": {"x": "a.x"}, "into": "own.yaml"})
    with pytest.raises(SweepError, match=r"^export\.into: there is no file own\.yaml"):
        run(sweep, generator, tmp_path / "store")
    Path("own.yaml").write_text("a: {x: 0}\n")
    results = run(sweep, generator, tmp_path / "store")
    assert Path("best/own.yaml").read_text() == f"a: {{x: {results.best_config['x']!r}}}\n"
    assert Path("best/manifest.json").is_file()


@pytest.mark.parametrize("train", [generator, plain])
def test_a_sweep_from_python(train: Any, tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    results = run(sweep_of(), train, tmp_path)
    trials = results.trials
    assert [trial.state for trial in trials] == [State.COMPLETE] * len(trials)
    assert results.leaderboard().replicated
    assert state(tmp_path) == "finished"
    assert (tmp_path / "small" / "report.html").is_file()


def test_a_sweep_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "small_train.py").write_text("def train(config, trial):\n    return {'score': config['x']}\n")
    (tmp_path / "sweep.yaml").write_text(
        "name: small\ntrainable: small_train.py:train\nobjectives: [{metric: score, goal: maximize}]\n"
        "parameters: {x: 'uniform(0, 1)'}\nbudget: {trials: 2}\nleaderboard: {top: 1, seeds: 2}\n"
    )
    results = run(tmp_path / "sweep.yaml", None, tmp_path / "store", workers=2)
    assert results.record.directory == str(tmp_path)


def test_a_name_that_is_taken(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    first = run(sweep_of(), generator, tmp_path)
    with pytest.raises(SweepExistsError, match="'small' is already in"):
        run(sweep_of(), generator, tmp_path)
    again = run(sweep_of(), generator, tmp_path, resume=True)
    assert again.trials == first.trials


def test_resume_of_what_is_not_there_starts_it(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    assert run(sweep_of(), generator, tmp_path, resume=True).leaderboard().replicated
    with pytest.raises(NotFoundError, match="no sweep 'smal'"):
        resume("smal", Where(tmp_path, inline=True))


def test_a_function_sweep_cannot_be_resumed_by_name(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    ledger = Ledger(tmp_path, create=True)
    ledger.create_sweep(sweep_of().model_copy(update={"trainable": None}), ".")
    with pytest.raises(SweepError, match=r"go on with assay.run\(sweep, function, resume=True\)"):
        resume("small", Where(tmp_path, inline=True))


def test_without_a_function_nothing_starts(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    raw = sweep_of().model_dump(mode="json") | {"trainable": None}
    with pytest.raises(SweepError, match="no training function"):
        run(raw, None, tmp_path)
    with pytest.raises(TrainableError):
        run(sweep_of(), None, tmp_path)
    with pytest.raises(TrainableError, match="must take two arguments"):
        run(sweep_of(), lambda config: None, tmp_path)
    assert Ledger(tmp_path, create=True).sweeps() == []


def test_another_process_runs_it(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "small")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SweepExistsError, match="'small' is being run by another process"):
            run(sweep_of(), generator, tmp_path)
        other.kill()
    assert run(sweep_of(), generator, tmp_path).leaderboard().replicated


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_at_the_next_reports(
    sent: signal.Signals, code: int, tmp_path: Path, sweep_of: Callable[..., Sweep]
) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        for step in trial.steps():
            if trial.number == 1 and step == 1 and not (tmp_path / "sent").exists():
                (tmp_path / "sent").touch()
                os.kill(os.getpid(), sent)
            yield {"score": step}

    before = signal.getsignal(sent)
    with pytest.raises(SweepInterrupted, match=r"assay.run\(sweep, function, resume=True\) goes on") as caught:
        run(sweep_of(), train, tmp_path)
    assert caught.value.exit_code == code
    assert signal.getsignal(sent) is before
    ledger = Ledger(tmp_path)
    record = ledger.sweep("small")
    assert record.state == "stopped"
    assert [trial.state for trial in ledger.trials(record)] == [State.COMPLETE, State.PENDING]
    assert len(ledger.trials(record)[1].reports) == 2
    results = run(sweep_of(), train, tmp_path, resume=True)
    assert all(trial.state is State.COMPLETE for trial in results.trials)
    assert state(tmp_path) == "finished"


def test_a_second_signal_ends_it_at_once(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"score": 0.0}
        if not (tmp_path / "sent").exists():
            (tmp_path / "sent").touch()
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        yield {"score": 1.0}

    with pytest.raises(KeyboardInterrupt):
        run(sweep_of(), train, tmp_path)
    assert state(tmp_path) == "running"  # as after a kill
    assert run(sweep_of(), train, tmp_path, resume=True).leaderboard().replicated


def test_the_switch_gives_signals_back() -> None:
    named: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    switch = StopSwitch(named.append)
    switch.install()
    os.kill(os.getpid(), signal.SIGTERM)
    assert (switch.requested, named) == (signal.SIGTERM, ["SIGTERM"])
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    switch.restore()
    assert signal.getsignal(signal.SIGTERM) is before
    assert named == ["SIGTERM"]


def test_the_switch_does_nothing_in_a_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    switch = StopSwitch(lambda name: None)
    thread = threading.Thread(target=switch.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
    switch.restore()


def test_a_wish_to_stop_while_workers_start_is_heard(
    tmp_path: Path, sweep_of: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = InlineExecutor.open

    def interrupted(self: InlineExecutor) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        opened(self)

    monkeypatch.setattr(InlineExecutor, "open", interrupted)
    with pytest.raises(SweepInterrupted, match="stopped before the first trial") as caught:
        run(sweep_of(), generator, tmp_path)
    assert caught.value.exit_code == 130
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("again", ["resume", "extend"])
def test_a_wish_of_another_process_while_workers_start_is_heard(
    tmp_path: Path, sweep_of: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """The lock is held by then, so that the command says that its wish is on its way."""
    opened, sweep = InlineExecutor.open, sweep_of()
    run(sweep, generator, tmp_path)
    longer = sweep_of(budget={"trials": 9})
    with closing(Ledger(tmp_path)) as ledger:
        record = ledger.sweep(sweep.name)
        ledger.set_state(ledger.revise(record, longer, next_order(ledger, record)), "stopped")

    def wished(self: InlineExecutor) -> None:
        with closing(Ledger(tmp_path)) as ledger:
            assert ledger.lock(sweep.name).held
            ledger.wish(sweep.name, Wish.CANCEL)
        opened(self)

    monkeypatch.setattr(InlineExecutor, "open", wished)
    where = Where(tmp_path, inline=True)
    with pytest.raises(SweepInterrupted, match="was cancelled"):
        if again == "resume":
            resume(sweep.name, where, function=generator)
        else:
            extend(longer, TrainableRef("", "", generator), where)
    assert state(tmp_path) == "cancelled"


@pytest.mark.parametrize(
    ("storage", "folder"), [(None, "store"), ("/only/here", "/only/here"), ("file:///only/here", "/only/here")]
)
def test_checkpoints_on_a_path_of_this_machine_have_to_be_seen_by_all_nodes(
    tmp_path: Path, sweep_of: Callable[..., Sweep], storage: str | None, folder: str
) -> None:
    where = Where(tmp_path / "store", address="head:6379")
    executor = where.executor(sweep_of(cluster={"storage": storage}), TrainableRef("", "", generator))
    assert isinstance(executor, RayExecutor)
    assert executor._shared == tmp_path / folder


def test_checkpoints_elsewhere_or_none_need_no_folder(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    where, ref = Where(tmp_path / "store", address="head:6379"), TrainableRef("", "", generator)
    for sections in ({"cluster": {"storage": "memory://sweeps"}}, {"checkpoints": {"every": 0}}):
        executor = where.executor(sweep_of(**sections), ref)
        assert isinstance(executor, RayExecutor)
        assert executor._shared is None


def test_a_store_of_checkpoints_that_nobody_knows_is_refused(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    with pytest.raises(SweepError, match=r"cluster\.storage: .*unknown protocol 'foo': give a path"):
        run(sweep_of(cluster={"storage": "foo://x"}), generator, tmp_path)
    assert not (tmp_path / "ledger.db").exists()


def test_a_cluster_that_breaks_down_says_how_to_go_on(
    tmp_path: Path, sweep_of: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: InlineExecutor, timeout: float) -> Any:
        raise ClusterError("no worker was placed")

    with monkeypatch.context() as patched, pytest.raises(ClusterError) as caught:
        patched.setattr(InlineExecutor, "wait", broken)
        run(sweep_of(), generator, tmp_path)
    assert str(caught.value).startswith("no worker was placed; nothing reported is lost: ")
    run(sweep_of(), generator, tmp_path, resume=True)
    assert state(tmp_path) == "finished"


def test_how_to_go_on_names_the_store(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    by_name = sweep_of().model_copy(update={"trainable": "train.py:train"})
    assert Where(tmp_path).again(by_name) == f"`assay resume small --store {tmp_path}`"
    assert Where().again(by_name) == "`assay resume small`"
    assert Where().again(sweep_of().model_copy(update={"trainable": None})).startswith("assay.run(sweep, function")


def test_inline_and_an_address_exclude_each_other() -> None:
    with pytest.raises(SweepError, match="give one of the two"):
        Where(inline=True, address="auto")
