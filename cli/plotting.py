"""The command that writes figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import UsageError, one_of
from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import note, print_json

if TYPE_CHECKING:
    from ..analysis import Results

_OUTPUT = "File (.png, .svg or .pdf), or without a KIND a folder; default: plots/ in the sweep's folder."


def plot(
    name: Name,
    kind: Annotated[
        str | None, typer.Argument(help="Which figure; without one, all that have data.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=_OUTPUT, show_default=False)] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="Of the figure, such as parameter=lr; may be repeated.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="png (default), svg or pdf, where no file is named.")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Only list the figures and their options.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Draw figures of a sweep, and print the paths of the files."""
    results = results_of(name, store)
    if list_them:
        _list(as_json)
        return
    if format is not None:
        _check_format(format)
    if kind is None:
        if option:
            raise UsageError(f"--option {option[0]} belongs to one figure: name it, as in `assay plot {name} slice`")
        _draw_all(results, output, format or "png", as_json)
    else:
        _draw_one(results, kind, output, format, option or (), as_json)


def _draw_one(
    results: Results, kind: str, output: Path | None, format: str | None, option: Sequence[str], as_json: bool
) -> None:
    from ..analysis.plots import draw, emptiness, save
    from ..search.store import near

    if output is not None and format is not None:
        raise UsageError(f"--format {format}: the ending of {output} says it already; leave one out")
    ax = draw(results, kind, options=_options(option))
    why = emptiness(ax)
    if why is not None:
        raise UsageError(f"plot {kind}: {why}")
    target = save(ax, output if output is not None else results.folder / "plots" / f"{kind}.{format or 'png'}")
    if as_json:
        print_json({"files": {kind: near(target)}, "empty": {}})
    else:
        print(near(target))


def _draw_all(results: Results, output: Path | None, format: str, as_json: bool) -> None:
    from ..analysis.plots import PLOTS, draw, emptiness, save
    from ..search.store import near

    folder = output if output is not None else results.folder / "plots"
    if folder.is_file():
        raise UsageError(f"--output: {folder} is a file: name a folder, or a KIND of figure for one file")
    files, empty = {}, {}
    for kind in PLOTS:
        ax = draw(results, kind)
        why = emptiness(ax)
        if why is None:
            files[kind] = near(save(ax, folder / f"{kind}.{format}"))
        else:
            empty[kind] = why
    if as_json:
        print_json({"files": files, "empty": empty})
        return
    for path in files.values():
        print(path)
    for kind, why in empty.items():
        note(f"no {kind}: {why}")


def _check_format(format: str) -> None:
    from ..analysis.plots import FORMATS

    if format not in FORMATS:
        raise UsageError(f"--format must be {one_of(FORMATS)}, got {format!r}")


def _list(as_json: bool) -> None:
    from ..analysis.plots import PLOTS, options_of, summary_of

    if as_json:
        print_json({"plots": {kind: {"summary": summary_of(kind), "options": options_of(kind)} for kind in PLOTS}})
        return
    width = max(map(len, PLOTS))
    for kind in PLOTS:
        options = " ".join(f"[{name}]" for name in options_of(kind))
        print(f"{kind:{width}}  {summary_of(kind)}{' ' if options else ''}{options}")


def _options(pairs: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as keywords; numbers, true, false and null as in JSON, everything else as text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--option {pair!r} must be NAME=VALUE, such as parameter=lr")
        if key in found:
            raise UsageError(f"--option {key} is given twice: keep one")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
