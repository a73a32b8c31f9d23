"""What can be tuned, and how it is found from its name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..spaces import TrainableError, did_you_mean
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
        module, function = self._parts()
        if not module.endswith(".py"):
            return
        path = self._path(module)
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
        module_name, function = self._parts()
        try:
            module = self._import(module_name)
        except TrainableError:
            raise
        except (Exception, SystemExit) as error:
            raise TrainableError(f"trainable: importing {module_name} failed: {one_line(error)}") from error
        if not hasattr(module, function):
            names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise TrainableError(f"trainable: {module_name} has no {function!r}{did_you_mean(function, names)}")
        return getattr(module, function)

    def _parts(self) -> tuple[str, str]:
        module, colon, function = self.name.rpartition(":")
        if not colon or not module or not function.isidentifier():
            raise TrainableError(
                f"trainable: {self.name!r} is not of the form file.py:function or package.module:function"
            )
        return module, function

    def _path(self, module: str) -> Path:
        path = Path(self.directory, module).resolve()
        if not path.is_file():
            raise TrainableError(f"trainable: there is no file {path}: the path is relative to the sweep file's folder")
        return path

    def _import(self, module: str) -> Any:
        importlib.invalidate_caches()
        _make_importable(Path(self.directory).resolve())
        if not module.endswith(".py"):
            return importlib.import_module(module)
        path = self._path(module)
        _make_importable(path.parent)
        name = _module_name(path)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise TrainableError(f"trainable: {path} is not a Python file")
        loaded = importlib.util.module_from_spec(spec)
        before = sys.modules.get(name)
        sys.modules[name] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before
            raise
        return loaded


def _make_importable(folder: Path) -> None:
    """As for a script: modules of ``folder`` come first."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _module_name(path: Path) -> str:
    """The file's own name, so that child processes can import it, unless that would replace another module."""
    taken = path.stem in sys.stdlib_module_names or (
        path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) != str(path)
    )
    return f"_trainable_{path.stem}_{zlib.crc32(str(path).encode()):08x}" if taken else path.stem


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
