"""Scores of networks that were never trained, by which many can be told from few that are worth it.

They look at freshly drawn weights and at one batch of noise with random labels, not at the user's data: what they can
say then depends on the network alone, is known on the driver, and is the same for everybody. How well a score agrees
with accuracy after training depends on the space; Abdelfattah et al. find synflow the most reliable, and on some spaces
none is better than the number of parameters.

Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 3.2, has all of them but NASWOT and ZiCo.
In it, saliencies of single parameters are summed over the weights of convolutions and linear maps, which here are all
parameters of two dimensions or more: biases and norms are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from .measures import flop_count, parameter_count
from .probe import Probe, activations, differentiable_twice, hooked, is_norm, modes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Proxy = Callable[["torch.nn.Module", "Tensor", "Tensor"], float]
"""Scores a network on inputs of shape (n, ...) and labels of shape (n,); larger is better, -inf for what has no score.

The network is left as it was.
"""

_TINY = 1e-5


def _proxy(score: Callable[[Probe, Tensor, Tensor], float]) -> Proxy:
    """With the norms alone in training mode: dropout is off, and batches have statistics of their own."""

    @wraps(score)
    def safely(model: torch.nn.Module, inputs: Tensor, targets: Tensor) -> float:
        import torch

        with modes(model, is_norm), torch.enable_grad():
            value = float(score(Probe(model), inputs, targets))
        return value if math.isfinite(value) else -math.inf

    return safely


def _params(model: torch.nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """The number of parameters: what every other score has to beat."""
    return float(parameter_count(model))


def _flops(model: torch.nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Operations for one example."""
    return float(flop_count(model, tuple(inputs.shape[1:])))


@_proxy
def _grad_norm(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Sum over weights of the Euclidean norm of their gradients."""
    return sum(float(gradient.norm()) for _, gradient in probe.gradients(probe.loss(inputs, targets)))


@_proxy
def _snip(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Lee et al., SNIP, ICLR 2019: sum of |dL/dw * w|; Abdelfattah et al., eq. 1."""
    pairs = probe.gradients(probe.loss(inputs, targets))
    return sum(float((gradient * weight).abs().sum()) for weight, gradient in pairs)


@_proxy
def _grasp(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Wang et al., Picking Winning Tickets, ICLR 2020: sum of -(H g) * w with g = dL/dw; Abdelfattah et al., eq. 1.

    Exactly, not as a difference quotient, which ReLU makes another number: where a layer gives zeros, any step leads
    over its kink.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with differentiable_twice(), sdpa_kernel(SDPBackend.MATH):
        first = probe.gradients(probe.loss(inputs, targets), create_graph=True)
        curved = [gradient for _, gradient in first if gradient.requires_grad]
        if not curved:
            return 0.0  # the loss is linear in the weights, or there are none
        # H g = d(g . stop(g)) / dw: Pearlmutter, Fast Exact Multiplication by the Hessian, 1994
        pairs = probe.gradients(torch.stack([(one * one.detach()).sum() for one in curved]).sum())
    return -sum(float((product * weight).sum()) for weight, product in pairs)


@_proxy
def _fisher(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Theis et al., Faster Gaze Prediction with Dense Networks and Fisher Pruning, 2018: per channel of a layer's
    output z, half the mean over examples of (sum over positions of z * dL/dz) squared; Abdelfattah et al., eq. 2,
    sum over channels and layers.
    """
    import torch

    kinds = torch.nn.Linear, torch.nn.modules.conv._ConvNd
    outputs: list[tuple[int, Tensor]] = []  # where the channels are, and z

    def keep(module: torch.nn.Module, given: Any, made: Tensor) -> Tensor:
        outputs.append((-1 if isinstance(module, torch.nn.Linear) else 1, made))
        return made.clone()  # which an activation may overwrite

    with hooked((module for module in probe.model.modules() if isinstance(module, kinds)), keep):
        loss = probe.loss(inputs, targets)
    if not outputs:
        return -math.inf
    gradients = torch.autograd.grad(loss, [made for _, made in outputs], allow_unused=True)
    total = 0.0
    for (at, made), gradient in zip(outputs, gradients, strict=True):
        if gradient is not None:
            product = (made.detach() * gradient).movedim(at, -1)  # [n, ..., C]
            channels = product.flatten(1, -2).sum(1) if product.dim() > 2 else product
            total += float(channels.square().mean(0).sum()) / 2
    return total


@_proxy
def _synflow(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Tanaka et al., Pruning Neural Networks without any Data, NeurIPS 2020, eq. 2: R is the sum of the outputs for an
    input of ones when all parameters are replaced by their absolute values, and the score the sum of dR/dw * w.

    Norms do nothing here, as in Abdelfattah et al.: with them R depends on what the batch has in common. In double
    precision: R is a product over all layers.
    """
    import torch

    def nothing(module: torch.nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        return given[0]

    probe.made_absolute()
    with modes(probe.model, lambda module: False), hooked(filter(is_norm, probe.model.modules()), nothing):
        flow = probe(torch.ones_like(inputs[:1], dtype=torch.float64)).sum()
    return sum(float((gradient * weight).sum()) for weight, gradient in probe.gradients(flow))


@_proxy
def _naswot(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Mellor et al., Neural Architecture Search without Training, ICML 2021, eq. 2: log |det K| where K_ij is the
    number of units that are on, or off, for both examples i and j. A unit is on where the input of its activation is
    positive, which is also said of activations other than ReLU.
    """
    import torch

    kernel = torch.zeros(len(inputs), len(inputs), dtype=torch.float64)

    def see(given: Tensor) -> None:
        on = (given.reshape(len(inputs), -1) > 0).double()
        kernel.add_((on @ on.T + (1 - on) @ (1 - on).T).cpu())

    with activations(see):
        probe(inputs)
    return float(torch.linalg.slogdet(kernel)[1])


@_proxy
def _jacob_cov(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Mellor et al., the first version (arXiv 2006.04647v1, section 3): minus the sum over eigenvalues v of the
    correlation between the examples' input Jacobians of log(v + k) + 1 / (v + k); Abdelfattah et al., section 3.2.3.
    """
    import torch

    given = inputs.clone().requires_grad_()
    # zeros, which correlate with nothing, where the network takes whole numbers
    [jacobian] = torch.autograd.grad(probe(given).sum(), given, materialize_grads=True)
    correlation = torch.corrcoef(jacobian.flatten(1).double())
    if not bool(torch.isfinite(correlation).all()):
        return -math.inf
    values = torch.linalg.eigvalsh(correlation) + _TINY
    return -float((values.log() + 1 / values).sum())


@_proxy
def _zico(probe: Probe, inputs: Tensor, targets: Tensor) -> float:
    """Li et al., ZiCo, ICLR 2023, section 3.3: the sum over layers of the log of the sum over weights of the mean of
    |gradient| by its standard deviation, over batches; here the two halves of the batch.
    """
    import torch

    half = len(inputs) // 2
    parts = [probe.gradients(probe.loss(inputs[at], targets[at])) for at in (slice(half), slice(half, None))]
    total = 0.0
    for (_, first), (_, second) in zip(*parts, strict=True):
        pair = torch.stack([first, second])
        mean, spread = pair.abs().mean(0), pair.std(0, correction=0)
        ratio = float((mean[spread > 0] / spread[spread > 0]).sum())
        total += math.log(ratio) if ratio > 0 else 0.0
    return total


PROXIES: dict[str, Proxy] = {
    "params": _params,
    "flops": _flops,
    "synflow": _synflow,
    "naswot": _naswot,
    "jacob_cov": _jacob_cov,
    "grad_norm": _grad_norm,
    "snip": _snip,
    "grasp": _grasp,
    "fisher": _fisher,
    "zico": _zico,
}
"""Every score by its word; a new one is one function and one line."""
