"""What of this machine can be reached from this machine alone, and by which names."""

from __future__ import annotations

import ipaddress
import re

_HTTP = 80
"""The port that browsers leave out of the header."""
_HOST = re.compile(r"(?P<name>\[[^][]+\]|[^][:]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's loopback: ``localhost``, in any case of letters, or such an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def names_loopback(header: str, port: int) -> bool:
    """Whether the ``Host`` header of a request calls a server on loopback by a name that only this machine has.

    A site that lets its own name point to loopback (DNS rebinding) sends that name, and is to read nothing.

    Args:
        header: as RFC 9110, section 7.2, has it: a name or address, and a port unless it is 80.
        port: of the server.
    """
    found = _HOST.fullmatch(header.strip())
    if found is None or int(found["port"] or _HTTP) != port:
        return False
    return is_loopback(found["name"].strip("[]"))
