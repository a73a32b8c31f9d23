"""The benchmark of strategies for architectures measures what it says: on a small table that is made here."""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from assay.spaces import Config, Objective, Space

ROOT = Path(__file__).parent.parent
SIZES = (4, 4, 4)
ARMS = ["random", "local_search", "gp"]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("architectures")


@pytest.fixture
def table(benchmark: ModuleType, tmp_path: Path) -> Any:
    """The more of each parameter the better, and the slower; three seeds, the last missing for one config."""
    meta = {"params": ["a", "b", "c"], "sizes": SIZES, "values": [[1, 2, 3, 4]] * 3, "kind": ["cat", "ord", "cat"]}
    grid = np.array(list(itertools.product(*map(range, SIZES))))
    rng = np.random.default_rng(0)
    scores = grid.sum(axis=1)[:, None] + 0.01 * rng.normal(size=(len(grid), 3))
    scores[5, 2] = np.nan
    size = grid.sum(axis=1).astype(float)
    np.savez(tmp_path / "t.npz", score=scores, seconds=1 + size, size=size, meta=json.dumps(meta))
    tables = importlib.import_module("config_tables")
    return tables.ConfigTable(tmp_path, tables.Source("t.npz", "score", "seconds", cheap=("size",)))


def test_a_query_gives_one_seed_and_replicates_the_others(table: Any) -> None:
    for row in (0, 5, 63):
        known = table.scores[row][np.isfinite(table.scores[row])]
        assert sorted([table.query(row, 1), *table.fresh(row, 1)]) == sorted(known)
        assert table.worth(row, 1) == pytest.approx(known.mean())
        assert table.query(row, 1) == table.query(row, 1)
    assert len({table.query(0, run) for run in range(20)}) == 3


def test_worth_is_by_seeds_that_had_no_part_in_the_choice_where_there_are_any(table: Any) -> None:
    table.scores = np.arange(64 * 5.0).reshape(64, 5)
    for run in range(5):
        used = [table.query(3, run), *table.fresh(3, run)]
        assert len(set(used)) == 3
        assert table.worth(3, run) == np.mean(sorted(set(table.scores[3]) - set(used)))
    table.scores = np.full((64, 3), np.nan)
    table.scores[:, 1] = 2.0
    assert (table.query(0, 0), table.fresh(0, 0).tolist(), table.worth(0, 0)) == (2.0, [2.0], 2.0)


def test_replicates_take_their_time_from_the_search(benchmark: ModuleType, table: Any) -> None:
    """Two places, ten seconds each: the replicates of one finalist take ten, of two twenty, of three thirty."""
    handing = importlib.import_module("handing_over")
    table.seconds = np.full(64, 10.0)
    table.scores = np.tile(np.arange(64.0)[:, None], 3)
    lucky = np.array([100.0, 0.0, 0.0])
    table.scores[7] = lucky
    run = next(run for run in range(50) if table.query(7, run) == 100.0)
    over = [handing.Ended(10.0, 20, 20.0), handing.Ended(20.0, 7, 100.0), handing.Ended(30.0, 40, 40.0)]
    times = np.array([9.0, 10.0, 19.0, 20.0, 39.0, 40.0, 59.0, 60.0])

    def rows(rule: str) -> list[float]:
        found = handing.regret(table, run, over, times, 2, rule)
        return [round(table.best - value * table.scale, 6) for value in found]

    nothing, luck = round(table.best - table.scale, 6), round(100 / 3, 6)
    assert rows("score") == [nothing, 20, 20, *[luck] * 5]
    assert rows("replicates") == [nothing, 20, 20, 20, 20, 20, 20, 40]


@pytest.mark.parametrize("arm", ARMS)
def test_regret_falls_and_time_is_kept(benchmark: ModuleType, table: Any, arm: str) -> None:
    found = benchmark.search(table, arm, 0, 25)
    assert found["trials"] * float(table.seconds.min()) <= 25 * table.unit
    for rule in ("score", "replicates"):
        assert found["regret"][rule]["25"] == found["curve"][rule][-1] < found["curve"][rule][0]
    assert found | {"milliseconds": 0} == benchmark.search(table, arm, 0, 25) | {"milliseconds": 0}


def test_the_strategy_of_nni_runs_unmodified(benchmark: ModuleType, table: Any) -> None:
    pytest.importorskip("nni")
    found = benchmark.search(table, "nni_evolution", 0, 25)
    assert found["trials"] > 15
    assert found["regret"]["score"]["25"] < 0.5


def test_a_prefilter_keeps_small_ones_out(benchmark: ModuleType, table: Any) -> None:
    below = benchmark.Below(table, "size", 0.8)
    left = [config for config in table.space.configs() if config not in below]
    assert min(config["architecture.a"] + config["architecture.b"] + config["architecture.c"] for config in left) > 7
    assert benchmark.search(table, "random", 0, 25, "size", 0.8)["regret"]["score"]["25"] < 0.2


def test_the_comparison_is_a_table_and_a_figure(
    benchmark: ModuleType,
    table: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables = importlib.import_module("config_tables")
    monkeypatch.setitem(tables.SOURCES, "small", tables.Source("t.npz", "score", "seconds", cheap=("size",)))
    options = argparse.Namespace(
        tables=tmp_path, only=["small"], arms=ARMS, seeds=2, trainings=25, figure=tmp_path / "regret.png"
    )
    outcomes = benchmark.compare(options)
    assert len(outcomes) == 6
    printed = capsys.readouterr().out
    assert "| small | gp | replicates |" in printed
    assert "small: gp by replicates / random by score" in printed
    assert options.figure.stat().st_size > 10_000
    assert {one["arm"] for one in benchmark.prefilter(options)} >= {"gp", "gp, size above 80%"}


def test_the_share_of_time_to_the_same_regret(benchmark: ModuleType) -> None:
    share = importlib.import_module("early_stopping").share_of_time
    assert share(np.array([1.0, 0.8, 0.5, 0.5]), np.array([0.9, 0.5, 0.4, 0.4])) == pytest.approx(2 / 3)
    assert share(np.array([1.0, 0.5]), np.array([0.9, 0.8])) == float("inf")


class Curves:
    """Two units of a curve; the higher ``x`` the better, and runs above 0.9 diverge."""

    space = Space({"x": {"min": 0.0, "max": 1.0}, "kind": ["a", "b"], "size": {"min": 1, "max": 64, "log": True}})
    objective = Objective("score", "maximize")
    max, seconds, median, best = 2, 2.0, 0.5, 1.0

    def curve(self, config: Config) -> tuple[Any, Any]:
        assert self.space.validate(config) == config
        x = float(config["x"])  # type: ignore[arg-type]
        return np.array([x / 2, x if x < 0.9 else np.nan]), np.ones(2)

    def regret(self, value: float) -> float:
        return (self.best - value) / (self.best - self.median)


def test_the_strategy_of_nni_runs_on_numbers_and_what_diverges_does_not_count(benchmark: ModuleType) -> None:
    pytest.importorskip("nni")
    curve = importlib.import_module("early_stopping").run_nni(Curves(), 0, 60)
    assert curve.shape == (240,)
    assert (np.diff(curve) <= 0).all()
    assert curve[3] == 1.0  # no run is over
    assert 0.2 <= curve[-1] < 0.3


def test_a_curve_is_of_the_best_value_so_far(benchmark: ModuleType) -> None:
    module = importlib.import_module("early_stopping")
    seen = [(5.0, 0.9), (2.0, 0.7), (3.0, 0.6)]
    assert module._curve(Curves(), seen, np.array([1.0, 2.0, 4.0, 5.0])) == pytest.approx([1.0, 0.6, 0.6, 0.2])
    assert module._curve(Curves(), [], np.array([1.0])) == pytest.approx([1.0])
