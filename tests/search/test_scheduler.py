"""What all schedulers are made of: the queue, horizons, and the part of their options that is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.search import SCHEDULERS, Decision, Exploit, Queue, Saved
from assay.search.scheduler import Drop, SchedulerOptions, next_of
from assay.spaces import Config, Fidelity, Objective, Space, UsageError

SPACE = Space({"x": "uniform(0, 1)"})
OBJECTIVE = Objective("score", "maximize")

every_scheduler = pytest.mark.parametrize("word", sorted(SCHEDULERS))


def test_decisions_are_words_of_the_record() -> None:
    assert [str(decision) for decision in Decision] == ["continue", "stop", "pause"]
    assert Decision("pause") is Decision.PAUSE


def test_what_was_saved_is_known_by_trial_segment_and_step() -> None:
    assert {Saved(1, 0, 3), Saved(1, 0, 3), Saved(1, 1, 3)} == {Saved(1, 0, 3), Saved(1, 1, 3)}


@given(st.lists(st.integers(1, 50), unique=True).map(sorted), st.integers(0, 60))
def test_the_horizon_is_the_next_of_the_steps(steps: list[int], step: int) -> None:
    assert next_of(steps)(step) == min((point for point in steps if point > step), default=None)


def test_a_queue_hands_out_what_waits_and_decides_nothing() -> None:
    queue = Queue()
    for number in range(3):
        queue.on_add(number, Config({"x": 0.5}))
    queue.on_run(0)
    queue.on_end(1, 0, None)
    queue.on_lost(0)
    assert [queue.choose(), queue.choose(last=True)] == [2, 2], "to ask changes nothing"
    queue.on_run(2)
    assert queue.choose() == 0
    assert queue.on_report(2, 1, 0.5) is Decision.CONTINUE
    assert (queue.horizon(2, 1), queue.room(), queue.pins(), queue.actions(), queue.copies) == (
        None,
        0,
        set(),
        [],
        False,
    )


def test_actions_are_handed_over_once() -> None:
    queue = Queue()
    queue._actions += [Drop(3), Exploit(4, Config({"x": 0.5}), Saved(2, 0, 9))]
    assert [action.number for action in queue.actions()] == [3, 4]
    assert queue.actions() == []


@every_scheduler
def test_only_what_decides_needs_a_fidelity(word: str) -> None:
    options = SCHEDULERS[word](type=word)
    if word == "none":
        assert isinstance(options.build(SPACE, OBJECTIVE, None, 0), Queue)
        return
    with pytest.raises(UsageError, match=rf"^scheduler {word} needs a fidelity: add `fidelity: {{unit: epoch, min: 1"):
        options.build(SPACE, OBJECTIVE, None, 0)


@every_scheduler
def test_rungs_lie_in_a_run(word: str) -> None:
    for longest in range(1, 40):
        fidelity = Fidelity("epoch", 1, longest)
        rungs = SCHEDULERS[word](type=word).rungs(fidelity)
        assert rungs == sorted(set(rungs))
        assert all(1 <= rung < longest for rung in rungs)
        assert 1 <= SCHEDULERS[word](type=word).grace_of(fidelity) <= longest


@every_scheduler
def test_options_do_not_change_and_are_compared_by_value(word: str) -> None:
    options = SCHEDULERS[word](type=word)
    assert options == SCHEDULERS[word].model_validate(options.model_dump())
    with pytest.raises(ValueError, match="frozen"):
        options.type = "none"


@every_scheduler
def test_every_option_is_explained(word: str) -> None:
    fields = SCHEDULERS[word].model_fields
    assert all(field.description for name, field in fields.items() if name != "type")
    assert SCHEDULERS[word].__doc__


def test_options_without_a_scheduler_are_no_scheduler() -> None:
    with pytest.raises(NotImplementedError):
        SchedulerOptions(type="x").build(SPACE, OBJECTIVE, None, 0)
    SchedulerOptions(type="x").check(SPACE, Fidelity("epoch", 1, 9), None)


def test_which_schedulers_make_trials_wait_for_their_checkpoints() -> None:
    waits = {word for word, options in SCHEDULERS.items() if options.needs_checkpoints}
    assert waits == {"promotion_asha", "hyperband", "bohb", "pbt", "pb2"}
