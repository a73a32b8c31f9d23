"""What need not be proposed: isomorphic, impossible, too large and weak networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from assay.search import Sweep
from assay.search.nas.screening import Screen
from assay.spaces import Config, Limit, Space, SpaceError, Value
from assay.spaces.architectures import architecture_of
from assay.spaces.networks.measures import flop_count, parameter_count
from assay.spaces.networks.zero_cost import PROXIES

DESCRIPTION = {
    "input": [1, 6, 6],
    "output": 3,
    "stages": [{"ops": ["conv3x3", "conv1x1", "identity"], "depth": {"min": 1, "max": 3}, "width": [2, 4, 8]}],
}
NETWORKS = architecture_of(DESCRIPTION)
SPACE = Space({"lr": {"min": 0.01, "max": 1.0}, **NETWORKS.parameters()})


pytestmark = pytest.mark.usefixtures("one_thread")


def config(*ops: str, width: int = 4, lr: float = 0.1) -> Config:
    at = "architecture.stage1."
    named: dict[str, Value] = {f"{at}op{number}": op for number, op in enumerate(ops, start=1)}
    return SPACE.validate({"lr": lr, f"{at}depth": len(ops), f"{at}width": width, **named})


def drawn(count: int, seed: int = 0) -> list[Config]:
    return SPACE.sample_many(np.random.default_rng(seed), count)


def size(one: Config) -> int:
    return parameter_count(NETWORKS.build(one))


class Cells:
    """Networks of which some cannot be built; ``built`` counts the others."""

    input_shape: tuple[int, ...] | None = (4,)

    def __init__(self) -> None:
        self.built = 0

    def parameters(self) -> Any:
        return Space({"architecture.width": {"min": 1, "max": 9}, "architecture.cell": [0, 1, 2]})

    def feasible(self, one: Mapping[str, Value]) -> bool:
        return one["architecture.cell"] != 2

    def canonical(self, one: Mapping[str, Value]) -> str:
        if not self.feasible(one):
            raise SpaceError("no cell")
        return str(one["architecture.width"])

    def describe(self, one: Mapping[str, Value]) -> str:
        return ""

    def build(self, one: Mapping[str, Value]) -> torch.nn.Module:
        assert self.feasible(one)
        self.built += 1
        return torch.nn.Linear(4, int(str(one["architecture.width"])))


def cell(width: int, kind: int = 0) -> Config:
    return Config({"architecture.width": width, "architecture.cell": kind})


def test_isomorphic_networks_that_are_trained_alike_are_one() -> None:
    screen = Screen(NETWORKS, SPACE)
    one = config("conv3x3", "identity", "conv1x1")
    assert screen.key(one) == screen.key(config("identity", "conv3x3", "conv1x1"))
    assert screen.key(one) == screen.key(config("conv3x3", "conv1x1"))
    others = [config("conv1x1", "conv3x3"), config("conv3x3", "conv1x1", lr=0.2), config("conv3x3", "conv1x1", width=8)]
    assert len({screen.key(one), *map(screen.key, others)}) == 4


def test_a_config_of_another_space_has_a_key_too() -> None:
    foreign = Config({"lr": 0.1, "architecture.stage7.depth": 2})
    assert Screen(NETWORKS, SPACE).key(foreign).startswith(foreign.config_id)


def test_without_limits_and_scores_nothing_is_refused_or_built() -> None:
    cells = Cells()
    screen = Screen(cells, cells.parameters(), [Limit("latency_ms", max=1), Limit("accuracy", min=0.9)])
    assert [screen.refuses(cell(3, kind)) for kind in (0, 1, 2)] == [False, False, True]
    assert screen.features(cell(3)) == ()
    assert cells.built == 0
    assert screen.told == "of 3 networks looked at, 1 cannot be built"


@pytest.mark.parametrize("metric", ["params", "params_m", "flops", "flops_m"])
def test_limits_that_are_known_before_training(metric: str) -> None:
    scale = 1e-6 if metric.endswith("_m") else 1.0
    count = size if metric.startswith("params") else lambda one: flop_count(NETWORKS.build(one), (1, 6, 6))
    configs = drawn(30)
    sizes = np.array([count(one) for one in configs])
    low, high = np.quantile(sizes, [0.2, 0.7])
    screen = Screen(NETWORKS, SPACE, [Limit(metric, min=low * scale, max=high * scale)])
    found = np.array([screen.refuses(one) for one in configs])
    np.testing.assert_array_equal(found, (sizes < low) | (sizes > high))
    assert 5 < found.sum() < 25
    assert f"break limits on {metric}" in screen.told


def test_operations_are_no_limit_where_the_input_is_not_known() -> None:
    cells = Cells()
    cells.input_shape = None
    screen = Screen(cells, cells.parameters(), [Limit("flops", max=1), Limit("params", max=20)])
    assert [screen.refuses(cell(width)) for width in (4, 5)] == [False, True]
    with pytest.raises(SpaceError, match=r"zero_cost: \['synflow'\] needs the shape .* architecture.input"):
        Screen(cells, cells.parameters(), zero_cost=["synflow"])


@pytest.mark.parametrize(("prefilter", "share"), [(0.25, 0.75), (0.5, 0.5)])
def test_the_prefilter_refuses_its_share_and_the_weakest(prefilter: float, share: float) -> None:
    screen = Screen(NETWORKS, SPACE, zero_cost=["params"], prefilter=prefilter, seed=3)
    configs = drawn(60)
    refused = np.array([screen.refuses(one) for one in configs])
    sizes = np.array([size(one) for one in configs])
    assert sizes[refused].max() <= sizes[~refused].min()
    assert refused.mean() == pytest.approx(share, abs=0.2)
    assert "are below the prefilter by params" in screen.told


def test_the_reference_keeps_to_the_limits() -> None:
    """Else a score that grows with size would refuse all that is small enough."""
    limit = Limit("params", max=float(np.quantile([size(one) for one in drawn(40)], 0.4)))
    screen = Screen(NETWORKS, SPACE, [limit], ["synflow"], 0.5)
    within = [one for one in drawn(60) if size(one) <= (limit.max or 0)]
    kept = [not screen.refuses(one) for one in within]
    assert 0.2 < np.mean(kept) < 0.8


def test_where_nothing_meets_the_limits_all_is_refused_and_nothing_breaks() -> None:
    cells = Cells()
    screen = Screen(cells, cells.parameters(), [Limit("params", max=0)], ["params"], 0.5)
    assert all(screen.refuses(cell(width)) for width in range(1, 10))
    assert screen.told == "of 9 networks looked at, 9 break limits on params"


def test_several_scores_count_by_their_mean_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROXIES, "up", lambda model, x, y: float(model.out_features) ** 9)
    monkeypatch.setitem(PROXIES, "down", lambda model, x, y: -float(model.out_features))
    monkeypatch.setitem(PROXIES, "middle", lambda model, x, y: -abs(model.out_features - 5.0))
    cells = Cells()
    screen = Screen(cells, cells.parameters(), zero_cost=["up", "down", "middle"], prefilter=0.5)
    assert [width for width in range(1, 10) if not screen.refuses(cell(width))] == [3, 4, 5, 6, 7]
    up, down, middle = screen.features(cell(9))
    assert (up, down, middle) == pytest.approx((17 / 18, 1 / 18, 1 / 9))


def test_a_score_that_cannot_be_computed_says_what_to_do() -> None:
    cells = Cells()
    cells.input_shape = (5,)
    screen = Screen(cells, cells.parameters(), zero_cost=["synflow"], prefilter=0.5)
    with pytest.raises(
        SpaceError, match=r"synflow cannot be computed before training: RuntimeError: .* architecture.in"
    ):
        screen.refuses(cell(3))


def test_answers_depend_on_the_config_alone_not_on_what_was_asked_before() -> None:
    configs = drawn(40)
    for_one, for_other = (Screen(NETWORKS, SPACE, zero_cost=["synflow", "naswot"], prefilter=0.5) for _ in range(2))
    state = torch.get_rng_state()
    refused = [for_one.refuses(one) for one in configs]
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert [for_other.refuses(one) for one in reversed(configs)][::-1] == refused
    assert for_one.features(configs[0]) == for_other.features(configs[0])
    assert any(refused)
    assert not all(refused)


def test_each_network_is_looked_at_once() -> None:
    cells = Cells()
    screen = Screen(cells, cells.parameters(), [Limit("params", max=30)])
    for _ in range(3):
        screen.refuses(cell(3))
        screen.refuses(cell(9))
    assert cells.built == 2


def test_what_is_no_network_has_no_scores() -> None:
    cells = Cells()
    screen = Screen(cells, cells.parameters(), zero_cost=["params"])
    assert np.isnan(screen.features(cell(3, kind=2))).all()
    staged = Screen(NETWORKS, SPACE, zero_cost=["params"])
    assert np.isnan(staged.features(Config({"lr": 0.1}))).all()


def test_a_screen_of_a_sweep() -> None:
    raw = {
        "name": "networks", "trainable": "train.py:train", "objectives": [{"metric": "accuracy", "goal": "maximize"}],
        "parameters": {"lr": "uniform(0.01, 1)"}, "budget": {"trials": 3},
    }  # fmt: skip
    assert Screen.of(Sweep.make(raw)) is None
    architecture = DESCRIPTION | {"zero_cost": ["params"], "prefilter": 0.5}
    limits = {"constraints": [{"metric": "params_m", "max": 0.0001}]}
    screen = Screen.of(Sweep.make(raw | {"architecture": architecture} | limits))
    assert screen is not None
    small, large = config("conv1x1", width=2), config("conv3x3", "conv3x3", "conv3x3", width=8)
    assert screen.refuses(large)
    assert "break limits on params_m" in screen.told
    assert screen.features(small) < (0.5,)
    assert screen.refuses(small)


@pytest.mark.parametrize("value", [1.0, -np.inf])
def test_a_prefilter_by_scores_that_tell_nothing_is_refused(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROXIES, "flat", lambda model, x, y: value)
    cells = Cells()
    screen = Screen(cells, cells.parameters(), zero_cost=["flat"], prefilter=0.5)
    with pytest.raises(SpaceError, match=r"architecture.prefilter: 18 networks score the same by flat, .*: remove it"):
        screen.refuses(cell(3))
    assert Screen(cells, cells.parameters(), zero_cost=["flat"]).features(cell(3)) == (0.5,)


def test_of_each_network_the_canonical_text_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, texts = Cells(), list[Config]()
    canonical = Cells.canonical

    def counted(self: Cells, one: Config) -> str:
        texts.append(one)
        return canonical(self, one)

    monkeypatch.setattr(Cells, "canonical", counted)
    screen = Screen(cells, cells.parameters(), zero_cost=["params"])
    for rate in (0.1, 0.2):
        for one in (cell(3), cell(3, kind=2)):
            screen.key(Config({**one, "lr": rate}))
            screen.features(one)
    assert len(texts) == 2
    impossible = [Config({**cell(3, kind=2), "lr": rate}) for rate in (0.1, 0.2)]
    assert [screen.key(one).split()[0] for one in impossible] == [one.config_id for one in impossible]


def test_the_activation_makes_another_network() -> None:
    space = Space({"activation": ["relu", "tanh"], **SPACE})
    screen = Screen(NETWORKS, space, zero_cost=["grad_norm"])
    one, other = (Config({**config("conv3x3", "conv3x3"), "activation": word}) for word in ("relu", "tanh"))
    assert screen.key(one).split()[0] != screen.key(other).split()[0]
    assert screen.features(one) != screen.features(other)
