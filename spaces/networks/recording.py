"""What a network does to one batch: each call of a layer or a function, on tensors that hold no data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..loading import short_reason
from .draws import own_draws
from .memory import MemoryState, is_changed, made_or_changed, memory_of, state_of, states_of, tensors_in
from .recorded import INPUT, Call, Recording, TraceError

_BATCH = 2  # batch normalisation in training takes no single example


def record(model: nn.Module, input_shape: Sequence[int], *, train: bool = False, values: bool = False) -> Recording:
    """The calls that ``model`` makes for a batch of two examples; its weights and modes stay as they are.

    Args:
        input_shape: of one example, without the batch.
        train: in training mode, where drop-path and auxiliary heads show.
        values: compute, on random input and in a copy. Without, it runs on the meta device: nothing is computed, and
            a network whose steps depend on the values of its input is refused.

    Raises:
        TraceError: when it cannot be run.
    """
    first: Exception | None = None
    for batch in batches(model, (_BATCH, *input_shape), "cpu" if values else "meta"):
        try:
            return _record(model, batch, train, values)
        except Exception as error:  # noqa: BLE001 - the network's code is not ours and may raise anything
            first = first or error
    said = str(first).partition("\n")[0]
    name = type(model).__name__
    why = f"{type(first).__name__}: {said}"
    raise TraceError(f"{name} cannot be traced with input {list(input_shape)}: {why}") from first


def why_not(model: nn.Module, input_shape: Sequence[int]) -> str:
    """Why a network does not predict a batch of two examples, in one line; empty when it does.

    It computes only where the meta device does not do.
    """
    with suppress(TraceError):
        record(model, input_shape)
        return ""
    reasons: list[str] = []
    for batch in batches(model, (_BATCH, *input_shape)):
        try:
            with torch.no_grad(), own_draws(0), _mode_of(model, False):
                model(batch)
        except Exception as error:  # noqa: BLE001 - the network's code is not ours and may raise anything
            reasons.append(short_reason(error))
        else:
            return ""
    return reasons[0]


def batches(model: nn.Module, shape: Sequence[int], device: str = "cpu") -> Iterator[torch.Tensor]:
    """What the network may take, likely ones first: token ids where it has a table of them, and random numbers.

    Args:
        shape: with the batch.
    """
    shape = tuple(shape)
    tables = [table.num_embeddings for table in model.modules() if isinstance(table, (nn.Embedding, nn.EmbeddingBag))]
    kind = next((one.dtype for one in model.parameters() if one.is_floating_point()), torch.float32)
    if device == "meta":  # which has no values; to draw there would import torch's reference code, for a second
        if tables:
            yield torch.empty(shape, device=device, dtype=torch.int64)
        yield torch.empty(shape, device=device, dtype=kind)
        return
    draws = torch.Generator().manual_seed(0)
    if tables:
        yield torch.randint(min(tables), shape, generator=draws, device=device)
    yield torch.randn(shape, generator=draws, device=device, dtype=kind)


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one step of the graph: torch's own, but for those that only hold others."""
    holders = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return type(module).__module__.startswith("torch.nn.modules.") and not isinstance(module, holders)


def _record(model: nn.Module, batch: torch.Tensor, train: bool, values: bool) -> Recording:
    own = {
        name: one.detach().to("cpu", copy=True) if values else torch.empty_like(one, device="meta")
        for name, one in _tensors_of(model)
    }
    recorder = _Recorder(batch, own)
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        if values:
            stack.enter_context(own_draws(0))
        else:  # what the network makes holds no data either, and draws nothing: other threads may be training
            stack.enter_context(torch.device("meta"))
        stack.enter_context(_mode_of(model, train))
        stack.enter_context(_hooks(model, recorder))
        stack.enter_context(recorder)
        result = torch.func.functional_call(model, own, (batch,))
    outputs = tuple(dict.fromkeys(recorder.sources(result)[0]))
    sizes = {name: tuple(one.shape) for name, one in own.items()}
    return Recording(tuple(recorder.calls), outputs, sizes, recorder.after(result))


def _tensors_of(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers by name, a shared one once."""
    yield from module.named_parameters()
    yield from module.named_buffers()


@contextmanager
def _mode_of(model: nn.Module, train: bool) -> Iterator[None]:
    before = [(module, module.training) for module in model.modules()]
    model.train(train)
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def _hooks(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """Tells the recorder of each module that is entered and left.

    By hooks: a patch of ``nn.Module.__call__``, as torch.fx makes it, would reach networks that other threads train.
    """
    handles = []
    for path, module in model.named_modules():

        def enter(module: nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
            recorder.enter(module, path, (args, kwargs))

        def leave(module: nn.Module, args: Any, kwargs: Any, result: Any) -> Any:
            return recorder.leave(module, result)

        handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(module.register_forward_hook(leave, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Recorder(TorchFunctionMode):
    """Writes down layers, and functions that are called outside of layers, with who made the tensors they take.

    Args:
        own: the network's own tensors by name.
    """

    def __init__(self, batch: torch.Tensor, own: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.calls = [Call(INPUT, "", (), (), "", None, (tuple(batch.shape),))]
        self._names = {id(tensor): name for name, tensor in own.items()}
        self._made = {id(batch): (0, 0)}
        self._values = not batch.is_meta
        self._kept: list[torch.Tensor] = [batch]  # alive, so that no other tensor gets its id
        self._paths: list[str] = []
        self._layers: list[tuple[Any, dict[int, MemoryState]]] = []  # what they took, and how it was
        self._written: dict[int, tuple[int, Any]] = {}  # by memory, kept alive: the last call that changed it

    def enter(self, module: nn.Module, path: str, taken: Any) -> None:
        self._paths.append(path)
        if is_layer(module):
            before: dict[int, MemoryState] = {}
            self._layers.append((taken, before))
            before.update(states_of(taken))  # within the layer: these looks are no steps

    def leave(self, module: nn.Module, result: Any) -> Any:
        """The layer's result: of one that hands on what it got, as a tensor that can be told from that."""
        path = self._paths.pop()
        if is_layer(module):
            taken, before = self._layers[-1]
            if isinstance(result, torch.Tensor) and before.get(id(result)) == state_of(result):
                result = result.detach()
            if len(self._layers) == 1:
                self._add(type(module).__name__, _arguments(module), (taken, before), result, path, module)
            self._layers.pop()
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._layers:
            return self._answer(func, args, kwargs)
        taken = (args, kwargs)
        before = states_of(taken)
        result = self._answer(func, args, kwargs)
        if made_or_changed(taken, before, result):
            settings = self._text(args) + "".join(f", {key}={self._text(one)}" for key, one in kwargs.items())
            self._add(_bare(func), settings, (taken, before), result, self._paths[-1] if self._paths else "")
        return result

    def _answer(self, func: Any, args: Any, kwargs: Any) -> Any:
        return torch.empty_like(args[0]) if args and self._skips(func) else func(*args, **kwargs)

    def _skips(self, func: Any) -> bool:
        """Normalisations keep the shape; on the meta device, torch takes most of the time for them."""
        return not self._values and func in (F.batch_norm, F.layer_norm, F.group_norm)

    def sources(self, taken: Any) -> tuple[list[tuple[int, int]], list[str]]:
        """Which calls made the tensors in ``taken``, and the names of those that are the network's own."""
        calls, weights = [], []
        for tensor in tensors_in(taken):
            if id(tensor) in self._made:
                calls.append(self._made[id(tensor)])
            elif id(tensor) in self._names:
                weights.append(self._names[id(tensor)])
            else:
                raise TraceError(f"a tensor of shape {list(tensor.shape)} is neither parameter nor buffer: register it")
        return calls, weights

    def after(self, taken: Any, layer: nn.Module | None = None) -> tuple[int, ...]:
        """The calls that changed what is in ``taken``, or a layer's own tensors, since it was made."""
        if not self._written:
            return ()
        made = [(tensor, self._made.get(id(tensor), (-1, 0))[0]) for tensor in tensors_in(taken)]
        if layer is not None:
            made += [(tensor, -1) for _, tensor in _tensors_of(layer)]
        last = [(self._written.get(state_of(tensor)[1], (-1, None))[0], at) for tensor, at in made]
        return tuple(dict.fromkeys(written for written, at in last if written > at))

    def _add(
        self,
        op: str,
        settings: str,
        given: tuple[Any, Mapping[int, MemoryState]],
        result: Any,
        path: str,
        layer: nn.Module | None = None,
    ) -> None:
        """Writes down a call.

        Args:
            given: what it took, and how that was before.
        """
        taken, before = given
        results = made_or_changed(taken, before, result)
        inputs, own = self.sources(taken)
        weights = [] if layer is None else [self._names[id(tensor)] for _, tensor in _tensors_of(layer)]
        after = tuple(at for at in self.after(taken, layer) if at not in {source for source, _ in inputs})
        shapes = tuple(tuple(tensor.shape) for tensor in results)
        here = len(self.calls)
        self.calls.append(Call(op, settings, tuple(inputs), (*weights, *own), path, layer, shapes, after))
        for at, tensor in enumerate(results):
            self._made[id(tensor)] = (here, at)
            self._kept.append(tensor)
            if is_changed(tensor, before):
                self._written[state_of(tensor)[1]] = (here, memory_of(tensor))

    def _text(self, value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return "w" if id(value) in self._names and id(value) not in self._made else "_"
        if isinstance(value, (list, tuple)):
            return f"({', '.join(map(self._text, value))})"
        return getattr(value, "__name__", None) or repr(value)


def _arguments(module: nn.Module) -> str:
    """What a layer was made with: its plain attributes, and those of the layers in it."""
    plain = (bool, int, float, str, tuple, type(None))
    found = {
        name: getattr(value, "__name__", value)
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in _NO_ARGUMENTS and (isinstance(value, plain) or callable(value))
    }
    inner = [f"{name}: {_arguments(child)}" for name, child in module.named_children()]
    return ", ".join([type(module).__name__, *(f"{name}={found[name]!r}" for name in sorted(found)), *inner])


def _bare(func: Any) -> str:
    """``add`` for ``torch.add``, ``Tensor.add_``, ``__radd__``, ``__iadd__``; ``T`` for the property ``Tensor.T``."""
    name = str(getattr(func, "__name__", func))
    if name in ("__get__", "__set__"):
        return str(func.__self__.__name__)
    if name.startswith("__"):
        name = name.strip("_")
        return _REFLECTED.get(name, name)
    return name.rstrip("_")


_NO_ARGUMENTS = ("training", "inplace", "call_super_init", "dump_patches")
_ARITHMETIC = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "pow")
_REFLECTED = {prefix + name: name for name in _ARITHMETIC for prefix in "ri"}
