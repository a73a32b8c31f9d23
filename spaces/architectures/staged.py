"""Networks declared as stages of layers: how many layers, how wide, and what each does is searched."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ..categorical import Categorical
from ..config import Value
from ..constant import Constant
from ..errors import Problem, SpaceError, shown
from ..parameter import Parameter
from ..translate import each, refuse
from .architecture import PREFIX
from .network import LayerPlan, NetworkPlan, build_network
from .operations import DEFAULT_ACTIVATION, Family, activation_named
from .stages import Stage, check_count, check_keys, listed, read_stage

if TYPE_CHECKING:
    import torch

_KEYS = ("input", "output", "stages", "vocabulary", "activation")
_FORM = "{input: [3, 32, 32], output: 10, stages: [...]}"
_FAMILIES: Mapping[int, Family] = {1: "mlp", 2: "sequence", 3: "cnn"}
_ACTIVATION = "activation"


@dataclass(frozen=True)
class StagedArchitecture:
    """Stem, stages, head: an :class:`~.architecture.Architecture` without NNI.

    The parameters of stage i, from 1, are ``architecture.stage{i}.depth``, ``.width`` and, for layer j,
    ``.op{j}``, which is active from depth j on. A config's ``activation``, a parameter like any other, is that of all
    layers that name none, unless the description has one.

    Attributes:
        input_shape: [channels, height, width] makes a cnn, [length, features] a sequence, [features] an mlp;
            [length] with a vocabulary a sequence of whole numbers.
        output: how many numbers come out.
        stages: from input to output.
        vocabulary: how many different whole numbers there are in a sequence.
        activation: of all networks; None to take the config's.
    """

    input_shape: tuple[int, ...]
    output: int
    stages: tuple[Stage, ...]
    vocabulary: int | None = None
    activation: str | None = None

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> StagedArchitecture:
        """From plain data: ``input``, ``output``, ``stages``, and perhaps ``vocabulary`` and ``activation``.

        Raises:
            SpaceError: all that is wrong, located in the description.
        """
        check_keys(description, _KEYS, _KEYS[:3], _FORM)
        given = {key: value for key, value in description.items() if value is not None or key in _KEYS[:3]}
        words = "vocabulary" in given
        shape: tuple[int, ...] = each([("input", given["input"])], lambda _, raw: _shape(raw, words))["input"]
        family: Family = "sequence" if words else _FAMILIES[len(shape)]
        read: dict[str, Callable[[Any], Any]] = {
            "input": lambda _: shape,
            "output": partial(check_count, least=1, what="the number of outputs"),
            "vocabulary": partial(check_count, least=1, what="how many different words there are"),
            "stages": partial(_stages, family=family),
            "activation": activation_named,
        }
        found = each(given.items(), lambda key, one: read[key](one))
        made = cls(shape, found["output"], found["stages"], found.get("vocabulary"), found.get("activation"))
        made._check_strides()
        refuse(made._kernel_problems())
        return made

    @property
    def family(self) -> Family:
        """What the networks take."""
        return "sequence" if self.vocabulary is not None else _FAMILIES[len(self.input_shape)]

    def parameters(self) -> dict[str, Parameter]:
        return dict(self._parameters)

    def feasible(self, config: Mapping[str, Value]) -> bool:
        return True

    def canonical(self, config: Mapping[str, Value]) -> str:
        return self.plan(config).canonical()

    def describe(self, config: Mapping[str, Value]) -> str:
        return self.plan(config).describe()

    def build(self, config: Mapping[str, Value]) -> torch.nn.Module:
        return build_network(self.plan(config))

    def plan(self, config: Mapping[str, Value]) -> NetworkPlan:
        """The network of a config, layer by layer.

        Raises:
            SpaceError: for parameters that are missing or out of range.
        """
        activation = self._activation_of(config)
        layers: list[LayerPlan] = []
        width = self._stem_width(config)
        for number, stage in enumerate(self.stages, start=1):
            depth, out = self._count(config, number, "depth"), self._count(config, number, "width")
            for layer in range(1, depth + 1):
                word = self._value(config, f"{PREFIX}stage{number}.op{layer}")
                chosen = next(one for one in stage.operations if one.word == word)
                stride = stage.stride if layer == 1 else 1
                layers.append(LayerPlan.of(chosen, self.family, activation, width, out, stride, number))
                width = out
        return NetworkPlan(self.family, self.input_shape, self.output, tuple(layers), activation, self.vocabulary)

    @cached_property
    def _parameters(self) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for number, stage in enumerate(self.stages, start=1):
            at = f"{PREFIX}stage{number}."
            found |= {f"{at}depth": stage.depth, f"{at}width": stage.width}
            words = [one.word for one in stage.operations]
            for layer in range(1, stage.deepest + 1):
                found[f"{at}op{layer}"] = _choice(words, f"{at}depth", stage, layer)
        return found

    def _stem_width(self, config: Mapping[str, Value]) -> int:
        """What the first stage takes: its own width, or the columns of a table, which need no stem."""
        return self.input_shape[0] if self.family == "mlp" else self._count(config, 1, "width")

    def _count(self, config: Mapping[str, Value], stage: int, what: str) -> int:
        return int(self._value(config, f"{PREFIX}stage{stage}.{what}"))  # type: ignore[arg-type]

    def _value(self, config: Mapping[str, Value], name: str) -> Value:
        if name not in config:
            raise SpaceError([Problem((name,), f"missing: expected {self._parameters[name].describe()}")])
        return each([(name, config[name])], lambda _, value: self._parameters[name].check(value))[name]

    def _activation_of(self, config: Mapping[str, Value]) -> str:
        if self.activation is not None:
            return self.activation
        if _ACTIVATION not in config:
            return DEFAULT_ACTIVATION[self.family]
        return each([(_ACTIVATION, config[_ACTIVATION])], lambda _, word: activation_named(word))[_ACTIVATION]

    @property
    def _largest(self) -> int:
        """The longer side of an image, the length of a sequence."""
        return {"cnn": max(self.input_shape[1:], default=1), "sequence": self.input_shape[0], "mlp": 1}[self.family]

    def _kernel_problems(self) -> Iterator[Problem]:
        """Kernels that see more padding than input wherever they stand."""
        size = self._largest
        for number, stage in enumerate(self.stages):
            before, size = size, math.ceil(size / stage.stride)
            met = size if stage.deepest > 1 else before
            for index, chosen in enumerate(stage.operations):
                kernel = chosen.arguments.get("kernel", 1)
                if kernel > 2 * met + 1:
                    text = f"{chosen.word!r} is too large for an input of size {met}, which stage {number + 1} has"
                    cure = f"use a kernel of at most {2 * met + 1}"
                    yield Problem(("stages", number, "ops", index), f"{text}: {cure}")

    def _check_strides(self) -> None:
        total = math.prod(stage.stride for stage in self.stages)
        if total > self._largest:
            shape = list(self.input_shape)
            text = f"the strides divide the size by {total}, and {shape} is no larger than {self._largest}"
            raise SpaceError([Problem(("stages",), f"{text}: make strides smaller, or leave stages out")])


def _shape(raw: Any, words: bool) -> tuple[int, ...]:
    """The shape of one example: its rank says what kind of network takes it."""
    form = "[channels, height, width], [length, features] or [features]"
    ranks = [1] if words else [*_FAMILIES]
    if words:
        form = "[length], as there is a vocabulary"
    if not isinstance(raw, (list, tuple)) or len(raw) not in ranks:
        raise SpaceError(f"expected {form}, got {shown(raw)}")
    return listed(raw, partial(check_count, least=1, what="a size"))


def _stages(raw: Any, family: Family) -> tuple[Stage, ...]:
    if not isinstance(raw, (list, tuple)) or not raw:
        raise SpaceError(f"expected a list of stages, got {shown(raw)}")
    return listed(raw, partial(read_stage, family=family))


def _choice(words: list[str], depth: str, stage: Stage, layer: int) -> Parameter:
    """What one layer does; a parameter while the stage is deep enough."""
    made: Parameter = Categorical(words) if len(words) > 1 else Constant(words[0])
    deep = stage.depths_with(layer)
    if len(deep) == stage.depth.cardinality:
        return made
    return dataclasses.replace(made, when={depth: deep})  # type: ignore[type-var]
