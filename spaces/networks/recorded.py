"""What a network was seen to do: plain data, for graphs and comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from torch import nn

INPUT = "input"


class TraceError(UsageError):
    """The network cannot be run on its input shape, or what it does depends on the values of its input."""


@dataclass(frozen=True)
class Call:
    """One step of a network.

    Attributes:
        op: ``input``, the class of a layer, or the bare name of a function (``add`` for ``+``, ``add_``, ``__radd__``).
        settings: what else decides the result: a layer's arguments; a function's, with ``_`` for a tensor that another
            call made and ``w`` for one of the network's own.
        inputs: whose results it takes, in order: the place of the call in the record, and which of its tensors.
        weights: the tensors of the network that it uses, by the network's name for them; a shared one has one name.
        path: of the layer, or of the module whose ``forward`` calls the function; empty for the network itself.
        layer: the layer, one of torch's own modules; None for a function.
        shapes: of the tensors that it returns, with the batch.
        after: the calls that changed the memory of what it takes since that was made, through another view of it: their
            results are seen, although not taken.
    """

    op: str
    settings: str
    inputs: tuple[tuple[int, int], ...]
    weights: tuple[str, ...]
    path: str
    layer: nn.Module | None
    shapes: tuple[tuple[int, ...], ...]
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recording:
    """All calls in the order in which they were made; the first is the input.

    Attributes:
        outputs: what the network returns, as :attr:`Call.inputs`.
        sizes: shapes of the network's own tensors, by name.
        after: of the outputs, as :attr:`Call.after`.
    """

    calls: tuple[Call, ...]
    outputs: tuple[tuple[int, int], ...]
    sizes: dict[str, tuple[int, ...]]
    after: tuple[int, ...] = ()
