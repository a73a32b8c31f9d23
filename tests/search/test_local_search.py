"""Local search: steps from the best, moves on improvement, and new starts."""

from __future__ import annotations

import numpy as np
import pytest

from assay.search import Phase, Report, State, Trial
from assay.search.local_search import LocalSearch, LocalSearchOptions
from assay.spaces import Config, Limit, Objective, Space

SCORE = Objective("score", "maximize")
NETWORKS = Space({f"op{index}": list("abcde") for index in range(8)})
LINE = Space({"x": {"min": 0, "max": 100}})


def over(number: int, config: Config, value: float, state: State = State.COMPLETE) -> Trial:
    reports = (Report(1, {"score": value}, 0.1, number),)
    return Trial(number, Phase.SEARCH, state, config, seed=0, split=0, ended=number, reports=reports)


def right(config: Config) -> float:
    return sum(value == "c" for value in config.values()) / len(config)


def local(space: Space = NETWORKS, startup: int = 10, seed: int = 0) -> LocalSearch:
    searcher = LocalSearchOptions(startup=startup).build(space, SCORE, seed)
    assert isinstance(searcher, LocalSearch)
    return searcher


def steps(one: Config, other: Config) -> int:
    return sum(one[name] != other[name] for name in one)


def test_it_climbs_to_the_optimum_of_a_separable_function() -> None:
    for seed in range(5):
        searcher, taken, best = local(seed=seed), set[Config](), 0.0
        for number in range(150):
            config = searcher.ask(number, taken)
            assert config is not None
            taken.add(config)
            best = max(best, right(config))
            searcher.tell(over(number, config, right(config)))
        assert best == 1.0


def test_after_the_start_every_proposal_is_a_step_from_the_best_so_far() -> None:
    searcher, history = local(startup=5), list[Config]()
    for number in range(30):
        config = searcher.ask(number, set(history))
        assert config is not None
        if number >= 5:
            best = max(history, key=right)
            assert min(steps(config, one) for one in history if right(one) == right(best)) == 1
        history.append(config)
        searcher.tell(over(number, config, right(config)))


def test_it_starts_again_when_no_step_is_better() -> None:
    """The hill at 20 is not the highest: its two neighbours are tried, then random configs, then a better hill."""
    searcher, xs = local(LINE, startup=2), list[int]()

    def height(x: int) -> float:
        return 10 - abs(x - 20) if x < 50 else 60 - abs(x - 80)

    given = [Config({"x": 20}), Config({"x": 5})]
    for number in range(60):
        if number < 2:
            config = given[number]
            searcher.adopt(number, config)
        else:
            asked = searcher.ask(number, {Config({"x": x}) for x in xs})
            assert asked is not None
            config = asked
        xs.append(int(config["x"]))  # type: ignore[arg-type]
        searcher.tell(over(number, config, height(xs[-1])))
    assert set(xs[2:4]) == {19, 21}
    assert any(abs(x - 20) > 1 for x in xs[4:6])
    assert 80 in xs


def test_a_new_start_forgets_the_best_before_it() -> None:
    searcher, xs = local(LINE, startup=2), [20, 5]
    for number in range(9):
        if number < 2:
            searcher.adopt(number, Config({"x": xs[number]}))
        else:
            asked = searcher.ask(number, {Config({"x": x}) for x in xs})
            assert asked is not None
            xs.append(int(asked["x"]))  # type: ignore[arg-type]
        searcher.tell(over(number, Config({"x": xs[number]}), 1000.0 if number == 0 else float(xs[number])))
    assert set(xs[2:4]) == {19, 21}
    begun = xs[4:6]
    assert abs(begun[0] - begun[1]) > 1, "both are drawn"
    assert abs(xs[6] - max(begun)) == 1
    assert all(min(abs(x - one) for one in xs[4:at]) == 1 for at, x in enumerate(xs[7:], 7))


def test_no_new_start_while_a_neighbour_runs() -> None:
    searcher = local(LINE, startup=1)
    searcher.adopt(0, Config({"x": 20}))
    searcher.tell(over(0, Config({"x": 20}), 1.0))
    taken = {Config({"x": 20})}
    for number in (1, 2, 3):
        config = searcher.ask(number, taken)
        assert config is not None
        taken.add(config)
    assert {config["x"] for config in taken} >= {19, 20, 21}
    searcher.tell(over(1, next(one for one in taken if one["x"] == 19), 0.0))
    searcher.tell(over(2, next(one for one in taken if one["x"] == 21), 5.0))
    assert searcher.ask(4, taken) == Config({"x": 22})


def told(searcher: LocalSearch, x: int, curve: list[float], number: int, **more: float) -> None:
    """A trial of two rungs, stopped at the first or complete."""
    config = Config({"x": x})
    searcher.adopt(number, config)
    for step, value in enumerate(curve, 1):
        searcher.on_report(number, step, value)
    state = State.STOPPED if len(curve) == 1 else State.COMPLETE
    reports = tuple(Report(step, {"score": value, **more}, 0.1, number) for step, value in enumerate(curve, 1))
    searcher.tell(Trial(number, Phase.SEARCH, state, config, seed=0, split=0, ended=1, reports=reports))


def test_what_has_reached_the_highest_rung_leads() -> None:
    searcher = LocalSearch(LINE, SCORE, 0, 2, rungs=(1, 3))
    told(searcher, 20, [9.0], 0)
    told(searcher, 70, [3.0, 2.0, 1.0], 1)
    assert searcher.ask(2, ()) in (Config({"x": 19}), Config({"x": 21})), "one score is not enough for a rung"
    told(searcher, 40, [4.0, 2.0, 2.0], 3)
    assert searcher.ask(4, ()) in (Config({"x": 39}), Config({"x": 41}))


def test_what_is_within_the_limits_leads_although_it_is_always_stopped() -> None:
    searcher = LocalSearch(LINE, Objective("score", "maximize", limits=(Limit("size", max=10),)), 0, 3, rungs=(1, 3))
    told(searcher, 20, [1.0], 0, size=5)
    told(searcher, 70, [3.0, 2.0, 9.0], 1, size=20)
    told(searcher, 40, [4.0, 2.0, 8.0], 2, size=11)
    assert searcher.ask(3, ()) in (Config({"x": 19}), Config({"x": 21}))


@pytest.mark.parametrize("interrupted", [3, 12, 25])
def test_new_starts_survive_an_interruption(interrupted: int) -> None:
    """On a plain without slope nearly every neighbourhood is soon exhausted."""
    space = Space({"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3]})
    searcher, history = local(space, startup=1), list[Trial]()

    def ask(asked: LocalSearch, number: int) -> Config:
        config = asked.ask(number, {trial.config for trial in history})
        assert config is not None
        return config

    def value(config: Config) -> float:
        return float(np.random.default_rng(int(config.config_id, 16)).random())

    for number in range(26):
        history.append(over(number, ask(searcher, number), value(searcher._seen.configs[-1])))
        searcher.tell(history[-1])
    again, whole = local(space, startup=1), history
    history = []
    for trial in whole[:interrupted]:
        again.adopt(trial.number, trial.config)
        again.tell(trial)
        history.append(trial)
    for trial in whole[interrupted:]:
        assert ask(again, trial.number) == trial.config
        again.tell(trial)
        history.append(trial)
