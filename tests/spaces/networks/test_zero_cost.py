"""Scores of untrained networks: closed forms, sense of direction, and that nothing is left behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from assay.spaces.networks.draws import own_draws
from assay.spaces.networks.probe import EXAMPLES, noise
from assay.spaces.networks.zero_cost import PROXIES

every_proxy = pytest.mark.parametrize("word", sorted(PROXIES))


pytestmark = pytest.mark.usefixtures("one_thread")


def convolutions(width: int = 4, depth: int = 2) -> nn.Module:
    layers: list[nn.Module] = []
    for layer in range(depth):
        layers += [nn.Conv2d(width if layer else 3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    with own_draws(0):
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(width, 5))


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with own_draws(1):
        return build()


def dense(*widths: int, activation: type[nn.Module] = nn.Identity) -> nn.Sequential:
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b, bias=False), activation())]
    return nn.Sequential(*layers[:-1])


@every_proxy
def test_they_leave_the_network_and_the_generators_as_they_were(word: str) -> None:
    network = convolutions()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    inputs, targets = noise((3, 8, 8))
    first = PROXIES[word](network, inputs, targets)
    assert PROXIES[word](network, inputs, targets) == first
    assert math.isfinite(first)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network[0].weight.requires_grad
    assert not network[0]._forward_hooks
    assert not inputs.requires_grad


@every_proxy
def test_a_network_without_weights_has_a_score_or_none(word: str) -> None:
    value = PROXIES[word](nn.Flatten(), *noise((3, 2, 2)))
    assert value in (0.0, -math.inf)


@every_proxy
@pytest.mark.parametrize("activation", [nn.SiLU, nn.Hardsigmoid, nn.Tanh])
def test_one_output_and_any_activation_will_do(word: str, activation: type[nn.Module]) -> None:
    network = seeded(lambda: nn.Sequential(dense(4, 6, activation=activation), activation(), nn.Linear(6, 1)))
    value = PROXIES[word](network, *noise((4,)))
    assert math.isfinite(value) or word in ("naswot", "jacob_cov")


def test_synflow_of_a_chain_is_the_product_of_its_absolute_weights_for_each_layer() -> None:
    network = seeded(lambda: dense(3, 4, 5, 2, activation=nn.ReLU))
    flow = torch.ones(1, 3, dtype=torch.float64)
    for layer in network:
        if isinstance(layer, nn.Linear):
            flow = flow @ layer.weight.detach().double().abs().T
    assert PROXIES["synflow"](network, *noise((3,))) == pytest.approx(3 * float(flow.sum()))


def test_synflow_sees_no_norms() -> None:
    first, second = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)
    plain = nn.Sequential(first, second)
    normed = nn.Sequential(first, nn.BatchNorm1d(4), second, nn.LayerNorm(2))
    assert PROXIES["synflow"](normed, *noise((3,))) == PROXIES["synflow"](plain, *noise((3,)))


def test_naswot_is_the_log_determinant_of_what_codes_have_in_common() -> None:
    network = seeded(lambda: dense(4, 40, 3, activation=nn.ReLU))
    inputs, targets = noise((4,))
    on = (inputs @ network[0].weight.detach().T > 0).numpy()
    kernel = 40 - (on[:, None, :] != on[None, :, :]).sum(axis=2)  # N_A - Hamming distance
    assert PROXIES["naswot"](network, inputs, targets) == pytest.approx(np.linalg.slogdet(kernel)[1])


def test_naswot_sees_activations_that_are_functions() -> None:
    class Functional(nn.Module):
        def __init__(self, network: nn.Sequential) -> None:
            super().__init__()
            self.first, self.last = network[0], network[2]

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.nn.functional.relu(self.first(x)))

    network = seeded(lambda: dense(4, 40, 3, activation=nn.ReLU))
    batch = noise((4,))
    assert PROXIES["naswot"](Functional(network), *batch) == PROXIES["naswot"](network, *batch)


def test_jacob_cov_of_uncorrelated_jacobians() -> None:
    """Each example switches on another unit, so their Jacobians have nothing in common: all eigenvalues are near 1."""
    network = dense(EXAMPLES, EXAMPLES, 1, activation=nn.ReLU)
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(EXAMPLES))
        network[2].weight.fill_(1)
    inputs = 2 * torch.eye(EXAMPLES) - 1
    jacobians = torch.eye(EXAMPLES, dtype=torch.float64)
    values = torch.linalg.eigvalsh(torch.corrcoef(jacobians)) + 1e-5
    expected = -float((values.log() + 1 / values).sum())
    assert PROXIES["jacob_cov"](network, inputs, torch.zeros(EXAMPLES).long()) == pytest.approx(expected)


def test_gradient_scores_of_a_linear_map() -> None:
    network = seeded(lambda: dense(3, 4))
    inputs, targets = noise((3,))
    weight = network[0].weight.detach().double()
    probabilities = torch.softmax(inputs.double() @ weight.T, dim=1)
    errors = (probabilities - torch.nn.functional.one_hot(targets % 4, 4)) / EXAMPLES  # dL/dz, shape (n, 4)
    gradient = errors.T @ inputs.double()
    z = inputs.double() @ weight.T
    # the Hessian of the cross-entropy along the gradient: X^T (diag(p) - p p^T) X g / n
    along = inputs.double() @ gradient.T
    curved = probabilities * (along - (probabilities * along).sum(1, keepdim=True)) / EXAMPLES
    product = curved.T @ inputs.double()
    expected = {
        "grad_norm": float(gradient.norm()),
        "snip": float((gradient * weight).abs().sum()),
        "grasp": -float((product * weight).sum()),
        "fisher": float((z * errors).square().mean(0).sum() / 2),
    }
    found = {word: PROXIES[word](network, inputs, targets) for word in expected}
    assert found == pytest.approx(expected, rel=1e-4)


def test_zico_is_large_where_batches_agree() -> None:
    network = seeded(lambda: dense(3, 8, 4, activation=nn.ReLU))
    inputs, targets = noise((3,))
    half = len(inputs) // 2
    nearly = inputs.clone()
    nearly[half:] = inputs[:half] + 1e-3 * inputs[half:]
    alike = targets.clone()
    alike[half:] = targets[:half]
    assert PROXIES["zico"](network, nearly, alike) > PROXIES["zico"](network, inputs, targets) + 2


def test_zico_of_a_linear_map() -> None:
    """Of two gradients g and h the mean of their sizes by their deviation is (|g| + |h|) / |g - h|."""
    network = seeded(lambda: dense(3, 4))
    inputs, targets = noise((3,))
    layer = network[0]
    assert isinstance(layer, nn.Linear)
    targets = targets % 4
    half = len(inputs) // 2
    errors = (inputs @ layer.weight.detach().T).softmax(1) - nn.functional.one_hot(targets, 4)
    one, other = (errors[at].T @ inputs[at] / half for at in (slice(half), slice(half, None)))
    ratio = (one.abs() + other.abs()) / (one - other).abs()
    assert PROXIES["zico"](network, inputs, targets) == pytest.approx(math.log(float(ratio.sum())), rel=1e-4)


@pytest.mark.parametrize("word", ["params", "flops", "synflow", "naswot", "zico"])
def test_larger_networks_score_higher(word: str) -> None:
    family = [(width, depth) for width in (2, 4, 8) for depth in (1, 2, 4)]
    networks = [convolutions(*one) for one in family]
    capacity = [sum(p.numel() for p in network.parameters()) for network in networks]
    scores = [PROXIES[word](network, *noise((3, 8, 8))) for network in networks]
    assert spearmanr(capacity, scores).statistic > 0.6


def test_a_network_over_words_has_all_scores_but_that_of_its_jacobian() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.hidden, self.out = nn.Embedding(9, 4), nn.Linear(4, 64), nn.Linear(64, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.relu(self.hidden(self.embed(x.long()).mean(1))))

    network, batch = seeded(Words), noise((6,), vocabulary=9)
    scores = {word: PROXIES[word](network, *batch) for word in PROXIES}
    assert [word for word, value in scores.items() if not math.isfinite(value)] == ["jacob_cov"]


def test_noise_is_the_same_for_everybody() -> None:
    inputs, targets = noise((3, 4))
    assert inputs.shape == (EXAMPLES, 3, 4)
    assert torch.equal(inputs, noise((3, 4))[0])
    assert torch.equal(targets, noise((3, 4))[1])
    words, _ = noise((6,), vocabulary=9)
    assert words.dtype == torch.float32
    assert set(words.unique().tolist()) <= set(range(9))
