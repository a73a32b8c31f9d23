"""What the sections of a sweep have to agree on. A check runs when the sections that it names are good themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..spaces import Categorical, Constant, Problem, Space, SpaceError, did_you_mean, one_of
from ..spaces.architectures import PREFIX
from ..spaces.architectures.operations import activation_named
from .production import file_problems, production_problems
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions
from .section_architecture import ArchitectureSection
from .section_cluster import CheckpointsSection
from .section_effort import BudgetSection, FidelitySection, ResourcesSection
from .section_goal import Constraint, ObjectiveSection, RequireSection
from .section_outcome import ExportSection, LeaderboardSection

_EVEN = "write replicate: top_k"
_FEWEST_TO_FLIP = 5
_FIDELITY = "add `fidelity: {unit: epoch, min: 1, max: 27}`"


def disagreements(sections: Mapping[str, Any]) -> Iterator[Problem]:
    """All contradictions between the sections given, which are good each for itself."""
    for check in _CHECKS:
        names = inspect.signature(check).parameters
        if names.keys() <= sections.keys():
            try:
                yield from check(**{name: sections[name] for name in names})
            except SpaceError as error:
                yield from error.problems


def constrained(parameters: Space, constraints: list[Constraint]) -> Space:
    """The space under the constraints that are known before a trial runs.

    Raises:
        SpaceError: located in the sweep, with the number of the constraint.
    """
    numbers = [number for number, one in enumerate(constraints) if isinstance(one, RequireSection)]
    texts = [one.require for one in constraints if isinstance(one, RequireSection)]
    if not texts:
        return parameters
    try:
        space = parameters.with_constraints(texts)
    except SpaceError as error:
        raise SpaceError(_at_its_constraint(problem, numbers) for problem in error.problems) from error
    try:
        space.default()
        space.sample(np.random.default_rng(0))
    except SpaceError as error:
        raise SpaceError([problem.under("constraints") for problem in error.problems]) from error
    return space


def _at_its_constraint(problem: Problem, numbers: list[int]) -> Problem:
    number, *inner = problem.where
    return Problem(("constraints", numbers[int(number)], "require", *inner), problem.message)


def _one_program(trainable: str | None, command: str | list[str] | None) -> Iterator[Problem]:
    if trainable is not None and command is not None:
        yield Problem(("command",), "trainable says already what is run: remove one of the two")


def _activations(architecture: ArchitectureSection | None, parameters: Space) -> Iterator[Problem]:
    """A parameter of this name is of the stages."""
    searched = parameters.get("activation")
    if architecture is None or architecture.stages is None or searched is None:
        return
    if architecture.activation is not None:
        text = f"architecture.activation says {architecture.activation} already: remove one of the two"
        yield Problem(("parameters", "activation"), text)
    if not isinstance(searched, Categorical | Constant):
        text = f"expected activations such as [relu, gelu, silu], got {searched.describe()}"
        yield Problem(("parameters", "activation"), text)
        return
    for value in searched.choices:
        try:
            activation_named(value)
        except SpaceError as error:
            yield from (problem.under("activation").under("parameters") for problem in error.problems)


def _one_shot(
    searcher: SearcherOptions,
    scheduler: SchedulerOptions,
    architecture: ArchitectureSection | None,
    resources: ResourcesSection,
    parameters: Space,
) -> Iterator[Problem]:
    if searcher.type != "one_shot":
        return
    if architecture is None:
        form = "add `architecture: {input: [3, 32, 32], output: 10, stages: [...]}`"
        yield Problem(("searcher",), f"one_shot needs networks to search: {form}")
    elif not any(name.startswith(PREFIX) for name in parameters.searched):
        yield Problem(
            ("architecture",), "there is one network only, and one_shot chooses among several: add operations"
        )
    if resources.workers > 1:
        yield Problem(("resources", "workers"), "a supernet trains in one process: write 1, or take another searcher")
    if scheduler.type != "none":
        text = f"one_shot compares its networks trained in full, and {scheduler.type} does not: write scheduler: none"
        yield Problem(("scheduler",), text)
    stages = architecture.stages if architecture is not None else None
    for index, stage in enumerate(stages or ()):
        if stage.width.cardinality > 1:
            cure = f"write width: {stage.width.default_value}, or take another searcher"
            text = f"one-shot training needs one width per stage, got {stage.width.describe()}: {cure}"
            yield Problem(("architecture", "stages", index, "width"), text)


def _prices(budget: BudgetSection, resources: ResourcesSection) -> Iterator[Problem]:
    if budget.cost_usd is not None and resources.usd_per_hour is None:
        text = "cost_usd needs the price of a worker: add `resources: {usd_per_hour: 2.5}`"
        yield Problem(("budget", "cost_usd"), text)
    if budget.gpu_hours is not None and not resources.gpu:
        text = "gpu_hours, but trials have no GPU: add `resources: {gpu: 1}`, or write cpu_hours"
        yield Problem(("budget", "gpu_hours"), text)


def _length(scheduler: SchedulerOptions, fidelity: FidelitySection | None) -> Iterator[Problem]:
    if scheduler.type == "none":
        return
    if fidelity is None:
        yield Problem(("scheduler",), f"{scheduler.type} needs the length of a run: {_FIDELITY}")
        return
    grace = scheduler.grace_of(fidelity.core())
    if grace > fidelity.max:
        yield Problem(("scheduler", "grace"), f"grace {grace} is above the fidelity's max {fidelity.max}")


def _scheduled(
    scheduler: SchedulerOptions, fidelity: FidelitySection | None, parameters: Space, budget: BudgetSection
) -> Iterator[Problem]:
    if scheduler.type != "none" and fidelity is not None and not [*_length(scheduler, fidelity)]:
        scheduler.check(parameters, fidelity.core(), budget.trials)
    yield from ()


def _copies(scheduler: SchedulerOptions, checkpoints: CheckpointsSection) -> Iterator[Problem]:
    if scheduler.type in ("pbt", "pb2") and not checkpoints.every:
        text = f"members of {scheduler.type} go on from each other's checkpoints: leave it above 0"
        yield Problem(("checkpoints", "every"), text)


def _compared(scheduler: SchedulerOptions, objectives: list[ObjectiveSection]) -> Iterator[Problem]:
    metrics = [objective.metric for objective in objectives]
    if scheduler.metric is None:
        return
    if scheduler.type == "none":
        yield Problem(("scheduler", "metric"), "scheduler none compares nothing: remove it")
    elif scheduler.metric not in metrics:
        hint = did_you_mean(scheduler.metric, metrics)
        text = f"{scheduler.metric!r} is not one of the objectives{hint}: use {one_of(metrics)}"
        yield Problem(("scheduler", "metric"), text)


def _modelled(
    searcher: SearcherOptions, scheduler: SchedulerOptions, fidelity: FidelitySection | None
) -> Iterator[Problem]:
    if fidelity is not None:
        searcher.check([*scheduler.rungs(fidelity.core()), fidelity.max])
    yield from ()


def _searchable(
    searcher: SearcherOptions, parameters: Space, architecture: ArchitectureSection | None
) -> Iterator[Problem]:
    try:
        searcher.check_space(parameters)
    except SpaceError as error:
        yield from (problem.under("parameters") for problem in error.problems)
    if architecture is None and searcher.inherits:
        yield Problem(("searcher", "inherit"), "weights are inherited by networks: add the section architecture")


def _front(objectives: list[ObjectiveSection], export: ExportSection) -> Iterator[Problem]:
    if len(objectives) == 1 and export.select == "knee":
        text = "with one objective there is no front that could have a knee: write best"
        yield Problem(("export", "select"), text)


def _rivals(parameters: Space, leaderboard: LeaderboardSection, budget: BudgetSection) -> Iterator[Problem]:
    """Configs to compare with are of the space, and there is room to try them."""
    wrong = False
    for index, rival in enumerate(leaderboard.rivals):
        try:
            parameters.complete(rival)
        except SpaceError as error:
            wrong = True
            yield from (problem.under(index).under("rivals").under("leaderboard") for problem in error.problems)
    least = len(leaderboard.rivals) + 1
    if leaderboard.rivals and not wrong and budget.trials is not None and budget.trials < least:
        text = f"the default config and the rivals are tried first: write {least} or more, got {budget.trials}"
        yield Problem(("budget", "trials"), text)


def _shares(leaderboard: LeaderboardSection) -> Iterator[Problem]:
    """What the replicates are shared out by."""
    if leaderboard.budget is not None and leaderboard.replicate == "top_k":
        text = "top_k makes top x seeds replicates: remove it, or write replicate: race or top_two"
        yield Problem(("leaderboard", "budget"), text)
    if leaderboard.test != "auto" and leaderboard.replicate != "top_k":
        decides = "Hsu's comparison with the best" if leaderboard.replicate == "race" else "its own model"
        text = f"{leaderboard.replicate} decides by {decides}, with each look: remove test"
        yield Problem(("leaderboard", "test"), text)
    if leaderboard.data == "test" and leaderboard.replicate != "top_k":
        text = f"{leaderboard.replicate} looks at the scores again and again, and the sealed test opens once: {_EVEN}"
        yield Problem(("leaderboard", "data"), text)
    if leaderboard.test == "sign_flip" and leaderboard.seeds < _FEWEST_TO_FLIP:
        text = f"the signs of {leaderboard.seeds} replicates have too few patterns: write seeds: {_FEWEST_TO_FLIP}"
        yield Problem(("leaderboard", "test"), text)


_CHECKS: tuple[Callable[..., Iterator[Problem]], ...] = (
    _one_program,
    _activations,
    _one_shot,
    _prices,
    _length,
    _scheduled,
    _copies,
    _compared,
    _modelled,
    _searchable,
    _front,
    _rivals,
    _shares,
    production_problems,
    file_problems,
)
