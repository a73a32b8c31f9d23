"""Critical difference diagram: configs over several data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from ...spaces import UsageError
from .style import BLACK, BLUE, new_axes, say, words, write

_ROW = 0.5


def plot_critical_difference(ranks: Mapping[str, float], critical: float, ax: Axes | None = None) -> Axes:
    """Average ranks on a line; bars join those that are closer than the critical difference.

    Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), figure 1.

    Args:
        ranks: average rank of each config over the data sets; 1 is the best.
        critical: the critical difference of Nemenyi's test, in ranks.

    Raises:
        UsageError: for a critical difference or a rank that is not above 0.
    """
    if not critical > 0 or any(not rank > 0 for rank in ranks.values()):
        raise UsageError(f"ranks and the critical difference must be above 0, got {dict(ranks)!r} and {critical!r}")
    ordered = sorted(ranks.items(), key=lambda item: (item[1], item[0]))
    bars = joined([rank for _, rank in ordered], critical)
    half = (len(ordered) + 1) // 2
    depth = 1.0 + _ROW * len(bars) * 0.5 + _ROW * half
    ax = ax or new_axes(height=1.0 + 0.75 * depth)
    if len(ordered) < 2:
        return say(ax, "a critical difference needs two configs at least")
    most = max(len(ordered), round(ordered[-1][1] + 0.5))
    _scale(ax, most, critical)
    for level, (first, last) in enumerate(bars):
        height = -0.35 - 0.25 * level
        ends = [ordered[first][1] - 0.04, ordered[last][1] + 0.04]
        ax.plot(ends, [height, height], color=BLUE, linewidth=4, solid_capstyle="butt")
    top = -0.6 - 0.25 * len(bars)
    for place, (name, rank) in enumerate(ordered):
        left = place < half
        height = top - _ROW * (place if left else len(ordered) - 1 - place)
        side = 1 - 0.12 * (most - 1) if left else most + 0.12 * (most - 1)
        ax.plot([rank, rank, side], [0, height, height], color=BLACK, linewidth=0.9)
        text, align = f"{words(name, 36)}  {rank:.2f}" if left else f"{rank:.2f}  {words(name, 36)}", "right"
        write(ax, side, height, f" {text} ", ha=align if left else "left", va="center")
    ax.set_ylim(top - _ROW * half, 1.15)
    return ax


def joined(ranks: Sequence[float], critical: float) -> list[tuple[int, int]]:
    """First and last index of each longest run of sorted ranks within the critical difference; pairs at least."""
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(index for index, other in enumerate(ranks) if other - rank <= critical)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def _scale(ax: Axes, most: int, critical: float) -> None:
    """The line of ranks on top, 1 on the left, with the critical difference above it."""
    ax.set_xlim(1 - 0.5 * (most - 1), most + 0.5 * (most - 1))
    ax.set_axis_off()
    ax.plot([1, most], [0, 0], color=BLACK, linewidth=1.2)
    for rank in range(1, most + 1):
        ax.plot([rank, rank], [0, 0.12], color=BLACK, linewidth=1)
        write(ax, rank, 0.18, str(rank), ha="center", va="bottom")
    ax.plot([1, 1 + critical], [0.75, 0.75], color=BLACK, linewidth=1.5, marker="|", markersize=7)
    write(ax, 1 + critical / 2, 0.85, f"critical difference {critical:.2f}", ha="center", va="bottom")
    write(ax, most, 0.5, "average rank, 1 is best", ha="right", va="bottom", color="#666666")
