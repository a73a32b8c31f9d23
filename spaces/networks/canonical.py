"""A text that networks share when they are the same but for names, identities, zeros, dead code, the order of sums."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .recorded import Call, Recording, TraceError

if TYPE_CHECKING:
    from torch import nn

_Source = tuple[int, int]  # a vertex, and which of its results

_NO_CHOICE = {"relu", "relu6", "sigmoid", "tanh", "silu", "selu", "hardswish", "hardsigmoid", "mish", "logsigmoid"}
_KEEPS_VALUES = {"identity", "contiguous", "clone", "detach", "alias"}
_RESHAPES = {"view", "reshape", "flatten", "expand", "expandas", "viewas"}
_ASSOCIATIVE = {"add", "mul", "maximum", "minimum"}
_RANDOM = {"bernoulli", "rand", "randlike", "randn", "randnlike", "normal", "uniform"}
_ZEROS = {"zeros", "zeroslike", "newzeros"}
_WEIGHTED = {"conv1d", "conv2d", "conv3d", "linear", "convtranspose1d", "convtranspose2d", "convtranspose3d"}
_KEEPS_ZERO = {
    "relu", "relu6", "gelu", "silu", "elu", "selu", "tanh", "hardtanh", "hardswish", "leakyrelu", "mish", "prelu",
    "div", "truediv", "neg", "sub", "add", "mul", "maximum", "minimum", "cat", "stack", "sum", "mean", "getitem",
    "maxpool1d", "maxpool2d", "avgpool1d", "avgpool2d", "adaptiveavgpool1d", "adaptiveavgpool2d", "adaptivemaxpool2d",
    "dropout", "dropout1d", "dropout2d", "flatten", "view", "reshape", "permute", "transpose", "upsample", "unflatten",
    "batchnorm1d", "batchnorm2d", "batchnorm3d", "groupnorm", "layernorm", "instancenorm2d",
}  # fmt: skip


def canonical_text(model: nn.Module, input_shape: Sequence[int]) -> str | None:
    """What isomorphic networks share, as 32 hexadecimal digits; None for a network that cannot be traced.

    Left out of the comparison: names, identities (dropout that drops nothing, a view of the same shape), zeros and
    what is made of zeros alone, results and weights that nobody uses, the order and the grouping of sums and products.
    Concatenation keeps its order, and a layer that is used twice is not the same as two layers. As in Dong and Yang,
    NAS-Bench-201, ICLR 2020, section 2, a normalised zero is a zero, though the learned shift could make it a constant.

    No weights are looked at: the network may lie on the meta device. It is looked at as in training, where drop-path
    shows. Vertices are told apart by colour refinement from both ends (Weisfeiler and Leman, 1968).

    Args:
        input_shape: of one example, without the batch.
    """
    from .recording import record

    try:
        return canonical_of(record(model, input_shape, train=True))
    except TraceError:
        return None


def canonical_of(recording: Recording) -> str:
    """As :func:`canonical_text`, of a network that was recorded."""
    graph = _Simplified()
    made: dict[int, _Source] = {}
    written = {*recording.after, *(at for call in recording.calls for at in call.after)}
    for at, call in enumerate(recording.calls):
        inputs = [_result(made, source) for source in call.inputs]
        if call.after or at in written:
            made[at] = graph.add_as_it_is(call, [*inputs, *(made[one] for one in call.after)], at)
        else:
            made[at] = graph.add(call, inputs, at)
    outputs = [*(_result(made, source) for source in recording.outputs), *(made[one] for one in recording.after)]
    return _colour(graph.vertices, outputs, recording.sizes)


def _result(made: dict[int, _Source], source: _Source) -> _Source:
    """A call that stands for another one's result has the vertex and the number of that result."""
    (vertex, which), (_, asked) = made[source[0]], source
    return vertex, max(which, asked)


@dataclass(frozen=True)
class _Vertex:
    """One value of the simplified network: equal vertices are equal values.

    Attributes:
        inputs: with how often each is taken, where order does not count; else in order, once each.
    """

    op: str
    settings: str
    inputs: tuple[tuple[_Source, int], ...]
    weights: tuple[str, ...]
    shape: tuple[int, ...]
    unique: int = -1  # for what is random: each call draws anew

    @property
    def ordered(self) -> bool:
        return self.op not in _ASSOCIATIVE or self.settings != "(_, _)"


class _Simplified:
    """The network without what changes nothing; each value once."""

    def __init__(self) -> None:
        self.vertices: list[_Vertex] = []
        self._known: dict[_Vertex, int] = {}

    def add(self, call: Call, inputs: Sequence[_Source], at: int) -> _Source:
        """What stands for the call's result: a new vertex, or one that is there."""
        op, settings = _normal(call)
        shape = call.shapes[0] if call.shapes else ()
        if op == "sum" and settings in ("(_, 0)", "(_), dim=0") and len(inputs) == 1 and self._stacked(inputs[0]):
            inputs, op = [source for source, _ in self.vertices[inputs[0][0]].inputs], "add"
            settings = "(_, _)"
        if self._is_zero(op, settings, inputs, call):
            return self._vertex(_Vertex("zero", "", (), (), shape))
        if len(inputs) == 1 and self._changes_nothing(op, settings, inputs[0], shape):
            return inputs[0]
        if op in _ASSOCIATIVE and settings == "(_, _)" and not call.weights:
            return self._combined(op, inputs, shape)
        return self._in_order(call, op, settings, inputs, at)

    def add_as_it_is(self, call: Call, inputs: Sequence[_Source], at: int) -> _Source:
        """Where memory is shared: what is changed there is more than the call's result, which nothing may stand for."""
        op, settings = _normal(call)
        return self._in_order(call, op, f"{settings} in shared memory", inputs, at)

    def _in_order(self, call: Call, op: str, settings: str, inputs: Sequence[_Source], at: int) -> _Source:
        unique = at if op in _RANDOM or "dropout" in op else -1
        taken = tuple((source, 1) for source in inputs)
        return self._vertex(_Vertex(op, settings, taken, call.weights, call.shapes[0] if call.shapes else (), unique))

    def _vertex(self, vertex: _Vertex) -> _Source:
        if vertex not in self._known:
            self._known[vertex] = len(self.vertices)
            self.vertices.append(vertex)
        return self._known[vertex], 0

    def _combined(self, op: str, inputs: Sequence[_Source], shape: tuple[int, ...]) -> _Source:
        """A sum or product of all operands, those of inner ones included."""
        found: Counter[_Source] = Counter()
        for source in inputs:
            vertex = self.vertices[source[0]]
            if op == "add" and vertex.op == "zero" and self._fits(inputs, source, shape):
                continue
            if vertex.op == op and not vertex.ordered:
                found.update(dict(vertex.inputs))
            else:
                found[source] += 1
        if found.total() == 1:
            return next(iter(found))
        return self._vertex(_Vertex(op, "(_, _)", tuple(sorted(found.items())), (), shape))

    def _fits(self, inputs: Sequence[_Source], zero: _Source, shape: tuple[int, ...]) -> bool:
        """Whether the operands have the shape of the sum without this zero."""
        return any(self._shape(source) == shape for source in inputs if source != zero)

    def _shape(self, source: _Source) -> tuple[int, ...] | None:
        return self.vertices[source[0]].shape if source[1] == 0 else None

    def _stacked(self, source: _Source) -> bool:
        vertex = self.vertices[source[0]]
        return vertex.op == "stack" and re.fullmatch(r"\(\([_, ]*\)(, 0)?\)(, dim=0)?", vertex.settings) is not None

    def _is_zero(self, op: str, settings: str, inputs: Sequence[_Source], call: Call) -> bool:
        if op in _ZEROS or (op == "mul" and re.fullmatch(r"\(_, -?0(\.0)?\)", settings)):
            return True
        zeros = [self.vertices[vertex].op == "zero" for vertex, _ in inputs]
        if op == "mul" and any(zeros):
            return True
        if not zeros or not all(zeros):
            return False
        if op in _WEIGHTED:
            return len(call.weights) == 1  # without bias
        return op in _KEEPS_ZERO and (call.layer is not None or not call.weights)

    def _changes_nothing(self, op: str, settings: str, source: _Source, shape: tuple[int, ...]) -> bool:
        if op in _KEEPS_VALUES:
            return True
        if "dropout" in op:
            return _no_dropout(settings)
        if self._shape(source) != shape:
            return False
        if op in ("add", "sub"):
            return re.fullmatch(r"\(_, -?0(\.0)?\)", settings) is not None
        if op in ("mul", "div", "truediv"):
            return re.fullmatch(r"\(_, 1(\.0)?\)", settings) is not None
        return op in _RESHAPES


def _no_dropout(settings: str) -> bool:
    """Whether a dropout, layer or function, leaves everything."""
    return re.search(r"\bp=0(\.0)?(,|$)|\(_, 0(\.0)?[,)]|training=False", settings) is not None


def _normal(call: Call) -> tuple[str, str]:
    """Layers and functions that do the same have the same name, and no settings where there is nothing to set."""
    op = call.op.lower().replace("_", "")
    if op == "concat":
        op = "cat"
    if op in _NO_CHOICE and len(call.inputs) == 1:
        return op, ""
    return op, call.settings


def _colour(vertices: Sequence[_Vertex], outputs: Sequence[_Source], sizes: dict[str, tuple[int, ...]]) -> str:
    """One text of the vertices that reach an output, refined until no more can be told apart."""
    live = _reaching(vertices, outputs)
    names = sorted({name for at in live for name in vertices[at].weights})
    weights = {name: _hash(sizes[name]) for name in names}
    colours = dict.fromkeys(live, "")
    classes = 0
    while True:
        up: dict[int, str] = {}
        for at in live:  # inputs stand before those who take them
            up[at] = _hash(colours[at], *_from_inputs(vertices[at], up, weights))
        consumers = _consumers(vertices, live, outputs)
        colours = {}
        for at in reversed(live):
            taken = sorted((colours.get(consumer, ""), *how) for consumer, *how in consumers[at])
            colours[at] = _hash(up[at], taken)
        weights = _of_weights(vertices, live, colours, weights)
        found = len({*colours.values(), *weights.values()})
        if found == classes:
            return _hash(sorted(colours.values()), sorted(weights.values()))
        classes = found


def _from_inputs(vertex: _Vertex, up: dict[int, str], weights: dict[str, str]) -> Iterable[Any]:
    taken = [(up[at], which, count) for (at, which), count in vertex.inputs]
    own = [weights[name] for name in vertex.weights]
    return vertex.op, vertex.settings, vertex.shape, taken if vertex.ordered else sorted(taken), own


def _consumers(
    vertices: Sequence[_Vertex], live: Sequence[int], outputs: Sequence[_Source]
) -> dict[int, list[tuple[int, int, int, int]]]:
    """Of each vertex: who takes it, at which place (where order counts), which result, how often."""
    found: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    for at in live:
        for place, ((source, which), count) in enumerate(vertices[at].inputs):
            found[source].append((at, place if vertices[at].ordered else -1, which, count))
    for place, (source, which) in enumerate(outputs):
        found[source].append((-1, place, which, 1))
    return found


def _of_weights(
    vertices: Sequence[_Vertex], live: Sequence[int], colours: dict[int, str], before: dict[str, str]
) -> dict[str, str]:
    """Weights are told apart by who uses them: a layer that is used twice is one set of weights with two users."""
    users: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for at in live:
        for place, name in enumerate(vertices[at].weights):
            users[name].append((colours[at], place))
    return {name: _hash(before[name], sorted(users[name])) for name in before}


def _reaching(vertices: Sequence[_Vertex], outputs: Sequence[_Source]) -> list[int]:
    """The vertices that an output depends on, inputs before those who take them."""
    live: set[int] = set()
    waiting = [at for at, _ in outputs]
    while waiting:
        at = waiting.pop()
        if at not in live:
            live.add(at)
            waiting += [source for (source, _), _ in vertices[at].inputs]
    return sorted(live)


def _hash(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
