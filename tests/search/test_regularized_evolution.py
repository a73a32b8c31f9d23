"""Regularized evolution: who becomes a parent, what a child is, and that it finds more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from assay.search import Phase, Report, State, Trial
from assay.search.regularized_evolution import RegularizedEvolution, RegularizedEvolutionOptions, mutated
from assay.spaces import Config, Limit, Objective, Space, SpaceError

SCORE = Objective("score", "maximize")
NETWORKS = Space({f"op{index}": list("abcde") for index in range(8)})
MIXED = Space(
    {
        "kind": ["conv", "pool"],
        "kernel": {"values": [3, 5, 7], "when": {"kind": "conv"}},
        "width": {"min": 8, "max": 4096},
        "lr": "loguniform(1e-4, 1e-1)",
    }
)


def over(number: int, config: Config, values: Sequence[float], state: State = State.COMPLETE, **more: float) -> Trial:
    reports = tuple(Report(step, {"score": one, **more}, 0.1, number) for step, one in enumerate(values, 1))
    return Trial(number, Phase.SEARCH, state, config, seed=0, split=0, ended=number, reports=reports)


def evolution(space: Space = NETWORKS, seed: int = 0, **options: int) -> RegularizedEvolution:
    made = RegularizedEvolutionOptions.model_validate({"type": "regularized_evolution", **options})
    searcher = made.build(space, SCORE, seed)
    assert isinstance(searcher, RegularizedEvolution)
    return searcher


def distance(one: Config, other: Config) -> int:
    return sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())


def right(config: Config) -> float:
    return sum(value == "c" for value in config.values()) / len(config)


def search(searcher: RegularizedEvolution, trials: int) -> list[Trial]:
    history: list[Trial] = []
    for number in range(trials):
        config = searcher.ask(number, {trial.config for trial in history})
        assert config is not None
        history.append(over(number, config, [right(config)]))
        searcher.tell(history[-1])
    return history


def test_it_finds_the_optimum_that_chance_misses() -> None:
    """Of 390,625 networks; the best of two hundred random ones gets five of eight choices right."""
    bests = [max(right(trial.config) for trial in search(evolution(seed=seed), 200)) for seed in range(5)]
    assert np.mean(bests) >= 0.95


def test_every_child_differs_from_its_parent_in_one_parameter() -> None:
    searcher = evolution(population=10, sample=3)
    history = search(searcher, 60)
    parents = [searcher.parent(number) for number in range(60)]
    assert parents[:10] == [None] * 10
    for number, parent in enumerate(parents[10:], 10):
        assert parent is not None
        assert distance(history[number].config, history[parent].config) == 1


def test_the_parent_is_the_best_of_the_sample_and_the_oldest_die() -> None:
    """The whole population is the sample: the parent is the best of the youngest four."""
    searcher = evolution(population=4, sample=4)
    history = search(searcher, 40)
    scores = [right(trial.config) for trial in history]
    for number in range(4, 40):
        youngest = range(number - 4, number)
        parent = searcher.parent(number)
        assert parent in youngest
        assert scores[parent] == max(scores[one] for one in youngest)


def test_parents_are_found_again_after_an_interruption() -> None:
    searcher, again = evolution(population=5, sample=2), evolution(population=5, sample=2)
    history = search(searcher, 30)
    for trial in history:
        again.adopt(trial.number, trial.config)
        again.tell(trial)
    assert [again.parent(number) for number in range(30)] == [searcher.parent(number) for number in range(30)]
    taken = {trial.config for trial in history}
    assert again.ask(30, taken) == searcher.ask(30, taken)
    assert again.parent(30) == searcher.parent(30) is not None


def test_a_config_from_elsewhere_has_no_parent_and_can_become_one() -> None:
    searcher = evolution(population=2, sample=2)
    best = Config(dict.fromkeys(NETWORKS, "c"))
    search(searcher, 5)
    searcher.adopt(5, best)
    searcher.tell(over(5, best, [1.0]))
    assert searcher.parent(5) is None
    assert searcher.parent(99) is None
    child = searcher.ask(6, {best})
    assert child is not None
    assert searcher.parent(6) == 5
    assert distance(child, best) == 1


def test_what_became_of_a_lower_rung_is_not_compared_with_a_higher() -> None:
    """Late scores are lower here: who stopped at the first rung looks best, but enough have reached the second."""
    searcher = RegularizedEvolution(NETWORKS, SCORE, 0, population=2, sample=2, rungs=(1, 3))
    rng = np.random.default_rng(0)
    for number, config in enumerate(NETWORKS.sample_many(rng, 6)):
        searcher.adopt(number, config)
        long = number in (1, 4)
        curve = [0.5, 0.4, 0.1 * number] if long else [0.9]
        for step, value in enumerate(curve, 1):
            searcher.on_report(number, step, value)
        searcher.tell(over(number, config, curve, State.COMPLETE if long else State.STOPPED))
    children = [searcher.ask(number, ()) for number in range(6, 12)]
    assert None not in children
    assert {searcher.parent(number) for number in range(6, 12)} == {4}


def test_what_is_beyond_the_limits_is_no_parent_while_something_is_within() -> None:
    limited = Objective("score", "maximize", limits=(Limit("size", max=10),))
    searcher = RegularizedEvolution(NETWORKS, limited, 0, population=4, sample=4)
    for number, config in enumerate(NETWORKS.sample_many(np.random.default_rng(1), 4)):
        searcher.adopt(number, config)
        searcher.tell(over(number, config, [float(number)], size=20 if number == 3 else 5))
    assert searcher.ask(4, ()) is not None
    assert searcher.parent(4) == 2


def test_a_rung_that_only_trials_beyond_the_limits_have_reached_is_not_looked_at() -> None:
    limited = Objective("score", "maximize", limits=(Limit("size", max=10),))
    searcher = RegularizedEvolution(NETWORKS, limited, 0, population=2, sample=2, rungs=(1, 3))
    for number, config in enumerate(NETWORKS.sample_many(np.random.default_rng(1), 4)):
        searcher.adopt(number, config)
        beyond = number < 2
        curve = [0.9, 0.9, 0.9] if beyond else [0.1 * number]
        for step, value in enumerate(curve, 1):
            searcher.on_report(number, step, value)
        state = State.COMPLETE if beyond else State.STOPPED
        searcher.tell(over(number, config, curve, state, size=20 if beyond else 5))
    assert searcher.ask(4, ()) is not None
    assert searcher.parent(4) == 3


def test_a_parent_is_the_number_of_its_trial_in_whatever_order_they_began() -> None:
    searcher = evolution(population=3, sample=3)
    for number, config in zip((7, 30, 2), NETWORKS.sample_many(np.random.default_rng(1), 3), strict=True):
        searcher.adopt(number, config)
        searcher.tell(over(number, config, [float(number)]))
    assert searcher.ask(31, ()) is not None
    assert searcher.parent(31) == 30


def test_of_several_objectives_the_parent_is_on_the_front() -> None:
    both = Objective("score", "maximize", others=(Objective("cost", "minimize"),))
    searcher = RegularizedEvolution(NETWORKS, both, 0, population=5, sample=5)
    points = [(1.0, 1.0), (0.9, 5.0), (2.0, 2.0), (0.5, 3.0), (3.0, 3.0)]
    for number, (config, (score, cost)) in enumerate(
        zip(NETWORKS.sample_many(np.random.default_rng(1), 5), points, strict=True)
    ):
        searcher.adopt(number, config)
        searcher.tell(over(number, config, [score], cost=cost))
    assert searcher.ask(5, ()) is not None
    assert searcher.parent(5) in (0, 2, 4)


def test_failed_trials_are_no_parents() -> None:
    searcher = evolution(population=3, sample=3)
    for number, config in enumerate(NETWORKS.sample_many(np.random.default_rng(1), 8)):
        searcher.adopt(number, config)
        searcher.tell(
            over(number, config, [9.0 if number < 4 else 1.0], State.FAILED if number < 4 else State.COMPLETE)
        )
    assert searcher.ask(8, ()) is not None
    assert searcher.parent(8) in (4, 5, 6, 7)


# Mutation


@pytest.mark.parametrize("seed", range(30))
def test_a_mutant_differs_in_one_parameter_and_in_what_that_switches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = MIXED.sample(rng)
    child = mutated(MIXED, config, rng)
    assert child is not None
    assert MIXED.validate(child) == child
    changed = {name for name in MIXED if child.get(name) != config.get(name)}
    assert len(changed - {"kernel"}) <= 1
    assert changed
    if "kind" not in changed:
        assert len(changed) == 1


def test_every_other_choice_is_equally_likely_and_numbers_stay_near() -> None:
    rng, config = np.random.default_rng(0), MIXED.validate({"kind": "conv", "kernel": 3, "width": 2000, "lr": 0.001})
    children = [mutated(MIXED, config, rng) for _ in range(2000)]
    kernels = [child["kernel"] for child in children if child and child.get("kernel", 3) != 3]
    assert 0.4 < kernels.count(5) / len(kernels) < 0.6
    widths = [float(child["width"]) for child in children if child and child["width"] != 2000]  # type: ignore[arg-type]
    assert len(widths) > 400
    assert np.std(widths) == pytest.approx(0.2 * 4088, rel=0.2)


def test_without_a_choice_there_is_no_mutant() -> None:
    assert mutated(Space({"a": 1}), Config({"a": 1}), np.random.default_rng(0)) is None


def test_a_sample_above_the_population_is_refused() -> None:
    with pytest.raises(ValueError, match="sample 9 is above population 8"):
        RegularizedEvolutionOptions(population=8, sample=9)
    assert issubclass(SpaceError, ValueError)
