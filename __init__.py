"""Assay finds the best configuration of a model on a Ray cluster and proves statistically that it is the best.

    import assay

    sweep = assay.Sweep.from_yaml("sweep.yaml")
    results = assay.run(sweep)
    print(results.leaderboard().headline, results.best_config)

Importing this package imports neither torch nor Ray nor pandas; names below are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis import Results, load
    from .cluster.api import run
    from .search import Sweep
    from .spaces import AssayError, Categorical, Config, Constant, Float, Integer, Space
    from .trainables import TrialHandle

__version__ = "0.5.0"

_HOMES = {
    "AssayError": ".spaces",
    "Categorical": ".spaces",
    "Config": ".spaces",
    "Constant": ".spaces",
    "Float": ".spaces",
    "Integer": ".spaces",
    "Space": ".spaces",
    "TrialHandle": ".trainables",
    "Sweep": ".search",
    "Results": ".analysis",
    "load": ".analysis",
    "run": ".cluster.api",
}

__all__ = [
    "AssayError",
    "Categorical",
    "Config",
    "Constant",
    "Float",
    "Integer",
    "Results",
    "Space",
    "Sweep",
    "TrialHandle",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
