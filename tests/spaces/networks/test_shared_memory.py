"""Changes in place are steps where what they change is read, through whatever view of it; others are not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.spaces.networks.traced import trace

pytestmark = pytest.mark.usefixtures("one_thread")


class Shared(nn.Module):
    """A forward pass of one's own with a linear layer, an activation in place, and two numbers for each feature."""

    def __init__(self, forward: Callable[["Shared", Tensor], object]) -> None:
        super().__init__()
        self.lin, self.act = nn.Linear(4, 4), nn.ReLU(inplace=True)
        self.gain, self.shift = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))
        self._forward = forward

    def forward(self, x: Tensor) -> object:
        return self._forward(self, x)


def _view(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h.view(-1, 2, 2)
    h *= net.gain
    return v.sum(1)


def _slice(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h[:, :2]
    h.mul_(net.gain)
    return v


def _reshape(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h.reshape(-1, 2, 2)
    h += net.gain
    return v


def _data(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    h.data.mul_(net.gain)
    return h


def _other_data(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    h.data = h * net.gain
    return h + 1


def _item(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h[:, :2]
    h[:, 0] = net.gain[0]
    return v


def _out(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h[:, :2]
    torch.mul(h, net.gain, out=h)
    return v


def _several(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    v = h.t()
    torch._foreach_mul_([h], [net.gain])
    return v


def _function(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    functional.relu(h[:, :2], inplace=True)
    return h


def _layer(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    net.act(h[:, :2])
    return h


def _twice(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    h[:, :2].mul_(net.gain[:2])
    h[:, 2:].add_(net.shift[:2])
    return h + 1


def _weight(net: Shared, x: Tensor) -> object:
    net.lin.weight.data.mul_(net.gain)
    return net.lin(x)


def _tied(net: Shared, x: Tensor) -> object:
    net.lin.weight[0].mul_(net.gain)
    return functional.linear(x, net.lin.weight)


@pytest.mark.parametrize(
    ("forward", "steps", "edge"),
    [
        (_view, "lin view:1 mul:1 sum:1", ("mul:1", "sum:1")),
        (_slice, "lin getitem:1 mul:1", ("mul:1", "output")),
        (_reshape, "lin reshape:1 add:1", ("add:1", "output")),
        (_data, "lin data:1 mul:1", ("mul:1", "output")),
        (_other_data, "lin mul:1 data:1 add:1", ("data:1", "add:1")),
        (_item, "lin getitem:1 getitem:2 setitem:1", ("setitem:1", "output")),
        (_out, "lin getitem:1 mul:1", ("mul:1", "output")),
        (_several, "lin t:1 _foreach_mul:1", ("_foreach_mul:1", "output")),
        (_function, "lin getitem:1 relu:1", ("relu:1", "output")),
        (_layer, "lin getitem:1 act", ("act", "output")),
        (_twice, "lin getitem:1 getitem:2 mul:1 getitem:3 getitem:4 add:1 add:2", ("add:1", "add:2")),
        (_weight, "data:1 mul:1 lin", ("mul:1", "lin")),
        (_tied, "getitem:1 mul:1 linear:1", ("mul:1", "linear:1")),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_changes_memory_that_is_read_elsewhere_is_a_step(
    forward: Callable[[Shared, Tensor], object], steps: str, edge: tuple[str, str]
) -> None:
    """And what it takes is used."""
    graph = trace(Shared(forward), (4,))
    assert [one.name for one in graph.nodes] == ["input", *steps.split(), "output"]
    assert edge in graph.edges
    assert "lin" not in graph.unused
    assert ("gain" in graph.unused) == (forward in (_function, _layer))


def _dead(net: Shared, x: Tensor) -> object:
    h, other = net.lin(x), x + 1
    other[:, :2].mul_(net.gain[:2])
    v = h[:, :2].clone()
    v[:, 0] = net.shift[0]
    net.act(v)
    return h


def _late(net: Shared, x: Tensor) -> object:
    h = net.lin(x)
    found = h[:, :2] * 2
    h.mul_(net.gain)
    net.act(h)
    return found


@pytest.mark.parametrize(("forward", "steps"), [(_dead, "lin"), (_late, "lin getitem:1 mul:1")])
def test_a_change_that_nobody_reads_stays_out(forward: Callable[[Shared, Tensor], object], steps: str) -> None:
    graph = trace(Shared(forward), (4,))
    assert [one.name for one in graph.nodes] == ["input", *steps.split(), "output"]
    assert "gain" in graph.unused


def test_tensors_without_memory_of_their_own_are_steps_as_others() -> None:
    def sparse(net: Shared, x: Tensor) -> object:
        return torch.sparse.mm(net.lin(x).to_sparse(), net.lin.weight)

    with pytest.raises(NotImplementedError):
        torch.eye(2).to_sparse().untyped_storage()
    names = [one.name for one in trace(Shared(sparse), (4,)).nodes]
    assert names == ["input", "lin", "to_sparse:1", "_sparse_mm:1", "output"]


def test_tensors_that_count_no_changes_are_steps_as_others() -> None:
    def apart(net: Shared, x: Tensor) -> object:
        with torch.inference_mode():
            mask = torch.zeros_like(x) + 1
        return net.lin(x) * mask

    names = [one.name for one in trace(Shared(apart), (4,)).nodes]
    assert names == ["input", "zeros_like:1", "add:1", "lin", "mul:1", "output"]
