"""Comparisons as tables and lines for the terminal."""

from __future__ import annotations

from rich.table import Table

from . import text
from .comparison import Comparison
from .method_comparison import MethodComparison
from .model_comparison import ModelComparison
from .pairwise import Pairwise
from .planning import PowerPlan
from .terminal import add_row, plain_table


def comparison(found: Comparison) -> tuple[Table, list[str]]:
    """The two configs, and what is known of their difference."""
    level = f"{100 * (1 - found.alpha):g} %"
    table = plain_table("sweep", "trial", f"{found.metric} ({level})", "n")
    for side in (found.first, found.second):
        add_row(table, side.sweep, str(side.trial), text.interval(side.mean), str(side.mean.count))
    chance = found.superior
    lines = [
        found.headline,
        f"difference: {signed_interval(found.difference.mean, found.difference.low, found.difference.high)}, "
        f"p = {found.p_value:.3g} ({found.test_name}; {found.unit})",
        f"P(a run of {found.better.label} beats one of the other) = {text.chance(chance.value)} "
        f"[{text.chance(chance.low)}, {text.chance(chance.high)}]; effect {found.effect:.2f} standard deviations",
        f"speaks of {found.speaks_of}",
    ]
    if found.rope is not None:
        worse, equal, better = map(text.chance, found.rope)
        lines.append(f"P(worse, practically equal, better) = {worse}, {equal}, {better}")
    if found.enough is not None and found.p_value > found.alpha:
        lines.append(f"a difference as large as the one seen takes about {found.enough} replicates of each to be found")
    lines += _differing(found)
    return table, lines + [f"note: {one}" for one in found.notes]


def _differing(found: Comparison) -> list[str]:
    """The parameters in which the two differ."""
    one, two = found.first.config, found.second.config
    lines = []
    for name in sorted({*one, *two}):
        values = [text.parameter(config[name]) if name in config else "–" for config in (one, two)]
        if (one.get(name), name in one) != (two.get(name), name in two):
            lines.append(f"  {name}: {values[0]} | {values[1]}")
    return ["", "differ in", *lines] if lines else []


def models(found: ModelComparison) -> tuple[Table, list[str]]:
    """The two models, and the tests."""
    table = plain_table("model of trial", found.metric, "examples")
    for number, score in zip((found.first, found.second), found.scores, strict=True):
        add_row(table, str(number), text.number(score), f"{found.examples} {found.part}")
    gap = found.difference
    shown = signed_interval(gap.difference, gap.low, gap.high)
    lines = [found.headline, f"difference: {shown}, p = {gap.p_value:.3g} ({gap.test})"]
    if found.mcnemar is not None:
        right = f"only the first is right on {found.mcnemar.only_first}, only the second on {found.mcnemar.only_second}"
        lines.append(f"McNemar, exact: {right}, p = {found.mcnemar.p_value:.3g}")
    if found.delong is not None:
        shown = signed_interval(found.delong.difference, found.delong.low, found.delong.high)
        areas = f"areas {text.number(found.delong.first)} and {text.number(found.delong.second)}"
        lines.append(f"DeLong: {areas}, difference {shown}, p = {found.delong.p_value:.3g}")
    return table, lines + [f"note: {one}" for one in found.notes]


def methods(found: MethodComparison) -> tuple[Table, list[str]]:
    """Average ranks, best first."""
    table = plain_table("method", "average rank", "p (Nemenyi, to the best)", "p (Wilcoxon, Holm)")
    for place, name in enumerate(found.methods):
        tests = (found.nemenyi[0][place], found.against_first[place])
        add_row(table, name, f"{found.ranks[place]:.2f}", *("–" if not place else f"{p:.3g}" for p in tests))
    groups = [f"cannot be told apart: {', '.join(group)}" for group in found.groups]
    friedman = f"Friedman: chi2 = {found.friedman_statistic:.2f}, p = {found.friedman_p:.3g}"
    return table, [found.headline, f"{friedman}; critical difference {found.critical_difference:.2f}", *groups]


def pairwise(found: Pairwise) -> tuple[Table, list[str]]:
    """Every two finalists."""
    table = plain_table("first", "second", f"difference of {found.metric}", "p (Holm)", "P(first > second)")
    for (one, other), p_value in found.p_values.items():
        chance = text.chance(found.superiority.get((one, other)))
        gap = text.signed(found.differences[one, other])
        add_row(table, f"trial {one}", f"trial {other}", gap, f"{p_value:.3g}", chance)
    first, second = found.anova.degrees
    anova = f"ANOVA with blocks: F({first}, {second}) = {found.anova.statistic:.2f}, p = {found.anova.p_value:.3g}"
    share = f"eta squared {found.anova.eta_squared:.2f}"
    return table, [found.headline, f"{anova}, {share} (it takes replicates to be independent)"]


def power_table(plan: PowerPlan) -> Table:
    """What some numbers of replicates find."""
    table = plain_table("replicates", f"found in {plan.power:.0%} of cases", "in standard deviations")
    for count, gap in plan.found.items():
        add_row(table, str(count), f"{gap:.4g}", f"{gap / plan.sd:.2f}")
    return table


def signed_interval(value: float, low: float, high: float) -> str:
    """``+0.0123 [-0.0011, +0.0257]``; without ends where there are none."""
    ends = f" [{text.signed(low)}, {text.signed(high)}]" if low == low else ""
    return f"{text.signed(value)}{ends}"
