"""Where and when trials run: the controller, executors, phases and jobs. Imports no Ray until one is opened."""

from .controller import Controller
from .executor import Executor
from .inline_executor import InlineExecutor
from .launch import Where, resume, start
from .phases import PhaseRunner
from .plan import FixedPlan, Plan, Request
from .progress import Observer, Progress, Silent
from .ray_executor import RayExecutor
from .search_plan import SearchPlan

__all__ = [
    "Controller",
    "Executor",
    "FixedPlan",
    "InlineExecutor",
    "Observer",
    "PhaseRunner",
    "Plan",
    "Progress",
    "RayExecutor",
    "Request",
    "SearchPlan",
    "Silent",
    "Where",
    "resume",
    "start",
]
