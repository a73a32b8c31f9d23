"""What every space of networks can do, and how one is made from its description in plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from ..config import Value
from ..parameter import Parameter

if TYPE_CHECKING:
    import torch

PREFIX = "architecture."
"""How the names of the parameters begin that choose a network."""
_KEPT = 8
"""Spaces of networks that a process keeps ready; a sweep has one."""


class Architecture(Protocol):
    """A space of networks: which parameters choose one, and how it is built.

    A config is a mapping from the full names of its active parameters to values; what is no ``architecture.*`` is left
    aside.

    Attributes:
        input_shape: of one example, without the batch; None when it is not known.
    """

    @property
    def input_shape(self) -> tuple[int, ...] | None: ...

    def parameters(self) -> dict[str, Parameter]:
        """Parameters by full name, such as ``architecture.stage1.depth``; conditions refer to full names as well."""

    def feasible(self, config: Mapping[str, Value]) -> bool:
        """Whether the network can be built: what a cell has to meet and no condition can say."""

    def canonical(self, config: Mapping[str, Value]) -> str:
        """A text that isomorphic networks share."""

    def describe(self, config: Mapping[str, Value]) -> str:
        """The network in one line, for people."""

    def build(self, config: Mapping[str, Value]) -> torch.nn.Module:
        """The network with fresh weights, drawn from torch's global generator; it takes one batch."""


def architecture_of(description: Mapping[str, Any]) -> Architecture:
    """The space of networks that plain data describe; equal descriptions give the same object within a process.

    Args:
        description: ``input``, ``output``, ``stages``; or ``space`` (a word or ``file.py:Class``), ``arguments``,
            ``input``, ``directory``.

    Raises:
        SpaceError: for what is wrong in it.
        UsageError: when a library that it needs is not installed.
    """
    return _made(json.dumps(description, sort_keys=True))


@lru_cache(maxsize=_KEPT)
def _made(text: str) -> Architecture:
    description = json.loads(text)
    if "space" in description:
        from ..from_nni import ModelSpaceArchitecture

        return ModelSpaceArchitecture.of(description)
    from .staged import StagedArchitecture

    return StagedArchitecture.of(description)
