"""A sweep of Weights & Biases as a space.

==========================================  ================================================================
in W&B                                      here
==========================================  ================================================================
constant, categorical (probabilities)       constant, choice (weights)
int_uniform; min and max that are whole     int
uniform; min and max otherwise              float
log_uniform                                 log float from exp(min) to exp(max)
log_uniform_values                          log float from min to max
inv_log_uniform                             log float from exp(-max) to exp(-min): the same distribution
inv_log_uniform_values                      log float from min to max: the same distribution
q_uniform, q_log_uniform(_values), q_beta   a number with a step if that has the same distribution, else ordered choice
                                            with weights: W&B gives the ends a part of a share
normal, log_normal                          normal, lognormal without bounds
q_normal, q_log_normal                      refused: infinitely many values
beta                                        refused, but for a = b = 1, which is uniform
nested ``parameters``                       dotted names
==========================================  ================================================================

As W&B's own local controller samples them (github.com/wandb/sweeps, ``params.py``): ``round(x / q) * q``, whole numbers
if q is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .constant import Constant
from .errors import Problem, SpaceError, did_you_mean, one_of, shown
from .float import Float
from .integer import Integer, whole
from .parameter import Parameter, number
from .scale import Scale
from .space import Space
from .translate import cells, choice, counted, each, multiples, rounded

_SEARCHERS = {"random": "random", "bayes": "tpe", "grid": "random"}
_ETA = 3
"""What W&B's Hyperband takes when none is given."""


def from_wandb(sweep: Mapping[str, Any]) -> Space:
    """The space of a sweep.yaml, read as a mapping.

    >>> from_wandb({"method": "random", "parameters": {"lr": {"min": 0.0, "max": 0.1}}})["lr"].describe()
    'float 0 .. 0.1'

    Raises:
        SpaceError: for every parameter whose distribution cannot be kept, with the cure.
    """
    if not isinstance(sweep, Mapping) or not isinstance(sweep.get("parameters"), Mapping):
        raise SpaceError("expected a sweep of Weights & Biases: a mapping with `parameters`")
    return Space(each(_opened(sweep["parameters"]).items(), lambda _, raw: _parameter(raw)))


def wandb_sections(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """What the rest of a sweep.yaml says, as sections of a sweep file: name, objectives, searcher, scheduler, fidelity,
    budget, as far as they are given.

    ``bayes`` becomes tpe. ``grid`` becomes random, which never tries a config twice, so that a finite space is tried
    out. Hyperband becomes asha: both compare a run with all that came as far as it. What has no counterpart (program,
    command, project) is not looked at. :func:`wandb_notes` says so of a sweep.

    Raises:
        SpaceError: for what is given and cannot be read.
    """
    found: dict[str, Any] = {}
    if isinstance(name := sweep.get("name"), str):
        found["name"] = name
    if "metric" in sweep:
        found["objectives"] = [_objective(sweep["metric"])]
    if "method" in sweep:
        found["searcher"] = {"type": _SEARCHERS[_word("method", sweep["method"], _SEARCHERS)]}
    if sweep.get("early_terminate") is not None:
        found |= _hyperband(sweep["early_terminate"])
    if "run_cap" in sweep:
        found["budget"] = {"trials": whole(sweep["run_cap"], "run_cap")}
    return found


def wandb_notes(sweep: Mapping[str, Any]) -> list[str]:
    """What is another word here, and what is left out."""
    method = sweep.get("method")
    notes = [f"method {method} is searcher {_SEARCHERS[method]} here"] if method in ("bayes", "grid") else []
    if sweep.get("early_terminate") is not None:
        notes.append("Hyperband is scheduler asha here: both compare a run with all that came as far as it")
    taken = {"name", "metric", "method", "parameters", "early_terminate", "run_cap"}
    left = [str(key) for key in sweep if key not in taken]
    return [*notes, f"left out, because it has no counterpart: {', '.join(left)}"] if left else notes


def _opened(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, raw in parameters.items():
        if isinstance(raw, Mapping) and isinstance(raw.get("parameters"), Mapping) and len(raw) == 1:
            found |= _opened(raw["parameters"], f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = raw
    return found


def _parameter(raw: Any) -> Parameter:
    if not isinstance(raw, Mapping):
        raise SpaceError(f"expected a mapping such as {{min: 0.0, max: 1.0}} or {{values: [...]}}, got {shown(raw)}")
    kind = raw["distribution"] if "distribution" in raw else _inferred(raw)
    read, keys = _DISTRIBUTIONS[_word("distribution", kind, _DISTRIBUTIONS)]
    allowed = {*keys, "distribution"}
    unknown = [key for key in raw if key not in allowed]
    if unknown:
        raise SpaceError(
            Problem((str(key),), f"{kind} has no {shown(key)}{did_you_mean(key, keys)}: it has {one_of(keys)}")
            for key in unknown
        )
    return read({key: value for key, value in raw.items() if key in keys})


def _inferred(raw: Mapping[str, Any]) -> str:
    """The distribution of a parameter that names none, as W&B takes it."""
    if "values" in raw:
        return "categorical"
    if "value" in raw:
        return "constant"
    if "min" not in raw or "max" not in raw:
        raise SpaceError("needs min and max, values, a value or a distribution")
    integers = all(isinstance(raw[key], int) and not isinstance(raw[key], bool) for key in ("min", "max"))
    return "int_uniform" if integers else "uniform"


def _word(what: str, word: Any, known: Mapping[str, Any]) -> str:
    if not isinstance(word, str) or word not in known:
        text = f"{shown(word)} is not a {what} of W&B{did_you_mean(word, known)}: use {one_of(known)}"
        raise SpaceError([Problem((what,), text)])
    return word


def _get(raw: Mapping[str, Any], key: str, default: float | None = None) -> float:
    if key not in raw and default is None:
        raise SpaceError(f"{key} is missing")
    return number(raw.get(key, default), key)


# The distributions


def _constant(raw: Mapping[str, Any]) -> Parameter:
    if "value" not in raw:
        raise SpaceError("value is missing")
    return Constant(raw["value"])


def _categorical(raw: Mapping[str, Any]) -> Parameter:
    values = raw.get("values", ())
    if raw.get("probabilities") is None:
        return choice(values)
    try:
        weights = _probabilities(raw["probabilities"])
    except SpaceError as error:
        raise SpaceError([problem.under("probabilities") for problem in error.problems]) from None
    return choice(values, weights)


def _probabilities(raw: Any) -> list[float]:
    if not isinstance(raw, (list, tuple)):
        raise SpaceError(f"expected a list of numbers, got {shown(raw)}")
    found = [number(one, "a probability") for one in raw]
    if any(one < 0 for one in found):
        raise SpaceError(f"a probability must be 0 or more, got {shown(raw)}")
    if found and not any(found):
        raise SpaceError(f"one of them at least must be above 0, got {shown(raw)}")
    return found


def _int_uniform(raw: Mapping[str, Any]) -> Parameter:
    low, high = (whole(_get(raw, key), key) for key in ("min", "max"))
    return Constant(low) if low == high else Integer(low, high)


def _uniform(raw: Mapping[str, Any]) -> Parameter:
    low, high = _get(raw, "min"), _get(raw, "max")
    return Constant(low) if low == high else Float(low, high)


def _log(raw: Mapping[str, Any], exponents: bool, inverse: bool = False) -> tuple[float, float]:
    low, high = _get(raw, "min"), _get(raw, "max")
    if not exponents:
        return low, high
    if inverse:
        low, high = -high, -low
    if high > 700 or low < -700:
        raise SpaceError(f"min and max are exponents here, from {low:g} to {high:g}: did you mean log_uniform_values?")
    return math.exp(low), math.exp(high)


def _log_uniform(exponents: bool, inverse: bool = False) -> Callable[[Mapping[str, Any]], Parameter]:
    return lambda raw: Float(*_log(raw, exponents, inverse), log=True)


def _quantized(raw: Mapping[str, Any], low: float, high: float, log: bool) -> Parameter:
    if low >= high or (log and low <= 0):
        raise SpaceError(f"expected {'0 < ' if log else ''}min < max, got {low:g} and {high:g}")
    q = raw.get("q", 1.0)
    return rounded(Scale(low, high, log), number(q, "q"), whole=isinstance(q, int))


def _normal(log: bool) -> Callable[[Mapping[str, Any]], Parameter]:
    return lambda raw: Float(mean=_get(raw, "mu", 0.0), std=_get(raw, "sigma", 1.0), log=log)


def _endless(raw: Mapping[str, Any]) -> Parameter:
    raise SpaceError("has infinitely many values: leave q out (normal, log_normal), and round in the training function")


def _beta(raw: Mapping[str, Any]) -> Parameter:
    if (_get(raw, "a", 1.0), _get(raw, "b", 1.0)) == (1.0, 1.0):
        return Float(0.0, 1.0)
    raise SpaceError(
        "Assay has no beta distribution: write a normal between 0 and 1, {min: 0.0, max: 1.0, mean: ..., std: ...}, "
        "or q_beta, whose values are listed with their probabilities"
    )


def _q_beta(raw: Mapping[str, Any]) -> Parameter:
    from scipy.special import betainc

    q, a, b = _get(raw, "q", 1.0), _get(raw, "a", 1.0), _get(raw, "b", 1.0)
    if min(q, a, b) <= 0:
        raise SpaceError(f"a, b and q must be above 0, got {a:g}, {b:g} and {q:g}")
    indices = counted(0, round(1 / q))
    edges = np.clip(np.append(indices - 0.5, indices[-1] + 0.5) * q, 0.0, 1.0)
    # The shares of a uniform draw between transformed edges are those of the beta distribution.
    values = multiples(indices, q, whole=isinstance(raw.get("q", 1.0), int))
    return cells(values, betainc(a, b, edges), Scale(0.0, 1.0))


# The other sections


def _objective(metric: Any) -> dict[str, Any]:
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str):
        raise SpaceError([Problem(("metric",), f"expected {{name: ..., goal: ...}}, got {shown(metric)}")])
    goal = metric.get("goal", "minimize")
    if goal not in ("minimize", "maximize"):
        raise SpaceError([Problem(("metric", "goal"), f"use 'minimize' or 'maximize', got {shown(goal)}")])
    return {"metric": metric["name"], "goal": goal}


def _hyperband(raw: Any) -> dict[str, Any]:
    """W&B's brackets: ``min_iter`` times powers of eta, or ``max_iter`` divided by the powers of eta up to ``s``."""
    try:
        if not isinstance(raw, Mapping) or raw.get("type") != "hyperband":
            raise SpaceError(f"expected {{type: hyperband, ...}}, got {shown(raw)}")
        eta = whole(raw.get("eta", _ETA), "eta")
        if "min_iter" in raw:
            fidelity = {"unit": "step", "min": whole(raw["min_iter"], "min_iter")}
        elif "max_iter" in raw:
            longest, brackets = whole(raw["max_iter"], "max_iter"), whole(raw.get("s", 1), "s")
            fidelity = {"unit": "step", "min": max(1, longest // eta**brackets), "max": longest}
        else:
            raise SpaceError("needs min_iter or max_iter")
    except SpaceError as error:
        raise SpaceError([problem.under("early_terminate") for problem in error.problems]) from None
    return {"scheduler": {"type": "asha", "eta": eta}, "fidelity": fidelity}


_RANGE = ("min", "max")
_DISTRIBUTIONS: dict[str, tuple[Callable[[Mapping[str, Any]], Parameter], tuple[str, ...]]] = {
    "constant": (_constant, ("value",)),
    "categorical": (_categorical, ("values", "probabilities")),
    "categorical_w_probabilities": (_categorical, ("values", "probabilities")),
    "int_uniform": (_int_uniform, _RANGE),
    "uniform": (_uniform, _RANGE),
    "q_uniform": (lambda raw: _quantized(raw, _get(raw, "min"), _get(raw, "max"), log=False), (*_RANGE, "q")),
    "log_uniform": (_log_uniform(exponents=True), _RANGE),
    "log_uniform_values": (_log_uniform(exponents=False), _RANGE),
    "inv_log_uniform": (_log_uniform(exponents=True, inverse=True), _RANGE),
    "inv_log_uniform_values": (_log_uniform(exponents=False), _RANGE),
    "q_log_uniform": (lambda raw: _quantized(raw, *_log(raw, exponents=True), log=True), (*_RANGE, "q")),
    "q_log_uniform_values": (lambda raw: _quantized(raw, *_log(raw, exponents=False), log=True), (*_RANGE, "q")),
    "normal": (_normal(log=False), ("mu", "sigma")),
    "log_normal": (_normal(log=True), ("mu", "sigma")),
    "q_normal": (_endless, ("mu", "sigma", "q")),
    "q_log_normal": (_endless, ("mu", "sigma", "q")),
    "beta": (_beta, ("a", "b")),
    "q_beta": (_q_beta, ("a", "b", "q")),
}
