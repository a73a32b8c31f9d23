"""A worker hosts trials that take turns, keeps what each prints, and starts the next in a clean process."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.cluster import worker as worker_module
from assay.cluster.worker import Worker
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrainableRef, TrialSpec
from assay.trainables.spec import OUTPUT

SPEC = TrialSpec(0, {}, "score", max_steps=2)


def as_generator(config: dict[str, Any], trial: Any) -> Any:
    for step in trial.steps():
        print("step", step, "of", trial.number)
        yield {"score": 1.0}
    print("déjà vu \udcff", file=sys.stderr)


def as_function(config: dict[str, Any], trial: Any) -> None:
    for step in trial.steps():
        print("step", step, "of", trial.number)
        trial.report(score=1.0)
    print("déjà vu \udcff", file=sys.stderr)


def hosting(train: Any, together: int = 1) -> Worker:
    worker = Worker(TrainableRef("train", ".", train), together)
    assert worker.load() is None
    return worker


def ended(worker: Worker, number: int, events: Sequence[Event]) -> list[Event]:
    """All events of a trial from ``events`` on."""
    found = list(events)
    while isinstance(found[-1], Reported):
        found += worker.advance(number, None)
    return found


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


@pytest.fixture(autouse=True)
def restored_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a test does to the process ends with it."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


# Events


def test_reports_come_up_to_the_decision() -> None:
    worker = hosting(as_generator)
    worker._batch = 60.0
    assert kinds(worker.start(SPEC, until=1)) == [Reported]
    assert kinds(worker.advance(0, until=None)) == [Reported, Finished]


def test_reports_that_take_long_come_alone() -> None:
    worker = hosting(as_generator)
    worker._batch = 0.0
    assert [kinds(worker.start(SPEC, None)), kinds(worker.advance(0, None))] == [[Reported], [Reported]]
    assert kinds(worker.stop(0)) == [Finished]


def test_processes_of_one_trial_answer_report_by_report() -> None:
    first, second = hosting(as_generator, together=2), hosting(as_generator, together=2)
    for rank, worker in enumerate((first, second)):
        assert kinds(worker.start(replace(SPEC, rank=rank, world_size=2), until=None)) == [Reported]
        assert kinds(worker.advance(0, until=None)) == [Reported]
        assert kinds(worker.advance(0, until=None)) == [Finished]


def test_a_function_that_cannot_be_imported_fails_the_trial(tmp_path: Path) -> None:
    (event,) = Worker(TrainableRef("gone.py:train", str(tmp_path))).start(SPEC, None)
    assert isinstance(event, Failed)
    assert "there is no file" in event.reason


def test_several_trials_take_turns() -> None:
    worker = hosting(as_generator)
    for number in range(3):
        assert kinds(worker.start(replace(SPEC, number=number, max_steps=3), until=1)) == [Reported]
    assert [event.number for number in (2, 0) for event in worker.advance(number, until=2)] == [2, 0]
    assert kinds(worker.stop(1)) == [Finished]
    assert worker.abandon(2) is None
    assert kinds(ended(worker, 0, worker.advance(0, None))) == [Reported, Finished]
    assert kinds(worker.start(replace(SPEC, number=1), until=1)) == [Reported], "an ended trial can be started again"


def test_the_failure_of_one_leaves_the_others() -> None:
    def train(config: dict[str, Any], trial: Any) -> Iterator[Any]:
        for step in trial.steps():
            if step == config.get("fails"):
                raise ValueError("bad")
            yield {"score": 1.0}

    worker = hosting(train)
    worker.start(SPEC, until=1)
    failed = ended(worker, 1, worker.start(replace(SPEC, number=1, config={"fails": 1}), None))
    assert kinds(failed) == [Reported, Failed]
    assert kinds(ended(worker, 0, worker.advance(0, None))) == [Reported, Finished]


def test_abandoning_tells_why_a_trial_cannot_be_ended() -> None:
    def train(config: dict[str, Any], trial: Any) -> Iterator[Any]:
        try:
            yield {"score": 1.0}
        except GeneratorExit:
            if config["goes on"]:
                yield {"score": 1.0}

    worker = hosting(train)
    for number, goes_on in enumerate((False, True)):
        worker.start(replace(SPEC, number=number, config={"goes on": goes_on}), until=1)
    assert worker.abandon(0) is None
    reason = worker.abandon(1)
    assert reason is not None
    assert "went on after it was told to stop" in reason


# The node


def test_a_folder_that_the_node_does_not_see_is_named(tmp_path: Path) -> None:
    worker = Worker(TrainableRef("train", ".", as_generator))
    probe = tmp_path / "shared" / ".seen"
    assert worker.load(str(probe)) == f"node {socket.gethostname()} does not see {probe.parent}"
    probe.parent.mkdir()
    probe.touch()
    assert worker.load(str(probe)) is None


def test_the_variables_of_the_group_stay_from_trial_to_trial() -> None:
    seen: list[dict[str, str]] = []

    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        seen.append({name: os.environ[name] for name in names})
        os.environ["RANK"] = "7"
        del os.environ["MASTER_ADDR"]
        return {"score": 1.0}

    worker = Worker(TrainableRef("train", ".", train), together=3)
    worker.meet(2, 3, ("10.0.0.5", 4711))
    for number in range(2):
        ended(worker, number, worker.start(replace(SPEC, number=number), None))
    facts = {"RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "3", "MASTER_ADDR": "10.0.0.5", "MASTER_PORT": "4711"}
    assert seen == [facts, facts]


# Between trials


def disturbs(config: dict[str, Any], trial: Any) -> Iterator[Any]:
    """Reports what it finds, and leaves a mess."""
    yield {"score": 1.0, "folder": os.getcwd(), "added": os.environ.get("ADDED"), "home": os.environ.get("HOME")}  # noqa: PTH109
    os.environ["ADDED"] = "by a trial"
    os.environ.pop("HOME", None)
    os.chdir("/")
    yield {"score": 1.0}


def found(events: Sequence[Event]) -> dict[str, Any]:
    assert isinstance(events[0], Reported)
    return {name: value for name, value in events[0].metrics.items() if name != "score"}


def test_folder_and_environment_are_put_right_before_the_next_trial() -> None:
    worker = hosting(disturbs)
    first = worker.start(SPEC, until=1)
    worker.advance(0, until=2)
    worker.stop(0)
    assert Path.cwd() == Path("/")
    assert found(worker.start(replace(SPEC, number=1), until=1)) == found(first)
    assert os.environ.get("ADDED") is None


def test_they_are_left_alone_while_another_trial_runs() -> None:
    worker = hosting(disturbs)
    before = found(worker.start(SPEC, until=1))
    worker.advance(0, until=2)
    during = found(worker.start(replace(SPEC, number=1), until=1))
    assert during == {"folder": "/", "added": "by a trial", "home": None}
    worker.abandon(0)
    worker.abandon(1)
    assert found(worker.start(replace(SPEC, number=2), until=1)) == before


def test_a_process_whose_folder_is_gone_runs_no_further_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    worker = hosting(as_generator)
    shutil.rmtree(folder)
    (event,) = worker.start(SPEC, None)
    assert isinstance(event, Failed)
    assert event.cause is Cause.DISPLACED
    assert event.reason.startswith("the worker's folder is gone: ")


@pytest.mark.parametrize(("left", "fit"), [(0, True), (256, True), (257, False)])
def test_a_process_with_gpu_memory_left_behind_runs_no_further_trial(
    monkeypatch: pytest.MonkeyPatch, left: int, fit: bool
) -> None:
    held = 100 * 2**20
    monkeypatch.setattr(worker_module, "_gpu_bytes", lambda: held)
    worker = hosting(as_generator)
    ended(worker, 0, worker.start(SPEC, None))
    held += left * 2**20
    first = worker.start(replace(SPEC, number=1), until=1)[0]
    assert isinstance(first, Reported if fit else Failed)
    if isinstance(first, Failed):
        assert first.cause is Cause.DISPLACED
        assert first.reason == f"an earlier trial left {left} MiB of GPU memory behind"


# Output


@pytest.mark.parametrize("train", [as_generator, as_function])
def test_what_a_trial_prints_is_kept(train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "trials" / "00000"
    worker = hosting(train)
    events = ended(worker, 0, worker.start(replace(SPEC, folder=str(folder)), None))
    assert kinds(events) == [Reported, Reported, Finished]
    assert (folder / OUTPUT).read_text(encoding="utf-8") == "step 0 of 0\nstep 1 of 0\ndéjà vu \\udcff\n"
    assert capsys.readouterr() == ("", "")
    print("ours")
    assert capsys.readouterr().out == "ours\n"


@pytest.mark.parametrize("train", [as_generator, as_function])
def test_what_several_trials_print_is_kept_apart(
    train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = hosting(train)
    folders = [tmp_path / str(number) for number in range(3)]
    for number, folder in enumerate(folders):
        worker.start(replace(SPEC, number=number, folder=str(folder)), until=1)
    worker.stop(2)
    worker.advance(0, until=2)
    worker.abandon(1)
    ended(worker, 0, worker.advance(0, None))
    texts = [(folder / OUTPUT).read_text(encoding="utf-8") for folder in folders]
    assert texts == ["step 0 of 0\nstep 1 of 0\ndéjà vu \\udcff\n", "step 0 of 1\n", "step 0 of 2\n"]
    assert capsys.readouterr() == ("", "")


def test_what_is_printed_at_the_end_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def train(config: dict[str, Any], trial: Any) -> Iterator[Any]:
        try:
            yield {"score": 1.0}
        finally:
            print("left", trial.number)

    worker = hosting(train)
    for number in range(2):
        worker.start(replace(SPEC, number=number, folder=str(tmp_path / str(number))), until=1)
    worker.stop(0)
    worker.abandon(1)
    assert [(tmp_path / str(number) / OUTPUT).read_text() for number in range(2)] == ["left 0\n", "left 1\n"]
    assert capsys.readouterr() == ("", "")


def test_a_checkpoint_that_cannot_be_used_is_told_in_the_output(tmp_path: Path) -> None:
    worker = hosting(as_generator)
    spec = replace(SPEC, folder=str(tmp_path), restore=((1, str(tmp_path / "gone")),))
    assert kinds(ended(worker, 0, worker.start(spec, None))) == [Reported, Reported, Finished]
    first = (tmp_path / OUTPUT).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"a checkpoint cannot be used: checkpoint {tmp_path / 'gone'} is not there")


def test_a_quiet_trial_leaves_no_file(tmp_path: Path) -> None:
    worker = hosting(lambda config, trial: {"score": 1.0})
    worker.start(replace(SPEC, folder=str(tmp_path / "trial")), until=1)
    assert kinds(worker.stop(0)) == [Finished]
    assert not (tmp_path / "trial").exists()


def test_words_that_cannot_be_kept_cost_no_trial(tmp_path: Path) -> None:
    def talks(config: dict[str, Any], trial: Any) -> Any:
        print("before")
        yield {"score": 1.0}
        print("after")

    (tmp_path / "file").touch()
    worker = hosting(talks)
    events = ended(worker, 0, worker.start(replace(SPEC, folder=str(tmp_path / "file" / "trial")), None))
    assert kinds(events) == [Reported, Finished]


def test_a_trial_that_asked_for_no_gpu_sees_none() -> None:
    Worker(TrainableRef("", "", as_generator), blind=True)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
