"""Which architectures of a supernet that prefers nothing are taken, by a score that is made up."""

# ruff: noqa: E402 - NNI is imported without its warnings first

from __future__ import annotations

import hashlib
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nni")

from assay.spaces.from_nni.fixes import strategies

strategies()

import numpy as np
import torch

from assay.search.nas.one_shot.choosing import Choosing
from assay.search.nas.one_shot.options import OneShotOptions
from assay.search.nas.one_shot.searchable import Searchable
from assay.spaces import Config, Limit
from assay.spaces.architectures import architecture_of
from assay.spaces.networks.measures import parameter_count

OPS = ["conv3x3", "conv1x1", "sepconv3x3", "maxpool3x3", "identity"]
NETWORKS = architecture_of(
    {
        "input": [1, 8, 8],
        "output": 10,
        "stages": [{"ops": OPS, "depth": {"min": 2, "max": 4}, "width": width} for width in (4, 6)],
    }
)
COUNT = 40


def worth(config: Config) -> float:
    """Of each operation at its place, drawn once and for all."""
    digests = (hashlib.sha256(f"{name}={value}".encode()).digest()[0] for name, value in config.items())
    return float(sum(digests)) / len(config)


class Scores:
    """A trained supernet of random paths that knows :func:`worth`."""

    independent, learns = False, False

    def __init__(self) -> None:
        self.scored: list[Config] = []

    def score(self, config: Config, data: Any, device: Any) -> float:
        self.scored.append(config)
        return worth(config)


def choosing(seed: int, **more: Any) -> tuple[Choosing, Scores]:
    plan = OneShotOptions(strategy="random", top=3, samples=2, candidates=COUNT).plan(**more)
    same = Searchable(lambda: None, Config, lambda config: config)  # type: ignore[arg-type, return-value]
    supernet = Scores()
    made = Choosing(plan, NETWORKS, same, supernet, SimpleNamespace(), torch.device("cpu"), seed)  # type: ignore[arg-type]
    return made, supernet


def test_evolution_beats_chance_with_as_many_scores() -> None:
    gains = []
    for seed in range(8):
        made, supernet = choosing(seed)
        found = list(made.candidates())
        assert [one.origin for one in found] == ["top"] * 3 + ["sample"] * 2
        assert len(supernet.scored) == COUNT + 2
        assert [one.score for one in found[:3]] == sorted(map(worth, supernet.scored[:COUNT]), reverse=True)[:3]
        assert len({NETWORKS.canonical(config) for config in supernet.scored[:COUNT]}) == COUNT
        chance, _ = choosing(seed)
        gains.append(found[0].score - max(map(worth, islice(chance._random(), COUNT))))
    assert sum(gain > 0 for gain in gains) >= 7
    assert np.mean(gains) > 0


def test_equal_seeds_choose_the_same() -> None:
    first, second, other = (list(choosing(seed)[0].candidates()) for seed in (1, 1, 2))
    assert first == second != other


def test_limits_and_constraints_hold_for_all_that_is_scored() -> None:
    limits, rule = [Limit("params", max=400), Limit("accuracy", min=0.9)], "architecture.stage1.depth <= 3"
    made, supernet = choosing(1, limits=limits, constraints=[rule])
    list(made.candidates())
    assert len(supernet.scored) == COUNT + 2
    assert all(parameter_count(NETWORKS.build(config)) <= 400 for config in supernet.scored)
    assert {config["architecture.stage1.depth"] for config in supernet.scored} == {2, 3}
