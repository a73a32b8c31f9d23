"""What translations of a space to and from other tools have in common.

Their rule: the distribution that was declared is the one that the other tool samples, or there is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .categorical import Categorical
from .config import Value, scalar
from .constant import Constant
from .errors import Problem, SpaceError, shown
from .expression import same
from .float import Float
from .integer import Integer
from .numeric import Numeric
from .parameter import Parameter
from .scale import Scale
from .space import Space

LISTED = 1000
"""So many values are spelled out, each with its probability, where a tool rounds in another way than Assay."""
_COUNTED = 1_000_000
_PROBED = 200
_EQUAL = 1e-9
"""Probabilities this near are the same: they differ by rounding errors only."""

Result = TypeVar("Result")
Floats = NDArray[np.float64]


def each(items: Iterable[tuple[str, Any]], translate: Callable[[str, Any], Result]) -> dict[str, Result]:
    """``translate(name, item)`` of all items; all mistakes at once, each under its name."""
    found: dict[str, Result] = {}
    problems: list[Problem] = []
    for name, item in items:
        try:
            found[name] = translate(name, item)
        except SpaceError as error:
            problems += [problem.under(name) for problem in error.problems]
    if problems:
        raise SpaceError(problems)
    return found


def constrained(space: Space, tool: str, cure: str) -> Iterator[Problem]:
    """A problem for each constraint, for a tool that has none."""
    for index, one in enumerate(space.constraints):
        yield Problem(("constraints", index), f"{tool} has no constraints such as {one.text}: {cure}")


def conditional(space: Space, tool: str, cure: str) -> Iterator[Problem]:
    """A problem for each condition, for a tool that has none."""
    for name, parameter in space.items():
        if parameter.conditions:
            yield Problem((name, "when"), f"{tool} has no conditions: {cure}")


def refuse(problems: Iterable[Problem]) -> None:
    """:class:`SpaceError` if there are any."""
    found = list(problems)
    if found:
        raise SpaceError(found)


def is_continuous(parameter: Parameter) -> bool:
    """Whether it is a real number without a step."""
    return isinstance(parameter, Float) and parameter.step is None


def is_even(parameter: Parameter) -> bool:
    """Whether it has finitely many values that are all equally likely."""
    return parameter.plain and not is_continuous(parameter) and not getattr(parameter, "log", False)


def is_unbounded(parameter: Float) -> bool:
    """Whether it is a normal, or a lognormal, without bounds."""
    return (
        parameter.mean is not None
        and parameter.max == math.inf
        and parameter.min == (0.0 if parameter.log else -math.inf)
    )


def choice_index(parameter: Parameter, value: Value) -> int:
    """Where ``value`` stands among :attr:`Parameter.choices`."""
    if isinstance(parameter, Categorical):
        return parameter.index(value)
    if isinstance(parameter, Numeric):
        return round((float(value) - float(parameter.min)) / step_of(parameter))  # type: ignore[arg-type]
    return 0


def choice_at(parameter: Parameter, index: float) -> Value:
    """The value at an index, which is rounded and clipped."""
    whole = min(max(round(index), 0), int(parameter.cardinality) - 1)
    if isinstance(parameter, Numeric):
        return parameter.round_to_grid(parameter.min + whole * step_of(parameter))  # type: ignore[no-any-return]
    return parameter.choices[whole]


def step_of(parameter: Numeric) -> float:
    """The step of a number that has one."""
    step = parameter.step if isinstance(parameter, (Float, Integer)) else None
    if step is None:
        raise TypeError(f"{parameter.describe()} has no step")
    return step


def probabilities(parameter: Parameter) -> Floats:
    """How likely each of the choices is."""
    spans = np.array([parameter.span(value) for value in parameter.choices])
    widths = spans[:, 1] - spans[:, 0]
    shares: Floats = widths / widths.sum()
    return shares


# From another tool


def choice(values: Sequence[Any], weights: Sequence[float] | None = None, ordered: bool = False) -> Parameter:
    """A choice between scalars; repeated ones are drawn more often, those of weight 0 left out.

    Raises:
        SpaceError: for values that are no scalars, or weights that do not fit.
    """
    if not isinstance(values, (list, tuple)) or not values:
        raise SpaceError(f"expected a list with at least one value, got {shown(values)}")
    if weights is not None and len(weights) != len(values):
        raise SpaceError(f"expected one probability for each of the {len(values)} values, got {len(weights)}")
    counted: list[tuple[Value, float]] = []
    for value, weight in zip(values, weights or [1] * len(values), strict=True):
        plain = scalar(value)
        at = next((index for index, (other, _) in enumerate(counted) if same(other, plain)), None)
        if at is not None:
            counted[at] = (plain, counted[at][1] + weight)
        elif weight != 0:
            counted.append((plain, weight))
    if len(counted) == 1:
        return Constant(counted[0][0])
    return Categorical([value for value, _ in counted], weights=[weight for _, weight in counted], ordered=ordered)


def rounded(scale: Scale, q: float, whole: bool = False, clip: bool = False) -> Parameter:
    """``round(x / q) * q`` of a bounded draw ``x``, as most tools round: the ends of the range get a part of a share.

    Args:
        whole: the results are whole numbers.
        clip: results outside of the scale's ends are moved to them.

    Raises:
        SpaceError: when there are too many values to spell them out.
    """
    if q <= 0:
        raise SpaceError(f"q must be above 0, got {q:g}")
    indices = counted(round(scale.low / q), round(scale.high / q))
    edges = np.clip(np.append(indices - 0.5, indices[-1] + 0.5) * q, scale.low, scale.high)
    values = multiples(indices, q, whole)
    if clip:
        values = [min(max(value, scale.low), scale.high) for value in values]
    return cells(values, edges, scale)


def multiples(indices: NDArray[np.int64], q: float, whole: bool = False) -> list[Any]:
    """``index * q``, in decimal, so that 3 * 0.1 is 0.3; whole numbers if asked for."""
    exact = Decimal(repr(q))
    return [int(index * exact) if whole else float(index * exact) for index in indices.tolist()]


def counted(first: int, last: int) -> NDArray[np.int64]:
    """The whole numbers from ``first`` to ``last``; :class:`SpaceError` when there are too many to look at each."""
    if last - first >= _COUNTED:
        raise SpaceError(f"{last - first + 1:,} values that are not equally likely: leave the rounding out")
    return np.arange(first, last + 1)


def cells(values: Sequence[Any], edges: Floats, scale: Scale) -> Parameter:
    """The parameter whose value ``values[k]`` is drawn where the scale's draw lies between ``edges[k]`` and the next.

    It is a number with a step where Assay's way of rounding gives the same distribution, else an ordered choice with
    weights.
    """
    shares = np.diff(scale.shares(edges))
    drawn = [index for index, share in enumerate(shares) if share > 0]
    values, shares = [values[index] for index in drawn], shares[drawn]
    grid = _grid(values, shares, scale.log) if len(values) > 1 else None
    if grid is not None:
        return grid
    if len(values) > LISTED:
        raise SpaceError(
            f"{len(values)} values that are not equally likely, more than the {LISTED} that can be listed: leave "
            "the rounding out and round in the training function, or give the range half a step beyond both ends"
        )
    # The smallest weight is 1, so that half shares give 1, 2, 2, 1.
    return choice(values, [float(f"{share:.12g}") for share in shares / shares.min()], ordered=True)


def _grid(values: Sequence[Any], shares: Floats, log: bool) -> Parameter | None:
    """A number with a step that has this distribution; None when Assay would give other probabilities."""
    kind: Any = Integer if all(isinstance(value, int) for value in values) else Float
    step = values[1] - values[0] if kind is Integer else float(Decimal(repr(values[1])) - Decimal(repr(values[0])))
    for scale in (log, not log):
        try:
            grid = kind(values[0], values[-1], log=scale, step=step)
        except SpaceError:  # not evenly spaced, or not above 0
            continue
        if grid.cardinality == len(values) and _alike(grid, values, shares):
            return grid  # type: ignore[no-any-return]
    return None


def _alike(grid: Parameter, values: Sequence[Any], shares: Floats) -> bool:
    middles = np.cumsum(shares) - shares / 2
    probes = range(0, len(values), max(1, len(values) // _PROBED))
    ends = (0, 1, len(values) - 2, len(values) - 1)
    try:
        return all(abs(grid.unit(grid.check(values[at])) - middles[at]) < _EQUAL for at in {*probes, *ends})
    except SpaceError:
        return False
