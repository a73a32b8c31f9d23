"""PyTorch's objects for presets: each member builds and trains, and schedules have the shapes of PyTorch's own."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from assay.spaces import Space, TrainableError
from assay.spaces.preset_tables import OPTIMIZERS, SCHEDULES
from assay.spaces.presets import chosen, preset
from assay.trainables.presets import (
    build_loss,
    build_optimizer,
    build_schedule,
    clip_gradients,
    load_optimizer,
    penalty,
)
from assay.trainables.schedules import schedule_factor

STEPS = 60


def model() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def step(network: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    """The loss before a step on one fixed batch."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(16, 3, generator=generator)
    loss = (network(inputs) - inputs[:, :2]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def rates(settings: dict[str, Any], steps: int = STEPS, lr: float = 0.5) -> list[float]:
    """Learning rates of a run."""
    network = model()
    optimizer = build_optimizer({"name": "sgd", "lr": lr}, network.parameters())
    schedule = build_schedule(settings, optimizer, steps)
    return [(optimizer.param_groups[0]["lr"], step(network, optimizer), schedule.step())[0] for _ in range(steps)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_the_settings_of_its_config_and_trains(name: str) -> None:
    space = Space({"optimizer": preset(name)})
    for config in [space.default(), *space.sample_many(np.random.default_rng(0), 5)]:
        network = model()
        optimizer = build_optimizer(config.nested()["optimizer"], network.parameters())
        group = dict(optimizer.param_groups[0])
        flat = chosen(config.nested()["optimizer"])
        if "beta1" in flat:
            assert group["betas"] == (flat.pop("beta1"), 0.999)
        assert group.items() >= {key: value for key, value in flat.items() if key != "name"}.items()
        losses = [step(network, optimizer) for _ in range(3)]
        assert all(map(math.isfinite, losses))
        assert losses[2] < losses[0] or config != space.default(), "the default config learns"


def test_momentum_and_nesterov_are_those_of_pytorch() -> None:
    built = [build_optimizer({"name": name}, model().parameters()) for name in ("momentum", "nesterov", "sgd")]
    facts = [(one.defaults["momentum"], one.defaults["nesterov"]) for one in built]
    assert facts == [(0.9, False), (0.9, True), (0.0, False)]


def test_settings_in_one_level_will_do() -> None:
    optimizer = build_optimizer({"name": "momentum", "lr": 0.2, "momentum": 0.7}, model().parameters())
    assert optimizer.defaults.items() >= {"lr": 0.2, "momentum": 0.7}.items()


def test_further_settings_are_arguments_and_arguments_go_first() -> None:
    settings = {"name": "adamw", "adamw": {"beta2": 0.99, "weight_decay": 0.1}, "eps": 1e-6}
    optimizer = build_optimizer(settings, model().parameters(), weight_decay=0.3)
    assert optimizer.defaults.items() >= {"betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.3, "lr": 1e-3}.items()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "adamm"}, "optimizer: name must be .*, got 'adamm' \\(did you mean 'adam'\\?\\)"),
        ({"lr": 0.1}, "optimizer: name must be .*, got None: give config\\['optimizer'\\]"),
        ({"name": "sgd", "lrr": 0.1}, "optimizer: sgd has no 'lrr' \\(did you mean 'lr'\\?\\): it takes "),
        ({"name": "sgd", "beta1": 0.1}, "optimizer: sgd has no 'beta1'"),
    ],
)
def test_optimizers_that_are_none(settings: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        build_optimizer(settings, model().parameters())


def peaked(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=STEPS, pct_start=0.25, cycle_momentum=False)


TEXTBOOK: dict[str, tuple[dict[str, Any], Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]]] = {
    "constant": ({}, lambda optimizer: lr_scheduler.ConstantLR(optimizer, 1.0)),
    "step": ({"drops": 3, "gamma": 0.2}, lambda optimizer: lr_scheduler.StepLR(optimizer, STEPS // 4, 0.2)),
    "exponential": ({"final": 0.01}, lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.01 ** (1 / STEPS))),
    "cosine": ({"final": 0.1}, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.05)),
    "warm_restarts": (
        {"cycles": 4, "growth": 2, "final": 0.1},
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, STEPS // 15, 2, eta_min=0.05),
    ),
    "one_cycle": ({"pct_start": 0.25}, peaked),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_is_that_of_pytorchs_own_schedule(name: str) -> None:
    settings, textbook = TEXTBOOK[name]
    network = model()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    schedule = textbook(optimizer)
    expected = [(optimizer.param_groups[0]["lr"], step(network, optimizer), schedule.step())[0] for _ in range(STEPS)]
    assert rates({"name": name, name: settings}) == pytest.approx(expected, rel=1e-9)


def test_warm_up_rises_in_a_line_to_where_the_schedule_begins() -> None:
    found = rates({"name": "cosine", "warmup": 0.25})
    assert found[:15] == pytest.approx([0.5 * (index + 1) / 16 for index in range(15)])
    assert found[15:] == pytest.approx(rates({"name": "cosine"}, steps=45))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_schedule_stays_within_bounds_and_goes_on_at_its_end(name: str, steps: int) -> None:
    rng = np.random.default_rng(0)
    words = [name, "warmup"] if name != "one_cycle" else [name]
    for config in Space({"schedule": preset(*words)}).sample_many(rng, 20):
        settings = config.nested()["schedule"]
        found = [schedule_factor(settings, index, steps) for index in range(steps + 3)]
        assert all(0 < factor <= 1 for factor in found)
        assert set(found[steps - 1 :]) == {found[-1]}


@pytest.mark.parametrize("done", [0, 1, 30, 59])
def test_a_schedule_goes_on_anywhere(done: int) -> None:
    settings = {"name": "warm_restarts", "warmup": 0.1}
    optimizer = build_optimizer({"name": "sgd", "lr": 0.5}, model().parameters())
    build_schedule(settings, optimizer, STEPS, done=done)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rates(settings)[done])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "cosin"}, "schedule: name must be .*, got 'cosin' \\(did you mean 'cosine'\\?\\)"),
        (
            {"name": "step", "gama": 0.1},
            "step has no 'gama' \\(did you mean 'gamma'\\?\\): it takes drops, gamma, warmup",
        ),
        ({"name": "one_cycle", "warmup": 0.1}, "one_cycle has no 'warmup'"),
        ({}, "got None"),
    ],
)
def test_schedules_that_are_none(settings: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        schedule_factor(settings, 0, 10)
    with pytest.raises(TrainableError, match="a run has 1 step or more, got 0"):
        schedule_factor({"name": "step"}, 0, 0)


def test_a_member_of_a_population_keeps_its_own_settings() -> None:
    donor_network, network = model(), model()
    donor = build_optimizer({"name": "nesterov", "lr": 0.1}, donor_network.parameters())
    build_schedule({"name": "cosine"}, donor, 10)
    step(donor_network, donor)
    optimizer = build_optimizer({"name": "nesterov", "lr": 0.3, "momentum": 0.5}, network.parameters())
    load_optimizer(optimizer, copy.deepcopy(donor.state_dict()))
    build_schedule({"name": "cosine"}, optimizer, 10, done=5)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["initial_lr"]) == (pytest.approx(0.15), 0.5, 0.3)
    for mine, theirs in zip(network.parameters(), donor_network.parameters(), strict=True):
        assert torch.equal(optimizer.state[mine]["momentum_buffer"], donor.state[theirs]["momentum_buffer"])


def test_l2_is_weight_decay_and_l1_the_sum_of_absolutes() -> None:
    plain, decayed = model(), model()
    decaying = build_optimizer({"name": "sgd", "lr": 0.1, "weight_decay": 0.3}, decayed.parameters())
    penalized = build_optimizer({"name": "sgd", "lr": 0.1}, plain.parameters())
    (0 * sum(one.sum() for one in decayed.parameters())).backward()
    penalty({"l2": 0.3}, plain.parameters()).backward()
    for optimizer in (decaying, penalized):
        optimizer.step()
    for mine, theirs in zip(plain.parameters(), decayed.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    weights = [torch.tensor([1.0, -2.0]), torch.tensor([[3.0]])]
    assert float(penalty({"l1": 0.5, "l2": 2.0, "dropout": 0.1}, iter(weights))) == pytest.approx(3.0 + 14.0)
    assert float(penalty({}, weights)) == 0.0


def test_clipping_and_label_smoothing() -> None:
    weight = nn.Parameter(torch.zeros(2))
    for settings, expected in ({"clipping": 1.0}, [0.6, 0.8]), ({}, [3.0, 4.0]), ({"clipping": 10.0}, [3.0, 4.0]):
        weight.grad = torch.tensor([3.0, 4.0])
        clip_gradients(settings, [weight])
        assert weight.grad.tolist() == pytest.approx(expected, rel=1e-5)
    assert [build_loss(settings).label_smoothing for settings in ({}, {"label_smoothing": 0.2})] == [0.0, 0.2]


def test_a_run_with_all_of_it() -> None:
    names = {"optimizer": preset(*OPTIMIZERS), "schedule": preset(*SCHEDULES, "warmup")}
    space = Space(names | {"regularization": preset("l1", "l2", "clipping", "label_smoothing")})
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    for config in space.sample_many(np.random.default_rng(0), 12):
        nested, network = config.nested(), model()
        optimizer = build_optimizer(nested["optimizer"], network.parameters())
        schedule = build_schedule(nested["schedule"], optimizer, 4)
        loss = build_loss(nested["regularization"])
        for _ in range(4):
            optimizer.zero_grad()
            (
                loss(network(inputs), torch.arange(8) % 2) + penalty(nested["regularization"], network.parameters())
            ).backward()
            clip_gradients(nested["regularization"], network.parameters())
            optimizer.step()
            schedule.step()
        assert all(torch.isfinite(one).all() for one in network.parameters())
