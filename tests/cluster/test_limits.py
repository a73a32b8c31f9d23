"""Constraints on what trials report: what breaks them is learned from, but is never ranked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.analysis import Results
from assay.search import SEARCHERS, Phase, State, Sweep
from assay.spaces import NoResultError


def sweep(limits: list[dict[str, Any]], **more: Any) -> Sweep:
    raw = {
        "name": "limited",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": {"size": {"min": 0.0, "max": 100.0, "default": 10.0}, "kind": ["a", "b"]},
        "constraints": limits,
        "searcher": "random",
        "budget": {"trials": 20},
        "leaderboard": {"top": 3, "seeds": 2},
    }
    return Sweep(**raw | more)


def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
    """The larger the better, and the slower."""
    noise = (trial.seed % 1000) / 1000
    return {"score": config["size"] + noise, "latency_ms": config["size"] * 2}


def run(limited: Sweep, tmp_path: Path, function: Any = train) -> Results:
    return assay.run(limited, function, store=tmp_path, inline=True, progress=False)


def test_the_winner_is_the_best_within_the_limits(tmp_path: Path) -> None:
    results = run(sweep([{"metric": "latency_ms", "max": 100}]), tmp_path)
    board = results.leaderboard()
    sizes = [trial.config["size"] for trial in results.trials if trial.phase == "search"]
    assert max(sizes) > 50  # the best by score alone is too slow
    assert board.row(board.winner or 0).config["size"] == max(size for size in sizes if size <= 50)
    assert all(row.config["size"] <= 50 for row in board.rows)
    beyond = sum(size > 50 for size in sizes)
    assert f"{beyond} trials of the search are not ranked: they break latency_ms <= 100" in board.notes
    assert all(trial.state is State.COMPLETE for trial in results.trials)  # they did not fail


def test_when_nothing_is_within_the_limits_the_nearest_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoResultError) as caught:
        run(sweep([{"metric": "latency_ms", "max": -10}]), tmp_path)
    text = str(caught.value)
    assert text.startswith("sweep 'limited' has no trial within the limits latency_ms <= -10; the nearest is trial ")
    trials = assay.load("limited", tmp_path).trials
    nearest = min((trial for trial in trials if trial.phase == "search"), key=lambda trial: trial.config["size"])
    assert text.endswith(f"trial {nearest.number} with latency_ms {nearest.metrics['latency_ms']}")


def test_the_nearest_may_have_been_stopped_before_it_told_everything(tmp_path: Path) -> None:
    def steps(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
        for step in range(1, 5):
            yield {"score": config["size"], "latency_ms": 30.0} | ({"params": 9.0} if step == 4 else {})

    limits = [{"metric": "latency_ms", "max": 20}, {"metric": "params", "max": 5}]
    with pytest.raises(NoResultError) as caught:
        run(sweep(limits, fidelity={"max": 4}, scheduler={"type": "asha", "eta": 2}), tmp_path, steps)
    text = "has no trial within the limits latency_ms <= 20 and params <= 5; the nearest is trial "
    assert text in str(caught.value)
    assert str(caught.value).endswith(" with latency_ms 30.0")


def test_a_finalist_that_breaks_a_limit_on_fresh_seeds_is_not_ranked(tmp_path: Path) -> None:
    def lucky(config: dict[str, Any], trial: Any) -> dict[str, float]:
        """What is larger than 50 was within the limit in the search alone."""
        slow = config["size"] > 50 and trial.seed != first[0]
        first.append(trial.seed)
        return {"score": config["size"], "latency_ms": 30.0 if slow else 10.0}

    first: list[int] = []
    results = run(sweep([{"metric": "latency_ms", "max": 20}]), tmp_path, lucky)
    board = results.leaderboard()
    assert board.broken and set(board.broken.values()) == {"latency_ms <= 20 (mean 30)"}
    assert all(row.config["size"] <= 50 for row in board.rows if row.rank is not None)
    assert board.row(board.winner or 0).config["size"] <= 50  # the default, which joined the three best
    broken = next(iter(board.broken))
    assert f"trial {broken} is not ranked: its replicates break latency_ms <= 20 (mean 30)" in board.notes


def test_when_no_finalist_holds_there_is_no_winner(tmp_path: Path) -> None:
    def lucky(config: dict[str, Any], trial: Any) -> dict[str, float]:
        first.append(trial.seed)
        return {"score": config["size"], "latency_ms": 10.0 if trial.seed == first[0] else 30.0}

    first: list[int] = []
    with pytest.raises(NoResultError, match=r"^sweep 'limited' has no winner: on fresh seeds trial \d+ breaks latency"):
        run(sweep([{"metric": "latency_ms", "max": 20}]), tmp_path, lucky)
    board = assay.load("limited", tmp_path).leaderboard()
    assert board.headline == "no finalist is within the limits on fresh seeds: there is no winner"


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        ({}, "constraint metric 'latency_ms' was never reported"),
        ({"latency": 3}, "constraint metric 'latency_ms' was never reported (did you mean 'latency'?)"),
        ({"latency_ms": "fast"}, "constraint metric 'latency_ms' is 'fast', not a number"),
        ({"latency_ms": math.nan}, "constraint metric 'latency_ms' is not finite"),
    ],
)
def test_a_trial_that_does_not_say_fails_with_the_reason(tmp_path: Path, reported: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoResultError):
        run(sweep([{"metric": "latency_ms", "max": 20}]), tmp_path, lambda config, trial: {"score": 1.0, **reported})
    assert {trial.reason for trial in assay.load("limited", tmp_path).trials} == {reason}


def test_a_metric_counts_with_its_last_value_whichever_report_had_it(tmp_path: Path) -> None:
    def steps(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
        yield {"score": 1.0, "latency_ms": 99.0}
        yield {"score": config["size"], "latency_ms": config["size"]}
        yield {"score": config["size"]}

    results = run(sweep([{"metric": "latency_ms", "max": 20}], fidelity={"max": 3}), tmp_path, steps)
    board = results.leaderboard()
    assert board.winner is not None and board.row(board.winner).config["size"] <= 20


def test_what_is_beyond_a_limit_reaches_no_target(tmp_path: Path) -> None:
    wanted = [{"metric": "score", "goal": "maximize", "target": 40}]
    results = run(sweep([{"metric": "latency_ms", "max": 100}], objectives=wanted), tmp_path)
    last = max((trial for trial in results.trials if trial.phase == "search"), key=lambda trial: trial.number)
    assert 40 <= last.metrics["score"] <= 52 and last.config["size"] <= 50


def test_what_is_beyond_a_limit_is_in_no_ensemble(tmp_path: Path) -> None:
    """The best models by far are beyond the limit."""
    y = np.arange(120) % 2

    def fitted(config: dict[str, Any], trial: Any) -> dict[str, float]:
        rng = np.random.default_rng(int(config["size"] * 1000))
        right = rng.random(len(y)) < 0.55 + config["size"] / 250
        data = trial.split(np.arange(120.0).reshape(-1, 1), y)
        trial.save_predictions(
            lambda x: np.eye(2)[
                np.where(right[x[:, 0].astype(int)], y[x[:, 0].astype(int)], 1 - y[x[:, 0].astype(int)])
            ]
        )
        return {"accuracy": float(right[data.x_val[:, 0].astype(int)].mean()), "latency_ms": config["size"]}

    wanted = [{"metric": "accuracy", "goal": "maximize"}]
    results = run(sweep([{"metric": "latency_ms", "max": 50}], objectives=wanted), tmp_path, fitted)
    ensemble = results.ensemble()
    assert ensemble is not None
    sizes = {trial.number: trial.config["size"] for trial in results.phase(Phase.SEARCH)}
    assert max(sizes.values()) > 80
    assert all(sizes[number] <= 50 for number in ensemble.weights)


@pytest.mark.parametrize("word", sorted(set(SEARCHERS) - {"random", "one_shot", "nni"}))
@pytest.mark.parametrize("fidelity", [None, {"max": 4}])
def test_searchers_learn_where_the_limit_is(tmp_path: Path, word: str, fidelity: Any) -> None:
    """Of the last sixty proposals many more are within the limit than of random ones, of which one in five is.

    (Evolution in NNI draws numbers anew from their whole range: near the best is no nearer than anywhere.)
    """
    scheduler = {"type": "asha", "eta": 2} if fidelity else "none"
    keys = SEARCHERS[word].model_fields

    def steps(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
        for _ in range(4 if fidelity else 1):
            yield {"score": config["size"], "latency_ms": config["size"] * 2}

    limited = sweep(
        [{"metric": "latency_ms", "max": 40}],
        searcher={"type": word, **({"population": 10, "sample": 5} if "population" in keys else {"startup": 10})},
        budget={"trials": 100},
        fidelity=fidelity,
        scheduler=scheduler,
        leaderboard={"top": 1, "seeds": 2},
    )
    results = run(limited, tmp_path, steps)
    late = [trial.config["size"] for trial in results.trials if trial.phase == "search" and trial.number >= 40]
    assert sum(size <= 20 for size in late) >= 20
