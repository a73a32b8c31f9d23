"""A ``param_space`` of Ray Tune as a space.

==========================================  ================================================================
in Ray Tune                                 here
==========================================  ================================================================
uniform, loguniform, randn                  float, log float, normal without bounds
randint                                     int up to ``upper - 1``
qrandint                                    int with a step, over the multiples of q that Tune draws
lograndint, qlograndint                     ordered choice with weights: Tune rounds down, Assay to the nearest
quniform, qloguniform                       float with a step if that has the same distribution, else ordered choice
                                            with weights: Tune gives the ends a part of a share
qrandn                                      refused: it has infinitely many values
choice, grid_search                         choice, with weights where a value is repeated; of scalars only
nested dicts                                dotted names
any scalar                                  constant
sample_from, a sampler of one's own         refused: a function has no distribution that could be read
what :func:`.to_ray_tune.to_ray_tune` made  the parameter that it was made from
==========================================  ================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .config import flatten
from .constant import Constant
from .errors import SpaceError, shown
from .float import Float
from .integer import Integer
from .parameter import Parameter
from .scale import Scale
from .space import Space
from .to_ray_tune import DeclaredSampler
from .translate import cells, choice, counted, each, rounded

_TINY = 1e-9
"""Of a step: bounds this near to a multiple of q are one."""


def from_param_space(param_space: Mapping[str, Any]) -> Space:
    """The space of a ``param_space``.

    Raises:
        SpaceError: for every entry whose distribution cannot be kept, with the cure.
    """
    if not isinstance(param_space, Mapping):
        raise SpaceError(f"expected a mapping from names to domains of ray.tune, got {shown(param_space)}")
    opened = flatten(_closed(param_space))
    return Space(each(opened.items(), _named))


def _named(name: str, raw: Any) -> Parameter:
    if "/" in name:  # as Tune writes nested names in its results
        raise SpaceError(f"{shown(name)} is not a name: write a nested dict, or {shown(name.replace('/', '.'))}")
    return _parameter(raw)


class _Closed:
    """Keeps ``{"grid_search": [...]}`` from being opened like a group of parameters."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw


def _closed(raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        return raw
    if set(raw) == {"grid_search"}:
        return _Closed(raw["grid_search"])
    return {name: _closed(value) for name, value in raw.items()}


def _parameter(raw: Any) -> Parameter:
    from ray.tune.search import sample

    if isinstance(raw, _Closed):
        return _choice(raw.raw)
    if isinstance(raw, (list, tuple)):
        text = f"{_code(raw)} is a list, and a config holds scalars"
        raise SpaceError(f"{text}: give each entry a name of its own, or choose between them with tune.choice")
    if not isinstance(raw, sample.Domain):
        return Constant(raw)
    sampler, q = raw.get_sampler(), None
    if isinstance(sampler, DeclaredSampler):
        return sampler.parameter
    if isinstance(sampler, sample.Quantized):
        sampler, q = sampler.sampler, sampler.q
    if isinstance(raw, sample.Function):
        raise SpaceError("sample_from calls a function, whose distribution cannot be read: write a domain, or `when`")
    if isinstance(raw, sample.Categorical) and isinstance(sampler, sample.Uniform):
        return _choice(raw.categories)
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(raw, sample.Integer) and (log or isinstance(sampler, sample.Uniform)):
        return _integer(raw.lower, raw.upper, log, q)
    if isinstance(raw, sample.Float) and (log or isinstance(sampler, sample.Uniform)):
        return _float(raw.lower, raw.upper, log, q)
    if isinstance(raw, sample.Float) and isinstance(sampler, sample.Normal):
        return _normal(sampler.mean, sampler.sd, q)
    raise SpaceError(f"{type(raw).__name__} with the unknown sampler {sampler}: write another domain")


def _choice(categories: Any) -> Parameter:
    for value in categories if isinstance(categories, (list, tuple)) else ():
        if isinstance(value, (Mapping, list, tuple)) or hasattr(value, "sample"):
            raise SpaceError(
                f"a choice between {_code(value)} and others: choices are scalars; write the parameters of the "
                "branches side by side, each with `when`"
            )
    return choice(categories)


def _code(raw: Any) -> str:
    """``raw`` for a message, with domains as ``Float(0, 1)``: their own text is an address."""
    return shown(_shown_domains(raw))


class _Text:
    """Shows itself as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _shown_domains(raw: Any) -> Any:
    from ray.tune.search import sample

    if isinstance(raw, (list, tuple)):
        return [_shown_domains(one) for one in raw]
    if isinstance(raw, Mapping):
        return {key: _shown_domains(value) for key, value in raw.items()}
    if isinstance(raw, sample.Categorical):
        return _Text(f"Categorical({_shown_domains(raw.categories)})")
    if isinstance(raw, sample.Domain):
        bounds = raw.domain_str if isinstance(raw, (sample.Float, sample.Integer)) else ""
        return _Text(f"{type(raw).__name__}{bounds}")
    return raw


def _integer(lower: int, upper: int, log: bool, q: int | None) -> Parameter:
    """``upper`` is excluded, but for q above 1."""
    step = 1 if q is None else q
    if q is not None and q < 1:
        raise SpaceError(f"q must be 1 or more, got {q}")
    first = -(-lower // step)
    last = upper // step - (1 if step == 1 else 0)
    if last < first:
        raise SpaceError(f"there is no value between {lower} and {upper}")
    if last == first:
        return Constant(first * step)
    if not log:
        return Integer(first * step, last * step, step=step)
    if first < 1:
        raise SpaceError(f"a log scale needs a lower bound of q or more, got {lower}")
    indices = counted(first, last)
    edges = np.append(indices, last + 1).astype(np.float64)  # it rounds down
    return cells([int(index) * step for index in indices], edges, Scale(float(first), float(last + 1), log=True))


def _float(lower: float, upper: float, log: bool, q: float | None) -> Parameter:
    if q is None:
        return Float(lower, upper, log=log)
    low, high = (math.ceil(lower / q - _TINY) * q, math.floor(upper / q + _TINY) * q)
    if low == high:
        return Constant(low)
    return rounded(Scale(low, high, log=log), q)


def _normal(mean: float, std: float, q: float | None) -> Parameter:
    if q is not None:
        raise SpaceError("qrandn has infinitely many values: use randn, and round in the training function")
    return Float(mean=mean, std=std)
