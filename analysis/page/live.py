"""The pages of a store as they are now, worked out anew only when something was recorded."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from html import escape
from typing import Any

from ...search import Ledger
from ..results import Results
from .data import is_running, page_data
from .rendered import embedded, rendered, style


@dataclass(frozen=True)
class Version:
    """A page at one instant.

    Args:
        tag: changes whenever the data does; usable as an ETag.
        json: the data.
        html: the document with them.
    """

    tag: str
    json: bytes
    html: bytes


class LivePages:
    """Pages of the sweeps of a ledger, for several threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Any, Version]] = {}

    def page(self, name: str) -> Version:
        """The page of a sweep; ``@last`` is the newest.

        Raises:
            NotFoundError: when there is no such sweep.
        """
        with self._lock:  # two readers of one page wait for one computation
            results = Results(self._ledger, self._ledger.sweep(name))
            mark = _mark(results)
            known = self._known.get(name)
            if known is None or known[0] != mark:
                known = mark, _version(results)
                self._known[name] = known
            return known[1]

    def sweeps(self, prefix: str) -> bytes:
        """A list of all sweeps as an HTML document, newest first; links begin with ``prefix``."""
        with self._lock:
            records = list(reversed(self._ledger.sweeps()))
        items = [
            f'<li><a href="{escape(prefix)}/sweeps/{escape(one.name)}/">{escape(one.name)}</a> '
            f'<span class="quiet">{escape(one.state)} {escape(one.sweep.description)}</span></li>'
            for one in records
        ]
        listed = f"<ul>{''.join(items)}</ul>" if items else "<p>There is no sweep in this store yet.</p>"
        head = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Sweeps – Assay</title>'
        body = f'<body><div id="page"><h1>Sweeps</h1>{listed}</div></body></html>'
        return f"{head}<style>{style()}</style></head>{body}".encode("utf-8", "backslashreplace")


def _mark(results: Results) -> Any:
    """What changes with everything that the page shows; asked for every few seconds, so no trial is read for it."""
    return results.ledger.mark(results.record), is_running(results)


def _version(results: Results) -> Version:
    data = page_data(results)
    json = embedded(data).encode()
    html = rendered(data, results.leaderboard(), live=True).encode("utf-8", "backslashreplace")
    return Version(f'"{hashlib.sha256(json).hexdigest()[:32]}"', json, html)
