"""The command that reads the search space of another tool, or writes one for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import Problem, SpaceError, SweepError, UsageError, did_you_mean, one_of
from .printing import note, print_or_write

if TYPE_CHECKING:
    from ..search.section_architecture import ArchitectureSection
    from ..spaces import Space

_PYTHON = re.compile(r"[^\s:]+(\.py)?:[A-Za-z_]\w*")
_IN_PYTHON = "for ray, optuna and hyperopt see assay.spaces.to_ray_tune, to_optuna and to_hyperopt"
_REQUIRED = ("name", "trainable", "objectives", "budget")


def space(
    source: Annotated[
        str,
        typer.Argument(
            help="Sweep file, sweep.yaml of W&B, search_space.json of NNI, file of ConfigSpace, or file.py:NAME of a "
            "Pydantic model, a dataclass or a function.",
            show_default=False,
        ),
    ],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TOOL", help="sweep, wandb, nni, configspace or python; told by the content."),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="TOOL", help=f"sweep, nni or configspace; {_IN_PYTHON}.")
    ] = "sweep",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead.", show_default=False)
    ] = None,
) -> None:
    """Translate a search space exactly: what a tool cannot express is an error, never another distribution."""
    write = _WRITERS.get(to)
    if write is None:
        raise UsageError(f"--to: {to!r} is not offered{_elsewhere(to)}: use {one_of(_WRITERS)}")
    if from_ is not None and from_ not in (*_READERS, "python"):
        text = f"--from: {from_!r} is not offered{did_you_mean(from_, _READERS)}"
        raise UsageError(f"{text}: use {one_of((*_READERS, 'python'))}")
    if source.endswith(".py"):
        raise UsageError(f"{source}: which class? write {source}:NAME, such as {source}:Settings")
    found, sections = _read(source, from_)
    try:
        text = write(found, sections or {})
    except SpaceError as error:
        raise SweepError("\n".join(f"{source}: {one}" for one in error.problems)) from error
    print_or_write(text, output)
    if to == "sweep" and sections is not None:
        missing = [name for name in _REQUIRED if name not in sections]
        missing += ["fidelity.max"] if "scheduler" in sections and "max" not in sections.get("fidelity", {}) else []
        note(f"for a whole sweep, add {', '.join(missing)}")


def _elsewhere(word: str) -> str:
    if word in ("ray", "optuna", "hyperopt"):
        name = {"ray": "to_ray_tune"}.get(word, f"to_{word}")
        return f", because its spaces are Python objects (assay.spaces.{name} makes them)"
    return did_you_mean(word, _WRITERS)


# Reading


def _read(source: str, kind: str | None) -> tuple[Space, dict[str, Any] | None]:
    """The space, and what else the source says as sections of a sweep file; None for a sweep file itself."""
    if kind == "python" or (kind is None and _PYTHON.fullmatch(source) and not Path(source).exists()):
        return _of_python(source), {}
    from ..search.sweep_file import at_lines, read_document

    document = read_document(source)
    if not isinstance(document.value, Mapping):
        raise SweepError(f"{source}: expected a mapping with a search space")
    kind = kind or _guessed(document.value)
    if kind is None:
        raise SweepError(f"{source}: whose search space this is cannot be told: add --from {one_of(_READERS)}")
    problems = list(document.duplicates)
    try:
        found = _READERS[kind](document.value, Path(source).absolute().parent)
    except SpaceError as error:
        problems += error.problems
    if problems:
        raise SweepError(at_lines(source, document, problems))
    if kind == "wandb":
        from ..spaces.from_wandb import wandb_notes

        for line in wandb_notes(document.value):
            note(line)
    return found


def _guessed(content: Mapping[Any, Any]) -> str | None:
    """Whose file it is, by what only this tool writes."""
    if isinstance(content.get("hyperparameters"), list):
        return "configspace"
    parameters = content.get("parameters")
    if isinstance(parameters, Mapping):
        foreign = any(
            isinstance(one, Mapping) and {"distribution", "parameters"} & set(one) for one in parameters.values()
        )
        return "wandb" if foreign or {"method", "program"} & set(content) else "sweep"
    typed = [isinstance(one, Mapping) and "_type" in one for one in content.values()]
    if typed and all(typed):
        return "nni"
    return "sweep" if isinstance(content.get("architecture"), Mapping) else None


def _of_python(source: str) -> Space:
    from ..spaces import Space
    from ..trainables import TrainableRef
    from ..trainables.typed import TypedTrainable, as_asked

    found = TrainableRef(source, str(Path.cwd())).find()
    if isinstance(found, Space):
        return found
    asked = found if isinstance(found, type) else as_asked(found)
    return Space.of(asked.tree if isinstance(asked, TypedTrainable) else found)


def _of_sweep(content: Mapping[str, Any], folder: Path) -> tuple[Space, None]:
    from ..spaces import Space

    content = _with_networks(content, folder)
    with _under("parameters"):
        space = Space(content.get("parameters", {}))
    given = content.get("constraints", [])
    if not isinstance(given, list) or not all(isinstance(one, Mapping) and "require" in one for one in given):
        text = "expected a list of {require: EXPRESSION}; limits of metrics are no part of a space, take them out"
        raise SpaceError([Problem(("constraints",), text)])
    with _under("constraints"):
        return space.with_constraints([one["require"] for one in given]), None


def _with_networks(content: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """With the parameters that choose a network, as a sweep has them; a model space that has constraints is refused."""
    from pydantic import ValidationError

    from ..search.architecture_parameters import translated, with_networks
    from ..search.explain import problems
    from ..search.section_architecture import ArchitectureSection
    from ..spaces import Space

    if content.get("architecture") is None:
        return content
    try:
        raw = translated(content, folder)
        with _under("architecture"):
            try:
                section = ArchitectureSection.model_validate(raw["architecture"])
            except ValidationError as error:
                raise SpaceError(problems(error, ArchitectureSection)) from error
            Space(section.as_parameters() or {})
            _refuse_constrained(section, folder)
        return with_networks({**raw, "architecture": section})
    except SweepError as error:
        raise SpaceError(error.problems) from error


def _refuse_constrained(section: ArchitectureSection, folder: Path) -> None:
    """A rule that is written as NNI's, not as an expression, could be passed on to nobody."""
    if section.space is None:
        return
    from ..spaces.from_nni import ModelSpaceArchitecture

    networks = section.networks(str(folder))
    if isinstance(networks, ModelSpaceArchitecture) and networks.translation.constrained:
        text = f"{section.space} has constraints of its own, which parameters do not say: it cannot be translated"
        raise SpaceError([Problem(("space",), text)])


def _of_wandb(content: Mapping[str, Any], _: Path) -> tuple[Space, dict[str, Any]]:
    from ..spaces.from_wandb import from_wandb, wandb_sections

    with _under("parameters"):
        space = from_wandb(content)
    return space, wandb_sections(content)


def _of_nni(content: Mapping[str, Any], _: Path) -> tuple[Space, dict[str, Any]]:
    from ..spaces.from_nni_space import from_nni_space

    return from_nni_space(content), {}


def _of_configspace(content: Mapping[str, Any], _: Path) -> tuple[Space, dict[str, Any]]:
    from ..spaces.from_config_space import from_config_space

    with _under("hyperparameters"):
        return from_config_space(content), {}


@contextmanager
def _under(section: str) -> Iterator[None]:
    """Problems of a space, seen from the file."""
    try:
        yield
    except SpaceError as error:
        raise SpaceError([one.under(section) for one in error.problems]) from error


_READERS: dict[str, Callable[[Mapping[str, Any], Path], tuple[Space, dict[str, Any] | None]]] = {
    "sweep": _of_sweep,
    "wandb": _of_wandb,
    "nni": _of_nni,
    "configspace": _of_configspace,
}


# Writing


def _to_sweep(space: Space, sections: dict[str, Any]) -> str:
    from ..analysis.yaml_writer import dump_yaml

    constraints = {"constraints": [{"require": one.text} for one in space.constraints]} if space.constraints else {}
    return dump_yaml(sections | {"parameters": space.to_dict()} | constraints)


def _to_nni(space: Space, _: dict[str, Any]) -> str:
    from ..spaces.to_nni import to_nni

    return json.dumps(to_nni(space), indent=2, allow_nan=False) + "\n"


def _to_configspace(space: Space, _: dict[str, Any]) -> str:
    from ..spaces.to_config_space import to_config_space

    return json.dumps(to_config_space(space).to_serialized_dict(), indent=2, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[Space, dict[str, Any]], str]] = {
    "sweep": _to_sweep,
    "nni": _to_nni,
    "configspace": _to_configspace,
}
