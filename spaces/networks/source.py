"""Any network as the source of a class of PyTorch: layers by their constructors, the forward pass as it was traced."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from .constructors import constructor
from .plain_code import by_mode, compact
from .recorded import TraceError
from .recording import batches, is_layer

_BATCH = 3  # no other size is likely to be 3


@dataclass(frozen=True)
class NetworkSource:
    """A network as text.

    Attributes:
        text: its class or classes.
        state: its parameters and buffers, by the names that it has for them.
        make: the expression that makes it.
    """

    text: str
    state: dict[str, torch.Tensor]
    make: str = "Network()"


def traced_source(model: nn.Module) -> NetworkSource:
    """The class by torch.fx: layers by name, torch's functions between them, for batches of any size.

    While it traces, torch.fx patches ``nn.Module`` itself: no other thread of the process may run a network.

    Raises:
        TraceError: when fx cannot trace the network, or a layer cannot be written down.
    """
    forwards = []
    for train in (True, False):
        try:
            forwards.append(_Tracer().trace(model.train(train)))
        except Exception as error:  # the network's code is not ours and may raise anything
            raise TraceError(f"torch.fx: {error}") from error
    return _written(model, forwards)


def exported_source(model: nn.Module, input_shape: Sequence[int]) -> NetworkSource:
    """The class by torch.export: in the operations of ATen, for networks whose code torch.fx cannot follow.

    Raises:
        TraceError: when torch.export cannot trace the network.
    """
    failure: Exception | None = None
    for batch in batches(model, (_BATCH, *input_shape)):
        try:
            return _written(model, [_exported(model.train(train), batch) for train in (True, False)])
        except Exception as error:  # noqa: BLE001 - the network's code is not ours and may raise anything
            failure = failure or error
    said = str(failure).strip().partition("\n")[0]
    raise TraceError(f"torch.export: {said}") from failure


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        return is_layer(module)


def _exported(model: nn.Module, batch: torch.Tensor) -> fx.Graph:
    dynamic = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(model, (batch,), dynamic_shapes=dynamic, strict=False)
    graph = program.module(check_guards=False).graph
    graph.set_codegen(fx.graph.CodeGen())
    for node in [one for one in graph.nodes if "_assert_" in str(one.target) and not one.users]:
        graph.erase_node(node)
    output = next(iter(reversed(graph.nodes)))
    if program.call_spec.out_spec.is_leaf():  # one tensor, which comes as a list of one
        output.args = (output.args[0][0],)
    return graph


def _written(model: nn.Module, graphs: Sequence[fx.Graph]) -> NetworkSource:
    """The class of the two graphs, in training and not; one method where they say the same."""
    members = _Members(model)
    training, predicting = (_forward(graph, members) for graph in graphs)
    lines = ["class Network(nn.Module):", "    def __init__(self) -> None:", "        super().__init__()"]
    lines += [f"        {line}" for line in members.lines]
    both = by_mode(training, predicting)
    if both is not None:
        lines += _method("forward", both)
    else:
        choice = ["return self._train(x) if self.training else self._predict(x)"]
        lines += [*_method("forward", choice), *_method("_train", training), *_method("_predict", predicting)]
    return NetworkSource("\n".join(lines) + "\n", members.state)


def _method(name: str, body: Sequence[str]) -> list[str]:
    return ["", f"    def {name}(self, x: Any) -> Any:", *(f"        {line}" for line in body)]


def _forward(graph: fx.Graph, members: _Members) -> list[str]:
    """The lines of a forward pass of ``x``."""
    for node in graph.nodes:
        if node.op in ("call_module", "get_attr"):
            node.target = members.name(node.target, graph.owning_module)
    code = graph.python_code("self")
    function = ast.parse(code.src.strip()).body[0]
    if not isinstance(function, ast.FunctionDef) or len(function.args.args) != 2:
        raise TraceError("forward takes more than one batch")
    lines = compact(function.body, function.args.args[1].arg)
    names = {one.id for line in lines for one in ast.walk(ast.parse(line)) if isinstance(one, ast.Name)}
    foreign = sorted(name for name in names & code.globals.keys() if not _from_torch(name, code.globals[name]))
    if foreign:
        raise TraceError(f"it calls {', '.join(foreign)}, which is not in torch")
    return lines


def _from_torch(name: str, value: Any) -> bool:
    """Whether the exported file has this name: see its imports in ``standalone``."""
    return value is getattr(torch, name, None) or name in ("torch", "math", "operator", "inf", "nan", "functional")


class _Members:
    """The layers, parameters and buffers that the forward passes use, each under one plain name."""

    def __init__(self, model: nn.Module) -> None:
        self.lines: list[str] = []
        self.state: dict[str, torch.Tensor] = {}
        self._model = model
        self._names: dict[int, str] = {}  # by identity: what is shared is one
        self._kept: list[Any] = []

    def name(self, target: str, owner: nn.Module | None) -> str:
        """The attribute for a path such as ``cells.0.op``, which gets its line when it is first asked for.

        Args:
            owner: holds the constants of the trace, which the network does not have.
        """
        found = _attribute(self._model, target) if _has(self._model, target) else _attribute(owner, target)
        if id(found) not in self._names:
            same = None if isinstance(found, (nn.Module, nn.Parameter)) else self._equal(found)
            self._names[id(found)] = same or self._add(target, found)
            self._kept.append(found)
        return self._names[id(found)]

    def _equal(self, tensor: torch.Tensor) -> str | None:
        """The constant of the other trace that has the same values."""
        for other in self._kept:
            if type(other) is torch.Tensor and _same_tensor(other, tensor) and not _is_buffer(self._model, other):
                return self._names[id(other)]
        return None

    def _add(self, target: str, found: Any) -> str:
        plain = re.sub(r"\W", "_", target)
        plain = f"p{plain}" if hasattr(nn.Module, plain) or not plain.isidentifier() else plain
        while plain in self._names.values():
            plain += "_"
        if isinstance(found, nn.Module):
            self._layer(plain, found)
        elif isinstance(found, nn.Parameter):
            self.lines.append(f"self.{plain} = nn.Parameter({_start(found)})")
        else:
            empty = f"torch.zeros({list(found.shape)}, dtype={found.dtype})"
            self.lines.append(f'self.register_buffer("{plain}", {empty})')
        if not isinstance(found, nn.Module):
            self.state[plain] = found.detach()
        return plain

    def _layer(self, name: str, layer: nn.Module) -> None:
        self.lines.append(f"self.{name} = {constructor(layer)}")
        for key, parameter in layer.named_parameters():
            if id(parameter) in self._names:  # tied to another layer
                self.lines.append(f"self.{name}.{key} = self.{self._names[id(parameter)]}")
            else:
                self._names[id(parameter)] = f"{name}.{key}"
                self._kept.append(parameter)
        self.state |= {f"{name}.{key}": one.detach() for key, one in layer.state_dict().items()}


def _attribute(owner: nn.Module | None, target: str) -> Any:
    found: Any = owner
    for part in target.split("."):
        found = getattr(found, part)
    return found


def _has(owner: nn.Module, target: str) -> bool:
    try:
        _attribute(owner, target)
    except AttributeError:
        return False
    return True


def _is_buffer(model: nn.Module, tensor: torch.Tensor) -> bool:
    return any(tensor is buffer for buffer in model.buffers())


def _same_tensor(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool(torch.equal(one, other))


def _start(tensor: torch.Tensor) -> str:
    """A parameter before training: its one value where all are equal, else normal with its spread."""
    shape, kind = list(tensor.shape), "" if tensor.dtype == torch.float32 else f", dtype={tensor.dtype}"
    values = tensor.detach().float().flatten()
    if not len(values) or bool((values == values[0]).all()):
        return f"torch.full({shape}, {float(values[0]) if len(values) else 0.0}{kind})"
    return f"torch.randn({shape}{kind}) * {float(values.std()):.3g}"
