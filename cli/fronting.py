"""The command that shows the front of several objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import print_json, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from ..analysis.front import Front, FrontPoint

_MOST_BESIDE = 10


def front(name: Name, store: Store = None, as_json: AsJson = False) -> None:
    """The front of several objectives: which configs no other beats in everything, and where the front bends."""
    found = results_of(name, store).front()
    if as_json:
        print_json(found.to_dict())
        return
    print_table(_table(found))
    print("\n".join(_lines(found)))


def _table(front: Front) -> Table:
    from ..analysis import text
    from ..analysis.terminal import add_row, plain_table

    level = f" ({100 * (1 - front.alpha):g} %)" if front.replicates else " (search)"
    names = (f"{metric}{level}" for metric in front.goals)
    table = plain_table("trial", *names, "front", "chance", "share", "behind")
    beside = [point for point in front.points if not point.on_front]
    hidden = beside[_MOST_BESIDE:]
    for point in front.points:
        if point in hidden:
            continue
        values = [text.interval(one) if one.count else text.exact(one.mean) for one in point.values.values()]
        share = point.contribution / front.hypervolume if point.on_front and front.hypervolume else None
        cells = (
            f"{point.trial}{' default' if point.default else ''}",
            *values,
            _place(front, point),
            text.chance(point.p_front),
            "" if share is None else f"{share:.1%}",
            "" if point.on_front else f"{point.behind:.1%}",
        )
        add_row(table, *cells, style="bold" if point.on_front else None)
    return table


def _place(front: Front, point: FrontPoint) -> str:
    if front.knee is not None and front.knee.trial == point.trial:
        return "knee"
    return "yes" if point.on_front else ""


def _lines(front: Front) -> list[str]:
    from ..analysis import text

    corner = ", ".join(f"{metric} {text.number(value)}" for metric, value in front.reference.items())
    taken = f" (from the data: {' and '.join(front.from_data)})" if front.from_data else ""
    volume = text.number(front.hypervolume)
    if front.hypervolume_interval is not None:
        fresh = front.hypervolume_interval
        flattery = f"without the flattery of noise {text.number(fresh.mean)}"
        volume += f", {flattery} [{text.number(fresh.low)}, {text.number(fresh.high)}],"
    lines = [front.headline, f"hypervolume {volume} from {corner}{taken}"]
    if front.knee is not None:
        sure = "" if front.knee.p_knee is None else f" (the knee in {front.knee.p_knee:.0%} of the draws)"
        lines.append(f"from trial {front.knee.trial}{sure}")
        lines += [f"  {trade}" for trade in front.knee.trades]
    left_out = len(front.points) - len(front.trials) - _MOST_BESIDE
    return [*lines, f"{left_out} more configs beside the front are in --json"] if left_out > 0 else lines
