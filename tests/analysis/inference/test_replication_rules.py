"""Who gets the next replicates: top-two sampling, and whether more can decide anything."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from assay.analysis.inference.best_set import Replicates
from assay.analysis.inference.futility import can_shrink
from assay.analysis.inference.mcb import mcb
from assay.analysis.inference.posterior import believe
from assay.analysis.inference.top_two import next_replicates
from assay.spaces import UsageError

from .worlds import calibration as worlds


def test_each_config_gets_two_replicates_first() -> None:
    rng = np.random.default_rng(0)
    empty = {3: np.array([]), 5: np.array([0.5]), 9: np.array([])}
    assert next_replicates(empty, 5, rng) == [3, 9, 3, 5, 9]
    assert next_replicates(empty, 2, rng) == [3, 9]
    assert next_replicates(empty, 50, rng) == [3, 9, 3, 5, 9]


def test_replicates_go_to_the_two_that_are_close() -> None:
    rng = np.random.default_rng(1)
    scores = {one: rng.normal(mean, 0.1, 4) for one, mean in ((1, 0.0), (2, 5.0), (3, 5.02), (4, 1.0))}
    counts = Counter(next_replicates(scores, 100, rng))
    assert counts[2] + counts[3] >= 98
    assert min(counts[2], counts[3]) >= 25


def test_a_cap_is_kept() -> None:
    rng = np.random.default_rng(2)
    scores = {1: rng.normal(0.0, 0.1, 4), 2: rng.normal(5.0, 0.1, 4), 3: rng.normal(5.0, 0.1, 2)}
    counts = Counter(next_replicates(scores, 100, rng, most=5))
    assert counts == {1: 1, 2: 1, 3: 3}


def test_same_generator_same_choice() -> None:
    scores = {one: np.random.default_rng(one).normal(size=3) for one in range(5)}
    search = {one: float(one == 2) for one in range(20)}
    chosen = [next_replicates(scores, 20, np.random.default_rng(0), search) for _ in range(2)]
    assert chosen[0] == chosen[1]


def test_top_two_refuses() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(UsageError, match="finalists \\[2\\] are not among"):
        next_replicates({1: np.zeros(2), 2: np.ones(2)}, 3, rng, {1: 0.5})
    with pytest.raises(UsageError, match="not finite"):
        next_replicates({1: np.array([0.0, np.inf]), 2: np.ones(2)}, 3, rng)


def test_top_two_does_not_regret_more_than_equal_shares() -> None:
    rng = np.random.default_rng(8)
    equal, adaptive = [], []
    for _ in range(30):
        truth = worlds.landscape(rng, "spread")
        search, finalists, scores = worlds.searched(rng, truth, 10, 40)
        known = {int(one): scores[row, :2] for row, one in enumerate(finalists)}
        rows = {int(one): row for row, one in enumerate(finalists)}
        while sum(map(len, known.values())) < 100:
            for one in next_replicates(known, 20, rng, dict(enumerate(search.tolist())), most=40):
                known[one] = scores[rows[one], : len(known[one]) + 1]
        table = np.full((10, 40), np.nan)
        for row, values in enumerate(known.values()):
            table[row, : len(values)] = values
        best = int(believe(table, search, finalists.tolist()).means.argmax())
        adaptive.append(truth[finalists].max() - truth[finalists[best]])
        equal.append(truth[finalists].max() - truth[finalists[scores[:, :10].mean(axis=1).argmax()]])
    assert np.mean(adaptive) <= 1.1 * np.mean(equal)


def test_the_chance_to_decide_more() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(0, 1.0, (3, 5))
    base -= base.mean(axis=1, keepdims=True)
    close, apart = base, base + np.array([[0.0], [-1.4], [-1.4]])
    assert can_shrink(close, 1) < 0.1
    assert can_shrink(close, 1) < can_shrink(apart, 1) < can_shrink(apart, 20)
    assert can_shrink(apart, 20) > 0.9
    assert can_shrink(apart, 20, overlap=5.0) < 0.1
    assert can_shrink(np.full((3, 4), 0.5), 10) == 0.0
    assert can_shrink(base[:1], 10) == 0.0
    assert can_shrink(apart, 0) == 0.0


def test_the_chance_to_decide_more_is_about_right() -> None:
    rng = np.random.default_rng(5)
    told, came = [], []
    for _ in range(150):
        scores = rng.normal(0, 1.0, (4, 1)) + rng.normal(0, 1.5, (4, 10)) + rng.normal(size=10)
        scores = scores[mcb(Replicates(scores[:, :5]), 0.05).tied]
        if len(scores) > 1:
            now = mcb(Replicates(scores[:, :5]), 0.05).tied.sum()
            told.append(can_shrink(scores[:, :5], 5))
            came.append(mcb(Replicates(scores), 0.05).tied.sum() < now)
    high = np.array(told) > 0.5
    assert np.mean(came) == pytest.approx(np.mean(told), abs=0.15)
    assert np.mean(np.array(came)[high]) > np.mean(np.array(came)[~high]) + 0.2
