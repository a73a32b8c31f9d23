"""The page as one HTML document: the template with its styles, its scripts, and the data."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from ..board import Leaderboard
from .board_table import board_table

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = (
    "dom", "format", "store", "yaml", "scale", "headline", "leaderboard", "network", "finalists", "history", "front",
    "parallel", "outcome", "effort", "trials", "live", "main",
)  # fmt: skip
"""In the order in which they use each other."""
_STYLES = ("palette", "page")


def rendered(data: dict[str, Any], board: Leaderboard, live: bool = False) -> str:
    """The document. Nothing in it makes a request, but for ``data.json`` beside it when it is live.

    Args:
        data: of :func:`.data.page_data`.
        board: for readers whose browser runs no script.
        live: it is served, and asks for newer data.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        live=live,
        policy=policy("'none'"),
        title=data["sweep"]["name"],
        headline=board.headline,
        table=board_table(board),
        style=style(),
        script=script(),
        data=embedded(data),
    )


def embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside an HTML element: without ``<``, which might end it."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def policy(connect: str) -> str:
    """A Content-Security-Policy under which only the page's own style and script count.

    Args:
        connect: where the script may ask for data: ``'self'`` or ``'none'``.
    """
    own = {"script-src": _hash(script()), "style-src": _hash(style()), "connect-src": connect, "img-src": "data:"}
    rules = {"default-src": "'none'", **own, "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def style() -> str:
    """All styles."""
    return "".join((_ASSETS / f"{name}.css").read_text(encoding="utf-8") for name in _STYLES)


@cache
def script() -> str:
    """All scripts, as one function of its own."""
    parts = [(_ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
