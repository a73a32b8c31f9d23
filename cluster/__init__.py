"""Where and when trials run: the controller, executors, phases and jobs.

Names are loaded when first used: the processes that run trials need next to nothing of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .controller import Controller
    from .executor import Executor
    from .inline_executor import InlineExecutor
    from .launch import Where, extend, resume, start
    from .phases import PhaseRunner
    from .plan import FixedPlan, Plan, Request
    from .progress import Observer, Progress, Silent
    from .ray_executor import RayExecutor
    from .replay import Replay
    from .search_plan import SearchPlan
    from .virtual_executor import Fault, VirtualExecutor
    from .wish import Wish

_HOMES = {
    "controller": ("Controller",),
    "executor": ("Executor",),
    "inline_executor": ("InlineExecutor",),
    "launch": ("Where", "extend", "resume", "start"),
    "phases": ("PhaseRunner",),
    "plan": ("FixedPlan", "Plan", "Request"),
    "progress": ("Observer", "Progress", "Silent"),
    "ray_executor": ("RayExecutor",),
    "replay": ("Replay",),
    "search_plan": ("SearchPlan",),
    "virtual_executor": ("Fault", "VirtualExecutor"),
    "wish": ("Wish",),
}

__all__ = [
    "Controller",
    "Executor",
    "Fault",
    "FixedPlan",
    "InlineExecutor",
    "Observer",
    "PhaseRunner",
    "Plan",
    "Progress",
    "RayExecutor",
    "Replay",
    "Request",
    "SearchPlan",
    "Silent",
    "VirtualExecutor",
    "Where",
    "Wish",
    "extend",
    "resume",
    "start",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
