"""The space as Ray Tune's ``param_space``.

==========================================  ================================================================
declared                                    in Ray Tune
==========================================  ================================================================
float, log float, normal without bounds     uniform, loguniform, randn
int; with a step that divides its ends      randint up to ``max + 1``; qrandint
choice, ordered choice                      choice
constant                                    the value
everything else                             Float, Integer or Categorical with a :class:`DeclaredSampler`
==========================================  ================================================================

Everything else is what Tune rounds in another way (``lograndint`` rounds down, ``quniform`` gives the ends half of
their share) or has no word for. ``BasicVariantGenerator``, Tune's random search, draws exactly what was declared;
``OptunaSearch`` and ``HyperOptSearch`` refuse a sampler that they do not know. Use
:func:`.to_optuna.optuna_function` with ``OptunaSearch``: it takes any distribution, and conditions too.
``HyperOptSearch`` itself gives the ends of ``randint`` half of their share.
"""

from __future__ import annotations

from typing import Any

from .categorical import Categorical
from .config import nest
from .constant import Constant
from .float import Float
from .integer import Integer
from .numeric import Numeric
from .parameter import Parameter
from .space import Space
from .translate import conditional, constrained, is_even, is_unbounded, refuse

_CURE = "use OptunaSearch(space=optuna_function(space)) of assay.spaces.to_optuna"
_REJECT = "remove it, and report a bad score for configs that break it"


class DeclaredSampler:
    """A sampler for the domains of Ray Tune that draws what a parameter declares."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def sample(self, domain: Any, config: Any = None, size: int = 1, random_state: Any = None) -> Any:
        """What Tune calls; ``random_state`` is its wrapper around a generator."""
        values = [self.parameter.quantile(share) for share in random_state.uniform(0.0, 1.0, size=size).tolist()]
        return values if size > 1 else values[0]

    def __str__(self) -> str:
        return f"Declared({self.parameter.describe()})"


def to_ray_tune(space: Space) -> dict[str, Any]:
    """A ``param_space`` with nested dicts for dotted names.

    >>> from assay.spaces import Space
    >>> sorted(to_ray_tune(Space({"optim.lr": "loguniform(1e-5, 1e-1)", "epochs": 27})))
    ['epochs', 'optim']

    Raises:
        SpaceError: for conditions and constraints, which a ``param_space`` has no word for.
    """
    refuse([*conditional(space, "param_space", _CURE), *constrained(space, "Ray Tune", _REJECT)])
    return nest({name: _domain(parameter) for name, parameter in space.items()})


def _domain(parameter: Parameter) -> Any:
    from ray import tune

    if isinstance(parameter, Constant):
        return parameter.value
    if isinstance(parameter, Float) and is_unbounded(parameter) and not parameter.log:
        return tune.randn(parameter.mean, parameter.std)
    if isinstance(parameter, Float) and parameter.plain and parameter.step is None:
        return (tune.loguniform if parameter.log else tune.uniform)(parameter.min, parameter.max)
    if isinstance(parameter, Categorical) and parameter.plain:
        return tune.choice(list(parameter.values))
    if isinstance(parameter, Integer) and is_even(parameter):
        if parameter.step == 1:
            return tune.randint(parameter.min, parameter.max + 1)
        if parameter.min % parameter.step == 0:
            return tune.qrandint(parameter.min, parameter.max, parameter.step)
    return _declared(parameter)


def _declared(parameter: Parameter) -> Any:
    from ray.tune.search import sample

    if isinstance(parameter, Categorical):
        domain = sample.Categorical(list(parameter.values))
    elif isinstance(parameter, Integer):
        domain = sample.Integer(parameter.min, parameter.max)
    else:
        domain = sample.Float(*((parameter.min, parameter.max) if isinstance(parameter, Numeric) else (None, None)))
    domain.set_sampler(DeclaredSampler(parameter))
    return domain
