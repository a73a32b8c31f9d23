"""Which trials are learned from, and what is said about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.analysis.explain.evidence import gather
from assay.search import Phase, Segment, State, Sweep, Trial
from assay.spaces import NoResultError, UsageError

from .searches import searched, sweep_of, trial_of, uniform

ASHA = {"scheduler": {"type": "asha", "eta": 3}, "fidelity": {"unit": "epoch", "min": 1, "max": 9}}


def drawn(sweep: Sweep, count: int) -> list[Trial]:
    return searched(sweep, lambda config: float(config["x0"]), count).trials


def test_random_search_is_learned_from_but_for_its_default() -> None:
    sweep = sweep_of(uniform(2))
    evidence = gather(sweep, drawn(sweep, 40))
    assert evidence.numbers == tuple(range(1, 41))
    assert (evidence.sampling, evidence.step, evidence.warnings) == ("random", None, ())
    assert "1 of 41 trials with a score do not count" in "\n".join(evidence.notes)


@pytest.mark.parametrize(("startup", "count", "sampling"), [(35, 34, "random"), (10, 61, "all")])
def test_a_searchers_start_is_taken_when_it_is_long_enough(startup: int, count: int, sampling: str) -> None:
    sweep = sweep_of(uniform(2), searcher={"type": "tpe", "startup": startup})
    evidence = gather(sweep, drawn(sweep, 60))
    assert (len(evidence), evidence.sampling) == (count, sampling)
    assert any("adaptive sampling makes every importance unreliable" in text for text in evidence.warnings) == (
        sampling == "all"
    )


def test_nobody_knows_how_another_tool_proposed() -> None:
    sweep = sweep_of(uniform(2))
    trials = [replace(trial, seed=0) for trial in drawn(sweep, 40)]
    assert gather(sweep, trials).sampling == "all"


def test_what_does_not_count_is_told() -> None:
    sweep = sweep_of(uniform(2), constraints=[{"metric": "size", "max": 5}])
    trials = drawn(sweep, 40)
    trials[1] = replace(trials[1], state=State.FAILED)
    trials[2] = replace(trials[2], state=State.RUNNING)
    trials[3] = trial_of(sweep, 3, trials[3].config, [{"score": 1.0, "size": 9}])
    trials[4] = replace(trials[4], phase=Phase.REPLICATE)
    evidence = gather(sweep, trials)
    assert evidence.left_out == {"failed": 1, "not over": 1, "beyond a limit": 1}
    assert not {1, 2, 3, 4} & set(evidence.numbers)
    assert "left out 1 failed, 1 not over, 1 beyond a limit" in "\n".join(evidence.notes)


def stopped_early(sweep: Sweep, count: int, full: int, at_rung: int) -> list[Trial]:
    """``full`` whole runs, ``at_rung`` trials that came to report 3, and others that ended after the first."""
    trials = []
    for trial in drawn(sweep, count):
        steps = 9 if trial.number <= full else 3 if trial.number <= full + at_rung else 1
        state = State.COMPLETE if steps == 9 else State.STOPPED
        values = [trial.config["x0"] + step / 100 for step in range(steps)]
        trials.append(trial_of(sweep, trial.number, trial.config, values, state))
    return trials


def test_trials_are_compared_at_the_highest_rung_with_enough_of_them() -> None:
    sweep = sweep_of(uniform(2), **ASHA)
    whole = gather(sweep, stopped_early(sweep, 60, 40, 0))
    assert (whole.step, len(whole)) == (None, 40)
    rung = gather(sweep, stopped_early(sweep, 60, 8, 30))
    assert (rung.step, len(rung)) == (3, 38)
    assert rung.values[0] == pytest.approx(rung.configs[0]["x0"] + 0.02)
    assert "38 of 60 trials were let through" in "\n".join(rung.warnings)
    first = gather(sweep, stopped_early(sweep, 60, 4, 6))
    assert (first.step, len(first)) == (1, 60)
    assert not first.warnings


def test_a_run_that_ended_by_itself_keeps_its_last_value() -> None:
    sweep = sweep_of(uniform(2), **ASHA)
    trials = stopped_early(sweep, 60, 4, 40)
    trials[1] = trial_of(sweep, 1, trials[1].config, [7.0])
    evidence = gather(sweep, trials)
    assert evidence.step == 3
    assert evidence.values[evidence.numbers.index(1)] == 7.0


def test_another_metric_may_be_asked_for() -> None:
    sweep = sweep_of(uniform(1))
    trials = [trial_of(sweep, at, one.config, [{"score": 1.0, "size": at}]) for at, one in enumerate(drawn(sweep, 20))]
    trials[5] = trial_of(sweep, 5, trials[5].config, [{"score": 1.0, "size": None}])
    evidence = gather(sweep, trials, "size")
    assert (evidence.metric, evidence.goal) == ("size", None)
    assert evidence.left_out == {"without size": 1}
    with pytest.raises(UsageError, match=r"no trial reported 'sizes' \(did you mean 'size'\?\)"):
        gather(sweep, trials, "sizes")


@pytest.mark.parametrize(
    ("count", "score", "words"),
    [(8, None, "has 8 trials that can be compared, and 10 are the fewest"), (20, 0.5, "have the same score")],
)
def test_too_little_to_learn_from_is_an_error(count: int, score: float | None, words: str) -> None:
    sweep = sweep_of(uniform(2))
    trials = [
        trial_of(sweep, at, one.config, [float(at) if score is None else score])
        for at, one in enumerate(drawn(sweep, count)[1:])
    ]
    with pytest.raises(NoResultError, match=words):
        gather(sweep, trials)


def test_changed_configs_and_few_trials_are_warned_of() -> None:
    sweep = sweep_of(uniform(2))
    trials = drawn(sweep, 20)
    trials[1] = replace(trials[1], segments=tuple(Segment(at, trials[1].config, at) for at in range(2)))
    evidence = gather(sweep, trials)
    told = "\n".join(evidence.warnings)
    assert evidence.sampling == "all"
    assert "1 trials changed their config on the way" in told
    assert "21 trials are few for 2 parameters: 30 would do" in told


def test_inactive_parameters_are_filled_with_values_that_they_could_have() -> None:
    parameters: dict[str, Any] = {
        "kind": ["a", "b"],
        "depth": {"min": 1, "max": 3, "type": "int", "when": {"kind": "a"}},
        "rate": {"min": 0.0, "max": 1.0, "when": {"kind": "b"}},
    }
    sweep = sweep_of(parameters)
    trials = [
        trial_of(sweep, at, config, [float(at)])
        for at, config in enumerate(sweep.parameters.sample_many(np.random.default_rng(0), 60))
    ]
    evidence = gather(sweep, trials)
    matrix = evidence.matrix(np.random.default_rng(1))
    assert evidence.names == ["kind", "depth", "rate"]
    assert evidence.active["depth"] + evidence.active["rate"] == pytest.approx(1)
    assert np.isfinite(matrix).all()
    assert set(matrix[:, 1]) <= {sweep.parameters["depth"].unit(depth) for depth in (1, 2, 3)}
    known = [row for row, config in enumerate(evidence.configs) if "depth" in config]
    again = evidence.matrix(np.random.default_rng(2))
    assert np.array_equal(matrix[known, 1], again[known, 1])
    assert not np.array_equal(matrix, again)
