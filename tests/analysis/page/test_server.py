"""The page served live: only read, only by who may."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from assay.analysis import Results
from assay.analysis.page import server as serving
from assay.analysis.page.data import page_data
from assay.analysis.page.server import PageServer
from assay.spaces import NotFoundError, UsageError

from ..conftest import Recorder


@contextmanager
def served(results: Results, name: str | None = "demo", host: str = "127.0.0.1") -> Iterator[PageServer]:
    server = PageServer(results.ledger, name, host, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Answer:
    def __init__(self, server: PageServer, path: str, method: str = "GET", **headers: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        got = connection.getresponse()
        self.status, self.headers, self.body = got.status, got.headers, got.read()
        connection.close()


def test_the_page_and_its_data(finished: Results) -> None:
    with served(finished) as server:
        assert server.url == f"http://127.0.0.1:{server.server_port}/sweeps/demo/"
        path = urlsplit(server.url).path
        page, data = Answer(server, path), Answer(server, f"{path}data.json")
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b'data-live="yes"' in page.body
        assert json.loads(data.body) == page_data(finished)
        for answer in (page, data):
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Server"] == "assay"
            assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_data_that_did_not_change_are_not_sent_again(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    with served(made.results()) as server:
        path = "/sweeps/demo/data.json"
        tag = Answer(server, path).headers["ETag"]
        again = Answer(server, path, If_None_Match=f'"other", W/{tag}')
        assert (again.status, again.body) == (304, b"")
        made.search([0.6])
        changed = Answer(server, path, If_None_Match=tag)
        assert changed.status == 200
        assert changed.headers["ETag"] != tag
        assert json.loads(changed.body)["trials"]["number"] == [0, 1]


def test_head_has_no_body(finished: Results) -> None:
    with served(finished) as server:
        head, whole = Answer(server, "/sweeps/demo/", "HEAD"), Answer(server, "/sweeps/demo/")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ANYTHING"])
def test_nothing_can_be_written(finished: Results, method: str) -> None:
    with served(finished) as server:
        answer = Answer(server, "/sweeps/demo/", method)
        assert (answer.status, answer.headers["Allow"], answer.body) == (405, "GET, HEAD", b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""])
def test_other_names_of_this_machine_are_refused(finished: Results, host: str) -> None:
    with served(finished) as server:
        given = host.format(port=server.server_port)
        assert Answer(server, "/sweeps/demo/data.json", Host=given).status == 421
        for name in ("localhost", "LocalHost", "127.0.0.1", "127.0.0.2", "[::1]"):
            assert Answer(server, "/sweeps/demo/", Host=f"{name}:{server.server_port}").status == 200


@pytest.mark.parametrize("host", ["127.0.0.2", "LocalHost", "::1", "[::1]"])
def test_it_answers_at_the_address_that_it_tells(finished: Results, host: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with served(finished, host=host) as server:
        with urllib.request.urlopen(f"{server.url}data.json", timeout=20) as answer:
            assert answer.status == 200
        [*_, shown] = server.url.removesuffix(f":{server.server_port}/sweeps/demo/").split("//")
        assert shown == {"127.0.0.2": "127.0.0.2", "LocalHost": "localhost"}.get(host, "[::1]")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_a_machine_without_such_addresses(finished: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(server: PageServer) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "no such address")

    monkeypatch.setattr(PageServer, "server_bind", none)
    with pytest.raises(UsageError, match=r"^cannot listen on \[::1\]:8000: no such address; choose another --port or"):
        PageServer(finished.ledger, "demo", "::1", 8000)


@pytest.mark.parametrize(
    "path",
    ["/sweeps/other/", "/sweeps/demo/report.html", "/sweeps/demo/../../ledger.db", "/ledger.db", "/sweeps/demo/%2e%2e/",
     "/sweeps/", "//etc/passwd", "/data.json"],
)  # fmt: skip
def test_nothing_else_is_served(finished: Results, path: str) -> None:
    with served(finished) as server:
        assert Answer(server, path).status == 404


def test_the_way_to_the_page(finished: Results) -> None:
    with served(finished) as server:
        for path in ("/", "", "/sweeps/demo"):
            answer = Answer(server, path)
            assert (answer.status, answer.headers["Location"]) == (302, "/sweeps/demo/")


def test_the_newest_sweep_is_followed(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    with served(made.results(), "@last") as server:
        path = f"{urlsplit(server.url).path}data.json"
        assert path == "/sweeps/@last/data.json"
        assert json.loads(Answer(server, path).body)["sweep"]["name"] == "demo"
        made.ledger.create_sweep(made.record.sweep.model_copy(update={"name": "newer"}), "here")
        assert json.loads(Answer(server, path).body)["sweep"]["name"] == "newer"
        assert Answer(server, "/sweeps/demo/").status == 404  # was not asked for


def test_all_sweeps_are_listed(finished: Results) -> None:
    finished.ledger.create_sweep(finished.sweep.model_copy(update={"name": "two", "description": "<b>"}), "here")
    with served(finished, None) as server:
        listed = Answer(server, "/").body.decode()
        assert listed.index('href="/sweeps/two/"') < listed.index('href="/sweeps/demo/"')
        assert "<b>" not in listed
        assert Answer(server, "/sweeps/two/").status == 200
        missing = Answer(server, "/sweeps/three/")
        assert (missing.status, missing.body.startswith(b"no sweep 'three'")) == (404, True)


def test_beyond_this_machine_a_token_is_needed(finished: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "is_loopback", lambda host: False)  # bound to loopback all the same
    with served(finished) as server:
        token = urlsplit(server.url).path.split("/")[1]
        assert len(token) >= 32
        assert Answer(server, f"/{token}/sweeps/demo/", Host="any.name").status == 200
        assert Answer(server, f"/{token}/").headers["Location"] == f"/{token}/sweeps/demo/"
        for path in ("/", "/sweeps/demo/", f"/{token[:-1]}x/sweeps/demo/", f"/{token[:-1]}/sweeps/demo/data.json"):
            assert Answer(server, path).status == 404
    with served(finished) as another:
        assert token not in another.url


def test_a_port_that_is_taken(finished: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^cannot listen on 127\.0\.0\.1:{taken}: .*; choose another --port"):
            PageServer(finished.ledger, "demo", port=taken)
        monkeypatch.setattr(serving, "PORT", taken)
        with PageServer(finished.ledger, "demo") as server:  # nobody asked for a certain one
            assert taken < server.server_port < taken + 20


def test_mistakes_are_told_at_once(finished: Results) -> None:
    with pytest.raises(NotFoundError, match="no sweep 'nope'"):
        PageServer(finished.ledger, "nope", port=0)
    with pytest.raises(UsageError, match=r"^cannot listen on 203\.0\.113\.1:0: "):
        PageServer(finished.ledger, "demo", "203.0.113.1", 0)
    with pytest.raises(UsageError, match="expected 0 to 65535, got 70000"):
        PageServer(finished.ledger, "demo", port=70000)


def test_what_goes_wrong_inside_is_no_silence(
    finished: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("secret of the machine")

    with served(finished) as server:
        monkeypatch.setattr(server.pages, "page", broken)
        answer = Answer(server, "/sweeps/demo/")
        assert (answer.status, answer.body) == (500, b"")
    assert capsys.readouterr().err == "page: ZeroDivisionError: secret of the machine\n"
