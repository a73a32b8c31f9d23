"""The graph of a network: all its steps, who takes whose result, shapes and parameters."""

import threading

import pytest
import torch
from torch import nn

from assay.spaces import UsageError
from assay.spaces.networks.recorded import TraceError
from assay.spaces.networks.recording import record
from assay.spaces.networks.traced import NetworkGraph, trace

from .sample_networks import HUB, SAMPLES, ByValue, Recurrent, Residual, hub_network, staged_network

pytestmark = pytest.mark.usefixtures("one_thread")


def node(graph: NetworkGraph, name: str) -> tuple[str, str, tuple[int, ...] | None, int]:
    found = next(one for one in graph.nodes if one.name == name)
    return found.kind, found.label, found.shape, found.parameters


def counted(graph: NetworkGraph) -> int:
    return sum(one.parameters for one in graph.nodes)


def test_steps_edges_shapes_and_parameters() -> None:
    graph = trace(Residual(), (3, 8, 8))
    assert node(graph, "stem.0") == ("convolution", "Conv2d 3x3, 3->8", (8, 8, 8), 224)
    assert node(graph, "branch") == ("convolution", "Conv2d 3x3, 8->8 depthwise", (8, 8, 8), 80)
    assert node(graph, "mul:1") == ("merge", "mul", (8, 8, 8), 8)
    assert node(graph, "cat:1") == ("merge", "cat", (12, 8, 8), 0)
    assert node(graph, "output") == ("output", "output", (10,), 0)
    assert {("stem.2", "branch"), ("stem.2", "add:1"), ("mul:1", "add:1"), ("head", "output")} <= set(graph.edges)
    assert counted(graph) == sum(one.numel() for one in Residual().parameters())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_one_connected_graph(name: str) -> None:
    make, shape = SAMPLES[name]
    model = make()
    graph = trace(model, shape)
    assert counted(graph) == sum(one.numel() for one in model.parameters())
    names = [one.name for one in graph.nodes]
    assert len(set(names)) == len(names)
    place = {name: at for at, name in enumerate(names)}
    assert all(place[first] < place[last] for first, last in graph.edges)
    assert {last for _, last in graph.edges} >= {one.name for one in graph.nodes if one.kind == "output"}


@pytest.mark.parametrize("word", HUB)
def test_networks_of_the_hub(word: str) -> None:
    model, shape = hub_network(word)
    graph = trace(model, shape)
    assert graph.nodes[-1].shape == (10,)
    unused = counted(graph) < sum(one.numel() for one in model.parameters())
    assert not unused or word == "nasbench101"  # whose cells keep projections that they do not use


@pytest.mark.parametrize("family", ["cnn", "mlp", "sequence"])
def test_networks_of_stages(family: str) -> None:
    model, shape = staged_network(family)
    graph = trace(model, shape)
    assert graph.nodes[-1].shape == (5,)
    assert counted(graph) == sum(one.numel() for one in model.parameters())


class Skips(nn.Module):
    """An identity beside a chain of layers, one of which writes into what it takes, and one of which does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.skip, self.chain = nn.Identity(), nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.skip(x) + self.chain(x)


def test_what_does_nothing_stands_where_it_is_called() -> None:
    chain = [("input", "chain.0"), ("chain.0", "chain.1"), ("chain.1", "chain.2"), ("chain.2", "add:1")]
    assert {*chain, ("input", "skip"), ("skip", "add:1"), ("add:1", "output")} == set(trace(Skips(), (4,)).edges)


def test_shared_weights_count_once() -> None:
    graph = trace(Recurrent(), (6,))
    assert node(graph, "table")[3] == 88
    assert node(graph, "head")[3] == 11  # its bias


def test_nothing_of_the_network_changes() -> None:
    model = Residual()
    model.stem.eval()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    draws = torch.get_rng_state()
    trace(model, (3, 8, 8))
    record(model, (3, 8, 8), train=True)
    assert (model.training, model.stem.training, model.stem[1].training) == (True, False, False)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert not any(one.is_meta for one in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.equal(draws, torch.get_rng_state())


def test_a_network_without_weights_has_the_same_graph() -> None:
    with torch.device("meta"):
        empty = Residual()
    assert trace(empty, (3, 8, 8)) == trace(Residual(), (3, 8, 8))


def test_other_threads_may_run_networks_meanwhile() -> None:
    other, seen = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), []
    model = nn.Sequential(nn.Linear(4, 4), _Waits())

    def train() -> None:
        model[1].started.wait()
        seen.append(other(torch.ones(1, 4)).shape)
        model[1].go_on.set()

    thread = threading.Thread(target=train)
    thread.start()
    graph = trace(model, (4,))
    thread.join()
    assert seen == [(1, 4)]
    assert [one.name for one in graph.nodes] == ["input", "0", "output"]


class _Waits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.started, self.go_on = threading.Event(), threading.Event()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.started.set()
        self.go_on.wait(10)
        return x


def test_steps_that_depend_on_values_are_those_of_one_batch() -> None:
    with pytest.raises(TraceError, match="meta tensors"):
        record(ByValue(), (4,))
    assert {one.name for one in trace(ByValue(), (4,)).nodes} >= {"input", "sum:1", "output"}


def test_an_input_that_does_not_fit_is_a_mistake_of_the_user() -> None:
    with pytest.raises(UsageError, match=r"Residual cannot be traced with input \[4, 8, 8\]: RuntimeError: .*channels"):
        trace(Residual(), (4, 8, 8))


def test_a_tensor_that_is_not_registered_is_named() -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.half = torch.tensor(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.half

    with pytest.raises(TraceError, match="neither parameter nor buffer: register it"):
        trace(Loose(), (4,))


@pytest.mark.parametrize(
    ("layer", "shape", "label"),
    [
        (nn.Conv1d(4, 8, 3, stride=2, dilation=2), (4, 16), "Conv1d 3, 4->8 /2 dilation 2"),
        (nn.MaxPool2d(2), (3, 8, 8), "MaxPool2d 2x2 /2"),
        (nn.AdaptiveAvgPool2d((1, 1)), (3, 8, 8), "AdaptiveAvgPool2d to 1x1"),
        (nn.Dropout(0.25), (3,), "Dropout 0.25"),
        (nn.LayerNorm(3), (3,), "LayerNorm"),
        (nn.LSTM(4, 8), (5, 4), "LSTM 4->8"),
        (nn.TransformerEncoderLayer(8, 2, 16), (5, 8), "TransformerEncoderLayer 8, 2 heads"),
        (nn.Embedding(9, 4), (5,), "Embedding 9->4"),
    ],
)
def test_labels(layer: nn.Module, shape: tuple[int, ...], label: str) -> None:
    assert trace(nn.Sequential(layer), shape).nodes[1].label == label


class Wasteful(nn.Module):
    """Parts that are never called, or whose results nobody takes; and a change of a part of a tensor that is used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.never = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.parts = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4, bias=False)])
        self.gain = nn.Parameter(torch.ones(3))
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.parts[1](self.first(x))
        torch.relu(self.parts[0](x)) + 1
        x[:, :2].mul_(2)
        return self.head(x)


def test_only_what_reaches_the_output_is_there_and_the_rest_is_named() -> None:
    graph = trace(Wasteful(), (4,))
    assert [node.name for node in graph.nodes] == ["input", "first", "parts.1", "getitem:1", "mul:1", "head", "output"]
    assert graph.unused == ("gain", "never", "parts.0")
    assert graph.unused_parameters == 3 + 20 + 20
    assert sum(node.parameters for node in graph.nodes) == 20 + 16 + 10
    assert trace(ByValue(), (4,)).unused == ()


def test_a_frozen_part_is_unused_as_others_are() -> None:
    model = Wasteful()
    model.never.requires_grad_(False)
    assert trace(model, (4,)).unused == ("gain", "never", "parts.0")
