"""Numbers as people read them; used by the command line and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .ensembles.report import EnsembleReport
from .leaderboard import Interval, Leaderboard, Row
from .network_text import NETWORK, readable

_EXACT = 2**53
"""Whole numbers beyond it are not exact."""
_EQUAL = 1e-9
_LOSS = {"rmse": "squared error", "mse": "squared error", "mae": "absolute error", "log_loss": "log loss"}


def number(value: float | None, digits: int = 4) -> str:
    """``0.9731``; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.{digits - 1}g}"


def signed(value: float | None) -> str:
    """``+0.0123``."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:+.3g}" if abs(value) >= 1e5 else f"{round(value, 4) + 0.0:+.4f}"


def exact(value: float) -> str:
    """``3658`` of a whole number beyond 1, which is a count; else as :func:`number`."""
    return f"{value:.0f}" if 1 < abs(value) <= _EXACT and value == round(value) else number(value)


def interval(value: Interval | None) -> str:
    """``0.9731 ± 0.0081``; ``0.9731 [0.9100, 1.0000]`` where a bound cut one side; ``3658`` of a constant count."""
    if value is None:
        return "–"
    if value.low == value.mean == value.high and exact(value.mean) != number(value.mean):
        return exact(value.mean)
    below, above = value.mean - value.low, value.high - value.mean
    if math.isfinite(below + above) and not math.isclose(below, above, rel_tol=1e-6, abs_tol=_EQUAL * abs(value.mean)):
        return f"{number(value.mean)} [{number(value.low)}, {number(value.high)}]"
    return f"{number(value.mean)} ± {number((value.high - value.low) / 2)}"


def p_value(row: Row) -> str:
    """``best``, ``0.012`` or ``<0.001``."""
    if row.p_value is None:
        return "–"
    if row.rank == 1:
        return "best"
    if row.p_value < 1e-3:
        return "<0.001"
    near = round(row.p_value, 3) == 0.05  # shown as equal to the usual level, it would not tell on which side it is
    return f"{row.p_value:.{5 if near else 3}f}"


def chance(value: float | None) -> str:
    """``0.87``, ``>0.99``; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    return ">0.99" if value > 0.99 else "<0.01" if value < 0.01 else f"{value:.2f}"


def difference(row: Row) -> str:
    """How much worse than the best the mean is, ``0.0050``; with the simultaneous interval where the test gives one."""
    if row.difference is None or not math.isfinite(row.difference):
        return "–"
    if row.difference_interval is None:
        return number(row.difference)
    low, high = row.difference_interval
    return f"{number(row.difference)} [{signed(low)}, {signed(high)}]"


def claim_lines(board: Leaderboard) -> list[str]:
    """What follows from the table for who hands the winner over: the score to expect, and what would decide more."""
    lines = []
    if board.reported is not None:
        shown = board.reported
        alone = f"from {shown.count} more replicates of it alone"
        freed = alone if board.confirmed else "freed of the flattery of having been chosen"
        level = f"{100 * (1 - board.alpha):g} %"
        lines.append(
            f"expect {board.metric} {number(shown.mean)} of trial {board.winner} ({level}: {number(shown.low)} to "
            f"{number(shown.high)}), {freed}, on new seeds and splits of these data"
        )
    if board.p_best_among_finalists is not None and board.expected_regret is not None:
        lines.append(
            f"P(the best of the {board.full_runs} configs trained in full is a finalist) = "
            f"{chance(board.p_best_among_finalists)}; expected regret {number(board.expected_regret)} (empirical Bayes)"
        )
    if board.stopped:
        lines.append(f"replication ended early: {board.stopped}")
    lines += [f"why this test: {one.text.split(': ', 1)[-1]}" for one in board.assumptions if one.name == "test"]
    lines += [f"does not hold: {one.name}: {one.text}" for one in board.assumptions if one.holds is False]
    return lines + board.ask_for


def seconds(value: float) -> str:
    """``0.4 s``, ``12 s``, ``3 m 20 s``, ``2 h 05 m``."""
    if not math.isfinite(value):
        return "–"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def parameter(value: Any) -> str:
    """A parameter value in at most four significant digits; the exports hold them all."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def differing(rows: Sequence[Row]) -> list[str]:
    """Names of the parameters that are not the same in all rows; of networks, compared as a whole, one is named too."""
    configs = [readable(row.config, row.network) for row in rows]
    names = sorted({name for config in configs for name in config})
    values = {name: {repr(config[name]) if name in config else "" for config in configs} for name in names}
    return [name for name in names if len(values[name]) > 1 or name == NETWORK]


def config_line(config: Mapping[str, Any], names: Sequence[str]) -> str:
    """``lr=0.001 layers=2``, only these names, only active ones."""
    return " ".join(f"{name}={parameter(config[name])}" for name in names if name in config)


def test_lines(board: Leaderboard, ensemble: EnsembleReport | None) -> list[str]:
    """The final scores on the sealed test part, one line each."""
    lines = []
    for row in board.rows:
        if row.test is not None:
            role = "winner" if row.trial == board.winner else "tied" if row.tied else "not tied"
            lines.append(f"trial {row.trial} ({role}): {interval(row.test)} over {row.test.count} models")
    if ensemble is not None and ensemble.test_score is not None and len(ensemble.weights) > 1:
        lines.append(f"ensemble of {len(ensemble.weights)}: {number(ensemble.test_score)} ({ensemble.metric})")
        if ensemble.single_test_score is not None and ensemble.test_gain is not None:
            low, high = ensemble.test_gain.interval
            alone = f"trial {ensemble.single} (best single model of the search)"
            if ensemble.scored_on == "test":
                alone = "one of its members, on average"
            lines.append(
                f"{alone}: {number(ensemble.single_test_score)}; "
                f"gain of the ensemble over it {signed(ensemble.test_gain.mean)} [{signed(low)}, {signed(high)}]"
            )
    return lines


def ensemble_lines(ensemble: EnsembleReport) -> list[str]:
    """What the ensemble is and what it is worth."""
    if len(ensemble.weights) == 1:
        return [f"no mixture of the {ensemble.candidates} candidates beats trial {next(iter(ensemble.weights))} alone"]
    shares = sorted(ensemble.weights.items(), key=lambda item: -item[1])
    whose, how = "best single model chosen the same way", "cross-fitted"
    if ensemble.scored_on == "test":
        whose, how = "the members alone, on average", "on the sealed test part"
    lines = [
        "members: " + ", ".join(f"{100 * share:.0f} % trial {trial}" for trial, share in shares),
        f"{ensemble.metric}, {how}: {number(ensemble.score)} ({ensemble.method}); {whose}: "
        f"{number(ensemble.single_score)}",
    ]
    if ensemble.gain_interval is not None:
        low, high = ensemble.gain_interval
        verdict = "" if low > 0 else " (worse)" if high < 0 else " (not distinguishable from zero)"
        unit = _LOSS.get(ensemble.metric, ensemble.metric)
        per = " per example" if ensemble.per_example else ""
        lines.append(f"gain{per} ({unit}): {signed(ensemble.gain)} [{signed(low)}, {signed(high)}]{verdict}")
    return lines if ensemble.accepted else [*lines, f"refused: {ensemble.verdict}"]
