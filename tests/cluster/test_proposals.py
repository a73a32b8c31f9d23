"""Searchers that are asked ahead in a thread of their own: nothing but the order of calls counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.cluster import PhaseRunner, Silent
from assay.cluster.proposals import PromptProposals, Proposal, Proposals, Taken, ThreadedProposals
from assay.cluster.virtual_executor import VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import Ledger, Phase, State, Trial
from assay.search.random_search import RandomOptions
from assay.spaces import Config, Space
from assay.trainables import Event as Answer

from .worlds import Historian, World, make_sweep, rising

SPACE = Space({"x": "uniform(0, 1)"})


class Sleeping(VirtualExecutor):
    """Passes simulated time as real time."""

    def wait(self, timeout: float) -> Sequence[Answer]:
        due = self._heap[0][0] if self._heap else self._now + timeout
        seconds = min(timeout, due - self._now)
        time.sleep(seconds)
        if due - self._now > timeout:
            self._now += timeout
            return []
        return super().wait(seconds)


@pytest.fixture
def searcher(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Historian]:
    """Lets ``searcher: random`` be another one, made anew for each driver; returns the first one."""

    def use(kind: Callable[[Space], Any]) -> list[Any]:
        made: list[Any] = []

        def build(self: Any, space: Space, objective: Any, seed: int, rungs: Any = ()) -> Any:
            made.append(kind(space))
            return made[-1]

        monkeypatch.setattr(RandomOptions, "build", build)
        return made

    return use  # type: ignore[return-value]


def fetched(proposals: Proposals) -> Proposal:
    deadline = time.monotonic() + 30
    while (answer := proposals.fetch()) is None:
        assert time.monotonic() < deadline
    return answer


def trial(number: int) -> Trial:
    return Trial(number, Phase.SEARCH, State.COMPLETE, Config({"x": number / 100}), 0, 0)


calls = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 50)),
        st.tuples(st.just("adopt"), st.integers(0, 50)),
        st.tuples(st.just("report"), st.integers(0, 50)),
        st.tuples(st.just("tell"), st.integers(0, 50)),
        st.tuples(st.just("fetch"), st.just(0)),
    ),
    max_size=40,
)


@given(calls)
def test_a_thread_changes_no_answer(sequence: list[tuple[str, int]]) -> None:
    answers = []
    for kind in (PromptProposals, ThreadedProposals):
        proposals: Proposals = kind(Historian(SPACE))
        found = []
        for call, number in sequence:
            if call == "ask":
                proposals.ask(number, len(found))
            elif call == "adopt":
                proposals.adopt(number, Config({"x": number / 99}))
            elif call == "report":
                proposals.report(number, 3, number / 7)
            elif call == "tell":
                proposals.tell(trial(number))
            elif proposals.in_flight:
                found.append(fetched(proposals))
        while proposals.in_flight:
            found.append(fetched(proposals))
        proposals.close()
        answers.append([(answer.number, answer.config) for answer in found])
    assert answers[0] == answers[1]


def test_the_searcher_lives_in_one_thread() -> None:
    searcher = Historian(SPACE)
    proposals = ThreadedProposals(searcher)
    proposals.adopt(0, Config({"x": 0.5}))
    proposals.ask(1, 7)
    assert fetched(proposals).asked == 7
    proposals.tell(trial(1))
    proposals.close()
    assert len(searcher.threads) == 1
    assert threading.get_ident() not in searcher.threads
    assert "searcher" not in {thread.name for thread in threading.enumerate()}


def test_closing_waits_for_the_answer_that_is_being_found_and_for_no_other() -> None:
    searcher = Historian(SPACE, seconds=0.05)
    proposals = ThreadedProposals(searcher)
    for number in range(20):
        proposals.ask(number, number)
    while not searcher.asked:
        time.sleep(0.001)
    proposals.close()
    assert searcher.asked == [0]
    assert "searcher" not in {thread.name for thread in threading.enumerate()}


def test_what_a_searcher_raises_last_is_heard_too() -> None:
    proposals = ThreadedProposals(Broken(SPACE, "tell 1"))
    proposals.tell(trial(1))
    with pytest.raises(RuntimeError, match="the model cannot be fitted"):
        proposals.close()


def test_what_is_taken() -> None:
    taken = Taken()
    assert Config({"x": 1}) not in taken
    taken.add(Config({"x": 1}))
    taken.add(Config({"x": 1}))
    assert Config({"x": 1}) in taken
    assert len(taken) == 1


class Fussy:
    """A screen that takes configs of one first decimal for the same, and refuses the large ones."""

    told = "of 3 networks looked at, 1 too large"

    def key(self, config: Config) -> str:
        return str(config["x"])[:3]

    def refuses(self, config: Config) -> bool:
        return float(str(config["x"])) > 0.8


def test_what_a_screen_takes_for_the_same_or_refuses_is_taken_too() -> None:
    taken = Taken(Fussy())  # type: ignore[arg-type]
    taken.add(Config({"x": 0.51}))
    assert [Config({"x": x}) in taken for x in (0.51, 0.55, 0.61, 0.9)] == [True, True, False, True]
    assert [taken.tried(Config({"x": x})) for x in (0.51, 0.55, 0.61, 0.9)] == [True, False, False, False]
    assert "x" not in taken
    assert len(taken) == 1
    assert taken.refused == "of 3 networks looked at, 1 too large"
    assert Taken().refused == ""


@pytest.mark.parametrize("kind", [PromptProposals, ThreadedProposals])
def test_a_searcher_hears_of_the_screen_and_is_asked_for_the_parent(kind: Any) -> None:
    class Mother(Historian):
        def parent(self, number: int) -> int | None:
            return number - 3 if number > 5 else None

    proposals = kind(Mother(SPACE), Fussy())
    for number in range(8):
        proposals.ask(number, number)
    answers = [fetched(proposals) for _ in range(8)]
    proposals.close()
    values = [float(str(answer.config["x"])) for answer in answers if answer.config is not None]
    assert len(values) == 8
    assert max(values) <= 0.8
    assert len({str(value)[:3] for value in values}) == 8
    assert [answer.parent for answer in answers] == [None] * 6 + [3, 4]


def test_a_searcher_that_answers_at_once_is_asked_for_one_at_a_time() -> None:
    proposals = ThreadedProposals(Historian(SPACE))
    for number in range(10):
        assert proposals.ahead(8) == 1
        proposals.ask(number, number)
        fetched(proposals)
    proposals.close()


def test_a_slow_one_is_asked_ahead_as_fast_as_trials_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.01)
    proposals = ThreadedProposals(Historian(SPACE, seconds=0.03))
    for number in range(6):
        proposals.ask(number, number)
        fetched(proposals)
    assert 2 <= proposals.ahead(8) <= 4  # one for each that ends meanwhile, and then some
    assert proposals.ahead(1) == 1
    proposals.close()


@pytest.mark.parametrize("scheduler", ["none", "asha", "hyperband", {"type": "pbt", "interval": 3}], ids=str)
def test_answers_that_came_late_are_repeated(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, scheduler: Any
) -> None:
    """Asked ahead or not: the recorded positions of questions and answers explain every config."""
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.001)
    searcher(lambda space: Historian(space, seconds=0.002))
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 15})
    small.drive(Sleeping(lambda spec, step: ({"score": spec.config["x"]}, 0.002), 3))
    assert small.ended is None
    assert len(small.trials) == 15
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_a_slow_searcher_idles_no_worker(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.01)
    made = searcher(lambda space: Historian(space, seconds=0.05))
    small = world(fidelity={"max": 1}, budget={"trials": 16})
    executor = Sleeping(lambda spec, step: ({"score": spec.config["x"]}, 0.15), 2)
    small.drive(executor)
    busy = sum(trial.seconds for trial in small.trials) / 2 / executor.clock()
    assert busy > 0.8  # 0.75 at best where each waits for its own answer
    assert made[0].asked == list(range(1, 16))


def test_reports_are_answered_while_the_searcher_thinks(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.01)
    small = world(fidelity={"max": 9}, budget={"trials": 2})

    class Waiting(Historian):
        def _note(self, call: str) -> None:
            deadline = time.monotonic() + 30
            while call.startswith("config 1") and small.order.count(("report", 0)) < 9:
                assert time.monotonic() < deadline
                time.sleep(0.001)

    searcher(Waiting)
    small.drive(Sleeping(lambda spec, step: ({"score": 1.0}, 0.01), 2))
    assert small.states == [State.COMPLETE] * 2


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_slow_searcher_that_has_nothing_more_ends_the_search(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.001)
    searcher(lambda space: Historian(space, seconds=0.01, most=most))
    small = world(fidelity={"max": 1}, budget={"trials": 50})
    small.drive(Sleeping(lambda spec, step: ({"score": 1.0}, 0.005), 4))
    assert len(small.trials) == most + 1
    assert small.notes.messages[-1].endswith(f"the search ends after {most + 1}")


def test_no_more_is_asked_for_than_there_will_be_trials(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.001)
    made = searcher(lambda space: Historian(space, seconds=0.01))
    small = world(fidelity={"max": 1}, budget={"trials": 9})
    small.drive(Sleeping(lambda spec, step: ({"score": 1.0}, 0.005), 4))
    assert made[0].asked == list(range(1, 9))


def test_a_pause_does_not_wait_for_many_answers(
    world: Callable[..., World], searcher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 0.01)
    made = searcher(lambda space: Historian(space, seconds=0.1))
    small = world(fidelity={"max": 1}, budget={"trials": 50})
    small.wish = lambda now: Wish.PAUSE if now > 0.2 else Wish.NONE
    began = time.monotonic()
    small.drive(Sleeping(lambda spec, step: ({"score": 1.0}, 0.05), 2))
    assert time.monotonic() - began < 2
    asked = len(made[0].asked)
    small.wish = lambda now: Wish.STOP if now > 0.1 else Wish.NONE
    small.drive(Sleeping(lambda spec, step: ({"score": 1.0}, 0.05), 2))
    assert [trial.number for trial in small.trials] == list(range(len(small.trials)))
    assert asked < 10


class Broken(Historian):
    """Raises in one kind of call."""

    def __init__(self, space: Space, call: str) -> None:
        super().__init__(space)
        self._call = call

    def _note(self, call: str) -> None:
        super()._note(call)
        if call.startswith(self._call):
            raise RuntimeError("the model cannot be fitted")


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("call", ["config 2", "config 0", "report 0 2", "tell 1"])
def test_what_a_searcher_raises_reaches_the_run(
    world: Callable[..., World], searcher: Callable[..., Any], call: str, lazy: bool
) -> None:
    """Whether it has a thread or, in simulations, none."""
    searcher(lambda space: Broken(space, call))
    small = world(budget={"trials": 20})
    with closing(Ledger(small.store, create=True)) as ledger:
        executor = VirtualExecutor(rising, 2)
        record = ledger.create_sweep(make_sweep(budget={"trials": 20}), ".")
        runner = PhaseRunner(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=lazy)
        with pytest.raises(RuntimeError, match="the model cannot be fitted"):
            runner.search()
    assert "searcher" not in {thread.name for thread in threading.enumerate()}
    searcher(Historian)
    small.simulate(workers=2)
    assert small.ended is None
    assert small.states == [State.COMPLETE] * 20
