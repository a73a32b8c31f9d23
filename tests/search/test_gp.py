"""Bayesian optimisation learns from little, respects what is taken, and sees conditions, limits and features."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.search import SEARCHERS, Phase, Report, State, Trial
from assay.search.gaussian_process import Posterior
from assay.search.gaussian_rows import FeatureRanks, Pool, Rows
from assay.search.gp import GaussianProcessSearch
from assay.search.searcher import draw
from assay.spaces import Config, Limit, Objective, Space

SCORE = Objective("score", "maximize")
CELL = Space({f"edge{index}": ["none", "skip", "conv", "pool"] for index in range(6)})
MIXED = Space(
    {
        "kind": ["a", "b"],
        "rate": "loguniform(1e-4, 1)",
        "size": {"values": [8, 16, 32], "ordered": True},
        "count": {"min": 1, "max": 4},
        "extra": {"values": ["x", "y", "z"], "when": {"kind": "b"}},
        "drop": {"min": 0.0, "max": 0.5, "when": "count >= 3"},
    }
)


def over(number: int, config: Config, score: float, **others: float) -> Trial:
    report = Report(1, {"score": score} | others, 1.0, number)
    return Trial(number, Phase.SEARCH, State.COMPLETE, config, seed=0, split=0, ended=number, reports=(report,))


def cell_score(config: Config) -> float:
    """Each edge has a best operation; a cell without any path learns nothing."""
    right = sum(config[f"edge{index}"] == ("conv", "skip", "conv")[index % 3] for index in range(6))
    return -50.0 if [config[name] for name in CELL].count("none") > 2 else float(right)


def best_of(word: str, trials: int, seed: int) -> float:
    searcher = SEARCHERS[word](type=word).build(CELL, SCORE, seed)
    taken: set[Config] = set()
    for number in range(trials):
        config = searcher.ask(number, taken)
        assert config is not None
        taken.add(config)
        searcher.tell(over(number, config, cell_score(config)))
    return max(map(cell_score, taken))


def test_it_finds_the_best_of_4096_cells_in_50_trials() -> None:
    found = [best_of("gp", 50, seed) for seed in range(3)]
    assert np.mean(found) > np.mean([best_of("random", 50, seed) for seed in range(3)]) + 1
    assert min(found) == 6.0


def told(searcher: GaussianProcessSearch, space: Space, count: int, seed: int = 1) -> set[Config]:
    configs = space.sample_many(np.random.default_rng(seed), count)
    for number, config in enumerate(configs):
        searcher.tell(over(number, config, float(np.random.default_rng(number).normal())))
    return set(configs)


def random_share(score: Callable[[Config, float], float]) -> float:
    """Of 60 proposals, how many are drawn; ``score`` gets a config and noise."""
    found = 0
    for seed in range(10):
        searcher = GaussianProcessSearch(CELL, SCORE, seed, 5)
        noise = np.random.default_rng(seed)
        for number, config in enumerate(CELL.sample_many(noise, 24)):
            searcher.tell(over(number, config, score(config, float(noise.normal()))))
        for number in range(24, 30):
            rng = np.random.default_rng([seed, number])
            rng.random(2)  # whether to draw is decided twice
            found += searcher.ask(number, ()) == draw(CELL, rng, ())
    return found / 60


def test_the_less_is_predicted_the_more_is_random() -> None:
    assert random_share(lambda config, noise: cell_score(config)) < 0.35
    assert 0.5 < random_share(lambda config, noise: noise) < 1


def test_at_half_agreement_a_quarter_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Posterior, "agreement", 0.5)
    assert 0.1 < random_share(lambda config, noise: cell_score(config)) < 0.4


def test_a_proposal_is_among_the_best_of_all_by_augmented_improvement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Posterior, "agreement", 1.0)
    searcher, noise, every = GaussianProcessSearch(CELL, SCORE, 0, 5), np.random.default_rng(0), list(CELL.configs())
    tried = CELL.sample_many(noise, 24)
    scores = [cell_score(config) + float(noise.normal()) for config in tried]
    for number, (config, score) in enumerate(zip(tried, scores, strict=True)):
        searcher.tell(over(number, config, score))
    parents: list[int] = []
    candidates = searcher._candidates
    monkeypatch.setattr(searcher, "_candidates", lambda *given: parents.extend(given[1]) or candidates(*given))
    proposed = searcher.ask(24, ())
    order = np.argsort(-np.array(scores))
    rows, values = (
        searcher._rows.of([tried[place] for place in order]).rows,
        searcher._quantiles(math.inf, order.tolist()),
    )
    posterior = Posterior(searcher._kernel(rows, values, searcher._rows.groups), rows, values, np.empty((0, 24)))
    gains, means = (
        posterior.log_improvement(searcher._rows.of(every).rows),
        posterior.mean(searcher._rows.of(every).rows),
    )
    assert proposed is not None
    assert gains[every.index(proposed)] > np.quantile(gains, 0.998)
    assert gains[int(means.argmax())] < np.quantile(gains, 0.998)  # the highest expectation is another
    assert np.mean([scores[index] for index in parents[:5]]) > np.mean(scores) + 1


def test_features_too_see_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    improvement, widths = Posterior.log_improvement, list[int]()

    def noted(posterior: Posterior, rows: Any) -> Any:
        widths.append(rows.shape[1])
        return improvement(posterior, rows)

    monkeypatch.setattr(Posterior, "log_improvement", noted)
    searcher = GaussianProcessSearch(CELL, SCORE, 0, 5, features=lambda config: [cell_score(config)])
    for number, config in enumerate(CELL.sample_many(np.random.default_rng(0), 24)):
        searcher.tell(over(number, config, cell_score(config)))
    asked = [searcher.ask(number, ()) for number in range(24, 34)]
    assert len(set(asked)) > 6
    assert widths.count(24 + 1) > 6  # one choice among few for each proposal that is not drawn


@pytest.mark.parametrize(("rungs", "share"), [((), 0), ((1, 3), 1 / 3)])
def test_a_third_is_random_under_early_stopping(
    monkeypatch: pytest.MonkeyPatch, rungs: tuple[int, ...], share: float
) -> None:
    """For these the model is not even asked."""
    searcher, asked = GaussianProcessSearch(CELL, SCORE, 0, 5, rungs=rungs), list[float]()
    told(searcher, CELL, 24)
    monkeypatch.setattr(searcher, "_best", lambda level, rng, taken: asked.append(level))
    for number in range(24, 324):
        assert searcher.ask(number, ()) is not None
    assert 1 - len(asked) / 300 == pytest.approx(share, abs=0.08 if rungs else 0)  # 3 standard deviations


def test_a_rung_needs_two_scores_for_each_parameter() -> None:
    searcher = GaussianProcessSearch(CELL, SCORE, 0, 5, rungs=(1, 3))
    configs = CELL.sample_many(np.random.default_rng(0), 12)
    for number, config in enumerate(configs):
        searcher.tell(over(number, config, float(number)))
        assert (searcher._seen.level is None) == (number < 11)
    few = Space({"one": "uniform(0, 1)", "two": "uniform(0, 1)"})
    assert GaussianProcessSearch(few, SCORE, 0, 5, (1, 3))._seen._enough == 5
    many = Space({f"p{index}": "uniform(0, 1)" for index in range(30)})
    assert GaussianProcessSearch(many, SCORE, 0, 5, (1, 3))._seen._enough == 16
    assert GaussianProcessSearch(many, SCORE, 0, 5)._seen._enough == 5


def test_what_is_taken_is_passed_over_the_best_first() -> None:
    first = GaussianProcessSearch(CELL, SCORE, 0, 5)
    told(first, CELL, 20)
    best = first.ask(20, ())
    again = GaussianProcessSearch(CELL, SCORE, 0, 5)
    told(again, CELL, 20)
    assert best is not None
    second = again.ask(20, {best})
    assert second is not None
    assert second != best


def test_what_is_taken_is_asked_for_few_candidates() -> None:
    class Everything(set[Config]):
        asked = 0

        def __contains__(self, config: object) -> bool:
            self.asked += 1
            return self.asked < 40

    searcher, taken = GaussianProcessSearch(CELL, SCORE, 0, 5), Everything()
    told(searcher, CELL, 20)
    assert searcher.ask(20, taken) is not None
    assert taken.asked == 40


def test_a_proposal_depends_on_what_was_told_not_on_what_was_asked() -> None:
    eager, patient = (GaussianProcessSearch(MIXED, SCORE, 0, 5) for _ in range(2))
    taken = told(eager, MIXED, 12)
    told(patient, MIXED, 12)
    proposals = [eager.ask(number, taken) for number in range(12, 16)]
    for number, config in zip(range(12, 15), proposals, strict=False):
        assert config is not None
        patient.adopt(number, config)
    assert patient.ask(15, taken) == proposals[-1]


def test_running_trials_keep_the_next_proposal_elsewhere() -> None:
    searcher = GaussianProcessSearch(CELL, SCORE, 0, 5)
    told(searcher, CELL, 20)
    asked = [searcher.ask(number, ()) for number in range(20, 26)]
    assert len(set(asked)) > 3


def test_configs_beyond_the_limits_are_shunned() -> None:
    objective = Objective("score", "maximize", limits=(Limit("latency", max=1.0),))
    searcher, taken = GaussianProcessSearch(CELL, objective, 0, 5), set[Config]()
    for number, config in enumerate(CELL.sample_many(np.random.default_rng(0), 60)):
        slow = config["edge0"] == "conv"
        searcher.tell(over(number, config, 5.0 if slow else 1.0, latency=2.0 if slow else 0.5))
        taken.add(config)
    asked = [searcher.ask(number, taken) for number in range(60, 68)]
    assert sum(config is not None and config["edge0"] == "conv" for config in asked) <= 2


def test_features_are_looked_at_for_few_and_point_the_way() -> None:
    """The score is the feature, which no single parameter tells."""
    rng = np.random.default_rng(4)
    weights = {config: float(rng.normal()) for config in CELL.configs()}
    asked: list[Config] = []

    def feature(config: Config) -> list[float]:
        asked.append(config)
        return [1e9 * 2 ** weights[config], float("nan")]

    gains = []
    for features in (feature, None):
        searcher = GaussianProcessSearch(CELL, SCORE, 0, 5, features=features)
        tried = CELL.sample_many(np.random.default_rng(3), 30)
        for number, config in enumerate(tried):
            searcher.tell(over(number, config, weights[config]))
        proposals = [searcher.ask(number, set(tried)) for number in range(30, 36)]
        gains.append(np.mean([weights[config] for config in proposals if config is not None]))
    assert gains[0] > gains[1] + 0.5
    assert len(asked) <= 30 + 6 * 17
    assert len(asked) == len(set(asked))


def test_ranks_of_features_know_no_scale() -> None:
    configs = [Config({"x": value}) for value in (1, 2, 3, 4)]
    plain = FeatureRanks(lambda config: [float(config["x"])])  # type: ignore[arg-type]
    steep = FeatureRanks(lambda config: [10.0 ** float(config["x"]) ** 2])  # type: ignore[arg-type]
    assert plain.of(configs, configs).tolist() == steep.of(configs, configs).tolist()
    assert plain.of(configs, configs)[:, 0].tolist() == [-0.375, -0.125, 0.125, 0.375]
    assert plain.of([], configs).shape == (0, 1)
    assert FeatureRanks(lambda config: [float("nan")]).of(configs, configs).tolist() == [[0.0]] * 4


def squared(space: Space, left: dict[str, object], right: dict[str, object]) -> float:
    rows = Rows(space).of([Config(left), Config(right)]).rows  # type: ignore[arg-type]
    return float(((rows[0] - rows[1]) ** 2).sum())


def test_distances_of_configs() -> None:
    a = {"kind": "a", "rate": 1e-2, "size": 8, "count": 1}
    b = {"kind": "b", "rate": 1e-2, "size": 8, "count": 1}
    assert squared(MIXED, a, a) == 0
    assert squared(MIXED, a, a | {"rate": 1.0}) == pytest.approx(0.5**2)
    assert squared(MIXED, a, a | {"size": 32}) == pytest.approx((2 / 3) ** 2)
    assert squared(MIXED, b | {"extra": "x"}, b | {"extra": "z"}) == pytest.approx(1)
    # inactive against active: as far as two values, besides the parent that differs
    assert squared(MIXED, a, b | {"extra": "x"}) == pytest.approx(1 + 1)
    assert squared(MIXED, a | {"count": 3, "drop": 0.25}, a) >= 1


@pytest.mark.parametrize("constraints", [[], ["rate < 0.1 or kind == 'a'"]])
def test_candidates_are_configs_and_their_rows_are_theirs(constraints: list[str]) -> None:
    space = Space(MIXED.to_dict(), constraints)
    rows, rng = Rows(space), np.random.default_rng(0)
    drawn = rows.drawn(rng, 60)
    near = rows.near(drawn.shares[:3], drawn.active[:3], 80, rng)
    for batch in (drawn, near):
        configs = [batch.config(place) for place in range(len(batch.rows))]
        assert [space.validate(config) for config in configs] == configs
        assert rows.of(configs).rows == pytest.approx(batch.rows, abs=1e-9)
        assert (rows.of(configs).active == batch.active).all()
    assert len(drawn.rows) == 60 or constraints


def test_a_change_is_near_or_of_one_or_two_parameters() -> None:
    rows, rng = Rows(CELL), np.random.default_rng(0)
    start = rows.of([CELL.default()])
    near = rows.near(start.shares, start.active, 200, rng)
    changed = [sum(near.config(row)[name] != CELL.default()[name] for name in CELL) for row in range(200)]
    assert set(changed) <= {0, 1, 2}
    assert changed.count(1) > 100
    assert changed.count(2) > 20


def test_a_pool_gives_each_config_once_the_best_first() -> None:
    rows = Rows(CELL)
    pool = Pool(lambda rows: rows[:, 0])
    configs = CELL.sample_many(np.random.default_rng(0), 12)
    pool.add(rows.of([*configs, configs[0]]))
    pool.add(rows.of(configs[:5]))
    listed = list(pool.configs())
    assert len(listed) == len(set(listed)) == len(set(configs))
    firsts = [config["edge0"] == "none" for config in listed]
    assert firsts == sorted(firsts, reverse=True)
    assert list(Pool(lambda rows: rows[:, 0]).configs()) == []
