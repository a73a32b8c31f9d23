"""Names by which only this machine calls itself."""

from __future__ import annotations

import pytest

from assay.analysis.page.loopback import is_loopback, names_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LocalHost", "::1"])
def test_what_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "localhost.example", "127.0.0.1.nip"]
)
def test_what_others_can_reach(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "header", ["127.0.0.1:8787", "127.0.0.2:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"]
)
def test_own_names(header: str) -> None:
    assert names_loopback(header, 8787)


def test_browsers_leave_out_the_port_of_http() -> None:
    assert names_loopback("localhost", 80)
    assert names_loopback("[::1]", 80)
    assert names_loopback("127.0.0.1:80", 80)
    assert not names_loopback("localhost", 8787)
    assert not names_loopback("evil.example", 80)


@pytest.mark.parametrize(
    "header",
    ["", ":8787", "evil.example:8787", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:8787:8787", "::1:8787", "[::1]8787",
     "[127.0.0.1:8787", "127.0.0.1:8787, evil.example:8787", "evil@localhost:8787", "localhost:8787/x",
     "localhost:\u0668\u0667\u0668\u0667"],
)  # fmt: skip
def test_other_names(header: str) -> None:
    assert not names_loopback(header, 8787)
