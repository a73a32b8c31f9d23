"""Networks as people read them: one line instead of a parameter for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..search import Sweep
from ..spaces.architectures import PREFIX

NETWORK = "architecture"
"""What the line is called among the parameters."""


def network_text(sweep: Sweep, config: Mapping[str, Any]) -> str:
    """The network of a config in one line; empty where none is searched.

    Networks of a model space are told by their choices, so that no library is needed to read results.
    """
    section = sweep.architecture
    if section is None or not any(name.startswith(PREFIX) for name in config):  # as in a supernet
        return ""
    if section.space is None:
        return section.networks().describe(config)
    choices = [(name.removeprefix(PREFIX), value) for name, value in config.items() if name.startswith(PREFIX)]
    return " ".join(f"{name}={value}" for name, value in choices)


def readable(config: Mapping[str, Any], network: str) -> dict[str, Any]:
    """A config with its network as one entry, the first."""
    if not network:
        return dict(config)
    return {NETWORK: network} | {name: value for name, value in config.items() if not name.startswith(PREFIX)}
