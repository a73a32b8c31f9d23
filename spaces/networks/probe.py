"""Passes through a network that leave it as it was: its weights, gradients, statistics, modes and hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from .draws import answered_by, own_draws

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EXAMPLES = 16
"""In a batch of noise."""
_LABELS = 2**31
_ACTIVATIONS = frozenset(
    {"relu", "relu6", "hardtanh", "leaky_relu", "rrelu_with_noise", "_prelu_kernel", "elu", "celu", "selu", "gelu"}
    | {"silu", "mish", "hardswish", "softplus", "tanh"}
)
"""In ATen's words."""


def noise(input_shape: tuple[int, ...], vocabulary: int | None = None) -> tuple[Tensor, Tensor]:
    """A batch that no data are needed for: standard normal inputs (n, ...), random whole numbers (n,) as labels.

    Labels are taken modulo the number of outputs, which is the network's own.

    Args:
        vocabulary: inputs are whole numbers below it instead.
    """
    import torch

    drawn = torch.Generator().manual_seed(0)
    shape = (EXAMPLES, *input_shape)
    inputs = torch.randn(shape, generator=drawn)
    if vocabulary is not None:
        inputs = torch.randint(vocabulary, shape, generator=drawn).float()
    return inputs, torch.randint(_LABELS, (EXAMPLES,), generator=drawn)


class Probe:
    """A network with parameters and buffers that are not its own but copies, or share memory and are never written to.

    To copy the model itself takes longer than a pass, where it has many modules.

    Attributes:
        parameters: by name; each wants a gradient.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.parameters = {
            name: one.detach().requires_grad_(one.is_floating_point()) for name, one in model.named_parameters()
        }
        self._buffers = {name: one.detach().clone() for name, one in model.named_buffers()}

    def made_absolute(self) -> None:
        """Parameters become their absolute values, and all is in double precision."""
        self.parameters = {name: one.detach().double().abs().requires_grad_() for name, one in self.parameters.items()}
        self._buffers = {name: one.double() if one.is_floating_point() else one for name, one in self._buffers.items()}

    def __call__(self, inputs: Tensor) -> Tensor:
        """Outputs for a batch; what the network draws is the same in each pass."""
        import torch

        with own_draws(0):
            made: Tensor = torch.func.functional_call(self.model, {**self.parameters, **self._buffers}, (inputs,))
        return made

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy; the squared error from 0 or 1 where there is one output."""
        import torch

        outputs = self(inputs).flatten(1)
        count = outputs.shape[1]
        if count == 1:
            return torch.nn.functional.mse_loss(outputs[:, 0], (targets % 2).to(outputs.dtype))
        return torch.nn.functional.cross_entropy(outputs, targets % count)

    def gradients(self, value: Tensor, *, create_graph: bool = False) -> list[tuple[Tensor, Tensor]]:
        """Weights and the gradients of ``value``, for the parameters of two dimensions or more on which it depends."""
        import torch

        weights = [one for one in self.parameters.values() if one.dim() > 1 and one.requires_grad]
        if not value.requires_grad or not weights:
            return []
        found = torch.autograd.grad(value, weights, create_graph=create_graph, allow_unused=True)
        return [(weight.detach(), one) for weight, one in zip(weights, found, strict=True) if one is not None]


@contextmanager
def modes(model: torch.nn.Module, training: Callable[[torch.nn.Module], bool]) -> Iterator[None]:
    """While entered, each module is in training mode where ``training`` says so."""
    before = {module: module.training for module in model.modules()}
    for module in before:
        module.training = training(module)
    try:
        yield
    finally:
        for module, was in before.items():
            module.training = was


@contextmanager
def hooked(layers: Iterator[torch.nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """While entered, ``hook(module, inputs, output)`` sees what layers answer, and may answer instead."""
    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def is_norm(module: torch.nn.Module) -> bool:
    """Whether a module does nothing but to bring numbers to one scale."""
    from torch import nn

    kinds = nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm
    return isinstance(module, kinds)


def activations(see: Callable[[Tensor], None]) -> AbstractContextManager[Any]:
    """While entered, ``see`` gets the input of every activation, whether a module or a function computes it."""

    def act(operation: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if operation.overloadpacket.__name__.removesuffix("_") in _ACTIVATIONS:
            see(given[0].detach())
        return operation(*given, **options)

    return answered_by(act)


def differentiable_twice() -> AbstractContextManager[Any]:
    """While entered, hard sigmoids, of which torch knows no second derivative, are made of what has one."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Composed(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if getattr(func, "__name__", "") in ("hardsigmoid", "hardsigmoid_"):
                return torch.nn.functional.relu6(args[0] + 3) / 6
            return func(*args, **(kwargs or {}))

    return Composed()
