"""The page served live: read-only, from the standard library."""

from __future__ import annotations

import errno
import hmac
import secrets
import socket
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ...search import Ledger
from ...spaces import AssayError, NotFoundError, UsageError
from .live import LivePages
from .loopback import is_loopback, names_loopback
from .rendered import policy

PORT = 8787
_TRIED = 20
"""Ports from the first on that are tried when nobody asked for one."""
_PATIENCE = 30.0
"""Seconds after which a connection that says nothing is closed."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "",  # of each answer
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_JSON, _HTML, _TEXT = "application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8"


class PageServer(ThreadingHTTPServer):
    """Serves the pages of a store, or of one sweep of it.

    Bound to anything but this machine's loopback, it wants a random token in the path. On loopback it answers only
    requests that call it by a loopback name: a site that lets its own name point here (DNS rebinding) reads nothing.

    Attributes:
        url: where to look.
    """

    daemon_threads = True

    def __init__(
        self, ledger: Ledger, name: str | None = None, host: str = "127.0.0.1", port: int | None = None
    ) -> None:
        """Listen; :meth:`serve_forever` answers.

        Args:
            name: the sweep to show; ``@last`` follows the newest. All sweeps when None.
            host: a name or an address, IPv4 or IPv6.
            port: 0 for any; 8787 or the next one that is free when None.

        Raises:
            NotFoundError: when there is no such sweep.
            UsageError: when the host is none of this machine's, or the port is taken.
        """
        if name is not None:
            ledger.sweep(name)
        self.pages, self.name = LivePages(ledger), name
        host = host.removeprefix("[").removesuffix("]")
        self._loopback = is_loopback(host)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.prefix = "" if self._loopback else f"/{secrets.token_urlsafe(24)}"
        _listen(partial(super().__init__, RequestHandlerClass=_Handler), host, port)
        shown = "localhost" if host.lower() == "localhost" else str(self.server_address[0])
        self.url = f"http://{_in_url(shown)}:{self.server_port}{self.prefix}{self._start()}"

    def answers_to(self, host: str) -> bool:
        """Whether a request may call this server ``host``, as its header says."""
        return not self._loopback or names_loopback(host, self.server_port)

    def within(self, path: str) -> str | None:
        """The path behind the token; None without the right one."""
        count = len(self.prefix)
        right = hmac.compare_digest(path[:count].encode(), self.prefix.encode())
        return path[count:] if right else None

    def allows(self, name: str) -> bool:
        """Whether a sweep is shown."""
        return self.name in (None, name)

    def home(self) -> str:
        """Where ``/`` leads; empty when it is the list of sweeps."""
        return self.prefix + self._start() if self.name else ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that left is no error; what else went wrong is said in one line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"page: {type(error).__name__}: {error}", file=sys.stderr)

    def _start(self) -> str:
        return f"/sweeps/{quote(self.name, safe='@')}/" if self.name else "/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def do_GET(self) -> None:
        try:
            status, kind, body, headers = self._answer()
        except Exception:
            self._nothing(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        unchanged = headers.get("ETag") in _tags(self.headers.get("If-None-Match", ""))
        if unchanged:
            status, body = HTTPStatus.NOT_MODIFIED, b""
        self.send_response(status)
        for name, value in (_HEADERS | {"Content-Security-Policy": _policy()} | headers).items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every other method
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self._nothing(HTTPStatus.METHOD_NOT_ALLOWED)

    def _nothing(self, status: HTTPStatus) -> None:
        self.close_connection = True  # what it sent along is not read
        self.send_response(status)
        for name, value in {"Allow": "GET, HEAD", "Content-Length": "0", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self) -> tuple[HTTPStatus, str, bytes, dict[str, str]]:
        if not self.server.answers_to(self.headers.get("Host", "")):
            return _text(HTTPStatus.MISDIRECTED_REQUEST, f"not a name of this server: use {self.server.url}")
        path = self.server.within(unquote(urlsplit(self.path).path))
        try:
            return self._page(path) if path is not None else _text(HTTPStatus.NOT_FOUND, "not found")
        except NotFoundError as error:
            return _text(HTTPStatus.NOT_FOUND, str(error))
        except AssayError as error:
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def _page(self, path: str) -> tuple[HTTPStatus, str, bytes, dict[str, str]]:
        server = self.server
        if path in ("", "/"):
            if server.home():
                return HTTPStatus.FOUND, _TEXT, b"", {"Location": server.home()}
            return HTTPStatus.OK, _HTML, server.pages.sweeps(server.prefix), {}
        folder, _, rest = path.removeprefix("/sweeps/").partition("/")
        if not path.startswith("/sweeps/") or not server.allows(folder) or rest not in ("", "data.json"):
            return _text(HTTPStatus.NOT_FOUND, "not found")
        if not path.endswith(("/", "data.json")):
            return HTTPStatus.FOUND, _TEXT, b"", {"Location": f"{server.prefix}{quote(path, safe='/@')}/"}
        version = server.pages.page(folder)
        if rest:
            return HTTPStatus.OK, _JSON, version.json, {"ETag": version.tag}
        return HTTPStatus.OK, _HTML, version.html, {}

    def version_string(self) -> str:
        return "assay"

    def log_message(self, format: str, *values: Any) -> None:
        """Nothing: a page that asks every three seconds would bury everything else."""


def _policy() -> str:
    return policy("'self'") + "; frame-ancestors 'none'"


def _text(status: HTTPStatus, text: str) -> tuple[HTTPStatus, str, bytes, dict[str, str]]:
    return status, _TEXT, f"{text}\n".encode("utf-8", "backslashreplace"), {}


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _listen(bind: Callable[..., None], host: str, port: int | None) -> None:
    ports = [port] if port is not None else range(PORT, PORT + _TRIED)
    for tried in ports:
        try:
            return bind((host, tried))
        except OverflowError:
            raise UsageError(f"--port: expected 0 to 65535, got {tried}") from None
        except OSError as error:
            if port is None and error.errno == errno.EADDRINUSE:
                continue
            why = error.strerror or error
            raise UsageError(
                f"cannot listen on {_in_url(host)}:{tried}: {why}; choose another --port or --host"
            ) from error
    raise UsageError(f"ports {PORT} to {PORT + _TRIED - 1} of {host} are taken: choose another with --port")
