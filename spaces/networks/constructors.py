"""Layers of PyTorch as the text that makes them: ``nn.Conv2d(3, 16, 3, padding=1, bias=False)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class NoConstructorError(ValueError):
    """A layer that its attributes do not make again."""


def constructor(layer: nn.Module) -> str:
    """The call that makes a layer with fresh weights, ``nn`` being ``torch.nn``; it is run, and its result compared.

    Raises:
        NoConstructorError: for a layer that is not one of torch's own, or that does not come out the same.
    """
    kind = type(layer)
    if getattr(nn, kind.__name__, None) is not kind:
        raise NoConstructorError(f"{kind.__name__} is no class of torch.nn")
    text = ""
    for short in (True, False):
        text = _call(layer, short)
        if _makes(text, layer):
            return text
    raise NoConstructorError(f"{text} does not make {kind.__name__} again")


def _makes(text: str, layer: nn.Module) -> bool:
    try:
        with torch.device("meta"):
            made = eval(text, {"nn": nn, "torch": torch})
    except (TypeError, ValueError, RuntimeError) as error:
        raise NoConstructorError(f"{text}: {error}") from error
    return repr(made) == repr(layer) and _shapes(made) == _shapes(layer)


def _call(layer: nn.Module, short: bool) -> str:
    """Arguments without default by position, others by name where they differ from it."""
    kind = type(layer).__name__
    if isinstance(layer, nn.RNNBase):
        return f"nn.{kind}({_listed(_recurrent(layer))})"
    if isinstance(layer, nn.TransformerEncoder):
        first = _call(layer.layers[0], short)
        norm = f", norm={_call(layer.norm, short)}" if layer.norm is not None else ""
        nested = f", enable_nested_tensor={layer.enable_nested_tensor}"
        return f"nn.TransformerEncoder({first}, {len(layer.layers)}{norm}{nested})"
    known = _KNOWN.get(kind, {})
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        if name in ("device", "dtype") or name.startswith("_") or parameter.kind in _STARRED:
            continue
        found = known[name](layer) if name in known else getattr(layer, name, parameter.default)
        if name == "bias" and name not in known:
            found = found is not None and found is not False
        if found is inspect.Parameter.empty:
            raise NoConstructorError(f"{kind} keeps no argument {name}")
        value = _plain(found, short)
        if parameter.default is inspect.Parameter.empty:
            given[f"*{name}"] = value
        elif value != _plain(getattr(parameter.default, "__name__", parameter.default), short):
            given[name] = value
    return f"nn.{kind}({_listed(given)}{_dtype(layer)})"


def _recurrent(layer: nn.RNNBase) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "num_layers": 1,
        "bias": True,
        "batch_first": False,
        "dropout": 0.0,
        "bidirectional": False,
    }
    if isinstance(layer, nn.LSTM):
        defaults["proj_size"] = 0
    if isinstance(layer, nn.RNN):
        defaults["nonlinearity"] = "tanh"
    others = {name: getattr(layer, name) for name, usual in defaults.items() if getattr(layer, name) != usual}
    return {"*input_size": layer.input_size, "*hidden_size": layer.hidden_size, **others}


def _listed(given: Mapping[str, Any]) -> str:
    return ", ".join(repr(one) if name.startswith("*") else f"{name}={one!r}" for name, one in given.items())


def _plain(value: Any, short: bool) -> Any:
    """Words and numbers, and tuples of them; ``short``: 3 for (3, 3).

    Raises:
        NoConstructorError: for what cannot be written as text.
    """
    if isinstance(value, (list, tuple)):
        if short and value and len(set(value)) == 1:
            return _plain(value[0], short)
        return tuple(_plain(one, short) for one in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NoConstructorError(f"{type(value).__name__} cannot be written as text")


def _dtype(layer: nn.Module) -> str:
    """The precision, where it is not float32; a layer that has one has an argument before it."""
    kinds = {one.dtype for one in layer.parameters()} - {torch.float32}
    if len(kinds) > 1:
        raise NoConstructorError(f"{type(layer).__name__} mixes {', '.join(sorted(map(str, kinds)))}")
    return f", dtype={kinds.pop()}" if kinds else ""


def _shapes(layer: nn.Module) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (one.shape, one.dtype) for name, one in layer.state_dict().items()}


def _activation(layer: nn.Module) -> str:
    names: dict[Any, str] = {nn.functional.relu: "relu", nn.functional.gelu: "gelu"}
    if layer.activation not in names:
        raise NoConstructorError(f"{type(layer).__name__} has an activation of its own")
    return names[layer.activation]


_KNOWN: dict[str, dict[str, Callable[[Any], Any]]] = {
    "MultiheadAttention": {
        "bias": lambda layer: layer.in_proj_bias is not None,
        "add_bias_kv": lambda layer: layer.bias_k is not None,
        "kdim": lambda layer: None if layer.kdim == layer.embed_dim else layer.kdim,
        "vdim": lambda layer: None if layer.vdim == layer.embed_dim else layer.vdim,
    },
    "TransformerEncoderLayer": {
        "d_model": lambda layer: layer.self_attn.embed_dim,
        "nhead": lambda layer: layer.self_attn.num_heads,
        "dim_feedforward": lambda layer: layer.linear1.out_features,
        "dropout": lambda layer: layer.dropout.p,
        "activation": _activation,
        "layer_norm_eps": lambda layer: layer.norm1.eps,
        "batch_first": lambda layer: layer.self_attn.batch_first,
        "bias": lambda layer: layer.linear1.bias is not None,
    },
}
"""Arguments that the layer keeps under another name."""
