"""Averaged weights: good where networks share their start, refused where they do not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from assay.trainables.digits import load_digits, train_epoch
from assay.trainables.soup import average, greedy_members, greedy_soup, has_batch_norm, settle_batch_norm

INPUTS, TARGETS = (torch.from_numpy(part) for part in load_digits())
TRAIN, HELD_OUT = slice(0, 1000), slice(1000, 1797)


def network(seed: int, *, normed: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    norm = [nn.BatchNorm1d(32)] if normed else []
    return nn.Sequential(nn.Linear(64, 32), *norm, nn.ReLU(), nn.Linear(32, 10))


def trained(start: nn.Sequential, seed: int, epochs: int, lr: float = 0.05) -> nn.Sequential:
    made = copy.deepcopy(start)
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(made.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        train_epoch(made, optimizer, INPUTS[TRAIN], TARGETS[TRAIN], 50)
    return made


def loss_in(model: nn.Sequential, settle: bool = False) -> Callable[[dict[str, Tensor]], float]:
    def loss(state: dict[str, Tensor]) -> float:
        model.load_state_dict(state)
        if settle:
            settle_batch_norm(model, lambda: predicted(model, INPUTS[TRAIN]))
        return float(nn.functional.cross_entropy(predicted(model, INPUTS[HELD_OUT]), TARGETS[HELD_OUT]))

    return loss  # type: ignore[return-value]


@torch.no_grad()
def predicted(model: nn.Sequential, inputs: Tensor) -> Tensor:
    model.eval()
    return model(inputs)  # type: ignore[no-any-return]


@pytest.mark.parametrize("normed", [False, True])
def test_networks_with_the_same_start_make_a_soup(normed: bool) -> None:
    start = trained(network(0, normed=normed), 0, 10)
    states = [trained(start, seed, 6, 0.2).state_dict() for seed in range(1, 5)]
    soup = greedy_soup(states, loss_in(network(0, normed=normed), settle=normed))
    assert len(soup.members) >= 2
    assert soup.connected and len(soup.barriers) == 3
    assert soup.loss < min(soup.losses)
    assert soup.members[0] == min(range(4), key=lambda index: soup.losses[index])


def test_independent_networks_make_none() -> None:
    states = [trained(network(seed), seed, 10).state_dict() for seed in range(4)]
    soup = greedy_soup(states, loss_in(network(0)))
    assert len(soup.members) == 1
    assert not soup.connected
    assert min(soup.barriers.values()) > 0.1


def test_statistics_of_an_average_are_worked_out_anew() -> None:
    states = [trained(network(seed, normed=True), seed, 10).state_dict() for seed in range(2)]
    model = network(0, normed=True)
    as_averaged, settled = (loss_in(model, settle)(average(states)) for settle in (False, True))
    assert settled < as_averaged
    layer = model[1]
    with torch.no_grad():
        hidden = model[0](INPUTS[TRAIN])
    assert torch.allclose(layer.running_mean, hidden.mean(dim=0), atol=1e-5)
    assert torch.allclose(layer.running_var, hidden.var(dim=0), rtol=1e-4, atol=1e-5)
    assert layer.momentum == 0.1
    model.train()
    assert layer.training, "training mode reaches the layer again"


def test_has_batch_norm() -> None:
    assert has_batch_norm(network(0, normed=True))
    assert not has_batch_norm(network(0))
    assert not has_batch_norm(nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)))


def test_greedy_members_follow_the_algorithm() -> None:
    """Order by loss alone; each stays that does not make the average worse."""
    losses = {(0,): 3.0, (1,): 1.0, (2,): 2.0, (1, 2): 1.5, (1, 0): 3.5}
    asked = []

    def loss_of(members: tuple[int, ...]) -> float:
        asked.append(members)
        return losses[members]

    soup = greedy_members(3, loss_of)
    assert (soup.members, soup.loss, soup.losses) == ((1,), 1.0, (3.0, 1.0, 2.0))
    assert soup.barriers == {2: -0.5, 0: 0.5}
    assert soup.connected
    losses[(1, 2)], losses[(1, 2, 0)] = 1.0, 0.5
    assert greedy_members(3, loss_of).members == (1, 2, 0)


def test_the_mean_keeps_types_and_counters() -> None:
    one = {"w": torch.tensor([1.0, 3.0], dtype=torch.float16), "n": torch.tensor(4)}
    two = {"w": torch.tensor([2.0, 5.0], dtype=torch.float16), "n": torch.tensor(9)}
    mean = average([one, two])
    assert mean["w"].tolist() == [1.5, 4.0] and mean["w"].dtype == torch.float16
    assert int(mean["n"]) == 4


def test_states_of_different_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="state 1 is of another architecture"):
        greedy_soup([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}], lambda state: 0.0)
    with pytest.raises(ValueError, match="needs a state"):
        greedy_soup([], lambda state: 0.0)
