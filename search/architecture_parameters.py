"""Networks as parameters among the others; a model space is translated once, so that results need no NNI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..spaces import Problem, Space, SpaceError, SweepError, UsageError, parse_parameter
from ..spaces.architectures import PREFIX, Architecture
from ..spaces.networks.measures import MEASURES, SIZES
from .section_architecture import ArchitectureSection

if TYPE_CHECKING:
    from .sweep import Sweep


def with_networks(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a sweep with the parameters that choose a network, and a searcher that is made for them.

    They are as they were without an architecture, and where the section is not good itself: that is said of it.

    Raises:
        SweepError: when the model space that it names cannot be searched.
        SpaceError: for a parameter that bears the name of one of them.
    """
    given: dict[str, Any] = translated(dict(raw), Path.cwd())
    section, own = given.get("architecture"), given.get("parameters", {})
    own = Space.of(own) if isinstance(own, type) else own
    if section is None or not isinstance(own, Mapping):
        return given
    try:
        if not isinstance(section, ArchitectureSection):
            section = ArchitectureSection.model_validate(section)
        known = Space(section.as_parameters() or {})
    except (ValidationError, SpaceError):
        return given
    _refuse_their_names(own, known)
    merged = {**own, **known}
    several = len(given.get("objectives") or ()) > 1
    return {
        "searcher": "tpe" if several else "gp",
        **given,
        "architecture": section,  # checked: not again
        "parameters": Space(merged, own.constraints) if isinstance(own, Space) else merged,
    }


def _refuse_their_names(own: Mapping[Any, Any], known: Space) -> None:
    """A recorded sweep has the parameters of its networks among its own; another of such a name is a mistake."""
    theirs = [name for name in own if isinstance(name, str) and name.startswith(PREFIX)]
    wrong = [name for name in theirs if name not in known or known[name] != parse_parameter(own[name])]
    if wrong:
        cure = "architecture.* comes from the section architecture: rename it"
        raise SpaceError([Problem(("parameters", name), cure) for name in wrong])


def translated(raw: Any, directory: str | Path) -> Any:
    """The content of a sweep file, with the parameters of the model space that it names, if it names one.

    Args:
        directory: the sweep file's folder.

    Raises:
        SweepError: when there is no such model space, or it cannot be searched.
    """
    section = raw.get("architecture") if isinstance(raw, dict) else None
    if isinstance(section, ArchitectureSection):
        section = section.model_dump(mode="json", exclude_unset=True)
    if not isinstance(section, dict) or section.get("space") is None or section.get("parameters") is not None:
        return raw
    try:
        networks = ArchitectureSection.model_validate(section).networks(str(directory))
        parameters = {name: parameter.to_dict() for name, parameter in networks.parameters().items()}
        if section.get("input") is not None:
            _check_input(networks)
    except ValidationError:
        return raw  # what is wrong is said of the whole file at once
    except SpaceError as error:
        raise SweepError([problem.under("architecture") for problem in error.problems]) from error
    except UsageError as error:
        raise SweepError([Problem(("architecture", "space"), str(error))]) from error
    return {**raw, "architecture": {**section, "parameters": parameters}}


def _check_input(networks: Architecture) -> None:
    """Whether the default network takes the input: else every trial would fail."""
    from ..spaces.networks.draws import own_draws
    from ..spaces.networks.recording import why_not

    with own_draws(0):
        model = networks.build(Space(networks.parameters()).default())
    shape = networks.input_shape or ()
    if why := why_not(model, shape):
        text = f"the default network does not take {list(shape)}: {why}"
        raise SpaceError([Problem(("input",), f"{text}: write the shape of one example, without the batch")])


def unmeasurable(sweep: Sweep) -> Iterator[str]:
    """Why metrics that the sweep goes by are not measured: they take an example, and nobody says what shape one has.

    The training function may report them itself, which shows only when it runs.
    """
    if sweep.architecture is None or sweep.architecture.input is not None:
        return
    choice = sweep.leaderboard.tie_break
    places = {
        "objectives": [one.metric for one in sweep.objective.each],
        "constraints": [limit.metric for limit in sweep.objective.limits],
        "leaderboard.tie_break": choice if isinstance(choice, list) else [],
    }
    for metric in (name for name in MEASURES if name not in SIZES):
        named = [place for place, metrics in places.items() if metric in metrics]
        if named:
            text = f"{metric} ({', '.join(named)}) is measured on an example, whose shape is not known"
            cure = "write architecture: {input: [3, 32, 32]}, without the batch, or let the training function report it"
            yield f"{text}: {cure}"
