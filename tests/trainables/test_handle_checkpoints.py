"""Which checkpoints a trial writes, under which names, and what a kill leaves of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.trainables import CheckpointStore, Reported, Session, TrialHandle, TrialSpec
from assay.trainables.checkpoints import join

from .checkpoint_samples import load, new_root

SPEC = TrialSpec(1, {}, metric="loss")


def checkpointed(folder: Path, **changes: Any) -> TrialHandle:
    return TrialHandle(replace(SPEC, checkpoints=str(folder), **changes))


def write(text: str) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        (folder / "state").write_text(text)

    return into


def save(handle: TrialHandle, step: int, text: str = "x", due: int | None = None) -> str | None:
    handle.expect(step, due)
    handle.save_checkpoint(write(text))
    return handle.commit_checkpoint(step)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def state(url: str | None) -> str:
    assert url is not None
    content = load(url)["state"]
    assert content is not None
    return content.decode()


# Where and under which name


def test_without_a_place_for_them_nothing_is_written() -> None:
    handle = TrialHandle(SPEC)
    handle.save_checkpoint(lambda folder: pytest.fail("called"))
    assert handle.commit_checkpoint(1) is None


def test_the_folder_of_what_is_printed_is_no_place_for_them(tmp_path: Path) -> None:
    handle = TrialHandle(replace(SPEC, folder=str(tmp_path)))
    handle.save_checkpoint(lambda folder: pytest.fail("called"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_a_checkpoint_has_step_segment_and_attempt_in_its_name(kind: str, temporary: Path) -> None:
    with new_root(kind) as root:
        first = save(TrialHandle(replace(SPEC, checkpoints=root)), 1, "first")
        again = save(TrialHandle(replace(SPEC, checkpoints=root, segment=2, attempt=13)), 1, "again")
        assert (first, again) == (join(root, "step-000001-0-1"), join(root, "step-000001-2-13"))
        assert (state(first), state(again)) == ("first", "again")
    assert not list(temporary.glob("assay-*"))


def test_all_are_kept_until_somebody_else_decides(local: CheckpointStore, folder: Path) -> None:
    handle = checkpointed(folder)
    for step in (1, 2, 5, 9):
        save(handle, step)
    assert local.names() == [f"step-{step:06d}-0-1" for step in (1, 2, 5, 9)]


def test_a_step_done_again_replaces_what_the_attempt_had(folder: Path) -> None:
    save(checkpointed(folder), 1, "first")
    (folder / "step-000001-0-1" / "left over").touch()
    again = save(checkpointed(folder), 1, "again")
    assert again is not None
    assert load(again) == {"state": b"again"}
    assert names(folder) == ["step-000001-0-1"]


def test_another_process_than_the_first_saves_nothing(folder: Path) -> None:
    handle = checkpointed(folder, rank=1, world_size=2)
    handle.sweep()
    handle.save_checkpoint(lambda folder: pytest.fail("called"))
    assert handle.commit_checkpoint(1) is None
    assert not folder.exists()


# Which steps


def test_a_step_without_a_checkpoint(folder: Path) -> None:
    handle = checkpointed(folder)
    save(handle, 1)
    assert handle.commit_checkpoint(2) is None
    assert names(folder) == ["step-000001-0-1"]


@pytest.mark.parametrize(
    ("rhythm", "saved"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"save_every": 3}, [3, 6]),
        ({"save_every": 3, "max_steps": 7}, [3, 6, 7]),
        ({"save_every": 100}, []),
        ({"save_every": 100, "max_steps": 8}, [8]),
        ({"save_every": 100, "due": 5}, [5]),
        ({"save_every": 4, "due": 5, "max_steps": 7}, [4, 5, 7, 8]),
    ],
    ids=str,
)
def test_one_is_kept_by_rhythm_where_a_decision_is_due_and_at_the_end(
    local: CheckpointStore, folder: Path, rhythm: dict[str, int], saved: list[int]
) -> None:
    spec = {name: value for name, value in rhythm.items() if name != "due"}
    handle = checkpointed(folder, **spec)
    places = [save(handle, step, due=rhythm.get("due")) for step in range(1, 9)]
    assert [step for step, place in enumerate(places, 1) if place] == saved
    assert local.names() == [f"step-{step:06d}-0-1" for step in saved]


def test_one_that_is_not_wanted_is_not_even_written(folder: Path) -> None:
    handle = checkpointed(folder, save_every=2)
    handle.save_checkpoint(lambda folder: pytest.fail("called"))
    assert not folder.exists()


@pytest.mark.parametrize("plain", [False, True])
def test_a_session_keeps_one_where_a_decision_is_due(folder: Path, plain: bool) -> None:
    def generate(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        for step in trial.steps():
            trial.save_checkpoint(write(str(step)))
            yield {"loss": float(step)}

    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        for metrics in generate(config, trial):
            trial.report(metrics)

    spec = replace(SPEC, max_steps=9, save_every=4, checkpoints=str(folder))
    session = Session(train if plain else generate, spec)
    events = [*session.run(until=2), *session.run(until=3), *session.run()]
    kept = {event.step: event.checkpoint for event in events if isinstance(event, Reported) and event.checkpoint}
    assert list(kept) == [2, 3, 4, 8, 9]
    assert [state(place) for place in kept.values()] == ["1", "2", "3", "7", "8"]


# Half-written ones


def test_the_last_call_before_the_report_counts(folder: Path) -> None:
    handle = checkpointed(folder)
    handle.save_checkpoint(write("first"))
    assert state(save(handle, 1, "second")) == "second"
    assert names(folder) == ["step-000001-0-1"]


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    handle = checkpointed(folder)
    save(handle, 1)
    with pytest.raises(OSError, match="disk full"):
        handle.save_checkpoint(fail)
    assert handle.commit_checkpoint(2) is None
    assert names(folder) == ["step-000001-0-1"]


@pytest.mark.parametrize("end", ["stop", "abandon", "bad report"])
def test_a_checkpoint_that_no_report_followed_is_dropped(folder: Path, end: str) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        trial.save_checkpoint(write("1"))
        yield {"loss": 1.0}
        try:
            trial.save_checkpoint(write("2"))
            yield {"loss": None}
        finally:
            trial.save_checkpoint(write("3"))

    session = Session(train, replace(SPEC, checkpoints=str(folder)))
    first = session.advance()
    assert isinstance(first, Reported)
    {"stop": session.stop, "abandon": session.abandon, "bad report": session.advance}[end]()
    assert names(folder) == ["step-000001-0-1"]
    assert state(first.checkpoint) == "1"


_DIES_BEFORE_THE_REPORT = """
import os, sys
from assay.trainables import TrialHandle, TrialSpec

handle = TrialHandle(TrialSpec(1, {}, "loss", checkpoints=sys.argv[1]))
handle.save_checkpoint(lambda folder: (folder / "state").write_text("whole"))
handle.commit_checkpoint(1)
handle.save_checkpoint(lambda folder: (folder / "state").write_text("too late"))
os.kill(os.getpid(), 9)
"""


@pytest.mark.faults
def test_a_kill_before_the_report_leaves_the_previous_checkpoint(local: CheckpointStore, folder: Path) -> None:
    process = subprocess.run([sys.executable, "-c", _DIES_BEFORE_THE_REPORT, str(folder)], check=False)
    assert process.returncode == -9
    assert local.names() == ["step-000001-0-1"]
    assert state(str(folder / "step-000001-0-1")) == "whole"
    assert len(names(folder)) == 2

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield {"loss": 1.0}

    Session(train, replace(SPEC, checkpoints=str(folder), attempt=2)).run()
    assert names(folder) == ["step-000001-0-1"], "the next attempt removes what the killed one left"
