"""Draws that leave the global generator of torch alone."""

from __future__ import annotations

import threading

import torch
from torch import nn

from assay.spaces.networks.draws import own_draws


def draw() -> torch.Tensor:
    """Numbers from everything that networks draw from."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Embedding(4, 3), nn.LSTM(4, 4))
    drawn = [
        *(parameter.detach() for parameter in network.parameters()),
        nn.init.trunc_normal_(torch.empty(4)),
        nn.init.orthogonal_(torch.empty(4, 4)),
        torch.rand(3),
        torch.randn(3),
        torch.randint(50, (4,)),
        torch.randperm(9),
        torch.rand_like(torch.ones(3)),
        torch.bernoulli(torch.full((9,), 0.5)),
        torch.normal(0.0, 1.0, (3,)),
    ]
    return torch.cat([one.reshape(-1).double() for one in drawn])


def test_they_are_those_of_a_seeded_global_generator_which_is_left_alone() -> None:
    state = torch.get_rng_state()
    with own_draws(3):
        first = draw()
    with own_draws(4):
        other = draw()
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, other)
    torch.manual_seed(3)
    assert torch.equal(first, draw())


def test_other_threads_draw_as_before() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    found: list[torch.Tensor] = []
    with own_draws(0):
        torch.rand(2)
        thread = threading.Thread(target=lambda: found.append(torch.rand(4)))
        thread.start()
        thread.join()
    assert torch.equal(found[0], expected)


def test_a_draw_keeps_the_generator_that_it_names() -> None:
    with own_draws(3):
        expected = draw()
    with own_draws(4):
        torch.rand(5)
        with own_draws(3):
            assert torch.equal(draw(), expected)
        named = torch.rand(4, generator=torch.Generator().manual_seed(9))
    assert torch.equal(named, torch.rand(4, generator=torch.Generator().manual_seed(9)))
