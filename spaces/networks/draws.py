"""Random draws of torch that leave those of everybody else alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

Act = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""Gets an operation of ATen, its arguments and its options, and answers for it."""


def own_draws(seed: int) -> AbstractContextManager[Any]:
    """While entered, what this thread draws on the CPU comes from a generator of its own.

    Networks draw their weights from torch's global generator. Seeding that one and putting it back would change what a
    training draws that runs in another thread of this process. A draw that names its generator, as inside another of
    these, keeps it.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def act(operation: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if torch.Tag.nondeterministic_seeded not in operation.tags or _on_another_device(given, options):
            return operation(*given, **options)
        if operation is torch.ops.aten.native_dropout.default:
            return _dropout(generator, *given, **options)
        operation = _with_generator(operation)
        place = _place_of_generator(operation)
        if place is None:
            return operation(*given, **options)
        if place < len(given):
            named = generator if given[place] is None else given[place]
            return operation(*given[:place], named, *given[place + 1 :], **options)
        named = options.get("generator")
        return operation(*given, **{**options, "generator": generator if named is None else named})

    return answered_by(act)


def answered_by(act: Act) -> AbstractContextManager[Any]:
    """While entered, ``act`` answers for every operation on tensors that this thread asks for."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Answering(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return act(func, args, kwargs or {})

    mode: AbstractContextManager[Any] = Answering()  # type: ignore[no-untyped-call]
    return mode


@cache
def _with_generator(operation: Any) -> Any:
    """The form of an operation that takes a generator beside what this one takes; itself where there is none."""
    packet, own = operation.overloadpacket, [one.name for one in operation._schema.arguments]
    for form in [] if "generator" in own else [getattr(packet, name) for name in packet.overloads()]:
        names = [one.name for one in form._schema.arguments]
        if "generator" in names and [name for name in names if name != "generator"] == own:
            return form
    return operation


@cache
def _place_of_generator(operation: Any) -> int | None:
    """Where the operation takes its generator: among the first arguments, or by name as all after them."""
    names = [one.name for one in operation._schema.arguments]
    return names.index("generator") if "generator" in names else None


def _dropout(generator: Any, input: Any, p: float, train: bool | None) -> tuple[Any, Any]:
    """As ``native_dropout`` of ATen on the CPU, the one operation there that draws and never takes a generator."""
    import torch

    kept = torch.ones_like(input, dtype=torch.bool)
    if train is False:
        return input.clone(), kept
    kept.bernoulli_(1 - p, generator=generator)
    return input.mul(kept).mul_(1 / (1 - p) if p < 1 else 0.0), kept


def _on_another_device(given: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a draw is made on a device to which the generator does not belong."""
    import torch

    device = options.get("device") or next((one.device for one in given if isinstance(one, torch.Tensor)), "cpu")
    return torch.device(device).type != "cpu"
