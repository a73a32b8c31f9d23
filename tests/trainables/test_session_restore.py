"""From which checkpoint a trial goes on, and what happens when it cannot be read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.trainables import Cause, CheckpointError, CheckpointStore, Failed, Finished, Reported, Session, TrialSpec
from assay.trainables import checkpoint_places as places
from assay.trainables.checkpoints import join
from assay.trainables.handle import TrialHandle

from .checkpoint_samples import everything, new_root, staged

SPEC = TrialSpec(1, {}, "loss", max_steps=6)


def total_of(trial: TrialHandle) -> Iterator[dict[str, float]]:
    """Adds up the indices of the steps; what it has so far is its state."""
    total = int((trial.checkpoint / "total").read_text()) if trial.checkpoint else 0
    for step in trial.steps():
        total += step
        trial.save_checkpoint(lambda folder, total=total: (folder / "total").write_text(str(total)))
        yield {"loss": float(total)}


def generate(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
    yield from total_of(trial)


def train(config: dict[str, Any], trial: TrialHandle) -> None:
    for metrics in total_of(trial):
        trial.report(metrics)


def first_attempt(root: str, steps: int) -> tuple[tuple[int, str], ...]:
    """Checkpoints of so many steps, the newest first."""
    session = Session(generate, replace(SPEC, checkpoints=root))
    events = session.run(until=steps)
    session.abandon()
    kept = [(event.step, event.checkpoint) for event in events if isinstance(event, Reported)]
    return tuple((step, place) for step, place in reversed(kept) if place)


def run(restore: tuple[tuple[int, str], ...], **changes: Any) -> list[tuple[int, float]]:
    """Steps and totals of the next attempt."""
    events = Session(generate, replace(SPEC, restore=restore, attempt=2, **changes)).run()
    assert isinstance(events[-1], Finished)
    return [(event.step, event.metrics["loss"]) for event in events if isinstance(event, Reported)]


WHOLE = [(1, 0.0), (2, 1.0), (3, 3.0), (4, 6.0), (5, 10.0), (6, 15.0)]


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize("plain", [False, True])
def test_a_trial_goes_on_where_the_checkpoint_was(kind: str, plain: bool, temporary: Path) -> None:
    with new_root(kind) as root:
        restore = first_attempt(root, 3)
        session = Session(train if plain else generate, replace(SPEC, checkpoints=root, restore=restore, attempt=2))
        events = session.run()
        assert [(event.step, event.metrics["loss"]) for event in events if isinstance(event, Reported)] == WHOLE[3:]
        assert everything(root) == [f"step-00000{step}-0-{1 if step < 4 else 2}" for step in range(1, 7)]
    assert not list(temporary.glob("assay-*")), "a download is removed at the end"


def test_the_first_that_is_whole_is_taken_in_the_order_given(tmp_path: Path) -> None:
    newest, middle, oldest = first_attempt(str(tmp_path), 3)
    assert run((middle, newest, oldest)) == WHOLE[2:]


def damage(place: str, how: str) -> None:
    if how == "removed":
        shutil.rmtree(place)
    elif how == "incomplete":
        Path(place, "manifest.json").unlink()
    else:
        Path(place, "total").write_text("9")


@pytest.mark.parametrize("how", ["removed", "incomplete", "corrupt"])
@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_one_that_cannot_be_read_means_the_next_older_or_a_fresh_start(
    tmp_path: Path, how: str, damaged: int, capsys: pytest.CaptureFixture[str]
) -> None:
    restore = first_attempt(str(tmp_path), 3)
    for _, place in restore[:damaged]:
        damage(place, how)
    assert run(restore) == WHOLE[3 - damaged :]
    told = [line.partition(" is ")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == [f"a checkpoint cannot be used: checkpoint {place}" for _, place in restore[:damaged]]


@pytest.mark.parametrize(
    ("how", "says"), [("removed", "is not there, seen from"), ("corrupt", "is damaged: file 'total'")]
)
def test_a_fresh_start_may_be_no_substitute(tmp_path: Path, how: str, says: str) -> None:
    newest, older = first_attempt(str(tmp_path), 2)
    for _, place in (newest, older):
        damage(place, how)
    started: list[Any] = []
    session = Session(
        lambda config, trial: started.append(trial), replace(SPEC, restore=(newest, older), must_restore=True)
    )
    (event,) = session.run()
    assert isinstance(event, Failed)
    assert event.cause is Cause.EXCEPTION
    assert event.reason.startswith(f"checkpoint {older[1]} {says}")
    assert started == []
    assert session.run() == (event,)


def test_an_older_one_is_a_substitute_even_then(tmp_path: Path) -> None:
    restore = first_attempt(str(tmp_path), 2)
    damage(restore[0][1], "corrupt")
    assert run(restore, must_restore=True) == WHOLE[1:]


def test_what_cannot_be_known_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restore = first_attempt(str(tmp_path), 2)

    def refuse(self: Path) -> bytes:
        raise PermissionError("Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        (event,) = Session(generate, replace(SPEC, restore=restore)).run()
    assert isinstance(event, Failed)
    assert event.reason.startswith(f"cannot open checkpoint {restore[0][1]}: not allowed")
    assert run(restore) == WHOLE[2:]


def test_a_checkpoint_that_cannot_be_committed_fails_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: places.Folder, staged: Path, name: str) -> None:
        raise CheckpointError("no room")

    monkeypatch.setattr(places.Folder, "commit", refuse)
    (event,) = Session(generate, replace(SPEC, checkpoints=str(tmp_path))).run()
    assert isinstance(event, Failed)
    assert (event.cause, event.reason) == (Cause.EXCEPTION, "no room")
    assert list(tmp_path.iterdir()) == []


def test_every_process_of_a_trial_is_given_the_checkpoint(tmp_path: Path) -> None:
    restore = first_attempt(str(tmp_path), 4)
    assert run(restore, checkpoints=str(tmp_path), rank=1, world_size=2) == WHOLE[4:]
    assert everything(str(tmp_path)) == [f"step-00000{step}-0-1" for step in range(1, 5)]


@pytest.mark.parametrize("end", ["stop", "abandon", "fail"])
def test_a_download_is_there_until_the_trial_ends(end: str, temporary: Path) -> None:
    seen: list[Path] = []

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        assert trial.checkpoint is not None
        seen.append(trial.checkpoint)
        yield {"loss": 1.0}
        raise ValueError("bad")

    with new_root("memory") as root:
        store = CheckpointStore(root)
        place = store.commit(staged(store, {"total": b"1"}), "step-000001-0-1")
        session = Session(train, replace(SPEC, restore=((1, place),)))
        assert isinstance(session.advance(), Reported)
        assert (seen[0] / "total").read_text() == "1"
        {"stop": session.stop, "abandon": session.abandon, "fail": session.advance}[end]()
        assert not seen[0].exists()
    assert not list(temporary.glob("assay-*"))


def test_the_copy_of_another_trials_checkpoint_is_not_touched(tmp_path: Path) -> None:
    (source,) = first_attempt(str(tmp_path / "source"), 1)
    own = tmp_path / "own"
    assert run((source,), must_restore=True, segment=1, checkpoints=str(own)) == WHOLE[1:]
    assert everything(str(own)) == [f"step-00000{step}-1-2" for step in range(2, 7)]
    assert everything(str(tmp_path / "source")) == [source[1].removeprefix(join(str(tmp_path), "source", ""))]
