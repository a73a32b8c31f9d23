"""A supernet: which of its paths it prefers, and how well one of them does with the shared weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from nni.mutable import CategoricalMultiple
from nni.nas.nn.pytorch import LayerChoice
from nni.nas.oneshot.pytorch.supermodule.differentiable import DifferentiableMixedCell
from nni.nas.oneshot.pytorch.supermodule.proxyless import ProxylessMixedRepeat
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ....spaces.from_nni.fixes import plain
from .choices import Probabilities, count_skips, is_skip
from .data import Data, pair

_CALIBRATED_ON = 8
"""Training batches on which a path's BatchNorm statistics are computed before it is scored."""
_CHOSEN, _LEFT = 0.0, -1e4
"""Logits that make a softmax choose."""
_SAMPLING = ("random", "enas", "proxyless")
"""Strategies whose supernet goes along one path at a time; the others mix all."""
Sample = dict[str, Any]


class Choices:
    """The choices of a model space, noted before NNI turns it into a supernet.

    Attributes:
        mutables: by label.
        skips: labels of layers that may be a skip connection, with the options that are one.
    """

    def __init__(self, space: Any) -> None:
        self.mutables: dict[str, Any] = dict(space.simplify())
        self.skips: dict[str, set[Any]] = {}
        for label, mutable in self.mutables.items():
            self.skips[label] = {option for option in mutable.values if is_skip(option)}
        for module in space.modules():
            if isinstance(module, LayerChoice):
                plain_paths = (name for name in module.names if isinstance(module[name], nn.Identity))
                self.skips.setdefault(module.label, set()).update(plain_paths)
        self.skips = {label: options for label, options in self.skips.items() if options}

    @property
    def several(self) -> dict[str, int]:
        """Choices of several options at once, and of how many."""
        mutables = self.mutables.items()
        return {label: one.n_chosen for label, one in mutables if isinstance(one, CategoricalMultiple)}


class Supernet:
    """A supernet in or after training.

    Args:
        word: of the strategy.
        strategy: NNI's, initialized.
    """

    def __init__(self, word: str, strategy: Any, choices: Choices) -> None:
        self._word = word
        self._strategy = strategy
        self._choices = choices
        self.learns = word != "random"
        """Whether it prefers some paths to others."""

    @property
    def module(self) -> Any:
        """NNI's Lightning module around it."""
        return self._strategy.oneshot_module

    @property
    def network(self) -> nn.Module:
        """The supernet itself."""
        network: nn.Module = self._strategy.supernet
        return network

    @property
    def independent(self) -> bool:
        """Whether the probabilities are those of all choices, each independent of the others."""
        return self.learns and self._word != "enas" and self.probabilities().keys() == self._choices.mutables.keys()

    def probabilities(self) -> Probabilities:
        """What was learnt, by choice, in cells by edge; empty where nothing is."""
        if not self.learns:
            return {}
        if self._word == "enas":
            self.likeliest()  # the policy's are those of its last draw
        with self._plain_softmax(), torch.no_grad():
            raw = self.module.export_probs()
        found = {label: {option: float(one) for option, one in options.items()} for label, options in raw.items()}
        own = {label: found[label] for label in self._choices.mutables if label in found}
        return own if len(own) == len(self._choices.mutables) else found

    def likeliest(self) -> Sample | None:
        """What it would export; None where it prefers nothing."""
        if not self.learns:
            return None
        if self._word != "proxyless":
            with self._greedy(), torch.no_grad():
                return self._own(self.module.export())
        sample: Sample = {}  # NNI's export draws at random here
        for label, options in self.probabilities().items():
            ordered = sorted(options, key=lambda option, weights=options: -weights[option])  # type: ignore[misc]
            count = self._choices.several.get(label)
            sample[label] = ordered[0] if count is None else sorted(ordered[:count])
        return self._own(sample)

    def draw(self) -> Sample:
        """A sample of what was learnt: of ENAS's policy, else of the architecture weights with Gumbel noise."""
        if self._word == "enas":
            self.module.policy.train()
            return self._own(self.module.resample())
        weights = self.weights()
        noisy = {name: one - torch.empty_like(one).exponential_().log() for name, one in weights.items()}
        try:
            self.restore(noisy)
            return self._own(self.module.export())
        finally:
            self.restore(weights)

    @property
    def several(self) -> dict[str, int]:
        """Choices of several options at once, and of how many."""
        return self._choices.several

    def skips(self, sample: Sample) -> int:
        """Skip connections of a sample."""
        return count_skips(sample, self._choices.skips)

    @property
    def skippable(self) -> int:
        """Choices that may be a skip connection."""
        return len(self._choices.skips)

    def weights(self) -> dict[str, torch.Tensor]:
        """Copies of what prefers paths, by name: the architecture weights, or ENAS's policy."""
        return {name: weight.detach().clone() for name, weight in self._preferring()}

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Set them to copies."""
        with torch.no_grad():
            for name, weight in self._preferring():
                weight.copy_(weights[name])

    def _preferring(self) -> Iterator[tuple[str, nn.Parameter]]:
        if self._word == "enas":
            yield from self.module.policy.named_parameters()
        else:
            yield from ((name, one) for name, one in self.module.named_parameters() if "_arch_alpha" in name)

    def score(self, sample: Sample, data: Data, device: torch.device) -> float:
        """Mean score on the validation part of one path, with BatchNorm statistics of its own.

        The supernet is left as it was. Guo et al., SPOS, ECCV 2020: statistics have to be recomputed for
        each path.
        """
        with self._on_path(sample), _kept_buffers(self.network), torch.no_grad():
            _calibrate(self.network, data, device)
            self.network.eval()
            total = count = 0.0
            for batch in data.validation:
                inputs, targets = _moved(pair(batch), device)
                total += float(data.score(self.network(inputs), targets)) * len(targets)
                count += len(targets)
        return total / count

    @contextmanager
    def _on_path(self, sample: Sample) -> Iterator[None]:
        """The supernet computes what the network of ``sample`` does."""
        if self._word in _SAMPLING:
            memo = sample | self._skipped_blocks(sample)
            for module in self.module.supernet_modules():
                module.resample(memo=memo)
            yield
            return
        weights = self.weights()
        try:
            with self._plain_softmax():
                self._choose(sample)
                yield
        finally:
            self.restore(weights)

    def _skipped_blocks(self, sample: Sample) -> Sample:
        """Of NNI's proxyless repeat, which makes a choice of each block that may be left out."""
        found: Sample = {}
        for module in self.network.modules():
            if isinstance(module, ProxylessMixedRepeat):
                depth = sample[module.depth_choice.label]
                for place in range(module.min_depth, module.max_depth):
                    found[module.blocks[place].label] = "1" if place < depth else "0"
        return found

    def _choose(self, sample: Sample) -> None:
        with torch.no_grad():
            for label, weight in self._strategy._arch_parameters.items():
                options, value = self._choices.mutables[label].values, sample[label]
                chosen = value if isinstance(value, list) else [value]
                _one_hot(weight, [options.index(one) for one in chosen])
            for module in self.network.modules():
                if isinstance(module, DifferentiableMixedCell):
                    _choose_in_cell(module, sample)

    @contextmanager
    def _plain_softmax(self) -> Iterator[None]:
        """Without the noise of Gumbel-softmax."""
        mixed = [
            module for module in self.network.modules() if isinstance(getattr(module, "_softmax", None), nn.Softmax)
        ]
        with ExitStack() as stack:
            for module in mixed:
                stack.callback(setattr, module, "_softmax", module._softmax)
                module._softmax = nn.Softmax(-1)
            yield

    @contextmanager
    def _greedy(self) -> Iterator[None]:
        """ENAS's policy takes what is likeliest instead of drawing."""
        policy = getattr(self.module, "policy", None)
        if policy is None:
            yield
            return
        before, policy._deterministic_eval = policy._deterministic_eval, True
        try:
            yield
        finally:
            policy._deterministic_eval = before

    def _own(self, sample: Mapping[str, Any]) -> Sample:
        """Without labels that only the supernet has."""
        return plain({label: value for label, value in sample.items() if label in self._choices.mutables})


def _choose_in_cell(cell: Any, sample: Sample) -> None:
    """The weights of a cell are those of its edges; the last of each says that the edge is not there."""
    names = list(cell.op_names)
    chosen: dict[str, list[int]] = {edge: [] for edge in cell._arch_alpha}
    for node in range(cell.num_predecessors, cell.num_nodes + cell.num_predecessors):
        for place in range(cell.num_ops_per_node):
            (source,) = sample[f"{cell.label}/input_{node}_{place}"]
            chosen[f"{cell.label}/{node}_{source}"].append(names.index(sample[f"{cell.label}/op_{node}_{place}"]))
    for edge, weight in cell._arch_alpha.items():
        _one_hot(weight, chosen[edge] or [len(names)])


def _one_hot(weight: torch.Tensor, places: list[int]) -> None:
    weight.fill_(_LEFT)
    weight[places] = _CHOSEN


@contextmanager
def _kept_buffers(network: nn.Module) -> Iterator[None]:
    """Leave running statistics and the mode of each module as they were."""
    modes = [(module, module.training) for module in network.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in network.buffers()]
    momenta = [(module, _momentum(module)) for module in network.modules() if isinstance(module, _BatchNorm)]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, copy in buffers:
                buffer.copy_(copy)
        for norm, momentum in momenta:
            _set_momentum(norm, momentum)
        for module, mode in modes:
            module.training = mode


def _calibrate(network: nn.Module, data: Data, device: torch.device) -> None:
    """Statistics of the path that is chosen, as plain means over some training batches."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    network.eval()
    if not norms:
        return
    for norm in norms:
        norm.train()
    for number, batch in enumerate(itertools.islice(data.train, _CALIBRATED_ON), 1):
        for norm in norms:
            _set_momentum(norm, 1 / number)
        network(_moved(pair(batch), device)[0])


def _momentum(norm: Any) -> float | None:
    momentum: float | None = norm.init_arguments["momentum"] if hasattr(norm, "init_arguments") else norm.momentum
    return momentum


def _set_momentum(norm: Any, momentum: float | None) -> None:
    if hasattr(norm, "init_arguments"):  # NNI's, of several widths
        norm.init_arguments["momentum"] = momentum
    else:
        norm.momentum = momentum


def _moved(batch: tuple[Any, Any], device: torch.device) -> tuple[Any, Any]:
    return batch[0].to(device), batch[1].to(device)
