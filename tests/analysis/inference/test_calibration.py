"""The statistics keep what they promise in simulated worlds; ``benchmarks/calibration.py`` looks closer."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from assay.analysis.inference import TESTS, Replicates
from assay.analysis.inference.bbc import bbc_cv
from assay.analysis.inference.mcb import mcb
from assay.analysis.inference.pairs import mrmc_test, paired_t_test
from assay.analysis.inference.posterior import believe
from assay.analysis.inference.reported import reported_interval

from .worlds import calibration as worlds

ALPHA = 0.05


def kept(test: str, made: np.ndarray) -> float:
    """How often the first of equals stays in the set."""
    return float(np.mean([TESTS[test](Replicates(scores), ALPHA).tied[0] for scores in made]))


def test_mcb_keeps_95_percent() -> None:
    assert 0.93 <= kept("mcb", worlds.equals(np.random.default_rng(1), 1000, 10, 5)) <= 0.975


def test_paired_t_with_holm_keeps_at_least_95_percent() -> None:
    assert kept("paired_t", worlds.equals(np.random.default_rng(2), 1000, 10, 10)) >= 0.95


def test_the_simulation_finds_a_rule_without_correction_out() -> None:
    made = worlds.equals(np.random.default_rng(3), 1000, 10, 10)
    best = made.mean(axis=2).argmax(axis=1)
    winners = made[np.arange(len(made)), best]
    p_values = stats.ttest_rel(winners, made[:, 0], axis=1, alternative="greater").pvalue
    assert np.mean((p_values > ALPHA) | (best == 0)) <= 0.92


def test_sign_flips_keep_95_percent() -> None:
    assert 0.91 <= kept("sign_flip", worlds.equals(np.random.default_rng(5), 600, 10, 5)) <= 0.985


def test_sign_flips_do_not_need_equal_noise() -> None:
    spreads = np.array([5.0] + [1.0] * 5)
    assert 0.91 <= kept("sign_flip", worlds.equals(np.random.default_rng(6), 300, 6, 8, spreads)) <= 0.99


def test_repeated_cross_validation() -> None:
    rng = np.random.default_rng(7)
    plain, corrected = [], []
    for _ in range(120):
        first, second = worlds.cross_validated(rng, 2, worlds.repeated_folds(rng, 10, 10))
        plain.append(paired_t_test(first, second).p_value <= ALPHA)
        corrected.append(paired_t_test(first, second, overlap=1 / 9).p_value <= ALPHA)
    assert np.mean(plain) >= 0.30
    assert np.mean(corrected) <= 0.115


def test_seeds_and_examples() -> None:
    rng = np.random.default_rng(10)
    told, one_seed = [], []
    for _ in range(300):
        first, second = worlds.crossed(rng, 2, 5, 1000, 0.1)
        told.append(mrmc_test(first, second).p_value <= ALPHA)
        only = int((first[0] > second[0]).sum()), int((first[0] < second[0]).sum())
        one_seed.append(stats.binomtest(only[0], sum(only)).pvalue <= ALPHA)
    assert np.mean(told) <= 0.09
    assert np.mean(one_seed) >= 0.15


def test_credible_intervals() -> None:
    rng = np.random.default_rng(9)
    inside = []
    for _ in range(60):
        truth = worlds.landscape(rng, "spread")
        search, finalists, scores = worlds.searched(rng, truth, 10, 10)
        belief = believe(scores, search, finalists.tolist())
        errors = belief.means - truth[finalists]
        inside.append(np.mean(np.abs(errors - errors.mean()) <= 1.96 * belief.sds))
    assert 0.91 <= np.mean(inside) <= 0.985


def test_bias_of_the_winner_of_a_validation_set() -> None:
    rng = np.random.default_rng(11)
    told = [bbc_cv((rng.random((500, 100)) < 0.83).astype(np.float32), resamples=100) for _ in range(100)]
    assert abs(np.mean([one.estimate for one in told]) - 0.83) < 5e-3
    assert np.mean([one.naive for one in told]) - 0.83 > 20e-3


@pytest.mark.parametrize("kind", ["spread", "plateau", "equal"])
def test_whole_pipeline(kind: str) -> None:
    rng = np.random.default_rng([7, len(kind)])
    naive, bias, inside, best_kept, false = [], [], [], [], []
    for _ in range(400):
        truth = worlds.landscape(rng, kind)
        search, finalists, scores = worlds.searched(rng, truth, 10, 10)
        told, answer = reported_interval(scores), mcb(Replicates(scores), ALPHA)
        own = truth[finalists]
        naive.append(search.max() - truth[search.argmax()])
        bias.append(told.mean - own[answer.best])
        inside.append(told.low <= own[answer.best] <= told.high)
        best_kept.append(bool(answer.tied[own.argmax()]))
        false.append(answer.tied.sum() == 1 and np.delete(own, answer.best).max() >= own[answer.best])
    assert np.mean(naive) > 4e-3
    assert abs(np.mean(bias)) < 0.6e-3
    assert 0.94 - 3 * math.sqrt(0.06 * 0.94 / 400) <= np.mean(inside) <= 0.99
    assert np.mean(best_kept) >= (0.97 if kind == "spread" else 0.92)
    assert np.mean(false) <= 0.05


def test_the_benchmark_says_what_is_out_of_its_band(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def checks(rng: np.random.Generator, size: float):  # type: ignore[no-untyped-def]
        yield worlds.Figure("good", 0.95, 0.94, 0.96, int(100 * size))
        yield worlds.Figure("bad", 0.90, 0.94, 0.96, 10)

    monkeypatch.setattr(worlds, "CHECKS", (checks,))
    monkeypatch.setattr("sys.argv", ["calibration.py", "--quick"])
    assert worlds.main() == 1
    told = capsys.readouterr().out.splitlines()
    assert told[2:] == ["| good | 0.95 | 0.94 to 0.96 | 10 |  |", "| bad | 0.9 | 0.94 to 0.96 | 10 | OUT |"]


def test_recorded_tables(tmp_path: Path) -> None:
    """The whole path over tables in their two formats, on tables of noise alone."""
    import pandas as pd

    rng = np.random.default_rng(3)
    np.savez(tmp_path / "hpobench_nn.npz", toy__val_acc=0.8 + 0.05 * rng.standard_normal((300, 5)))
    rows = [
        {"openmlid": 3, "learner": learner, "size_train": 16, "outer_seed": outer, "inner_seed": inner}
        for learner in range(120)
        for outer in range(5)
        for inner in range(5)
    ]
    frame = pd.DataFrame(rows).assign(score_valid=(8000 + 300 * rng.standard_normal(len(rows))).astype(int))
    frame.to_parquet(tmp_path / "lcdb_accuracy.parquet")
    picture = tmp_path / "picture.png"
    figures = list(worlds.check_tables(np.random.default_rng(0), tmp_path, 0.05, picture))
    told = {figure.name: figure.found for figure in figures}
    assert told["HPOBench MLP: best search score, points too good"] > 8
    assert told["LCDB: best search score, points too good"] > 5
    assert abs(told["LCDB: reported score, points too good"]) < 1
    assert told["LCDB: reported interval holds"] >= 0.9
    assert picture.stat().st_size > 5000
