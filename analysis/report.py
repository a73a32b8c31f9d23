"""The report: one HTML file with everything inside."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..search import Phase, State
from ..spaces import UsageError
from . import text
from .yaml_writer import dump_yaml

if TYPE_CHECKING:
    from .results import Results

_TEMPLATE = "report.html.j2"


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a sweep, finished or running, to ``path``.

    Raises:
        UsageError: when it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"report: {path} is a folder: name a file in it, such as {path / 'report.html'}")
    staging = path.with_name(f".{path.name}.tmp")
    html = render_report(results)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.write_text(html, encoding="utf-8", errors="backslashreplace")  # halves of characters, in names
        staging.replace(path)
    except OSError as error:
        raise UsageError(f"report: cannot write {path}: {error}") from error
    return path


def render_report(results: Results) -> str:
    """The report as HTML; it loads nothing and runs no script."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(_TEMPLATE).render(_context(results))


def _context(results: Results) -> dict[str, Any]:
    from .plots import plot_history, plot_leaderboard, to_svg

    board, ensemble = results.leaderboard(), results.ensemble()
    scored = results.scored
    return {
        "name": results.record.name,
        "description": results.sweep.description,
        "created": datetime.fromtimestamp(results.record.created, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "state": results.record.state,
        "board": board,
        "level": f"{100 * (1 - board.alpha):g} %",
        "names": text.differing(board.rows),
        "text": text,
        "tests": text.test_lines(board, ensemble),
        "ensemble": text.ensemble_lines(ensemble) if ensemble else [],
        "ensemble_note": results.ensemble_note,
        "forest": to_svg(plot_leaderboard(board)) if board.replicated else "",
        "history": to_svg(plot_history(results.trials, results.sweep)) if scored else "",
        "config": dump_yaml(results.best_config) if scored else "",
        "counts": _counts(results),
        "failures": [trial for trial in results.trials if trial.state is State.FAILED],
        "trials": results.phase(Phase.SEARCH),
        "metric": results.sweep.objective.metric,
        "spec": json.dumps(results.sweep.model_dump(mode="json"), indent=2),
    }


def _counts(results: Results) -> list[tuple[str, str]]:
    """Trials by phase and state, in words."""
    lines = []
    for phase in Phase:
        states = Counter(trial.state.value for trial in results.phase(phase))
        if states:
            lines.append((phase.value, ", ".join(f"{count} {state}" for state, count in sorted(states.items()))))
    return lines
