"""Which tensors a call made or changed, and which of them share their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

MemoryState = tuple[int, int]
"""How often a tensor was changed, and where its numbers lie."""


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists, tuples and mappings, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(one)


def made_or_changed(taken: Any, before: Mapping[int, MemoryState], result: Any) -> list[torch.Tensor]:
    """The tensors that a call made or changed, each once."""
    changed = (tensor for tensor in tensors_in(taken) if is_changed(tensor, before))
    return list({id(tensor): tensor for tensor in (*tensors_in(result), *changed)}.values())


def is_changed(tensor: torch.Tensor, before: Mapping[int, MemoryState]) -> bool:
    """Whether a tensor that was there before is not as it was."""
    return before.get(id(tensor), state_of(tensor)) != state_of(tensor)


def states_of(taken: Any) -> dict[int, MemoryState]:
    """By the id of each tensor."""
    return {id(tensor): state_of(tensor) for tensor in tensors_in(taken)}


def state_of(tensor: torch.Tensor) -> MemoryState:
    """The version that all views of a tensor share (``x.data`` has its own; under inference mode there is none)."""
    memory = memory_of(tensor)
    return 0 if tensor.is_inference() else tensor._version, id(tensor) if memory is None else memory._cdata


def memory_of(tensor: torch.Tensor) -> Any:
    """What views of one another share; None for tensors that share nothing, such as sparse ones."""
    try:
        return tensor.untyped_storage()
    except NotImplementedError:
        return None
