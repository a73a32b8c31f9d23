"""A diagnosis as lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .diagnosis import Calibration, ClassRow, Diagnosis, Estimate, Groups, Residuals

_MOST_CLASSES = 20
_MOST_CONFUSIONS = 5


def diagnosis_lines(found: Diagnosis) -> list[str]:
    """The diagnosis, the most important first."""
    runs = f", {len(found.runs)} replicates" if len(found.runs) > 1 else ""
    lines = [f"trial {found.trial} of {found.sweep}: {found.part}, {found.examples} examples{runs}"]
    lines.append("  ".join(f"{name} {number(value)}" for name, value in found.scores.items()))
    lines += _class_lines(found.classes, found.kind)
    if found.confusion is not None:
        lines += _confusion_lines(found.confusion, found.names)
    if found.calibration is not None:
        lines += _calibration_lines(found.calibration)
    if found.residuals is not None:
        lines += _residual_lines(found.residuals)
    if found.groups is not None:
        lines += _group_lines(found.groups)
    return lines + [f"note: {note}" for note in found.notes]


def number(value: float | None) -> str:
    """Four digits; a dash for what is not a number."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _interval(one: Estimate) -> str:
    if not math.isfinite(one.value):
        return "-"
    return f"{number(one.value)} [{number(one.low)}, {number(one.high)}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in enumerate(line))
        for line in (list(zip(row, widths, strict=True)) for row in (head, *rows))
    ]


def _class_lines(rows: Sequence[ClassRow], kind: str) -> list[str]:
    if not rows:
        return []
    shown = sorted(rows, key=lambda row: (not math.isfinite(row.f1.value), row.f1.value))[:_MOST_CLASSES]
    shown = shown if len(rows) > _MOST_CLASSES else list(rows)
    left = f" (the {len(shown)} with the lowest F1 of {len(rows)})" if len(shown) < len(rows) else ""
    head = ["label" if kind == "labels" else "class", "precision", "recall", "F1", "support"]
    cells = [[r.name, *map(_interval, (r.precision, r.recall, r.f1)), str(r.support)] for r in shown]
    if kind == "labels":
        head += ["AUC", "log loss"]
        cells = [[*line, number(r.roc_auc), number(r.log_loss)] for line, r in zip(cells, shown, strict=True)]
    return ["", *_table(head, cells), *([left.strip()] if left else [])]


def _confusion_lines(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[str]:
    """What is most often taken for what."""
    wrong = [
        (count, names[true], names[said])
        for true, row in enumerate(confusion)
        for said, count in enumerate(row)
        if count and true != said
    ]
    wrong.sort(key=lambda one: -one[0])
    if not wrong:
        return ["", "no class is taken for another"]
    return ["", "taken for another class, most often:"] + [
        f"  {true} for {said}: {count}" for count, true, said in wrong[:_MOST_CONFUSIONS]
    ]


def _calibration_lines(found: Calibration) -> list[str]:
    rows = [
        [f"{one.low:.2f} to {one.high:.2f}", number(one.predicted), _interval(one.observed), str(one.count)]
        for one in found.bins
    ]
    return [
        "",
        f"calibration of {found.of}: expected error {number(found.ece)}, largest {number(found.largest)} "
        f"({found.bin_count} bins of equal width); Brier score {number(found.brier)}",
        *_table(["probability", "mean", "came true", "count"], rows),
    ]


def _residual_lines(found: Residuals) -> list[str]:
    quantiles = "  ".join(f"{100 * float(share):g} %: {number(value)}" for share, value in found.quantiles.items())
    bins = [
        [f"{number(one.low)} to {number(one.high)}", number(one.mean), number(one.sd), str(one.count)]
        for one in found.bins
    ]
    worst = [
        ["-" if one.row is None else str(one.row), *map(number, (one.target, one.prediction, one.residual))]
        for one in found.worst
    ]
    return [
        "",
        f"residuals (target minus prediction): mean {_interval(found.mean)}, sd {number(found.sd)}, skew "
        f"{number(found.skew)}, R2 {number(found.r2)}",
        quantiles,
        *_table(["prediction", "mean residual", "sd", "count"], bins),
        "furthest off:",
        *_table(["row", "target", "prediction", "residual"], worst),
    ]


def _group_lines(found: Groups) -> list[str]:
    names = list(found.rows[0].metrics)
    rows = [
        [
            row.name + (" (small)" if row.small else ""),
            str(row.count),
            *(_interval(row.metrics[name]) for name in names),
        ]
        for row in found.rows
    ]
    of = f"; positive is {found.positive}" if found.positive is not None else ""
    lines = ["", f"groups (below {found.fewest} examples small, and left out of gaps{of}):"]
    lines += _table(["group", "examples", *names], rows)
    for gap in found.gaps:
        lines.append(
            f"gap of {gap.metric}: {_interval(gap.value)}, {gap.highest} above {gap.lowest}; chance of as much among "
            f"equals {number(gap.p_value)}"
        )
    return lines
