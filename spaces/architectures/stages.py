"""The stages of a declared space of networks, read from plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ..categorical import Categorical
from ..errors import Problem, SpaceError, did_you_mean, one_of, shown
from ..integer import Integer
from ..notation import parse_parameter
from ..parameter import Parameter
from ..translate import each, refuse
from .operations import Family, Operation, indivisible, operation

_DEEPEST = 100
"""So many layers a stage may have; each is a parameter."""
_KEYS = ("ops", "depth", "width", "stride")
_FORM = "a stage such as {ops: [conv3x3], depth: 'int(1, 4)', width: 16}"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage:
    """Layers of one width.

    Attributes:
        operations: what each layer may be.
        depth: how many layers.
        width: channels of all layers.
        stride: of the first layer, which also goes from the width before to this one.
    """

    operations: tuple[Operation, ...]
    depth: Parameter
    width: Parameter
    stride: int

    @property
    def deepest(self) -> int:
        """How many layers there are at most."""
        deepest: int = max(_ends(self.depth))
        return deepest

    def depths_with(self, layer: int) -> tuple[int, ...]:
        """The depths at which there is this layer, from 1."""
        return tuple(depth for depth in self.depth.choices if isinstance(depth, int) and depth >= layer)


def read_stage(raw: Any, family: Family) -> Stage:
    """A stage from ``ops``, ``depth``, ``width`` and ``stride`` (1).

    Raises:
        SpaceError: all that is wrong, located in ``raw``.
    """
    check_keys(raw, _KEYS, _KEYS[:3], _FORM)
    read: dict[str, Callable[[Any], Any]] = {
        "ops": partial(_operations, family=family),
        "depth": partial(_counts, least=1, most=_DEEPEST),
        "width": partial(_counts, least=1 if family == "cnn" else 2),  # a layer norm of one number is constant
        "stride": partial(_stride, family=family),
    }
    found: dict[str, Any] = each({"stride": 1, **raw}.items(), lambda key, one: read[key](one))
    stage = Stage(found["ops"], found["depth"], found["width"], found["stride"])
    refuse(_heads_problems(stage))
    return stage


def check_keys(raw: Any, keys: Sequence[str], needed: Sequence[str], form: str) -> None:
    """:class:`SpaceError` for what is no mapping, and for unknown and missing keys."""
    if not isinstance(raw, Mapping):
        raise SpaceError(f"expected {form}, got {shown(raw)}")
    unknown = [key for key in raw if key not in keys]
    problems = [Problem((key,), f"unknown key{did_you_mean(key, keys)}: use {one_of(keys)}") for key in unknown]
    missing = [key for key in needed if key not in raw]
    refuse([*problems, *([Problem((), f"{' and '.join(missing)} missing: write {form}")] if missing else [])])


def check_count(value: Any, least: int, what: str) -> int:
    """A whole number from ``least`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpaceError(f"expected {what}, a whole number from {least} on, got {shown(value)}")
    return value


def listed(raw: Sequence[Any], read: Callable[[Any], Result]) -> tuple[Result, ...]:
    """``read(item)`` of all items of a list; all mistakes at once, each under its index."""
    found: list[Result] = []
    problems: list[Problem] = []
    for index, one in enumerate(raw):
        try:
            found.append(read(one))
        except SpaceError as error:
            problems += [problem.under(index) for problem in error.problems]
    refuse(problems)
    return tuple(found)


def _operations(words: Any, family: Family) -> tuple[Operation, ...]:
    if not isinstance(words, (list, tuple)) or not words:
        raise SpaceError(f"expected a list of operations such as [conv3x3, identity], got {shown(words)}")
    found = listed(words, partial(operation, family=family))
    again = [index for index, word in enumerate(words) if word in words[:index]]
    refuse(Problem((index,), f"{words[index]!r} is there twice: keep one") for index in again)
    return found


def _counts(raw: Any, least: int, most: float = float("inf")) -> Parameter:
    """A parameter whose values are whole numbers; a rising list is ordered, so that models see a scale."""
    parameter = parse_parameter(raw)
    form = f"whole numbers from {least} on, such as int({least}, {least + 3}) or [16, 24]"
    if parameter.conditions:
        raise SpaceError([Problem(("when",), "a stage has no conditions: remove it")])
    if not isinstance(parameter, Integer) and parameter.cardinality == float("inf"):
        raise SpaceError(f"expected {form}, got {parameter.describe()}")
    ends = _ends(parameter)
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= least for value in ends):
        raise SpaceError(f"expected {form}, got {parameter.describe()}")
    if max(ends) > most:
        raise SpaceError(f"expected at most {most:g}, got {parameter.describe()}: make more stages")
    if isinstance(parameter, Categorical) and ends == sorted(ends):
        return dataclasses.replace(parameter, ordered=True)
    return parameter


def _ends(parameter: Parameter) -> list[Any]:
    """All values of a list; the ends of a range."""
    return [parameter.min, parameter.max] if isinstance(parameter, Integer) else list(parameter.choices)


def _stride(value: Any, family: Family) -> int:
    stride = check_count(value, 1, "a stride")
    if family == "mlp" and stride > 1:
        raise SpaceError(f"rows of a table have no stride, got {stride}: remove it")
    return stride


def _heads_problems(stage: Stage) -> Iterator[Problem]:
    width = stage.width
    # All of a grid are multiples of a number if the first value and the step are.
    probed: Iterable[Any] = [width.min, width.min + width.step] if isinstance(width, Integer) else width.choices
    for index, chosen in enumerate(stage.operations):
        if odd := indivisible(chosen, probed):
            heads = chosen.arguments["heads"]
            text = f"{chosen.word!r} needs widths that its {heads} heads divide, got {odd[0]}"
            cure = f"write multiples of {heads}, such as [{8 * heads}, {16 * heads}] or a range with step: {heads}"
            yield Problem(("ops", index), f"{text}: {cure}")
