"""Declared stages as a model space of NNI, for one-shot training. Loaded only when NNI is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..architectures import PREFIX
from ..architectures.blocks import make_block
from ..architectures.network import LayerPlan, build_network
from ..architectures.staged import StagedArchitecture
from ..config import Config, Value
from ..errors import Problem, SpaceError
from ..parameter import Parameter
from ..space import Space
from ..translate import probabilities
from .fixes import nni

nni()

from nni.mutable import Categorical  # noqa: E402
from nni.nas.nn.pytorch import LayerChoice, ModelSpace, Repeat  # noqa: E402


class StagedModelSpace(ModelSpace):  # type: ignore[misc]
    """All networks of declared stages in one: at each place a choice between the blocks, over it one of the depth.

    A network that is cut out of it has the layers and the names of weights of the one that
    :meth:`.StagedArchitecture.build` makes: ``stages.0.2`` is the third layer of the first stage.

    Args:
        staged: stages with one width each.
        config: what else decides about blocks, such as ``activation``.
    """

    def __init__(self, staged: StagedArchitecture, config: Mapping[str, Value]) -> None:
        super().__init__()
        plans = _plans(staged, config)
        network = build_network(staged.plan({**_largest(staged, 0), **config}))
        self.stem = network.stem
        self.stages = torch.nn.ModuleList(
            _stage(staged, number, [[layers[at] for layers in plans[number]] for at in range(stage.deepest)])
            for number, stage in enumerate(staged.stages, start=1)
        )
        self.head = network.head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One batch through the network of the default choices."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        out: torch.Tensor = self.head(x)
        return out


def staged_model_space(staged: StagedArchitecture, config: Mapping[str, Value] | None = None) -> StagedModelSpace:
    """The model space of declared stages; labels are those of the parameters, with ``_`` for dots: ``stage1_op1``.

    Args:
        config: values of parameters outside of ``architecture`` that decide about blocks: ``activation``.

    Raises:
        SpaceError: for a stage with several widths.
    """
    problems = [
        Problem(
            ("stages", index, "width"),
            f"one-shot training needs one width per stage, got {stage.width.describe()}: write one, such as "
            f"width: {stage.width.default_value}, or search without one-shot training",
        )
        for index, stage in enumerate(staged.stages)
        if stage.width.cardinality > 1
    ]
    if problems:
        raise SpaceError(problems)
    return StagedModelSpace(staged, dict(config or {}))


def config_of(staged: StagedArchitecture, sample: Mapping[str, Any]) -> Config:
    """The config of ``staged`` for a sample of its model space; what is in no sample has one value."""
    space = Space(staged.parameters())

    def chosen(name: str) -> Value:
        value = sample.get(_label(name), space[name].default_value)
        return space[name].check(value)

    return space.fill(chosen)


def sample_of(staged: StagedArchitecture, config: Mapping[str, Value]) -> dict[str, Any]:
    """The sample of the model space for a config of ``staged``; layers beyond the depth get their first operation."""
    searched = {name: one for name, one in staged.parameters().items() if one.cardinality > 1}
    return {_label(name): config.get(name, one.default_value) for name, one in searched.items()}


def _stage(staged: StagedArchitecture, number: int, places: Sequence[Sequence[LayerPlan]]) -> torch.nn.Module:
    """Blocks for each place, from the first layer on, of one stage."""
    parameters = staged.parameters()
    at = f"{PREFIX}stage{number}."
    blocks = [_block(plans, _label(f"{at}op{place}")) for place, plans in enumerate(places, start=1)]
    depth = parameters[f"{at}depth"]
    if depth.cardinality == 1:
        return torch.nn.Sequential(*blocks)
    return Repeat(blocks, _choice(depth, _label(f"{at}depth")))  # type: ignore[no-any-return]


def _block(plans: Sequence[LayerPlan], label: str) -> torch.nn.Module:
    if len(plans) == 1:
        return make_block(plans[0].to_dict())
    blocks = {plan.op: make_block(plan.to_dict()) for plan in plans}
    return LayerChoice(blocks, label=label)  # type: ignore[no-any-return]


def _choice(depth: Parameter, label: str) -> Any:
    return Categorical(list(depth.choices), weights=probabilities(depth).tolist(), label=label)


def _plans(staged: StagedArchitecture, config: Mapping[str, Value]) -> dict[int, list[list[LayerPlan]]]:
    """For each stage, from 1, the layers of the deepest network of one operation, for each of its operations."""
    found: dict[int, list[list[LayerPlan]]] = {number: [] for number in range(1, len(staged.stages) + 1)}
    for index in range(max(len(stage.operations) for stage in staged.stages)):
        layers = staged.plan({**_largest(staged, index), **config}).stages
        for number, stage in enumerate(staged.stages, start=1):
            if index < len(stage.operations):
                found[number].append(layers[number - 1])
    return found


def _largest(staged: StagedArchitecture, index: int) -> dict[str, Value]:
    """The config of the deepest network, in which each layer is the operation at ``index``, or the last there is."""
    config: dict[str, Value] = {}
    for number, stage in enumerate(staged.stages, start=1):
        at = f"{PREFIX}stage{number}."
        config |= {f"{at}depth": stage.deepest, f"{at}width": stage.width.default_value}
        word = stage.operations[min(index, len(stage.operations) - 1)].word
        config |= {f"{at}op{layer}": word for layer in range(1, stage.deepest + 1)}
    return config


def _label(name: str) -> str:
    """``stage1_op1`` of ``architecture.stage1.op1``: torch's names of weights have no dots."""
    return name.removeprefix(PREFIX).replace(".", "_")
