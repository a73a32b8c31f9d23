"""A model space of NNI, from its hub or from the user's file, as a space of networks."""

from __future__ import annotations

import inspect
import json
import re
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Value
from ..errors import AssayError, Problem, SpaceError, did_you_mean, one_of, shown
from ..loading import Named, short_reason
from ..parameter import Parameter
from .fixes import nni
from .hub import HUB, hub_space
from .model_translation import ModelTranslation

if TYPE_CHECKING:
    import torch

_KEYS = ("space", "arguments", "input", "directory")
_LINE = 100
_WORDS_201 = {"conv_1x1": "nor_conv_1x1", "conv_3x3": "nor_conv_3x3"}
"""Operations whose names in NAS-Bench-201 differ from those in NNI."""


class ModelSpaceArchitecture:
    """An :class:`~..architectures.Architecture` made of a ``ModelSpace``.

    Args:
        make: gives the model space anew; see :class:`.ModelTranslation`.
        input_shape: of one example; without it, isomorphic networks are not told to be the same.

    Raises:
        SpaceError: for a model space that cannot be searched.
        UsageError: when NNI is not installed.
    """

    def __init__(self, make: Callable[[], Any], input_shape: tuple[int, ...] | None = None) -> None:
        self._shape = input_shape
        self.translation = ModelTranslation(make)

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> ModelSpaceArchitecture:
        """From plain data: ``space``, a word of the hub, ``file.py:Class`` or ``package.module:Class``; ``arguments``
        of the class, or of a function that returns a model space; ``input``; ``directory`` of the file.

        Raises:
            SpaceError: all that is wrong, located in the description.
            UsageError: when NNI is not installed.
        """
        unknown = [key for key in description if key not in _KEYS]
        if unknown:
            hint = f"unknown key{did_you_mean(unknown[0], _KEYS)}: use {one_of(_KEYS)}"
            raise SpaceError([Problem((unknown[0],), hint)])
        name, arguments = description.get("space"), description.get("arguments") or {}
        if not isinstance(name, str):
            raise SpaceError(
                [Problem(("space",), f"expected a word such as nasbench201, or file.py:Class, got {name!r}")]
            )
        if not isinstance(arguments, Mapping):
            raise SpaceError([Problem(("arguments",), f"expected a mapping, got {shown(arguments)}")])
        shape = _shape(description.get("input"))
        if ":" in name:
            make = _own_space(name, str(description.get("directory") or "."), arguments)
        else:
            make = hub_space(name, arguments)
            shape = HUB[name].checked(shape, arguments)
        try:
            return cls(make, shape)
        except SpaceError as error:
            raise SpaceError([problem.under("space") for problem in error.problems]) from error
        except AssayError:
            raise
        except Exception as error:  # a class of the user, or of NNI's hub, may raise anything
            where, given = ("arguments", f" with {shown(dict(arguments))}") if arguments else ("space", "")
            text = f"{name} cannot be made{given}: {_reason(error)}{_usual(make, arguments)}"
            raise SpaceError([Problem((where,), text)]) from error

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        return self._shape

    def parameters(self) -> dict[str, Parameter]:
        return self.translation.parameters

    def feasible(self, config: Mapping[str, Value]) -> bool:
        return self.translation.feasible(config)

    def canonical(self, config: Mapping[str, Value]) -> str:
        """The graph of the network, where it can be traced; else its choices, without those that do not matter."""
        from ..networks.canonical import canonical_text

        text = None
        if self._shape is not None:
            text = canonical_text(self.translation.build_without_weights(config), self._shape)
        # Several configs may stand for one sample.
        return text or json.dumps(dict(self.translation.encode(self.translation.decode(config))))

    def describe(self, config: Mapping[str, Value]) -> str:
        """The choices, as ``op1=conv, depth=3``, or only what is chosen where that is too long.

        Of cells of NAS-Bench-201 it is the text that its authors use.
        """
        told = self.translation.told(config)
        text = _cell_of_201(told) or ", ".join(f"{label}={value}" for label, value in told.items())
        if len(text) > _LINE:
            text = " ".join(told.values())
        return text if len(text) <= _LINE else f"{text[: _LINE - 3]}..."

    def build(self, config: Mapping[str, Value]) -> torch.nn.Module:
        return self.translation.build(config)


def _own_space(name: str, directory: str, arguments: Mapping[str, Any]) -> partial[Any]:
    """What makes the user's model space: its class, or a function, with its arguments."""
    nni()  # before the file imports it: without its warnings
    try:
        found = Named(name, directory, "space", SpaceError, "Class").find(again=False)
    except SpaceError as error:
        raise SpaceError([Problem(("space",), str(error).removeprefix("space: "))]) from error
    if not callable(found) or (hasattr(found, "simplify") and not isinstance(found, type)):
        text = f"expected a class of model spaces, or a function that returns one, got {type(found).__name__}"
        raise SpaceError([Problem(("space",), text)])
    try:
        inspect.signature(getattr(found, "_init_wrapped", found)).bind(*_self_of(found), **arguments)
    except TypeError as error:
        raise SpaceError([Problem(("arguments",), f"{name}: {error}")]) from None
    return partial(found, **arguments)


def _usual(make: partial[Any], arguments: Mapping[str, Any]) -> str:
    """The defaults of what was given, which show what is expected."""
    known = inspect.signature(getattr(make.func, "_init_wrapped", make.func)).parameters
    usual = {name: known[name].default for name in arguments if name in known}
    told = ", ".join(f"{name}: {shown(value)}" for name, value in usual.items() if value is not inspect.Parameter.empty)
    return f"; the default is {{{told}}}" if told else ""


def _reason(error: Exception) -> str:
    """An error in one line; the place and the line of code of one that says nothing, as a failed ``assert``."""
    if str(error):
        return short_reason(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {last.line}"


def _self_of(found: Any) -> list[None]:
    """NNI hides the arguments of a class of model spaces; what it hides takes ``self`` as well."""
    return [None] if hasattr(found, "_init_wrapped") else []


def _shape(raw: Any) -> tuple[int, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)) or not raw or not all(isinstance(one, int) and one > 0 for one in raw):
        raise SpaceError([Problem(("input",), f"expected the shape of one example, such as [3, 32, 32], got {raw!r}")])
    return tuple(raw)


def _cell_of_201(told: Mapping[str, str]) -> str | None:
    """``|nor_conv_3x3~0|+|none~0|skip_connect~1|+...``: Dong and Yang, ICLR 2020; None for other networks."""
    edges = {label: re.fullmatch(r"cell/(\d)_(\d)", label) for label in told}
    if len(told) != 6 or not all(edges.values()):
        return None
    nodes: dict[int, list[str]] = {}
    for label, edge in sorted(edges.items()):
        if edge is not None:
            word = told[label]
            nodes.setdefault(int(edge[2]), []).append(f"{_WORDS_201.get(word, word)}~{edge[1]}")
    return "+".join(f"|{'|'.join(nodes[node])}|" for node in sorted(nodes))
