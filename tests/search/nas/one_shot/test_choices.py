"""Probabilities of choices: entropy, the most probable samples, skip connections."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search.nas.one_shot.choices import Probabilities, count_skips, entropy, is_skip, most_probable

WEIGHTS = st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4)


def samples(probabilities: Probabilities, chosen: Mapping[str, int] | None = None) -> Iterator[tuple[Any, float]]:
    """All as they are, each choice counts."""
    for text, probability in most_probable(probabilities, chosen or {}, json.dumps):
        yield json.loads(text), probability


def test_entropy_is_one_for_equal_choices_and_zero_for_a_sure_one() -> None:
    assert entropy({"a": {"x": 0.5, "y": 0.5}, "b": {"x": 0.2, "y": 0.2, "z": 0.2}}) == pytest.approx(1.0)
    assert entropy({"a": {"x": 1.0, "y": 0.0}}) == 0.0
    assert entropy({"a": {"x": 1.0, "y": 0.0}, "b": {"x": 0.5, "y": 0.5}}) == pytest.approx(0.5)
    assert entropy({}) == 1.0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(WEIGHTS, min_size=1, max_size=3))
def test_samples_come_with_their_probability_the_most_probable_first(weights: list[list[float]]) -> None:
    probabilities = {f"c{place}": dict(enumerate(one)) for place, one in enumerate(weights)}
    found = list(samples(probabilities))
    shares = [[weight / sum(one) for weight in one] for one in weights]
    expected = sorted((math.prod(one) for one in itertools.product(*shares)), reverse=True)
    assert [probability for _, probability in found] == pytest.approx(expected)
    for sample, probability in found:
        assert probability == pytest.approx(math.prod(shares[int(name[1:])][value] for name, value in sample.items()))
    assert len({tuple(sample.values()) for sample, _ in found}) == len(found)


def test_several_of_one_choice_are_sets_in_the_order_of_their_products() -> None:
    found = list(samples({"in": {0: 0.5, 1: 0.2, 2: 0.3}}, {"in": 2}))
    assert [sample["in"] for sample, _ in found] == [[0, 2], [0, 1], [1, 2]]
    assert sum(probability for _, probability in found) == pytest.approx(1.0)
    assert found[0][1] / found[1][1] == pytest.approx(1.5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(WEIGHTS, st.lists(WEIGHTS, min_size=4, max_size=4))
def test_what_changes_nothing_is_not_gone_through(depths: list[float], layers: list[list[float]]) -> None:
    """A depth, and an operation for each of four layers."""
    probabilities = {"depth": dict(enumerate(depths, 1))} | {
        f"op{place}": dict(enumerate(one)) for place, one in enumerate(layers, 1)
    }

    def made(sample: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(sample[f"op{place}"] for place in range(1, sample["depth"] + 1))

    expected: dict[tuple[int, ...], float] = Counter()
    order: dict[tuple[int, ...], float] = {}
    for sample, probability in samples(probabilities):
        expected[made(sample)] += probability
        order.setdefault(made(sample), probability)
    calls = 0

    def counted(sample: Mapping[str, Any]) -> tuple[int, ...]:
        nonlocal calls
        calls += 1
        return made(sample)

    found = list(most_probable(probabilities, {}, counted))
    assert dict(found) == pytest.approx(expected)
    assert len(found) == len(expected)
    assert [order[one] for one, _ in found] == pytest.approx(list(order.values()))
    assert sum(probability for _, probability in found) == pytest.approx(1.0)
    assert calls <= 6 * 5 * len(found)


def test_layers_beyond_the_depth_hide_nothing() -> None:
    """Twelve layers of six equal operations: 2 * 10^9 samples whose network has one layer."""
    options = dict.fromkeys(range(6), 1.0)
    probabilities = {"depth": {1: 0.9, 12: 0.1}} | {f"op{place:02}": options for place in range(12)}

    def made(sample: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(sample[f"op{place:02}"] for place in range(sample["depth"]))

    found = list(itertools.islice(most_probable(probabilities, {}, made), 8))
    assert sorted(map(len, (one for one, _ in found))) == [1] * 6 + [12] * 2
    assert found[0][1] == pytest.approx(0.9 / 6)
    assert found[-1][1] == pytest.approx(0.1 / 6**12)


def test_skips_are_told_by_their_names() -> None:
    assert [one for one in ("skip_connect", "Identity", "conv3x3", "none", 3, True) if is_skip(one)] == [
        "skip_connect",
        "Identity",
    ]
    skips = {"a": {"skip"}, "b": {"1"}}
    assert count_skips({"a": "skip", "b": "0", "c": "skip"}, skips) == 1
