"""A worker keeps what a trial prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from assay.cluster.worker import Worker
from assay.search.store import OUTPUT
from assay.trainables import Failed, Finished, Reported, TrainableRef, TrialSpec


def as_generator(config: dict[str, Any], trial: Any) -> Any:
    for step in trial.steps():
        print("step", step)
        yield {"score": 1.0}
    print("déjà vu \udcff", file=sys.stderr)


def as_function(config: dict[str, Any], trial: Any) -> None:
    for step in trial.steps():
        print("step", step)
        trial.report(score=1.0)
    print("déjà vu \udcff", file=sys.stderr)


@pytest.mark.parametrize("train", [as_generator, as_function])
def test_what_a_trial_prints_is_kept(train: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "trials" / "00000"
    worker = Worker(TrainableRef("train", ".", train))
    assert worker.load() is None
    events = [worker.start(TrialSpec(0, {}, "score", max_steps=2, folder=str(folder)))]
    events += [worker.advance(), worker.advance()]
    assert [type(event) for event in events] == [Reported, Reported, Finished]
    assert (folder / OUTPUT).read_text(encoding="utf-8") == "step 0\nstep 1\ndéjà vu \\udcff\n"
    assert capsys.readouterr() == ("", "")
    print("ours")
    assert capsys.readouterr().out == "ours\n"


def test_a_quiet_trial_leaves_no_file(tmp_path: Path) -> None:
    worker = Worker(TrainableRef("train", ".", lambda config, trial: {"score": 1.0}))
    worker.start(TrialSpec(0, {}, "score", folder=str(tmp_path / "trial")))
    assert isinstance(worker.stop(), Finished)
    assert not (tmp_path / "trial").exists()


def test_a_function_that_cannot_be_imported_fails_the_trial(tmp_path: Path) -> None:
    event = Worker(TrainableRef("gone.py:train", str(tmp_path))).start(TrialSpec(0, {}, "score"))
    assert isinstance(event, Failed)
    assert "there is no file" in event.reason
