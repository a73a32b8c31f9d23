"""Draws that leave the global generator of torch alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

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


ONES = torch.ones(9)
KINDS: dict[str, Callable[[], torch.Tensor]] = {  # by where the operation takes a generator, if it does
    "among the first arguments": lambda: functional.rrelu(-ONES, training=True),
    "among them, in place": lambda: functional.rrelu(-ONES, training=True, inplace=True),
    "as the last of them": lambda: torch.poisson(5 * ONES),
    "nowhere": lambda: torch.native_dropout(ONES, 0.5, True)[0],
    "nowhere, all dropped": lambda: torch.native_dropout(ONES, 1.0, True)[0],
    "nowhere, nothing dropped": lambda: torch.native_dropout(ONES, 0.5, False)[0],
    "in another form, with bounds": lambda: torch.randint(3, 90, (9,)),
    "in another form, with a result": lambda: torch.rand(9, out=torch.empty(9)),
    "in another form, like another": lambda: torch.randint_like(ONES, 2, 90),
}


@pytest.mark.parametrize("kind", KINDS)
def test_operations_take_a_generator_in_many_ways(kind: str) -> None:
    state = torch.get_rng_state()
    with own_draws(3):
        found = KINDS[kind]()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(3)
    assert torch.equal(found, KINDS[kind]())
    torch.set_rng_state(state)


def test_a_generator_named_by_its_place_is_kept() -> None:
    with own_draws(4):
        named = torch.poisson(5 * ONES, torch.Generator().manual_seed(9))
    assert torch.equal(named, torch.poisson(5 * ONES, torch.Generator().manual_seed(9)))


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
