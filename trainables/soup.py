"""Model soups: averaged weights of networks that went on from the same starting weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

State = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Soup:
    """Networks whose weights are averaged.

    Args:
        members: of the states that were given, in the order in which they were added; the first is the best alone.
        loss: of the average.
        losses: of each state alone.
        barriers: for every other state that was tried: by how much the loss halfway between it and the best alone is
            above the worse of the two; 0 or less when there is no barrier.
    """

    members: tuple[int, ...]
    loss: float
    losses: tuple[float, ...]
    barriers: dict[int, float]

    @property
    def connected(self) -> bool:
        """Whether some other state can be reached from the best one in a straight line without a rise of the loss.

        Frankle et al., Linear Mode Connectivity, ICML 2020. Without it no average is worth anything.
        """
        return any(barrier <= 0 for barrier in self.barriers.values())


def greedy_soup(states: Sequence[State], evaluate: Callable[[State], float]) -> Soup:
    """Add the states to an average, best first, and keep each that does not make it worse.

    Wortsman et al., Model Soups, ICML 2022, algorithm 1.

    Args:
        states: state dicts with the same names and shapes.
        evaluate: loss of a state on examples that it was not trained on; smaller is better.

    Raises:
        ValueError: for no states, or states of different networks.
    """
    refuse_mixed(states)
    return greedy_members(len(states), lambda members: evaluate(average([states[index] for index in members])))


def greedy_members(count: int, loss_of: Callable[[tuple[int, ...]], float]) -> Soup:
    """The algorithm alone.

    Args:
        loss_of: loss of the average of these states.
    """
    losses = tuple(loss_of((index,)) for index in range(count))
    best, *others = sorted(range(count), key=lambda index: (losses[index], index))
    members: tuple[int, ...] = (best,)
    loss, barriers = losses[best], {}
    for index in others:
        barriers[index] = loss_of((best, index)) - max(losses[best], losses[index])
        with_it = loss_of((*members, index))
        if with_it <= loss:
            members, loss = (*members, index), with_it
    return Soup(members, loss, losses, barriers)


def average(states: Sequence[State]) -> dict[str, Tensor]:
    """Mean of the weights, in double precision; what is no fraction (a counter) is that of the first state."""
    import torch

    first = states[0]
    mean = {}
    for name, value in first.items():
        if value.is_floating_point():
            total = torch.stack([state[name].to(torch.float64) for state in states]).mean(dim=0)
            mean[name] = total.to(value.dtype)
        else:
            mean[name] = value.clone()
    return mean


def refuse_mixed(states: Sequence[State]) -> None:
    """Nothing, when the states are of one architecture.

    Raises:
        ValueError: otherwise, and when there is none.
    """
    if not states:
        raise ValueError("a soup needs a state")
    shapes = [{name: tuple(value.shape) for name, value in state.items()} for state in states]
    different = [index for index, one in enumerate(shapes) if one != shapes[0]]
    if different:
        raise ValueError(f"state {different[0]} is of another architecture than the first: only equal ones have a mean")


def has_batch_norm(network: torch.nn.Module) -> bool:
    """Whether the network keeps running statistics, which an average of weights makes wrong."""
    return bool(_batch_norms(network))


def settle_batch_norm(network: torch.nn.Module, run: Callable[[], object]) -> None:
    """Work out the running statistics of batch normalisation anew for the network's present weights.

    Args:
        run: sends training inputs through the network; it may put the network into evaluation mode, as predicting
            does, so that dropout does not disturb. A mean over all batches is kept.
    """
    layers = _batch_norms(network)
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a mean over all batches, instead of the last few
            layer.train()
            layer.__dict__["train"] = lambda mode=True, layer=layer: layer  # evaluation mode must not reach it
        run()
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.__dict__.pop("train", None)
            layer.momentum = momentum
            layer.eval()


def _batch_norms(network: torch.nn.Module) -> list[torch.nn.modules.batchnorm._BatchNorm]:
    from torch.nn.modules.batchnorm import _BatchNorm

    found = (module for module in network.modules() if isinstance(module, _BatchNorm))
    return [layer for layer in found if layer.track_running_stats]
