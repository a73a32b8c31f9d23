"""The graph of any network: its layers and functions, what each takes and makes, and how many parameters it has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .recorded import INPUT, Call, Recording, TraceError

if TYPE_CHECKING:
    from torch import nn

OUTPUT = "output"

_KINDS = {
    "convolution": ("conv",),
    "linear": ("linear", "matmul", "bmm", "einsum", "embedding"),
    "attention": ("attention", "transformer"),
    "recurrent": ("lstm", "gru", "rnn"),
    "normalisation": ("norm",),
    "pooling": ("pool", "mean", "amax", "upsample", "interpolate"),
    "activation": ("elu", "gelu", "silu", "mish", "swish", "tanh", "sigmoid", "softmax", "softplus", "glu", "dropout"),
    "merge": ("add", "cat", "stack", "sum", "mul", "sub", "div"),
}
_OWN_KIND = {"relu": "activation", "relu6": "activation", "prelu": "activation", "elu": "activation", "pad": "other"}


@dataclass(frozen=True)
class GraphNode:
    """One step of a network.

    Attributes:
        name: unique: a layer's path (``stem.0``), with ``#2`` when it is used again; or a function and its number.
        kind: ``input``, ``output``, ``convolution``, ``linear``, ``attention``, ``recurrent``, ``normalisation``,
            ``pooling``, ``activation``, ``merge`` or ``other``.
        label: for people, such as ``Conv2d 3x3, 16->32 /2``.
        module: path of the module that holds the layer or calls the function; empty for the network itself.
        shape: of its first result for one example; None when it returns no tensor or none with a batch.
        parameters: numbers that are learned here; those of a shared layer count where it is used first.
    """

    name: str
    kind: str
    label: str
    module: str
    shape: tuple[int, ...] | None
    parameters: int


@dataclass(frozen=True)
class NetworkGraph:
    """All steps on the way to the output, in the order of the computation, and who takes whose result, by name.

    Attributes:
        unused: parts of the network with parameters of which no output depends on any, the largest such by name; none
            where the steps depend on values, as another batch may use them.
        unused_parameters: numbers that are learned in them.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str], ...]
    unused: tuple[str, ...] = ()
    unused_parameters: int = 0


def trace(model: nn.Module, input_shape: Sequence[int]) -> NetworkGraph:
    """The graph of a network as it predicts; its weights and modes stay as they are.

    Where the steps depend on the values of the input, the graph is that of one random batch.

    Args:
        input_shape: of one example, without the batch.

    Raises:
        TraceError: when the network does not run on a batch of this shape.
    """
    from .recording import record

    learned = {name for name, _ in model.named_parameters()}
    try:
        recording = record(model, input_shape)
    except TraceError:
        if any(parameter.is_meta for parameter in model.parameters()):
            raise
        recording = record(model, input_shape, values=True)
        return _graph(recording, set(range(len(recording.calls))), learned)  # what a choice depends on is used too
    reached = _reached(recording)
    used = {weight for at in reached for weight in recording.calls[at].weights}
    idle = {id(one): one.numel() for name, one in model.named_parameters() if name not in used}
    graph = _graph(recording, reached, learned)
    return replace(graph, unused=tuple(_idle_parts(model, "", idle)), unused_parameters=sum(idle.values()))


def _reached(recording: Recording) -> set[int]:
    """The calls whose results reach an output, and the input."""
    waiting = [0, *_seen(recording.outputs, recording.after)]
    found: set[int] = set()
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += _seen(recording.calls[at].inputs, recording.calls[at].after)
    return found


def _seen(taken: Sequence[tuple[int, int]], after: Sequence[int]) -> list[int]:
    """The calls whose results are taken, or seen in what is taken; each once."""
    return list(dict.fromkeys([*(at for at, _ in taken), *after]))


def _idle_parts(module: nn.Module, path: str, idle: Mapping[int, int]) -> Iterator[str]:
    """The largest parts all of whose parameters are idle, by name; shared ones are in the first part that has them."""
    within = f"{path}." if path else ""
    yield from (within + name for name, one in module.named_parameters(recurse=False) if id(one) in idle)
    for name, child in module.named_children():
        own = [id(one) in idle for one in child.parameters()]
        if own and all(own):
            yield within + name
        elif any(own):
            yield from _idle_parts(child, within + name, idle)


def _graph(recording: Recording, reached: set[int], learned: set[str]) -> NetworkGraph:
    names = _names(recording.calls)
    counted: set[str] = set()
    nodes, edges = [], []
    for place, (name, call) in enumerate(zip(names, recording.calls, strict=True)):
        if place not in reached:
            continue
        own = [weight for weight in dict.fromkeys(call.weights) if weight in learned - counted]
        counted.update(own)
        parameters = sum(math.prod(recording.sizes[weight]) for weight in own)
        module = call.path if call.layer is None else call.path.rpartition(".")[0]
        nodes.append(GraphNode(name, _kind(call), _label(call), module, _example(call, recording), parameters))
        edges += [(names[source], name) for source in _seen(call.inputs, call.after)]
    edges += [(names[at], OUTPUT) for at in _seen(recording.outputs, recording.after)]
    last = recording.calls[recording.outputs[0][0]] if recording.outputs else None
    nodes.append(GraphNode(OUTPUT, OUTPUT, OUTPUT, "", _example(last, recording) if last else None, 0))
    return NetworkGraph(tuple(nodes), tuple(edges))


def _names(calls: Sequence[Call]) -> list[str]:
    """A layer's path; a function's word with a number, and ``#2`` for a layer's second use."""
    used: dict[str, int] = {}
    found = []
    for call in calls:
        name = call.op if call.layer is None else call.path or call.op
        used[name] = used.get(name, 0) + 1
        if call.layer is None and call.op != INPUT:
            found.append(f"{name}:{used[name]}")
        else:
            found.append(name if used[name] == 1 else f"{name}#{used[name]}")
    return found


def _example(call: Call, recording: Recording) -> tuple[int, ...] | None:
    """The shape of the first result without the batch."""
    batch = recording.calls[0].shapes[0][0]
    shape = call.shapes[0] if call.shapes else ()
    return shape[1:] if shape[:1] == (batch,) else None


def _kind(call: Call) -> str:
    op = call.op.lower()
    if op == INPUT:
        return INPUT
    if op in _OWN_KIND:
        return _OWN_KIND[op]
    for kind, words in _KINDS.items():
        if any(word in op if call.layer is not None or kind != "merge" else word == op for word in words):
            return kind
    return "other"


def _label(call: Call) -> str:
    layer = call.layer
    if layer is None:
        return call.op
    name = type(layer).__name__
    details = [text for text in (_window(layer), _width(layer)) if text]
    text = f"{name} {', '.join(details)}" if details else name
    return text + _extras(layer)


def _window(layer: nn.Module) -> str:
    """``3x3`` of a convolution or pooling, the size of an adaptive pooling, the share of a dropout."""
    size = getattr(layer, "kernel_size", None)
    if size is not None:
        both = "2d" in type(layer).__name__ and isinstance(size, int)
        return "x".join(map(str, (size, size) if both else _tuple(size)))
    if hasattr(layer, "output_size"):
        return "to " + "x".join(map(str, _tuple(layer.output_size)))
    return f"{layer.p:g}" if isinstance(getattr(layer, "p", None), float) else ""


def _width(layer: nn.Module) -> str:
    """How many features go in and out."""
    for first, second in _WIDTHS:
        if hasattr(layer, first) and hasattr(layer, second):
            return f"{getattr(layer, first)}->{getattr(layer, second)}"
    if hasattr(layer, "num_heads"):
        return f"{layer.embed_dim}, {layer.num_heads} heads"
    attention = getattr(layer, "self_attn", None)
    return f"{attention.embed_dim}, {attention.num_heads} heads" if attention is not None else ""


def _extras(layer: nn.Module) -> str:
    """Stride, dilation and groups where they are not one."""
    found = ""
    if "Conv" in type(layer).__name__ or "Pool" in type(layer).__name__:
        for name, mark in (("stride", "/"), ("dilation", "dilation ")):
            values = _tuple(getattr(layer, name, 1))
            if set(values) != {1}:
                found += f" {mark}{values[0] if len(set(values)) == 1 else 'x'.join(map(str, values))}"
        groups = getattr(layer, "groups", 1)
        if groups != 1:
            found += " depthwise" if groups == layer.in_channels else f" groups {groups}"
    return found


def _tuple(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


_WIDTHS = (
    ("in_channels", "out_channels"),
    ("in_features", "out_features"),
    ("input_size", "hidden_size"),
    ("num_embeddings", "embedding_dim"),
)
