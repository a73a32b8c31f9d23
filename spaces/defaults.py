"""The config that a search starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from .categorical import UNSET, Categorical
from .config import Config, Value
from .constant import Constant
from .errors import SpaceError

if TYPE_CHECKING:
    from .parameter import Parameter
    from .space import Space

_DRAWS: Final = 1000
_ROUNDS: Final = 20


def default_config(space: Space) -> Config:
    """Every active parameter at its default, or the feasible config nearest to that; see :meth:`Space.default`.

    Declared defaults are kept; so are all defaults of parameters that no constraint reads, where that can be.
    """
    config = space.fill(lambda name: space[name].default_value)
    if space.feasible(config):
        return config
    fixed = {name for name, parameter in space.items() if _declared(parameter)}
    read = {name for constraint in space.constraints for name in constraint.parents}
    for kept in (fixed | (space.keys() - read), fixed):
        found = _nearest(space, config, kept)
        if found is not None:
            return found
    broken = " and ".join(one.text for one in space.broken(config))
    values = ", ".join(f"{name}={config[name]!r}" for name in sorted(fixed & config.keys()))
    raise SpaceError(
        f"the search starts from the defaults, and none of {_ROUNDS * _DRAWS:,} random configs that keep them meets "
        f"{broken} (declared: {values or 'none'}): change the defaults or the constraint"
    )


def _nearest(space: Space, config: Config, kept: set[str]) -> Config | None:
    rng = np.random.default_rng(0)

    def choose(name: str) -> Value:
        parameter = space[name]
        return parameter.default_value if name in kept else parameter.sample(rng)

    for _ in range(_ROUNDS):
        drawn = (space.fill(choose) for _ in range(_DRAWS))
        feasible = [one for one in drawn if space.feasible(one)]
        if feasible:
            return min(feasible, key=lambda one: _distance(space, one, config))
    return None


def _distance(space: Space, one: Config, other: Config) -> float:
    """Squared, in the unit cube; 1 for a parameter that only one of them has."""
    return sum(
        (space[name].unit(one[name]) - space[name].unit(other[name])) ** 2 if name in one and name in other else 1.0
        for name in one.keys() | other.keys()
    )


def _declared(parameter: Parameter) -> bool:
    if isinstance(parameter, Constant):
        return True
    default = getattr(parameter, "default", None)
    return default is not UNSET if isinstance(parameter, Categorical) else default is not None
