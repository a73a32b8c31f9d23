"""Which architectures of a supernet that prefers nothing are taken, by a score that is made up."""

# ruff: noqa: E402 - NNI is imported without its warnings first

from __future__ import annotations

import hashlib
from itertools import cycle, islice
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nni")

from assay.spaces.from_nni.fixes import strategies

strategies()

import numpy as np
import torch

from assay.search.nas.one_shot import choosing as choosing_module
from assay.search.nas.one_shot.choosing import Choosing
from assay.search.nas.one_shot.options import OneShotOptions
from assay.search.nas.one_shot.searchable import Searchable
from assay.search.nas.screening import Screen
from assay.spaces import Config, Limit, Space
from assay.spaces.architectures import Architecture, architecture_of
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


class Draws(Scores):
    """A policy that gives some configs, again and again; what is in ``unknown`` has no score."""

    learns = True

    def __init__(self, *configs: Config, unknown: Config | None = None) -> None:
        super().__init__()
        self.configs = cycle(configs)
        self.unknown = unknown

    def likeliest(self) -> Config:
        return next(self.configs)

    def draw(self) -> Config:
        return next(self.configs)

    def score(self, config: Config, data: Any, device: Any) -> float:
        value = super().score(config, data, device)
        return float("nan") if config == self.unknown else value


class Prefers(Scores):
    """Each choice for itself, the first option most."""

    independent, learns = True, True
    several: dict[str, int] = {}  # noqa: RUF012

    def probabilities(self) -> dict[str, dict[Any, float]]:
        rng = np.random.default_rng(0)
        drawn = {name: {one.sample(rng) for _ in range(99)} for name, one in NETWORKS.parameters().items()}
        options = {name: sorted(values, key=str) for name, values in drawn.items()}
        return {name: {value: 0.5**rank for rank, value in enumerate(one)} for name, one in options.items()}


def choosing(
    seed: int, supernet: Scores | None = None, networks: Architecture = NETWORKS, samples: int = 2, **more: Any
) -> tuple[Choosing, Scores]:
    plan = OneShotOptions(strategy="random", top=3, samples=samples, candidates=COUNT).plan(**more)
    space = Space(networks.parameters())
    same = Searchable(
        lambda: None, lambda sample: space.fill(lambda name: sample[name]), lambda config: config  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    supernet = supernet or Scores()
    made = Choosing(plan, networks, same, supernet, SimpleNamespace(), torch.device("cpu"), seed)  # type: ignore[arg-type]
    return made, supernet


def drawn(count: int) -> list[Config]:
    """Different networks."""
    configs = Space(NETWORKS.parameters()).sample_many(np.random.default_rng(5), 2 * count)
    return list({NETWORKS.canonical(one): one for one in configs}.values())[:count]


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


def test_what_a_policy_prefers_comes_best_first() -> None:
    configs = drawn(20)
    made, supernet = choosing(1, Draws(*configs))
    found = list(made.candidates())
    assert [one.score for one in found[:3]] == sorted(map(worth, configs), reverse=True)[:3]
    assert len(supernet.scored) == 20 + 2


def test_what_has_no_score_is_the_last_choice() -> None:
    first, *others = drawn(3)
    made, _ = choosing(1, Draws(first, *others, unknown=first))
    found = list(made.candidates())
    assert [one.config for one in found[:3]] == [*sorted(others, key=worth, reverse=True), first]


def test_what_fills_up_is_put_in_order_and_counts_in_all() -> None:
    pair = sorted(drawn(40), key=worth)[:2]
    made, supernet = choosing(1, Draws(*pair))
    found = list(made.candidates())
    assert set(pair) == set(supernet.scored[:2])
    assert len(supernet.scored) == COUNT + 2
    assert [one.score for one in found[:3]] == sorted(map(worth, supernet.scored[:COUNT]), reverse=True)[:3]
    assert [one.origin for one in found] == ["top"] * 3 + ["sample"] * 2
    assert made.ended == ""


def test_a_random_check_is_isomorphic_to_no_other() -> None:
    alike = architecture_of(
        {
            "input": [1, 8, 8],
            "output": 10,
            "stages": [{"ops": ["conv3x3", "conv1x1", "identity"], "depth": 5, "width": 4}],
        }
    )
    made, _ = choosing(1, networks=alike, samples=40)
    texts = [alike.canonical(one.config) for one in made.candidates()]
    assert len(texts) == len(set(texts)) == 43


@pytest.mark.parametrize(("supernet", "parts"), [(Scores, 2), (Prefers, 3)])
def test_limits_that_nothing_meets_do_not_take_for_ever(
    supernet: type[Scores], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing_module, "_IN_VAIN", 30)
    gone_through: list[Any] = []
    most_probable = choosing_module.most_probable
    monkeypatch.setattr(
        choosing_module,
        "most_probable",
        lambda *given: (gone_through.append(one) or one for one in most_probable(*given)),  # type: ignore[func-returns-value]
    )
    built = noted_builds(monkeypatch)
    made, scores = choosing(1, supernet(), limits=[Limit("params", max=1)])
    assert list(made.candidates()) == scores.scored == []
    assert len(built) == 30 * parts
    assert len(gone_through) <= 31
    told = f"of {len(built)} networks looked at, {len(built)} break limits on params"
    start = "looking for architectures ended after 30 that were refused or isomorphic to others"
    assert made.ended == f"{start} ({told}): make the limits or the space wider"


def noted_builds(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    built: list[Config] = []
    build = Screen._build

    def noted(self: Screen, config: Config) -> torch.nn.Module:
        built.append(config)
        return build(self, config)

    monkeypatch.setattr(Screen, "_build", noted)
    return built


def test_where_the_likeliest_are_refused_others_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing_module, "_IN_VAIN", 40)
    limit = Limit("params", min=800)  # the likeliest are the shallowest
    built = noted_builds(monkeypatch)
    made, supernet = choosing(1, Prefers(), limits=[limit])
    found = list(made.candidates())
    assert len(found) == 5
    assert all(parameter_count(NETWORKS.build(one.config)) >= 800 for one in found)
    likely = sum(one.probability is not None for one in found)
    assert [one.probability is None for one in found] == [False] * likely + [True] * (5 - likely)
    assert 0 < likely < 3
    others = sorted(map(worth, supernet.scored[likely:-2]), reverse=True)
    assert [one.score for one in found[likely:3]] == others[: 3 - likely]
    assert len(others) > 3
    assert "ended after 40" in made.ended
    assert len(built) == len(set(built)) < 40 * 3 + COUNT + 2


def test_what_is_trained_anyway_is_no_random_check() -> None:
    """All but two of the networks of a small space, one of them written in another way."""
    few = architecture_of(
        {
            "input": [1, 8, 8],
            "output": 10,
            "stages": [{"ops": ["conv3x3", "conv1x1", "identity"], "depth": 2, "width": 4}],
        }
    )
    configs = list(Space(few.parameters()).configs())
    texts = {few.canonical(one): one for one in configs}  # each of the last that is written so
    top = {few.canonical(one.config) for one in choosing(1, networks=few, samples=0)[0].candidates()}
    left = [one for text, one in texts.items() if text not in top][:2]
    wanted = {few.canonical(one) for one in left}
    given = [next(one for one in configs if few.canonical(one) == text) for text in texts if text not in wanted]
    for known, expected in (((), len(texts) - 3), (given, 2)):
        made, _ = choosing(1, networks=few, samples=40, given=known)
        drawn = [few.canonical(one.config) for one in made.candidates() if one.origin == "sample"]
        assert len(drawn) == len(set(drawn)) == expected
    assert set(drawn) == wanted


def test_the_likeliest_that_break_constraints_are_not_gone_through_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing_module, "_MOST_PROBABLE", 40)
    looked: list[Config] = []
    feasible = Space.feasible
    monkeypatch.setattr(Space, "feasible", lambda self, one: looked.append(one) or feasible(self, one))  # type: ignore[func-returns-value]
    rule = "architecture.stage1.depth == 4 and architecture.stage2.depth == 4"  # the likeliest have 2
    made, _ = choosing(1, Prefers(), constraints=[rule])
    probable = list(made._probable())
    assert len(looked) == 40
    assert probable == []
    assert made.ended == "of the 40 likeliest architectures too few meet the constraints"
    found = list(choosing(1, Prefers(), constraints=[rule])[0].candidates())
    assert len(found) == 5
    assert {one.probability for one in found} == {None}
