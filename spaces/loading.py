"""Python objects by name: ``train.py:train`` or ``package.module:train``, seen from a folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from .errors import UsageError, did_you_mean, one_of


def short_reason(error: BaseException) -> str:
    """An exception of somebody else's code in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


@dataclass(frozen=True)
class Named:
    """An object of a module.

    Attributes:
        name: file or module, colon, and the object's name.
        directory: where files and modules are looked for first.
        what: it is, as messages begin.
        error: what is raised when it cannot be found.
        kind: of object, as messages describe the form.
    """

    name: str
    directory: str
    what: str
    error: type[UsageError]
    kind: str = "function"

    def parts(self) -> tuple[str, str]:
        """File or module, and the object's name."""
        module, colon, inner = self.name.rpartition(":")
        if not colon or not module or not inner.isidentifier():
            form = f"file.py:{self.kind} or package.module:{self.kind}"
            raise self.error(f"{self.what}: {self.name!r} is not of the form {form}")
        return module, inner

    def path(self, module: str) -> Path:
        """The file, which has to be there."""
        path = Path(self.directory, module).resolve()
        if not path.is_file():
            text = f"{self.what}: there is no file {path}"
            raise self.error(f"{text}: the path is relative to the sweep file's folder")
        return path

    def find(self, reason: Callable[[BaseException], str] = short_reason, *, again: bool = True) -> Any:
        """Import and return the object, whatever it is.

        Args:
            reason: how an error of the import is told.
            again: a file that is a module of this process already is run again, as it may have changed.

        Raises:
            UsageError: :attr:`error`, when it cannot be imported.
        """
        module_name, inner = self.parts()
        if module_name.endswith(".py"):
            self.path(module_name)
        try:
            module = self._import(module_name, again)
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            text = reason(error.with_traceback(_outside(error.__traceback__)))
            raise self.error(f"{self.what}: importing {module_name} failed: {text}") from error
        if not hasattr(module, inner):
            names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            text = f"{self.what}: {module_name} has no {inner!r}{did_you_mean(inner, names)}"
            own = [name for name in names if getattr(vars(module)[name], "__module__", None) == module.__name__]
            raise self.error(f"{text}: use {one_of(own)}" if own and self.kind == "Class" else text)
        return getattr(module, inner)

    def _import(self, module: str, again: bool) -> ModuleType:
        importlib.invalidate_caches()
        make_importable(Path(self.directory).resolve())
        if not module.endswith(".py"):
            return importlib.import_module(module)
        path = self.path(module)
        make_importable(path.parent)
        name = _module_name(path)
        before = sys.modules.get(name)
        if before is not None and not again and getattr(before, "__file__", None) == str(path):
            return before
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before
            raise
        return loaded


def make_importable(folder: Path) -> None:
    """As for a script: modules of ``folder`` come first."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _outside(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from where this file is left."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _module_name(path: Path) -> str:
    """The file's own name, so that child processes can import it, unless that would replace another module."""
    taken = path.stem in sys.stdlib_module_names or (
        path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) != str(path)
    )
    return f"_trainable_{path.stem}_{zlib.crc32(str(path).encode()):08x}" if taken else path.stem
