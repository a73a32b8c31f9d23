"""Model spaces by name, written out as parameters: once, where a sweep begins, so that results need no NNI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..spaces import Problem, Space, SpaceError, SweepError, UsageError
from ..spaces.architectures import Architecture
from .section_architecture import ArchitectureSection


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
