"""What can be tuned, and how it is found from its name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..spaces import TrainableError, did_you_mean
from ..spaces.loading import Named
from .reason import one_line
from .typed import TypedTrainable, as_asked

Metrics = Mapping[str, Any]


class Trainable(Protocol):
    """A training function ``train(config, trial)``.

    ``config`` is a nested dict of plain values, or an instance of the Pydantic model or dataclass that it is annotated
    with; ``trial`` is a :class:`~assay.trainables.TrialHandle`. Or the trial comes first, and then the parameters
    themselves: ``train(trial, lr, layers)``. It is one of

    - a generator that yields a mapping of metrics after each step (epoch),
    - a plain function that calls ``trial.report(accuracy=...)`` after each step, or returns the mapping at the end.
    """

    def __call__(self, config: dict[str, Any], trial: Any, /) -> Iterator[Metrics] | Metrics | None: ...


@dataclass(frozen=True)
class TrainableRef:
    """Where a training function is: ``train.py:train`` or ``package.module:train``, seen from ``directory``.

    ``function`` is set when it was given as an object; then it travels to the workers by value.
    """

    name: str
    directory: str
    function: Trainable | None = None

    def __post_init__(self) -> None:
        # Here, where the names in its annotations mean something: a function that travels by value leaves them behind.
        object.__setattr__(self, "function", as_asked(self.function))

    def check(self) -> None:
        """Find obvious mistakes without importing anything.

        Raises:
            TrainableError: for a malformed name, a missing file, or a file that does not define the function.
        """
        if self.function is not None:
            return
        module, function = self._named.parts()
        if not module.endswith(".py"):
            return
        path = self._named.path(module)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (OSError, ValueError, SyntaxError) as error:
            raise TrainableError(f"trainable: {path}: {error}") from error
        names = set(_defined(tree.body))
        if function not in names and not names & {"*", "__getattr__"}:
            shown = f"; it defines: {', '.join(sorted(names))}" if names else ""
            raise TrainableError(
                f"trainable: {path} does not define {function!r}{did_you_mean(function, names)}{shown}"
            )

    def load(self) -> Trainable:
        """Import and return the function.

        Raises:
            TrainableError: when it cannot be imported or does not take ``(config, trial)``.
        """
        return _checked(self.find() if self.function is None else self.function, self.name)

    def find(self) -> Any:
        """Import and return what the name stands for, whatever it is.

        Raises:
            TrainableError: when it cannot be imported.
        """
        return self._named.find(one_line)

    @property
    def _named(self) -> Named:
        return Named(self.name, self.directory, "trainable", TrainableError)


def _checked(function: Any, name: str) -> Trainable:
    if not callable(function):
        raise TrainableError(f"trainable: {name} is {type(function).__name__}, not a function")
    given = function.function if isinstance(function, TypedTrainable) else function
    if any(map(_is_async, (given, type(given).__call__))):
        raise TrainableError(f"trainable: {name} is async: write a generator or a plain function")
    function = as_asked(function)
    if isinstance(function, TypedTrainable) and function.direct:
        return function  # it takes the trial, and parameters by name
    try:
        inspect.signature(given).bind({}, None)
    except TypeError:
        raise TrainableError(
            f"trainable: {name} must take two arguments: def {name.rpartition(':')[2]}(config, trial)"
        ) from None
    except ValueError:
        pass  # a builtin without a signature: calling it will tell
    return function  # type: ignore[no-any-return]


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _defined(body: Iterable[ast.AST]) -> Iterator[str]:
    """Names that ``body`` binds, also within ``if``, ``try`` and the like; ``*`` for a star import."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.Lambda):
            yield from _defined(ast.iter_child_nodes(node))
