"""Evolution over configs by a score that is at hand: better than chance, within its count, nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from assay.search.nas.one_shot import evolving
from assay.search.nas.one_shot.evolving import crossover, evolve
from assay.spaces import Config, Space

LAYERS = 12
SPACE = Space(
    {"depth": {"min": 4, "max": LAYERS}}
    | {f"op{n}": {"values": list("abcde"), "when": f"depth >= {n}"} for n in range(1, LAYERS + 1)}
)
COUNT = 100


def scored(seed: int) -> Callable[[Config], float]:
    """Each layer has an operation that is worth most there, and pairs of neighbours that go well together."""
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=(LAYERS, 5)), rng.normal(size=(LAYERS, 5, 5))

    def score(config: Config) -> float:
        ops = ["abcde".index(str(config[f"op{n}"])) for n in range(1, int(str(config["depth"])) + 1)]
        return float(sum(alone[n, op] for n, op in enumerate(ops)) + sum(
            pairs[n, one, two] for n, (one, two) in enumerate(pairwise(ops))
        ))  # fmt: skip

    return score


class Sieve:
    """Notes what was looked at; ``key`` says which configs are the same."""

    def __init__(self, key: Callable[[Config], object] = lambda config: config) -> None:
        self.key = key
        self.seen: set[object] = set()

    def __call__(self, config: Config) -> bool:
        new = self.key(config) not in self.seen
        self.seen.add(self.key(config))
        return new


def drawn(space: Space, is_new: Callable[[Config], bool], rng: np.random.Generator) -> Iterator[Config]:
    for _ in range(50):
        yield from (config for config in space.sample_many(rng, 20) if is_new(config))


def evolved(seed: int, count: int = COUNT, space: Space = SPACE, sieve: Sieve | None = None) -> list[Config]:
    """Configs in the order in which they were scored."""
    order: list[Config] = []
    score, is_new, rng = scored(seed), sieve or Sieve(), np.random.default_rng(seed)

    def noted(config: Config) -> float:
        order.append(config)
        return score(config)

    found = evolve(space, noted, is_new, drawn(space, is_new, rng), rng, count)
    assert [config for config, _ in found] == sorted(order, key=score, reverse=True)
    assert all(value == score(config) for config, value in found)
    return order


def test_it_finds_more_than_chance_with_as_many_scores() -> None:
    better = 0
    for seed in range(20):
        score, rng = scored(seed), np.random.default_rng(seed)
        by_chance = max(map(score, islice(drawn(SPACE, Sieve(), rng), COUNT)))
        better += max(map(score, evolved(seed))) > by_chance
    assert better >= 17


def test_equal_seeds_give_equal_configs() -> None:
    assert evolved(3) == evolved(3)
    assert evolved(3) != evolved(4)


@pytest.mark.parametrize("count", [1, 2, 7, 100, 150])
def test_so_many_are_scored_and_none_twice(count: int) -> None:
    order = evolved(1, count)
    assert len(order) == len(set(order)) == count


def test_half_of_the_children_have_two_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, set[Config | None]] = {"crossover": set(), "mutated": set()}
    for word, configs in made.items():
        monkeypatch.setattr(evolving, word, noting(getattr(evolving, word), configs))
    children = evolved(1)[15:30]  # of the first generation, of 15
    assert made["crossover"].issuperset(children[:7])
    assert made["mutated"].issuperset(children[7:])


def noting(make: Callable[..., Config | None], made: set[Config | None]) -> Callable[..., Config | None]:
    def noted(*given: Any) -> Config | None:
        found = make(*given)
        made.add(found)
        return found

    return noted


def test_what_is_drawn_stands_in_for_children_that_are_none() -> None:
    rng = np.random.default_rng(0)
    found = evolve(SPACE, scored(0), lambda config: False, drawn(SPACE, Sieve(), rng), rng, 50)
    assert len({config for config, _ in found}) == 50


def test_what_is_the_same_is_scored_once() -> None:
    def mirrored(config: Config) -> object:
        ops = [str(config[f"op{n}"]) for n in range(1, int(str(config["depth"])) + 1)]
        return min(ops, ops[::-1]).__repr__()

    order = evolved(1, sieve=Sieve(mirrored))
    assert len({mirrored(config) for config in order}) == len(order) == COUNT


def test_constraints_hold_for_children() -> None:
    tight = Space({name: SPACE[name] for name in SPACE}, ["depth <= 6", "op1 != op2"])
    order = evolved(1, space=tight)
    assert len(order) == COUNT
    assert all(tight.feasible(config) for config in order)
    assert {config["depth"] for config in order} == {4, 5, 6}


def test_a_small_space_ends_it() -> None:
    small = Space({"x": ["a", "b", "c"], "y": [1, 2]})
    is_new, rng = Sieve(), np.random.default_rng(0)
    found = evolve(small, lambda config: float(str(config["y"])), is_new, drawn(small, is_new, rng), rng, 50)
    assert len(found) == 6
    assert found[0][0]["y"] == 2


def test_what_has_no_score_comes_last() -> None:
    small = Space({f"x{n}": ["a", "b", "c"] for n in range(6)})

    def score(config: Config) -> float:
        return float("nan") if config["x0"] == "a" else sum(config[f"x{n}"] == "b" for n in range(6))

    is_new, rng = Sieve(), np.random.default_rng(0)
    found = evolve(small, score, is_new, drawn(small, is_new, rng), rng, 60)
    known = [not np.isnan(value) for _, value in found]
    assert known == sorted(known, reverse=True)
    assert 0 < sum(known) < 60


def test_a_child_of_two_has_from_either_what_is_active() -> None:
    deep = SPACE.complete({"depth": 12} | {f"op{n}": "a" for n in range(1, 13)})
    flat = SPACE.complete({"depth": 4} | {f"op{n}": "b" for n in range(1, 5)})
    rng = np.random.default_rng(0)
    children = [crossover(SPACE, deep, flat, rng) for _ in range(40)]
    assert {child["depth"] for child in children} == {4, 12}
    for child in children:
        assert SPACE.feasible(child)
        assert all(child[f"op{n}"] == "a" for n in range(5, int(str(child["depth"])) + 1))
    assert {child["op1"] for child in children} == {"a", "b"}
