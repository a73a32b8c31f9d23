"""The report: the page as one HTML file with everything inside."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...spaces import UsageError
from .data import page_data
from .rendered import rendered

if TYPE_CHECKING:
    from ..results import Results


@dataclass(frozen=True)
class ShownReport:
    """A report that a notebook shows: Jupyter, VS Code and marimo ask for its HTML.

    Args:
        html: the document.
        height: of the frame it is shown in, in pixels.
    """

    html: str
    height: int = 800

    def _repr_html_(self) -> str:
        """A frame that holds the document itself; its script has no access to the notebook."""
        html = _encodable(self.html)
        return (
            f'<iframe srcdoc="{escape(html, quote=True)}" sandbox="allow-scripts" title="Assay report" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
        )


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a sweep, finished or running, to ``path``.

    Raises:
        UsageError: when it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"report: {path} is a folder: name a file in it, such as {path / 'report.html'}")
    staging = path.with_name(f".{path.name}.tmp")
    html = _encodable(render_report(results))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.write_text(html, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise UsageError(f"report: cannot write {path}: {error}") from error
    return path


def render_report(results: Results) -> str:
    """The report as HTML. It makes no request, and works from a file."""
    return rendered(page_data(results), results.leaderboard())


def _encodable(html: str) -> str:
    """With halves of characters, which names may hold, written out."""
    return html.encode("utf-8", "backslashreplace").decode("utf-8")
