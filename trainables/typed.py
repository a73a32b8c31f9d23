"""Training functions that ask for more than a dict: ``train(config: Settings, trial)``, ``train(trial, lr, depth)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..spaces import Problem, Space, SpaceError, TrainableError

_PLAIN = ("dict", "Dict", "Mapping", "MutableMapping", "Any", "object")


@dataclass(frozen=True)
class TypedTrainable:
    """A training function with what it makes of a config, resolved where it was defined: names do not travel.

    Args:
        tree: the fields of the class that it asks for, or of its own parameters.
        direct: whether it takes the parameters themselves, after the trial.
    """

    function: Callable[..., Any]
    tree: Any
    direct: bool

    def __call__(self, config: dict[str, Any], trial: Any, /) -> Any:
        from ..spaces.typed_config import typed_config

        try:
            typed = typed_config(self.tree, config)
        except SpaceError as error:
            text = "; ".join(str(problem) for problem in error.problems)
            raise TrainableError(f"the config does not fit {self.tree.name}: {text}") from None
        return self.function(trial, **typed) if self.direct else self.function(typed, trial)


def as_asked(function: Any) -> Any:
    """``function``, ready to be called with a dict and a trial; the same object when that is what it takes.

    Raises:
        TrainableError: when the annotation of its config cannot be resolved, or is no class of settings.
    """
    first = _first(function)
    if first is None or isinstance(function, TypedTrainable):
        return function
    from ..spaces.typed_tree import read

    direct = first.name == "trial" and len(inspect.signature(function).parameters) > 1
    source = function if direct else _annotated(function, first)
    if source is None:
        return function
    try:
        tree = read(source)
    except SpaceError as error:
        raise TrainableError(f"trainable: {_name(function)}: {error}") from None
    if direct and not tree.fields and not tree.open:
        raise TrainableError(f"trainable: {_name(function)} takes the trial first: write def train(config, trial)")
    return TypedTrainable(function, tree, direct)


def misfits(trainable: Any, space: Space) -> list[Problem]:
    """What in ``space`` does not fit the settings that a training function asks for, located by parameter."""
    if not isinstance(trainable, TypedTrainable):
        return []
    from ..spaces.typed import misfits as found

    return found(trainable.tree, space)


def is_generator(trainable: Any) -> bool:
    """Whether calling a training function gives a generator."""
    function = trainable.function if isinstance(trainable, TypedTrainable) else trainable
    return inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(type(function).__call__)


def _first(function: Any) -> inspect.Parameter | None:
    """The first parameter by position; None where there is none, or nobody knows."""
    if not callable(function):
        return None
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return None
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return parameters[0] if parameters and parameters[0].kind in by_position else None


def _annotated(function: Any, first: inspect.Parameter) -> Any:
    """The class of settings that ``first`` asks for; None when a dict is what it takes."""
    from ..spaces.typed_fields import annotation_of, is_class, unwrapped

    text = first.annotation
    if isinstance(text, str) and text.partition("[")[0].rpartition(".")[2].strip() in _PLAIN:
        return None  # often known to type checkers alone
    try:
        kind = unwrapped(annotation_of(function, first))[0]
    except SpaceError as error:
        raise TrainableError(f"trainable: {error}") from None
    if is_class(kind):
        return kind
    if kind is not Any and isinstance(kind, type) and not _takes_dict(kind):
        raise TrainableError(
            f"trainable: {_name(function)} asks for a {kind.__name__}: a config comes as a dict, a dataclass or a "
            "Pydantic model"
        )
    return None


def _takes_dict(kind: type) -> bool:
    try:
        return issubclass(kind, Mapping) or issubclass(dict, kind)
    except TypeError:  # a protocol that is not checked at run time
        return True


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))
