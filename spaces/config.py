"""One point of a search space."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .errors import Problem, SpaceError, shown

Value = None | bool | int | float | str
"""What a parameter may hold: a JSON scalar."""

_DEPTH = 100


class Config(Mapping[str, Value]):
    """Parameter values by dotted name: frozen, hashable, and the same in every process.

    Two configs are equal when their canonical JSON is: ``1`` and ``1.0`` differ, the order of names does not
    matter, ``-0.0`` is ``0.0``. Inactive conditional parameters are absent.

    Raises:
        SpaceError: for a name that is not text, or is both a value and a group (``a`` and ``a.b``), and for a
            value that is not a JSON scalar.
    """

    __slots__ = ("_known", "_place", "_read", "_text")

    _read: Callable[[int], dict[str, Value]]
    _place: int
    _known: dict[str, Value] | None
    _text: str | None

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._known = _checked(values)
        self._text = None

    @classmethod
    def later(cls, read: Callable[[int], dict[str, Value]], place: int) -> Config:
        """A config whose values, known to be right and in the order of their names, are read when first wanted.

        Of 100,000 configs drawn at once few are looked at; the others then cost little.
        """
        config = object.__new__(cls)
        config._read = read
        config._place = place
        config._known = config._text = None
        return config

    @property
    def _values(self) -> dict[str, Value]:
        if self._known is None:
            read = self._read  # another thread may let it go, but only once the values are known
            if self._known is None:
                self._known = read(self._place)
                self._read = _gone
        return self._known

    @property
    def _canonical(self) -> str:
        if self._text is None:
            self._text = json.dumps(self._values, separators=(",", ":"), allow_nan=False)
        return self._text

    def __reduce__(self) -> tuple[type[Config], tuple[dict[str, Value]]]:
        return Config, (self._values,)

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    @property
    def config_id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self._canonical.encode()).hexdigest()[:12]

    def nested(self) -> dict[str, Any]:
        """A plain dict with dotted names opened: ``{"optim.lr": 0.1}`` gives ``{"optim": {"lr": 0.1}}``."""
        return nest(self._values)


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` by dotted name as a tree: ``{"optim.lr": 0.1}`` gives ``{"optim": {"lr": 0.1}}``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *outer, leaf = name.split(".")
        branch = tree
        for part in outer:
            branch = branch.setdefault(part, {})
        branch[leaf] = value
    return tree


def _gone(place: int) -> dict[str, Value]:
    raise RuntimeError("the values of this config were read already")


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The inverse of :meth:`Config.nested`; an empty mapping stays as it is.

    Raises:
        SpaceError: for a name that is not text or is given twice (``a.b`` and ``a: {b: ...}``), and for
            endless nesting.
    """
    if prefix.count(".") >= _DEPTH:
        raise SpaceError(f"nested more than {_DEPTH} deep: give a plain mapping from names to values")
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if not isinstance(name, str):
            raise SpaceError(f"{shown(name)} is not the name of a parameter: names are text")
        path = f"{prefix}{name}"
        branch = flatten(value, f"{path}.") if isinstance(value, Mapping) and value else {path: value}
        if twice := flat.keys() & branch.keys():
            raise SpaceError([Problem((leaf,), "given twice, flat and nested: keep one") for leaf in sorted(twice)])
        flat |= branch
    return flat


def scalar(value: Any) -> Value:
    """``value`` as a plain JSON scalar; :class:`SpaceError` when it is something else."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # the text of a member of a text enum, not its name
    if isinstance(value, int):
        if abs(value) >= 2**64:
            raise SpaceError(f"{shown(value)} is too large: whole numbers have 64 bits at most; write it as text")
        return int(value)
    if not isinstance(value, float):
        raise SpaceError(f"{shown(value)} is not a plain value: use text, numbers, true/false or null")
    if not math.isfinite(value):
        raise SpaceError(f"{value!r} is not a finite number")
    return float(value) + 0.0  # -0.0 becomes 0.0: one value, one config id


def _checked(values: Mapping[str, Any]) -> dict[str, Value]:
    if not isinstance(values, Mapping):
        raise SpaceError(f"expected a mapping from names to values, got {shown(values)}")
    problems = [
        Problem((name,), f"{shown(name)} is not the name of a parameter: names are text")
        for name in values
        if not isinstance(name, str)
    ]
    names = sorted(name for name in values if isinstance(name, str))
    opened = groups(names)
    plain: dict[str, Value] = {}
    for name in names:
        try:
            plain[name] = scalar(values[name])
        except SpaceError as error:
            problems += [problem.under(name) for problem in error.problems]
    problems += [Problem((name,), both_value_and_group(name)) for name in names if name in opened]
    if problems:
        raise SpaceError(problems)
    return plain


def groups(names: Iterable[str]) -> set[str]:
    """Every group that dotted names open: ``a`` and ``a.b`` for ``a.b.c``."""
    return {name[:at] for name in names for at, letter in enumerate(name) if letter == "."}


def both_value_and_group(name: str) -> str:
    """What to say when ``name`` and ``name.x`` are both given."""
    return f"{name!r} is both a value and the group of '{name}.*': rename one"
