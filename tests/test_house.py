"""The rule of the house: what may stand where, and who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import assay

ROOT = Path(assay.__file__).resolve().parent
FOLDERS = ("spaces", "trainables", "search", "analysis", "cluster", "cli")
MAY_IMPORT = {
    "spaces": set(),
    "trainables": {"spaces"},
    "search": {"spaces"},
    "analysis": {"spaces", "search"},
    "cluster": {"spaces", "trainables", "search", "analysis"},
    "cli": {"spaces", "trainables", "search", "analysis", "cluster", "__version__"},
}
HEAVY = ("torch", "ray", "pandas", "nni", "sklearn", "optuna", "hyperopt", "matplotlib", "scipy")


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Level (0 is absolute) and module of every import of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.level, node.module
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, alias.name) for alias in node.names)


def outer_folder(path: Path, level: int, module: str) -> str | None:
    """The folder of the house that a relative import leads to, when it is another one."""
    depth = len(path.relative_to(ROOT).parts) - 1
    return module.split(".")[0] if level > depth else None


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_imports_only_what_stands_before_it(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    reached = {outer_folder(path, level, module) for level, module in imports(path) if level}
    assert reached - {None} <= MAY_IMPORT[folder]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_folders_use_relative_imports(path: Path) -> None:
    absolute = {module.split(".")[0] for level, module in imports(path) if level == 0}
    assert not absolute & {"assay", *FOLDERS}


def test_all_packages_are_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = {"assay"} | {
        ".".join(("assay", *init.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(listed) == found


def test_files_that_are_no_python_are_listed() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    listed = {f"{package.partition('.')[2]}/{name}" for package, names in data.items() for name in names}
    found = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert found == listed - {"/py.typed"}


def test_no_other_python_files_at_the_root() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_no_module_is_named_after_the_standard_library() -> None:
    assert not {path.stem for path in modules()} & (sys.stdlib_module_names - {"__init__"})


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["leaderboard", "--help"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    assert loaded_after(f"import sys; sys.argv = ['assay', *{command!r}]; from assay.cli import app; app()") == set()


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded_after("import assay") == set()


def loaded_after(code: str) -> set[str]:
    script = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); {code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    names = next(line for line in done.stderr.splitlines() if line.startswith("loaded "))
    return set(names.split()) & set(HEAVY)


def test_the_front_door() -> None:
    assert sorted(assay.__all__) == [
        "AssayError", "Categorical", "Config", "Constant", "Float", "Integer", "Results", "Space", "Sweep",
        "TrialHandle", "load", "run",
    ]  # fmt: skip
    assert all(getattr(assay, name) is not None for name in assay.__all__)


def test_the_two_commands() -> None:
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "test: lint types unit" in rules
    assert "\ndemo:" in rules
