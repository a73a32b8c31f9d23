"""optuna-dashboard on a sweep: it follows the ledger, and can change nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from ...search import Ledger, Phase, State, SweepRecord
from ...spaces import UsageError
from ..page.loopback import names_loopback
from .mirror import Mirrored
from .optuna_log import Line, OptunaLog, followed

if TYPE_CHECKING:
    from optuna.storages import JournalStorage

_EVERY_SECONDS = 5.0
_SHARE = 10  # of the time that looking takes it rests

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Dashboard:
    """A server on 127.0.0.1; :meth:`serve` blocks until :meth:`stop`.

    optuna-dashboard has no login and can rename and delete studies. So it gets a copy in memory, made from the ledger,
    and no request but those that read and call it by a loopback name.

    Args:
        ledger, record: where the sweep is.
        port: 0 for a free one.

    Raises:
        UsageError: when optuna-dashboard is not installed, or the port is taken.
    """

    def __init__(self, ledger: Ledger, record: SweepRecord, port: int = 0) -> None:
        make_app = _maker()
        app = _reading_only(make_app(LedgerStudy(ledger, record).storage))
        try:
            self._server = make_server("127.0.0.1", port, app, _Server, _Quiet)
        except OSError as error:
            raise UsageError(
                f"port {port} of 127.0.0.1 cannot be used: {error.strerror or error}; choose another with --port"
            ) from error

    @property
    def url(self) -> str:
        """Where to look."""
        return f"http://127.0.0.1:{self._server.server_port}/dashboard/"

    def serve(self) -> None:
        """Answer requests."""
        with self._server:
            self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Let :meth:`serve` return; from another thread."""
        self._server.shutdown()


class LedgerStudy:
    """A sweep as a study of Optuna that grows as the ledger does. It looks at most every few seconds."""

    def __init__(self, ledger: Ledger, record: SweepRecord, clock: Callable[[], float] = time.monotonic) -> None:
        from optuna.storages import JournalStorage

        self._ledger, self._record, self._clock = ledger, record, clock
        self._log = OptunaLog(Mirrored.of(ledger, record))
        self._lines: list[Line] = self._log.begin()
        self._known: dict[int, tuple[State, int]] = {}
        self._guard = threading.Lock()
        self._next = 0.0
        self._look()
        self.storage: JournalStorage = JournalStorage(followed(self._lines, self._look_again))

    def _look_again(self) -> None:
        with self._guard:
            if self._clock() >= self._next:
                self._look()

    def _look(self) -> None:
        began = self._clock()
        for trial in self._ledger.trials(self._record, Phase.SEARCH):
            state, seen = self._known.get(trial.number, (None, 0))
            if state is not None and state.over:
                continue
            if state is not None:
                for report in trial.reports[seen:]:
                    self._lines += self._log.on_report(trial.number, report)
            self._lines += self._log.on_trial(trial)
            self._known[trial.number] = trial.state, len(trial.reports)
        now = self._clock()
        self._next = now + max(_EVERY_SECONDS, _SHARE * (now - began))


def _maker() -> Callable[[JournalStorage], App]:
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise UsageError(f"assay dashboard needs optuna-dashboard: pip install 'assay[dashboard]' ({error})") from error
    maker: Callable[[JournalStorage], App] = wsgi
    return maker


def _reading_only(app: App) -> App:
    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        port = int(environ["SERVER_PORT"])
        if not names_loopback(environ.get("HTTP_HOST", ""), port):
            return _refused(start, "421 Misdirected Request", f"not a name of this server: use 127.0.0.1:{port}")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            why = "this is a copy of a sweep, to be looked at: nothing can be changed here"
            return _refused(start, "403 Forbidden", why)
        return app(environ, start)

    return answer


def _refused(start: Callable[..., Any], status: str, why: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json")])
    return [json.dumps({"reason": why}).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nothing to tell of."""
