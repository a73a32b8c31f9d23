"""A network that leaves Assay: a Python file that needs PyTorch alone, its weights, and what it is."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..config import Value
from ..errors import UsageError
from .constructors import NoConstructorError
from .draws import own_draws
from .recorded import TraceError
from .recording import batches
from .source import NetworkSource, exported_source, traced_source
from .standalone_file import whole_file

SOURCE, WEIGHTS, DESCRIPTION = "model.py", "weights.safetensors", "architecture.json"
"""The files of a network that is handed over: Python, its trained numbers, what it is."""
_TOLERANCE = 1e-6
_BATCHES = (1, 3)
_LAST_IMPORT = "from torch.nn import functional\n"  # of the file of blocks


@dataclass(frozen=True)
class Standalone:
    """A network as text and numbers.

    Attributes:
        source: of a Python file with ``build()`` (fresh weights) and ``load(path)`` (these).
        state: the weights by the names that the network of ``build()`` has for them.
    """

    source: str
    state: dict[str, torch.Tensor]


class StandaloneError(UsageError):
    """A network that cannot be written as a file that needs PyTorch alone."""


def standalone(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    name: str,
    config: Mapping[str, Value],
    provenance: str = "",
) -> Standalone:
    """The file and the weights of a network; the file was run, and gave what the network gives.

    A network of stages becomes the blocks that it is made of. Others are traced: with torch.fx, which keeps layers,
    else with torch.export. Both are compared with the network in training, drawing the same dropout, and in
    evaluation, for batches of one and of three: outputs agree to 1e-6 of the largest.

    Args:
        input_shape: of one example, without the batch.
        name: of the network, for the first line of the file.
        config: for the same place; what chose the network.
        provenance: one line, such as sweep and trial.

    Raises:
        StandaloneError: when no way gives the same outputs; the text has the reasons.
    """
    model = copy.deepcopy(model).to("cpu")
    refusals = []
    for way in (_staged, lambda one, _: traced_source(one), exported_source):
        try:
            written = way(model, input_shape)
            if written is None:
                continue
            source = _file(written, model, input_shape, name, config, provenance)
            made = Standalone(source, {key: one.contiguous().clone() for key, one in written.state.items()})
            with own_draws(0):  # not torch's own generator, from which a training may draw in another thread
                _compare(model, made, input_shape)
        except (TraceError, NoConstructorError, StandaloneError) as error:
            refusals.append(str(error))
        else:
            return made
    raise StandaloneError(f"{name} cannot be written for PyTorch alone: {'; '.join(refusals)}")


def exported_files(
    model: nn.Module,
    input_shape: Sequence[int],
    config: Mapping[str, Value],
    *,
    name: str,
    provenance: str = "",
    description: Mapping[str, Any] | None = None,
) -> dict[str, str | bytes]:
    """What is handed over of a network: :data:`DESCRIPTION`, :data:`SOURCE` and :data:`WEIGHTS`, by these names.

    Args:
        input_shape, config, name, provenance: see :func:`standalone`.
        description: of the space of networks, as a sweep file has it.

    Raises:
        StandaloneError: when the network cannot be written for PyTorch alone.
    """
    from safetensors.torch import save

    made = standalone(model, input_shape, name=name, config=config, provenance=provenance)
    about = {
        "name": name,
        "provenance": provenance,
        "config": dict(config),
        "description": None if description is None else dict(description),
        "input": list(input_shape),
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "torch": torch.__version__,
    }
    return {DESCRIPTION: json.dumps(about, indent=2) + "\n", SOURCE: made.source, WEIGHTS: save(made.state)}


def _staged(model: nn.Module, input_shape: Sequence[int]) -> NetworkSource | None:
    """The source of the blocks and the plan of a network of stages; None for other networks."""
    from ..architectures import blocks

    if type(model) is not blocks.StagedNetwork:
        return None
    body = inspect.getsource(blocks).split(_LAST_IMPORT, 1)[1].strip()
    return NetworkSource(f"{body}\n\n\nPLAN = {_text(model.plan)}\n", model.state_dict(), "StagedNetwork(PLAN)")


def _text(plan: Mapping[str, Any]) -> str:
    """The plan with a line for each layer."""
    layers = ["".join(f"            {layer!r},\n" for layer in stage) for stage in plan["stages"]]
    stages = "".join(f"        [\n{lines}        ],\n" for lines in layers)
    others = "".join(f"    {key!r}: {value!r},\n" for key, value in plan.items() if key != "stages")
    return f"{{\n{others}    'stages': [\n{stages}    ],\n}}"


def _file(
    written: NetworkSource,
    model: nn.Module,
    input_shape: Sequence[int],
    name: str,
    config: Mapping[str, Value],
    provenance: str,
) -> str:
    batch = _takes(model, input_shape)
    example = f"torch.zeros({list(batch.shape)}, dtype={batch.dtype})"
    shape = ", ".join(map(str, ("batch", *input_shape)))
    count = sum(parameter.numel() for parameter in model.parameters())
    about = [f"{name}: a network that needs PyTorch alone.", ""]
    about += [provenance] if provenance else []
    about += [f"Input: ({shape}), {batch.dtype}. Parameters: {count:,}. PyTorch {torch.__version__}."]
    about += ["", *(f"    {key} = {value}" for key, value in config.items())] if config else []
    return whole_file("\n".join(about), written.text, written.make, WEIGHTS, example)


def _takes(model: nn.Module, input_shape: Sequence[int], size: int = 1) -> torch.Tensor:
    """A batch that the network takes.

    Raises:
        StandaloneError: when there is none.
    """
    failure: Exception | None = None
    for batch in batches(model, (size, *input_shape)):
        try:
            with torch.no_grad(), own_draws(0):
                model.eval()(batch)
        except Exception as error:  # noqa: BLE001 - the network's code is not ours and may raise anything
            failure = failure or error
        else:
            return batch
    raise StandaloneError(f"it does not run on input {list(input_shape)}: {failure}") from failure


def _compare(model: nn.Module, made: Standalone, input_shape: Sequence[int]) -> None:
    """Runs the file, and both networks.

    Raises:
        StandaloneError: when they do not agree.
    """
    space: dict[str, Any] = {"__name__": "exported", "__file__": SOURCE}
    try:
        exec(compile(made.source, SOURCE, "exec"), space)
        other: nn.Module = space["build"]()
        other.load_state_dict(made.state)
    except Exception as error:  # the file holds the network's code, which may raise anything
        raise StandaloneError(f"the file does not run: {type(error).__name__}: {error}") from error
    for train in (False, True):
        for size in _BATCHES[1:] if train else _BATCHES:
            batch = _takes(model, input_shape, size)
            expected, got = (_outputs(copy.deepcopy(one), batch, train) for one in (model, other))
            alike = len(expected) == len(got)
            worst = max(map(_difference, expected, got), default=0.0) if alike else float("inf")
            if not worst <= _TOLERANCE:  # also where it is NaN
                mode = "training" if train else "evaluation"
                raise StandaloneError(f"in {mode}, outputs for a batch of {size} differ by {worst:.2g}")


def _outputs(model: nn.Module, batch: torch.Tensor, train: bool) -> list[torch.Tensor]:
    with torch.no_grad(), own_draws(0):
        try:
            return list(_flat(model.train(train)(batch)))
        except Exception as error:  # the network's code is not ours and may raise anything
            raise StandaloneError(f"a batch of {len(batch)}: {type(error).__name__}: {error}") from error


def _flat(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _flat(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)


def _difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value where that is above 1; NaN where only one is NaN."""
    if one.shape != other.shape:
        return float("inf")
    if not one.numel():
        return 0.0
    one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan())
    scale = max(1.0, float(one[one.isfinite()].abs().max())) if bool(one.isfinite().any()) else 1.0
    return float(torch.where(same, 0.0, (one - other).abs()).max()) / scale
