"""The sweep file as a model: what to optimise, over which space, how, and for how long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import DEFAULT_REF_TEMPLATE

from ..spaces import Config, Fidelity, Objective, Problem, Space, SpaceError, SweepError
from ..spaces.architectures import Architecture
from ..spaces.errors import shown
from ..spaces.networks.measures import MEASURES
from .agreement import constrained, disagreements
from .architecture_parameters import with_networks
from .explain import problems
from .json_schema import SweepSchema
from .options import Engines
from .parameter_forms import PARAMETERS
from .registry import SCHEDULERS, SEARCHERS
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions
from .section import Section, Texts
from .section_architecture import ArchitectureSection
from .section_cluster import CheckpointsSection, ClusterSection
from .section_effort import BudgetSection, FidelitySection, ResourcesSection
from .section_goal import Constraint, LimitSection, ObjectiveSection
from .section_outcome import ExportSection, LeaderboardSection, TrackingSection

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_ALWAYS_MEASURED = ("params_m", "flops_m")
_LEDGER = "ledger.db"
"""How the files in the store begin that are no sweep's."""
_SEARCHERS = Engines("searcher", SEARCHERS)
_SCHEDULERS = Engines("scheduler", SCHEDULERS)
_UNSTOPPED: JsonDict = {"anyOf": [{"const": "none"}, {"type": "object", "properties": {"type": {"const": "none"}}}]}
_FILE: JsonDict = {
    "title": "Assay sweep",
    "description": "What to optimise, over which space, how, and for how long.",
    "not": {  # two programs
        "required": ["trainable", "command"],
        "properties": {"trainable": {"type": "string"}, "command": {"type": ["string", "array"]}},
    },
    "if": {"required": ["scheduler"], "properties": {"scheduler": {"not": _UNSTOPPED}}},
    "then": {"required": ["fidelity"], "properties": {"fidelity": {"type": "object"}}},
    "anyOf": [{"required": ["parameters"]}, {"required": ["architecture"]}],
}


def _file_schema(schema: JsonDict) -> None:
    """What is of the file as a whole; networks alone are something to search as well."""
    schema.update(_FILE)
    schema["required"] = [key for key in cast(list[str], schema["required"]) if key != "parameters"]


def slug(text: str, otherwise: str = "my-sweep") -> str:
    """The name of a sweep that comes nearest to ``text``, or ``otherwise`` when no letter of it can be kept."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or otherwise
    return f"{'my-' if name.startswith(_LEDGER) else ''}{name}"[:63].rstrip("-._")


def _as_space(raw: Any) -> Space:
    if isinstance(raw, Space):
        return raw
    if isinstance(raw, type):
        return Space.of(raw)
    if not isinstance(raw, dict):
        got = "nothing" if raw is None else shown(raw)
        raise SpaceError(f"expected parameters such as {{lr: loguniform(1e-5, 1e-1)}}, got {got}")
    return Space(raw)


def _with_constraints(raw: Mapping[str, Any]) -> dict[str, Any]:
    """With the constraints of a space that comes from Python."""
    space, given = raw.get("parameters"), raw.get("constraints", [])
    if not isinstance(space, Space) or not space.constraints or not isinstance(given, list):
        return dict(raw)
    known = [one.get("require") if isinstance(one, dict) else getattr(one, "require", None) for one in given]
    own = [{"require": one.text} for one in space.constraints if one.text not in known]
    return {**raw, "constraints": [*given, *own]}


class Sweep(Section):
    """A whole sweep: what the file says, checked. ``Sweep(name="digits", objectives=[...], ...)`` takes the same keys.

    Raises:
        SweepError: with all mistakes at once.
    """

    model_config = ConfigDict(json_schema_extra=_file_schema)

    version: Literal[1] = 1
    """Of the file format."""
    name: str = Field(
        json_schema_extra={
            "pattern": f"^(?!{re.escape(_LEDGER)}){_NAME.pattern}$",
            "patternErrorMessage": "Use up to 63 of a-z, 0-9, dot, dash and underscore.",
        }
    )
    """Names the sweep in the store, in lower-case letters, digits, dot, dash and underscore."""
    description: str = ""
    """For people."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Fixes the proposals, the data splits and the seeds of all trials."""
    trainable: str | None = None
    """file.py:function or package.module:function, seen from the sweep file's folder."""
    command: Texts | None = None
    """Instead of trainable: a program that is started for each trial, such as python train.py."""
    objectives: list[ObjectiveSection] = Field(min_length=1)
    """What to optimise."""
    parameters: Annotated[
        Space, BeforeValidator(_as_space), PlainSerializer(lambda space: space.to_dict(), return_type=dict), PARAMETERS
    ]
    """The search space: parameters by name; from Python also a Space, or a Pydantic model or dataclass that is one."""
    constraints: list[Constraint] = Field(default_factory=list)
    """What a config, or what is reported of it, has to meet."""
    architecture: ArchitectureSection | None = None
    """A space of networks, searched together with the parameters."""
    searcher: Annotated[
        SearcherOptions,
        BeforeValidator(_SEARCHERS.read),
        PlainSerializer(lambda options: options.model_dump(), return_type=dict),
        _SEARCHERS,
    ] = Field(default_factory=lambda: SEARCHERS["tpe"](type="tpe"), json_schema_extra={"default": "tpe"})
    """What proposes configs."""
    scheduler: Annotated[
        SchedulerOptions,
        BeforeValidator(_SCHEDULERS.read),
        PlainSerializer(lambda options: options.model_dump(), return_type=dict),
        _SCHEDULERS,
    ] = Field(default_factory=lambda: SCHEDULERS["none"](type="none"), json_schema_extra={"default": "none"})
    """What stops weak trials early."""
    fidelity: FidelitySection | None = None
    """How long a trial trains."""
    budget: BudgetSection
    """How long the search goes on."""
    resources: ResourcesSection = ResourcesSection()
    """What one trial occupies."""
    cluster: ClusterSection = ClusterSection()
    """Where it runs."""
    checkpoints: CheckpointsSection = CheckpointsSection()
    """What is kept to go on from."""
    engine: Literal["assay", "tune"] = "assay"
    """What runs the search: Assay's controller, or Ray Tune's own."""
    leaderboard: LeaderboardSection = LeaderboardSection()
    """How the best are told apart."""
    tracking: TrackingSection = TrackingSection()
    """Who else is told of the trials."""
    export: ExportSection = ExportSection()
    """What production training gets."""

    def __init__(self, /, **raw: Any) -> None:
        valid: dict[str, Any] = {}
        found: list[Problem] = []
        try:
            raw = with_networks(raw)
        except (SpaceError, SweepError) as error:
            found += error.problems
        try:
            self.__pydantic_validator__.validate_python(_with_constraints(raw), self_instance=self, context=valid)
        except ValidationError as error:
            found += problems(error, type(self))
        for name, field in type(self).model_fields.items():
            if name not in raw and not field.is_required():
                valid[name] = field.get_default(call_default_factory=True)
        if valid.keys() >= {"parameters", "constraints"}:
            try:
                valid["parameters"] = constrained(valid["parameters"], valid["constraints"])
            except SpaceError as error:
                found += error.problems
        found += disagreements(valid)
        if raw.get("architecture") is not None and "parameters" not in raw:  # it is the section that is wrong
            found = [problem for problem in found if problem.where != ("parameters",)]
        if found:
            raise SweepError(found)
        self.__dict__["parameters"] = valid["parameters"]

    @classmethod
    def model_json_schema(  # type: ignore[override]  # only the generator differs
        cls, by_alias: bool = True, ref_template: str = DEFAULT_REF_TEMPLATE, **options: Any
    ) -> dict[str, Any]:
        """The JSON Schema of the sweep file; `assay schema` prints it."""
        return super().model_json_schema(by_alias, ref_template, **{"schema_generator": SweepSchema} | options)

    @field_validator("*")
    @classmethod
    def _good_for_itself(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(info.context, dict) and info.field_name is not None:
            info.context[info.field_name] = value
        return value

    @field_validator("name")
    @classmethod
    def _slug(cls, name: str) -> str:
        if name.startswith(_LEDGER):
            raise ValueError(f"{name!r} is the name of a file in the store: choose another, e.g. {slug(name)!r}")
        if not _NAME.fullmatch(name):
            letters = "up to 63 of a-z, 0-9, dot, dash and underscore"
            raise ValueError(f"{shown(name)} is not a name: use {letters}, e.g. {slug(name)!r}")
        return name

    @field_validator("objectives")
    @classmethod
    def _each_once(cls, objectives: list[ObjectiveSection]) -> list[ObjectiveSection]:
        metrics = [objective.metric for objective in objectives]
        twice = [
            Problem((index, "metric"), f"{metric!r} is an objective already: keep one")
            for index, metric in enumerate(metrics)
            if metric in metrics[:index]
        ]
        if twice:
            raise SpaceError(twice)
        return objectives

    @classmethod
    def make(cls, raw: Any) -> Sweep:
        """A sweep from a mapping such as a parsed file.

        Raises:
            SweepError: one line per mistake.
        """
        if not isinstance(raw, dict):
            keys = "a mapping with name, trainable, objectives, ..."
            raise SweepError([Problem((), f"expected {keys}, got {shown(raw)}")])
        strange = [key for key in raw if not isinstance(key, str)]
        if strange:
            raise SweepError(Problem((key,), f"a key must be text, got {shown(key)}") for key in strange)
        return cls(**raw)

    @classmethod
    def from_yaml(cls, path: Any) -> Sweep:
        """A sweep from a YAML or JSON file.

        Raises:
            SweepError: one line per mistake, with file:line:column.
        """
        from .sweep_file import read_sweep

        return read_sweep(path)

    @property
    def objective(self) -> Objective:
        """What the sweep optimises: the first objective, with the limits and the other objectives."""
        first, *others = self.objectives
        limits = tuple(one.core() for one in self.constraints if isinstance(one, LimitSection))
        return replace(first.core(), limits=limits, others=tuple(other.core() for other in others))

    def networks(self, directory: str | None = None) -> Architecture | None:
        """The networks among which the parameters ``architecture.*`` choose; None without the section.

        Args:
            directory: of the sweep file.

        Raises:
            SpaceError, UsageError: see :meth:`ArchitectureSection.networks`.
        """
        return self.architecture.networks(directory) if self.architecture is not None else None

    @property
    def network_description(self) -> dict[str, Any] | None:
        """The same as plain data, without the sweep file's folder."""
        return self.architecture.described if self.architecture is not None else None

    @property
    def latency(self) -> dict[str, int]:
        """How ``latency_ms`` is measured: batch, warmup, runs."""
        return self.architecture.latency.model_dump() if self.architecture is not None else {}

    @property
    def measured(self) -> tuple[str, ...]:
        """What is measured of each network and added to its reports: its size, and its speed where that counts."""
        if self.architecture is None:
            return ()
        named = {one.metric for one in self.objective.each} | {limit.metric for limit in self.objective.limits}
        named |= {*self.leaderboard.tie_break} if isinstance(self.leaderboard.tie_break, list) else set()
        return tuple(name for name in MEASURES if name in named or name in _ALWAYS_MEASURED)

    @property
    def compared(self) -> Objective:
        """The objective by which the scheduler compares trials."""
        metric = self.scheduler.metric
        return next((one for one in self.objective.each if one.metric == metric), self.objective)

    @property
    def given(self) -> list[Config]:
        """Configs that are tried before any that is proposed: the default, and the rivals of the leaderboard."""
        rivals = [self.parameters.complete(rival) for rival in self.leaderboard.rivals]
        return [*dict.fromkeys([self.parameters.default(), *rivals])]

    @property
    def most_replicates(self) -> int:
        """Replicates of the finalists at most, without those that confirm the winner."""
        board = self.leaderboard
        return board.budget or (board.top + len(self.given)) * board.seeds

    @property
    def granted(self) -> Fidelity | None:
        """The fidelity as a core type."""
        return self.fidelity.core() if self.fidelity else None
